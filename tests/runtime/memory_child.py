"""Measures how far the memory of this process rises above what is read: run by `test_memory.py`.

    python memory_child.py FOLDER WHAT LIMIT MIB CHUNK_KIB CODEC

`WHAT` is read, write, copy, shifted (a copy whose chunks do not match), downsample or cast; `LIMIT` is the
memory limit in MiB, 0 for none; prints the rise in MiB.
"""

from __future__ import annotations

import os
import sys

import numpy as np

import tegula


def status(name: str) -> float:
    """Return a line of this process's status, in MiB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main(folder: str, what: str, limit: float, mib: int, chunk_kib: int, codec: str) -> float:
    context = tegula.Context(
        {"file_io_sync": False, **({"memory_limit": {"limit": int(limit * 2**20)}} if limit else {})}
    )
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
    if codec != "raw":
        codecs.append({"name": codec, "configuration": {"level": 1}})

    def array(name: str, rows: int) -> tegula.TensorStore:
        grid = {"name": "regular", "configuration": {"chunk_shape": [chunk_kib // 2, 1024]}}
        return tegula.open(
            {
                "driver": "zarr3",
                "kvstore": f"file://{folder}/{name}/",
                "metadata": {
                    "shape": [rows, 1024],
                    "data_type": "uint16",
                    "chunk_grid": grid,
                    "codecs": codecs,
                },
            },
            open=True,
            create=True,
            context=context,
        ).result()

    def perform(rows: int) -> float:
        """Do it, and return the size of the result in MiB."""
        source, target = array(f"source{rows}", rows), array(f"target{rows}", rows)
        if what == "read":
            return source.read().result().nbytes / 2**20
        if what == "write":
            data = np.broadcast_to(np.arange(1024, dtype="uint16"), (rows, 1024))
            target.write(data).result()
        elif what == "copy":
            target.write(source).result()
        elif what == "shifted":
            target[1:].write(source[: rows - 1]).result()
        elif what == "cast":
            return tegula.cast(source, "uint8").read().result().nbytes / 2**20
        else:
            return tegula.downsample(source, [2, 2], "mean").read().result().nbytes / 2**20
        return 0.0

    rows = mib * 512
    quarter = max(rows // 4, chunk_kib)
    if not (child := os.fork()):  # another process writes, so that this one begins as it is
        line = np.arange(4096 * 1024, dtype="uint16").reshape(4096, 1024)
        for size in (rows, quarter):
            store = array(f"source{size}", size)
            for row in range(0, size, 4096):
                store[row : row + 4096].write(line[: size - row]).result()
        os._exit(0)
    os.waitpid(child, 0)
    import numba  # noqa: F401 - what is loaded on the way is not what is measured
    import numcodecs.zstd  # noqa: F401

    perform(quarter)
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    before = status("VmRSS")
    result = perform(rows)
    return status("VmHWM") - before - result


if __name__ == "__main__":
    folder, what, limit, mib, chunk_kib, codec = sys.argv[1:]
    print(main(folder, what, float(limit), int(mib), int(chunk_kib), codec))
