"""Domains from component vectors: ranks that must agree, defaults, and the text of each complaint.

What this file knows: how `rank`, bounds, flags and labels, any of which may be missing, make a domain.
What it must not know: who asks (a domain, a transform, a JSON document).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, SupportsIndex

from tegula.errors import InvalidArgument
from tegula.space.arguments import flag, label_of, number, row
from tegula.space.domain import NO_LABELS, IndexDomain, check_labels, domain, mask_of
from tegula.space.interval import (
    END,
    INF,
    MAX_RANK,
    MAX_SIZE,
    check_closed,
    check_half_open,
    check_sized,
    wrapped,
)


def _ints(values: Iterable[Any], what: str) -> tuple[int, ...]:
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
    known: list[tuple[str, int]] = []
    if rank is not None:
        asked = number(rank, "rank")
        if not 0 <= asked <= MAX_RANK:
            raise InvalidArgument(f"Invalid {prefix}rank: {asked}")
        known.append((f"{prefix}rank", asked))
    los = None if inclusive_min is None else _ints(inclusive_min, "inclusive_min")
    lower = _flags(implicit_lower_bounds, "implicit_lower_bounds")
    uppers = {"exclusive_max": exclusive_max, "inclusive_max": inclusive_max, "shape": shape}
    his = {name: _ints(values, name) for name, values in uppers.items() if values is not None}
    upper = _flags(implicit_upper_bounds, "implicit_upper_bounds")
    names = None if labels is None else _labels(labels)
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
    size = known[0][1]
    upper_form, ends = next(iter(his.items()), ("exclusive_max", None))
    return bounded(size, los, upper_form, ends, lower, upper, names or NO_LABELS[size])


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
    check_labels(labels)
    if lower is None:
        lower = (los is None and not (form == "shape" and ends is not None),) * rank
    if upper is None:
        upper = (ends is None,) * rank
    if los is None:
        los = ((0 if form == "shape" and ends is not None else -INF),) * rank
    if ends is None:
        form, ends = "exclusive_max", (END,) * rank
    for lo, end in zip(los, ends, strict=True):
        if form == "shape":
            check_sized(lo, end if end != MAX_SIZE else wrapped(END - lo))
        elif form == "inclusive_max":
            check_closed(lo, end)
        else:
            check_half_open(lo, end)
    if form == "shape":
        ends = tuple([END if n == MAX_SIZE else lo + n for lo, n in zip(los, ends, strict=True)])
    elif form == "inclusive_max":
        ends = tuple([last + 1 for last in ends])
    return domain(los, ends, labels, mask_of(lower), mask_of(upper))
