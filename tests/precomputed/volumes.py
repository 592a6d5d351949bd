"""Random volumes, written in part by each of two libraries and read by both."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Found = dict[str, Any]
KINDS = {
    "raw": ("uint8", "int8", "int16", "uint16", "int32", "uint32", "uint64", "float32"),
    "compressed_segmentation": ("uint32", "uint64"),
    "png": ("uint8", "uint16"),
    "jpeg": ("uint8",),
}
"""The data types that each encoding takes."""


def spec_of(folder: Path | str, **members: Any) -> Found:
    """Return the spec of a volume in a directory."""
    path = f"{folder}/"
    kvstore = {"driver": "file", "path": path}
    return {"driver": "neuroglancer_precomputed", "kvstore": kvstore, **members}


def random_volume(rng: np.random.Generator, encodings: tuple[str, ...]) -> Found:
    """Return the members of a small random volume."""
    encoding = str(rng.choice(encodings))
    size, chunk = rng.integers(1, 14, 3), rng.integers(1, 9, 3)
    channels = int(rng.integers(1, 4))
    kinds = KINDS[encoding]
    scale: Found = {
        "size": size.tolist(),
        "voxel_offset": rng.integers(-20, 20, 3).tolist(),
        "chunk_size": chunk.tolist(),
        "resolution": rng.choice([1, 4, 8.5, 30], 3).tolist(),
        "encoding": encoding,
    }
    if encoding == "compressed_segmentation":
        scale["compressed_segmentation_block_size"] = rng.integers(1, 10, 3).tolist()
    if rng.random() < 0.5:
        scale["sharding"] = {
            "@type": "neuroglancer_uint64_sharded_v1",
            "hash": str(rng.choice(["identity", "murmurhash3_x86_128"])),
            "preshift_bits": int(rng.integers(0, 5)),
            "minishard_bits": int(rng.integers(0, 4)),
            "shard_bits": int(rng.integers(0, 8)),
            "minishard_index_encoding": str(rng.choice(["raw", "gzip"])),
            "data_encoding": str(rng.choice(["raw", "gzip"])),
        }
    volume = {"data_type": str(rng.choice(kinds)), "num_channels": channels}
    return {"scale_metadata": scale, "multiscale_metadata": volume}


def both_ways(
    rng: np.random.Generator, folder: Path, members: Found, some: ModuleType, other: ModuleType
) -> None:
    """Create by one library; write boxes by turns; whoever opens reads what NumPy says."""
    whole = spec_of(folder, **members)
    plain = spec_of(folder)
    first = some.open(whole, create=True).result()
    second = other.open(plain).result()
    assert str(first.schema) == str(second.schema)
    assert str(first.spec()) == str(second.spec())
    low, shape = np.array(first.domain.inclusive_min), first.shape
    kind = members["multiscale_metadata"]["data_type"]
    held = np.zeros(shape, kind)
    for turn in range(4):
        library = (some, other)[turn % 2]
        store = library.open(plain).result()
        start = [int(rng.integers(0, size)) for size in shape]
        stop = [int(rng.integers(a + 1, size + 1)) for a, size in zip(start, shape, strict=True)]
        if turn == 0:
            start, stop = [0] * 4, list(shape)
        box = tuple(map(slice, start, stop))
        data = rng.integers(0, 7, held[box].shape).astype(kind)
        held[box] = data
        there = tuple(slice(int(a + o), int(b + o)) for a, b, o in zip(start, stop, low, strict=True))
        store[there].write(data).result()
    for library in (some, other):
        store = library.open(plain).result()
        np.testing.assert_array_equal(store.read().result(), held)
        np.testing.assert_array_equal(store[int(low[0])].read().result(), held[0])
        picked = [int(low[1]), int(low[1] + shape[1] - 1)]
        np.testing.assert_array_equal(store[:, picked].read().result(), held[:, [0, -1]])
        at = tuple((low + np.array(shape) - 1).tolist())
        assert store[at].read().result() == held[-1, -1, -1, -1]
