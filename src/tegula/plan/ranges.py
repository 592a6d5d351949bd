"""Many byte ranges of few values, as few requests: neighbours are asked for together.

What this file knows: intervals of bytes.  What it must not know: who wants them, which store has them.

Laws: every range lies in the request it is given to; a request holds at most `gap` bytes in a row that
nobody asked for, and no more than `limit` bytes unless a single range does; no byte is in two requests
of one owner unless `limit` cut there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tegula.row import NamedTuple

__all__ = ["GAP", "Requests", "coalesce"]

GAP = 4096
"""Bytes between two ranges that cost less to read than a request more."""


class Requests(NamedTuple):
    """Requests for bytes: k of them for n ranges.

    `owners`, `starts`, `stops`: k integers each, the value asked and the half-open range of its bytes;
    `request` int64[n]: the request in which each range lies.
    """

    owners: list[int]
    starts: list[int]
    stops: list[int]
    request: NDArray[np.int64]


def coalesce(
    owners: Sequence[int] | NDArray[np.int64],
    starts: Sequence[int] | NDArray[np.int64],
    stops: Sequence[int] | NDArray[np.int64],
    gap: int = GAP,
    limit: int = 1 << 62,
) -> Requests:
    """Join ranges of the same owner that touch, overlap, or lie at most `gap` bytes apart.

    >>> coalesce([0, 0, 1, 0], [10, 0, 0, 500], [20, 10, 5, 501], gap=100)
    Requests(owners=[0, 0, 1], starts=[0, 500, 0], stops=[20, 501, 5], request=array([0, 0, 2, 1]))
    """
    begin, owner = np.asarray(starts, np.int64), np.asarray(owners, np.int64)
    order = np.lexsort((begin, owner))
    made = Requests([], [], [], np.empty(len(order), np.int64))
    if not len(order):
        return made
    columns = (owner[order].tolist(), begin[order].tolist(), np.asarray(stops, np.int64)[order].tolist())
    numbers = []
    held, first, last = columns[0][0], columns[1][0], columns[2][0]
    for who, start, stop in zip(*columns, strict=True):
        if who != held or start > last + gap or (stop > last and stop - first > limit and start > first):
            made.owners.append(held)
            made.starts.append(first)
            made.stops.append(last)
            held, first, last = who, start, stop
        elif stop > last:
            last = stop
        numbers.append(len(made.owners))
    made.owners.append(held)
    made.starts.append(first)
    made.stops.append(last)
    made.request[order] = numbers
    return made
