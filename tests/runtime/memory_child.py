"""Measures how far the memory of this process rises above what is read: run by `test_memory.py`.

    python memory_child.py FOLDER WHAT LIMIT MIB CHUNK_KIB FORMAT

`WHAT` is read, write, partial (a write that covers no first and no last chunk), copy, shifted (a copy whose
chunks do not match), several (eight reads at once), downsample or cast; `LIMIT` is the memory limit in MiB, 0
for none; `FORMAT` is a family and a codec (``zarr3-zstd``, see `spec_of`), or two of them with ``:`` between
for a copy from the one to the other; `FOLDER` may also be a URL.  Prints the rise in MiB.

The same is done before, so that what is loaded on the way is there (twice where parts of chunks are written:
at first there is nothing to merge them with, and what decodes is not loaded); then the memory that is kept
to be used again is let go, so that none of it helps.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import numpy as np

import tegula
from tegula.leaves import buffers
from tegula.programs import writing_few
from tegula.runtime import limits

BLOSC = {"cname": "lz4", "clevel": 5}
ZARR2: dict[str, Any] = {
    "raw": None,
    **{name: {"id": name, "level": 1} for name in ("zlib", "gzip", "bz2", "zstd")},
    "blosc": {"id": "blosc", "shuffle": 1, **BLOSC},
}
N5 = {
    "raw": {"type": "raw"},
    "gzip": {"type": "gzip", "level": 1},
    "bzip2": {"type": "bzip2", "blockSize": 1},
    "xz": {"type": "xz", "preset": 0},
    "blosc": {"type": "blosc", "shuffle": 1, **BLOSC},
}


def step(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


LITTLE = step("bytes", endian="little")
ZARR3 = {
    "raw": [LITTLE],
    "big": [step("bytes", endian="big")],
    "zstd": [LITTLE, step("zstd", level=1)],
    "gzip": [LITTLE, step("gzip", level=1)],
    "crc32c": [LITTLE, step("crc32c")],
    "blosc": [LITTLE, step("blosc", shuffle="shuffle", typesize=2, blocksize=0, **BLOSC)],
    "transpose": [step("transpose", order=[1, 0]), LITTLE],
}


def shard(rows: int, inner: list[Any]) -> list[Any]:
    return [
        step(
            "sharding_indexed",
            chunk_shape=[max(1, rows), 1024],
            codecs=inner,
            index_codecs=[LITTLE, step("crc32c")],
        )
    ]


def spec_of(form: str, rows: int, chunk: int) -> tuple[dict[str, Any], str]:
    """Return a specification and the type of an array of 2 KiB a row, `chunk` rows a chunk or shard."""
    family, _, codec = form.partition("-")
    if family == "zarr2" and codec == "struct":  # two fields: a chunk is twice the size of its elements
        fields = [["x", "<u2"], ["y", "<u2"]]
        metadata = {"shape": [rows, 1024], "chunks": [chunk // 2, 1024], "dtype": fields}
        return {"driver": "zarr", "field": "y", "metadata": {**metadata, "compressor": ZARR2["zstd"]}}, "u2"
    if family == "zarr2":
        metadata = {"shape": [rows, 1024], "chunks": [chunk, 1024], "dtype": "<u2"}
        return {"driver": "zarr", "metadata": {**metadata, "compressor": ZARR2[codec]}}, "u2"
    if family == "n5":
        metadata = {"dimensions": [1024, rows], "blockSize": [1024, chunk], "dataType": "uint16"}
        return {"driver": "n5", "metadata": {**metadata, "compression": N5[codec]}}, "u2"
    if family == "zarr3":
        kind, _, inner = codec.partition("_")
        if kind == "shard":
            codecs = shard(chunk // 16, ZARR3[inner])
        elif kind == "nested":
            codecs = shard(chunk // 4, shard(chunk // 16, ZARR3[inner]))
        else:
            codecs = ZARR3[codec]
        grid = step("regular", chunk_shape=[chunk, 1024])
        metadata = {"shape": [rows, 1024], "data_type": "uint16", "chunk_grid": grid, "codecs": codecs}
        return {"driver": "zarr3", "metadata": metadata}, "u2"
    kind, _, sharded = codec.partition("_")
    dtype = {"jpeg": "u1", "cseg": "u4"}.get(kind, "u2")
    lines, edge = rows * 2 // int(dtype[1]), chunk * 2 // int(dtype[1])
    scale: dict[str, Any] = {"key": "1", "resolution": [1, 1, 1], "size": [1024, lines, 1]}
    scale["encoding"] = "compressed_segmentation" if kind == "cseg" else kind
    if kind == "cseg":
        scale["compressed_segmentation_block_size"] = [8, 8, 1]
    if sharded:
        edge //= 16
        bits = max(4, (-(-lines // edge) - 1).bit_length())
        scale["sharding"] = {
            "@type": "neuroglancer_uint64_sharded_v1",
            "hash": "identity",
            "preshift_bits": 2,
            "minishard_bits": 2,
            "shard_bits": bits - 4,
            "data_encoding": sharded,
        }
    scale["chunk_size"] = [1024, edge, 1]
    name = {"u1": "uint8", "u2": "uint16", "u4": "uint32"}[dtype]
    multiscale = {"data_type": name, "num_channels": 1, "type": "segmentation" if kind == "cseg" else "image"}
    spec = {"driver": "neuroglancer_precomputed", "multiscale_metadata": multiscale, "scale_metadata": scale}
    return spec, dtype


def status(name: str) -> float:
    """Return a line of this process's status, in MiB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def by_rows(store: Any) -> Any:
    """Return an array with its rows first, as zarr has them: N5 and precomputed volumes have them last."""
    plain = store[tegula.d[2, 3][0, 0]] if store.rank > 2 else store
    return plain if plain.shape[1] == 1024 else plain.T


