"""Programs about arrays of text, JSON and single bytes: what is written into which, and what is refused.

Each program runs under tensorstore 0.1.86 and under tegula; every statement must say the same.
"""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import numpy as np
import pytest

import tegula
from tests.api.both import assert_same

pytestmark = pytest.mark.peers

MADE = {
    "byte": 'ts.array(np.array([b"a", b"b"], "V1"), dtype="byte")',
    "char": 'ts.array(np.array([b"a", b"b"], "S1"), dtype="char")',
    "string": 'ts.array([b"a", b"b"], dtype="string")',
    "ustring": 'ts.array(["a", "b"], dtype="ustring")',
    "json": 'ts.array(["a", 1], dtype="json")',
    "uint8": 'ts.array([1, 2], dtype="uint8")',
    "bool": "ts.array([True, False])",
}
WORDS = ("string", "ustring", "json", "uint8", "bool")  # what the wheel reads back


@pytest.mark.parametrize("target", MADE)
@pytest.mark.parametrize("source", MADE)
def test_stores_are_written_into_stores_as_under_tensorstore_0_1_86(source: str, target: str) -> None:
    read = "b.read().result()" if target in WORDS else "b.dtype"
    cast = f'ts.cast(a, "{target}").read().result()' if target in WORDS else "a.dtype"
    assert_same(f"""
a, b = {MADE[source]}, {MADE[target]}
b.write(a).result()
{read}
b[0:1].write(a[1:2]).result()
{read}
b.write(a[0]).result()
{read}
ts.cast(a, "{target}").mode
{cast}
""")


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("string", ["x", b"x"]), ("string", np.array([1, 2])), ("ustring", ["x", 3]), ("ustring", [b"x", b"y"])],
)
def test_elements_that_are_no_such_text_are_a_type_error(dtype, values) -> None:
    """tensorstore 0.1.86 says so too; nothing is written."""
    import tensorstore

    for library in (tensorstore, tegula):
        store = library.array([b"a", b"b"] if dtype == "string" else ["a", "b"], dtype=dtype)
        before = store.read().result().tolist()
        with pytest.raises(TypeError):
            store.write(values).result()
        with pytest.raises(TypeError):
            library.array(values, dtype=dtype)
        assert store.read().result().tolist() == before


def test_what_is_not_one_byte_is_refused() -> None:
    store = tegula.array(np.array([b"a", b"b"], "S1"), dtype="char")
    for values in (np.array([1, 2], "uint8"), np.array([b"abc", b"d"])):
        with pytest.raises(TypeError, match="safe"):
            store.write(values).result()
    assert store.read().result().tolist() == [b"a", b"b"]
    store.write(np.array([b"x", b"y"])).result()
    assert store.read().result().tolist() == [b"x", b"y"]


def test_filters_and_elements_as_under_tensorstore_0_1_86() -> None:
    assert_same("""
j = ts.array([1, 2], dtype="json")
j.write([b"a", 1]).result()
j.write(np.array([object()], object)).result()
j.write(np.array([np.int64(3), np.float32(1)], object)).result()
j.read().result()
ts.array(np.array([b"a"]), dtype="json")
ts.CodecSpec({"driver": "zarr", "filters": []})
s = ts.Schema(codec=ts.CodecSpec({"driver": "zarr", "filters": []}))
s.update(codec=ts.CodecSpec({"driver": "zarr"}))
s
ts.open(zarr2(), codec=ts.CodecSpec({"driver": "zarr", "filters": []}), dtype="int8", shape=[2], create=True).result().codec
""")
