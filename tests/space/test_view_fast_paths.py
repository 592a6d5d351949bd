"""The fast paths of views are their definitions: masks of several axes, translations, composition.

Each is compared with the general path over random domains, with implicit bounds among them.
"""

from __future__ import annotations

import copy
import pickle
import random
import re
import threading

import numpy as np
import pytest

from tegula import Dim, IndexDomain, IndexTransform, OutputIndexMap, d
from tegula.errors import TegulaError
from tegula.space import dimops, dimterms, plain
from tegula.space.compose import _composed_within, compose, composed_now
from tegula.space.dimops import _moved_all, _permuted, permuted, translated_whole
from tegula.space.dims import _OPERATIONS, _READ, _vector
from tegula.space.direct import directly
from tegula.space.slicing import Expression
from tegula.space.transform import IndexTransform as Transform
from tegula.space.transform import deferred, is_near, nowhere


def _source(chance: random.Random, rank: int) -> Transform:
    space = IndexDomain(
        inclusive_min=[chance.randrange(-5, 6) for _ in range(rank)],
        shape=[chance.randrange(4, 12) for _ in range(rank)],
        implicit_lower_bounds=[chance.random() < 0.3 for _ in range(rank)],
        implicit_upper_bounds=[chance.random() < 0.3 for _ in range(rank)],
        labels=[chance.choice(["", f"d{i}"]) for i in range(rank)],
    )
    t = IndexTransform(space)
    if chance.random() < 0.5:
        t = t.transpose(chance.sample(range(rank), rank))
    if chance.random() < 0.5:
        t = t[..., ::2]
    if chance.random() < 0.3:
        t = t[t.domain.inclusive_min[0] + 1 :]
    return t


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("mode", ["default", "oindex", "vindex"])
def test_a_mask_of_several_axes_is_what_composition_makes_of_it(seed, mode):
    chance = random.Random(seed)
    rank = chance.randrange(2, 5)
    t = _source(chance, rank)
    axes = chance.randrange(2, rank + 1)
    mask = np.random.default_rng(seed).random(t.domain.shape[:axes]) < 0.5
    terms = [mask]
    if axes < rank and chance.random() < 0.6:
        terms.append(chance.choice([slice(None), ..., t.domain.inclusive_min[axes], [1, 2]]))
    if chance.random() < 0.3:
        terms.insert(chance.randrange(len(terms) + 1), None)
    if chance.random() < 0.2:
        terms.insert(0, ...)
    try:
        found = directly(t, tuple(terms), mode)
    except IndexError:
        found = None
    if found is not None:
        expected = compose(t, Expression(tuple(terms), mode).transform(t.domain))
        assert found == expected
        assert str(found) == str(expected)


def test_a_mask_of_two_axes_takes_the_fast_path():
    mask = np.ones((3, 4), bool)
    assert directly(IndexTransform(input_shape=[3, 4, 5]), (mask,), "default") is not None
    assert directly(IndexTransform(input_shape=[3, 4, 5]), (..., mask), "oindex") is not None
    assert directly(IndexTransform(input_shape=[3]), (mask,), "default") is None


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("name", ["translate_to", "translate_by", "translate_backward_by"])
def test_a_translation_of_the_whole_is_that_of_each_dimension(seed, name):
    chance = random.Random(seed)
    rank = chance.randrange(1, 5)
    t = _source(chance, rank)
    if chance.random() < 0.4:
        t = t[t.domain.inclusive_min[0]]
    if chance.random() < 0.3 and t.rank:
        t = t[..., [1, 2]]
    rank = t.rank
    given = chance.choice([3, -7, tuple(chance.randrange(-9, 9) for _ in range(rank))])
    found = translated_whole(t, name, given)
    assert found is not None
    expected = _OPERATIONS[name](t, list(range(rank)), _vector(given, name))[0]
    assert found == expected == _moved_all(t, name, given)


@pytest.mark.parametrize("seed", range(100))
def test_a_translation_of_one_dimension_is_that_of_any_number_of_them(seed):
    chance = random.Random(seed)
    t = _source(chance, chance.randrange(1, 5))
    if chance.random() < 0.3:
        t = t[..., [1, 2]] if t.shape[-1] > 2 else t
    if chance.random() < 0.2:
        t = t[d[:].diagonal]
    i, move = chance.randrange(t.rank), chance.choice([-3, 7, 2**40 - 3, 3 - 2**40])
    if is_near(t):
        found = dimops._moved_one(t, i, move)
        moves = [move if k == i else 0 for k in range(t.rank)]
        expected = dimops._moved(t, moves, dimops._checked_bounds(t.domain, [i], [move], "by"))
        assert (found, str(found)) == (expected, str(expected))
        assert found._near is None or found._near == is_near(IndexTransform(found.domain, found.maps))


