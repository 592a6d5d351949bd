"""Random documents of zarr v3, zarr v2 and N5, member by member, as somebody would write them by hand.

What is drawn is a specification with `metadata`; chunks and shards need not fit, codecs follow each other in
any number, fill values are odd, names and units repeat.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Drawn", "drawn", "elements", "region"]

KINDS = ("zarr3", "shards", "zarr", "n5")
COMMON = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
SMALL = (
    *("bfloat16", "int4", "int2", "float8_e4m3fn", "float8_e5m2"),
    *("float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e4m3b11fnuz"),
)
N5 = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float32", "float64")
UNITS: list[Any] = [None, "nm", "4nm", "2 m", "", [3, "s"], "1e-3 kg"]


class Drawn(NamedTuple):
    """A specification without a store, its data type and shape, and the units that creating asks for."""

    spec: dict[str, Any]
    dtype: str
    shape: list[int]
    units: list[Any] | None


def numpy_type(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name, name))


def drawn(kind: str, draw: Random) -> Drawn:
    """Return what is drawn for a kind of `KINDS`."""
    rank = draw.choice([0, 1, 1, 2, 2, 2, 3])
    dtype = draw.choice(N5) if kind == "n5" else draw.choice(COMMON if draw.random() < 0.75 else SMALL)
    shape = [0 if draw.random() < 0.04 else draw.randrange(1, 16) for _ in range(rank)]
    chunk = [draw.randrange(1, 9) for _ in range(rank)]
    labels = [draw.choice(["x", "y", "", "é"]) for _ in range(rank)]
    labels = [label if labels.index(label) == at else "" for at, label in enumerate(labels)]
    units = [draw.choice(UNITS) for _ in range(rank)] if kind != "zarr" and draw.random() < 0.3 else None
    make = {"zarr3": _zarr3, "shards": _zarr3, "zarr": _zarr, "n5": _n5}[kind]
    spec = make(draw, dtype, shape, chunk, labels, kind == "shards")
    if draw.random() < 0.2:
        spec["store_data_equal_to_fill_value"] = True
    return Drawn(spec, dtype, shape, units if "units" not in spec["metadata"] else None)


def _zarr3(
    draw: Random, dtype: str, shape: list[int], chunk: list[int], labels: list[str], sharded: bool
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "shape": shape,
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
    }
    if sharded or draw.random() < 0.9:
        metadata["codecs"] = _codecs(draw, chunk, 2 if sharded else 0)
    if draw.random() < 0.7:
        metadata["fill_value"] = _fill(draw, dtype, True)
    if draw.random() < 0.5:
        rule: dict[str, Any] = {"name": draw.choice(["default", "v2"])}
        if draw.random() < 0.6:
            rule["configuration"] = {"separator": draw.choice("/.")}
        metadata["chunk_key_encoding"] = rule
    if draw.random() < 0.4:
        metadata["dimension_names"] = [label or draw.choice([None, ""]) for label in labels]
    if draw.random() < 0.4:
        metadata["attributes"] = {"a": draw.choice([None, 1.5, "é", [1, {"b": []}]])}
    return {"driver": "zarr3", "metadata": metadata}


def _codecs(draw: Random, chunk: list[int], shards: int) -> list[Any]:
    order = list(range(len(chunk)))
    found: list[Any] = []
    if draw.random() < 0.3:
        draw.shuffle(order)
        asked = draw.choice([order, "C", "F"])
        order = order if asked is order else sorted(order, reverse=asked == "F")
        found.append({"name": "transpose", "configuration": {"order": asked}})
    if shards:
        inner = [
            draw.choice([n for n in range(1, chunk[axis] + 1) if chunk[axis] % n == 0]) for axis in order
        ]
        deeper = shards - 1 if draw.random() < 0.4 else 0
        configuration: dict[str, Any] = {"chunk_shape": inner, "codecs": _codecs(draw, inner, deeper)}
        if draw.random() < 0.5:
            configuration["index_location"] = draw.choice(["start", "end"])
        if draw.random() < 0.5:
            endian = {"name": "bytes", "configuration": {"endian": draw.choice(["little", "big"])}}
            configuration["index_codecs"] = [endian, "crc32c"][: draw.randrange(1, 3)]
        return [*found, {"name": "sharding_indexed", "configuration": configuration}]
    endian = {"name": "bytes", "configuration": {"endian": draw.choice(["little", "big"])}}
    return [*found, draw.choice([endian, endian, "bytes"]), *_byte_codecs(draw)]


def _byte_codecs(draw: Random) -> list[Any]:
    blosc = {
        "cname": draw.choice(["lz4", "zstd", "zlib", "lz4hc", "blosclz"]),
        "clevel": draw.randrange(10),
        "shuffle": draw.choice(["noshuffle", "shuffle", "bitshuffle"]),
        "typesize": draw.choice([1, 2, 4, 8]),
        "blocksize": draw.choice([0, 64]),
    }
    choices = [
        {"name": "gzip", "configuration": {"level": draw.randrange(10)}},
        {"name": "zstd", "configuration": {"level": draw.randrange(-5, 8), "checksum": draw.random() < 0.5}},
        {"name": "blosc", "configuration": blosc},
        "crc32c",
        "gzip",
    ]
    return draw.choices(choices, k=draw.choice([0, 1, 1, 2]))


def _fill(draw: Random, dtype: str, bits: bool) -> Any:
    kind = numpy_type(dtype)
    if dtype == "bool":
        return draw.random() < 0.5
    if dtype in ("int2", "int4"):
        return draw.choice([0, 1, -1, -2])
    if kind.kind in "iu":
        return draw.choice([0, 7, int(np.iinfo(kind).min), int(np.iinfo(kind).max)])
    numbers = [0, 1.5, -0.0, "NaN", "Infinity"]
    if kind.kind == "c":
        return [draw.choice(numbers), draw.choice(numbers)]
    odd = {2: "0x7e01", 4: "0x7fc00001", 8: "0x7ff8000000000001"}.get(kind.itemsize)
    return draw.choice([*numbers, *([odd] if bits and odd is not None else [])])


def _zarr(
    draw: Random, dtype: str, shape: list[int], chunk: list[int], labels: list[str], sharded: bool
) -> dict[str, Any]:
    del labels, sharded
    kind = numpy_type(dtype)
    spelled = ("|" if kind.itemsize == 1 else draw.choice("<>")) + kind.kind + str(kind.itemsize)
    metadata: dict[str, Any] = {
        "shape": shape,
        "chunks": chunk,
        "dtype": dtype if dtype in SMALL else spelled,
    }
    if len(shape) > 1:
        metadata["order"] = draw.choice("CF")
    if draw.random() < 0.6:
        metadata["dimension_separator"] = draw.choice("./")
    blosc = {
        "id": "blosc",
        "cname": draw.choice(["lz4", "zstd", "zlib"]),
        "clevel": 3,
        "shuffle": draw.choice([-1, 0, 1, 2]),
    }
    simple = [{"id": name, "level": draw.randrange(1, 10)} for name in ("zlib", "gzip", "bz2", "zstd")]
    metadata["compressor"] = draw.choice([None, blosc, *simple])
    if draw.random() < 0.7:
        metadata["fill_value"] = _fill(draw, dtype, False)
        if dtype[:6] == "float8" and metadata["fill_value"] == "Infinity":
            metadata["fill_value"] = 1.5  # its NaN is one that the document cannot say
    return {"driver": "zarr", "metadata": metadata}


def _n5(
    draw: Random, dtype: str, shape: list[int], chunk: list[int], labels: list[str], sharded: bool
) -> dict[str, Any]:
    del sharded
    blosc = {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": draw.randrange(3)}
    gzip = {"type": "gzip", "level": draw.randrange(-1, 10), "useZlib": draw.random() < 0.5}
    simple = [{"type": name} for name in ("raw", "bzip2", "xz", "zstd")]
    metadata: dict[str, Any] = {
        "dimensions": shape,
        "blockSize": chunk,
        "dataType": dtype,
        "compression": draw.choice([blosc, gzip, *simple]),
    }
    if draw.random() < 0.4:
        metadata["axes"] = labels
    if draw.random() < 0.3:
        metadata["units"] = [draw.choice(["nm", "", "s"]) for _ in shape]
        if draw.random() < 0.8:
            metadata["resolution"] = [draw.choice([1, 4, 0.5, 1e-3]) for _ in shape]
    return {"driver": "n5", "metadata": metadata}


def elements(draw: Random, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return values to write: zeros, a few numbers, all there are, one number everywhere."""
    make, kind = np.random.default_rng(draw.getrandbits(32)), numpy_type(dtype)
    style = draw.randrange(4)
    if not style:
        return np.zeros(shape, kind)
    low, high = (-2, 2) if dtype in ("int2", "int4") else (0, 3) if kind.kind in "ub" else (-3, 4)
    found = make.integers(low, high, shape).astype(np.float32 if dtype in SMALL else kind).astype(kind)
    if style == 2 and kind.kind in "iu" and dtype not in SMALL:
        found = make.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)
    if style == 3 and found.size:
        found[...] = found.reshape(-1)[0]
    return found


def region(draw: Random, shape: list[int]) -> tuple[Any, ...]:
    """Return an outer index of an array: integers, slices, steps and lists."""
    found: list[Any] = []
    for size in shape:
        first = draw.randrange(size) if size else 0
        last = draw.randrange(first, size) + 1 if size else 0
        step = slice(first, last, draw.randrange(1, 4))
        some = [draw.randrange(size) for _ in range(2)] if size else slice(0, 0)
        whole = slice(None)
        found.append(draw.choice([whole, first, slice(first, last), step, some]) if size else whole)
    return tuple(found)
