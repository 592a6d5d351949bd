"""The peers, and the stores and arrays they are compared on.

tegula and tensorstore are given the very same lines: one is a drop-in for the other.  zarr-python is
measured as it is, and with the codec pipeline of zarrs.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

import tegula

SAME_LINES: dict[str, Any] = {"tegula": tegula, "tensorstore": tensorstore}
COMPRESSORS = ("raw", "blosc", "zstd", "gzip")


def scratch_root() -> str | None:
    """Memory where there is some: the disk is not what is measured."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tegula-bench-", dir=scratch_root()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def volume(edge: int) -> np.ndarray:
    """A cube of uint16: smooth structure and noise, which zstd makes about 1.65 times smaller."""
    rng = np.random.default_rng(0)
    x = np.sin(np.linspace(0, 7, edge))
    y = np.cos(np.linspace(0, 5, edge))
    z = np.sin(np.linspace(0, 3, edge))
    smooth = ((x[:, None, None] + y[:, None] + z) * 300 + 1050).astype(np.uint16)
    smooth += rng.integers(0, 96, smooth.shape, np.uint16)
    return smooth


def _zarr2_compressor(name: str) -> dict[str, Any] | None:
    return {
        "raw": None,
        "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
        "zstd": {"id": "zstd", "level": 3},
        "gzip": {"id": "gzip", "level": 6},
    }[name]


def _zarr3_codecs(name: str) -> list[dict[str, Any]]:
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2}
    more: dict[str, list[dict[str, Any]]] = {
        "raw": [],
        "blosc": [{"name": "blosc", "configuration": blosc}],
        "zstd": [{"name": "zstd", "configuration": {"level": 3}}],
        "gzip": [{"name": "gzip", "configuration": {"level": 6}}],
    }
    return [little, *more[name]]


def contents(kind: str, edge: int) -> np.ndarray:
    """What is stored in a `kind`: `volume`; as bytes for jpeg; boxes with labels for a segmentation."""
    codec = kind.split()[1]
    if codec == "jpeg":
        # smooth along x: the codec loses, and peers are compared on what they decode
        return (volume(edge) >> 3).astype(np.uint8)
    if codec == "cseg":
        # boxes of 16 x 12 x 20 voxels, each with its own label, as objects of a segmentation lie
        z, y, x = np.ogrid[:edge, :edge, :edge]
        labels: np.ndarray = (z // 16 * 1_000_003 + y // 12 * 1009 + x // 20 + 7).astype(np.uint64)
        return labels
    return volume(edge)


def _precomputed(codec: str, store: Any, shape: tuple[int, ...], chunk: tuple[int, ...]) -> dict[str, Any]:
    scale: dict[str, Any] = {"size": shape, "chunk_size": chunk, "encoding": codec, "resolution": [1, 1, 1]}
    many = {"data_type": "uint16", "num_channels": 1, "type": "image"}
    if codec == "sharded":
        sharding = {
            "@type": "neuroglancer_uint64_sharded_v1",
            "preshift_bits": 3,
            "minishard_bits": 3,
            "shard_bits": 3,
            "hash": "identity",
            "minishard_index_encoding": "gzip",
            "data_encoding": "gzip",
        }
        scale |= {"encoding": "raw", "sharding": sharding}
    if codec == "jpeg":
        many |= {"data_type": "uint8"}
        scale |= {"jpeg_quality": 75}
    if codec == "cseg":
        many |= {"data_type": "uint64", "type": "segmentation"}
        blocks = {"compressed_segmentation_block_size": [8, 8, 8]}
        scale |= {"encoding": "compressed_segmentation", **blocks}
    return {
        "driver": "neuroglancer_precomputed",
        "kvstore": store,
        "multiscale_metadata": many,
        "scale_metadata": scale,
    }


def spec(kind: str, path: Path, shape: tuple[int, ...], chunk: tuple[int, ...]) -> dict[str, Any]:
    """The spec of an array for `contents`; `kind` is such as "zarr2 zstd", "zarr3 shard", "n5 gzip"."""
    driver, codec = kind.split()
    store = {"driver": "file", "path": f"{path}/"}
    if driver == "zarr2":
        metadata: dict[str, Any] = {
            "shape": shape,
            "chunks": chunk,
            "dtype": "<u2",
            "compressor": _zarr2_compressor(codec),
            "dimension_separator": "/",
        }
        return {"driver": "zarr", "kvstore": store, "metadata": metadata}
    if driver == "n5":
        compression = {
            "raw": {"type": "raw"},
            "gzip": {"type": "gzip", "level": 6},
            "zstd": {"type": "zstd", "level": 3},
            "blosc": {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
        }[codec]
        metadata = {"dimensions": shape, "blockSize": chunk, "dataType": "uint16", "compression": compression}
        return {"driver": "n5", "kvstore": store, "metadata": metadata}
    if driver == "precomputed":
        return _precomputed(codec, store, shape, chunk)
    outer, codecs = chunk, _zarr3_codecs("zstd" if codec == "shard" else codec)
    if codec == "shard":
        outer = tuple(4 * side for side in chunk)
        index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
        inner = tuple(side // 2 for side in chunk)
        sharding = {"chunk_shape": inner, "codecs": codecs, "index_codecs": index, "index_location": "end"}
        codecs = [{"name": "sharding_indexed", "configuration": sharding}]
    metadata = {
        "shape": shape,
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": outer}},
        "codecs": codecs,
    }
    return {"driver": "zarr3", "kvstore": store, "metadata": metadata}


def open_zarr(path: Path, *, zarrs: bool = False, mode: str = "r") -> Any:
    """An array of zarr-python; with `zarrs` its chunks go through zarrs' codec pipeline."""
    import zarr

    pipeline = "zarrs.ZarrsCodecPipeline" if zarrs else "zarr.core.codec_pipeline.BatchedCodecPipeline"
    with zarr.config.set({"codec_pipeline.path": pipeline}):
        return zarr.open_array(str(path), mode=mode)


def attempt(make: Callable[[], Callable[[], Any]]) -> Callable[[], Any]:
    """`make()`, or where that fails a call that raises its error: the table shows it."""
    try:
        return make()
    except Exception as error:  # shown in the table
        problem = error

        def fails() -> Any:
            raise problem

        return fails
