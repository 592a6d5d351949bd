"""Index arrays that a view has already, seen through more terms.

What this file knows: what is left of such an array where each dimension of the view becomes a constant, a
slice, or what another index array names.  What it must not know: terms (`plain`, `lookups`), and the text of
any error; whatever is not plainly right is left to `compose`, whose answer is the definition.

Law: `still_looked_up`, where it answers, are the index arrays of `compose(t, inner)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tegula.space.columns import Looked
from tegula.space.direct import ALONG
from tegula.space.domain import IndexDomain
from tegula.space.interval import END, INF, MAX_RANK
from tegula.space.maps import IndexArray
from tegula.space.transform import IndexTransform

_WHOLE = slice(None)
_WHOLES = tuple((_WHOLE,) * count for count in range(MAX_RANK + 1))
_UINT64 = np.dtype(np.uint64)
_FEW = 33
"""Index arrays of fewer elements are looked through by Python, which is faster then."""
Inner = tuple[Sequence[int], Sequence[int], Sequence[int]]
"""`(places, moves, steps)`: dimension `i` is `moves[i] + steps[i] * new[places[i]]`, -1 for none."""


def may_be_cut(t: IndexTransform, i: int) -> bool:
    """Tell whether an index array of `t` may have been cut to the one index of dimension `i`.

    Then another one over that dimension must be checked at once (`compose`).
    """
    source = t.domain
    return source.exclusive_max[i] - source.inclusive_min[i] == 1 and i not in t._dims


def still_looked_up(
    t: IndexTransform,
    new: IndexDomain,
    inner: Inner,
    along: Sequence[Looked | None] | None,
    column: list[Looked | None],
    dims: list[int],
    offsets: list[int],
    strides: list[int],
) -> bool:
    """Put what is left of the index arrays of `t` over the domain `new` into `column`; tell whether it is.

    In the same memory where it can be.  Dimension `i` of `t`, none of which is empty, is
    `moves[i] + steps[i] * new[places[i]]`, these three being `inner`, or where `along[i]` is an array over
    `new`, its values.  A single value is put into the other columns of the result, `dims`, `offsets` and
    `strides`.  False where it is not within its range, or an array leaves the domain of `t`.
    """
    los = t.domain.inclusive_min
    places, moves, steps = inner
    lows, highs = new.inclusive_min, new.exclusive_max
    straight = new.rank == len(los) and places[: new.rank].count(-1) == 0
    keys: tuple[list[Any], ...] = ()
    for j, looked in enumerate(t._arrays or ()):
        if looked is None:
            continue
        array, lo, hi = looked
        shape, size = array.shape, array.size
        if size > 1 and size in shape:  # it changes along one dimension
            i = shape.index(size)
            there = None if along is None else along[i]
            if there is not None:
                pick = _within(there[0], los[i], size)
                if pick is None:
                    return False
                column[j] = (array.reshape(size).take(pick), lo, hi)
                continue
            place, step = places[i], steps[i]
            start = moves[i] - los[i]
            if place < 0:
                array = array.reshape(size)[start : start + 1]
            else:
                start += step * lows[place]
                extent = highs[place] - lows[place]
                if extent == size and step > 0:  # all of it
                    column[j] = looked if straight else (array.reshape(ALONG[new.rank][place]), lo, hi)
                    continue
                stop = start + step * extent
                kept = slice(start, stop if stop >= 0 else None, step)
                if straight:
                    array = array[(*_WHOLES[i], kept)]
                else:
                    array = array.reshape(size)[kept]
                    if array.size > 1:
                        array = array.reshape(ALONG[new.rank][place])
        elif along is not None and any(extent != 1 and along[i] for i, extent in enumerate(shape)):
            gathered = _gathered(array, t, new, inner, along)
            if gathered is None:
                return False
            array = gathered
        else:
            keys = keys or _keys(t, new, places, moves, steps)
            key = [one if i < 0 or shape[i] == 1 else other for i, one, other in zip(*keys, strict=True)]
            array = np.asarray(array[tuple(key)])
        if array.size != 1:
            column[j] = (array, lo, hi)
            continue
        value = int(array.item())
        moved = offsets[j] + strides[j] * value
        if not (lo <= value < hi and -INF < value < INF and -END < moved < END):
            return False
        dims[j], offsets[j], strides[j] = -1, moved, 0
    return True


def _within(array: IndexArray, lo: int, extent: int) -> IndexArray | None:
    """Return the positions that an index array names in a dimension from `lo` on, None where it leaves it."""
    pick = array - lo if lo else array
    if pick.size < _FEW:
        values = pick.ravel().tolist()
        return pick if min(values) >= 0 and max(values) < extent else None
    return pick if pick.view(_UINT64).max() < extent else None  # what is below 0 is beyond all


def _gathered(
    array: IndexArray,
    t: IndexTransform,
    new: IndexDomain,
    inner: Inner,
    along: Sequence[Looked | None],
) -> IndexArray | None:
    """Return an index array over `t` as one over `new`, None where an array of `along` leaves its bounds."""
    places, moves, steps = inner
    picks: list[Any] = []
    for i, (extent, lo) in enumerate(zip(array.shape, t.domain.inclusive_min, strict=True)):
        if extent == 1:
            continue
        looked, place = along[i], places[i]
        if looked is not None:
            pick = _within(looked[0], lo, extent)
            if pick is None:
                return None
            picks.append(pick)
        elif place < 0:
            picks.append(moves[i] - lo)
        else:
            start = moves[i] + steps[i] * new.inclusive_min[place] - lo
            line = np.arange(start, start + steps[i] * new.shape[place], steps[i])
            picks.append(line.reshape(ALONG[new.rank][place]))
    flat = array.reshape([extent for extent in array.shape if extent != 1])
    return np.asarray(flat[tuple(picks)])


def _keys(
    t: IndexTransform, new: IndexDomain, places: Sequence[int], moves: Sequence[int], steps: Sequence[int]
) -> tuple[list[int], list[Any], list[Any]]:
    """Return for each axis of a key the dimension of `t` (-1 for a new one), and what it is for an array.

    That is, for one that does not change along the dimension, and for one that does.
    """
    los = t.domain.inclusive_min
    axes: list[int] = []
    ones: list[Any] = []
    others: list[Any] = []
    k = 0
    for i, place in enumerate(places[: len(los)]):
        if place < 0:
            axes.append(i)
            ones.append(0)
            others.append(moves[i] - los[i])
            continue
        for _ in range(k, place):
            axes.append(-1)
            ones.append(None)
            others.append(None)
        k = place + 1
        start = moves[i] + steps[i] * new.inclusive_min[place] - los[i]
        stop = start + steps[i] * new.shape[place]
        axes.append(i)
        ones.append(_WHOLE)
        others.append(slice(start, stop if stop >= 0 else None, steps[i]))
    left = new.rank - k
    return [*axes, *[-1] * left], [*ones, *[None] * left], [*others, *[None] * left]
