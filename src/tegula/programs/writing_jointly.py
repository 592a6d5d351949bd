"""Write several views of one array jointly: a chunk is read, merged and written once, whoever writes to it.

A write is a view taken apart into the pieces of chunks that it is made of, and its data (`Patch`).  What
several have for one chunk is put into it one after the other, in their order; from the last that covers all
of it on, if there is one, and then the chunk is not read.  A block of chunks is written as a block of one
write is (`tegula.programs.writing_few.write_block`).  A write is told of as soon as its last chunk is stored.

Where a block fails, its chunks are tried one by one, and where a chunk can not be made, its writes are, one
after the other: so everybody hears of the chunks that he writes to, and of nobody else's mistakes.

Law: what is stored is what the writes store that are done one after the other, each with the same outcome; a
write whose elements a later one replaces may succeed where it would have failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.errors import (
    Aborted,
    Indeterminate,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from tegula.kernels._jit import loaded
from tegula.kv.spec import is_far
from tegula.plan.arena import Arena
from tegula.plan.blocks import block_rows, far_pace, few_tasks
from tegula.plan.gather import Pieces, covers
from tegula.programs.pace import WAITING
from tegula.programs.writing_few import Job, borrowed, given_back, unit, words_in, write_block
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.source import Chunked

__all__ = ["Patch", "write_jointly"]

Deliver = Callable[[Sequence[int], "Sequence[BaseException | None]"], object]
Use = tuple[int, int]
"""A write, and which of its pieces."""

_OF_THE_STORE = (Aborted, Indeterminate, NotFound, PermissionDenied, ResourceExhausted, Unavailable)


class Patch(NamedTuple):
    """A write: a view that was taken apart, and data of its shape, or one element for all of it.

    `own`: nobody changes the data any more.
    """

    parts: Pieces
    data: NDArray[Any]
    own: bool = False


async def write_jointly(source: Chunked, patches: Sequence[Patch], deliver: Deliver, width: int) -> None:
    """Do writes, in their order where they overlap; at most about `width` tasks at a time.

    ``deliver(numbers, errors)`` is called for some of them, on any thread, as they are stored or have failed.
    It may be called twice for one number; the first counts.  The pieces of all are of the same kind of chunk.
    """
    chain = unit(source, patches[0].parts)
    shape = chain.chunk_shape
    rows: dict[tuple[int, ...], int] = {}
    uses: list[list[Use]] = []
    first: list[int] = []
    for number, patch in enumerate(patches):
        for piece, (cell, index) in enumerate(zip(patch.parts.cells, patch.parts.sources, strict=True)):
            row = rows.get(cell)
            if row is None:
                row = rows[cell] = len(uses)
                uses.append([(number, piece)])
                first.append(-1)
            else:
                uses[row].append((number, piece))
            if covers(index, shape):
                first[row] = len(uses[row]) - 1
    words = [patch.data.view(chain.word) for patch in patches]
    left = [[None] * len(patch.parts.cells) for patch in patches]
    writing = _Writing(source, chain, list(rows), patches, words, uses, first, left, {}, deliver)
    count, size = len(uses), source.layout.chain.nbytes
    if chain is not source.layout.chain:
        from tegula.programs.sharded_few import shard_blocks

        await _write_all(writing, *shard_blocks(source, writing.cells, max(1, width - 1)))
        return
    if is_far(source.store):
        most, _, limit = far_pace(count, size)
        await _write_all(writing, _cut(0, count, most), limit)
        return
    tasks = min(few_tasks(count, size, width, not chain.light, loaded()), max(1, width - 1))
    most = max(1, min(block_rows(size), -(-count // tasks)))
    tried = min(count, tasks * most)
    if await _write_all(writing, _cut(0, tried, most), tasks):  # for a disk: it can take several at once
        tasks = WAITING * max(1, width - 1)
        most = max(1, min(most, -(-(count - tried) // tasks)))
    await _write_all(writing, _cut(tried, count, most), tasks)


def _cut(first: int, stop: int, most: int) -> list[Sequence[int]]:
    return [range(at, min(stop, at + most)) for at in range(first, stop, most)]


async def _write_all(writing: _Writing, blocks: Sequence[Sequence[int]], limit: int) -> bool:
    """Write blocks of chunks, at most so many at a time; return whether all waited."""
    if len(blocks) < 2:
        return await _write(writing, blocks[0]) if blocks else False
    return all(await All([Call(_write, writing, block) for block in blocks], limit=limit))


async def _write(writing: _Writing, rows: Sequence[int]) -> bool:
    """Write a block of chunks, and tell who is written then; return whether that was waiting, mostly."""
    arena = borrowed()
    try:
        waited = await write_block(writing.job(arena), rows)
    except GeneratorExit:
        raise
    except Exception as error:
        await _write_each(writing, rows, error)
        return False
    given_back(arena)
    writing.done(rows)
    return waited


async def _write_each(writing: _Writing, rows: Sequence[int], failed: Exception) -> None:
    """Write what could not be written together: chunk by chunk, and a chunk write by write."""
    if len(rows) > 1:
        for row in rows:
            await _write(writing, [row])
        return
    (row,) = rows
    uses = writing.uses[row]
    if len(uses) == 1 or isinstance(failed, _OF_THE_STORE):
        writing.done(rows, [(use, failed) for use in uses])
        return
    found: list[tuple[Use, Exception]] = []
    for use in uses:
        try:
            await write_block(writing.job(borrowed(), use), rows)
        except GeneratorExit:
            raise
        except Exception as error:
            found.append((use, error))
    writing.done(rows, found)
    found.clear()  # the traceback of an error holds this frame


class _Writing(Record, eq=False):
    """Who writes which piece to which chunk, and what became of it; told on any thread.

    `uses` are, for each chunk, the pieces put into it, in order, and `first` which is the last of them that
    covers all of it, -1 where none does; `left` has an item for each piece of a write
    that is not stored yet; `errors` are those of writes, by the piece.
    """

    source: Chunked
    chain: CodecChain
    cells: Sequence[tuple[int, ...]]
    patches: Sequence[Patch]
    words: Sequence[NDArray[Any]]
    uses: Sequence[list[Use]]
    first: Sequence[int]
    left: Sequence[list[None]]
    errors: dict[int, dict[int, BaseException]]
    deliver: Deliver

    def job(self, arena: Arena, only: Use | None = None) -> _Joint:
        """Return the job that puts all pieces into their chunks, or `only` one."""
        return _Joint(self.source, self.chain, self.cells, arena, self, only)

    def done(self, rows: Sequence[int], failed: Sequence[tuple[Use, BaseException]] = ()) -> None:
        """Tell whose last chunks these were."""
        for (number, piece), error in failed:
            self.errors.setdefault(number, {})[piece] = error
        over: list[int] = []
        for row in rows:
            for number, _ in self.uses[row]:
                left = self.left[number]
                left.pop()
                if not left:
                    over.append(number)
        if over:
            self.deliver(over, [self._error(number) for number in over])

    def _error(self, number: int) -> BaseException | None:
        errors = self.errors.pop(number, None)
        return errors[min(errors)] if errors else None


class _Joint(Job, eq=False):
    """What several writes put into chunks, or `only` one piece of one."""

    writing: _Writing
    only: Use | None

    def whole(self, row: int) -> bool:
        writing = self.writing
        if self.only is None:
            return writing.first[row] >= 0
        number, piece = self.only
        return covers(writing.patches[number].parts.sources[piece], self.chain.chunk_shape)

    def put(self, row: int, chunk: NDArray[Any]) -> None:
        writing, chain = self.writing, self.chain
        array = chain.array_of(chunk).view(chain.word)
        for number, piece in self._uses(row):
            parts, data = writing.patches[number].parts, writing.words[number]
            place = array[parts.sources[piece]]
            if parts.axes is not None:
                place = place.transpose(parts.axes)
            place[...] = data[parts.targets[piece]] if data.ndim else data

    def lying(self, row: int) -> NDArray[Any] | None:
        writing = self.writing
        uses = self._uses(row)
        if len(uses) > 1:
            return None
        ((number, piece),) = uses
        patch = writing.patches[number]
        return words_in(self.chain, patch.parts, piece, writing.words[number], patch.own)

    def _uses(self, row: int) -> Sequence[Use]:
        """Return the pieces that are put into a chunk, in order, from the last that covers it on."""
        first = self.writing.first[row]
        return [self.only] if self.only else self.writing.uses[row][max(0, first) :]
