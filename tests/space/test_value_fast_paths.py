"""The fast paths in making, printing and asking values are their definitions.

Each is compared with the general path, over random arguments among which some fit nothing.
"""

from __future__ import annotations

import random

import pytest

from tegula import Dim, IndexDomain, IndexTransform, OutputIndexMap
from tegula.space import dim as dims
from tegula.space import domain as domains
from tegula.space import maps, wire
from tegula.space.components import of_components
from tegula.space.image import image
from tegula.space.text import plain_text, text
from tegula.space.transform import checked, fitted, is_near

ODD = [
    None,
    True,
    2**60,
    2**62 - 2,
    2**62 - 1,
    -(2**62) + 1,
    2**62,
    2**63 - 1,
    -(2**63),
    2**63,
    1.0,
    "x",
    b"x",
]


def outcome(make, *arguments, **named):
    """What came out, or the class and text of the error."""
    try:
        found = make(*arguments, **named)
    except Exception as error:
        return type(error), str(error)
    return type(found), repr(found), found


def number(chance):
    return chance.randrange(-4, 9) if chance.random() < 0.93 else chance.choice(ODD)


@pytest.mark.parametrize("seed", range(40))
def test_dimensions_are_matched_against_their_forms(seed):
    chance = random.Random(seed)
    for _ in range(20):
        args = tuple([number(chance) for _ in range(chance.choice([0, 0, 1, 1, 2, 2, 3]))])
        names = ["inclusive_min", "exclusive_max", "inclusive_max", "size", "label", "implicit_lower", "no"]
        weights = [6, 6, 1, 1, 3, 1, 1]
        named = {name: number(chance) for name in chance.choices(names, weights, k=chance.randrange(4))}
        if "label" in named:
            named["label"] = chance.choice(["", "y", "\u00e9", "\udc80", b"z", None, 3])
        if args and chance.random() < 0.2:
            args = (chance.choice(["", "y", "\u00e9", "\udc80"]), *args[1:])
        assert outcome(Dim, *args, **named) == outcome(dims._matched, args, named)


@pytest.mark.parametrize("seed", range(40))
def test_output_maps_are_matched_against_their_forms(seed):
    chance = random.Random(seed)
    for _ in range(20):
        args = tuple([number(chance) for _ in range(chance.choice([0, 0, 0, 1, 1, 2]))])
        names = ["input_dimension", "offset", "stride", "index_range", "no"]
        named = {
            name: number(chance) for name in chance.choices(names, [9, 6, 6, 1, 1], k=chance.randrange(4))
        }
        assert outcome(OutputIndexMap, *args, **named) == outcome(maps._matched, args, named)


def components(chance):
    rank = chance.randrange(5)

    def vector(make):
        items = [make() for _ in range(rank + (chance.random() < 0.03))]
        return chance.choice([list, list, tuple, iter])(items)

    given = {}
    for name, odds in (
        ("inclusive_min", 0.7),
        ("exclusive_max", 0.5),
        ("shape", 0.5),
        ("inclusive_max", 0.05),
    ):
        if chance.random() < odds:
            high = name != "inclusive_min"
            given[name] = lambda high=high: vector(
                lambda: number(chance) + 4 * high if high else number(chance)
            )
    if chance.random() < 0.5:
        labels = ["", "x", "y", "z", "\u00e9", "\udc80", None, 3, b"b"]
        given["labels"] = lambda: vector(lambda: chance.choices(labels, [20, 9, 9, 9, 1, 1, 1, 1, 1])[0])
    return given


@pytest.mark.parametrize("seed", range(300))
def test_domains_are_what_their_components_make(seed):
    names = ("inclusive_min", "", "exclusive_max", "inclusive_max", "shape", "", "labels")

    def given():
        chance = random.Random(seed)
        try:
            return {name: make() for name, make in components(chance).items()}
        except TypeError:  # an odd number plus one
            return {"shape": [True]}

    def generally(prefix=""):
        found = given()
        return of_components(None, *[found.get(name) for name in names], prefix)

    def transform():
        found = given()
        return IndexTransform(**{f"input_{name}": value for name, value in found.items()}).domain

    assert outcome(lambda: IndexDomain(**given())) == outcome(generally)
    assert outcome(transform) == outcome(generally, "input_")


@pytest.mark.parametrize("rank", [0, 3, 32, 33, -1, True, "3", 2.0])
def test_a_rank_alone_is_an_unbounded_domain(rank):
    expected = outcome(of_components, rank, *[None] * 7)
    if not isinstance(rank, str | float):
        assert outcome(IndexDomain, rank) == expected
    if type(rank) is int and 0 <= rank <= 32:
        assert domains.unbounded(rank) == expected[2]
        assert IndexTransform(rank) == IndexTransform(IndexDomain(rank))


