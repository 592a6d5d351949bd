"""What the array laws draw: specifications of arrays that tegula and both wheels can make, and their data.

A `Made` is a value: the JSON of a new array (driver, metadata) without its store, and what it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from property_tests.strategies import chunks_of

PLAIN = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
FLOATS = ("float16", "float32", "float64", "complex64", "complex128")
NARROW = ("bfloat16", "float8_e4m3fn", "float8_e5m2")

ZARR2_CODES = {
    "bool": "b1",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "int64": "i8",
    "uint64": "u8",
    "float16": "f2",
    "float32": "f4",
    "float64": "f8",
    "complex64": "c8",
    "complex128": "c16",
}


@dataclass(frozen=True)
class Made:
    """A new array: `spec` lacks only the store; `fill` is one element, as an array of rank 0."""

    spec: dict[str, Any]
    dtype: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    fill: np.ndarray[Any, Any]

    @property
    def driver(self) -> str:
        return str(self.spec["driver"])

    def on(self, kvstore: Any) -> dict[str, Any]:
        return {**self.spec, "kvstore": kvstore}


def numpy_dtype(name: str) -> np.dtype[Any]:
    if name in NARROW:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def filled(draw: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Data of few distinct values, some of them odd bit patterns, so that chunks do equal the fill."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["few", "any"]))
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(dtype)
    if kind == "few" or dtype.kind == "V":
        return random.integers(0, 3, shape).astype(np.int8).astype(dtype)
    raw = random.bytes(int(np.prod(shape)) * dtype.itemsize)
    return np.frombuffer(raw, dtype).reshape(shape).copy()


def data_for(made: Made) -> st.SearchStrategy[np.ndarray[Any, Any]]:
    @st.composite
    def strategy(draw: st.DrawFn) -> np.ndarray[Any, Any]:
        return filled(draw, numpy_dtype(made.dtype), made.shape)

    return strategy()


@st.composite
def fills(draw: st.DrawFn, dtype: str) -> Any:
    """A fill value as JSON that both formats take, and the element it stands for."""
    kind = numpy_dtype(dtype)
    if kind.kind == "b":
        value: Any = draw(st.booleans())
        return value, np.array(value, kind)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        value = draw(st.sampled_from([0, 0, 1, int(info.max), int(info.min)]))
        return value, np.array(value, kind)
    if kind.kind == "c":
        pair = draw(st.sampled_from([[0.0, 0.0], [1.0, -2.0], ["NaN", 0.0], ["Infinity", -0.0]]))
        parts = [float(str(part).replace("Infinity", "inf")) for part in pair]
        return pair, np.array(complex(*parts), kind)
    choices: list[Any] = [0.0, 0.0, 1.0, -2.0]
    if dtype not in NARROW:
        choices += [-0.0, "NaN", "Infinity", "-Infinity"]
    value = draw(st.sampled_from(choices))
    return value, np.array(float(str(value).replace("Infinity", "inf")), kind)


@st.composite
def zarr2_compressors(draw: st.DrawFn) -> Any:
    return draw(
        st.sampled_from(
            [
                None,
                {"id": "zlib", "level": 1},
                {"id": "gzip", "level": 1},
                {"id": "bz2", "level": 1},
                {"id": "zstd", "level": 1},
                {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": -1},
                {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2},
                {"id": "blosc", "cname": "zlib", "clevel": 1, "shuffle": 1},
            ]
        )
    )


@st.composite
def zarr2_arrays(draw: st.DrawFn, shape: tuple[int, ...], dtypes: Any = PLAIN + FLOATS) -> Made:
    dtype = draw(st.sampled_from(dtypes))
    chunks = draw(chunks_of(shape))
    value, element = draw(fills(dtype))
    if draw(st.integers(0, 3)) == 0:
        value, element = None, np.zeros((), numpy_dtype(dtype))
    elif element.dtype.kind == "c":  # version 2 has complex fill values in base64 only
        from base64 import b64encode

        value = None
        element = np.zeros((), element.dtype)
        del b64encode
    size = element.dtype.itemsize
    endian = "|" if size == 1 else draw(st.sampled_from("<>"))
    metadata = {
        "shape": list(shape),
        "chunks": list(chunks),
        "dtype": endian + ZARR2_CODES[dtype] if dtype in ZARR2_CODES else dtype,
        "compressor": draw(zarr2_compressors()),
        "order": draw(
            st.sampled_from("CF" if len(shape) > 1 else "C")
        ),  # tensorstore 0.1.86 refuses F of rank 0, 1
        "fill_value": value,
        "dimension_separator": draw(st.sampled_from("./")),
    }
    return Made({"driver": "zarr", "metadata": metadata}, dtype, shape, chunks, element)


@st.composite
def zarr3_codecs(
    draw: st.DrawFn, chunks: tuple[int, ...], size: int, depth: int = 2, shards: bool = False
) -> list[dict[str, Any]]:
    rank = len(chunks)
    chain: list[dict[str, Any]] = []
    if rank and draw(st.integers(0, 2)) == 0:
        order = list(draw(st.permutations(range(rank))))
        chain.append({"name": "transpose", "configuration": {"order": order}})
        chunks = tuple(chunks[axis] for axis in order)
    if shards or (depth and draw(st.integers(0, 2)) == 0):
        chain.append(draw(shardings(chunks, size, depth - 1)))
        return chain
    if size == 1:
        chain.append({"name": "bytes"})
    else:
        endian = draw(st.sampled_from(["little", "big"]))
        chain.append({"name": "bytes", "configuration": {"endian": endian}})
    packing = draw(st.sampled_from(["none", "gzip", "zstd", "blosc"]))
    if packing == "gzip":
        chain.append({"name": "gzip", "configuration": {"level": 1}})
    elif packing == "zstd":
        chain.append({"name": "zstd", "configuration": {"level": 1, "checksum": False}})
    elif packing == "blosc":
        shuffle = draw(st.sampled_from(["noshuffle", "shuffle", "bitshuffle"]))
        cname = draw(st.sampled_from(["lz4", "zstd", "zlib"]))
        configuration = {"cname": cname, "clevel": 1, "shuffle": shuffle, "typesize": size, "blocksize": 0}
        chain.append({"name": "blosc", "configuration": configuration})
    if draw(st.booleans()):
        chain.append({"name": "crc32c"})
    return chain


@st.composite
def shardings(draw: st.DrawFn, chunks: tuple[int, ...], size: int, depth: int) -> dict[str, Any]:
    inner = tuple(draw(st.sampled_from([d for d in range(1, c + 1) if c % d == 0])) for c in chunks)
    index: list[dict[str, Any]] = []
    if draw(st.integers(0, 3)) == 0:
        order = list(draw(st.permutations(range(len(chunks) + 1))))
        index.append({"name": "transpose", "configuration": {"order": order}})
    endian = draw(st.sampled_from(["little", "big"]))
    index.append({"name": "bytes", "configuration": {"endian": endian}})
    if draw(st.booleans()):
        index.append({"name": "crc32c"})
    configuration = {
        "chunk_shape": list(inner),
        "codecs": draw(zarr3_codecs(inner, size, depth)),
        "index_codecs": index,
        "index_location": draw(st.sampled_from(["start", "end"])),
    }
    return {"name": "sharding_indexed", "configuration": configuration}


@st.composite
def zarr3_arrays(
    draw: st.DrawFn, shape: tuple[int, ...], dtypes: Any = PLAIN + FLOATS, shards: bool = False
) -> Made:
    dtype = draw(st.sampled_from(dtypes))
    chunks = draw(chunks_of(shape))
    value, element = draw(fills(dtype))
    size = element.dtype.itemsize
    separator = draw(st.sampled_from("./"))
    encoding = draw(st.sampled_from(["default", "v2"]))
    metadata: dict[str, Any] = {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": encoding, "configuration": {"separator": separator}},
        "codecs": draw(zarr3_codecs(chunks, size, shards=shards)),
        "fill_value": value,
    }
    if draw(st.booleans()):
        names = draw(st.permutations(["x", "y", "z", "t", None, None]))
        metadata["dimension_names"] = list(names[: len(shape)])
    return Made({"driver": "zarr3", "metadata": metadata}, dtype, shape, chunks, element)


@st.composite
def shapes_with_zero(draw: st.DrawFn, rank: int = 3, extent: int = 7, zero: bool = True) -> tuple[int, ...]:
    shape = draw(st.lists(st.integers(1, extent), max_size=rank))
    if zero and shape and draw(st.integers(0, 7)) == 0:
        shape[draw(st.integers(0, len(shape) - 1))] = 0
    return tuple(shape)


@st.composite
def arrays(
    draw: st.DrawFn,
    shapes: st.SearchStrategy[tuple[int, ...]] | None = None,
    dtypes: Any = PLAIN + FLOATS,
) -> Made:
    """A new array of either format."""
    shape = draw(shapes_with_zero() if shapes is None else shapes)
    return draw(draw(st.sampled_from([zarr2_arrays, zarr3_arrays]))(shape, dtypes))


def bits(array: Any) -> Any:
    """Dtype, shape and the very bits: NaN equals itself, and -0.0 is not 0.0."""
    array = np.asarray(array)
    return array.dtype, array.shape, array.tobytes()


def positions(view: Any, rank: int) -> tuple[Any, ...]:
    """The index arrays, one a dimension of the source, that NumPy needs to give the elements of a view."""
    import tegula as ts

    found: ts.IndexTransform = view if isinstance(view, ts.IndexTransform) else view._transform
    domain = found.domain
    shape = tuple(domain.shape)
    grids = tuple(np.empty(shape, np.int64) for _ in range(rank))
    origin = domain.inclusive_min
    for place in np.ndindex(*shape):
        coordinates = found([a + b for a, b in zip(place, origin, strict=True)])
        for grid, coordinate in zip(grids, coordinates, strict=True):
            grid[place] = coordinate
    return grids


def picked(data: np.ndarray[Any, Any], view: Any) -> np.ndarray[Any, Any]:
    """What NumPy says the elements of a view of `data` are."""
    if not data.ndim:
        return np.broadcast_to(data, view.domain.shape)
    return data[positions(view, data.ndim)]
