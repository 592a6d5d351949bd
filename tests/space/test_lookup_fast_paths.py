"""The fast paths of index arrays are their definitions: of any shape and size, over views that have some.

Each draw is compared with the composition, and each dimension expression with what the long way makes of it.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from tegula import IndexDomain, IndexTransform, d
from tegula.errors import TegulaError
from tegula.space import dimterms
from tegula.space.compose import compose, indexing
from tegula.space.lookups import arrays_alone
from tegula.space.plain import indexed, placed
from tegula.space.slicing import Expression, apply_terms

SEEDS = range(int(os.environ.get("TEGULA_SOAK", "0")) or 300)
MODES = ["default", "oindex", "vindex"]


def _values(chance, lo, hi, shape):
    """Index arrays, most of them within bounds."""
    out = chance.random() < 0.08
    values = np.array([chance.randrange(lo - out, max(hi, lo + 1) + out) for _ in range(int(np.prod(shape)))])
    array = values.reshape(shape).astype(chance.choice(["i8", "i8", "i8", "i4", "u2"] if lo >= 0 else ["i8"]))
    return array.tolist() if chance.random() < 0.2 else array


def _term(chance, domain, i):
    lo, hi = domain.inclusive_min[i], domain.exclusive_max[i]
    kind = chance.choice(
        ["all", "all", "int", "slice", "back", "array", "array", "array", "one", "few", "mask"]
    )
    if kind == "int":
        number = chance.randrange(lo, max(hi, lo + 1))
        return chance.choice([int, int, np.int64, np.int8])(number)
    if kind == "slice":
        a = chance.randrange(lo, max(hi, lo + 1))
        return slice(a, min(hi, a + 3), chance.choice([None, 1, 2]))
    if kind == "back":
        return slice(None, None, chance.choice([-1, -2]))
    if kind == "array":
        return _values(chance, lo, hi, chance.choice([(3,), (3,), (2,), (2, 3), (2, 1), (1, 3), (40,)]))
    if kind == "one":
        return _values(chance, lo, hi, chance.choice([(1,), (1,), (), (1, 1)]))
    if kind == "few":
        return chance.choice([[], np.zeros(0, int), np.zeros((0, 2), int)])
    if kind == "mask":
        return np.array([chance.random() < 0.5 for _ in range(chance.choice([1, 3, 4]))])
    return slice(None)


def _terms(chance, domain):
    """Terms for the first dimensions of a domain, or for all around an ellipsis."""
    count = chance.randrange(domain.rank + 1)
    terms = [_term(chance, domain, i) for i in range(count)]
    if chance.random() < 0.3:
        left = chance.randrange(domain.rank - count + 1)
        terms.append(...)
        terms += [_term(chance, domain, domain.rank - left + i) for i in range(left)]
    for _ in range(2):
        if chance.random() < 0.25:
            odd = chance.choice([None, True, np.array(True), np.bool_(True), False, np.array(False)])
            terms.insert(chance.randrange(len(terms) + 1), odd)
    return tuple(terms)


def _source(chance):
    rank = chance.randrange(1, 5)
    space = IndexDomain(
        inclusive_min=[chance.randrange(-3, 6) for _ in range(rank)],
        shape=[chance.choice([1, 4, 5, 7]) for _ in range(rank)],
        implicit_lower_bounds=[chance.random() < 0.15 for _ in range(rank)],
        implicit_upper_bounds=[chance.random() < 0.15 for _ in range(rank)],
        labels=[chance.choice(["", f"d{i}"]) for i in range(rank)],
    )
    t = IndexTransform(space)
    if chance.random() < 0.3:
        t = t.transpose(chance.sample(range(rank), rank))[..., ::2]
    for _ in range(chance.choice([0, 0, 1, 1, 2])):
        try:
            t = apply_terms(t, _terms(chance, t.domain), chance.choice(MODES))
        except IndexError:
            continue
        if chance.random() < 0.5 and t.rank:
            t = t.translate_by[chance.randrange(-4, 5)]
        if chance.random() < 0.3:
            t = t.transpose(chance.sample(range(t.rank), t.rank))
    return t


def _told(make):
    try:
        t = make()
    except TegulaError as error:
        return type(error), str(error)
    return str(t), t, t.domain.labels


def _long(t, terms, mode):
    try:
        return compose(t, Expression(terms, mode).transform(t.domain))
    except TegulaError as error:
        raise indexing(error) from None


def _same_as_composition(seed, mode):
    chance = random.Random(seed)
    t = _source(chance)
    terms = _terms(chance, t.domain)
    long = _told(lambda: _long(t, terms, mode))
    if len(terms) == 1 and chance.random() < 0.5:
        terms = terms[0]
    assert _told(lambda: apply_terms(t, terms, mode)) == long, (t, terms)
    wanted = long[1]
    for way in (indexed, placed, arrays_alone):
        found = way(t, terms if isinstance(terms, tuple) else (terms,), mode)
        if found is not None:
            assert found == wanted
            assert found.domain.labels == wanted.domain.labels
            assert str(found) == str(wanted)


@pytest.mark.parametrize("mode", MODES)
def test_index_arrays_are_what_composition_makes_of_them(mode):
    for seed in SEEDS:
        _same_as_composition(seed, mode)


def _expression(chance, domain, mode):
    rank = domain.rank
    chosen = chance.sample(range(rank), chance.randrange(1, rank + 1))
    if chance.random() < 0.4:
        chosen.sort()
    terms = tuple([_term(chance, domain, i) for i in chosen])
    if chance.random() < 0.15:
        terms = (*terms, chance.choice([..., True, None]))
    if len(terms) == 1 and chance.random() < 0.7:
        terms = terms[0]
    selection = tuple([i - rank if chance.random() < 0.2 else domain.labels[i] or i for i in chosen])
    start = d[selection]
    made = start[terms] if mode == "default" else getattr(start, mode)[terms]
    return made.translate_to[1] if chance.random() < 0.3 else made


@pytest.mark.parametrize("mode", MODES)
def test_index_arrays_in_dimension_expressions_are_what_composition_makes_of_them(mode, monkeypatch):
    told = []
    for way in ("fast", "long"):
        if way == "long":
            for name in ("plainly", "_on_one", "_on_each"):
                monkeypatch.setattr(dimterms, name, lambda *_: None)
        found = []
        for seed in SEEDS:
            chance = random.Random(seed)
            t = _source(chance)
            if t.rank:
                found.append((seed, _told(lambda t=t, chance=chance: t[_expression(chance, t.domain, mode)])))
        told.append(found)
    for fast, long in zip(*told, strict=True):
        assert fast == long


@pytest.mark.parametrize(
    "terms",
    [
        ([3],),
        (np.array([[3]]),),
        (np.array(3),),
        (np.array(True),),
        (np.bool_(True),),
        (False,),
        ([],),
        ([3], [4]),
        ([3], slice(2, 5), [[1, 2]]),
        (slice(None), [1, 2], [3, 4]),
        (np.array([False, True]), 5),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_these_take_the_fast_path(terms, mode):
    for t in (IndexTransform(input_shape=[9, 8, 7]), IndexTransform(input_shape=[9, 8, 7])[[1, 0, 4, 5, 6]]):
        assert placed(t, terms, mode) == _long(t, terms, mode)


def test_what_a_caller_changes_later_does_not_show():
    points, grid = np.array([1, 2]), np.array([[1, 2], [3, 0]])
    t = IndexTransform(input_shape=[5, 5, 5])
    expression = d[0, 2].oindex[points, grid]
    views = [
        t[points, points],
        t.oindex[grid, :, points],
        t.vindex[:, grid],
        t[expression],
        t[points][:, grid],
    ]
    shown = [str(view) for view in views]
    points[:], grid[:] = 4, 4
    assert [str(view) for view in views] == shown
