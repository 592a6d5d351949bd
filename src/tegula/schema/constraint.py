"""Hard and soft constraints on numbers, one a dimension, and how they merge.

What this file knows: the merge of two constraints, and which numbers a shape, an origin, an aspect
ratio, an inner order or a number of elements may be.  What it must not know: chunks.

A constraint is hard or soft, dimension by dimension.  Merging `b` into `a`:

    hard and hard   must be equal
    hard and soft   the hard one stays
    soft and soft   the first one stays
    unset           gives way to anything

Laws: merging is idempotent, associative (where it succeeds), and commutative on hard constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.row import NamedTuple
from tegula.space.interval import INF, MAX_RANK

__all__ = [
    "ORIGIN",
    "RATIO",
    "SHAPE",
    "Row",
    "Scalar",
    "Vector",
    "check_rank",
    "elements",
    "merge_rows",
    "merge_scalars",
    "order",
    "parse_order",
    "sequence",
    "whole",
]


class Row(NamedTuple):
    """One constraint a dimension: its value or None, and bit `i` of `hard` where it is hard."""

    values: tuple[Any, ...]
    hard: int = 0

    def of(self, hard: bool) -> tuple[Any, ...]:
        """Return the hard values (or the soft ones), None elsewhere."""
        return tuple([v if bool(self.hard >> i & 1) is hard else None for i, v in enumerate(self.values)])


class Scalar(NamedTuple):
    """One constraint without dimensions: an inner order, or a number of elements."""

    value: Any
    hard: bool


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return braced(value)
    return "0" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def braced(values: Iterable[Any]) -> str:
    """Return numbers as error texts show them.

    >>> braced((1, 2.5))
    '{1, 2.5}'
    """
    return "{" + ", ".join(map(_shown, values)) + "}"


def merge_rows(old: Row | None, new: Row) -> Row:
    """Return `new` merged into `old`.

    >>> merge_rows(Row((4, None, 8), 0b001), Row((None, 5, 9), 0b110))
    Row(values=(4, 5, 9), hard=7)

    Raises:
        InvalidArgument: two hard constraints differ.
    """
    if old is None:
        return new
    both = old.hard & new.hard
    if both:
        for i, (a, b) in enumerate(zip(old.values, new.values, strict=True)):
            if both >> i & 1 and a != b:
                raise InvalidArgument(
                    f"New hard constraint ({_shown(b)}) for dimension {i} "
                    f"does not match existing hard constraint ({_shown(a)})"
                )
    values = tuple(
        [
            b if a is None or new.hard >> i & 1 else a
            for i, (a, b) in enumerate(zip(old.values, new.values, strict=True))
        ]
    )
    return Row(values, old.hard | new.hard)


def merge_scalars(old: Scalar | None, new: Scalar) -> Scalar:
    """Return `new` merged into `old`; raise InvalidArgument where two hard constraints differ."""
    if old is None or (new.hard and not old.hard):
        return new
    if new.hard and old.value != new.value:
        raise InvalidArgument(
            f"New hard constraint ({_shown(new.value)}) "
            f"does not match existing hard constraint ({_shown(old.value)})"
        )
    return old


class Vector(NamedTuple):
    """What the values of a vector may be: how one is read, which is valid, unset or never hard."""

    read: Callable[[Any], Any]
    parse: Callable[[Any], Any]
    valid: Callable[[Any], bool]
    unset: Any = None
    soft: Any = None

    def row(self, given: Iterable[Any], hard: bool, rank: int | None = None) -> Row:
        """Return the constraints that a sequence of numbers and None states, of `rank` if that is known."""
        values = tuple([None if v is None else self.read(v) for v in sequence(given)])
        if values:
            check_rank(len(values), rank)
        for i, value in enumerate(values):
            if value is not None and not self.valid(value):
                raise InvalidArgument(f"Invalid value for dimension {i}: {braced(values)}")
        kept = tuple([None if v is not None and v == self.unset else v for v in values])
        if not hard:
            return Row(kept)
        return Row(kept, sum(1 << i for i, v in enumerate(kept) if v is not None and v != self.soft))

    def parsed(self, value: Any, hard: bool, rank: int | None = None) -> Row:
        """Return the constraints that a JSON array states, of `rank` if that is known."""
        values = []
        for i, item in enumerate(_dimensions(value)):
            with binding.at_position(i):
                values.append(None if item is None else self.parse(item))
        return self.row(values, hard, rank)


def _dimensions(value: Any) -> list[Any]:
    found = binding.array(value)
    if len(found) > MAX_RANK:
        raise InvalidArgument(f"Rank {len(found)} is outside valid range [0, {MAX_RANK}]")
    return found


def whole(value: Any) -> int:
    """Return an integer of 64 bits; raise TypeError for anything else."""
    if isinstance(value, float):
        raise TypeError("an integer is required")
    found = int(value.__index__())
    if not -(2**63) <= found < 2**63:
        raise TypeError("an integer of 64 bits is required")
    return found


def sequence(value: Any) -> list[Any]:
    """Return the items of a sequence; raise TypeError for what is none, as an iterator, a set or a dict."""
    if isinstance(value, (dict, str, bytes)) or not (
        hasattr(value, "__getitem__") and hasattr(value, "__len__")
    ):
        raise TypeError("a sequence is required")
    return list(value)


def _ratio_ok(value: float) -> bool:
    return 0 <= value < float("inf")


ORIGIN = Vector(whole, binding.integer, lambda v: -INF < v < INF)
SHAPE = Vector(whole, binding.integer, lambda v: -1 <= v < INF, unset=0, soft=-1)
RATIO = Vector(float, binding.number, _ratio_ok, unset=0.0)


def elements(value: int, hard: bool) -> Scalar | None:
    """Return the constraint on a number of elements; the least integer of 64 bits states none."""
    if value == -(2**63):
        return None
    if value < 0:
        raise InvalidArgument(f"Invalid value: {value}")
    return Scalar(value, hard)


def order(value: Iterable[Any], hard: bool) -> Scalar:
    """Return the constraint that an inner order states; it must be a permutation."""
    found = tuple([whole(v) for v in sequence(value)])
    if sorted(found) != list(range(len(found))):
        raise InvalidArgument(f"Invalid permutation: {braced(found)}")
    return Scalar(found, hard)


def parse_order(value: Any, hard: bool) -> Scalar:
    """Return the constraint that a JSON inner order states."""
    found = []
    for i, item in enumerate(_dimensions(value)):
        with binding.at_position(i):
            found.append(binding.integer(item, 0, MAX_RANK - 1))
    return order(found, hard)


def check_rank(new: int, old: int | None) -> int:
    """Return the rank that two constraints agree on; `old` None leaves it open."""
    if not 0 <= new <= MAX_RANK:
        raise InvalidArgument(f"Rank {new} is outside valid range [0, {MAX_RANK}]")
    if old is not None and new != old:
        raise InvalidArgument(f"Rank {new} does not match existing rank {old}")
    return new
