"""The thirty data types, and which converts to which.

What this file knows: names, NumPy equivalents, and the conversion rules as one table of properties
(`_ROWS`).  What it must not know: how elements are converted (`convert.py`) or stored (codecs).

Each type is one interned object: comparing two of them is comparing identities.  NumPy's
low-precision types live in ``ml_dtypes``, which is imported when the first of them is asked for.

Laws: ``dtype(t.name) is t``; ``dtype(t.numpy_dtype) is t`` but for the three types of Python
objects; equality with a name implies an equal hash; a safe conversion is a supported one.
"""

from __future__ import annotations

from builtins import bool as builtins_bool
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tegula.errors import InvalidArgument
from tegula.public import public
from tegula.row import NamedTuple

if TYPE_CHECKING:
    from tegula.binding import Json
    from tegula.schema.keys import DTypeLike

__all__ = [
    "NAMES",
    "Conversion",
    "DataType",
    "bfloat16",
    "bool",
    "byte",
    "can_convert",
    "can_reinterpret",
    "char",
    "complex64",
    "complex128",
    "conversion",
    "dtype",
    "float4_e2m1fn",
    "float8_e3m4",
    "float8_e4m3b11fnuz",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "float16",
    "float32",
    "float64",
    "int2",
    "int4",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_safe",
    "json",
    "string",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "ustring",
]


class _Row(NamedTuple):
    """One type: `kind`, bytes per element, significant bits, and the exponent range of a float.

    Kinds: b bool, i signed, u unsigned, f float, c complex, r raw byte, o Python object.  A
    complex type has the numbers of its parts.
    """

    name: str
    kind: str
    itemsize: int
    digits: int = 0
    low: int = 0
    high: int = 0


_ROWS = (
    _Row("bool", "b", 1, 1),
    _Row("char", "r", 1),
    _Row("byte", "r", 1),
    _Row("int2", "i", 1, 1),
    _Row("int4", "i", 1, 3),
    _Row("int8", "i", 1, 7),
    _Row("uint8", "u", 1, 8),
    _Row("int16", "i", 2, 15),
    _Row("uint16", "u", 2, 16),
    _Row("int32", "i", 4, 31),
    _Row("uint32", "u", 4, 32),
    _Row("int64", "i", 8, 63),
    _Row("uint64", "u", 8, 64),
    _Row("float8_e3m4", "f", 1, 5, -1, 4),
    _Row("float8_e4m3fn", "f", 1, 4, -5, 9),
    _Row("float8_e4m3fnuz", "f", 1, 4, -6, 8),
    _Row("float8_e4m3b11fnuz", "f", 1, 4, -9, 5),
    _Row("float8_e5m2", "f", 1, 3, -13, 16),
    _Row("float8_e5m2fnuz", "f", 1, 3, -14, 16),
    # 2**-127 is below the normal range of bfloat16 and float32, which hold it as a subnormal
    _Row("float8_e8m0fnu", "f", 1, 1, -125, 128),
    _Row("float4_e2m1fn", "f", 1, 2, 1, 3),
    _Row("float16", "f", 2, 11, -13, 16),
    _Row("bfloat16", "f", 2, 8, -125, 128),
    _Row("float32", "f", 4, 24, -125, 128),
    _Row("float64", "f", 8, 53, -1021, 1024),
    _Row("complex64", "c", 8, 24, -125, 128),
    _Row("complex128", "c", 16, 53, -1021, 1024),
    _Row("string", "o", 0),
    _Row("ustring", "o", 0),
    _Row("json", "o", 0),
)

NAMES: tuple[str, ...] = tuple(row.name for row in _ROWS)

# the name of NumPy's own type of a given kind and size, where there is one of that meaning
_NUMPY_CODES = {
    "b1": "bool",
    "i1": "int8",
    "u1": "uint8",
    "i2": "int16",
    "u2": "uint16",
    "i4": "int32",
    "u4": "uint32",
    "i8": "int64",
    "u8": "uint64",
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "c8": "complex64",
    "c16": "complex128",
}
_NUMPY_NAMES = frozenset(_NUMPY_CODES.values())
_OBJECT_TYPES: dict[str, type] = {"string": bytes, "ustring": str, "json": np.object_}
_PYTHON_TYPES: dict[Any, str] = {bytes: "string", str: "ustring"}


