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
from tegula.space.dim import dim
from tegula.space.domain import NO_LABELS, domain
from tegula.space.interval import END, INF, fits, strided_slice
from tegula.space.maps import (
    IDENTITY,
    IDENTITY_MAPS,
    UNBOUNDED,
    IndexArray,
    OutputIndexMap,
    array_map,
    constant_map,
    single_map,
)
from tegula.space.transform import IndexTransform, transform

_INT64 = np.dtype(np.int64)
Affine = tuple[int, int]
"""`(offset, stride)`."""


def directly(t: IndexTransform, terms: tuple[Any, ...], mode: str) -> IndexTransform | None:
    """Return `t` indexed by `terms` in the given mode, or None where the long way must decide.

    Index arrays that share a dimension (all but those of 'oindex') are taken only if they are side by side
    and
    of one length; in 'vindex' only if the first term is one.
    """
    source = t.domain
    los, his, labels, rank = source.inclusive_min, source.exclusive_max, source.labels, source.rank
    lowers, uppers = source.lower_mask, source.upper_mask
    new_los: list[int] = []
    new_his: list[int] = []
    new_labels: list[str] = []
    new_lowers = new_uppers = i = 0
    places: list[int] = []
    changes: list[int | Affine | IndexArray | None] = []
    named = labels is not NO_LABELS[rank]
    changing = shifting = ellipsis = broken = False
    shared = -1
    arrays = 0
    for at, term in enumerate(terms):
        kind = type(term)
        if kind is slice:
            broken = True
            if i >= rank:
                return None
            start, stop, step = term.start, term.stop, term.step
            lower, upper = lowers >> i & 1, uppers >> i & 1
            a, b = los[i], his[i]
            change: Affine | None = None
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
                if a > b:
                    return None
            else:
                if type(step) is not int or not (start is None or type(start) is int) or a == b:
                    return None
                if not (stop is None or type(stop) is int):
                    return None
                try:
                    a, b, lower, upper, offset = strided_slice(
                        a, b, bool(lower), bool(upper), start, stop, step
                    )
                except TegulaError:
                    return None
                change = (offset, step)
                changing = True
            if lower:
                new_lowers |= 1 << len(new_los)
            if upper:
                new_uppers |= 1 << len(new_los)
            changes.append(change)
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
            changes.append(term)
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
                    end -= 1
            if end < i:
                return None
            k = len(new_los)
            if lowers or uppers:
                bits = (1 << end - i) - 1
                new_lowers |= (lowers >> i & bits) << k
                new_uppers |= (uppers >> i & bits) << k
            places.extend(range(k, k + end - i))
            changes.extend([None] * (end - i))
            new_los += los[i:end]
            new_his += his[i:end]
            if named:
                new_labels += labels[i:end]
            i = end
        elif kind is np.ndarray or kind is list:
            if i >= rank or (mode == "vindex" and not arrays and new_los):
                return None
            array = _lone(term)
            if array is None:
                return None
            arrays += 1
            changes.append(array)
            changing = True
            i += 1
            if mode != "oindex":
                if arrays > 1:
                    if (broken and mode == "default") or new_his[shared] != array.size:
                        return None
                    places.append(shared)
                    shifting = True
                    continue
                broken = False
                shared = len(new_los)
            places.append(len(new_los))
            new_los.append(0)
            new_his.append(array.size)
            if named:
                new_labels.append("")
        else:
            return _again(t, terms, mode)
    if i < rank:
        k = len(new_los)
        if lowers or uppers:
            new_lowers |= (lowers >> i) << k
            new_uppers |= (uppers >> i) << k
        if shifting or changing:
            places.extend(range(k, k + rank - i))
            changes.extend([None] * (rank - i))
        new_los += los[i:]
        new_his += his[i:]
        if named:
            new_labels += labels[i:]
    made = len(new_los)
    if made > 32:
        return None
    maps = t.maps
    if maps is not IDENTITY_MAPS[rank]:
        for m in maps:
            if m.index_array is not None:
                return None
        if arrays:
            # an index array over a dimension that no map looks at must be checked at once
            seen = {m.input_dimension for m in maps}
            if any(j not in seen for j, c in enumerate(changes) if type(c) is np.ndarray):
                return None
    if arrays and any(map(int.__eq__, new_los, new_his)):
        return None
    named_so = tuple(new_labels) if named else NO_LABELS[made]
    space = domain(tuple(new_los), tuple(new_his), named_so, new_lowers, new_uppers)
    if not shifting and not changing:
        return transform(space, maps)
    changed = _maps(t, changes, places, made)
    return None if changed is None else transform(space, changed)


def _again(t: IndexTransform, terms: tuple[Any, ...], mode: str) -> IndexTransform | None:
    """Return what Python integers in place of NumPy's would give; None where there are none to replace."""
    plain = tuple([_plain(term) for term in terms])
    if all(a is b for a, b in zip(plain, terms, strict=True)):
        return None
    return directly(t, plain, mode)


def _plain(term: Any) -> Any:
    if isinstance(term, np.integer):
        return int(term)
    if isinstance(term, slice) and any(isinstance(x, np.integer) for x in (term.start, term.stop, term.step)):
        return slice(_plain(term.start), _plain(term.stop), _plain(term.step))
    return term


def _lone(term: Any) -> IndexArray | None:
    """Return a term as a private, frozen index array of one axis and two or more elements, else None."""
    try:
        array = np.array(term)
    except ValueError:
        return None
    if array.dtype is _INT64 and array.ndim == 1 and array.size > 1:
        array.setflags(write=False)
        return array
    kind = array.dtype.kind
    if kind == "b" and array.ndim == 1:
        array = np.flatnonzero(array)
        kind = "i"
    if array.ndim != 1 or array.size < 2 or (kind != "i" and (kind != "u" or array.dtype.itemsize == 8)):
        return None
    if array.dtype != _INT64:
        array = array.astype(_INT64)
    array.setflags(write=False)
    return array


def _maps(
    t: IndexTransform, changes: list[int | Affine | IndexArray | None], places: list[int], made: int
) -> tuple[OutputIndexMap, ...] | None:
    """Return the maps after each input dimension was fixed, cut, looked up or moved; None on overflow."""
    out: list[OutputIndexMap] = []
    for m in t.maps:
        i, stride, offset = m.input_dimension, m.stride, m.offset
        if i is None or stride is None:
            out.append(m)
            continue
        change = changes[i]
        k = places[i]
        if change is None:
            if k == i:
                out.append(m)
            elif stride == 1 and not offset:
                out.append(IDENTITY[k])
            else:
                out.append(single_map(k, offset, stride))
        elif type(change) is int:
            if stride != 1:
                change *= stride
                if not fits(change):
                    return None
            if not fits(offset + change):
                return None
            out.append(constant_map(offset + change))
        elif type(change) is tuple:
            moved, step = change
            back, product = moved * stride, step * stride
            if not fits(back) or not fits(offset + back) or not fits(product):
                return None
            out.append(single_map(k, offset + back, product))
        else:
            assert isinstance(change, np.ndarray)
            source = t.domain
            lo = -INF if source.lower_mask >> i & 1 else source.inclusive_min[i]
            hi = END if source.upper_mask >> i & 1 else source.exclusive_max[i]
            limits = UNBOUNDED if lo == -INF and hi == END else dim(lo, hi)
            if made > 1:
                change = change.reshape((1,) * k + (change.size,) + (1,) * (made - k - 1))
            out.append(array_map(change, offset, stride, limits))
    return tuple(out)