def space(chance, rank, loose=0.0):
    return IndexDomain(
        inclusive_min=[chance.randrange(-5, 6) for _ in range(rank)],
        shape=[chance.randrange(0, 5) for _ in range(rank)],
        labels=[chance.choice(["", f"d{i}", f'"{i}']) for i in range(rank)],
        implicit_lower_bounds=[chance.random() < loose for _ in range(rank)],
        implicit_upper_bounds=[chance.random() < loose for _ in range(rank)],
    )


def transform(chance, loose=0.0):
    rank = chance.randrange(5)
    if chance.random() < 0.3:
        return IndexTransform(space(chance, rank, loose))
    rows = [
        OutputIndexMap(chance.randrange(-9, 9))
        if not rank or chance.random() < 0.3
        else OutputIndexMap(
            chance.randrange(rank), chance.randrange(-9, 9), chance.choice([0, 1, 1, 1, 2, -3])
        )
        for _ in range(chance.randrange(5))
    ]
    return IndexTransform(space(chance, rank, loose), rows)


@pytest.mark.parametrize("seed", range(100))
def test_output_maps_are_fitted_as_they_are_checked(seed):
    chance = random.Random(seed)
    source = space(chance, 3, 0.1)
    rows = [
        chance.choice(
            [
                OutputIndexMap(4),
                OutputIndexMap(chance.randrange(-1, 4), 0, 1),
                OutputIndexMap(k, 0, 1),
                OutputIndexMap(k, 2, chance.randrange(-1, 3)),
                OutputIndexMap([[[1]]], 1, 1),
            ]
        )
        for k in range(3)
    ]
    found, expected = outcome(fitted, source, tuple(rows)), outcome(checked, source, tuple(rows))
    assert found == expected
    if len(found) == 3:
        assert found[2].maps == expected[2].maps
        assert hash(found[2]) == hash(expected[2])


@pytest.mark.parametrize("seed", range(100))
def test_a_transform_is_printed_and_evaluated_the_same_both_ways(seed):
    chance = random.Random(seed)
    t = transform(chance, 0.05)
    assert repr(t) == text(t)
    if is_near(t) and not (t.domain.lower_mask or t.domain.upper_mask):
        assert plain_text(t) == text(t)
    for _ in range(10):
        point = [number(chance) for _ in range(t.rank + (chance.random() < 0.05))]
        if chance.random() < 0.7:
            point = [
                chance.randrange(lo, max(hi, lo + 1))
                for lo, hi in zip(t.origin, t.domain.exclusive_max, strict=True)
            ]
        kind = chance.choice([tuple, list])
        assert outcome(t, kind(point)) == outcome(image, t, kind(point))


@pytest.mark.parametrize("seed", range(200))
def test_plain_json_is_read_as_any_json(seed, monkeypatch):
    chance = random.Random(seed)
    t = transform(chance, 0.05)
    document, box = t.to_json(), t.domain.to_json()
    for one in (document, box, *document.get("output", [])):
        if one and chance.random() < 0.3:
            name = chance.choice(list(one))
            odd = [None, 1.0, True, -1, 3, 2**61, 2**62, 2**70, "x", [1], [[1]], ["+inf"], [[2], 3], {}]
            one[chance.choice([name, name, "shape", "offset", "stride", "input_shape", "no"])] = (
                chance.choice(odd)
            )
    fast = outcome(lambda: IndexTransform(json=document)), outcome(lambda: IndexDomain(json=box))
    monkeypatch.setattr(wire, "_plain_transform", lambda _: None)
    monkeypatch.setattr(wire, "_plain_domain", lambda *_: None)
    assert fast == (outcome(lambda: IndexTransform(json=document)), outcome(lambda: IndexDomain(json=box)))


@pytest.mark.parametrize("seed", range(80))
def test_plain_json_is_written_as_any_json(seed, monkeypatch):
    t = transform(random.Random(seed), 0.05)
    found = t.to_json()
    assert wire.transform_from_json(found) == t
    expected = wire.domain_to_json(t.domain, "input_")
    if t.maps != maps.IDENTITY_MAPS[t.rank]:
        expected["output"] = [wire._map_to_json(m) for m in t.maps]
    assert list(found.items()) == list(expected.items())
    items = [tuple(x.items()) if isinstance(x, dict) else x for x in found.get("output", [])]
    assert items == [tuple(wire._map_to_json(m).items()) for m in t.maps][: len(items)]


@pytest.mark.parametrize("seed", range(60))
def test_a_domain_is_reversed_as_it_is_taken(seed):
    source = space(random.Random(seed), seed % 4, 0.1)
    assert source.take(range(source.rank - 1, -1, -1)) == source.T
    assert [source[i] for i in range(source.rank)] == [source[i - source.rank] for i in range(source.rank)]
    assert str(list(source)) == str([source.dim(i) for i in range(source.rank)])
