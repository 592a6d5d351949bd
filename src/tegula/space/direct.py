"""The direct path: the indexing expressions of every day, without the detour over composition.

What this file knows: how integers, slices, newaxis, ellipsis and index arrays of one axis change a
transform at once.  What it must not know: the text of any error; whatever is not plainly right is left to
`slicing`, whose answer is the definition.

Law: where `directly` answers, the answer is `compose(t, Expression(terms).transform(t.domain))`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.errors import TegulaError
from tegula.space.columns import COUNT, ONES, Looked, joined
from tegula.space.domain import NO_LABELS, domain
from tegula.space.interval import END, INF, MAX_RANK, strided_slice
from tegula.space.maps import IndexArray
from tegula.space.transform import IndexTransform, columns

_INT64 = np.dtype(np.int64)
_ARRAY = np.ndarray
ALONG = [[(1,) * k + (-1,) + (1,) * (rank - k - 1) for k in range(rank)] for rank in range(MAX_RANK + 1)]
"""For each rank and dimension, the shape of an index array along it."""


def directly(t: IndexTransform, terms: tuple[Any, ...], mode: str) -> IndexTransform | None:
    """Return `t` indexed by `terms` in the given mode, or None where the long way must decide.

    Index arrays that share a dimension (all but those of 'oindex') are taken only if they are side by side
    and
    of one length; in 'vindex' only if the first term is one.
    """
    if t._arrays is not None:
        return None
    source = t.domain
    los, his, labels, rank = source.inclusive_min, source.exclusive_max, source.labels, source.rank
    lowers, uppers = source.lower_mask, source.upper_mask
    new_los: list[int] = []
    new_his: list[int] = []
    new_labels: list[str] = []
    new_lowers = new_uppers = i = 0
    # each dimension of the source as a row of columns over the new ones: see `joined`
    places: list[int] = []
    moves: list[int] | None = None
    steps: list[int] | None = None
    named = labels is not NO_LABELS[rank]
    shifting = ellipsis = broken = empty = strided = False
    shared = -1
    arrays: list[tuple[int, IndexArray, int]] = []
    for at, term in enumerate(terms):
        kind = type(term)
        if kind is slice:
            broken = True
            if i >= rank:
                return None
            start, stop, step = term.start, term.stop, term.step
            lower, upper = lowers >> i & 1, uppers >> i & 1
            a, b = los[i], his[i]
            if step is None or (step == 1 and type(step) is int):
                if start is not None:
                    if type(start) is not int:
                        return _again(t, terms, mode)
                    if not -INF < start < INF or (start < a and not lower):
                        return None
                    a, lower = start, 0
                if stop is not None:
                    if type(stop) is not int:
                        return _again(t, terms, mode)
                    if not 1 - INF < stop < INF or (stop > b and not upper):
                        return None
                    b, upper = stop, 0
                if a >= b:
                    if a > b:
                        return None
                    empty = True
            else:
                if (
                    type(step) is not int
                    or not -INF < step < INF
                    or not (start is None or type(start) is int)
                    or a == b
                ):
                    return None
                if not (stop is None or type(stop) is int):
                    return None
                try:
                    a, b, lower, upper, offset = strided_slice(
                        a, b, bool(lower), bool(upper), start, stop, step
                    )
                except TegulaError:
                    return None
                if steps is None:
                    steps = [*ONES[rank], 0]
                steps[i] = step
                strided = True
                empty = empty or a == b
                if offset:
                    if moves is None:
                        moves = [0] * (rank + 1)
                    moves[i] = offset
            if lower:
                new_lowers |= 1 << len(new_los)
            if upper:
                new_uppers |= 1 << len(new_los)
            places.append(len(new_los))
            new_los.append(a)
            new_his.append(b)
            if named:
                new_labels.append(labels[i])
            i += 1
        elif kind is int:
            if i >= rank or not -INF < term < INF:
                return None
            if (term < los[i] and not lowers >> i & 1) or (term >= his[i] and not uppers >> i & 1):
                return None
            if moves is None:
                moves = [0] * (rank + 1)
            if steps is None:
                steps = [*ONES[rank], 0]
            moves[i] = term
            steps[i] = 0
            places.append(-1)
            shifting = True
            i += 1
        elif term is None:
            broken = True
            new_lowers |= 1 << len(new_los)
            new_uppers |= 1 << len(new_los)
            new_los.append(0)
            new_his.append(1)
            if named:
                new_labels.append("")
            shifting = True
        elif term is Ellipsis:
            if ellipsis:
                return None
            ellipsis = broken = True
            end = rank
            for later in terms[at + 1 :]:
                if later is not None:
                    end -= later.ndim if type(later) is np.ndarray and later.dtype.kind == "b" else 1
            if end < i:
                return None
            k = len(new_los)
            if lowers or uppers:
                bits = (1 << end - i) - 1
                new_lowers |= (lowers >> i & bits) << k
                new_uppers |= (uppers >> i & bits) << k
            places.extend(range(k, k + end - i))
            new_los += los[i:end]
            new_his += his[i:end]
            if named:
                new_labels += labels[i:end]
            i = end
        elif kind is _ARRAY or kind is list:
            if i >= rank or (mode == "vindex" and not arrays and new_los):
                return None
            array = lone(term)
            if array is None:
                rows = true_positions(term)
                if rows is None:
                    return None
                array, *others = rows
                if i + len(others) >= rank:
                    return None
            else:
                others = None
            places.append(-1)
            if mode != "oindex" and arrays:
                if (broken and mode == "default") or new_his[shared] != array.size:
                    return None
                k = shared
            else:
                k = len(new_los)
                if mode != "oindex":
                    broken = False
                    shared = k
                new_los.append(0)
                new_his.append(array.size)
                if named:
                    new_labels.append("")
            arrays.append((i, array, k))
            i += 1
            if others:
                for other in others:
                    places.append(-1)
                    arrays.append((i, other, k))
                    i += 1
        else:
            return _again(t, terms, mode)
    k = len(new_los)
    made = k + rank - i
    if lowers or uppers:
        new_lowers |= (lowers >> i) << k
        new_uppers |= (uppers >> i) << k
    if made > MAX_RANK:
        return None
    looked = None
    if arrays:
        if empty or 0 in source.shape:
            return None
        looked = _looked(t, arrays, made)
        shifting = True
    space = domain(
        (*new_los, *los[i:]),
        (*new_his, *his[i:]),
        NO_LABELS[made] if not named else (*new_labels, *labels[i:]) if shifting else labels,
        new_lowers,
        new_uppers,
    )
    dims, offsets, strides = t._dims, t._offsets, t._strides
    if shifting or steps is not None:
        places += COUNT[made][k:]
        places.append(-1)
        found = joined(dims, offsets, strides, places, moves, steps)
        if found is None:
            return None
        dims, offsets, strides = found
    near = None if strided or empty or lowers or uppers else t._near
    return columns(space, dims, offsets, strides, looked, near)


def _looked(
    t: IndexTransform, arrays: list[tuple[int, IndexArray, int]], made: int
) -> tuple[Looked | None, ...] | None:
    """Return the column of index arrays, of which each is `(source dimension, array, new dimension)`.

    None where each is over a dimension that no map looks at.
    """
    source, dims = t.domain, t._dims
    lowers, uppers = source.lower_mask, source.upper_mask
    looked: list[Looked | None] = [None] * (source.rank + 1)  # the last for outputs that follow none
    for i, array, k in arrays:
        if made > 1:
            array = array.reshape(ALONG[made][k])
        lo = -INF if lowers and lowers >> i & 1 else source.inclusive_min[i]
        hi = END if uppers and uppers >> i & 1 else source.exclusive_max[i]
        looked[i] = (array, lo, hi)
    column = tuple([looked[i] for i in dims])
    return column if any(column) else None


def _again(t: IndexTransform, terms: tuple[Any, ...], mode: str) -> IndexTransform | None:
    """Return what Python integers in place of NumPy's would give; None where there are none to replace."""
    plain = tuple([plainer(term) for term in terms])
    if all(a is b for a, b in zip(plain, terms, strict=True)):
        return None
    return directly(t, plain, mode)


