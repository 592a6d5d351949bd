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
from operator import add, neg

from tegula.errors import InvalidArgument, TegulaError, annotated
from tegula.space.columns import BACKWARD, COUNT, ONES, stepped
from tegula.space.compose import array_or_constant, through
from tegula.space.domain import NO_LABELS, IndexDomain, check_rank, domain
from tegula.space.interval import (
    END,
    INF,
    MIN_INT64,
    affine_domain,
    fits,
    shifted,
    shifted_to,
)
from tegula.space.labels import check_labels
from tegula.space.maps import IDENTITY, OutputIndexMap, array_map, constant_map, single_map
from tegula.space.transform import (
    SMALL,
    IndexTransform,
    columns,
    deferred,
    explicitly_empty,
    is_near,
    transform,
)
from tegula.space.unrolled import distances, moved

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


def translate_to(t: IndexTransform, dims: Sequence[int], origins: Vector, late: bool = True) -> Result:
    """Move the lower bound of each dimension to the given origin; None leaves it."""
    return _translated(t, dims, origins, "to", late)


def translate_by(t: IndexTransform, dims: Sequence[int], offsets: Vector, late: bool = True) -> Result:
    """Move each dimension forward by the given offset; None leaves it."""
    return _translated(t, dims, offsets, "by", late)


def translate_backward_by(
    t: IndexTransform, dims: Sequence[int], offsets: Vector, late: bool = True
) -> Result:
    """Move each dimension backward by the given offset; None leaves it."""
    return _translated(t, dims, offsets, "backward", late)


def _translated(t: IndexTransform, dims: Sequence[int], argument: Vector, kind: str, late: bool) -> Result:
    """Return the translation, which waits until somebody looks where it can, unless `late` is False."""
    source = t.domain
    rank, los = source.rank, source.inclusive_min
    near = t._near or is_near(t)
    if near and type(argument) is int and len(dims) == 1 and -SMALL < argument < SMALL:
        i = dims[0]
        move = argument - los[i] if kind == "to" else argument if kind == "by" else -argument
        return (deferred(_moved_one, (t, i, move)) if late and t._dims else _moved_one(t, i, move)), dims
    entries = _entries(argument, len(dims))
    moves = [0] * rank
    for k, entry in enumerate(entries):
        if entry is None:
            continue
        if not -SMALL < entry < SMALL:
            near = False
        i = dims[k]
        moves[i] = entry - los[i] if kind == "to" else entry if kind == "by" else -entry
    if near:
        return (deferred(_moved, (t, moves)) if late and t._dims else _moved(t, moves)), dims
    return _moved(t, moves, _checked_bounds(source, dims, entries, kind)), dims


def translated_whole(t: IndexTransform, name: str, given: object) -> IndexTransform | None:
    """Return `t` after the named translation of all its dimensions; None where the long way must decide.

    For what is given plainly: a small integer, or a tuple of one for each dimension.
    """
    if type(given) is tuple:
        if len(given) != t.domain.rank:
            return None
        for entry in given:
            if type(entry) is not int or not -SMALL < entry < SMALL:
                return None
    elif type(given) is not int or not -SMALL < given < SMALL:
        return None
    if not (t._near or is_near(t)):
        return None
    return deferred(_moved_all, (t, name, given))


def _moved_all(t: IndexTransform, name: str, given: int | tuple[int, ...]) -> IndexTransform:
    """Return `t` translated along all its dimensions, by or to small numbers."""
    source, dims, strides = t.domain, t._dims, t._strides
    space, moves = _moved_box(source, name, given)
    count = len(dims)
    if strides is ONES[count] and dims is COUNT[count]:
        made = [offset - moves[i] for i, offset in enumerate(t._offsets)]
    else:
        made = []
        for i, offset, stride in zip(dims, t._offsets, strides):  # noqa: B905 - columns are of one length
            made.append(offset if i < 0 else offset - moves[i] * stride)
    return columns(space, dims, tuple(made), strides, t._arrays)


def _moved_box(
    source: IndexDomain, name: str, given: int | tuple[int, ...]
) -> tuple[IndexDomain, Sequence[int]]:
    """Return the domain after a translation of all its dimensions, and by how much each moved."""
    los, his = source.inclusive_min, source.exclusive_max
    rank = len(los)
    moves = given if isinstance(given, tuple) else (given,) * rank
    if not rank:
        return source, moves
    if name == "translate_to":
        moves = distances(rank)(los, moves)
    elif name == "translate_backward_by":
        moves = tuple(map(neg, moves))
    los, his = moved(rank)(los, his, moves)
    return domain(los, his, source.labels, source.lower_mask, source.upper_mask), moves


