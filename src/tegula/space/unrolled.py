"""Loops over the bounds of two domains, or of one, written out for each rank.

What this file knows: the common part and the hull of two rows of bounds, and how bounds are printed, as
straight code for a rank, made when that rank is first met: a loop would take twice the time (`image.py` does
the same for points).  What it must not know: domains, labels, implicit bounds.

Laws: `common(n)` and `hulls(n)` are `interval.intersect` and `interval.hull` of each dimension, all bounds
explicit; `shown(n)` is what `interval_text` says of each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tegula.space.interval import MAX_RANK

Bounds = tuple[tuple[int, ...], tuple[int, ...]]
"""Lower bounds, upper bounds."""
_RANKS = MAX_RANK + 1
_UNPACKED = ("a", "los"), ("b", "lows"), ("c", "his"), ("d", "highs")


@lru_cache(_RANKS)
def common(rank: int) -> Callable[..., Bounds]:
    """Return a function of `(los, his, lows, highs)`, two rows of bounds: the bounds of the common part.

    >>> common(2)((0, 0), (5, 5), (3, 7), (9, 9))
    ((3, 7), (5, 7))
    """
    steps = "".join(
        f"  if a{i} < b{i}: a{i} = b{i}\n  if c{i} > d{i}: c{i} = d{i}\n  if c{i} < a{i}: c{i} = a{i}\n"
        for i in range(rank)
    )
    found: Callable[..., Bounds] = _bounds(rank, steps)
    return found


@lru_cache(_RANKS)
def hulls(rank: int) -> Callable[..., Bounds | None]:
    """Return a function of `(los, his, lows, highs)`: the least bounds that hold both.

    None where a dimension of either is empty, and counts for nothing.

    >>> hulls(2)((0, 0), (5, 5), (3, 7), (9, 9)), hulls(1)((0,), (5,), (9,), (9,))
    (((0, 0), (9, 9)), None)
    """
    steps = "".join(
        f"  if a{i} >= c{i} or b{i} >= d{i}: return None\n  if a{i} > b{i}: a{i} = b{i}\n"
        f"  if c{i} < d{i}: c{i} = d{i}\n"
        for i in range(rank)
    )
    found: Callable[..., Bounds | None] = _bounds(rank, steps)
    return found


@lru_cache(_RANKS)
def shown(rank: int) -> Callable[[tuple[int, ...], tuple[int, ...]], str]:
    """Return a function of finite bounds `(los, his)`: the text of a domain without labels.

    >>> shown(2)((0, -1), (5, 3))
    '{ [0, 5), [-1, 3) }'
    """
    text = ", ".join(f"[{{a{i}}}, {{c{i}}})" for i in range(rank))
    found: Callable[[tuple[int, ...], tuple[int, ...]], str]
    found = _written(rank, "los, his", f"  return f'{{{{ {text} }}}}'\n")
    return found


def _bounds(rank: int, steps: str) -> Any:
    rows = [", ".join(f"{name}{i}" for i in range(rank)) for name in "ac"]
    return _written(rank, "los, his, lows, highs", f"{steps}  return ({rows[0]},), ({rows[1]},)\n")


def _written(rank: int, arguments: str, body: str) -> Any:
    """Return the function of these rows, of `rank` entries each (1 or more), with that body."""
    unpacked = "".join(
        f"  {', '.join(f'{name}{i}' for i in range(rank))}, = {row}\n"
        for name, row in _UNPACKED
        if row in arguments.split(", ")
    )
    scope: dict[str, Any] = {}
    exec(f"def written({arguments}):\n{unpacked}{body}", scope)
    return scope["written"]
