"""Memory for the arrays that reads give to users, used again once an array is let go.

Many results of some ten to hundred kilobytes that are let go together are a heap that the C library gives
back to the system, page by page; touching as much again costs half as much as decoding into it.  So such
memory is kept, at most about `MOST` bytes of it, by size, and the next result of that size lies in it.

An array is the only object that refers to its memory: views, buffers and tensors over it refer to the array.
When it dies, a weak reference says so; whether somebody has taken its `base`, the count of references says.
A forked child has copies of all of it.

Law: a result shares memory with nothing else that anybody can look at.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import prod
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALL", "result"]

SMALL, LARGE = 16 << 10, 1 << 20  # smaller ones come from a heap that stays; larger ones are mapped
MOST = 32 << 20
KINDS = 8  # sizes of which memory is kept; the oldest makes room


class _Given(ref[Any]):
    """A result, and its memory, which nobody else but the result refers to."""

    __slots__ = ("held",)
    held: bytearray


_free: dict[int, list[bytearray]] = {}
_given: dict[int, _Given] = {}


def _others(was: Any) -> tuple[bytearray, int]:
    """Return the memory of an array that dies, and how many refer to it as counted here."""
    held = was.held
    del was.held
    return held, sys.getrefcount(held)


def _alone() -> int:
    """Return that count for memory to which nobody but its array refers; -1 where counts are not exact."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return -1
    seen: list[int] = []
    held = bytearray(8)
    made: Any = np.ndarray((8,), np.uint8, held)
    given = _Given(made, lambda was: seen.append(_others(was)[1]))
    given.held = held
    del held, made
    return seen[0] if seen else -1


_ALONE = _alone()


def result(shape: Sequence[int], dtype: np.dtype[Any], order: str = "C") -> NDArray[Any]:
    """Return a new array, not initialised, for a user.

    >>> result((2, 3), np.dtype("u2"), "F").flags.f_contiguous
    True
    """
    size = prod(shape) * dtype.itemsize
    how: Any = "F" if order == "F" else "C"
    if not SMALL <= size <= LARGE or dtype.hasobject or _ALONE < 0:
        return np.empty(shape, dtype, how)
    try:
        held = _free[size].pop()
    except (KeyError, IndexError):
        held = bytearray(size)
    made: NDArray[Any] = np.ndarray(tuple(shape), dtype, held, order=how)
    given = _Given(made, _let_go)
    given.held = held
    _given[id(given)] = given
    return made


def _let_go(was: Any) -> None:
    """Keep the memory of an array that died; called on any thread, in the middle of anything."""
    del _given[id(was)]
    held, count = _others(was)
    if count != _ALONE:
        return
    size = len(held)
    mine = _free.setdefault(size, [])
    mine.append(held)
    kinds = list(_free)
    if len(kinds) > KINDS or sum([each * len(_free.get(each, ())) for each in kinds]) > MOST:
        oldest = kinds[0]
        if oldest != size:
            _free.pop(oldest, None)
        elif mine:
            mine.pop()
