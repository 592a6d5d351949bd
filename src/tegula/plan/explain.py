"""A plan told before it runs: how many chunks, requests and bytes a read takes, and how much memory.

Nothing is read.  Law: the numbers are those of the plan that the read then executes.
"""

from __future__ import annotations

from math import prod
from typing import Any

from tegula.plan.blocks import TILE_BYTES, block_rows, span_count
from tegula.plan.grid import on_grid
from tegula.plan.partition import partition
from tegula.plan.reach import base_of, reached
from tegula.record import Record
from tegula.source import Chunked, Downsample, InMemory, Whole
from tegula.view import View

__all__ = ["Explanation", "explain"]


class Explanation(Record):
    """What a read would do.

    `chunks` are touched and each is one of `requests`; `elements` and `result_bytes` describe the array
    that is returned; `decoded_bytes` is the size of the touched chunks once decoded; `stored_bytes` is what
    is sent if nothing is missing, None where a codec decides; `working_bytes` is held beside the result.
    """

    view: str
    chunks: int
    requests: int
    elements: int
    result_bytes: int
    decoded_bytes: int
    stored_bytes: int | None
    working_bytes: int

    @property
    def useful(self) -> float:
        """The part of the decoded bytes that ends in the result, between 0 and 1."""
        return min(1.0, self.result_bytes / self.decoded_bytes) if self.decoded_bytes else 1.0

    def __str__(self) -> str:
        stored = "as compressed" if self.stored_bytes is None else _size(self.stored_bytes)
        lines = [
            ("view", self.view),
            ("chunks", f"{self.chunks:,}"),
            ("requests", f"{self.requests:,}"),
            ("stored", stored),
            ("decoded", f"{_size(self.decoded_bytes)}, {self.useful:.0%} of it wanted"),
            ("result", f"{self.elements:,} elements, {_size(self.result_bytes)}"),
            ("memory", f"{_size(self.result_bytes)} + {_size(self.working_bytes)} while it runs"),
        ]
        return "\n".join(f"{name:<10}{text}" for name, text in lines)


def explain(view: View, width: int = 8) -> Explanation:
    """Return what reading `view` with at most `width` tasks would do."""
    elements = prod(view.shape)
    result = elements * view.dtype.array_dtype.itemsize
    shown = str(view.transform.domain)
    source = view.source
    if isinstance(source, Chunked):
        layout = source.layout
        part = partition(on_grid(view), layout.chunk_shape)
        chunk = layout.chain.nbytes
        decoded = part.rows * chunk
        working = _working(part.rows, chunk, layout.chain.raw, width) + _factors(part)
        stored = decoded if layout.chain.raw else None
        return Explanation(shown, part.rows, part.rows, elements, result, decoded, stored, working)
    if isinstance(source, InMemory):
        return Explanation(shown, 0, 0, elements, result, result, 0, 0)
    if isinstance(source, Whole):
        return Explanation(shown, 1, 1, elements, result, result, None, 0)
    factors = prod(source.factors) if isinstance(source, Downsample) else 1
    base = explain(base_of(source, *reached(view.transform)), 1) if elements else explain(source.base, 1)
    cell_bytes = factors * source.base.dtype.array_dtype.itemsize
    tasks = min(width, max(1, elements * cell_bytes // TILE_BYTES))
    tile = min(elements * cell_bytes, TILE_BYTES)
    # chunks that straddle tiles are read once a tile: the numbers of the base are a lower bound
    return Explanation(
        shown,
        base.chunks,
        base.requests,
        elements,
        result,
        base.decoded_bytes,
        base.stored_bytes,
        tasks * (tile + base.working_bytes),
    )


def _working(rows: int, chunk: int, raw: bool, width: int) -> int:
    tasks = min(width, span_count(rows, chunk, width))
    per_task = min(rows, block_rows(chunk)) * chunk + (0 if raw else chunk)
    return tasks * per_task


def _factors(part: Any) -> int:
    return sum(
        array.nbytes
        for factor in part.factors
        for array in (factor.starts, factor.cells, factor.whole, factor.positions, factor.indices)
        if array is not None
    )


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    raise AssertionError
