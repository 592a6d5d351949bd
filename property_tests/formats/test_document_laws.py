"""Documents: round trips, and hostile ones, which are refused with a typed error in bounded time."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.errors import TegulaError
from tegula.registry import lookup

SOAK = bool(os.environ.get("TEGULA_SOAK"))
COMMON = settings(max_examples=20000 if SOAK else 200, deadline=None)

_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
WHOLE: dict[str, dict[str, Any]] = {
    "zarr3": {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [10, 20],
        "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5, 6]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [_BYTES, {"name": "zstd", "configuration": {"level": 3, "checksum": True}}],
        "fill_value": "NaN",
        "attributes": {"dimension_units": ["nm", None], "x": [1]},
        "dimension_names": ["x", None],
    },
    "zarr": {
        "zarr_format": 2,
        "shape": [10, 20],
        "chunks": [5, 6],
        "dtype": "<f4",
        "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
        "fill_value": "NaN",
        "order": "F",
        "filters": None,
        "dimension_separator": "/",
        "more": {"a": 1},
    },
}
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0, 1, -1, 2**31, 2**62, "C", "F", "gzip", "<f4", "|O", "NaN", "0xff", ""]),
        st.text(max_size=5),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [prefix] if prefix else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _paths(item, (*prefix, key))
    return found


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@COMMON
@given(data=st.data())
def test_a_changed_document_is_read_or_refused(driver: str, data: st.DataObject) -> None:
    """Law: any change of any member gives metadata that encodes and decodes to itself, or a TegulaError."""
    made = lookup("formats", driver)
    document = json.loads(json.dumps(WHOLE[driver]))
    for _ in range(data.draw(st.integers(1, 2))):
        paths = _paths(document)
        path = data.draw(st.sampled_from(paths))
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        if data.draw(st.booleans()):
            del holder[path[-1]]
        else:
            holder[path[-1]] = data.draw(VALUES)
        if not document:
            break
    text = json.dumps(document).encode()
    try:
        metadata = made.decode_metadata(text, "it")
        layout = made.layout(metadata, made.parse_members({}))
    except TegulaError:
        return
    again = made.encode_metadata(metadata)
    assert made.decode_metadata(again, "it") == metadata
    assert made.encode_metadata(made.decode_metadata(again, "it")) == again
    assert layout.chain.nbytes < 2**63
    assert layout.domain.shape == metadata.shape


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@COMMON
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(driver: str, data: st.DataObject) -> None:
    """Law: any bytes at all give metadata or a TegulaError."""
    text = bytearray(json.dumps(WHOLE[driver]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(TegulaError):
        lookup("formats", driver).decode_metadata(bytes(text), "it")


DEEP = 5000
HOSTILE = [
    lambda whole: {**whole, "shape": [2**62 - 2] * 32},
    lambda whole: {**whole, "shape": [10] * 10000},
    lambda whole: {**whole, "codecs": [_BYTES] + [{"name": "crc32c"}] * 20000},
    lambda whole: {**whole, "attributes": {str(i): i for i in range(50000)}},
    lambda whole: {**whole, "fill_value": "0x" + "f" * 100000},
    lambda whole: {**whole, "fill_value": [[]] * 10000},
    lambda whole: {**whole, "dimension_names": ["x" * 10**6, None]},
    lambda whole: {**whole, "data_type": "r" + "8" * 10000, "dtype": "|V" + "9" * 10000},
]


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_document_is_dealt_with_at_once(driver: str, number: int) -> None:
    text = json.dumps(HOSTILE[number](WHOLE[driver])).encode()
    start = time.thread_time()  # of this thread: the machine may be busy
    with contextlib.suppress(TegulaError):
        lookup("formats", driver).decode_metadata(text, "it")
    assert time.thread_time() - start < 1


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
@pytest.mark.parametrize("depth", [50, 150, 250, 900, DEEP, 500000])
def test_depth_is_limited_not_fatal(driver: str, depth: int) -> None:
    made = lookup("formats", driver)
    name = "attributes" if driver == "zarr3" else "more"
    plain = json.dumps({k: v for k, v in WHOLE[driver].items() if k != name})
    text = (plain[:-1] + f', "{name}": {{"a": ' + "[" * depth + "]" * depth + "}}").encode()
    if depth < 190:
        metadata = made.decode_metadata(text, "it")
        assert made.decode_metadata(made.encode_metadata(metadata), "it") == metadata
    else:
        with pytest.raises(TegulaError, match="Invalid JSON"):
            made.decode_metadata(text, "it")


@pytest.mark.parametrize("number", ["9" * 5000, "1" * 400 + ".5", "1e400", "-1e400"])
def test_numbers_without_end_are_refused(number: str) -> None:
    text = json.dumps(WHOLE["zarr3"]).replace('"NaN"', number).encode()
    with pytest.raises(TegulaError):
        lookup("formats", "zarr3").decode_metadata(text, "it")
