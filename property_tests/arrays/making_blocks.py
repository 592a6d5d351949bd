"""What the array laws draw of N5 and of Neuroglancer precomputed volumes.

As in `making.py` a `Made` is a value: the JSON of a new array without its store.  Volumes have an origin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from property_tests.arrays.making import Made
from tests.precomputed.volumes import KINDS

N5_TYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64")
VOLUME_TYPES = {encoding: KINDS[encoding] for encoding in ("raw", "compressed_segmentation", "png")}


@st.composite
def n5_compressions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["raw", "gzip", "zlib", "bzip2", "xz", "zstd", "blosc"]))
    if kind == "zlib":
        return {"type": "gzip", "level": draw(st.integers(1, 6)), "useZlib": True}
    if kind == "gzip":
        return {"type": "gzip", "level": draw(st.sampled_from([-1, 1, 6]))}
    if kind == "bzip2":
        return {"type": "bzip2", "blockSize": draw(st.integers(1, 9))}
    if kind == "xz":
        return {"type": "xz", "preset": draw(st.integers(0, 2))}
    if kind == "zstd":
        return {"type": "zstd", "level": draw(st.integers(-3, 5))}
    if kind == "blosc":
        return {
            "type": "blosc",
            "cname": draw(st.sampled_from(["lz4", "lz4hc", "zstd", "zlib", "blosclz"])),
            "clevel": draw(st.integers(0, 7)),
            "shuffle": draw(st.integers(0, 2)),
        }
    return {"type": "raw"}


@st.composite
def n5_arrays(draw: st.DrawFn) -> Made:
    shape = tuple(draw(st.lists(st.integers(1, 8), min_size=1, max_size=4)))
    chunks = tuple(draw(st.integers(1, 5)) for _ in shape)
    dtype = draw(st.sampled_from(N5_TYPES))
    metadata: dict[str, Any] = {
        "dimensions": list(shape),
        "blockSize": list(chunks),
        "dataType": dtype,
        "compression": draw(n5_compressions()),
    }
    if draw(st.booleans()):
        names = draw(st.permutations(["x", "y", "z", "t", "", ""]))
        metadata["axes"] = list(names[: len(shape)])
    if draw(st.booleans()):
        metadata["units"] = [draw(st.sampled_from(["nm", "um", "s", ""])) for _ in shape]
        metadata["resolution"] = [draw(st.sampled_from([1, 4, 2.5, 1e-3])) for _ in shape]
    if draw(st.booleans()):
        metadata["more"] = {"of": [1, None, "x"]}
    return Made({"driver": "n5", "metadata": metadata}, dtype, shape, chunks, np.zeros((), dtype))


@st.composite
def volumes(draw: st.DrawFn) -> Made:
    encoding = draw(st.sampled_from(sorted(VOLUME_TYPES)))
    size = [draw(st.integers(1, 13)) for _ in range(3)]
    chunk = [draw(st.integers(1, 8)) for _ in range(3)]
    channels = draw(st.integers(1, 4))
    dtype = draw(st.sampled_from(VOLUME_TYPES[encoding]))
    scale: dict[str, Any] = {
        "size": size,
        "voxel_offset": [draw(st.integers(-20, 20)) for _ in range(3)],
        "chunk_size": chunk,
        "resolution": [draw(st.sampled_from([1, 4, 8.5, 30])) for _ in range(3)],
        "encoding": encoding,
    }
    if encoding == "compressed_segmentation":
        scale["compressed_segmentation_block_size"] = [draw(st.integers(1, 9)) for _ in range(3)]
    if encoding == "png" and draw(st.booleans()):
        scale["png_level"] = draw(st.integers(0, 9))
    if draw(st.booleans()):
        scale["key"] = draw(st.sampled_from(["k", "a/b", "s0"]))
    if draw(st.booleans()):
        scale["sharding"] = {
            "@type": "neuroglancer_uint64_sharded_v1",
            "hash": draw(st.sampled_from(["identity", "murmurhash3_x86_128"])),
            "preshift_bits": draw(st.integers(0, 4)),
            "minishard_bits": draw(st.integers(0, 3)),
            "shard_bits": draw(st.integers(0, 7)),
            "minishard_index_encoding": draw(st.sampled_from(["raw", "gzip"])),
            "data_encoding": draw(st.sampled_from(["raw", "gzip"])),
        }
    spec = {
        "driver": "neuroglancer_precomputed",
        "multiscale_metadata": {"data_type": dtype, "num_channels": channels},
        "scale_metadata": scale,
    }
    return Made(spec, dtype, (*size, channels), (*chunk, channels), np.zeros((), dtype))
