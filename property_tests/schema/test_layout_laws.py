"""Laws of chunk layouts: merging, round trips, choosing a grid; and agreement with tensorstore 0.1.86."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tegula.schema.choose import (
    choose_chunk_grid,
    choose_read_write_chunk_grid,
    choose_read_write_chunk_shapes,
)
from tegula.schema.layout import USAGES, ChunkLayout
from tegula.space import IndexDomain

RANKS = st.integers(1, 3)
SIZES = st.sampled_from([None, -1, 0, 1, 2, 3, 4, 5, 6, 7, 10, 12, 24, 50, 60, 100])
RATIOS = st.sampled_from([None, 0.0, 0.5, 1.0, 2.0, 3.3, 10.0])
ORIGINS = st.sampled_from([None, -5, 0, 3, 7])
ELEMENTS = st.sampled_from([0, 1, 10, 100, 5000, 10**6, 10**7])


def vectors(elements, rank):
    return st.lists(elements, min_size=rank, max_size=rank)


@st.composite
def options(draw, rank, soft=True, usages=("write_", "read_", "codec_", "")):
    """Keywords of a layout."""
    suffixes = ["", "_soft_constraint"] if soft else [""]
    choices = {}
    for usage in usages:
        for suffix in suffixes:
            choices[f"{usage}chunk_shape{suffix}"] = vectors(SIZES, rank)
            choices[f"{usage}chunk_aspect_ratio{suffix}"] = vectors(RATIOS, rank)
            choices[f"{usage}chunk_elements{suffix}"] = ELEMENTS
    for suffix in suffixes:
        choices[f"grid_origin{suffix}"] = vectors(ORIGINS, rank)
        choices[f"inner_order{suffix}"] = st.permutations(range(rank))
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=5, unique=True))
    return {name: draw(choices[name]) for name in names}


def layout_of(keywords):
    try:
        return ChunkLayout(**keywords)
    except ValueError:
        assume(False)
        raise


def layouts(rank, soft=True):
    return options(rank, soft).map(layout_of)


def merged(*parts):
    """Return the layouts merged left to right, or None where they contradict each other."""
    made = ChunkLayout()
    try:
        for part in parts:
            made.merge(part)
    except ValueError:
        return None
    return made


@given(RANKS.flatmap(layouts))
def test_merging_is_idempotent(a):
    """merge(a, a) = a, and the empty layout is a unit."""
    assert merged(a, a) == a
    assert merged(a, ChunkLayout()) == a
    assert merged(ChunkLayout(), a) == a


@given(RANKS.flatmap(lambda rank: st.tuples(layouts(rank), layouts(rank), layouts(rank))))
def test_merging_is_associative(parts):
    """merge(merge(a, b), c) = merge(a, merge(b, c)), where both sides exist."""
    a, b, c = parts
    left, right = merged(a, b), merged(b, c)
    assume(left is not None and right is not None)
    assert merged(left, c) == merged(a, right)


@given(RANKS.flatmap(lambda rank: st.tuples(layouts(rank, soft=False), layouts(rank, soft=False))))
def test_merging_hard_constraints_is_commutative(parts):
    """merge(a, b) = merge(b, a) without soft constraints (a size of -1 is soft)."""
    a, b = parts
    assume("soft" not in str(a.to_json()) + str(b.to_json()))
    assert merged(a, b) == merged(b, a)


@given(RANKS.flatmap(layouts))
def test_layouts_round_trip(a):
    """JSON and pickle keep a layout."""
    assert ChunkLayout(a.to_json()) == a
    assert pickle.loads(pickle.dumps(a)) == a


def attempt(make):
    """Return what `make()` gives, or the text of its error."""
    try:
        return make()
    except ValueError as error:
        return str(error)


DOMAINS = st.sampled_from([0, 1, 7, 12, 60, 100, 1000, 10**6])


@given(RANKS.flatmap(lambda rank: st.tuples(layouts(rank), vectors(DOMAINS, rank))))
def test_what_is_chosen_satisfies_every_hard_constraint(drawn):
    """The chosen grid has the hard origins and sizes, and every size is positive."""
    layout, shape = drawn
    domain = IndexDomain(shape=shape)
    for usage in USAGES:
        origin, chosen = choose_chunk_grid(layout, domain, usage)
        wanted = layout.grid(usage).shape or (None,) * len(shape)
        assert all(size >= 1 and hard in (None, size) for hard, size in zip(wanted, chosen, strict=True))
        origins = layout.grid_origin or (None,) * len(shape)
        assert all(hard in (None, value) for hard, value in zip(origins, origin, strict=True))
    pair = attempt(lambda: choose_read_write_chunk_shapes(layout, domain))
    if isinstance(pair, str):
        assert pair.startswith("Incompatible chunk size constraints")
        return
    read, write = pair
    assert all(w % r == 0 for r, w in zip(read, write, strict=True))
    for usage, chosen in (("read", read), ("write", write)):
        wanted = layout.grid(usage).shape or (None,) * len(shape)
        assert all(size >= 1 and hard in (None, size) for hard, size in zip(wanted, chosen, strict=True))


@pytest.mark.peers
@given(RANKS.flatmap(lambda rank: st.tuples(*[options(rank, usages=("write_", "read_", ""))] * 2)))
def test_layouts_merge_as_in_the_wheel(drawn):
    """Two updates give the same layout, or fail with the same words, in tensorstore 0.1.86.

    Codec chunks are left out: the wheel applies their keywords to read chunks.
    """
    wheel = pytest.importorskip("tensorstore")

    def run(cls):
        made = cls()
        try:
            for keywords in drawn:
                made.update(**keywords)
        except ValueError as error:
            return f"ValueError: {error}"
        return repr(made)

    assert run(ChunkLayout) == run(wheel.ChunkLayout)


def wheel_layout(wheel, driver, shape, keywords):
    spec = {"driver": driver, "kvstore": "memory://"}
    layout = wheel.ChunkLayout(**keywords)
    try:
        return (
            wheel.open(spec, create=True, dtype="int8", shape=shape, chunk_layout=layout)
            .result()
            .chunk_layout
        )
    except ValueError as error:
        return str(error).partition("and schema: ")[2].partition(" [tensorstore_spec")[0]


SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CHUNKED = RANKS.flatmap(
    lambda rank: st.tuples(options(rank, usages=("write_", "read_")), vectors(DOMAINS, rank))
)


def without_order(keywords):
    return {name: value for name, value in keywords.items() if "origin" not in name and "order" not in name}


@pytest.mark.peers
@SLOW
@given(CHUNKED)
def test_read_and_write_shapes_are_those_of_the_wheel(drawn):
    """For a format that shards, the shapes (or the error) are those that zarr3 gets in tensorstore 0.1.86."""
    wheel = pytest.importorskip("tensorstore")
    keywords, shape = without_order(drawn[0]), drawn[1]
    layout = layout_of(keywords)
    theirs = wheel_layout(wheel, "zarr3", shape, keywords)
    ours = attempt(lambda: choose_read_write_chunk_shapes(layout, IndexDomain(shape=shape)))
    if not isinstance(theirs, str):
        theirs = theirs.read_chunk.shape, theirs.write_chunk.shape
    assert ours == theirs


@pytest.mark.peers
@SLOW
@given(CHUNKED)
def test_one_grid_for_both_is_that_of_the_wheel(drawn):
    """For a format that does not shard,
    the shape (or the error) is that which n5 gets in tensorstore 0.1.86."""
    wheel = pytest.importorskip("tensorstore")
    keywords, shape = without_order(drawn[0]), drawn[1]
    layout = layout_of(keywords)
    theirs = wheel_layout(wheel, "n5", shape, keywords)
    ours = attempt(lambda: choose_read_write_chunk_grid(layout, IndexDomain(shape=shape))[1])
    assert ours == (theirs if isinstance(theirs, str) else theirs.write_chunk.shape)
