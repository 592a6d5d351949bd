"""Bounds and labels as they are given most days: small integers and plain strings, in lists or tuples.

What this file knows: how such rows are checked in one pass.  What it must not know: domains, and the text
of any error but that of a label used twice; whatever is not plainly right is left to `components`.

Law: where `plain_parts` answers, a domain of these parts is what `of_components` makes of the same arguments.
"""

from __future__ import annotations

from typing import Any

from tegula.space.columns import ZEROS
from tegula.space.interval import MAX_RANK
from tegula.space.labels import check_labels

_LARGE = 2**60
Parts = tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...] | None]
"""Lower bounds, upper bounds, labels (None for none)."""


def plain_parts(inclusive_min: Any, exclusive_max: Any, shape: Any, labels: Any) -> Parts | None:
    """Return the parts of a domain of explicit, finite bounds, or None where the long way must decide.

    >>> plain_parts([1, 2], None, (3, 4), ["x", "y"]), plain_parts([1, 2], None, (3, 4.0), None)
    (((1, 2), (4, 6), ('x', 'y')), None)
    """
    ends = exclusive_max if shape is None else shape
    kind = type(ends)
    if (kind is not list and kind is not tuple) or not (shape is None or exclusive_max is None):
        return None
    count = len(ends)
    if count > MAX_RANK:
        return None
    if inclusive_min is None:
        if shape is None:
            return None
        for end in ends:
            if type(end) is not int or not 0 <= end < _LARGE:
                return None
        los, his = ZEROS[count], tuple(ends)
    else:
        kind = type(inclusive_min)
        if (kind is not list and kind is not tuple) or len(inclusive_min) != count:
            return None
        lasts = []
        for lo, end in zip(inclusive_min, ends, strict=True):
            if type(lo) is not int or type(end) is not int or not -_LARGE < lo < _LARGE:
                return None
            last = end if shape is None else lo + end
            if not lo <= last < _LARGE:
                return None
            lasts.append(last)
        los, his = tuple(inclusive_min), tuple(lasts)
    if labels is None:
        return los, his, None
    kind = type(labels)
    if (kind is not list and kind is not tuple) or len(labels) != count:
        return None
    for label in labels:
        if type(label) is not str or not label.isascii():
            return None
    names = tuple(labels)
    check_labels(names)
    return los, his, names
