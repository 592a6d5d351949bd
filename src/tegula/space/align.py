"""Alignment: fitting one domain to another by label and position, with broadcasting.

What this file knows: which dimension of a source matches which of a target, and the transform that
follows; and how
a domain is cut down to another.  What it must not know: what is being copied.

Labelled dimensions match by label; where either side has no label at all, and for the unlabelled rest,
dimensions
match from the last to the first.  A matched source dimension has the target's size, or size 1 and is
repeated;
an unmatched one has size 1.  Origins need not agree.
"""

from __future__ import annotations

from operator import ge, le

from tegula.errors import InvalidArgument, OutOfRange
from tegula.space.compose import compose, through
from tegula.space.dimops import without_arrays
from tegula.space.domain import NO_LABELS, IndexDomain, domain
from tegula.space.interval import END, INF, contains
from tegula.space.labels import check_labels, dimension_of_label
from tegula.space.maps import IDENTITY, OutputIndexMap, array_map, constant_map, single_map
from tegula.space.transform import IndexTransform, columns, transform


def matches(source: IndexDomain, target: IndexDomain) -> list[int]:
    """Return, for each source dimension, the target dimension it follows, or -1 where it is repeated.

    Raise `InvalidArgument` where sizes do not fit.

    >>> matches(IndexDomain(shape=[1, 3]), IndexDomain(shape=[5, 2, 3]))
    [-1, 2]
    """
    found = _by_position(source.rank, target.rank)
    if any(source.labels) and any(target.labels):
        found = _by_label(source.labels, target.labels)
    wrong = []
    sizes, wanted = source.shape, target.shape
    for i, j in enumerate(found):
        if j == -1:
            if sizes[i] != 1:
                wrong.append(f"unmatched source dimension {i} {source.dim(i)} does not have a size of 1")
        elif sizes[i] != wanted[j]:
            if sizes[i] != 1:
                wrong.append(
                    f"source dimension {i} {source.dim(i)} mismatch with target dimension {j} {target.dim(j)}"
                )
            found[i] = -1
    if wrong:
        raise InvalidArgument(f"Error aligning dimensions: {', '.join(wrong)}")
    return found


def _by_position(source_rank: int, target_rank: int) -> list[int]:
    return [max(-1, i + target_rank - source_rank) for i in range(source_rank)]


def _by_label(source: tuple[str, ...], target: tuple[str, ...]) -> list[int]:
    free = [j for j, label in enumerate(target) if not label]
    found = [-1] * len(source)
    for i in range(len(source) - 1, -1, -1):
        if not source[i]:
            found[i] = free.pop() if free else -1
        elif source[i] in target:
            found[i] = target.index(source[i])
    return found


def align(source: IndexDomain, target: IndexDomain) -> IndexTransform:
    """Return the transform from `target` to `source` that aligns them; raise `InvalidArgument` where none
    does.

    >>> align(IndexDomain(shape=[3]), IndexDomain(shape=[2, 3])).maps
    (OutputIndexMap(offset=0, stride=1, input_dimension=1),)
    """
    maps = []
    for i, j in enumerate(matches(source, target)):
        lo = source.inclusive_min[i]
        if j == -1:
            maps.append(constant_map(lo))
        else:
            offset = lo - target.inclusive_min[j]
            maps.append(single_map(j, offset) if offset else IDENTITY[j])
    return transform(target, tuple(maps))


def align_transform(source: IndexTransform, target: IndexDomain) -> IndexTransform:
    """Return `source` seen over `target`; raise `InvalidArgument` or `OutOfRange`."""
    return compose(source, align(source.domain, target))


def restricted(t: IndexTransform, to: IndexDomain) -> IndexTransform:
    """Return `t` over the part of its domain that `to` names: by label, else by position from the left.

    Every dimension of `to` makes its bounds explicit.  Raise `InvalidArgument`, or `OutOfRange` where `to`
    leaves
    the explicit bounds.
    """
    source = t.domain
    rank, labels = source.rank, source.labels
    if (
        to.labels is NO_LABELS[rank]
        and t._arrays is None
        and all(map(le, source.inclusive_min, to.inclusive_min))
        and all(map(ge, source.exclusive_max, to.exclusive_max))
    ):
        space = domain(to.inclusive_min, to.exclusive_max, labels)
        return columns(space, t._dims, t._offsets, t._strides)
    if not any(to.labels) or not any(labels):
        if to.rank != source.rank:
            raise InvalidArgument(
                f"Rank of index domain ({to.rank}) must match rank of slice target ({source.rank}) "
                "when the index domain or slice target is unlabeled"
            )
        dims = list(range(to.rank))
        if any(to.labels):
            labels = to.labels
    else:
        dims = _restricted_dims(source, to)
    los, his = list(source.inclusive_min), list(source.exclusive_max)
    lowers, uppers = source.lower_mask, source.upper_mask
    shown = domain(source.inclusive_min, source.exclusive_max, labels, lowers, uppers)
    empty = False
    for i, j in enumerate(dims):
        lo, hi = to.inclusive_min[i], to.exclusive_max[i]
        outer_lo = -INF if lowers >> j & 1 else los[j]
        outer_hi = END if uppers >> j & 1 else his[j]
        if not contains(outer_lo, outer_hi, lo, hi):
            raise OutOfRange(
                f"Cannot slice target dimension {j} {{{shown.dim(j)}}} "
                f"with index domain dimension {i} {{{to.dim(i)}}}"
            )
        empty = empty or lo == hi
        los[j], his[j] = lo, hi
        lowers &= ~(1 << j)
        uppers &= ~(1 << j)
    check_labels(labels)
    space = domain(tuple(los), tuple(his), labels, lowers, uppers)
    if empty:
        return transform(space, without_arrays(t.maps))
    maps = t.maps
    if any(m.index_array is not None for m in maps):
        inner = transform(space, IDENTITY[: source.rank])
        maps = tuple([_cut(m, source, inner) for m in maps])
    return transform(space, maps)


def _cut(m: OutputIndexMap, source: IndexDomain, inner: IndexTransform) -> OutputIndexMap:
    """Return a map over the smaller domain of `inner`; only an index array has to be cut."""
    if m.index_array is None or m.stride is None or m.index_range is None:
        return m
    array = through(m.index_array, source.inclusive_min, source.exclusive_max, inner.domain, inner)
    return array_map(array, m.offset, m.stride, m.index_range)


def _restricted_dims(source: IndexDomain, to: IndexDomain) -> list[int]:
    dims, free, used = [], [j for j, label in enumerate(source.labels) if not label], 0
    for label in to.labels:
        if label:
            dims.append(dimension_of_label(source.labels, label))
            continue
        if used == len(free):
            raise InvalidArgument(
                "Number of unlabeled dimensions in index domain exceeds number of unlabeled dimensions "
                "in slice target"
            )
        dims.append(free[used])
        used += 1
    if used and to.rank != source.rank:
        raise InvalidArgument(
            f"Rank ({to.rank}) of index domain containing unlabeled dimensions must equal slice target rank "
            f"({source.rank})"
        )
    return dims
