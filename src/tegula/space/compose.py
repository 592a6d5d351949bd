"""Composition: seeing one transform through another.

What this file knows: how the maps of `outer` (B to C) and `inner` (A to B) join into a transform from A to C,
and what the explicit bounds of B demand of A.  What it must not know: indexing syntax.

Law: `compose(outer, inner)(x) == outer(inner(x))`; composition is associative, and the identity over a
domain is
its unit.  Only an index array seen through another map is ever materialised anew.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from tegula.errors import IndexingError, InvalidArgument, OutOfRange, TegulaError, annotated
from tegula.space.columns import COUNT, ONES, joined
from tegula.space.dim import dim
from tegula.space.domain import IndexDomain, domain
from tegula.space.interval import (
    END,
    INF,
    MAX_FINITE,
    affine_domain,
    affine_range,
    check_index,
    contains,
    fits,
    interval_text,
)
from tegula.space.maps import OutputIndexMap, array_map, constant_map, frozen, single_map
from tegula.space.transform import (
    IndexTransform,
    columns,
    deferred,
    explicitly_empty,
    is_identity,
    is_near,
    is_small,
    transform,
)


def compose(outer: IndexTransform, inner: IndexTransform) -> IndexTransform:
    """Return `outer` seen through `inner`: first `inner`, then `outer`.

    Where it is known that nothing can be wrong (`_boxed`), the work waits until somebody looks.
    Implicit bounds of `inner` are replaced by those that `outer` implies; explicit ones must lie within the
    explicit bounds of `outer`.  Raise `InvalidArgument` or `OutOfRange`.

    >>> from tegula.space.domain import IndexDomain
    >>> half = IndexTransform(2, output=[OutputIndexMap(input_dimension=1, offset=3)])
    >>> compose(IndexTransform(input_shape=[10]), half).domain
    { (-inf*, +inf*), [-3, 7) }
    """
    b = outer.domain
    lows, highs = b.inclusive_min, b.exclusive_max
    box = inner._box
    if box is None:
        box = _boxed(inner)
    if box is not False and (outer._near or is_near(outer)) and outer._arrays is None:
        rank = len(lows)
        if rank == len(inner._dims):
            for j, least, most in box:  # type: ignore[union-attr]
                if least < lows[j] or most >= highs[j]:
                    break
            else:
                if outer._strides is ONES[rank] and not inner.domain.lower_mask and is_identity(outer):
                    return inner
                return deferred(_composed_within, (outer, inner))
    if b.rank != len(inner._dims):
        raise InvalidArgument(
            f"Rank {b.rank} -> {len(outer._dims)} transform cannot be composed with "
            f"rank {inner.domain.rank} -> {len(inner._dims)} transform."
        )
    if inner._dims is COUNT[b.rank] and is_identity(inner) and (inner.domain is b or inner.domain == b):
        return outer
    return composed_now(outer, inner)


def _boxed(inner: IndexTransform) -> tuple[tuple[int, int, int], ...] | bool:
    """Return `(output, least, most)` of each output whose range must be looked at; `inner` remembers it.

    No composition of a near transform fails whose domain holds these: an output that follows a dimension with
    implicit bounds takes those of the other.  False: the numbers are large, or the answer is not as plain.
    """
    a = inner.domain
    loose = a.lower_mask & a.upper_mask
    box: Any = inner._arrays is None and (a.lower_mask | a.upper_mask) == loose and is_small(inner)
    if box:
        los, his = a.inclusive_min, a.exclusive_max
        rows = []
        for j, (i, first, stride) in enumerate(zip(inner._dims, inner._offsets, inner._strides, strict=True)):
            if i < 0:
                rows.append((j, first, first))
            elif not loose >> i & 1:
                last = first + stride * (his[i] - 1)
                first += stride * los[i]
                rows.append((j, first, last) if stride > 0 else (j, last, first))
                if los[i] >= his[i]:
                    box = False
        box = box and tuple(rows)
    object.__setattr__(inner, "_box", box)
    return box  # type: ignore[no-any-return]


def _composed_within(outer: IndexTransform, inner: IndexTransform) -> IndexTransform:
    """Return `composed_now(outer, inner)` where the box of `inner` lies within the domain of `outer`."""
    a = inner.domain
    if a.lower_mask:
        return composed_now(outer, inner)
    places, moves, steps = [*inner._dims, -1], [*inner._offsets, 0], [*inner._strides, 0]
    found = joined(outer._dims, outer._offsets, outer._strides, places, moves, steps)
    return columns(a, *found) if found is not None else composed_now(outer, inner)


def composed_now(outer: IndexTransform, inner: IndexTransform) -> IndexTransform:
    """Return the composition of transforms whose ranks fit, made at once; the definition of `compose`."""
    b = outer.domain
    a = propagated(b, inner)
    if inner._arrays is None and outer._arrays is None:
        if is_identity(outer) and len(outer._dims) == b.rank:
            return columns(a, inner._dims, inner._offsets, inner._strides)
        places, moves, steps = [*inner._dims, -1], [*inner._offsets, 0], [*inner._strides, 0]
        found = joined(outer._dims, outer._offsets, outer._strides, places, moves, steps)
        if found is not None:
            return columns(a, *found)
    empty = explicitly_empty(a)
    maps = tuple([_joined(c, m, b, a, inner, empty) for c, m in enumerate(outer.maps)])
    if outer._arrays is not None and not empty:
        _check_cut(outer, inner)
    return transform(a, maps)


def _check_cut(outer: IndexTransform, inner: IndexTransform) -> None:
    """Raise `OutOfRange` where an index array leaves a dimension to one index of which another was cut.

    Over a dimension that no output follows nothing is checked; but of an index array that is one long along
    a dimension of one index nobody can tell whether it was longer, and then it would be.
    """
    b = outer.domain
    loose = b.lower_mask | b.upper_mask
    for j, looked in enumerate(inner._arrays or ()):
        lo, hi = b.inclusive_min[j], b.exclusive_max[j]
        if looked is not None and hi - lo == 1 and j not in outer._dims and not loose >> j & 1:
            with suppress(InvalidArgument):  # an offset beyond the range of indices: nothing to say
                _checked(j, inner.maps[j], lo, hi)


def _checked(j: int, n: OutputIndexMap, lo: int, hi: int) -> Any:
    try:
        return check_array(n, lo, hi)
    except OutOfRange as error:
        raise annotated(error, f"In index array map for output dimension {j}: ") from None
    except InvalidArgument as error:
        raise annotated(error, f"Propagating bounds from intermediate dimension {j}.: ") from None


def propagated(b: IndexDomain, inner: IndexTransform) -> IndexDomain:
    """Return the domain of `inner`, its implicit bounds tightened to what `b` allows.

    A bound of the result is implicit if it is in `inner` and in every dimension of `b` that depends on it
    by a
    single-input-dimension map.  Raise `OutOfRange` where explicit bounds contradict each other.
    """
    a = inner.domain
    if not (a.lower_mask or a.upper_mask or b.lower_mask or b.upper_mask) and _fits_plainly(b, inner):
        return a
    rank = a.rank
    empty = explicitly_empty(a)
    inferred: list[tuple[int, int, bool, bool] | None] = [None] * rank
    lower_mask, upper_mask = a.lower_mask, a.upper_mask
    nothing = 0  # the dimensions that see an empty one in reverse
    b_lower, b_upper = b.lower_mask, b.upper_mask
    rows = zip(inner._dims, inner._offsets, inner._strides, b.inclusive_min, b.exclusive_max, strict=True)
    for j, (i, offset, stride, lo, hi) in enumerate(rows):
        lower, upper = bool(b_lower >> j & 1), bool(b_upper >> j & 1)
        if i < 0:
            if not empty and not stride:
                try:
                    check_index(-INF if lower else lo, END if upper else hi, offset)
                except OutOfRange as error:
                    prefix = f"Checking bounds of constant output index map for dimension {j}: "
                    raise annotated(error, prefix) from None
            continue
        if stride != 1 or offset:
            if stride < 0:
                lower, upper = upper, lower
                if lo == hi:
                    nothing |= 1 << i
            try:
                lo, hi = affine_domain(lo, hi, offset, stride)
            except TegulaError as error:
                raise annotated(
                    error, f"Propagating bounds from dimension {j} to input dimension {i}: "
                ) from None
        if not lower:
            lower_mask &= ~(1 << i)
        if not upper:
            upper_mask &= ~(1 << i)
        known = inferred[i]
        inferred[i] = (lo, hi, lower, upper) if known is None else _narrowed(known, (lo, hi, lower, upper))
    los, his = list(a.inclusive_min), list(a.exclusive_max)
    for i, known in enumerate(inferred):
        if known is None:
            continue
        lo, hi, lower, upper = known
        if a.lower_mask >> i & 1:
            los[i] = lo
        if a.upper_mask >> i & 1:
            his[i] = hi
        if his[i] < los[i]:
            his[i] = los[i]
        if nothing >> i & 1 and los[i] != his[i] and a.inclusive_min[i] == a.exclusive_max[i]:
            # the origins that a slice and its inverse give to nothing disagree: keep the slice's
            los[i] = his[i] = a.inclusive_min[i]
            continue
        if not empty and not contains(-INF if lower else lo, END if upper else hi, los[i], his[i]):
            raise OutOfRange(
                f"Propagated bounds {interval_text(lo, hi, lower, upper)}{_size_text(lo, hi)} "
                f"for dimension {i} are incompatible with existing bounds "
                f"{interval_text(los[i], his[i])}{_size_text(los[i], his[i]).rstrip(',')}."
            )
    return domain(tuple(los), tuple(his), a.labels, lower_mask, upper_mask)


def _fits_plainly(b: IndexDomain, inner: IndexTransform) -> bool:
    """Tell, for explicit bounds and unit strides, whether `inner` stays within `b`."""
    a = inner.domain
    los, his, lows, highs = a.inclusive_min, a.exclusive_max, b.inclusive_min, b.exclusive_max
    dims, offsets, strides = inner._dims, inner._offsets, inner._strides
    for j in range(b.rank):
        i, offset, lo, hi = dims[j], offsets[j], lows[j], highs[j]
        if i < 0:
            if not strides[j] and not (lo <= offset < hi and -INF < offset < INF):
                return False
        elif (
            strides[j] != 1
            or lo > los[i] + offset
            or his[i] + offset > hi
            or (offset and (lo == -INF or hi == END))
        ):
            return False
    return True


def _size_text(lo: int, hi: int) -> str:
    return "" if lo == -INF and hi == END else f", with size={hi - lo},"


def _narrowed(x: tuple[int, int, bool, bool], y: tuple[int, int, bool, bool]) -> tuple[int, int, bool, bool]:
    """Return the common part, an explicit bound outranking an implicit one."""
    lo = max(x[0], y[0]) if x[2] == y[2] else max(-INF if x[2] else x[0], -INF if y[2] else y[0])
    hi = min(x[1], y[1]) if x[3] == y[3] else min(END if x[3] else x[1], END if y[3] else y[1])
    return lo, max(lo, hi), x[2] and y[2], x[3] and y[3]


def _joined(
    c: int, m: OutputIndexMap, b: IndexDomain, a: IndexDomain, inner: IndexTransform, empty: bool
) -> OutputIndexMap:
    j, stride = m.input_dimension, m.stride
    if stride is None:
        return m
    if j is None:
        return constant_map(0) if empty else _array_through(m, b, a, inner)
    n = inner.maps[j]
    if stride == 1 and m.offset == 0 and n.index_array is None:
        return n
    offset = m.offset + stride * n.offset
    if not fits(offset) or not fits(stride * n.offset):
        raise InvalidArgument(f"Integer overflow computing output offset for output dimension {c}.")
    if n.stride is None:
        return constant_map(offset)
    product = stride * n.stride
    if not fits(product):
        raise InvalidArgument(f"Integer overflow computing output_strides[{c}] = {n.stride} * {stride}")
    if n.input_dimension is not None:
        return single_map(n.input_dimension, offset, product)
    if empty:
        return constant_map(0)
    assert n.index_array is not None
    limits = narrowed_range(n, b, j)
    return array_or_constant(n.index_array, offset, product, limits)


def narrowed_range(n: OutputIndexMap, b: IndexDomain, j: int) -> Any:
    """Return the index range of the array map `n`, cut to what dimension `j` of `b` explicitly allows."""
    lo = -INF if b.lower_mask >> j & 1 else b.inclusive_min[j]
    hi = END if b.upper_mask >> j & 1 else b.exclusive_max[j]
    known = n.index_range
    assert known is not None
    assert n.stride is not None
    if n.offset != 0 or n.stride != 1:
        lo, hi = affine_domain(lo, hi, n.offset, n.stride)
    lo, hi = max(lo, known.inclusive_min), min(hi, known.exclusive_max)
    if lo == known.inclusive_min and hi == known.exclusive_max:
        return known
    return dim(lo, max(lo, hi))


def array_or_constant(array: Any, offset: int, stride: int, limits: Any) -> OutputIndexMap:
    """Return the array map, or, of a single value, the constant (its value checked at once)."""
    if array.size != 1:
        return array_map(array, offset, stride, limits)
    value = int(array.item())
    check_index(limits.inclusive_min, limits.exclusive_max, value)
    moved = offset + stride * value
    if not fits(moved) or not fits(stride * value):
        raise InvalidArgument("Integer overflow computing offset for output dimension.")
    return constant_map(moved)


def _array_through(
    m: OutputIndexMap, b: IndexDomain, a: IndexDomain, inner: IndexTransform
) -> OutputIndexMap:
    """Return the array map `m` over `b` as a map over `a`."""
    array, limits, stride = m.index_array, m.index_range, m.stride
    assert array is not None
    assert stride is not None
    seen = through(array, b.inclusive_min, b.exclusive_max, a, inner)
    return array_or_constant(seen, m.offset, stride, limits)


def through(
    array: Any, los: tuple[int, ...], his: tuple[int, ...], a: IndexDomain, inner: IndexTransform
) -> Any:
    """Return the index array over A of an index array over B, each axis of A of its extent or of size 1.

    `los`, `his` are the bounds of B.  Raise `OutOfRange` where an array of `inner` leaves B.
    """
    used = [j for j, extent in enumerate(array.shape) if extent != 1]
    flat = array.reshape([array.shape[j] for j in used])
    dims = [inner.maps[j].input_dimension for j in used]
    plain = len(set(dims)) == len(dims) and all(inner.maps[j].index_array is None for j in used)
    if plain:
        return _sliced(flat, used, los, a, inner)
    picks: list[Any] = []
    for j in used:
        n = inner.maps[j]
        if n.index_array is not None:
            picks.append(_checked(j, n, los[j], his[j]) - los[j])
            continue
        if n.input_dimension is None:
            picks.append(np.full((1,) * a.rank, n.offset - los[j], dtype=np.int64))
            continue
        i = n.input_dimension
        assert n.stride is not None
        extent = a.exclusive_max[i] - a.inclusive_min[i]
        start = n.offset + n.stride * a.inclusive_min[i] - los[j]
        line = start + n.stride * np.arange(extent, dtype=np.int64)
        picks.append(line.reshape([extent if k == i else 1 for k in range(a.rank)]))
    return frozen(flat[tuple(picks)].reshape((1,) * a.rank) if not picks else flat[tuple(picks)])


def _sliced(flat: Any, used: list[int], los: tuple[int, ...], a: IndexDomain, inner: IndexTransform) -> Any:
    """Return the array over A where each used dimension of B is a constant or its own dimension of A."""
    key: list[Any] = []
    order: list[int] = []
    for j in used:
        n = inner.maps[j]
        if n.input_dimension is None or n.stride is None:
            key.append(n.offset - los[j])
            continue
        i = n.input_dimension
        extent = a.exclusive_max[i] - a.inclusive_min[i]
        start = n.offset + n.stride * a.inclusive_min[i] - los[j]
        stop = start + n.stride * extent
        key.append(slice(start, stop if stop >= 0 else None, n.stride))
        order.append(i)
    view = np.asarray(flat[tuple(key)])
    view = view.transpose(sorted(range(len(order)), key=order.__getitem__))
    shape = [1] * a.rank
    for i in order:
        shape[i] = a.exclusive_max[i] - a.inclusive_min[i]
    view = view.reshape(shape)
    view.flags.writeable = False
    return view


def check_array(m: OutputIndexMap, lo: int, hi: int) -> Any:
    """Return the output coordinates of an array map, all of them within its range and within `[lo, hi)`.

    Raise `OutOfRange` naming the first that is not.
    """
    array, limits = m.index_array, m.index_range
    assert array is not None
    assert limits is not None
    assert m.stride is not None
    first, end = affine_domain(lo, hi, m.offset, m.stride)
    first, end = max(first, limits.inclusive_min), min(end, limits.exclusive_max)
    least, most = max(first, -MAX_FINITE), min(end - 1, MAX_FINITE)
    if array.size and (int(array.min()) < least or int(array.max()) > most):
        wrong = (array < least) | (array > most)
        value = int(array[wrong][0])
        raise OutOfRange(f"Index {value} is outside valid range {interval_text(first, max(first, end))}")
    return array * m.stride + m.offset


def inverse(t: IndexTransform) -> IndexTransform:
    """Return the transform that undoes `t`; raise `InvalidArgument` where there is none.

    >>> t = IndexTransform(input_shape=[5], output=[OutputIndexMap(input_dimension=0, offset=3)])
    >>> inverse(t).domain
    { [3, 8) }
    """
    source = t.domain
    los, his, labels, lowers, uppers = [], [], [], 0, 0
    maps: list[OutputIndexMap | None] = [None] * source.rank
    for k, m in enumerate(t.maps):
        if m.index_array is not None:
            raise InvalidArgument(
                f"Transform is not invertible due to index array map for output dimension {k}"
            )
        i, stride = m.input_dimension, m.stride
        if i is None or stride is None:
            lo, hi, label, lower, upper = m.offset, m.offset + 1, "", False, False
            if not -INF < m.offset < INF:
                raise InvalidArgument(
                    f"Transform is not invertible due to offset {m.offset} outside valid range "
                    f"{interval_text(1 - INF, INF)} for output dimension {k}"
                )
        else:
            if stride not in (1, -1):
                raise InvalidArgument(
                    f"Transform is not invertible due to stride of {stride} for output dimension {k}"
                )
            other = maps[i]
            if other is not None:
                raise InvalidArgument(
                    f"Transform is not invertible because input dimension {i} maps to output dimensions "
                    f"{other.input_dimension} and {k}"
                )
            d = source.dim(i)
            try:
                lo, hi = affine_range(d.inclusive_min, d.exclusive_max, m.offset, stride)
            except TegulaError as error:
                prefix = f"Error inverting map from input dimension {i} -> output dimension {k}: "
                raise annotated(error, prefix) from None
            label, lower, upper = d.label, d.implicit_lower, d.implicit_upper
            if stride < 0:
                lower, upper = upper, lower
            maps[i] = single_map(k, -m.offset * stride, stride)
        los.append(lo)
        his.append(hi)
        labels.append(label)
        lowers |= lower << k
        uppers |= upper << k
    whole: list[OutputIndexMap] = []
    for i, found in enumerate(maps):
        if found is None:
            d = source.dim(i)
            if d.implicit_lower or d.implicit_upper or d.size != 1:
                shown = interval_text(d.inclusive_min, d.exclusive_max, d.implicit_lower, d.implicit_upper)
                raise InvalidArgument(
                    f"Transform is not invertible due to non-singleton input dimension {i} with domain "
                    f"{shown} that is not mapped by an output dimension"
                )
            found = constant_map(d.inclusive_min)
        whole.append(found)
    return transform(domain(tuple(los), tuple(his), tuple(labels), lowers, uppers), tuple(whole))


def indexing(error: TegulaError) -> IndexingError:
    """Return `error` as the class that indexing expressions raise."""
    return IndexingError(error.message, error.status_code())
