"""Arrays go both ways between this library and the tensorstore and zarr wheels, chunk by chunk, on disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tegula.registry import lookup
from tegula.schema.schema import Schema

tensorstore = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers

SOAK = bool(os.environ.get("TEGULA_SOAK"))
COMMON = settings(
    max_examples=5000 if SOAK else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
KEYS = {"zarr3": "zarr.json", "zarr": ".zarray"}
CODES = {
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
PLAIN = list(CODES)
EXTENDED = [*PLAIN, "bfloat16", "int4", "float8_e4m3fn", "float8_e5m2"]


def _named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


@st.composite
def requests(draw: st.DrawFn, dtypes: list[str]) -> dict[str, Any]:
    """Draw a driver and the metadata of a small array."""
    rank = draw(st.integers(0, 3))
    shape = draw(st.lists(st.integers(0, 7), min_size=rank, max_size=rank))
    chunks = draw(st.lists(st.integers(1, 5), min_size=rank, max_size=rank))
    dtype = draw(st.sampled_from(dtypes))
    level = st.integers(0, 9)
    cname = st.sampled_from(["blosclz", "lz4", "lz4hc", "zlib", "zstd"])
    if draw(st.booleans()):
        orders = st.permutations(range(rank))
        array = [_named("transpose", order=draw(orders)) for _ in range(draw(st.integers(0, 2)))]
        endian = draw(st.sampled_from(["little", "big"]))
        compressors = st.one_of(
            st.builds(lambda n: _named("gzip", level=n), level),
            st.builds(lambda n, c: _named("zstd", level=n, checksum=c), st.integers(-5, 9), st.booleans()),
            st.builds(
                lambda c, n, s: _named("blosc", cname=c, clevel=n, shuffle=s),
                cname,
                level,
                st.sampled_from(["noshuffle", "shuffle", "bitshuffle"]),
            ),
            st.just({"name": "crc32c"}),
        )
        last = [draw(compressors)] if draw(st.booleans()) else []
        if draw(st.booleans()):
            last.append({"name": "crc32c"})
        separator = draw(st.sampled_from([".", "/"]))
        name = draw(st.sampled_from(["default", "v2"]))
        return {
            "driver": "zarr3",
            "metadata": {
                "shape": shape,
                "data_type": dtype,
                "chunk_grid": _named("regular", chunk_shape=chunks),
                "chunk_key_encoding": _named(name, separator=separator),
                "codecs": [*array, _named("bytes", endian=endian), *last],
            },
        }
    compression = draw(
        st.one_of(
            st.none(),
            st.builds(lambda i, n: {"id": i, "level": n}, st.sampled_from(["zlib", "gzip"]), level),
            st.builds(lambda n: {"id": "bz2", "level": n}, st.integers(1, 9)),
            st.builds(lambda n: {"id": "zstd", "level": n}, st.integers(-5, 9)),
            st.builds(
                lambda c, n, s: {"id": "blosc", "cname": c, "clevel": n, "shuffle": s, "blocksize": 0},
                cname,
                level,
                st.integers(-1, 2),
            ),
        )
    )
    text = dtype
    if dtype in CODES:
        one = CODES[dtype].endswith("1")
        text = ("|" if one else draw(st.sampled_from("<>"))) + CODES[dtype]
    return {
        "driver": "zarr",
        "metadata": {
            "shape": shape,
            "chunks": chunks,
            "dtype": text,
            "compressor": compression,
            # tensorstore 0.1.86 stores "C" where "F" is asked of fewer than two dimensions, then refuses it
            "order": draw(st.sampled_from(["C", "F"])) if rank > 1 else "C",
            "dimension_separator": draw(st.sampled_from([".", "/"])),
        },
    }


def _values(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # none of them is a fill value, so every chunk is stored
    if dtype.kind == "b":
        return np.ones(shape, bool)
    return rng.integers(1, 7, shape).astype("float32").astype(dtype)


def _created(request: dict[str, Any]) -> tuple[Any, Any, Any]:
    made = lookup("formats", request["driver"])
    members = made.parse_members({"metadata": dict(request["metadata"])})
    metadata = made.create(members, Schema())
    return made, metadata, made.layout(metadata, members)


def _cells(layout: Any) -> list[tuple[int, ...]]:
    counts = [-(-size // chunk) for size, chunk in zip(layout.shape, layout.chunk_shape, strict=True)]
    return list(np.ndindex(*counts))


def _box(layout: Any, cell: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(i * chunk, min((i + 1) * chunk, size))
        for i, chunk, size in zip(cell, layout.chunk_shape, layout.shape, strict=True)
    )


def _write(root: Path, made: Any, metadata: Any, layout: Any, values: np.ndarray) -> None:
    (root / KEYS[made.name]).write_bytes(made.encode_metadata(metadata))
    cells = _cells(layout)
    keys = layout.keys.keys(np.array(cells, np.int64).reshape(len(cells), len(layout.shape)))
    for cell, key in zip(cells, keys, strict=True):
        assert key == layout.keys.key(cell)
        box = _box(layout, cell)
        chunk = np.zeros(layout.chunk_shape, values.dtype)
        part = values[box]
        chunk[tuple(slice(0, n) for n in part.shape)] = part
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(layout.chain.encode(chunk))


def _read(root: Path, layout: Any, values: np.ndarray) -> np.ndarray:
    out = np.zeros(layout.shape, values.dtype)
    for cell in _cells(layout):
        box = _box(layout, cell)
        chunk = layout.chain.decode((root / layout.keys.key(cell)).read_bytes())
        out[box] = chunk[tuple(slice(0, n) for n in out[box].shape)]
    return out


@COMMON
@given(request=requests(EXTENDED), seed=st.integers(0, 2**32 - 1))
def test_what_tensorstore_writes_is_read(request: dict[str, Any], seed: int) -> None:
    """Law: for any metadata, decoding the chunks that tensorstore wrote gives what was written."""
    with tempfile.TemporaryDirectory() as folder:
        spec = {**request, "kvstore": {"driver": "file", "path": folder}}
        store = tensorstore.open(spec, create=True).result()
        values = _values(store.shape, store.dtype.numpy_dtype, seed)
        store.write(values).result()
        made, metadata, layout = _created(request)
        stored = (Path(folder) / KEYS[made.name]).read_bytes()
        assert made.encode_metadata(metadata) == stored
        assert made.decode_metadata(stored, "it") == metadata
        found = _read(Path(folder), layout, values)
        assert found.dtype == values.dtype
        assert found.tobytes() == values.tobytes()


@COMMON
@given(request=requests(EXTENDED), seed=st.integers(0, 2**32 - 1))
def test_what_is_written_tensorstore_reads(request: dict[str, Any], seed: int) -> None:
    """Law: for any metadata, tensorstore reads from encoded chunks and document what was encoded."""
    with tempfile.TemporaryDirectory() as folder:
        made, metadata, layout = _created(request)
        values = _values(layout.shape, layout.dtype.array_dtype, seed)
        _write(Path(folder), made, metadata, layout, values)
        spec = {**request, "kvstore": {"driver": "file", "path": folder}}
        found = tensorstore.open(spec).result().read().result()
        assert found.dtype == values.dtype
        assert found.tobytes() == values.tobytes()


@COMMON
@given(request=requests(PLAIN), seed=st.integers(0, 2**32 - 1))
def test_what_is_written_zarr_reads_and_the_other_way_round(request: dict[str, Any], seed: int) -> None:
    """Law: the zarr wheel opens the document, reads the encoded chunks, and what it writes is decoded."""
    zarr = pytest.importorskip("zarr")
    with tempfile.TemporaryDirectory() as folder:
        made, metadata, layout = _created(request)
        values = _values(layout.shape, layout.dtype.array_dtype, seed)
        _write(Path(folder), made, metadata, layout, values)
        array = zarr.open_array(folder, mode="r+")
        found = np.asarray(array[...])
        assert found.astype(values.dtype).tobytes() == values.tobytes()
        # all ones: none is a fill value, so each chunk is written
        fresh = np.ones_like(values)
        array[...] = fresh
        assert np.array_equal(_read(Path(folder), layout, fresh), fresh)
