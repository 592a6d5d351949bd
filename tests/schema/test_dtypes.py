"""The data types against tensorstore 0.1.86: names, NumPy equivalents, and every ordered conversion."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from tegula.errors import InvalidArgument
from tegula.schema import dtypes
from tegula.schema.dtypes import NAMES, DataType, can_convert, conversion, dtype, is_safe

# tensorstore 0.1.86, from the wheel: S safe and implicit, x explicit only, . none.  The columns are the rows.
TABLE = """
bool               S..SSSSSSSSSSSSSSSSSSSSSSSS..S
char               .SS...........................
byte               .SS...........................
int2               x..SSSxSxSxSxSSSSSSSSSSSSSSxxS
int4               x..xSSxSxSxSxSSSSSSxxSSSSSSxxS
int8               x..xxSxSxSxSxxxxxxxxxSSSSSSxxS
uint8              x..xxxSSSSSSSxxxxxxxxSSSSSSxxS
int16              x..xxxxSxSxSxxxxxxxxxxxSSSSxxS
uint16             x..xxxxxSSSSSxxxxxxxxxxSSSSxxS
int32              x..xxxxxxSxSxxxxxxxxxxxxSxSxxS
uint32             x..xxxxxxxSSSxxxxxxxxxxxSxSxxS
int64              x..xxxxxxxxSxxxxxxxxxxxxxxxxxS
uint64             x..xxxxxxxxxSxxxxxxxxxxxxxxxxS
float8_e3m4        x..xxxxxxxxxxSxxxxxxxSSSSSSxxS
float8_e4m3fn      x..xxxxxxxxxxxSxxxxxxSSSSSSxxS
float8_e4m3fnuz    x..xxxxxxxxxxxxSxxxxxSSSSSSxxS
float8_e4m3b11fnuz x..xxxxxxxxxxxxxSxxxxSSSSSSxxS
float8_e5m2        x..xxxxxxxxxxxxxxSSxxSSSSSSxxS
float8_e5m2fnuz    x..xxxxxxxxxxxxxxxSxxxSSSSSxxS
float8_e8m0fnu     x..xxxxxxxxxxxxxxxxSxxSSSSSxxS
float4_e2m1fn      x..xxxxxxxxxxSSSSSSxSSSSSSSxxS
float16            x..xxxxxxxxxxxxxxxxxxSxSSSSxxS
bfloat16           x..xxxxxxxxxxxxxxxxxxxSSSSSxxS
float32            x..xxxxxxxxxxxxxxxxxxxxSSSSxxS
float64            x..xxxxxxxxxxxxxxxxxxxxxSxSxxS
complex64          ...xxxxxxxxxxxxxxxxxxxxxxSSxxS
complex128         ...xxxxxxxxxxxxxxxxxxxxxxxSxxS
string             ...........................Sxx
ustring            ...........................SSS
json               x..xxxxxxxxxxxxxxxxxxxxxx..xxS
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


def test_the_table_has_every_type_once():
    assert [name for name, _ in ROWS] == list(NAMES)
    assert len(NAMES) == 30


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_conversions_are_those_of_the_wheel(name, row):
    source = dtype(name)
    ours = "".join(
        "S" if is_safe(source, dtype(other)) else "x" if can_convert(source, dtype(other)) else "."
        for other in NAMES
    )
    assert ours == row


# which conversions keep the bytes: TensorStore's data_type_conversion_test.cc, as the wheel does not say
SAME_BYTES = {
    frozenset(pair)
    for pair in (
        ("int8", "uint8"),
        ("int16", "uint16"),
        ("int32", "uint32"),
        ("int64", "uint64"),
        ("char", "byte"),
    )
}


@pytest.mark.parametrize("name", NAMES)
def test_conversions_that_keep_the_bytes(name):
    for other in NAMES:
        found = conversion(dtype(name), dtype(other))
        same = (
            name == other or frozenset((name, other)) in SAME_BYTES or (name, other) == ("ustring", "string")
        )
        assert found.reinterpret == same, other
        assert found.identity == (name == other)
        assert found.supported >= found.safe >= found.identity
        assert found.supported >= found.reinterpret


