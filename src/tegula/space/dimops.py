"""The operations on chosen dimensions: translate, stride, label, transpose, diagonal, implicit bounds.

What this file knows: each operation as a function `(transform, dims, argument) -> (transform, dims)`, where
`dims` are input dimensions (numbers within the rank, no duplicates) before and after.  What it must not
know: how
dimensions were selected, or syntax.

Law: each operation moves or renames coordinates and never changes which elements are seen, `stride` and
`diagonal` excepted, which drop some.
"""

from __future__ import annotations

from collections.abc import Sequence

from tegula.errors import InvalidArgument, TegulaError, annotated
from tegula.space.compose import array_or_constant, through
from tegula.space.domain import NO_LABELS, IndexDomain, check_labels, check_rank, domain
from tegula.space.interval import (
    END,
    INF,
    MIN_INT64,
    affine_domain,
    fits,
    shifted,
    shifted_to,
)
from tegula.space.maps import IDENTITY, IDENTITY_MAPS, OutputIndexMap, array_map, constant_map, single_map
from tegula.space.transform import IndexTransform, explicitly_empty, transform

Vector = int | None | tuple[int | None, ...]
Result = tuple[IndexTransform, Sequence[int]]


def _entries(argument: Vector, count: int) -> Sequence[int | None]:
    if not isinstance(argument, tuple):
        return (argument,) * count
    if len(argument) != count:
        raise InvalidArgument(
            f"Number of dimensions ({count}) does not match number of indices ({len(argument)})"
        )
    return argument


def translate_to(t: IndexTransform, dims: Sequence[int], origins: Vector) -> Result:
    """Move the lower bound of each dimension to the given origin; None leaves it."""
    return _translated(t, dims, origins, "to")


def translate_by(t: IndexTransform, dims: Sequence[int], offsets: Vector) -> Result:
    """Move each dimension forward by the given offset; None leaves it."""
    return _translated(t, dims, offsets, "by")


def translate_backward_by(t: IndexTransform, dims: Sequence[int], offsets: Vector) -> Result:
    """Move each dimension backward by the given offset; None leaves it."""
    return _translated(t, dims, offsets, "backward")


_FAR = 2**60
"""Bounds and offsets nearer to 0 than this cannot leave the finite range when added."""


def _translated(t: IndexTransform, dims: Sequence[int], argument: Vector, kind: str) -> Result:
    source = t.domain
    los, his = list(source.inclusive_min), list(source.exclusive_max)
    deltas = [0] * source.rank
    for i, entry in zip(dims, _entries(argument, len(dims)), strict=True):
        if entry is None or entry == MIN_INT64:
            continue
        lo, hi = los[i], his[i]
        delta = entry - lo if kind == "to" else entry if kind == "by" else -entry
        if lo > -_FAR and hi < _FAR and -_FAR < delta < _FAR:
            los[i], his[i] = lo + delta, hi + delta
        elif kind == "to":
            los[i], his[i] = shifted_to(lo, hi, entry)
        else:
            los[i], his[i] = shifted(lo, hi, delta)
        deltas[i] = delta
    if not any(deltas):
        return t, dims
    maps = []
    for k, m in enumerate(t.maps):
        i_or_none, step = m.input_dimension, m.stride
        if i_or_none is not None and step is not None and deltas[i_or_none]:
            back = deltas[i_or_none] * step
            offset = m.offset - back
            if not fits(back) or not fits(offset):
                raise InvalidArgument(f"Integer overflow computing output offset for dimension {k}.")
            plain = step == 1 and not offset
            m = IDENTITY[i_or_none] if plain else single_map(i_or_none, offset, step)
        maps.append(m)
    space = domain(tuple(los), tuple(his), source.labels, source.lower_mask, source.upper_mask)
    return transform(space, tuple(maps)), dims


