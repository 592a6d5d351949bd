"""Laws of views taken apart: the pieces are the view, however it is strided, reversed, transposed or cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.plan.gather import locate, pick, pieces
from tegula.space.transform import IndexTransform


@st.composite
def views(draw):
    """An array, its chunk shape, and a view of it by slices, indices, new order and sometimes more."""
    rank = draw(st.integers(0, 3))
    shape = tuple(draw(st.integers(1, 9)) for _ in range(rank))
    chunks = tuple(draw(st.integers(1, 5)) for _ in range(rank))
    transform = IndexTransform(input_shape=shape)
    terms = []
    for extent in shape:
        kind = draw(st.sampled_from(["all", "index", "slice", "back"]))
        low, high = sorted((draw(st.integers(0, extent)), draw(st.integers(0, extent))))
        if kind == "index":
            terms.append(draw(st.integers(0, extent - 1)))
        elif kind == "slice":
            terms.append(slice(low, high, draw(st.integers(1, 3))))
        elif kind == "back" and high > low:
            terms.append(slice(high - 1, low - 1, -draw(st.integers(1, 3))))
        else:
            terms.append(slice(None))
    if terms:
        transform = transform[tuple(terms)]
    if draw(st.booleans()) and transform.input_rank > 1:
        transform = transform.T
    return np.arange(int(np.prod(shape)), dtype=np.int32).reshape(shape), chunks, transform


@given(views(), st.sampled_from([1, 4, 1000]))
@settings(max_examples=300, deadline=None)
def test_pieces_are_the_view(view, most):
    """Law: filling the pieces of a view, each from its chunk, equals picking the view."""
    array, chunks, transform = view
    found = pieces(transform, array.shape, chunks, most)
    if found is None:
        cells = np.zeros(array.shape, bool)
        picked = pick(transform, np.arange(array.size).reshape(array.shape)).reshape(-1)
        cells.reshape(-1)[picked] = True
        touched = {
            tuple(int(i) // c for i, c in zip(place, chunks, strict=True)) for place in np.argwhere(cells)
        }
        assert not touched or len(touched) > most
        return
    assert len(set(found.cells)) == len(found.cells) <= most
    out = np.full(transform.input_shape, -1, np.int32)
    for cell, source, target in zip(found.cells, found.sources, found.targets, strict=True):
        low = [index * extent for index, extent in zip(cell, chunks, strict=True)]
        chunk = np.full(chunks, -2, np.int32)
        part = array[tuple(slice(at, at + extent) for at, extent in zip(low, chunks, strict=True))]
        chunk[tuple(map(slice, part.shape))] = part
        elements = chunk[source]
        out[target] = elements if found.axes is None else elements.transpose(found.axes)
    assert (out == pick(transform, array)).all()


@given(views())
@settings(max_examples=200, deadline=None)
def test_a_spot_is_the_only_piece(view):
    """Law: where `locate` finds one chunk, `pieces` finds that one, with the same elements."""
    array, chunks, transform = view
    spot = locate(transform, array.shape, chunks)
    found = pieces(transform, array.shape, chunks, 1)
    assert (spot is None) == (found is None)
    if spot is not None:
        assert found.cells == [spot.cell]
        assert found.axes == spot.axes
        chunk = np.arange(int(np.prod(chunks))).reshape(chunks)
        assert (chunk[found.sources[0]] == chunk[spot.index]).all()
