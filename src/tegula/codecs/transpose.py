"""The transpose codec: the dimensions of a chunk in another order.

What this file knows: the ways to write a permutation down.  What it must not know: chunks.

Law: of two transposes in a row, the second permutes what the first has permuted.
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.codecs.declare import ARRAY, Constraint, Declaration, Member
from tegula.errors import InvalidArgument, TegulaError

__all__ = ["ZARR3", "aligned", "braced"]

MAX_RANK = 32


def braced(numbers: tuple[int, ...]) -> str:
    """Return numbers the way error texts show them.

    >>> braced((1, 0))
    '{1, 0}'
    """
    return "{" + ", ".join(map(str, numbers)) + "}"


def _order(value: Any) -> Any:
    """Return a permutation as a tuple, or "C" or "F"."""
    if value in ("C", "F") and isinstance(value, str):
        return value
    try:
        items = binding.array(value)
        if len(items) > MAX_RANK:
            raise InvalidArgument(f"Rank {len(items)} is outside valid range [0, {MAX_RANK}]")
        found = []
        for index, item in enumerate(items):
            with binding.at_position(index):
                found.append(binding.integer(item, 0, MAX_RANK - 1))
        order = tuple(found)
        if sorted(order) != list(range(len(order))):
            raise InvalidArgument(f"{braced(order)} is not a valid permutation")
    except TegulaError as error:
        second = binding.expected('one of "C", "F"', value).message
        raise InvalidArgument(f"No matching value binder: {error.message}; {second}") from None
    return order


def aligned(a: Constraint, b: Constraint) -> tuple[Constraint, Constraint]:
    """Return two transposes, spelled alike: beside a list, "C" and "F" are lists too.

    >>> aligned(Constraint("transpose", (("order", "F"),)), Constraint("transpose", (("order", (1, 0)),)))[0]
    Constraint(name='transpose', members=(('order', (1, 0)),))
    """
    ranks = [len(value) for one in (a, b) for _, value in one.members if isinstance(value, tuple)]
    if not ranks:
        return a, b
    spelled = {"C": tuple(range(ranks[0])), "F": tuple(range(ranks[0]))[::-1]}

    def with_lists(one: Constraint) -> Constraint:
        members = [(name, spelled[value] if value in ("C", "F") else value) for name, value in one.members]
        return Constraint(one.name, tuple(members))

    return with_lists(a), with_lists(b)


def _settle(members: dict[str, Any], rank: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    order = members["order"]
    if order == "C":
        order = tuple(range(rank))
    elif order == "F":
        order = tuple(range(rank))[::-1]
    if len(order) != rank:
        raise InvalidArgument(f"{braced(order)} is not a valid dimension permutation for a rank {rank} array")
    return {"order": order}, order


_ABSENT = (
    'No matching value binder: Expected array, but member is missing; Expected one of "C", "F",'
    " but member is missing"
)

ZARR3 = Declaration("transpose", ARRAY, (Member("order", _order, None, _ABSENT, required=True),), _settle)
