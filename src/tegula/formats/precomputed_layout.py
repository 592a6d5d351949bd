"""What one scale of a precomputed volume is: its chunks, its shards, its codec.

What this file knows: what an encoding and a sharding mean for how chunks are stored.  What it must not know:
requests, documents with other scales, stores.

Law: the layout's chunk at a cell is what Neuroglancer finds under that cell's key, or number.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs.chain import CodecChain
from tegula.codecs.gzip import Gzip
from tegula.codecs.image import Jpeg, Png
from tegula.codecs.minishard import Minishards
from tegula.codecs.segmentation import Segmentation
from tegula.errors import FailedPrecondition
from tegula.formats import precomputed_document as doc
from tegula.formats.layout import ArrayLayout, VoxelKeys, clipping
from tegula.formats.precomputed_document import AXES, Constraints, Scale, Sharding
from tegula.formats.precomputed_scales import Members, Metadata, directory
from tegula.kernels.morton import bits_of
from tegula.schema.codecspec import CodecSpec
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema
from tegula.schema.units import Unit

__all__ = [
    "DRIVER",
    "ORDER",
    "codec_json",
    "codec_spec",
    "constraint_codec",
    "layout",
    "precise",
    "shards_shape",
    "units",
    "written",
]

DRIVER = "neuroglancer_precomputed"
ORDER = (3, 2, 1, 0)


def units(resolution: tuple[float, float, float]) -> tuple[Unit | None, ...]:
    """Return the units of the dimensions: nanometres, and none for the channels."""
    return (*[Unit(each, "nm") for each in resolution], None)


def _minishards(scale: Scale, chunk: tuple[int, ...], sharding: Sharding) -> Minishards:
    """Return how the chunks of a scale lie in shards.

    Raises:
        FailedPrecondition: they cannot be numbered.
    """
    grid = tuple([-(-size // step) for size, step in zip(scale.size, chunk, strict=False)])
    if sum(bits_of(grid)) > 64:
        raise FailedPrecondition(
            f'"size" of {binding.dumps(list(scale.size))} with "chunk_size" of '
            f"{binding.dumps(list(chunk[:3]))} is not compatible with sharded format "
            "because the chunk keys would exceed 64 bits"
        )
    return Minishards(
        grid,  # type: ignore[arg-type]
        sharding.preshift_bits,
        sharding.minishard_bits,
        sharding.shard_bits,
        sharding.hash != "identity",
        sharding.minishard_index_encoding == "gzip",
        directory(scale.key),
    )


def shards_shape(size: tuple[int, ...], shape: tuple[int, ...], sharding: Sharding) -> tuple[int, ...]:
    """Return the shape of shards, that of the whole where they are no boxes; the last dimension is whole."""
    rule = _rule(size, shape, sharding)
    box = rule.box or rule.grid
    return (*[count * step for count, step in zip(box, shape, strict=False)], shape[3])


def written(size: tuple[int, ...], shape: tuple[int, ...], sharding: Sharding) -> tuple[int, ...]:
    """Return the shape that a layout must have of shards: zeros, any, where they are no boxes."""
    if _rule(size, shape, sharding).box is None:
        return (0, 0, 0, 0)
    shards = shards_shape(size, shape, sharding)
    return (*map(min, shards, size), shards[3])


def _rule(size: tuple[int, ...], shape: tuple[int, ...], sharding: Sharding) -> Minishards:
    scale = Scale("", size, (0, 0, 0), (), (1, 1, 1), "raw")  # type: ignore[arg-type]
    return _minishards(scale, shape, sharding)


def precise(md: Metadata, asked: bool = False) -> ChunkLayout:
    """Return the finalised chunk layout of a scale; with `asked` what a request must agree with."""
    scale = md.scale
    shape = (*md.chunk, md.info.channels)
    options: dict[str, Any] = {}
    shards: tuple[int, ...] = shape
    if scale.sharding is not None:
        shards = (written if asked else shards_shape)(scale.size, shape, scale.sharding)
    if scale.encoding == "compressed_segmentation":
        options["codec_chunk_shape"] = (*dict(scale.options)["compressed_segmentation_block_size"], 1)
    layout = ChunkLayout(
        grid_origin=(*scale.offset, 0),
        inner_order=ORDER,
        write_chunk_shape=shards,
        read_chunk_shape=shape,
        **options,
    )
    if not asked:
        layout.finalize()
    return layout


def _steps(scale: Scale, shape: tuple[int, ...], itemsize: int) -> tuple[Any, ...]:
    if scale.encoding == "compressed_segmentation":
        block = dict(scale.options)["compressed_segmentation_block_size"]
        return (Segmentation(shape[:3], shape[3], block, itemsize),)  # type: ignore[arg-type]
    options = dict(scale.options)
    if scale.encoding == "jpeg":
        return (Jpeg(shape[:3], shape[3], itemsize, options["jpeg_quality"]),)  # type: ignore[arg-type]
    if scale.encoding == "png":
        return (Png(shape[:3], shape[3], itemsize, options.get("png_level")),)  # type: ignore[arg-type]
    return ()


def layout(md: Metadata, members: Members, schema: Schema | None = None) -> ArrayLayout:  # noqa: ARG001
    """Return what planning works from.

    Raises:
        FailedPrecondition: the chunks of a sharded scale cannot be numbered.
    """
    return _layout(md.scale, md.chunk, md.info.dtype, md.info.channels)


@lru_cache(maxsize=128)
def _layout(scale: Scale, chunk: tuple[int, int, int], dtype: Any, channels: int) -> ArrayLayout:
    native = np.dtype(dtype.numpy_dtype)
    stored = native.newbyteorder("<")

    if prod(chunk) * channels * native.itemsize > 2**63 - 1:
        raise FailedPrecondition(f"Product of chunk dimensions {list(chunk)} is too large")

    def chain_of(shape: tuple[int, ...]) -> CodecChain:
        steps = _steps(scale, shape, native.itemsize)
        if scale.sharding is not None and scale.sharding.data_encoding == "gzip":
            steps = (*steps, Gzip(6))
        return CodecChain(shape, native, stored, ORDER, steps)

    shape = (*scale.size, channels)
    whole = chain_of((*chunk, channels))
    upper = tuple([a + b for a, b in zip(scale.offset, scale.size, strict=True)])
    return ArrayLayout(
        shape,
        dtype,
        whole.chunk_shape,
        VoxelKeys(directory(scale.key), scale.offset, chunk, upper),
        whole,
        bytes(native.itemsize),
        AXES,
        units(scale.resolution),
        origin=(*scale.offset, 0),
        fixed=True,
        clipped=clipping(shape, whole, chain_of),
        minishards=None if scale.sharding is None else _minishards(scale, chunk, scale.sharding),
    )


def constraint_codec(parts: Constraints) -> dict[str, Any]:
    """Return what the members of a spec say of the codec, as JSON."""
    sharding = parts.sharding[0] if parts.sharding else None
    options = tuple(item for item in parts.options if item[0] in ("jpeg_quality", "png_level"))
    return codec_json(parts.encoding, options, sharding and sharding.data_encoding)


def codec_json(
    encoding: str | None, options: tuple[tuple[str, Any], ...], shards: str | None
) -> dict[str, Any]:
    """Return a codec spec as JSON."""
    found: dict[str, Any] = {"driver": DRIVER}
    if encoding is not None:
        found["encoding"] = encoding
    found |= doc.options_json(options)
    if shards is not None:
        found["shard_data_encoding"] = shards
    return found


def codec_spec(md: Metadata) -> CodecSpec:
    """Return the codec spec of a scale."""
    scale = md.scale
    options = tuple(item for item in scale.options if item[0] in ("jpeg_quality", "png_level"))
    return CodecSpec.of(codec_json(scale.encoding, options, scale.sharding and scale.sharding.data_encoding))