@pytest.mark.parametrize("seed", range(100))
def test_a_stride_of_one_dimension_is_that_of_any_number_of_them(seed):
    chance = random.Random(seed)
    t = _source(chance, chance.randrange(1, 5))
    if chance.random() < 0.3:
        t = t[d[:].diagonal]
    i, every = chance.randrange(t.rank), chance.choice([1, 2, 3, 100, 2**39])
    if is_near(t):
        found, expected = dimops._strided_one(t, i, every), dimops.stride(t, [i], (every,))[0]
        assert (found, str(found)) == (expected, str(expected))


@pytest.mark.parametrize("given", [2**41, (1, None), (1,), (1, 2.5), "ab", (True, 1)])
def test_what_is_not_plainly_a_translation_is_left_to_the_long_way(given):
    assert translated_whole(IndexTransform(input_shape=[3, 4]), "translate_by", given) is None


@pytest.mark.parametrize("seed", range(200))
def test_a_composition_that_is_put_off_is_the_one_made_at_once(seed):
    chance = random.Random(seed)
    outer = _source(chance, 3)
    inner = _source(chance, 3)
    if chance.random() < 0.6:
        inner = inner.translate_to[outer.domain.inclusive_min]
    try:
        expected = composed_now(outer, inner)
    except TegulaError as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            compose(outer, inner)
        return
    assert compose(outer, inner) == expected
    box = inner._box
    los, his = outer.domain.inclusive_min, outer.domain.exclusive_max
    if isinstance(box, tuple) and all(los[j] <= least and most < his[j] for j, least, most in box):
        assert _composed_within(outer, inner) == expected


@pytest.mark.parametrize("seed", range(60))
def test_what_is_near_stays_near_and_can_be_moved(seed):
    chance = random.Random(seed)
    t = _source(chance, 3)
    assert is_near(t)
    for step in (lambda v: v.T, lambda v: v[v.domain.inclusive_min[0]], lambda v: v[None], lambda v: v[1:2]):
        try:
            t = step(t)
        except IndexError:
            continue
        assert t._near in (None, True)
        assert is_near(t)
        assert is_near(IndexTransform(t.domain, t.maps))
        assert t.translate_by[5].translate_backward_by[5] == t


@pytest.mark.parametrize("seed", range(60))
def test_the_reverse_order_is_a_permutation(seed):
    t = _source(random.Random(seed), 3)
    lo = t.domain.inclusive_min
    seen = [t, t[..., [1, 2, 3]], t.oindex[[0, 1], :, [2, 1]], t[lo[0]], t[None, [0, 1], ..., [1, 2]]]
    t = seen[seed % 5]
    order = range(t.rank - 1, -1, -1)
    assert _permuted(t, order) == t.T
    assert str(t.T) == str(_permuted(t, order))


def test_a_transpose_of_one_dimension_is_the_transform_itself():
    t = IndexTransform(input_shape=[4])
    assert permuted(t, [0]) is t
    assert t.T is t
    assert t.transpose([0]) == t


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("mode", ["default", "oindex", "vindex"])
def test_one_term_on_chosen_dimensions_is_what_composition_makes_of_it(seed, mode, monkeypatch):
    chance = random.Random(seed)
    rank = chance.randrange(2, 5)
    t = _source(chance, rank)
    axes = chance.randrange(1, rank + 1)
    first = chance.randrange(rank - axes + 1)
    chosen = list(range(first, first + axes))
    if chance.random() < 0.3:
        chance.shuffle(chosen)
    mask = np.random.default_rng(seed).random([t.shape[i] for i in chosen]) < 0.6
    lo = max(t.domain.inclusive_min)
    term = chance.choice([mask, mask, [1, 2, 3], None, lo, slice(lo, lo + 1), slice(None)])
    if term is not mask and axes > 1 and chance.random() < 0.5:
        chosen = chosen[:1]
    start = d[tuple(chosen)]
    expression = start[term] if mode == "default" else getattr(start, mode)[term]

    def seen():
        try:
            found = t[expression]
            return str(found), str(found.label[[f"l{i}" for i in range(found.rank)]][d[:].translate_by[1]])
        except (IndexError, ValueError) as error:
            return type(error), str(error)

    fast = seen()
    monkeypatch.setattr(dimterms, "plainly", lambda *_: None)
    assert fast == seen()


