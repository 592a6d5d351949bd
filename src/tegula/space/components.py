"""Domains from component vectors: ranks that must agree, defaults, and the text of each complaint.

What this file knows: how `rank`, bounds, flags and labels, any of which may be missing, make a domain.
What it must not know: who asks (a domain, a transform, a JSON document).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex

from tegula.errors import InvalidArgument
from tegula.space.arguments import flag, label_of, number, row
from tegula.space.domain import NO_LABELS, IndexDomain, domain, mask_of
from tegula.space.interval import (
    END,
    INF,
    MAX_INT64,
    MAX_RANK,
    MAX_SIZE,
    MIN_INT64,
    check_closed,
    check_half_open,
    check_sized,
    wrapped,
)
from tegula.space.labels import check_labels

_INTEGERS = {int}


def _ints(values: Iterable[Any], what: str) -> tuple[int, ...]:
    if type(values) in (list, tuple):
        found = tuple(values)
        if set(map(type, found)) == _INTEGERS and min(found) >= MIN_INT64 and max(found) <= MAX_INT64:
            return found
    return tuple([number(value, what) for value in row(values, what)])


def _flags(values: Iterable[Any] | None, what: str) -> tuple[bool, ...] | None:
    return None if values is None else tuple([flag(value, what) for value in row(values, what)])


def of_components(
    rank: SupportsIndex | None,
    inclusive_min: Iterable[SupportsIndex] | None,
    implicit_lower_bounds: Iterable[bool] | None,
    exclusive_max: Iterable[SupportsIndex] | None,
    inclusive_max: Iterable[SupportsIndex] | None,
    shape: Iterable[SupportsIndex] | None,
    implicit_upper_bounds: Iterable[bool] | None,
    labels: Iterable[str | None] | None,
    prefix: str = "",
) -> IndexDomain:
    """Return the domain of component vectors, of which any may be missing (but not all).

    `prefix` goes before the names of the vectors in error texts (``"input_"`` for transforms).
    """
    asked = None
    if rank is not None:
        asked = number(rank, "rank")
        if not 0 <= asked <= MAX_RANK:
            raise InvalidArgument(f"Invalid {prefix}rank: {asked}")
    los = None if inclusive_min is None else _ints(inclusive_min, "inclusive_min")
    lower = _flags(implicit_lower_bounds, "implicit_lower_bounds")
    his: dict[str, tuple[int, ...]] = {}
    if exclusive_max is not None:
        his["exclusive_max"] = _ints(exclusive_max, "exclusive_max")
    if inclusive_max is not None:
        his["inclusive_max"] = _ints(inclusive_max, "inclusive_max")
    if shape is not None:
        his["shape"] = _ints(shape, "shape")
    upper = _flags(implicit_upper_bounds, "implicit_upper_bounds")
    names = None if labels is None else _labels(labels)
    size = _agreed(asked, los, lower, his, upper, names, prefix)
    form, ends = next(iter(his.items())) if his else ("exclusive_max", None)
    return bounded(size, los, form, ends, lower, upper, names or NO_LABELS[size])


def _agreed(
    asked: int | None,
    los: tuple[int, ...] | None,
    lower: tuple[bool, ...] | None,
    his: dict[str, tuple[int, ...]],
    upper: tuple[bool, ...] | None,
    names: tuple[str, ...] | None,
    prefix: str,
) -> int:
    """Return the rank that all components have; raise where they differ, or two say the same."""
    if asked is None and lower is None and upper is None and len(his) == 1:
        (ends,) = his.values()
        size = len(ends)
        if size <= MAX_RANK and (los is None or len(los) == size) and (names is None or len(names) == size):
            return size
    known: list[tuple[str, int]] = [] if asked is None else [(f"{prefix}rank", asked)]
    rows: list[tuple[str, tuple[Any, ...] | None]] = [
        (f"{prefix}inclusive_min", los),
        ("implicit_lower_bounds", lower),
        *((f"{prefix}{name}", values) for name, values in his.items()),
        ("implicit_upper_bounds", upper),
        (f"{prefix}labels", names),
    ]
    form = ""
    for name, values in rows:
        if values is None:
            continue
        if name.removeprefix(prefix) in his:
            if form:
                raise InvalidArgument(f"Cannot specify both `{form}` and `{name}`")
            form = name
        if not known:
            if len(values) > MAX_RANK:
                over = f"Rank specified by `{name}` ({len(values)}) exceeds maximum rank of {MAX_RANK}"
                raise InvalidArgument(over)
            known.append((name, len(values)))
        elif known[0][1] != len(values):
            raise InvalidArgument(
                f"Rank specified by `{name}` ({len(values)}) does not match "
                f"rank specified by `{known[0][0]}` ({known[0][1]})"
            )
    if not known:
        raise InvalidArgument(f"Must specify `{prefix}rank`")
    return known[0][1]


def _labels(labels: Iterable[str | None]) -> tuple[str, ...]:
    return tuple([label_of(label) for label in row(labels, "labels")])


def bounded(
    rank: int,
    los: tuple[int, ...] | None,
    form: str,
    ends: tuple[int, ...] | None,
    lower: tuple[bool, ...] | None,
    upper: tuple[bool, ...] | None,
    labels: tuple[str, ...],
) -> IndexDomain:
    """Return the checked domain of `rank` dimensions; `form` says what `ends` are.

    A missing lower bound is 0 where sizes are given, else unbounded; a missing flag is implicit where the
    bound is missing.
    """
    if labels is not NO_LABELS[rank]:
        check_labels(labels)
    sized = form == "shape" and ends is not None
    lowers = uppers = 0
    if los is None:
        los = (0 if sized else -INF,) * rank
        lowers = 0 if sized else (1 << rank) - 1
    if ends is None:
        form, ends, uppers = "exclusive_max", (END,) * rank, (1 << rank) - 1
    for k in range(rank):
        lo, end = los[k], ends[k]
        if form == "shape":
            check_sized(lo, end if end != MAX_SIZE else wrapped(END - lo))
        elif form == "inclusive_max":
            check_closed(lo, end)
        else:
            check_half_open(lo, end)
    if form == "shape":
        ends = tuple([END if n == MAX_SIZE else los[k] + n for k, n in enumerate(ends)])
    elif form == "inclusive_max":
        ends = tuple([last + 1 for last in ends])
    if lower is not None:
        lowers = mask_of(lower)
    if upper is not None:
        uppers = mask_of(upper)
    return domain(los, ends, labels, lowers, uppers)