@pytest.mark.peers
def test_names_and_numpy_types_are_those_of_the_wheel():
    tensorstore = pytest.importorskip("tensorstore")
    theirs = {name for name in dir(tensorstore) if isinstance(getattr(tensorstore, name), tensorstore.dtype)}
    assert theirs == set(NAMES)
    for name in NAMES:
        wheel, ours = getattr(tensorstore, name), getattr(dtypes, name)
        assert ours.numpy_dtype == wheel.numpy_dtype
        assert ours.type is wheel.type
        assert (ours.name, ours.to_json(), repr(ours)) == (wheel.name, wheel.to_json(), repr(wheel))


LIKES = [
    "int32", np.dtype("i4"), np.dtype(">i4"), bool, int, float, complex, bytes, str, np.int8, np.bool_,
    np.longlong, np.uintp, np.bytes_, np.void, np.dtype("S3"), np.dtype("V3"), np.dtype([("a", "i4")]),
]  # fmt: skip
NOT_LIKES = [
    "foo",
    "<i4",
    "object",
    "int",
    object,
    list,
    np.dtype("U3"),
    np.dtype("M8[s]"),
    np.longdouble,
    np.str_,
]
NOT_TYPES = [3, None, ("i4", 2), b"int32", np.integer]


@pytest.mark.peers
@pytest.mark.parametrize("like", LIKES, ids=repr)
def test_what_names_a_type_in_the_wheel_names_it_here(like):
    tensorstore = pytest.importorskip("tensorstore")
    assert dtype(like).name == tensorstore.dtype(like).name


@pytest.mark.peers
@pytest.mark.parametrize("like", NOT_LIKES, ids=repr)
def test_what_is_no_type_in_the_wheel_fails_with_its_words(like):
    tensorstore = pytest.importorskip("tensorstore")
    with pytest.raises(ValueError) as theirs:
        tensorstore.dtype(like)
    with pytest.raises(InvalidArgument) as ours:
        dtype(like)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("like", NOT_TYPES, ids=repr)
def test_what_is_not_like_a_type_is_a_type_error(like):
    with pytest.raises(TypeError, match="expected the name of a data type"):
        dtype(like)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_interned_and_survive_pickling(name):
    value = dtype(name)
    assert dtype(value) is value
    assert pickle.loads(pickle.dumps(value)) is value
    assert value == name
    assert hash(value) == hash(name)
    assert value.array_dtype.itemsize == (value.itemsize or np.dtype(object).itemsize)
    if value.kind != "o":
        assert dtype(value.numpy_dtype) is value
        assert dtype(value.array_dtype) is value


def test_equality_with_what_numpy_understands():
    assert dtypes.int32 == np.int32
    assert dtypes.int32 == np.dtype(">i4")
    assert dtypes.string == bytes  # noqa: E721
    assert dtypes.int32 != np.int64
    assert dtypes.json != object  # noqa: E721
    assert (dtypes.int32 == 3) is False


def test_calling_a_type_makes_one_element():
    assert type(dtypes.int32(3.7)) is np.int32
    assert dtypes.string(b"ab") == b"ab"
    assert dtypes.json((1, np.int8(2))) == [1, 2]
    assert dtypes.byte(b"a") == np.void(b"a")
    assert str(dtypes.int4(-1)) == "-1"


def test_importing_the_types_leaves_ml_dtypes_alone():
    code = (
        "import sys, tegula.schema.dtypes as d; d.int32.numpy_dtype; d.bfloat16.name;"
        "assert 'ml_dtypes' not in sys.modules; d.bfloat16.numpy_dtype; assert 'ml_dtypes' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_types_are_one_class():
    assert isinstance(dtypes.int8, dtype)
    assert dtype is DataType