@pytest.mark.parametrize("seed", range(80))
@pytest.mark.parametrize("verb", ["hull", "intersect"])
def test_domains_are_joined_and_cut_dimension_by_dimension(seed, verb):
    chance = random.Random(seed)
    one, other = (
        IndexDomain(
            inclusive_min=[chance.randrange(-5, 6) for _ in range(3)],
            shape=[chance.randrange(0, 9) for _ in range(3)],
            labels=["x", "", "z"],
            implicit_upper_bounds=[chance.random() < 0.1 for _ in range(3)],
        )
        for _ in range(2)
    )
    expected = IndexDomain([getattr(a, verb)(b) for a, b in zip(one, other, strict=True)])
    assert getattr(one, verb)(other) == expected


def _numbers(chance, t):
    """An index of integers, slices, new dimensions and an ellipsis, most of which lie within the bounds."""
    terms = []
    for lo, hi in zip(t.domain.inclusive_min, t.domain.exclusive_max, strict=True):
        kind = chance.random()
        a, b = sorted(chance.randrange(lo - (chance.random() < 0.03), hi + 1) for _ in range(2))
        ends = [a if chance.random() < 0.7 else None, b if chance.random() < 0.7 else None]
        if kind < 0.3:
            terms.append(a)
        elif kind < 0.6:
            terms.append(slice(*ends, chance.choice([None, None, 1, True])))
        elif kind < 0.75:
            terms.append(slice(*ends, chance.choice([2, 3, 7, 0, 2**21])))
        elif kind < 0.9:
            terms.append(slice(*reversed(ends), chance.choice([-1, -2, -5, -(2**20)])))
        else:
            terms.append(
                chance.choice([[a, a + 1], np.array([a, lo, a]), np.arange(3), True, a + 2**63, 1.0])
            )
    if chance.random() < 0.3:
        terms = terms[: chance.randrange(len(terms) + 1)]
    if chance.random() < 0.3:
        terms.insert(chance.randrange(len(terms) + 1), None)
    if chance.random() < 0.3:
        at = chance.randrange(len(terms) + 1)
        terms[at : at + chance.randrange(3)] = [...]
    return tuple(terms)


def _said(make):
    try:
        found = make()
    except (IndexError, ValueError, TypeError) as error:
        return type(error), str(error)
    return found, str(found)


@pytest.mark.parametrize("seed", range(300))
def test_plain_indexing_is_what_composition_makes_of_it(seed):
    chance = random.Random(seed)
    t = _source(chance, chance.randrange(1, 5))
    if chance.random() < 0.5:
        lo, hi = t.domain.inclusive_min[-1], t.domain.exclusive_max[-1]
        rows = np.array(
            [chance.randrange(lo - (chance.random() < 0.02), hi) for _ in range(chance.randrange(1, 5))]
        )
        t = t[..., chance.choice([rows, rows.reshape(-1, 1), np.stack([rows, rows[::-1]])])]
    if chance.random() < 0.2 and t.rank > 1:
        rows = np.array([t.domain.inclusive_min[0]] * chance.randrange(2, 4))
        t = t.oindex[rows]
    if chance.random() < 0.2:  # arrays of a single value, which only a caller makes
        single = np.full((1,) * t.rank, chance.randrange(9))
        t = IndexTransform(t.domain, [*t.maps, OutputIndexMap(single, 1, 2, Dim(0, 8))])
    t = t.transpose(chance.sample(range(t.rank), t.rank))
    for _ in range(5):
        terms = _numbers(chance, t)
        mode = chance.choice(["default", "default", "oindex", "vindex"])
        found = plain.indexed(t, terms[0] if len(terms) == 1 else terms, mode)
        expected = _said(
            lambda terms=terms, mode=mode: compose(t, Expression(terms, mode).transform(t.domain))
        )
        if found is not None:
            assert (found, str(found)) == expected
            assert found._near is None or found._near == is_near(IndexTransform(found.domain, found.maps))


