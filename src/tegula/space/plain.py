"""The shortest path: integers, slices, new dimensions and an ellipsis, over a transform with nothing unusual.

What this file knows: how those terms change the columns of a transform that is near (`is_near`), has no index
array, and holds them within its bounds; the same with index arrays and `True`.  What it must not know: the
text of any error; whatever is not plainly right is left to `direct`, and by that to `slicing`, whose answer
is the definition.

Law: where a function here answers, the answer is `compose(t, Expression(terms).transform(t.domain))`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from tegula.errors import IndexingError
from tegula.space.columns import COUNT, ONES, ZEROS, Looked
from tegula.space.direct import ALONG, directly, plainer, private
from tegula.space.domain import NO_LABELS, domain
from tegula.space.gather import joint_shape
from tegula.space.interval import END, INF, MAX_RANK
from tegula.space.lookups import arrays_alone, looked_up
from tegula.space.maps import IndexArray
from tegula.space.regather import may_be_cut, still_looked_up
from tegula.space.transform import IndexTransform, columns, is_near

_WHOLE = slice(None)
_STEP = 2**20
_FLAG = np.bool_
_NUMBER = np.int64
_ARRAY = np.ndarray
_INT64 = np.dtype(np.int64)
_MAY_BE_WHOLE = {slice, type(Ellipsis)}


@lru_cache(MAX_RANK * MAX_RANK)
def _without(count: int, i: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the input dimensions and strides of the identity once input dimension `i` is a constant."""
    return (*range(i), -1, *range(i, count - 1)), (*ONES[i], 0, *ONES[count - 1 - i])


def picked(t: IndexTransform, i: int, at: int) -> IndexTransform | None:
    """Return the view at index `at` of dimension `i`, which is gone then.

    >>> picked(IndexTransform(input_shape=[3, 4]), 0, 2).output
    [OutputIndexMap(offset=2), OutputIndexMap(offset=0, stride=1, input_dimension=0)]
    """
    source = t.domain
    los, his = source.inclusive_min, source.exclusive_max
    rank, after = len(los), i + 1
    if i >= rank or not los[i] <= at < his[i] or t._arrays is not None or not (t._near or is_near(t)):
        return None
    lowers, uppers, labels = source.lower_mask, source.upper_mask, source.labels
    if lowers or uppers:
        below = (1 << i) - 1
        lowers = lowers & below | lowers >> after << i
        uppers = uppers & below | uppers >> after << i
    labels = NO_LABELS[rank - 1] if labels is NO_LABELS[rank] else labels[:i] + labels[after:]
    space = domain(los[:i] + los[after:], his[:i] + his[after:], labels, lowers, uppers)
    dims, offsets, strides = t._dims, t._offsets, t._strides
    count = len(dims)
    if i < count and dims is COUNT[count] and strides is ONES[count] and offsets is ZEROS[count]:
        dims, strides = _without(count, i)
        return columns(space, dims, (*ZEROS[i], at, *ZEROS[count - after]), strides, None, t._near)
    k = dims.index(i) if dims.count(i) == 1 else -1
    if k >= 0:
        offsets = (*offsets[:k], offsets[k] + strides[k] * at, *offsets[k + 1 :])
        strides = (*strides[:k], 0, *strides[k + 1 :])
        if dims is COUNT[count]:
            return columns(space, (*dims[:i], -1, *dims[i:-1]), offsets, strides, None, t._near)
    else:
        rows = list(zip(dims, offsets, strides, strict=True))
        offsets = tuple([offset + stride * at if j == i else offset for j, offset, stride in rows])
        strides = tuple([0 if j == i else stride for j, _, stride in rows])
    dims = tuple([j if j < i else -1 if j == i else j - 1 for j in dims])
    return columns(space, dims, offsets, strides, None, t._near)


def cut(t: IndexTransform, i: int, term: slice) -> IndexTransform | None:
    """Return the view with dimension `i` cut by a slice without a step.

    >>> cut(IndexTransform(input_shape=[3, 4]), 0, slice(1, 3)).domain
    { [1, 3), [0, 4) }
    """
    if term.step is not None or t._arrays is not None or not (t._near or is_near(t)):
        return None
    source = t.domain
    los, his = source.inclusive_min, source.exclusive_max
    if i >= len(los):
        return None
    start, stop = term.start, term.stop
    lowers, uppers = source.lower_mask, source.upper_mask
    lo, hi = los[i], his[i]
    if start is not None:
        if type(start) is not int or start < lo:
            return None
        lo = start
        los = (*los[:i], lo, *los[i + 1 :])
        if lowers:
            lowers &= ~(1 << i)
    if stop is not None:
        if type(stop) is not int or stop > hi:
            return None
        hi = stop
        his = (*his[:i], hi, *his[i + 1 :])
        if uppers:
            uppers &= ~(1 << i)
    if lo >= hi:
        return None
    space = domain(los, his, source.labels, lowers, uppers)
    return columns(space, t._dims, t._offsets, t._strides, None, t._near)