def stride(t: IndexTransform, dims: Sequence[int], strides: Vector) -> Result:
    """Keep the coordinates that are multiples of the given stride (counted from 0), divided by it."""
    entries = _entries(strides, len(dims))
    source = t.domain
    los, his = list(source.inclusive_min), list(source.exclusive_max)
    lowers, uppers = source.lower_mask, source.upper_mask
    steps: dict[int, int] = {}
    for i, entry in zip(dims, entries, strict=True):
        every = MIN_INT64 if entry is None else entry
        try:
            if every == 0:
                raise InvalidArgument("Stride must be non-zero")
            los[i], his[i] = affine_domain(los[i], his[i], 0, every)
        except TegulaError as error:
            raise annotated(error, f"Applying stride to input dimension {i}: ") from None
        steps[i] = every
        if every < 0:
            lower, upper = lowers >> i & 1, uppers >> i & 1
            lowers = lowers & ~(1 << i) | upper << i
            uppers = uppers & ~(1 << i) | lower << i
    space = domain(tuple(los), tuple(his), source.labels, lowers, uppers)
    inner = transform(space, tuple([single_map(i, 0, steps.get(i, 1)) for i in range(source.rank)]))
    empty = explicitly_empty(space)
    maps = []
    for k, m in enumerate(t.maps):
        along, step = m.input_dimension, m.stride
        if along is not None and step is not None and along in steps:
            product = steps[along] * step
            if not fits(product):
                raise InvalidArgument(f"Integer overflow computing stride for output dimension {k}")
            m = single_map(along, m.offset, product)
        elif m.index_array is not None and step is not None:
            if empty:
                m = constant_map(0)
            else:
                array = through(m.index_array, source.inclusive_min, source.exclusive_max, space, inner)
                m = array_or_constant(array, m.offset, step, m.index_range)
        maps.append(m)
    return transform(space, tuple(maps)), dims


def label(t: IndexTransform, dims: Sequence[int], labels: tuple[str, ...]) -> Result:
    """Call the dimensions so; an empty label removes one."""
    if len(labels) != len(dims):
        raise InvalidArgument(
            f"Number of dimensions ({len(dims)}) does not match number of labels ({len(labels)})."
        )
    source = t.domain
    names = list(source.labels)
    for i, name in zip(dims, labels, strict=True):
        names[i] = name
    chosen = tuple(names)
    check_labels(chosen)
    return transform(_labelled(source, chosen), t.maps), dims


def _labelled(source: IndexDomain, labels: tuple[str, ...]) -> IndexDomain:
    return domain(source.inclusive_min, source.exclusive_max, labels, source.lower_mask, source.upper_mask)


def mark_bounds_implicit(
    t: IndexTransform, dims: Sequence[int], flags: tuple[bool | None, bool | None]
) -> Result:
    """Make the lower and upper bounds implicit or explicit; None leaves them.

    Raise `InvalidArgument` where an index array depends on a dimension that would become implicit.
    """
    lower, upper = flags
    if lower is None and upper is None:
        return t, dims
    if lower or upper:
        for k, m in enumerate(t.maps):
            if m.index_array is None:
                continue
            for i in dims:
                if m.index_array.shape[i] != 1:
                    raise InvalidArgument(
                        f"Cannot mark input dimension {i} as having implicit bounds because it indexes the "
                        f"index array map for output dimension {k}"
                    )
    source = t.domain
    bits = sum(1 << i for i in dims)
    lowers, uppers = source.lower_mask, source.upper_mask
    if lower is not None:
        lowers = lowers | bits if lower else lowers & ~bits
    if upper is not None:
        uppers = uppers | bits if upper else uppers & ~bits
    space = domain(source.inclusive_min, source.exclusive_max, source.labels, lowers, uppers)
    maps = t.maps
    if (lower is False or upper is False) and explicitly_empty(space):
        maps = without_arrays(maps)
    return transform(space, maps), dims


def without_arrays(maps: tuple[OutputIndexMap, ...]) -> tuple[OutputIndexMap, ...]:
    """Return the maps of an empty domain: nothing is looked up, so array maps become the constant 0."""
    return tuple([constant_map(0) if m.index_array is not None else m for m in maps])