def moved_domain(source: IndexDomain, name: str, given: object) -> IndexDomain | None:
    """Return a bare domain after the named translation, by or to small integers; else None."""
    los = source.inclusive_min
    if type(given) is int:
        if not -SMALL < given < SMALL:
            return None
    elif type(given) is not tuple or len(given) != len(los):
        return None
    else:
        for entry in given:
            if type(entry) is not int or not -SMALL < entry < SMALL:
                return None
    if los and not (min(los) > -SMALL and max(source.exclusive_max) < SMALL):
        return None
    return _moved_box(source, name, given)[0]


def labelled_domain(source: IndexDomain, _name: str, given: object) -> IndexDomain | None:
    """Return `source` with labels given as a tuple of one string a dimension, no two alike; else None."""
    los = source.inclusive_min
    if type(given) is not tuple or len(given) != len(los) or len(set(given)) != len(given):
        return None
    for one in given:
        if type(one) is not str or not one.isascii():
            return None
    return domain(los, source.exclusive_max, given, source.lower_mask, source.upper_mask)


def labelled_whole(t: IndexTransform, name: str, given: object) -> IndexTransform | None:
    """Return `t` with labels as `labelled_domain` takes them; None where the long way must decide."""
    space = labelled_domain(t.domain, name, given)
    return None if space is None else columns(space, t._dims, t._offsets, t._strides, t._arrays, t._near)


def marked_domain(source: IndexDomain, _name: str, given: object) -> IndexDomain | None:
    """Return `source` with all bounds implicit or all explicit, for a plain True or False; else None."""
    if given is not True and given is not False:
        return None
    every = (1 << source.rank) - 1 if given else 0
    if source.lower_mask == source.upper_mask == every:
        return source
    return domain(source.inclusive_min, source.exclusive_max, source.labels, every, every)


def marked_whole(t: IndexTransform, name: str, given: object) -> IndexTransform | None:
    """Return `t` with its bounds marked as by `marked_domain`; None where the long way must decide."""
    if t._arrays is not None:
        return None
    source = t.domain
    space = marked_domain(source, name, given)
    if space is None or space is source:
        return t if space is source else None
    return columns(space, t._dims, t._offsets, t._strides, None, t._near)


def _moved(
    t: IndexTransform,
    moves: Sequence[int],
    bounds: tuple[tuple[int, ...], tuple[int, ...]] | None = None,
) -> IndexTransform:
    """Return `t` with each dimension moved forward.

    `bounds` are the new ones; None where both `t` and the moves are near, so that nothing overflows.
    """
    source, dims, offsets, strides = t.domain, t._dims, t._offsets, t._strides
    if bounds is None:
        los = tuple(map(add, source.inclusive_min, moves))
        his = tuple(map(add, source.exclusive_max, moves))
        space = domain(los, his, source.labels, source.lower_mask, source.upper_mask)
        rows = zip(dims, offsets, strides, strict=True)
        shifted_back = tuple([offset if i < 0 else offset - moves[i] * stride for i, offset, stride in rows])
        return columns(space, dims, shifted_back, strides, t._arrays)
    los, his = bounds
    made = []
    for k, i in enumerate(dims):
        offset = offsets[k]
        if i >= 0:
            back = moves[i] * strides[k]
            offset -= back
            if not (fits(offset) and fits(back)):
                raise InvalidArgument(f"Integer overflow computing output offset for dimension {k}.")
        made.append(offset)
    space = domain(los, his, source.labels, source.lower_mask, source.upper_mask)
    return columns(space, dims, tuple(made), strides, t._arrays)


def _moved_one(t: IndexTransform, i: int, move: int) -> IndexTransform:
    """Return `t`, which is near, with dimension `i` moved forward by a small number."""
    source, dims, offsets, after = t.domain, t._dims, t._offsets, i + 1
    los, his = source.inclusive_min, source.exclusive_max
    lo, hi = los[i] + move, his[i] + move
    near = t._near if lo > -SMALL and hi < SMALL else None
    space = domain(
        (*los[:i], lo, *los[after:]),
        (*his[:i], hi, *his[after:]),
        source.labels,
        source.lower_mask,
        source.upper_mask,
    )
    k = dims.index(i) if dims.count(i) == 1 else -1
    if k >= 0:
        moved = offsets[k] - move * t._strides[k]
        if not -SMALL < moved < SMALL:
            near = None
        return columns(space, dims, (*offsets[:k], moved, *offsets[k + 1 :]), t._strides, t._arrays, near)
    rows = zip(dims, offsets, t._strides, strict=True)
    back = tuple([offset - move * stride if j == i else offset for j, offset, stride in rows])
    return columns(space, dims, back, t._strides, t._arrays)


