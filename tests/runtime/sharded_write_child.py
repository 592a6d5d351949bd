"""Measures how far the memory of this process rises while it writes a sharded array, for `test_memory.py`.

    python sharded_write_child.py FOLDER MIB SHARD_MIB CODEC

Writes an array of that size twice, in shards of 32 inner chunks; prints the rise in MiB of the second time,
above what the process had before the first: the first loads the kernels, which are counted.
"""

from __future__ import annotations

import sys

import numpy as np

import tegula


def status(name: str) -> float:
    """Return a line of this process's status, in MiB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main(folder: str, mib: int, shard_mib: int, codec: str) -> float:
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    codecs = [little] if codec == "raw" else [little, {"name": codec, "configuration": {"level": 1}}]
    inner = {"chunk_shape": [shard_mib * 16, 1024], "codecs": codecs}
    shape = [mib * 512, 1024]
    spec = {
        "driver": "zarr3",
        "kvstore": f"file://{folder}/a/",
        "context": {"file_io_sync": False},
        "metadata": {
            "shape": shape,
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [shard_mib * 512, 1024]}},
            "codecs": [{"name": "sharding_indexed", "configuration": inner}],
        },
    }
    import numba  # noqa: F401 - what is loaded on the way is not what is measured

    store = tegula.open(spec, create=True).result()
    data = np.broadcast_to(np.random.default_rng(0).integers(0, 60000, 1024).astype("uint16"), shape)
    before = status("VmRSS")
    store.write(data).result()
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    store.write(data).result()
    return status("VmHWM") - before


if __name__ == "__main__":
    folder, mib, shard_mib, codec = sys.argv[1:]
    print(main(folder, int(mib), int(shard_mib), codec))
