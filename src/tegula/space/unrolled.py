"""Loops over the bounds of two domains, or of one, written out for each rank.

What this file knows: the common part and the hull of two rows of bounds, and how bounds move and print, as
straight code for a rank, made when that rank is first met: a loop would take twice the time (`image.py` does
the same for points).  What it must not know: domains, labels, implicit bounds.

Laws: `common(n)` and `hulls(n)` are `interval.intersect` and `interval.hull` of each dimension, all bounds
explicit; `shown(n)` is what `interval_text` says of each, `moved(n)` what `interval.shifted` makes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tegula.space.interval import MAX_RANK

Bounds = tuple[tuple[int, ...], tuple[int, ...]]
"""Lower bounds, upper bounds."""
_RANKS = MAX_RANK + 1
_ROWS = {
    "los": "a",
    "lows": "b",
    "his": "c",
    "highs": "d",
    "moves": "m",
    "names": "n",
    "offsets": "o",
    "strides": "s",
}
"""By what letter the entries of each row are called."""


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


@lru_cache(_RANKS)
def lines(rank: int) -> Callable[..., str]:
    """Return a function of finite bounds and what is said after each, `(los, his, names)`: a line for each.

    >>> print(lines(2)((0, -1), (5, 3), (' "x"', "")), end="")
        0: [0, 5) "x"
        1: [-1, 3)
    """
    text = "".join(f"    {i}: [{{a{i}}}, {{c{i}}}){{n{i}}}\\n" for i in range(rank))
    found: Callable[..., str] = _written(rank, "los, his, names", f"  return f'{text}'\n")
    return found


@lru_cache(1024)
def outputs(dims: tuple[int, ...]) -> Callable[..., str]:
    """Return a function of `(offsets, strides)`: a line for each output, which follow the dimensions `dims`.

    >>> print(outputs((1, -1))((0, 5), (2, 0)), end="")
        out[0] = 0 + 2 * in[1]
        out[1] = 5
    """
    text = "".join(
        f"    out[{k}] = {{o{k}}}" + (f" + {{s{k}}} * in[{i}]\\n" if i >= 0 else "\\n")
        for k, i in enumerate(dims)
    )
    found: Callable[..., str] = _written(len(dims), "offsets, strides", f"  return f'{text}'\n")
    return found


@lru_cache(_RANKS)
def moved(rank: int) -> Callable[..., Bounds]:
    """Return a function of `(los, his, moves)`: the bounds moved forward.

    >>> moved(2)((0, -1), (5, 3), (10, 0))
    ((10, -1), (15, 3))
    """
    rows = [", ".join(f"{name}{i} + m{i}" for i in range(rank)) for name in "ac"]
    found: Callable[..., Bounds]
    found = _written(rank, "los, his, moves", f"  return ({rows[0]},), ({rows[1]},)\n")
    return found


@lru_cache(_RANKS)
def distances(rank: int) -> Callable[[tuple[int, ...], tuple[int, ...]], tuple[int, ...]]:
    """Return a function of `(los, moves)`: how far the first is from the second, number by number.

    >>> distances(2)((1, 2), (5, 5))
    (4, 3)
    """
    row = ", ".join(f"m{i} - a{i}" for i in range(rank))
    found: Callable[[tuple[int, ...], tuple[int, ...]], tuple[int, ...]]
    found = _written(rank, "los, moves", f"  return ({row},)\n")
    return found


def _bounds(rank: int, steps: str) -> Any:
    rows = [", ".join(f"{name}{i}" for i in range(rank)) for name in "ac"]
    return _written(rank, "los, his, lows, highs", f"{steps}  return ({rows[0]},), ({rows[1]},)\n")


def _written(rank: int, arguments: str, body: str) -> Any:
    """Return the function of these rows, of `rank` entries each (1 or more), with that body."""
    unpacked = "".join(
        f"  {', '.join(f'{_ROWS[row]}{i}' for i in range(rank))}, = {row}\n" for row in arguments.split(", ")
    )
    scope: dict[str, Any] = {}
    exec(f"def written({arguments}):\n{unpacked}{body}", scope)
    return scope["written"]