def data_for(store: Any) -> Any:
    """Return data that compress a little (segments: as segments do), in the order of the chunks."""
    dtype = store.dtype.numpy_dtype
    rng = np.random.default_rng(1)
    if dtype.itemsize == 4:
        found = np.repeat(rng.integers(0, 1 << 20, store.size // 16, np.uint32), 16)
    else:
        found = rng.integers(0, 256 if dtype.itemsize == 1 else 1 << 12, store.size, dtype)
    return found.reshape(store.shape, order="C" if store.rank == 2 and store.shape[1] == 1024 else "F")


def main(folder: str, what: str, limit: float, mib: int, chunk_kib: int, form: str) -> float:
    rows, chunk = mib * 512, chunk_kib // 2
    forms = dict(zip(("target", "source"), reversed(form.split(":")), strict=False))

    def array(name: str, limit: float = limit) -> Any:
        count = {"memory_limit": {"limit": int(limit * 2**20)}} if limit else {}
        spec, _ = spec_of(forms.get(name, form), rows, chunk)
        spec["kvstore"] = f"{folder}/{name}/" if "://" in folder else f"file://{folder}/{name}/"
        context = tegula.Context({"file_io_sync": False, **count})
        return tegula.open(spec, open=True, create=True, context=context).result()

    if not (child := os.fork()):  # another process writes, so that this one begins as it is
        store = array("source", 0)
        store.write(data_for(store)).result()
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    assert not ended
    source, target = array("source"), array("target")
    if ":" in form:
        source, target = by_rows(source), by_rows(target)
    axis = source.shape.index(max(source.shape))
    length = source.shape[axis]

    def part(low: int, high: int) -> tuple[slice, ...]:
        return (slice(None),) * axis + (slice(low, high),)

    data = data_for(target) if what in ("write", "partial") else None

    def perform() -> float:
        """Do it, and return the size of the result in MiB."""
        if what == "read":
            order = "F" if axis else "C"
            return source.read(order=order).result().nbytes / 2**20
        if what == "several":
            step = length // 8
            order = "F" if axis else "C"
            reads = [source[part(low, low + step)].read(order=order) for low in range(0, length, step)]
            return sum(each.result().nbytes for each in reads) / 2**20
        if what == "write":
            target.write(data).result()
        elif what == "partial":
            target[part(1, length - 1)].write(data[part(1, length - 1)]).result()
        elif what == "copy":
            target.write(source).result()
        elif what == "shifted":
            target[part(1, length)].write(source[part(0, length - 1)]).result()
        elif what == "cast":
            return tegula.cast(source, "float64").read().result().nbytes / 2**20
        else:
            factors = [2 if extent > 1 else 1 for extent in source.shape]
            return tegula.downsample(source, factors, "mean").read().result().nbytes / 2**20
        return 0.0

    perform()
    if what in ("partial", "shifted"):
        perform()  # now there is something to merge with, and what decodes it is loaded
    gc.collect()
    buffers._after_fork()
    writing_few._idle.clear()
    limits.trim()
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    before = status("VmRSS")
    result = perform()
    rise = status("VmHWM") - before - result
    spared = not 0 < limit < 256 or "cseg" in form  # what has no twin
    assert spared or "numba" not in sys.modules, "the compiler was loaded"
    return rise


if __name__ == "__main__":
    folder, what, limit, mib, chunk_kib, form = sys.argv[1:]
    print(main(folder, what, float(limit), int(mib), int(chunk_kib), form))