def _checked_bounds(
    source: IndexDomain, dims: Sequence[int], entries: Sequence[int | None], kind: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the bounds moved; raise where they leave the finite range."""
    los, his = list(source.inclusive_min), list(source.exclusive_max)
    for i, entry in zip(dims, entries, strict=True):
        if entry is None:
            continue
        lo, hi = los[i], his[i]
        if kind == "to":
            los[i], his[i] = shifted_to(lo, hi, entry)
        else:
            los[i], his[i] = shifted(lo, hi, entry if kind == "by" else -entry)
    return tuple(los), tuple(his)


def stride(t: IndexTransform, dims: Sequence[int], strides: Vector) -> Result:
    """Keep the coordinates that are multiples of the given stride (counted from 0), divided by it."""
    plain = type(strides) is int and 0 < strides < SMALL and len(dims) == 1 and t._arrays is None
    if plain and (t._near or is_near(t)):
        return _strided_one(t, dims[0], strides), dims  # type: ignore[arg-type]
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
    by = [*(steps.get(i, 1) for i in range(source.rank)), 0]
    strided = stepped(t._dims, t._strides, by)
    if strided is None:
        k = next(k for k, (i, s) in enumerate(zip(t._dims, t._strides, strict=True)) if not fits(by[i] * s))
        raise InvalidArgument(f"Integer overflow computing stride for output dimension {k}")
    if t._arrays is None:
        return columns(space, t._dims, t._offsets, strided), dims
    inner = transform(space, tuple([single_map(i, 0, by[i]) for i in range(source.rank)]))
    empty = explicitly_empty(space)
    maps = []
    for m in t.maps:
        along, step = m.input_dimension, m.stride
        if along is not None and step is not None:
            m = single_map(along, m.offset, by[along] * step)
        elif m.index_array is not None and step is not None:
            if empty:
                m = constant_map(0)
            else:
                array = through(m.index_array, source.inclusive_min, source.exclusive_max, space, inner)
                m = array_or_constant(array, m.offset, step, m.index_range)
        maps.append(m)
    return transform(space, tuple(maps)), dims


def _strided_one(t: IndexTransform, i: int, every: int) -> IndexTransform:
    """Return `t`, which is near and has no index array, with a small positive stride along dimension `i`."""
    source, dims, strides, after = t.domain, t._dims, t._strides, i + 1
    los, his = source.inclusive_min, source.exclusive_max
    space = domain(
        (*los[:i], -(-los[i] // every), *los[after:]),
        (*his[:i], (his[i] - 1) // every + 1, *his[after:]),
        source.labels,
        source.lower_mask,
        source.upper_mask,
    )
    if dims.count(i) == 1:
        k = dims.index(i)
        strides = (*strides[:k], strides[k] * every, *strides[k + 1 :])
    else:
        strides = tuple([s * every if j == i else s for j, s in zip(dims, strides, strict=True)])
    return columns(space, dims, t._offsets, strides)


def label(t: IndexTransform, dims: Sequence[int], labels: tuple[str, ...]) -> Result:
    """Call the dimensions so; an empty label removes one."""
    if len(labels) != len(dims):
        raise InvalidArgument(
            f"Number of dimensions ({len(dims)}) does not match number of labels ({len(labels)})."
        )
    source = t.domain
    if dims is COUNT[source.rank]:
        chosen = labels
    else:
        names = list(source.labels)
        for k, i in enumerate(dims):
            names[i] = labels[k]
        chosen = tuple(names)
    check_labels(chosen)
    space = domain(source.inclusive_min, source.exclusive_max, chosen, source.lower_mask, source.upper_mask)
    return columns(space, t._dims, t._offsets, t._strides, t._arrays), dims


def mark_bounds_implicit(
    t: IndexTransform, dims: Sequence[int], flags: tuple[bool | None, bool | None]
) -> Result:
    """Make the lower and upper bounds implicit or explicit; None leaves them.

    Raise `InvalidArgument` where an index array depends on a dimension that would become implicit.
    """
    lower, upper = flags
    if lower is None and upper is None:
        return t, dims
    if (lower or upper) and t._arrays is not None:
        for k, looked in enumerate(t._arrays):
            if looked is None:
                continue
            for i in dims:
                if looked[0].shape[i] != 1:
                    raise InvalidArgument(
                        f"Cannot mark input dimension {i} as having implicit bounds because it indexes the "
                        f"index array map for output dimension {k}"
                    )
    source = t.domain
    bits = (1 << source.rank) - 1 if dims is COUNT[source.rank] else sum([1 << i for i in dims])
    lowers, uppers = source.lower_mask, source.upper_mask
    if lower is not None:
        lowers = lowers | bits if lower else lowers & ~bits
    if upper is not None:
        uppers = uppers | bits if upper else uppers & ~bits
    space = domain(source.inclusive_min, source.exclusive_max, source.labels, lowers, uppers)
    if t._arrays is not None and (lower is False or upper is False) and explicitly_empty(space):
        return transform(space, without_arrays(t.maps)), dims
    return columns(space, t._dims, t._offsets, t._strides, t._arrays), dims


def without_arrays(maps: tuple[OutputIndexMap, ...]) -> tuple[OutputIndexMap, ...]:
    """Return the maps of an empty domain: nothing is looked up, so array maps become the constant 0."""
    return tuple([constant_map(0) if m.index_array is not None else m for m in maps])


def permuted(t: IndexTransform, order: Sequence[int]) -> IndexTransform:
    """Return the view whose dimension `k` is dimension `order[k]` of `t`; `order` names each once."""
    return deferred(_permuted, (t, order), t._near) if len(order) > 1 else t


def _permuted(t: IndexTransform, order: Sequence[int]) -> IndexTransform:
    place = order.index
    dims = tuple([place(i) if i >= 0 else -1 for i in t._dims])
    arrays = t._arrays
    if arrays is not None:
        arrays = tuple([None if one is None else (one[0].transpose(order), *one[1:]) for one in arrays])
    return columns(t.domain.take(order), dims, t._offsets, t._strides, arrays)


def reversed_dimensions(t: IndexTransform) -> IndexTransform:
    """Return the view with the dimensions in reverse order; `t` remembers it."""
    known = t._reversed
    if known is None:
        known = _backward(t)
        if known is not t:  # or it would keep itself alive
            object.__setattr__(t, "_reversed", known)
    return known


def _backward(t: IndexTransform) -> IndexTransform:
    """Return a transform with its dimensions in reverse order, made at once."""
    source, dims, arrays = t.domain, t._dims, t._arrays
    rank = source.rank
    if rank < 2:
        return t
    if dims is COUNT[rank]:
        return columns(source.T, BACKWARD[rank], t._offsets, t._strides, None, t._near)
    places = (*BACKWARD[rank], -1)
    turned = tuple(map(places.__getitem__, dims))
    if arrays is not None:
        arrays = tuple([None if one is None else (one[0].T, one[1], one[2]) for one in arrays])
    return columns(source.T, turned, t._offsets, t._strides, arrays, t._near)


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
    # the joined dimension comes first, then the others as they stand
    los, his, labels = [-INF], [END], [""]
    lower = upper = 1
    lowers = uppers = 0
    places = []
    rows = zip(source.inclusive_min, source.exclusive_max, source.labels, strict=True)
    for i, (lo, hi, name) in enumerate(rows):
        implicit_lower, implicit_upper = source.lower_mask >> i & 1, source.upper_mask >> i & 1
        if i in dims:
            places.append(0)
            if lo > los[0]:
                los[0] = lo
            if hi < his[0]:
                his[0] = hi
            lower &= implicit_lower
            upper &= implicit_upper
        else:
            k = len(los)
            places.append(k)
            los.append(lo)
            his.append(hi)
            labels.append(name)
            lowers |= implicit_lower << k
            uppers |= implicit_upper << k
    if his[0] < los[0]:
        his[0] = los[0]
    named = NO_LABELS[rank] if source.labels is NO_LABELS[source.rank] else tuple(labels)
    space = domain(tuple(los), tuple(his), named, lowers | lower, uppers | upper)
    places.append(-1)
    if t._arrays is None:
        return columns(space, tuple([places[i] for i in t._dims]), t._offsets, t._strides), [0]
    inner = transform(space, tuple([IDENTITY[places[i]] for i in range(source.rank)]))
    empty = explicitly_empty(space)
    maps = []
    for m in t.maps:
        step, limits = m.stride, m.index_range
        if m.input_dimension is not None and step is not None:
            m = single_map(places[m.input_dimension], m.offset, step)
        elif m.index_array is not None and step is not None and limits is not None:
            if empty:
                m = constant_map(0)
            else:
                array = through(m.index_array, source.inclusive_min, source.exclusive_max, space, inner)
                m = array_map(array, m.offset, step, limits)
        maps.append(m)
    return transform(space, tuple(maps)), [0]
