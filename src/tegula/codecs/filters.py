"""Codecs from numbers to numbers: delta, fixedscaleoffset, quantize, bitround, astype, packbits.

In a zarr v2 document they are `filters`, in one of zarr v3 array -> array codecs called numcodecs.*.  Both
act on the elements of a chunk as they lie in memory, one after the other, so that here they are steps from
bytes to bytes, of a size that the number of elements settles.

What this file knows: what each is told, of which type its elements are before and after.  The arithmetic is
numcodecs' own, called by class: no name from a document is imported.  What it must not know: chunks, shapes.

Law: decode(encode(x)) is what numcodecs makes of it; delta of integers, packbits and widening astype give x.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import FILTER, Declaration, Member, integer_member
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.record import Record

__all__ = ["ZARR2", "ZARR3", "Filter", "element_type"]

_TYPE = re.compile(
    r"[<>=|]?(b1|[iu][1248]|f[248]|c8|c16)|bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)"
)
_MANTISSA = {2: 10, 4: 23, 8: 52}


def element_type(value: Any) -> str:
    """Return the canonical text of an element type.

    >>> element_type("int16"), element_type(">f4")
    ('<i2', '>f4')

    Raises:
        InvalidArgument: it is none of booleans, integers, floats and complex numbers.
    """
    text = binding.text(value)
    if _TYPE.fullmatch(text) is None:
        raise binding.expected("data type of numbers", value)
    return np.dtype(text).str


class Filter(Record):
    """The filter called `name` from elements of type `decoded` to elements of type `encoded`.

    >>> delta = Filter("delta", "<i4", "<i1")
    >>> delta.encode(np.array([5, 7, 6], "<i4").tobytes()).tolist()
    [5, 2, 255]
    >>> np.frombuffer(delta.decode(bytes([5, 2, 255]), 12, True, None), "<i4")
    array([5, 7, 6], dtype=int32)
    """

    name: str
    decoded: str
    encoded: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def lossy(self) -> bool:
        """Whether what is decoded may be something else than what was encoded."""
        return self.name not in ("delta", "packbits")

    @property
    def alone(self) -> bool:
        """Whether each element is encoded without its neighbours."""
        return self.name not in ("delta", "packbits")

    def encoded_size(self, size: int) -> int:
        """Return how many bytes `size` bytes become."""
        if self.name == "packbits":
            return 1 + -(-size // 8)
        return size // np.dtype(self.decoded).itemsize * np.dtype(self.encoded).itemsize

    def encode(self, data: Buffer) -> memoryview:
        """Return the encoded elements.

        Raises:
            InvalidArgument: the filter cannot take them.
        """
        array = np.frombuffer(data, self.decoded)
        try:
            if self.name == "bitround":  # the library knows native floats only
                return _bytes(
                    _of(self).encode(array.astype(array.dtype.newbyteorder("="))), not array.dtype.isnative
                )
            found = _of(self).encode(array)
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidArgument(f"Filter {self.name}: {error}") from None
        return _bytes(found)

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> memoryview:  # noqa: ARG002
        """Return the decoded elements; see `ByteCodec.decode`."""
        wanted, given = self.encoded_size(size), len(data)
        if exact and given < wanted:
            raise not_enough(wanted, given, f"; at byte {given}")
        if given > wanted:
            raise too_much(given - wanted, f"; at byte {wanted}")
        if self.name == "packbits":
            return self._unpacked(data, size, exact)
        if self.name == "bitround":
            return memoryview(data)
        try:
            found = _bytes(_of(self).decode(np.frombuffer(data, self.encoded)))
        except (ValueError, TypeError, OverflowError) as error:
            raise FailedPrecondition(f"Filter {self.name}: {error}") from None
        if exact and len(found) != size:
            raise not_enough(size, len(found))
        return found

    def _unpacked(self, data: Buffer, size: int, exact: bool) -> memoryview:
        padded = data[0] if len(data) else 8
        count = 8 * (len(data) - 1) - padded
        if padded > 7 or count < 0 or (exact and count != size):
            raise FailedPrecondition("Filter packbits: the number of bits is not that of the elements")
        return _bytes(np.unpackbits(np.frombuffer(data, np.uint8)[1:], count=count))


def _bytes(array: Any, swap: bool = False) -> memoryview:
    array = array.byteswap() if swap else array
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


class _Quiet:
    """A codec of numcodecs whose arithmetic says nothing of overflow: that is what was asked for."""

    def __init__(self, codec: Any) -> None:
        self.codec = codec

    def encode(self, array: Any) -> Any:
        with np.errstate(all="ignore"):
            return self.codec.encode(array)

    def decode(self, array: Any) -> Any:
        with np.errstate(all="ignore"):
            return self.codec.decode(array)


@lru_cache(maxsize=64)
def _of(one: Filter) -> Any:
    import numcodecs

    options = dict(one.options)
    if one.name == "astype":
        return _Quiet(numcodecs.AsType(one.encoded, one.decoded))
    if one.name == "bitround":
        return _Quiet(numcodecs.BitRound(**options))
    if one.name == "packbits":
        return _Quiet(numcodecs.PackBits())
    made = {
        "delta": numcodecs.Delta,
        "fixedscaleoffset": numcodecs.FixedScaleOffset,
        "quantize": numcodecs.Quantize,
    }[one.name]
    return _Quiet(made(**options, dtype=one.decoded, astype=one.encoded))


# ---------------------------------------------------------------- what documents say


def _number(value: Any) -> Any:
    binding.number(value)
    return value


def _natural(given: Any) -> str | None:
    """Return the type of what comes to a filter, None where it is more than a number."""
    return given.str if isinstance(given, np.dtype) and _TYPE.fullmatch(given.str) else None


def _settle(name: str, members: dict[str, Any], given: Any) -> tuple[dict[str, Any], Filter]:
    """Fill in the types from what comes to the filter, where they are left out."""
    settled = dict(members)
    before, after = ("decode_dtype", "encode_dtype") if name == "astype" else ("dtype", "astype")
    natural = _natural(given)
    if name in ("bitround", "packbits"):
        decoded: str | None = natural
    else:
        decoded = members[before] or natural
        settled[before] = decoded
    if decoded is None:
        raise InvalidArgument(f"{name} does not apply to what comes to it: {given}")
    encoded = members.get(after) or decoded
    if name == "packbits":
        if np.dtype(decoded).itemsize != 1:
            raise InvalidArgument(f"packbits applies to booleans, not to {given}")
        decoded, encoded = "|b1", "|u1"
    elif name == "bitround":
        _check_bits(decoded, members["keepbits"])
    elif name == "quantize" and {np.dtype(decoded).kind, np.dtype(encoded).kind} != {"f"}:
        raise InvalidArgument("quantize applies to floating-point numbers")
    kinds = np.dtype(decoded).kind, np.dtype(encoded).kind
    if (kinds[0] == "c") != (kinds[1] == "c"):
        raise InvalidArgument(f"{name} does not go from {decoded} to {encoded}")
    own = ("keepbits", "digits", "offset", "scale")
    return settled, Filter(
        name, decoded, encoded, tuple((key, members[key]) for key in own if key in members)
    )


def _check_bits(decoded: str, bits: int) -> None:
    kind = np.dtype(decoded)
    if kind.kind != "f":
        raise InvalidArgument(f"bitround applies to floating-point numbers, not to {decoded}")
    if bits > _MANTISSA[kind.itemsize]:
        raise InvalidArgument(f"bitround: {decoded} has no {bits} bits to keep")


_REQUIRED = "Expected data type of numbers, but member is missing"
_NEEDED = "Expected number, but member is missing"


def _typed(name: str) -> Member:
    return Member(name, element_type, None)


_KINDS: dict[str, tuple[Member, ...]] = {
    "astype": (Member("encode_dtype", element_type, None, _REQUIRED, required=True), _typed("decode_dtype")),
    "bitround": (Member("keepbits", partial(binding.integer, low=0, high=52), None, _NEEDED, required=True),),
    "delta": (_typed("dtype"), _typed("astype")),
    "fixedscaleoffset": (
        Member("offset", _number, None, _NEEDED, required=True),
        Member("scale", _number, None, _NEEDED, required=True),
        _typed("dtype"),
        _typed("astype"),
    ),
    "packbits": (),
    "quantize": (integer_member("digits", -300, 300, 0, stored=False), _typed("dtype"), _typed("astype")),
}
_STATED = ("dtype", "encode_dtype", "decode_dtype")
"""What a document of zarr v2 cannot leave out."""
ZARR2 = {
    name: Declaration(
        name,
        FILTER,
        tuple(
            each._replace(absent=_REQUIRED, required=True) if each.name in _STATED else each for each in found
        ),
        partial(_settle, name),
    )
    for name, found in _KINDS.items()
}
ZARR3 = {
    name: Declaration(f"numcodecs.{name}", FILTER, found, partial(_settle, name))
    for name, found in _KINDS.items()
}
