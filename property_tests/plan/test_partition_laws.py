"""Laws of planning: a partition is a partition, and executing it is indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tegula as ts
from property_tests.strategies import chunks_of, follow, shapes, view_steps
from tegula.kernels import partition as kernel
from tegula.plan.gather import locate, pick
from tegula.plan.partition import partition
from tegula.plan.table import Table, bind, c_strides
from tegula.plan.transfer import (
    abreast,
    collect,
    collect_abreast,
    collect_grid,
    collect_slab,
    memory,
    place,
    place_slab,
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    shape = draw(shapes())
    view = follow(ts.IndexTransform(input_shape=shape), draw(view_steps(shape)))
    order = tuple(draw(st.permutations(range(len(shape)))))
    return view, shape, draw(chunks_of(shape)), order


def chunk_words(whole: Any, cell: Any, chunk: tuple[int, ...], order: tuple[int, ...]) -> Any:
    """The words of one chunk of `whole`, as stored; -7 outside."""
    held = np.full(chunk, -7, np.int64)
    box = tuple(slice(c * n, (c + 1) * n) for c, n in zip(cell, chunk, strict=True))
    inside = whole[box]
    held[tuple(slice(0, n) for n in inside.shape)] = inside
    return np.ascontiguousarray(held.transpose(order)).reshape(-1).view("u8")


def elements(table: Table, block: Any, row: int) -> tuple[Any, Any]:
    """The (chunk, array) offsets of every element of a row, by the definition of a table."""
    at = block.chunk_offsets[row : row + 1]
    to = block.array_offsets[row : row + 1]
    for f, factor in enumerate(table.partition.factors):
        count = int(block.counts[row, f])
        if table.partition.affine:
            assert factor.positions is None
            left, right = np.arange(count) * table.chunk_strides[f], np.arange(count) * table.array_strides[f]
        else:
            first = int(table.axes[f] + block.begins[row, f])
            left, right = (each[first : first + count] for each in (table.chunk_deltas, table.array_deltas))
        at = (at[:, None] + left).reshape(-1)
        to = (to[:, None] + right).reshape(-1)
    return at, to


@given(cases())
def test_rows_partition_the_view(case: Any) -> None:
    """Law: rows are disjoint and cover the view; each lies in its own cell; every cell appears once."""
    view, shape, chunk, order = case
    part = partition(view, chunk)
    table = bind(part, c_strides(chunk, order), c_strides(part.shape))
    block = table.expand()
    assert len(block) == len(table) == part.rows
    cells = [tuple(cell) for cell in block.cells.tolist()]
    assert len(set(cells)) == len(cells)
    whole = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    covered = []
    for row, cell in enumerate(cells):
        at, to = elements(table, block, row)
        words = chunk_words(whole, cell, chunk, order)
        assert (words[at].view("i8") == pick(view, whole).reshape(-1)[to]).all()
        if block.whole[row]:
            assert len(set(at.tolist())) == len(words)
        covered.append(to)
    reached = np.sort(np.concatenate([np.zeros(0, np.int64), *covered]))
    assert (reached == np.arange(part.elements)).all()


@given(cases(), st.integers(1, 7))
def test_slices_of_rows_are_rows_of_slices(case: Any, rows: int) -> None:
    """Law: ``plan[a:b] + plan[b:c] = plan[a:c]``; blocks and spans concatenate to the whole."""
    view, _, chunk, order = case
    part = partition(view, chunk)
    table = bind(part, c_strides(chunk, order), c_strides(part.shape))
    whole = table.expand()
    for cut in (list(table.blocks(rows)), table.spans(rows)):
        if not len(table):
            continue
        pieces = [piece.expand() for piece in cut]
        for name in ("cells", "chunk_offsets", "array_offsets", "counts", "begins", "whole"):
            assert (np.concatenate([getattr(p, name) for p in pieces]) == getattr(whole, name)).all()
    half = len(table) // 2
    assert len(table[:half]) + len(table[half:]) == len(table)


@given(cases())
def test_kernel_expands_like_numpy(case: Any) -> None:
    """Law: the compiled expansion of a table equals its NumPy twin."""
    view, _, chunk, order = case
    part = partition(view, chunk)
    packed = bind(part, c_strides(chunk, order), c_strides(part.shape)).columns
    twin = kernel._expand_numpy(packed, 0, part.rows)
    out = [np.empty(each.size, each.dtype) for each in twin]
    kernel.expand_rows(0, *packed, *out)
    for mine, other in zip(out, twin, strict=True):
        assert (mine == other.reshape(-1)).all()


@given(cases(), st.booleans())
def test_executing_a_plan_is_indexing(case: Any, slab: bool) -> None:
    """Law: placing every row of a plan into an array gives what NumPy's own indexing gives."""
    view, shape, chunk, order = case
    whole = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    out = np.full(view.input_shape, -1, np.int64)
    target = memory(out)
    part = partition(view, chunk)
    table = bind(part, c_strides(chunk, order), target.strides)
    block = table.expand()
    pieces = [chunk_words(whole, cell, chunk, order) for cell in block.cells.tolist()]
    if slab and pieces:
        place_slab(table, block, np.concatenate(pieces), len(pieces[0]), target)
    else:
        for row, words in enumerate(pieces):
            place(table, block, row, words, target)
    assert (out == pick(view, whole)).all()