def _arrays(chance, t, longest=3):
    """An index with arrays of up to three axes, most of which broadcast, lists, True, and what is plain."""
    shape = [chance.randrange(1, 4) for _ in range(chance.randrange(1, longest + 1))]
    terms = []
    for lo, hi in zip(t.domain.inclusive_min, t.domain.exclusive_max, strict=True):
        kind = chance.random()
        if kind < 0.6:
            own = [
                1 if chance.random() < 0.15 else n
                for n in shape[chance.randrange(len(shape)) * (kind < 0.15) :]
            ]
            if chance.random() < 0.03:
                own[-1] += 1
            array = np.random.default_rng(chance.randrange(2**32)).integers(lo, hi, own)
            form = chance.random()
            if form < 0.15:
                array = array.tolist()
            elif form < 0.3:
                array = np.asfortranarray(array.astype("i2"))
            elif form < 0.4:
                array = array[..., ::-1]
            terms.append(array)
        else:
            terms.append(
                chance.choice([lo, slice(None), slice(lo, hi), slice(None, None, 2), slice(lo + 1, hi)])
            )
    if chance.random() < 0.3:
        terms = terms[: chance.randrange(len(terms) + 1)]
    for extra in (None, True, np.array(True), ...):
        if chance.random() < 0.2:
            terms.insert(chance.randrange(len(terms) + 1), extra)
    return tuple(terms)


@pytest.mark.parametrize("seed", range(400))
@pytest.mark.parametrize("mode", ["default", "oindex", "vindex"])
def test_index_arrays_of_any_shape_are_what_composition_makes_of_them(seed, mode):
    chance = random.Random(f"{seed} {mode}")
    t = _source(chance, chance.randrange(1, 5))
    if chance.random() < 0.15:
        t = t[t.domain.inclusive_min[0]]
    if chance.random() < 0.1:
        t = t[..., [1, 2]] if t.rank else t
    terms = _arrays(chance, t)
    found = plain.indexed(t, terms[0] if len(terms) == 1 else terms, mode)
    if found is not None:
        expected = _said(lambda: compose(t, Expression(terms, mode).transform(t.domain)))
        assert (found, str(found)) == expected
        assert repr(found.output) == repr(expected[0].output)
        assert found._near is None or found._near == is_near(IndexTransform(found.domain, found.maps))


@pytest.mark.parametrize("seed", range(300))
@pytest.mark.parametrize("mode", ["default", "oindex", "vindex"])
def test_index_arrays_of_any_shape_on_chosen_dimensions_are_what_composition_makes_of_them(
    seed, mode, monkeypatch
):
    chance = random.Random(f"{seed} {mode}")
    t = _source(chance, chance.randrange(2, 5))
    chosen = chance.sample(range(t.rank), chance.randrange(1, t.rank + 1))
    if chance.random() < 0.5:
        chosen.sort()
    names = tuple(t.domain.labels[i] or i - t.rank * (chance.random() < 0.2) for i in chosen)
    terms = _arrays(chance, t.transpose([*chosen, *(i for i in range(t.rank) if i not in chosen)]))
    terms = terms[: len(chosen)] if chance.random() < 0.9 else terms
    later = chance.random() < 0.3

    def seen():
        try:
            expression = Expression(terms, mode, "chained" if later else "initial")
            if later:
                found, made = dimterms.index_next(t, chosen, expression)
            else:
                found, made = dimterms.index_first(t, names, expression)
            return str(found), repr(found.output), list(made)
        except (IndexError, ValueError) as error:
            return type(error), str(error)

    fast = seen()
    for name in ("plainly", "_on_one", "_on_each", "_new_one"):
        monkeypatch.setattr(dimterms, name, lambda *_: None)
    assert fast == seen()


def test_index_arrays_of_any_shape_take_the_shortest_path():
    wide, line = np.array([[0, 1, 2], [2, 1, 0]]), np.array([1, 2, 0])
    for t in (IndexTransform(input_shape=[3, 4, 5]), IndexTransform(input_shape=[5, 4, 3]).T[:, ::-1, 1:]):
        t = t.translate_to[0]
        for terms in [
            (wide,),
            (..., [[0, 1]] * 2),
            (line, slice(None), line),
            (True, wide),
            (True,),
            (wide, line),
        ]:
            for mode in ("default", "oindex", "vindex"):
                assert plain.placed(t, terms, mode) is not None
        for expression in (
            d[1][wide],
            d[0, 1].vindex[wide, line],
            d[2, 0].oindex[wide, wide],
            d[2, 0][wide, 1],
        ):
            (_, argument), *_ = expression._steps
            assert dimterms.plainly(t, [i % 3 for i in expression._specs], argument, 3) is not None


