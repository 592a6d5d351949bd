"""A child that writes arrays until it is killed: ``array_writers.py KIND FOLDER SEED [resize]``.

It writes number after number, each to a whole stripe of the array, and says which have been written.  With
`resize` every other number is a change of the array's shape, from large to small and back.
"""

from __future__ import annotations

import sys
from typing import Any

LARGE, SMALL = (20, 18), (13, 11)
STRIPES = ((0, 5), (5, 9), (9, 20))
"""Rows of each stripe; none ends where a chunk does."""

SHARDED = {"write_chunk_shape": [8, 8], "read_chunk_shape": [4, 2]}
PLAIN = {"chunk_shape": [8, 4]}
BITS = {"hash": "identity", "preshift_bits": 2, "minishard_bits": 1, "shard_bits": 4}
KINDS: dict[str, dict[str, Any]] = {
    "zarr2": {"driver": "zarr"},
    "zarr3": {"driver": "zarr3"},
    "zarr3 sharded": {"driver": "zarr3"},
    "n5": {"driver": "n5"},
    "precomputed": {"driver": "neuroglancer_precomputed", "scale_metadata": {"chunk_size": [8, 4, 1]}},
    "precomputed sharded": {
        "driver": "neuroglancer_precomputed",
        "scale_metadata": {
            "chunk_size": [8, 4, 1],
            "sharding": {"@type": "neuroglancer_uint64_sharded_v1", **BITS},
        },
    },
}


def opened(kind: str, folder: str, **options: Any) -> Any:
    """Open or create the array; volumes have two dimensions more, of one voxel."""
    import tegula as ts

    spec = {**KINDS[kind], "kvstore": {"driver": "file", "path": f"{folder}/", "file_io_sync": False}}
    if not options:
        return ts.open({**spec, **({"scale_metadata": {}} if "scale_metadata" in spec else {})}).result()
    if kind.startswith("precomputed"):
        return ts.open(spec, dtype="uint32", shape=[*LARGE, 1, 1], **options).result()
    layout = ts.ChunkLayout(**(SHARDED if kind == "zarr3 sharded" else PLAIN))
    return ts.open(spec, dtype="uint32", shape=LARGE, chunk_layout=layout, **options).result()


def main(kind: str, folder: str, seed: int, resizes: bool) -> None:
    store = opened(kind, folder, create=True, open=True)
    store = store.resolve().result()
    number = seed * 10**6
    while True:
        number += 1
        if resizes and number % 2:
            store = store.resize(exclusive_max=SMALL if number % 4 == 1 else LARGE).result()
        else:
            low, high = STRIPES[number // (2 if resizes else 1) % len(STRIPES)]
            if low < store.shape[0]:
                store[low : min(high, store.shape[0])].write(number).result()
        print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), "resize" in sys.argv)