@given(cases())
def test_collect_is_the_inverse_of_place(case: Any) -> None:
    """Law: collecting a row from what was placed gives the elements of the chunk back."""
    view, shape, chunk, order = case
    whole = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    found = np.ascontiguousarray(pick(view, whole))
    source = memory(found)
    part = partition(view, chunk)
    table = bind(part, c_strides(chunk, order), source.strides)
    block = table.expand()
    for row, cell in enumerate(block.cells.tolist()):
        words = chunk_words(whole, cell, chunk, order)
        blank = np.full(len(words), 2**63, "u8")
        collect(table, block, row, blank, source)
        touched = blank != 2**63
        assert (blank[touched] == words[touched]).all()
        at, _ = elements(table, block, row)
        assert touched[at].all()
        assert touched.sum() == len(set(at.tolist()))


@settings(deadline=None)  # the first example may compile
@given(cases(), st.data())
def test_rows_collected_together_are_what_they_are_one_by_one(case: Any, data: Any) -> None:
    """Law: collecting rows into a slab, run by run in turn, by one copy or not, collects each of them."""
    view, _, chunk, order = case
    part = partition(view, chunk)
    source = memory(np.arange(int(np.prod(view.input_shape)), dtype=np.int64).reshape(view.input_shape))
    table = bind(part, c_strides(chunk, order), source.strides)
    block = table.expand()
    if not len(block):
        return
    alike = np.flatnonzero((block.counts == block.counts[data.draw(st.integers(0, len(block) - 1))]).all(1))
    expected = np.full((len(alike), int(np.prod(chunk))), 2**63, "u8")
    for row, words in zip(alike.tolist(), expected, strict=True):
        collect(table, block, row, words, source)
    slab = np.full_like(expected, 2**63)
    grid = collect_grid(table, block, alike, slab, source)
    assert (slab == (expected if grid else 2**63)).all()
    box = all(each.input_dimension is not None and each.index_array is None for each in view.output)
    assert grid or not box or len(alike) < len(block)
    slab[...] = 2**63
    collect_slab(table, block, alike, slab, source)  # from here on the compiler is loaded
    assert (slab == expected).all()
    axes = abreast(table, source)
    if axes is not None:
        slab[...] = 2**63
        collect_abreast(table, block, alike, slab, source, axes)
        assert (slab == expected).all()


@given(cases())
def test_one_chunk_is_located_iff_the_plan_has_one_row(case: Any) -> None:
    """Law: `locate` names the cell of a plan of one row and picks what the plan places."""
    view, shape, chunk, _ = case
    part = partition(view, chunk)
    spot = locate(view, shape, chunk)
    if spot is None:
        plain = all(m.index_array is None for m in view.output)
        used = [m.input_dimension for m in view.output if m.input_dimension is not None]
        once = sorted(used) == list(range(view.input_rank))
        assert not (plain and once and 0 not in part.shape and part.rows == 1)
        return
    whole = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    table = bind(part, c_strides(chunk), c_strides(part.shape))
    assert [tuple(each) for each in table.expand().cells.tolist()] == [spot.cell]
    held = chunk_words(whole, spot.cell, chunk, tuple(range(len(chunk)))).view("i8").reshape(chunk)
    found = held[spot.index]
    found = found if spot.axes is None else found.transpose(spot.axes)
    assert found.shape == view.input_shape
    assert (found == pick(view, whole)).all()


def test_a_million_chunks_are_a_few_kilobytes() -> None:
    """Law: a plan stores its factors, not its rows: memory does not grow with the product."""
    part = partition(ts.IndexTransform(input_shape=[6400, 6400, 6400]), (64, 64, 64))
    held = sum(f.starts.nbytes + f.cells.nbytes + f.whole.nbytes for f in part.factors)
    assert part.rows == 1_000_000
    assert held < 8192