@public("dtype")
class DataType:
    """A data type: ``tegula.dtype(x)`` for a name, a NumPy dtype or scalar type, or a Python type.

    `name` is TensorStore's name of it, `itemsize` the size of an element in bytes.

    >>> dtype("int32"), dtype(float), dtype(np.dtype(">u2"))
    (dtype("int32"), dtype("float64"), dtype("uint16"))
    >>> dtype("int32") == np.int32, dtype("int32")(3.7)
    (True, np.int32(3))

    Raises:
        InvalidArgument: no data type has that name, or corresponds to that NumPy dtype.
        TypeError: `dtype` is not something that names a type.
    """

    __slots__ = {
        "_numpy": None,
        "digits": """Binary digits of precision, without the sign; of a float its mantissa; 0 for text.

        >>> dtype("int8").digits, dtype("uint8").digits, dtype("float32").digits
        (7, 8, 24)
        """,
        "itemsize": """The size of an element in bytes; 0 for objects (string, ustring, json).

        >>> dtype("complex64").itemsize, dtype("int4").itemsize
        (8, 1)
        """,
        "kind": """What an element is: b(ool), i(nteger), u(nsigned), f(loat), c(omplex), r(aw), o(bject).

        >>> [dtype(name).kind for name in ("int4", "bfloat16", "char", "json")]
        ['i', 'f', 'r', 'o']
        """,
        "name": """The name, which is TensorStore's.

        >>> dtype(bool).name, dtype("uint16").name
        ('bool', 'uint16')
        """,
    }

    _interned: ClassVar[dict[str, DataType]] = {}

    name: str
    kind: str
    itemsize: int
    digits: int
    _numpy: np.dtype[Any] | None

    def __new__(cls, dtype: DTypeLike) -> DataType:  # noqa: PYI034 - interned: never an instance of a subclass
        """Return the one object that stands for the type."""
        if isinstance(dtype, DataType):
            return dtype
        if isinstance(dtype, str):
            try:
                return cls._interned[dtype]
            except KeyError:
                raise InvalidArgument(f'No TensorStore data type with name: "{dtype}"') from None
        if isinstance(dtype, np.dtype):
            return _of_numpy(dtype)
        if isinstance(dtype, type):
            name = _PYTHON_TYPES.get(dtype)
            if name is not None:
                return cls._interned[name]
            if not (issubclass(dtype, np.generic) and dtype.__subclasses__()):
                return _of_numpy(np.dtype(dtype))
            if dtype in (np.bytes_, np.void):
                return _of_numpy(np.dtype(dtype))
        raise TypeError(
            "dtype(): expected the name of a data type, a NumPy dtype or scalar type, or a Python type, "
            f"but received: {dtype!r}"
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name!r} of a data type cannot be set")

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """The NumPy dtype of arrays of this type; objects for string, ustring and json.

        As in the drop-in, char and byte are ``S`` and ``V`` without a size: `array_dtype` has it.

        >>> dtype("uint16").numpy_dtype, dtype("bfloat16").numpy_dtype, dtype("ustring").numpy_dtype
        (dtype('uint16'), dtype(bfloat16), dtype('O'))
        """
        return self._numpy if self._numpy is not None else _numpy_of(self)

    @property
    def array_dtype(self) -> np.dtype[np.generic]:
        """The NumPy dtype of one element, `itemsize` bytes: as `numpy_dtype`, but ``S1`` and ``V1``.

        >>> dtype("char").numpy_dtype, dtype("char").array_dtype
        (dtype('S'), dtype('S1'))
        """
        return self.numpy_dtype if self.kind != "r" else np.dtype("S1" if self.name == "char" else "V1")

    @property
    def type(self) -> type:
        """The Python type of one element: a NumPy scalar type, bytes, or str.

        >>> dtype("int32").type, dtype("string").type, dtype("ustring").type
        (<class 'numpy.int32'>, <class 'bytes'>, <class 'str'>)
        """
        return _OBJECT_TYPES.get(self.name) or self.numpy_dtype.type

    def to_json(self) -> str:
        """Return the name, which is how a data type stands in specifications.

        >>> dtype(float).to_json()
        'float64'
        """
        return self.name

    def __call__(self, arg: object) -> np.generic | bytes | Json:
        """Return one element of this type, converted from `arg` by the rules of its Python type.

        Raises:
            TypeError, ValueError, OverflowError: as NumPy, or Python, raises them for `arg`.

        >>> dtype("uint8")(7), dtype("ustring")(7), dtype("json")({"a": [1]})
        (np.uint8(7), '7', {'a': [1]})
        """
        if self.name == "json":
            from tegula.binding import as_json

            json: Json = as_json(arg)
            return json
        made: np.generic | bytes | str = self.type(arg)
        return made

    def __eq__(self, other: object) -> builtins_bool:
        if other is self:
            return True
        if isinstance(other, DataType):
            return False
        if isinstance(other, str):
            return other == self.name
        if isinstance(other, (np.dtype, type)):
            try:
                return DataType(other) is self
            except (InvalidArgument, TypeError):
                return False
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'dtype("{self.name}")'

    def __str__(self) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return DataType, (self.name,)


dtype = DataType


