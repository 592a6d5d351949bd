"""Laws of the index space, over random domains, transforms and expressions.

A transform is known by its values on every point of its domain: `table(t)` is the integer array of output
coordinates, shape `t.shape + (output_rank,)`.  NumPy on that table is the definition of each operation.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.errors import TegulaError
from tegula.space import (
    Dim,
    IndexDomain,
    IndexTransform,
    OutputIndexMap,
    apply_terms,
    check_bounds,
    d,
    identity,
    inverse,
)
from tegula.space.align import align
from tegula.space.compose import compose, composed_now
from tegula.space.slicing import Expression

LAW = settings(max_examples=60, deadline=None)


@st.composite
def dims(draw, label, least):
    lo = draw(st.integers(-5, 5))
    size = draw(st.integers(least, 3))
    flags = draw(st.tuples(st.booleans(), st.booleans())) if draw(st.integers(0, 3)) == 0 else (False, False)
    return Dim(
        inclusive_min=lo,
        exclusive_max=lo + size,
        label=draw(label),
        implicit_lower=flags[0],
        implicit_upper=flags[1],
    )


@st.composite
def domains(draw, least=0):
    labels = draw(st.permutations(["x", "y", "z", "", "", ""]))
    return IndexDomain([draw(dims(st.just(labels[i]), least)) for i in range(draw(st.integers(0, 3)))])


@st.composite
def maps(draw, domain):
    values = st.integers(-4, 4)
    kind = draw(st.sampled_from(["constant", "single", "single", "array"]))
    offset, stride = draw(values), draw(st.sampled_from([1, 1, -1, 2, -3]))
    if kind == "constant" or domain.rank == 0:
        return OutputIndexMap(offset)
    if kind == "single":
        return OutputIndexMap(draw(st.integers(0, domain.rank - 1)), offset, stride)
    implicit = [
        a or b for a, b in zip(domain.implicit_lower_bounds, domain.implicit_upper_bounds, strict=True)
    ]
    shape = [1 if flag or draw(st.booleans()) else n for n, flag in zip(domain.shape, implicit, strict=True)]
    count = int(np.prod(shape))
    array = np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype=np.int64).reshape(shape)
    return OutputIndexMap(index_array=array, offset=offset, stride=stride)


@st.composite
def transforms(draw, least=0):
    domain = draw(domains(least=least))
    return IndexTransform(domain, [draw(maps(domain)) for _ in range(draw(st.integers(0, 3)))])


def table(t):
    """The output coordinates at each point of the domain."""
    values = [t([x + o for x, o in zip(p, t.domain.origin, strict=True)]) for p in np.ndindex(t.domain.shape)]
    return np.array(values, dtype=np.int64).reshape((*t.domain.shape, len(t.maps)))


@st.composite
def pairs(draw):
    """An outer transform and an inner one that lands in its domain."""
    outer = draw(transforms(least=1))
    domain = draw(domains(least=1))
    inner = []
    for dim in outer.domain:
        inside = st.integers(dim.inclusive_min, dim.exclusive_max - 1)
        inner.append(draw(landing(domain, dim, inside)))
    return outer, IndexTransform(domain, inner)


@st.composite
def landing(draw, domain, dim, inside):
    """A map from `domain` into `dim`."""
    i = draw(st.integers(0, domain.rank)) - 1
    if i >= 0 and draw(st.booleans()):
        source = domain[i]
        room = dim.size - source.size
        if room >= 0:
            start = dim.inclusive_min + draw(st.integers(0, room))
            if draw(st.booleans()):
                return OutputIndexMap(i, start - source.inclusive_min, 1)
            return OutputIndexMap(i, start + source.exclusive_max - 1, -1)
    if i >= 0 and draw(st.booleans()) and not (domain[i].implicit_lower or domain[i].implicit_upper):
        values = draw(st.lists(inside, min_size=domain[i].size, max_size=domain[i].size))
        shape = [1] * domain.rank
        shape[i] = domain[i].size
        return OutputIndexMap(index_array=np.array(values, dtype=np.int64).reshape(shape))
    return OutputIndexMap(draw(inside))


def explicit(domain):
    """The domain with no implicit bound, so that nothing is widened by composition."""
    return domain.mark_bounds_implicit[False]


@LAW
@given(pairs())
def test_composition_is_application_one_after_the_other(pair):
    """compose(f, g)(x) == f(g(x))"""
    outer, inner = pair
    inner = inner[explicit(inner.domain)]
    joined = compose(outer, inner)
    assert joined.domain == inner.domain
    for point in np.ndindex(joined.domain.shape):
        x = [a + o for a, o in zip(point, joined.domain.origin, strict=True)]
        assert joined(x) == outer(inner(x))


@LAW
@given(pairs(), st.data())
def test_composition_is_associative(pair, data):
    """compose(compose(f, g), h) == compose(f, compose(g, h))"""
    f, g = pair
    domain = data.draw(domains(least=1))
    h = IndexTransform(
        explicit(domain),
        [
            data.draw(landing(explicit(domain), dim, st.integers(dim.inclusive_min, dim.exclusive_max - 1)))
            for dim in g.domain
        ],
    )
    left, right = compose(compose(f, g), h), compose(f, compose(g, h))
    assert left.domain == right.domain
    np.testing.assert_array_equal(table(left), table(right))


@LAW
@given(transforms())
def test_identity_is_the_unit(t):
    """compose(t, identity) == t; and compose(identity, t) == t where no bound is implicit"""
    assert compose(t, identity(t.domain)) == t
    sure = t.mark_bounds_implicit[False]
    same = compose(identity(IndexDomain(len(t.maps))), sure)
    assert same.domain == sure.domain
    np.testing.assert_array_equal(table(same), table(sure))


@LAW
@given(pairs())
def test_what_is_made_later_is_what_is_made_at_once(pair):
    """A composition that is made when somebody looks is the one that is made at once, or the same error."""
    outer, inner = pair
    for one in (inner, inner[explicit(inner.domain)], inner.mark_bounds_implicit[False]):
        try:
            now = composed_now(outer, one)
        except TegulaError as error:
            with pytest.raises(type(error)):
                compose(outer, one)
        else:
            assert compose(outer, one) == now


@LAW
@given(transforms(), st.data())
def test_moving_there_and_back_changes_nothing(t, data):
    """Translation and transposition undo themselves, whenever they are made"""
    moves = data.draw(st.lists(st.integers(-9, 9), min_size=t.domain.rank, max_size=t.domain.rank))
    assert t.translate_by[moves].translate_backward_by[moves] == t
    order = data.draw(st.permutations(range(t.domain.rank)))
    back = sorted(range(t.domain.rank), key=order.__getitem__)
    assert t.transpose(order).transpose(back) == t
    assert t == t.T.T
    assert t.transpose(order).domain.shape == tuple(t.shape[i] for i in order)


@LAW
@given(transforms())
def test_json_and_pickle_round_trip(t):
    """IndexTransform(json=t.to_json()) is t with unbounded index ranges; pickle changes nothing"""
    assert pickle.loads(pickle.dumps(t)) == t
    again = IndexTransform(json=t.to_json())
    assert again.domain == t.domain
    np.testing.assert_array_equal(table(again), table(t))
    assert IndexDomain(json=t.domain.to_json()) == t.domain
    assert hash(pickle.loads(pickle.dumps(t))) == hash(t)


@LAW
@given(domains(), st.data())
def test_inverse_undoes(domain, data):
    """inverse(t)(t(x)) == x, for permuted, moved and reversed dimensions"""
    order = data.draw(st.permutations(range(domain.rank)))
    signs = [data.draw(st.sampled_from([1, -1])) for _ in order]
    offsets = [data.draw(st.integers(-5, 5)) for _ in order]
    t = IndexTransform(
        domain, [OutputIndexMap(i, o, s) for i, o, s in zip(order, offsets, signs, strict=True)]
    )
    back = inverse(t)
    for point in np.ndindex(domain.shape):
        x = tuple(a + o for a, o in zip(point, domain.origin, strict=True))
        assert back(t(x)) == x
    assert inverse(back).maps == t.maps
    assert inverse(back).domain == domain


@st.composite
def expressions(draw, domain):
    """Terms for a whole domain, and the same for NumPy on an array whose element 0 is at the origin."""
    terms, plain = [], []
    arrays = 0
    for dim in domain:
        lo, hi = dim.inclusive_min, dim.exclusive_max
        kind = draw(st.sampled_from(["slice", "slice", "all", "int", "array", "reverse"]))
        if kind == "int" and dim.size:
            x = draw(st.integers(lo, hi - 1))
            terms.append(x)
            plain.append(slice(x - lo, x - lo + 1))
        elif kind == "array" and dim.size and not arrays:
            values = draw(st.lists(st.integers(lo, hi - 1), min_size=0, max_size=4))
            terms.append(values)
            plain.append(np.array(values, dtype=np.int64) - lo)
            arrays += 1
        elif kind == "reverse":
            step = draw(st.sampled_from([-1, -2, -3]))
            terms.append(slice(None, None, step))
            plain.append(slice(None, None, step))
        elif kind == "slice":
            a = draw(st.integers(lo, hi))
            b = draw(st.integers(a, hi))
            step = draw(st.sampled_from([None, 1, 2, 3]))
            terms.append(slice(a, b, step))
            plain.append(slice(a - lo, b - lo, step))
        else:
            terms.append(slice(None))
            plain.append(slice(None))
    return tuple(terms), tuple(plain)


@LAW
@given(transforms(), st.sampled_from(["default", "oindex", "vindex"]), st.data())
def test_indexing_is_numpy_on_the_table(t, mode, data):
    """view-then-read equals read-then-NumPy, in each mode (one index array at most)"""
    terms, plain = data.draw(expressions(t.domain))
    view = apply_terms(t, terms, mode)
    want = table(t)[plain]
    if mode == "vindex":
        for axis, term in enumerate(terms):
            if isinstance(term, list):
                want = np.moveaxis(want, axis, 0)
                plain = (terms[axis], *terms[:axis], *terms[axis + 1 :])
                break
        else:
            plain = terms
    else:
        plain = terms
    drop = tuple(axis for axis, term in enumerate(plain) if isinstance(term, int))
    np.testing.assert_array_equal(table(view), want.squeeze(axis=drop))


@LAW
@given(transforms(), st.sampled_from(["default", "oindex", "vindex"]), st.data())
def test_the_direct_path_is_the_long_way(t, mode, data):
    """apply_terms(t, terms) == compose(t, Expression(terms).transform(t.domain)), errors included"""
    terms, _ = data.draw(expressions(t.domain))
    extra = data.draw(st.sampled_from([(), (None,), (Ellipsis,), (None, Ellipsis), (99,), (slice(-99, 3),)]))
    at = data.draw(st.integers(0, len(terms)))
    if extra and extra[0] in (99, slice(-99, 3)) and at < len(terms):
        terms = (*terms[:at], *extra, *terms[at + 1 :])
    else:
        terms = (*terms[:at], *extra, *terms[at:])
    try:
        long = compose(t, Expression(terms, mode).transform(t.domain))
    except TegulaError as error:
        long = str(error)
    try:
        short = apply_terms(t, terms, mode)
    except IndexError as error:
        short = str(error)
    assert short == long


@LAW
@given(transforms(), st.data())
def test_moves_and_names_change_no_value(t, data):
    """translate, label and transpose move coordinates: the table is the same but for its axes"""
    rank = t.domain.rank
    offsets = [data.draw(st.integers(-9, 9)) for _ in range(rank)]
    order = data.draw(st.permutations(range(rank)))
    whole = table(t)
    np.testing.assert_array_equal(table(t.translate_by[offsets]), whole)
    np.testing.assert_array_equal(table(t.translate_to[offsets]), whole)
    assert t.translate_by[offsets].translate_backward_by[offsets] == t
    assert t.translate_to[offsets].domain.origin == tuple(offsets)
    np.testing.assert_array_equal(table(t.transpose(order)), whole.transpose([*order, rank]))
    np.testing.assert_array_equal(table(t.T), whole.transpose([*range(rank - 1, -1, -1), rank]))
    assert t == t.T.T
    assert t.label[[""] * rank].domain.shape == t.domain.shape


@LAW
@given(transforms(), st.data())
def test_stride_keeps_the_multiples(t, data):
    """d[i].stride[s] sees exactly the coordinates that are multiples of s"""
    if not t.domain.rank:
        return
    i = data.draw(st.integers(0, t.domain.rank - 1))
    s = data.draw(st.sampled_from([1, 2, 3, -1, -2]))
    view = t[d[i].stride[s]]
    dim = t.domain[i]
    kept = [x for x in range(dim.inclusive_min, dim.exclusive_max) if x % s == 0]
    want = table(t).take([x - dim.inclusive_min for x in (kept if s > 0 else kept[::-1])], axis=i)
    np.testing.assert_array_equal(table(view), want)


@LAW
@given(transforms(least=1), st.data())
def test_diagonal_is_numpy_diagonal(t, data):
    """d[i, j].diagonal joins two dimensions over their common coordinates, first"""
    if t.domain.rank < 2:
        return
    i, j = data.draw(st.permutations(range(t.domain.rank)))[:2]
    origin = t.domain.origin
    lo = max(origin[i], origin[j])
    hi = min(t.domain.exclusive_max[i], t.domain.exclusive_max[j])
    whole = table(t).take(range(lo - origin[i], hi - origin[i]), axis=i) if hi > lo else None
    view = t[d[i, j].diagonal]
    assert view.domain[0] == Dim(
        inclusive_min=lo,
        exclusive_max=max(lo, hi),
        implicit_lower=t.domain[i].implicit_lower and t.domain[j].implicit_lower,
        implicit_upper=t.domain[i].implicit_upper and t.domain[j].implicit_upper,
    )
    if whole is not None:
        whole = whole.take(range(lo - origin[j], hi - origin[j]), axis=j)
        np.testing.assert_array_equal(table(view), np.moveaxis(np.diagonal(whole, axis1=i, axis2=j), -1, 0))


@LAW
@given(domains(least=1), st.data())
def test_alignment_is_numpy_broadcasting(target, data):
    """align(source, target) reads the source where NumPy's broadcast of it would, without labels"""
    target = target.label[[""] * target.rank]
    sizes = [data.draw(st.sampled_from([1, n])) for n in target.shape][
        data.draw(st.integers(0, target.rank)) :
    ]
    lows = [data.draw(st.integers(-3, 3)) for _ in sizes]
    source = IndexDomain([Dim(lo, lo + n) for lo, n in zip(lows, sizes, strict=True)])
    t = align(source, target)
    grid = np.moveaxis(np.indices(source.shape), 0, -1) + np.array(lows, dtype=np.int64)
    want = np.broadcast_to(grid, (*target.shape, source.rank))
    np.testing.assert_array_equal(table(t), want)


@LAW
@given(transforms(), st.data())
def test_checked_bounds_hold_everywhere(t, data):
    """check_bounds passes iff every element maps within the bounds (an empty domain always does)"""
    rank = len(t.maps)
    los = [data.draw(st.integers(-30, 0)) for _ in range(rank)]
    his = [data.draw(st.integers(0, 30)) for _ in range(rank)]
    values = table(t).reshape(t.domain.size, rank)
    within = not values.size or bool(((values >= los) & (values < his)).all())
    if within:
        check_bounds(t, los, his)
    else:
        with pytest.raises(ValueError, match=r"^OUT_OF_RANGE: "):
            check_bounds(t, los, his)


@LAW
@given(domains(), domains())
def test_hull_and_intersect_are_lattice_operations(a, b):
    """hull and intersect commute up to labels, absorb themselves, and contain as their names say"""
    a, b = a.label[[""] * a.rank], b.label[[""] * b.rank]
    assert a.hull(a) == a.intersect(a) == a
    if a.rank != b.rank:
        return
    assert a.intersect(b) == b.intersect(a)
    for x, y, h, c in zip(a, b, a.hull(b), a.intersect(b), strict=True):
        assert x in h
        assert y in h
        assert c in x
        assert c in y