def widened(t: IndexTransform, i: int, implicit: bool = True) -> IndexTransform | None:
    """Return the view with a new dimension of one index before dimension `i`.

    >>> widened(IndexTransform(input_shape=[3, 4]), 1).domain
    { [0, 3), [0*, 1*), [0, 4) }
    """
    source = t.domain
    los, his, labels = source.inclusive_min, source.exclusive_max, source.labels
    rank = len(los)
    if t._arrays is not None or i > rank or rank == MAX_RANK:
        return None
    lowers = uppers = 1 << i if implicit else 0
    if source.lower_mask or source.upper_mask:
        below = (1 << i) - 1
        lowers |= source.lower_mask & below | source.lower_mask >> i << i + 1
        uppers |= source.upper_mask & below | source.upper_mask >> i << i + 1
    labels = NO_LABELS[rank + 1] if labels is NO_LABELS[rank] else (*labels[:i], "", *labels[i:])
    space = domain((*los[:i], 0, *los[i:]), (*his[:i], 1, *his[i:]), labels, lowers, uppers)
    dims = t._dims
    if i < rank:
        dims = tuple([j if j < i else j + 1 for j in dims])
    return columns(space, dims, t._offsets, t._strides, None, t._near)


def placed(
    t: IndexTransform, terms: tuple[Any, ...], mode: str = "default", joint: tuple[int, ...] = ()
) -> IndexTransform | None:
    """Return `t[terms]` for a tuple of integers, slices, None, True, False, one ellipsis and index arrays.

    `joint` is the shape to which the index arrays broadcast, once it is known; in 'vindex' its dimensions
    then come first.  What shows later (arrays that are not side by side, or of other shapes) starts anew.

    >>> placed(IndexTransform(input_shape=[3, 4, 9]), (1, ..., slice(None, None, 2))).domain
    { [0, 4), [0, 5) }
    """
    if not (t._near or is_near(t)):
        return None
    source, known = t.domain, t._arrays
    los, his, labels = source.inclusive_min, source.exclusive_max, source.labels
    lowers, uppers, rank = source.lower_mask, source.upper_mask, len(los)
    new_los: list[int] = []
    new_his: list[int] = []
    # input dimension i of `t` is `moves[i] + steps[i] * new[places[i]]`
    places: list[int] = []
    moves: list[int] = []
    steps: list[int] = []
    names: list[str] = []
    arrays: list[tuple[int, IndexArray, int, int]] = []
    new_lowers = new_uppers = i = found = 0
    changed = shifted = known is not None
    strided = broken = hollow = False
    shared, outer = -1, mode == "oindex"
    if joint and mode == "vindex":
        shared = 0
        new_los += [0] * len(joint)
        new_his += joint
        names += [""] * len(joint)
    left = len(terms)
    for term in terms:
        left -= 1
        kind = type(term)
        if kind is slice:
            if i == rank:
                return None
            start, stop, step = term.start, term.stop, term.step
            lo, hi, k = los[i], his[i], len(new_los)
            a = lo if start is None else start
            b = hi if stop is None else stop
            if step is None or (type(step) is int and step == 1):
                if type(a) is not int or type(b) is not int or not lo <= a < b <= hi:
                    return None
                if lowers and start is None and lowers >> i & 1:
                    new_lowers |= 1 << k
                if uppers and stop is None and uppers >> i & 1:
                    new_uppers |= 1 << k
                moves.append(0)
                steps.append(1)
            else:
                if type(step) is not int or not -_STEP < step < _STEP or not step:
                    return None
                if lowers or uppers:
                    first, last = (lowers, uppers) if step > 0 else (uppers, lowers)
                    if start is None and first >> i & 1:
                        new_lowers |= 1 << k
                    if stop is None and last >> i & 1:
                        new_uppers |= 1 << k
                if step < 0:
                    a = hi - 1 if start is None else start
                    b = lo - 1 if stop is None else stop
                    if type(a) is not int or type(b) is not int or not lo - 1 <= b < a < hi:
                        return None
                    origin = -(a // -step) if a >= 0 else -a // -step
                    b = origin + (a - b - step - 1) // -step
                else:
                    if type(a) is not int or type(b) is not int or not lo <= a < b <= hi:
                        return None
                    origin = a // step if a >= 0 else -(-a // step)
                    b = origin + (b - a + step - 1) // step
                moves.append(a - origin * step)
                steps.append(step)
                a = origin
                changed = shifted = strided = True
            places.append(k)
            new_los.append(a)
            new_his.append(b)
            names.append(labels[i])
            broken = True
            i += 1
        elif kind is int or kind is _NUMBER:
            if kind is _NUMBER:
                term = int(term)
            if i == rank or not los[i] <= term < his[i]:
                return None
            places.append(-1)
            moves.append(term)
            steps.append(0)
            changed = shifted = True
            i += 1
        elif term is None:
            new_lowers |= 1 << len(new_los)
            new_uppers |= 1 << len(new_los)
            new_los.append(0)
            new_his.append(1)
            names.append("")
            changed = broken = True
        elif term is ...:
            end = rank - left
            for later in terms[-left:] if left else ():
                if later is None or _is_flag(later):
                    end += 1
                elif later is ...:
                    return None
            k = len(new_los)
            if end < i or k + end - i > MAX_RANK:
                return None
            if lowers or uppers:
                bits = (1 << end - i) - 1
                new_lowers |= (lowers >> i & bits) << k
                new_uppers |= (uppers >> i & bits) << k
            places += COUNT[k + end - i][k:]
            moves += ZEROS[end - i]
            steps += ONES[end - i]
            new_los += los[i:end]
            new_his += his[i:end]
            names += labels[i:end]
            broken = True
            i = end
        elif kind is _ARRAY or kind is list or kind is bool or kind is _FLAG:
            array: IndexArray | None = None
            if kind is bool or kind is _FLAG or _is_flag(term):
                shape: tuple[int, ...] = (1,) if term else (0,)
                size = 1 if term else 0
            else:
                if kind is _ARRAY and term.dtype is _INT64:
                    array = term.copy() if term.size > 1 else term
                else:
                    array = private(term)
                    if array is None:
                        return None
                if i == rank:
                    return None
                shape, size = array.shape, array.size
            found += 1
            hollow = hollow or not size
            if hollow and found > 1:
                return None  # whatever is looked up is a constant then
            wide = len(shape)
            if outer:
                k = len(new_los)
                if wide == 1:
                    new_los.append(0)
                    names.append("")
                else:
                    new_los += [0] * wide
                    names += [""] * wide
                new_his += shape
            elif shared >= 0:
                if shape != joint:
                    try:
                        wider = joint_shape(joint, shape)
                    except IndexingError:
                        return None
                    if wider != joint:
                        return placed(t, terms, mode, wider)
                if broken and mode == "default":
                    return placed(t, terms, "vindex", joint)
                k = shared + len(joint) - wide
            else:
                joint, broken = joint or shape, False
                more = len(joint)
                shared = 0 if mode == "vindex" else len(new_los)
                if shared < len(new_los):  # in front of what is there
                    places = [p if p < 0 else p + more for p in places]
                    new_los = [0] * more + new_los
                    new_his = [*joint, *new_his]
                    names = [""] * more + names
                    new_lowers <<= more
                    new_uppers <<= more
                else:
                    new_los += [0] * more
                    new_his += joint
                    names += [""] * more
                k = shared + more - wide
            changed = True
            if array is not None:
                places.append(-1)
                if size > 1:
                    arrays.append((i, array, k, wide))
                    moves.append(0)
                    steps.append(1)
                else:
                    value = int(array.item()) if size else los[i]
                    if not los[i] <= value < his[i]:
                        return None
                    shifted = True
                    moves.append(value if size else 0)
                    steps.append(0)
                i += 1
        elif isinstance(term, np.integer):
            return placed(t, tuple(map(plainer, terms)), mode, joint)
        else:
            return None
    k = len(new_los)
    if k + rank - i > MAX_RANK:
        return None
    if i < rank:
        if lowers or uppers:
            new_lowers |= (lowers >> i) << k
            new_uppers |= (uppers >> i) << k
        if changed:
            places += COUNT[k + rank - i][k:]
            names += labels[i:]
            if shifted:
                moves += ZEROS[rank - i]
                steps += ONES[rank - i]
        new_los += los[i:]
        new_his += his[i:]
    if not changed:
        space = domain(tuple(new_los), tuple(new_his), labels, new_lowers, new_uppers)
        return columns(space, t._dims, t._offsets, t._strides, None, t._near)
    made = len(new_los)
    named = None if labels is NO_LABELS[rank] else tuple(names)
    space = domain(tuple(new_los), tuple(new_his), named, new_lowers, new_uppers)
    dims, offsets, strides = t._dims, t._offsets, t._strides
    count = len(dims)
    near = False if hollow else t._near
    along: list[Looked | None] | None = None
    if arrays:
        along = [None] * (rank + 1)  # the last for outputs that follow no dimension
        shapes = ALONG[made]
        for i, array, k, wide in arrays:
            if known is not None and may_be_cut(t, i):
                return None
            lo, hi = los[i], his[i]
            if lowers and lowers >> i & 1:
                lo = -INF
            if uppers and uppers >> i & 1:
                hi = END
            if made > wide:
                array = array.reshape(
                    shapes[k] if wide == 1 else ONES[k] + array.shape + ONES[made - k - wide]
                )
            along[i] = (array, lo, hi)
    same = count == rank and dims is COUNT[rank]
    if not shifted:
        looked = None if along is None else _any_of(along[:rank] if same else map(along.__getitem__, dims))
        places.append(-1)  # for outputs that follow no dimension
        seen = tuple(places[:rank] if same else map(places.__getitem__, dims))
        return columns(space, seen, offsets, strides, looked, near)
    if same and strides is ONES[rank] and offsets is ZEROS[rank]:
        looked = None if along is None else tuple(along[:rank])
        dims = tuple(places)
        if made == rank and dims == COUNT[rank]:
            dims = COUNT[rank]
        return columns(space, dims, tuple(moves), tuple(steps), looked, near)
    looked = None if along is None else _any_of(map(along.__getitem__, dims))
    places.append(-1)
    new_dims: list[int] = []
    new_offsets: list[int] = []
    new_strides: list[int] = []
    for i, offset, stride in zip(dims, offsets, strides):  # noqa: B905 - columns are of one length
        new_dims.append(places[i])
        if stride and i >= 0:
            offset += stride * moves[i]
            stride *= steps[i]
        new_offsets.append(offset)
        new_strides.append(stride)
    near = None if strided and near else near
    if hollow and known is not None:
        for j, held in enumerate(known):
            if held is not None:
                new_offsets[j] = new_strides[j] = 0
    elif known is not None:
        column: list[Looked | None] = [None] * count if looked is None else list(looked)
        inner = (places, moves, steps)
        if not still_looked_up(t, space, inner, along, column, new_dims, new_offsets, new_strides):
            return None
        looked = _any_of(column)
    return columns(space, tuple(new_dims), tuple(new_offsets), tuple(new_strides), looked, near)


def _any_of(looked: Iterable[Looked | None]) -> tuple[Looked | None, ...] | None:
    """Return a column of index arrays, None where it holds none."""
    column = tuple(looked)
    return column if any(column) else None


def _is_flag(term: Any) -> bool:
    """Tell whether a term is True or False, or an array of one without axes: a new dimension, or none."""
    kind = type(term)
    return kind is bool or kind is _FLAG or (kind is _ARRAY and not term.ndim and term.dtype.kind == "b")


def indexed(t: IndexTransform, key: Any, mode: str = "default") -> IndexTransform | None:
    """Return `t` indexed by a term or tuple of terms, or None where the long way must decide."""
    if type(key) is not tuple:
        seen = widened(t, 0) if key is None else on_dimension(t, 0, key, mode)
        if seen is not None:
            return seen
        terms: tuple[Any, ...] = (key,)
    else:
        terms = key
        first = type(key[0]) if key else None
        i = _lone(key, t) if first in _MAY_BE_WHOLE or len(key) < 2 else -1
        if i >= 0:
            term = key[-1]
            if term is not None:
                seen = on_dimension(t, i, term, mode)
            else:
                seen = widened(t, i) if key[0] is not ... else None
        elif first is _ARRAY or _with_arrays(terms):
            seen = arrays_alone(t, terms, mode)
        else:
            seen = None
        if seen is not None:
            return seen
    seen = placed(t, terms, mode)
    return directly(t, terms, mode) if seen is None else seen


def _with_arrays(terms: tuple[Any, ...]) -> bool:
    kinds = [*map(type, terms)]
    return _ARRAY in kinds or list in kinds


def _lone(key: tuple[Any, ...], t: IndexTransform) -> int:
    """Return the dimension of the last term, after whole slices or an ellipsis alone; else -1."""
    last = len(key) - 1
    if last < 1:
        return last
    if last == 1 and key[0] is ...:
        return t.domain.rank - 1
    for term in key[:last]:
        if type(term) is not slice or not (term.start is term.stop is term.step is None):
            return -1
    return last


def on_dimension(
    t: IndexTransform, i: int, term: Any, mode: str = "default", own: bool = False
) -> IndexTransform | None:
    """Return `t` with one term on its dimension `i`, 0 or more, or None where the long way must decide.

    `own`: an array is nobody else's.
    """
    kind = type(term)
    if kind is int:
        return picked(t, i, term)
    if kind is slice:
        return cut(t, i, term)
    if kind is _ARRAY or kind is list:
        if not own:
            array = term.copy() if kind is _ARRAY and term.dtype is _INT64 else private(term)
            if array is None:
                return None
        elif term.dtype is _INT64:
            array = term
        else:
            return None
        at = 0 if mode == "vindex" else i
        if array.size > 1:
            return looked_up(t, i, array, at)
        if not array.size or array.ndim > 1:
            return None
        view = picked(t, i, int(array.item()))
        return view if view is None or not array.ndim else widened(view, at, False)
    return picked(t, i, int(term)) if kind is _NUMBER else None
