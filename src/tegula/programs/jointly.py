"""Read several views of one array jointly: each chunk is asked for and decoded once, whoever wants it.

A view is taken apart into the pieces of chunks that it is made of (`want`); chunks are numbered, so that what
several views need of one is copied out of it when it is there.  Nothing is scheduled a view or a chunk: a
block of chunks is one request, one pure function, and the next.  A view is handed over as soon as its last
piece is in its place.

Law: what is handed over equals reading each view by itself.  A failure is nobody's in particular: whoever was
not served by then is to be read alone, and gets the error that is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.errors import TegulaError, annotated
from tegula.kv.spec import is_far
from tegula.plan.blocks import FAR_BYTES, FEW, block_rows, far_pace, work
from tegula.plan.gather import Spot, locate, pieces
from tegula.plan.grid import on_grid
from tegula.plan.results import result
from tegula.programs.chunked import (
    Names,
    Naming,
    columns_of,
    decoded,
    fill_words,
    missing,
    missing_place,
)
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.source import Chunked
from tegula.view import View

__all__ = ["Want", "able", "read_jointly", "want", "want_spot"]

TASK_BYTES = 1 << 20
SLAB_BYTES = 1 << 20  # what is decoded by one call, where its result is new memory: it stays in the cache

Deliver = Callable[[int, Any, "BaseException | None"], object]


class Want(NamedTuple):
    """A view taken apart, as `plan.gather.Pieces` says; `shape` and `order` are those of the result."""

    cells: Sequence[tuple[int, ...]]
    sources: Sequence[tuple[Any, ...]]
    targets: Sequence[Any]
    axes: tuple[int, ...] | None
    shape: tuple[int, ...]
    order: str


def able(source: Chunked) -> bool:
    """Whether views of an array can be read jointly: its chunks are alike, and no memory is counted."""
    layout = source.layout
    alike = layout.clipped is None and layout.minishards is None
    return source.memory is None and (alike or source.chunks is not None)


def want(view: View, order: str) -> Want | None:
    """Return a view of a chunked array taken apart, None where that is nothing for this file."""
    assert isinstance(view.source, Chunked)
    layout = view.source.layout
    shape = layout.chain.finest.chunk_shape
    spot = locate(on_grid(view), layout.shape, shape)
    if spot is not None:
        return want_spot(spot, view.transform.input_shape, order)
    parts = pieces(on_grid(view), layout.shape, shape, FEW)
    if parts is None:
        return None
    return Want(parts.cells, parts.sources, parts.targets, parts.axes, view.transform.input_shape, order)


def want_spot(spot: Spot, shape: tuple[int, ...], order: str) -> Want:
    """Return the same of a view that lies in one chunk."""
    return Want((spot.cell,), (spot.index,), (...,), spot.axes, shape, order)


async def read_jointly(source: Chunked, wants: Sequence[Want], deliver: Deliver, width: int) -> None:
    """Read what is wanted of an array, and call ``deliver(number, array, error)`` for each, on any thread.

    At most `width` tasks at a time.  It may be called twice for one number; the first counts.
    """
    rows: dict[tuple[int, ...], int] = {}
    uses: list[list[tuple[int, int]]] = []
    for number, each in enumerate(wants):
        for piece, cell in enumerate(each.cells):
            row = rows.setdefault(cell, len(uses))
            if row == len(uses):
                uses.append([])
            uses[row].append((number, piece))
    cells = np.array(list(rows), np.int64).reshape(len(rows), len(source.layout.shape))
    chain = source.layout.chain.finest
    left = [[None] * len(each.cells) for each in wants]
    serving = _Serving(source, chain, wants, uses, {}, left, deliver, {})
    size = max(1, chain.nbytes)
    tasks = max(1, min(width, len(cells) * work(size, not chain.light) // TASK_BYTES))
    if source.layout.chain.levels and source.chunks is None:
        from tegula.programs.entries import Pace, fetch_entries, shards_of

        pace = Pace(width=tasks)
        if is_far(source.store):
            most, _, far_width = far_pace(len(cells), size)
            pace = Pace(most, FAR_BYTES, far_width)
        await fetch_entries(source, cells, *shards_of(source, cells), serving, pace)
    else:
        most, limit = min(block_rows(size), -(-len(cells) // tasks)), tasks
        if is_far(source.store):
            most, _, limit = far_pace(len(cells), size)
        edges = [*range(0, len(cells), most), len(cells)]
        blocks = [Call(_serve, source, serving, cells, first, last) for first, last in pairwise(edges)]
        await All(blocks, limit=limit)
    await Compute(Call(serving.finish, cells), source.compute)


async def _serve(source: Chunked, serving: _Serving, cells: NDArray[np.int64], first: int, last: int) -> None:
    """Read a block of chunks."""
    block = cells[first:last]
    rows = range(first, last)
    if source.chunks is not None:
        words = await decoded(source, block)
        await Compute(Call(serving.place_all, rows, words), source.compute)
    else:
        keys = source.layout.keys.keys(block, source.path)
        values = (await columns_of(source, keys)).values
        await Compute(
            Call(serving.decode_all, rows, Names(source.store, keys, block), values, serving.scratch()),
            source.compute,
        )


class _Serving(Record, eq=False):
    """Who wants which piece of which chunk, and where it goes; takes chunks in any order, on any thread.

    `uses` are, for each chunk, the wants and which of their pieces it is; `left` has an item for each piece
    of a want that is not in its place yet; `lacking` are the chunks that are not stored.
    """

    source: Chunked
    chain: CodecChain
    wants: Sequence[Want]
    uses: Sequence[Sequence[tuple[int, int]]]
    outs: dict[int, NDArray[Any]]
    left: Sequence[list[None]]
    deliver: Deliver
    lacking: dict[int, None]

    def scratch(self) -> NDArray[np.uint8]:
        """Return memory to decode into."""
        return np.empty(0 if self.chain.raw else self.chain.nbytes, np.uint8)

    def put(self, lot: Any, names: Naming, stored: Sequence[Any], scratch: NDArray[np.uint8]) -> None:
        """Take the stored bytes of inner chunks of shards."""
        self.decode_all(lot.rows.tolist(), names, stored, scratch)

    def absent(self, lot: Any, names: Naming) -> None:  # noqa: ARG002
        """Hear which inner chunks are not stored: so far; what comes of them later counts."""
        self.lacking.update(dict.fromkeys(lot.rows.tolist()))

    def decode_all(
        self, rows: Sequence[int], names: Naming, values: Sequence[Any], scratch: NDArray[np.uint8]
    ) -> None:
        """Decode stored chunks, None for a missing one, and copy what is wanted of them."""
        chain, count = self.chain, len(rows)
        known = None not in values
        if known and chain.direct and self._decode_together(rows, values):
            return
        step = max(1, SLAB_BYTES // chain.nbytes) if known and chain.joint else count
        for at in range(0, count, step):
            some, of = rows[at : at + step], values[at : at + step]
            slab = chain.slab(of) if known else None
            if slab is not None:
                self.place_all(some, slab)
            else:
                self._decode_each(some, names, at, of, scratch)

    def _decode_each(
        self,
        rows: Sequence[int],
        names: Naming,
        base: int,
        values: Sequence[Any],
        scratch: NDArray[np.uint8],
    ) -> None:
        """Decode chunks one by one; `names` names the first by the number `base`."""
        chain, plain = self.chain, self._plain
        done: list[int] = []
        try:
            for at, (row, value) in enumerate(zip(rows, values, strict=True), base):
                if value is None:
                    self.lacking[row] = None
                    continue
                first, _ = self.uses[row][0]
                entire = self.wants[first][1:] == plain
                out = self._out(first).reshape(-1).view(np.uint8) if entire else scratch
                try:
                    words = chain.words(value, out)
                except TegulaError as error:
                    raise annotated(error, f"Error reading {names.where(at)}: ") from None
                self._place(row, words, entire and np.may_share_memory(words, out), done)
        finally:
            self._hand_over(done)

    def _decode_together(self, rows: Sequence[int], values: Sequence[Any]) -> bool:
        """Decode chunks by one call: those of which somebody wants all as they are, to where he gets them."""
        chain, plain = self.chain, self._plain
        first = [self.uses[row][0][0] for row in rows]
        entire = [self.wants[number][1:] == plain for number in first]
        slab = np.empty((len(rows) - sum(entire), prod(chain.chunk_shape)), chain.word)
        parts = iter(slab)
        words = [
            self._out(number).reshape(-1) if whole else next(parts)
            for number, whole in zip(first, entire, strict=True)
        ]
        targets = np.array([each.__array_interface__["data"][0] for each in words], np.int64)
        if not chain.decode_rows(values, targets):
            return False
        done: list[int] = []
        for row, found, whole in zip(rows, words, entire, strict=True):
            self._place(row, found, whole, done)
        self._hand_over(done)
        return True

    def place_all(self, rows: Sequence[int], words: Iterable[Any]) -> None:
        """Copy what is wanted of decoded chunks."""
        done: list[int] = []
        for row, found in zip(rows, words, strict=True):
            if found is None:
                self.lacking[row] = None
            else:
                self._place(row, found, False, done)
        self._hand_over(done)

    def finish(self, cells: NDArray[np.int64]) -> None:
        """Fill what is wanted of chunks that are not stored."""
        chunk: Any = None
        done: list[int] = []
        for row in self.lacking:
            cell = cells[row].tolist()
            try:
                value = missing(self.source, *missing_place(self.source, cell))
            except TegulaError as error:
                for number, _ in self.uses[row]:
                    self.deliver(number, None, error)
                continue
            if chunk is None:
                chunk = np.broadcast_to(value, self.chain.chunk_shape) if not value.ndim else None
                if chunk is None:
                    chunk = self.chain.array_of(fill_words(self.source))
            self._copy(row, chunk, False)
            self._served(row, done)
        self._hand_over(done)

    @property
    def _plain(self) -> tuple[Any, ...] | None:
        """What a want of one whole chunk, in the order of its elements, has behind its cells; None if raw."""
        chain = self.chain
        return None if chain.whole is None else ((chain.whole,), (...,), None, chain.chunk_shape, "C")

    def _out(self, number: int) -> NDArray[Any]:
        """Return the array that a want is read into."""
        found = self.outs.get(number)
        if found is None:
            each = self.wants[number]
            # of two threads that make one, the second takes the first's
            made = result(each.shape, self.source.dtype.numpy_dtype, each.order)
            found = self.outs.setdefault(number, made)
        return found

    def _place(self, row: int, words: NDArray[Any], there: bool, done: list[int]) -> None:
        """Copy what is wanted of a chunk; it is `there` already as its first want."""
        self.lacking.pop(row, None)
        if not there or len(self.uses[row]) > 1:
            self._copy(row, self.chain.array_of(words), there)
        self._served(row, done)

    def _copy(self, row: int, chunk: NDArray[Any], there: bool) -> None:
        for number, piece in self.uses[row][there:]:
            each = self.wants[number]
            part = chunk[each.sources[piece]]
            self._out(number)[each.targets[piece]] = part if each.axes is None else part.transpose(each.axes)

    def _served(self, row: int, done: list[int]) -> None:
        """Note that a chunk is in its places, and in `done` which wants are complete by that."""
        for number, _ in self.uses[row]:
            left = self.left[number]
            left.pop()
            if not left:
                done.append(number)

    def _hand_over(self, done: Sequence[int]) -> None:
        """Deliver wants that are complete, all that a block completed: each waiter is woken once a block."""
        for number in done:
            self.deliver(number, self.outs.pop(number), None)