def plainer(term: Any) -> Any:
    """Return a term with Python's integers in place of NumPy's."""
    if isinstance(term, np.integer):
        return int(term)
    if isinstance(term, slice) and any(isinstance(x, np.integer) for x in (term.start, term.stop, term.step)):
        return slice(plainer(term.start), plainer(term.stop), plainer(term.step))
    return term


def true_positions(term: Any) -> list[IndexArray] | None:
    """Return, for a mask of several axes and two or more true elements, an index array for each axis."""
    if type(term) is not np.ndarray or term.dtype.kind != "b" or term.ndim < 2:
        return None
    left = term.ravel().nonzero()[0]  # far faster than NumPy's way for several axes, where few are true
    if left.size < 2:
        return None
    found = []
    for extent in term.shape[:0:-1]:
        left, place = np.divmod(left, extent)
        found.append(place)
    return [left, *found[::-1]]


def lone(term: Any) -> IndexArray | None:
    """Return a term as a private index array of one axis and two or more elements, else None."""
    if type(term) is _ARRAY and term.ndim != 1:
        return None
    array = several(term)
    return None if array is None or array.ndim != 1 else array


def several(term: Any) -> IndexArray | None:
    """Return an index array, or mask of one axis, as a private one of two or more elements, else None."""
    if type(term) is _ARRAY and term.dtype is _INT64:
        return term.copy() if term.size > 1 else None
    array = private(term)
    return None if array is None or array.size < 2 else array


def private(term: Any) -> IndexArray | None:
    """Return an index array, or mask of one axis, as one that is nobody else's; None for anything else.

    >>> private([True, False, True]), private(np.array([1.5]))
    (array([0, 2]), None)
    """
    try:
        array = np.array(term)
    except ValueError:
        return None
    kind = array.dtype.kind
    if kind == "b" and array.ndim == 1:
        array = array.nonzero()[0]
    elif not array.size and type(term) is list:
        return array.astype(_INT64)
    elif kind != "i" and (kind != "u" or array.dtype.itemsize == 8):
        return None
    return array if array.dtype == _INT64 else array.astype(_INT64)
