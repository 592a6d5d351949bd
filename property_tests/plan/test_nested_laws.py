"""Laws of shards in plans: groups are the rows of one shard each; ranges are joined without losing any."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tegula as ts
from property_tests.strategies import follow, shapes, view_steps
from tegula.plan.nested import nest
from tegula.plan.partition import partition
from tegula.plan.ranges import coalesce
from tegula.plan.table import bind, c_strides


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    shape = draw(shapes())
    view = follow(ts.IndexTransform(input_shape=shape), draw(view_steps(shape)))
    fine = tuple(draw(st.integers(1, 3)) for _ in shape)
    return view, fine, tuple(draw(st.integers(1, 3)) * size for size in fine)


@given(cases())
def test_groups_are_the_rows_of_one_large_chunk_each(case: Any) -> None:
    """Law: the groups are the rows of the plain table, sorted by large chunk; no large chunk twice."""
    view, fine, coarse = case
    strides = c_strides(view.input_shape)
    nested = nest(view, coarse, fine, c_strides(fine), strides)
    plain = bind(partition(view, fine), c_strides(fine), strides)
    assert (nested.lo, nested.hi) == (0, len(nested))
    ratio = np.array([a // b for a, b in zip(coarse, fine, strict=True)], np.int64)
    seen, rows = [], []
    for number in range(len(nested)):
        block = nested.group(number).expand()
        large = {tuple(cell) for cell in (block.cells // ratio).tolist()} if len(ratio) else {()}
        assert len(large) == 1
        seen += large
        rows += columns(block)
    assert len(set(seen)) == len(seen)
    assert sorted(rows) == sorted(columns(plain.expand()))
    for parts in (1, 2, 5):
        assert sum(len(span) for span in nested.spans(parts)) == len(nested)


def columns(block: Any) -> list[Any]:
    """The rows of a block as values; where tables begin depends on their order and is left out."""
    return list(
        zip(
            map(tuple, block.cells.tolist()),
            block.chunk_offsets.tolist(),
            block.array_offsets.tolist(),
            map(tuple, block.counts.tolist()),
            block.whole.tolist(),
            strict=True,
        )
    )


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300), st.integers(0, 60)), max_size=40),
    st.integers(0, 30),
    st.integers(1, 200),
)
def test_joined_ranges_hold_every_range(ranges: Any, gap: int, limit: int) -> None:
    """Law: each range lies in its request; requests of one owner ascend; gaps and sizes are bounded."""
    owners = [owner for owner, _, _ in ranges]
    starts = [start for _, start, _ in ranges]
    stops = [start + size for _, start, size in ranges]
    made = coalesce(owners, starts, stops, gap, limit)
    held: dict[int, list[tuple[int, int]]] = {}
    for row, request in enumerate(made.request.tolist()):
        assert made.owners[request] == owners[row]
        assert made.starts[request] <= starts[row] <= stops[row] <= made.stops[request]
        held.setdefault(request, []).append((starts[row], stops[row]))
    assert sorted(held) == list(range(len(made.owners)))
    for request, inside in held.items():
        size = made.stops[request] - made.starts[request]
        assert size <= limit or any(b - a >= size for a, b in inside) or size <= limit + gap
        end = made.starts[request]
        for start, stop in sorted(inside):
            assert start <= end + gap
            end = max(end, stop)
        assert end == made.stops[request]
    for a, b in zip(range(len(made.owners)), range(1, len(made.owners)), strict=False):
        if made.owners[a] == made.owners[b]:
            assert made.starts[a] <= made.starts[b]