def test_more_dimensions_than_there_may_be_are_an_error_that_says_so():
    t = IndexTransform(input_shape=[3, 4, 5])
    with pytest.raises(IndexError, match="Rank 33 is outside valid range"):
        t[(None,) * 30]
    with pytest.raises(IndexError, match="Rank 33 is outside valid range"):
        t[(*(None,) * 30, ...)]
    with pytest.raises(IndexError, match="Rank 33 is outside valid range"):
        t[np.zeros((1,) * 30 + (2,), int)]
    assert t[(None,) * 29].rank == 32


def test_what_is_plain_takes_the_shortest_path():
    for t in (IndexTransform(input_shape=[3, 4, 5]), IndexTransform(input_shape=[3, 4, 5]).T[::2, :, 1:]):
        array = np.array([1, 2])
        for terms in [
            (0,),
            (slice(1, 3),),
            (slice(None, None, 2),),
            (..., 2),
            (None, 1),
            (array,),
            (..., array),
        ]:
            assert plain.placed(t, terms) is not None
        assert plain.picked(t, 0, 0) is not None
        assert plain.cut(t, 0, slice(1, 3)) is not None
        assert plain.placed(t, (array, array), "oindex") is not None


@pytest.mark.parametrize("seed", range(120))
def test_operations_on_the_whole_are_those_on_each_dimension(seed):
    chance = random.Random(seed)
    t = _source(chance, chance.randrange(1, 5))
    if chance.random() < 0.2:
        t = t[..., [1, 2]] if t.shape[-1] > 2 else t[None]
    rank = t.rank
    names = [chance.choice(["", "a", "b", "\u00e9"]) for _ in range(rank + (chance.random() < 0.05))]
    given = {
        "label": chance.choice([tuple(names), names, tuple(f"n{i}" for i in range(rank)), "q", None]),
        "mark_bounds_implicit": chance.choice([True, False, None, 1, slice(None, True), slice(False, None)]),
        "translate_to": chance.choice([3, tuple(range(rank)), (None,) * rank, 2**61, True, [1] * rank]),
        "translate_by": chance.choice([-3, tuple(range(rank)), 2**61, 2**41, (1,)]),
        "translate_backward_by": chance.choice([4, tuple(range(rank)), "ab"]),
        "stride": 2,
    }
    for name, argument in given.items():

        def generally(x, name=name, argument=argument):
            found = _OPERATIONS[name](x, list(range(x.rank)), _READ[name](argument, name))[0]
            return found, str(found)

        assert _said(lambda name=name, argument=argument: getattr(t, name)[argument]) == _said2(generally, t)
        box, bare = t.domain, nowhere(t.domain)
        found = _said(lambda name=name, argument=argument, box=box: getattr(box, name)[argument])
        expected = _said2(generally, bare)
        assert found == (
            (expected[0].domain, str(expected[0].domain)) if isinstance(expected[0], Transform) else expected
        )


def _said2(make, x):
    try:
        return make(x)
    except (IndexError, ValueError, TypeError) as error:
        return type(error), str(error)


def test_a_transform_made_later_cannot_be_told_from_one_made_at_once():
    t = IndexTransform(input_shape=[3, 4], input_labels=["x", "y"])
    for look in (
        repr,
        hash,
        lambda x: x.domain,
        lambda x: x.maps,
        lambda x: x.output,
        copy.copy,
        copy.deepcopy,
    ):
        late = deferred(_moved_all, (t, "translate_by", 1))
        assert isinstance(late, IndexTransform)
        assert late.__class__ is IndexTransform
        assert look(late) == look(_moved_all(t, "translate_by", 1))
    late = deferred(_moved_all, (t, "translate_by", 1))
    assert pickle.loads(pickle.dumps(late)) == late
    assert type(late) is IndexTransform
    assert late._late is None
    late = deferred(_moved_all, (t, "translate_by", 1))
    with pytest.raises(AttributeError, match="IndexTransform"):
        late.rank = 3
    with pytest.raises(AttributeError, match="'IndexTransform' object has no attribute 'nothing'"):
        late.nothing  # noqa: B018
    assert t[deferred(_moved_all, (t, "translate_by", 0))] == t
    assert type(late).__name__ == "IndexTransform"


def test_many_threads_look_at_a_transform_made_later():
    t = IndexTransform(input_shape=[3, 4])
    for _ in range(200):
        late = deferred(_moved_all, (t, "translate_by", 1))
        start = threading.Barrier(4)
        seen = []

        def look(late=late, start=start, seen=seen):
            start.wait()
            seen.append((late.domain, late._dims, late._arrays, late.maps))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert seen == [(late.domain, (0, 1), None, late.maps)] * 4
