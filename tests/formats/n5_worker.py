"""zarr 2's N5 store, in a Python of its own that has zarr below 3: ``n5_worker.py < jobs``.

Jobs are a JSON list of `read` (save as FILE what is read of FOLDER) and `write` (make an N5 array in FOLDER,
in blocks, with a codec of numcodecs, and write over it what FILE holds, in two parts).
"""

from __future__ import annotations

import json
import sys
import warnings

import numcodecs
import numpy as np
import zarr


def done(job):  # this Python need not know the project's types
    from zarr.n5 import N5Store  # only zarr 2 has it; the tests' own Python collects this file, too

    if job["do"] == "read":
        folder, _, name = job["folder"].rpartition("/")  # an array is found below a group
        array = zarr.open_array(N5Store(folder), path=name, mode="r")
        np.save(job["file"], array[...])
        return
    store = N5Store(job["folder"])
    data = np.load(job["file"])
    codec = None if job["codec"] is None else numcodecs.get_codec(job["codec"])
    array = zarr.create(data.shape, chunks=job["chunks"], dtype=data.dtype, compressor=codec, store=store)
    array.attrs["said"] = [1, "x"]
    array[...] = 1
    half = slice(0, data.shape[0] // 2 + 1)
    array[half] = data[half]
    array[half.stop :] = data[half.stop :]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for each in json.load(sys.stdin):
        done(each)