def permuted(t: IndexTransform, order: Sequence[int]) -> IndexTransform:
    """Return the view whose dimension `k` is dimension `order[k]` of `t`."""
    source = t.domain
    rank = source.rank
    place = [0] * rank
    for k, i in enumerate(order):
        place[i] = k
    maps = []
    for m in t.maps:
        along, step = m.input_dimension, m.stride
        if along is not None and step is not None:
            k = place[along]
            if k != along:
                m = IDENTITY[k] if step == 1 and m.offset == 0 else single_map(k, m.offset, step)
        elif m.index_array is not None and step is not None and m.index_range is not None:
            m = array_map(m.index_array.transpose(order), m.offset, step, m.index_range)
        maps.append(m)
    return transform(source.take(order), tuple(maps))


def reversed_dimensions(t: IndexTransform) -> IndexTransform:
    """Return the view with the dimensions in reverse order."""
    source = t.domain
    rank = source.rank
    if rank < 2:
        return t
    if source.lower_mask or source.upper_mask or t.maps is not IDENTITY_MAPS[rank]:
        return permuted(t, range(rank - 1, -1, -1))
    space = domain(source.inclusive_min[::-1], source.exclusive_max[::-1], source.labels[::-1])
    return transform(space, IDENTITY_MAPS[rank][::-1])


def move_to(t: IndexTransform, dims: Sequence[int], target: int) -> Result:
    """Put the dimensions side by side, in their order, the first of them at `target`."""
    rank, count = t.domain.rank, len(dims)
    if not count:
        return t, dims
    places = rank - count + 1
    if not -places <= target < places:
        raise InvalidArgument(f"Dimension index {target} is outside valid range [-{places}, {places})")
    target %= places
    rest = [i for i in range(rank) if i not in dims]
    order = rest[:target] + list(dims) + rest[target:]
    return permuted(t, order), list(range(target, target + count))


def transpose(t: IndexTransform, dims: Sequence[int], targets: Sequence[int]) -> Result:
    """Put each dimension at its target place; the others keep their order in the places left."""
    rank = t.domain.rank
    if len(dims) != len(targets):
        raise InvalidArgument(
            f"Number of selected dimensions ({len(dims)}) must equal number of target dimensions "
            f"({len(targets)})"
        )
    order = [-1] * rank
    places = []
    for i, target in zip(dims, targets, strict=True):
        if not -rank <= target < rank:
            raise InvalidArgument(f"Dimension index {target} is outside valid range [-{rank}, {rank})")
        place = target % rank
        if order[place] != -1:
            raise InvalidArgument(f"Target dimension {place} occurs more than once")
        order[place] = i
        places.append(place)
    rest = iter([i for i in range(rank) if i not in dims])
    return permuted(t, [next(rest) if i == -1 else i for i in order]), places


def diagonal(t: IndexTransform, dims: Sequence[int], _argument: None = None) -> Result:
    """Join the dimensions into a new first one, over the indices common to all of them."""
    source = t.domain
    rank = source.rank - len(dims) + 1
    check_rank(rank)
    lo = max([-INF, *(source.inclusive_min[i] for i in dims)])
    hi = max(lo, min([END, *(source.exclusive_max[i] for i in dims)]))
    lower = all(source.lower_mask >> i & 1 for i in dims)
    upper = all(source.upper_mask >> i & 1 for i in dims)
    rest = [i for i in range(source.rank) if i not in dims]
    kept = source.take(rest)
    space = domain(
        (lo, *kept.inclusive_min),
        (hi, *kept.exclusive_max),
        ("", *kept.labels) if any(kept.labels) else NO_LABELS[rank],
        kept.lower_mask << 1 | lower,
        kept.upper_mask << 1 | upper,
    )
    place = {i: k for k, i in enumerate(rest, 1)}
    inner = transform(space, tuple([IDENTITY[place.get(i, 0)] for i in range(source.rank)]))
    empty = explicitly_empty(space)
    maps = []
    for m in t.maps:
        step, limits = m.stride, m.index_range
        if m.input_dimension is not None and step is not None:
            k = place.get(m.input_dimension, 0)
            m = IDENTITY[k] if step == 1 and m.offset == 0 else single_map(k, m.offset, step)
        elif m.index_array is not None and step is not None and limits is not None:
            if empty:
                m = constant_map(0)
            else:
                array = through(m.index_array, source.inclusive_min, source.exclusive_max, space, inner)
                m = array_map(array, m.offset, step, limits)
        maps.append(m)
    return transform(space, tuple(maps)), [0]