def _intern(row: _Row) -> DataType:
    made: DataType = object.__new__(DataType)
    numpy_dtype = np.dtype(row.name) if row.name in _NUMPY_NAMES else None
    for slot, value in zip(
        ("name", "kind", "itemsize", "digits", "_numpy"), (*row[:4], numpy_dtype), strict=True
    ):
        object.__setattr__(made, slot, value)
    DataType._interned[row.name] = made
    return made


def _of_numpy(numpy_dtype: np.dtype[Any]) -> DataType:
    kind = numpy_dtype.kind
    name = _NUMPY_CODES.get(f"{kind}{numpy_dtype.itemsize}")
    scalar = numpy_dtype.type
    if scalar.__module__ == "ml_dtypes":
        name = scalar.__name__
    elif kind == "S":
        name = "char"
    elif kind == "V":
        name = "byte"
    found = DataType._interned.get(name or "")
    if found is None:
        raise InvalidArgument(f"No TensorStore data type corresponding to NumPy dtype: {numpy_dtype!r}")
    return found


def _numpy_of(data_type: DataType) -> np.dtype[Any]:
    if data_type.kind == "o":
        made: np.dtype[Any] = np.dtype(object)
    elif data_type.kind == "r":
        made = np.dtype("S" if data_type.name == "char" else "V")
    else:
        import ml_dtypes

        made = np.dtype(getattr(ml_dtypes, data_type.name))
    object.__setattr__(data_type, "_numpy", made)
    return made


def can_convert(source: DataType, target: DataType) -> builtins_bool:
    """Tell whether an explicit conversion from `source` to `target` exists.

    >>> can_convert(float64, int8), can_convert(complex64, bool), can_convert(string, int8)
    (True, False, False)
    """
    if source is target:
        return True
    s, t = source.kind, target.kind
    if s == "r" or t == "r":
        return s == t
    if s == "o":
        return t == "o" or (source is json and t != "c")
    if t == "o":
        return s != "b" or target is json
    return not (s == "c" and t == "b")


class Conversion(NamedTuple):
    """What is true of the conversion of one type to another.

    `supported`: it exists; `safe`: it happens unasked, as no value may change; `reinterpret`: the bytes of
    the elements stay; `identity`: the types are one.
    """

    supported: builtins_bool
    safe: builtins_bool
    reinterpret: builtins_bool
    identity: builtins_bool


def conversion(source: DataType, target: DataType) -> Conversion:
    """Return what is true of the conversion from `source` to `target`.

    >>> conversion(int8, uint8)
    Conversion(supported=True, safe=False, reinterpret=True, identity=False)
    """
    return Conversion(
        can_convert(source, target),
        is_safe(source, target),
        can_reinterpret(source, target),
        source is target,
    )


def can_reinterpret(source: DataType, target: DataType) -> builtins_bool:
    """Tell whether a conversion keeps the bytes of the elements (text: its UTF-8).

    >>> can_reinterpret(uint16, int16), can_reinterpret(ustring, string), can_reinterpret(int8, int4)
    (True, True, False)
    """
    if source is target or source.kind == target.kind == "r":
        return True
    if source is ustring:
        return target is string
    whole = source.kind in "iu" and target.kind in "iu" and min(source.digits, target.digits) >= 7
    return whole and source.itemsize == target.itemsize


def is_safe(source: DataType, target: DataType) -> builtins_bool:
    """Tell whether `source` converts to `target` without being asked to: no value may change.

    >>> is_safe(int16, float32), is_safe(int32, float32), is_safe(ustring, json)
    (True, False, True)
    """
    if source is target:
        return True
    s, t = source.kind, target.kind
    if s == "r" or t == "r":
        return s == t
    if s == "o":
        return t == "o" and source is ustring
    if t == "o":
        return target is json
    if t == "b" or (s == "c" and t != "c"):
        return False
    if s == "b":
        return True
    if s in "iu":
        return source.digits <= target.digits and not (s == "i" and t == "u")
    if t in "iu":
        return False
    a, b = _BY_NAME[source.name], _BY_NAME[target.name]
    return a.digits <= b.digits and a.low >= b.low and a.high <= b.high


_BY_NAME = {row.name: row for row in _ROWS}

(
    bool,  # noqa: A001 - the public names are the names of the types
    char,
    byte,
    int2,
    int4,
    int8,
    uint8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float8_e3m4,
    float8_e4m3fn,
    float8_e4m3fnuz,
    float8_e4m3b11fnuz,
    float8_e5m2,
    float8_e5m2fnuz,
    float8_e8m0fnu,
    float4_e2m1fn,
    float16,
    bfloat16,
    float32,
    float64,
    complex64,
    complex128,
    string,
    ustring,
    json,
) = map(_intern, _ROWS)
