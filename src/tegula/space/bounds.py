"""Bounds carried through transforms: what may be read, what is touched, what a resize asks for.

What this file knows: how the bounds of an array bear on a transform into it, and a resize of a view on the
array.
What it must not know: where the array is stored.

Law: after `check_bounds(t, lo, hi)` every element of `t.domain` maps into `[lo, hi)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tegula.errors import InvalidArgument, OutOfRange, TegulaError, annotated
from tegula.row import NamedTuple
from tegula.space.compose import check_array, narrowed_range, propagated
from tegula.space.dim import Dim, dim, merged_label
from tegula.space.domain import IndexDomain, domain
from tegula.space.interval import (
    END,
    INF,
    affine_range,
    check_closed,
    interval_text,
    is_finite,
)
from tegula.space.maps import array_map, constant_map
from tegula.space.transform import IndexTransform, columns, explicitly_empty, transform


def propagate_bounds(b: IndexDomain, t: IndexTransform) -> IndexTransform:
    """Return `t` with its implicit bounds resolved against the domain `b` that it maps into.

    Index ranges are narrowed likewise.  Raise `OutOfRange` where explicit bounds contradict `b`.
    """
    if b.rank != len(t._dims):
        raise InvalidArgument(f"Rank {b.rank} domain does not fit output rank {len(t.maps)}")
    a = propagated(b, t)
    if t._arrays is None:
        return columns(a, t._dims, t._offsets, t._strides)
    empty = explicitly_empty(a)
    maps = []
    for j, m in enumerate(t.maps):
        if m.index_array is not None:
            assert m.stride is not None
            limits = narrowed_range(m, b, j)
            m = constant_map(0) if empty else array_map(m.index_array, m.offset, m.stride, limits)
        maps.append(m)
    return transform(a, tuple(maps))


def check_bounds(
    t: IndexTransform,
    output_inclusive_min: Sequence[int],
    output_exclusive_max: Sequence[int],
    told: Callable[[int], str] | None = None,
) -> None:
    """Raise `OutOfRange` unless every element of the domain of `t` maps within the given output bounds.

    The domain's bounds count as they stand, implicit or not.  Index arrays are checked value by value
    (vectorised); `told(j)` is what an error says first of that of output dimension `j`.  An empty domain
    maps nowhere and passes.

    >>> check_bounds(IndexTransform(input_shape=[5]), [0], [10])
    """
    source = t.domain
    los, his = source.inclusive_min, source.exclusive_max
    if any(map(int.__eq__, los, his)):
        return
    arrays = []
    for j, (m, lo, hi) in enumerate(zip(t.maps, output_inclusive_min, output_exclusive_max, strict=True)):
        i, stride = m.input_dimension, m.stride
        if i is not None and stride is not None:
            first, end = los[i], his[i]
            if stride != 1 or m.offset != 0:
                first, end = affine_range(first, end, m.offset, stride)
            if first < lo or end > hi:
                _complain(t, output_inclusive_min, output_exclusive_max, first if first < lo else end - 1, j)
        elif stride is not None:
            arrays.append(j)
        elif not lo <= m.offset < hi:
            _complain(t, output_inclusive_min, output_exclusive_max, m.offset, j)
    for j in arrays:
        try:
            check_array(t.maps[j], output_inclusive_min[j], output_exclusive_max[j])
        except OutOfRange as error:
            raise error if told is None else annotated(error, told(j)) from None


def _complain(t: IndexTransform, los: Sequence[int], his: Sequence[int], wrong: int, j: int) -> None:
    """Raise the error that composition gives for explicit bounds, which says more than a single index."""
    propagated(domain(tuple(los), tuple(his)), t)
    raise OutOfRange(f"Index {wrong} is outside valid range {interval_text(los[j], his[j])}")


class OutputRange(NamedTuple):
    """The box that a transform maps into, and whether it fills it exactly."""

    inclusive_min: tuple[int, ...]
    exclusive_max: tuple[int, ...]
    exact: bool


def output_range(t: IndexTransform) -> OutputRange:
    """Return the least box known to hold the image of `t`, and whether every point of it is hit once.

    An index array counts with its index range, not its values.  Raise `InvalidArgument` on overflow.

    >>> output_range(IndexTransform(input_shape=[5]))
    OutputRange(inclusive_min=(0,), exclusive_max=(5,), exact=True)
    """
    los, his, exact = [], [], True
    used: set[int] = set()
    for m in t.maps:
        i, stride = m.input_dimension, m.stride
        if stride is None:
            lo, hi = m.offset, m.offset + 1
        elif i is not None:
            exact = exact and stride in (1, -1) and i not in used
            used.add(i)
            d = t.domain.dim(i)
            lo, hi = affine_range(d.inclusive_min, d.exclusive_max, m.offset, stride)
        else:
            exact = False
            assert m.index_range is not None
            lo, hi = affine_range(m.index_range.inclusive_min, m.index_range.exclusive_max, m.offset, stride)
        los.append(lo)
        his.append(hi)
    return OutputRange(tuple(los), tuple(his), exact)


class Resize(NamedTuple):
    """What resizing a view asks of the array under it; None where it asks nothing."""

    new_min: tuple[int | None, ...]
    """The lower bounds to set."""
    new_max: tuple[int | None, ...]
    """The upper bounds to set, exclusive."""
    min_constraint: tuple[int | None, ...]
    """The lower bounds that the array must have now, or the resize would touch what the view does not
    show."""
    max_constraint: tuple[int | None, ...]
    """The upper bounds that the array must have now, exclusive."""


def resized(
    t: IndexTransform,
    inclusive_min: Sequence[int | None],
    exclusive_max: Sequence[int | None],
    resize_tied_bounds: bool = False,
) -> Resize | None:
    """Return what a resize of the domain of `t` asks of the array under it, None if nothing changes.

    Only implicit bounds may change.  Unless `resize_tied_bounds`, the view must show the whole array: no
    diagonal, index array or stride, and each constant covering the array's dimension.  Raise
    `InvalidArgument`.
    """
    source = t.domain
    for k, (lo, hi) in enumerate(zip(inclusive_min, exclusive_max, strict=True)):
        try:
            _check_request(source.dim(k), lo, hi)
        except TegulaError as error:
            raise annotated(error, f"Invalid resize request for input dimension {k}: ") from None
    rank = len(t.maps)
    new_min: list[int | None] = [None] * rank
    new_max: list[int | None] = [None] * rank
    changed = False
    for j, m in enumerate(t.maps):
        i, stride = m.input_dimension, m.stride
        if i is None or stride is None or (inclusive_min[i] is None and exclusive_max[i] is None):
            continue
        changed = True
        if stride not in (1, -1):
            raise InvalidArgument(
                f"Output dimension {j} depends on resized input dimension {i} "
                f"with non-unit stride of {stride}"
            )
        new_min[j], new_max[j] = _carried(
            inclusive_min[i], exclusive_max[i], m.offset, stride, j, "requested", i
        )
    if not changed:
        return None
    lows: list[int | None] = [None] * rank
    highs: list[int | None] = [None] * rank
    used: set[int] = set()
    for j, m in enumerate(t.maps):
        i, stride = m.input_dimension, m.stride
        if stride is None:
            if not is_finite(m.offset):
                raise InvalidArgument(f"Output dimension {j} has constant map with invalid offset {m.offset}")
            if not resize_tied_bounds:
                lows[j], highs[j] = m.offset, m.offset + 1
            continue
        if resize_tied_bounds:
            continue
        if i is None:
            raise InvalidArgument(
                f"Output dimension {j} has index array map but `resize_tied_bounds` was not specified"
            )
        if i in used:
            raise InvalidArgument(
                f"Input dimension {i} corresponds to a diagonal but `resize_tied_bounds` was not specified"
            )
        used.add(i)
        if stride not in (1, -1):
            raise InvalidArgument(
                f"Output dimension {j} depends on input dimension {i} with non-unit stride of {stride} "
                "but `resize_tied_bounds` was not specified"
            )
        d = source.dim(i)
        lows[j], highs[j] = _carried(
            None if d.implicit_lower else d.inclusive_min,
            None if d.implicit_upper else d.exclusive_max,
            m.offset,
            stride,
            j,
            "existing",
            i,
        )
    return Resize(tuple(new_min), tuple(new_max), tuple(lows), tuple(highs))


def _carried(
    lo: int | None, hi: int | None, offset: int, stride: int, j: int, which: str, i: int
) -> tuple[int | None, int | None]:
    try:
        first, end = affine_range(-INF if lo is None else lo, END if hi is None else hi, offset, stride)
    except TegulaError as error:
        prefix = (
            f"Error propagating bounds for output dimension {j} from {which} bounds for input dimension {i}: "
        )
        raise annotated(error, prefix) from None
    given = (lo is not None, hi is not None) if stride > 0 else (hi is not None, lo is not None)
    return (first if given[0] else None), (end if given[1] else None)


def _check_request(d: Dim, lo: int | None, hi: int | None) -> None:
    if lo is not None and lo != -INF and not is_finite(lo):
        raise InvalidArgument(f"Invalid requested inclusive min value {lo}")
    if hi is not None and hi != END and not is_finite(hi - 1):
        raise InvalidArgument(f"Invalid requested exclusive max value {hi}")
    if lo is not None and hi is not None and lo > hi:
        raise InvalidArgument(f"Invalid requested bounds [{lo}, {hi})")
    if lo is not None and not d.implicit_lower:
        raise InvalidArgument("Cannot change explicit lower bound")
    if hi is not None and not d.implicit_upper:
        raise InvalidArgument("Cannot change explicit upper bound")


def merged_domain(a: IndexDomain, b: IndexDomain) -> IndexDomain:
    """Return the domain that says what both say; an implicit unbounded edge says nothing.

    Raise `InvalidArgument` where they contradict each other.

    >>> merged_domain(IndexDomain(2), IndexDomain([Dim(5), Dim("y")]))
    { [0, 5), "y": (-inf*, +inf*) }
    """
    prefix = f"Cannot merge index domain {a} with index domain {b}: "
    if a.rank != b.rank:
        raise InvalidArgument(f"{prefix}Ranks do not match")
    dims = []
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        try:
            dims.append(_merged(x, y))
        except InvalidArgument as error:
            raise InvalidArgument(f"{prefix}Mismatch in dimension {i}: {error.message}") from None
    return IndexDomain(dims)


def _merged(a: Dim, b: Dim) -> Dim:
    label = merged_label(a.label, b.label)
    if a.inclusive_min == -INF and a.implicit_lower:
        lo, lower = b.inclusive_min, b.implicit_lower
    elif b.inclusive_min == -INF and b.implicit_lower:
        lo, lower = a.inclusive_min, a.implicit_lower
    elif a.inclusive_min != b.inclusive_min:
        raise InvalidArgument("Lower bounds do not match")
    else:
        lo, lower = a.inclusive_min, a.implicit_lower and b.implicit_lower
    if a.exclusive_max == END and a.implicit_upper:
        hi, upper = b.exclusive_max, b.implicit_upper
    elif b.exclusive_max == END and b.implicit_upper:
        hi, upper = a.exclusive_max, a.implicit_upper
    elif a.exclusive_max != b.exclusive_max:
        raise InvalidArgument("Upper bounds do not match")
    else:
        hi, upper = a.exclusive_max, a.implicit_upper and b.implicit_upper
    check_closed(lo, hi - 1)
    return dim(lo, hi, label, lower, upper)
