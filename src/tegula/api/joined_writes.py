"""Start writes to one array of which the caller does not wait for each: in order, and small ones jointly.

Knows which writes to an array were accepted and are not done.  A write waits for those before it that write
to the same elements, and for no others; so of two to one element the one that was started last stays.  Small
writes that wait are then done jointly (`programs.writing_jointly`), and while one is under way to a chunk no
other is: none of a process has to ask whether another of it was faster.  A large one is a program of its own.

What was accepted is written whatever becomes of its future, also at a normal exit.  Small writes of at most
`MOST_BYTES` wait for an array; who comes then waits, too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from operator import floordiv, le
from typing import Any

from numpy.typing import NDArray

from tegula.api.lately import queues
from tegula.effects.control import Wait
from tegula.effects.effect import Program
from tegula.errors import Aborted
from tegula.plan.blocks import Box
from tegula.plan.gather import Pieces
from tegula.plan.grid import on_grid
from tegula.plan.reach import meet, reached
from tegula.programs.writing_few import unit, write_few
from tegula.programs.writing_jointly import Patch, write_jointly
from tegula.row import NamedTuple
from tegula.runtime.future import Future, forget, pending, settle
from tegula.runtime.live import leaf
from tegula.runtime.session import is_ours, submit
from tegula.runtime.together import hand
from tegula.source import Chunked
from tegula.view import View

__all__ = ["in_turn", "little", "piled"]

WIDTH = max(2, (os.cpu_count() or 1) + 1)
LITTLE = 16 << 20  # bytes of chunks that a write touches at most to be joined with others
MOST_BYTES = 64 << 20
OWN_BYTES = 1 << 10  # what a write that waits takes besides its data, and a quarter of it for each chunk
ABREAST = 16  # programs that do joint writes to an array, where they mostly wait for its store


class _Writer(NamedTuple):
    """A small write, the cells of what it replaces, its future, number, and the large ones it waits for."""

    patch: Patch
    cells: Sequence[tuple[int, ...]]
    future: Future[Any]
    number: int
    waits: set[int]


class _Large(NamedTuple):
    """A write that is a program: its number, its box, what it waits for, and the signal to begin."""

    number: int
    box: Box
    waits: set[int]
    signal: Future[None]


class _Queue:
    """The writes to an array that were accepted and are not done.  Who changes it holds the lock.

    Of the small ones `held` have not begun; `under_way` have, to the chunks `busy`, by so many `programs`, of
    which `most` may be.  `large` are the large ones; those that wait for none have begun.  `room` is of who
    would make `held` too large.
    """

    __slots__ = (
        "busy",
        "held",
        "large",
        "most",
        "number",
        "programs",
        "room",
        "size",
        "source",
        "under_way",
        "within",
    )

    def __init__(self, source: Chunked) -> None:
        self.source = source
        levels = source.layout.chain.levels
        self.within = levels[0].within if levels else ()
        self.held: list[_Writer] = []
        self.under_way: dict[int, _Writer] = {}
        self.busy: set[tuple[int, ...]] = set()
        self.large: dict[int, _Large] = {}
        self.programs = 0
        self.most = 1 if leaf(source.store).local_writes else ABREAST
        self.number = 0
        self.size = 0
        self.room: Future[None] | None = None

    def add(self, view: View, patch: Patch, future: Future[Any]) -> None:
        """Accept a small write."""
        waits: set[int] = set()
        if self.large:
            box = reached(on_grid(view))
            waits = {number for number, each in self.large.items() if meet(box, each.box)}
        self.number += 1
        cells: Sequence[tuple[int, ...]] = patch.parts.cells
        if self.within and not patch.parts.entire:  # a shard is replaced
            cells = list({tuple(map(floordiv, cell, self.within)) for cell in cells})
        self.held.append(_Writer(patch, cells, future, self.number, waits))
        self.size += _size(patch)

    def add_large(self, box: Box) -> _Large:
        """Accept a large write: it has begun if it waits for none."""
        sides = self.source.layout.chunk_shape
        first = tuple(map(floordiv, box[0], sides))
        last = tuple(map(floordiv, [end - 1 for end in box[1]], sides))
        waits = {number for number, each in self.large.items() if meet(box, each.box)}
        for writer in (*self.under_way.values(), *self.held):
            if any(all(map(le, first, cell)) and all(map(le, cell, last)) for cell in writer.cells):
                waits.add(writer.number)
        self.number += 1
        large = self.large[self.number] = _Large(self.number, box, waits, pending())
        return large

    def more(self) -> bool:
        """Return whether another program is to do joint writes: it is counted then."""
        wanted = self.programs < self.most and any(not writer.waits for writer in self.held)
        self.programs += wanted
        return wanted

    def take(self) -> list[_Writer]:
        """Return the small writes that wait for none before them: they are under way.

        Of those to a shard whole ones are not together with others.
        """
        blocked = set(self.busy)
        kinds: tuple[set[tuple[int, ...]], set[tuple[int, ...]]] = (set(), set())
        taken, left, size = [], [], 0
        for writer in self.held:
            cells = writer.cells
            entire = writer.patch.parts.entire
            others = kinds[not entire]
            if writer.waits or not (
                (not blocked or blocked.isdisjoint(cells)) and (not others or others.isdisjoint(cells))
            ):
                blocked.update(cells)
                left.append(writer)
                size += _size(writer.patch)
            else:
                taken.append(writer)
                if self.within:
                    kinds[entire].update(cells)
        self.held, self.size = left, size
        for writer in taken:
            self.busy.update(writer.cells)
            self.under_way[writer.number] = writer
        return taken

    def end(self, writers: Sequence[_Writer]) -> list[_Large]:
        """Note that small writes are done; return the large ones that may begin now."""
        for writer in writers:
            self.busy.difference_update(writer.cells)
            del self.under_way[writer.number]
        if not (self.large and writers):
            return []
        return self._freed({writer.number for writer in writers})

    def end_large(self, number: int) -> list[_Large]:
        """Note that a large write is done; return those that may begin now."""
        del self.large[number]
        for writer in self.held:
            writer.waits.discard(number)
        return self._freed({number})

    def _freed(self, done: set[int]) -> list[_Large]:
        free = []
        for each in self.large.values():
            if each.waits:
                each.waits.difference_update(done)
                if not each.waits:
                    free.append(each)
        return free

    def leave(self) -> None:
        """Let the queue go if it is empty."""
        if not (self.held or self.under_way or self.large or self.programs):
            queues.pop(id(self.source), None)


def _size(patch: Patch) -> int:
    """Return how many bytes a write takes while it waits."""
    return patch.data.nbytes + OWN_BYTES + len(patch.parts.cells) * (OWN_BYTES // 4)


_lock = threading.Lock()


def _of(source: Chunked) -> _Queue:
    """Return the queue of an array; the lock is held."""
    found: _Queue | None = queues.get(id(source))
    if found is None:
        found = queues[id(source)] = _Queue(source)
    return found


# ---------------------------------------------------------------- small writes


def little(source: Chunked, parts: Pieces) -> bool:
    """Return whether a write is worth joining with others."""
    return len(parts.cells) * unit(source, parts).nbytes <= LITTLE


def piled(view: View, source: Chunked, parts: Pieces, data: NDArray[Any], own: bool) -> Future[Any]:
    """Return the future of a write that is done with those that are started meanwhile.

    `own`: nobody changes `data` any more.
    """
    future: Future[Any] = pending()
    patch = Patch(parts, data, own)
    while True:
        with _lock:
            queue = _of(source)
            if not queue.held or queue.size + _size(patch) <= MOST_BYTES:
                queue.add(view, patch, future)
                more = queue.more()
                break
            if queue.room is None:
                queue.room = pending()
            room = queue.room
        room.result()
    if more:
        submit(_drain(queue), ours=is_ours(queue.source))
    return future


async def _drain(queue: _Queue) -> None:
    """Do the small writes to an array that may be done, then those that may be then, until none may."""
    writers: Sequence[_Writer] = []
    while True:
        with _lock:
            begun = queue.end(writers)
            writers = queue.take()
            room, queue.room = queue.room, None
            if not writers:
                queue.programs -= 1
                queue.leave()
        _signal(begun, room)
        if not writers:
            return
        entire = [writer for writer in writers if writer.patch.parts.entire]
        others = [writer for writer in writers if not writer.patch.parts.entire]
        for some in (entire, others):
            if some:
                await _write(queue.source, some)


def _signal(begun: Sequence[_Large], room: Future[None] | None = None) -> None:
    if room is not None:
        settle(room, None)
    for each in begun:
        settle(each.signal, None)


async def _write(source: Chunked, writers: Sequence[_Writer]) -> None:
    """Do small writes, and tell each what became of it."""
    patches = [writer.patch for writer in writers]
    told = _Told({number: writer.future for number, writer in enumerate(writers)})
    del writers  # the traceback of an error holds this frame
    try:
        if len(patches) == 1:
            await write_few(source, patches[0].parts, patches[0].data, WIDTH)
            told([0], [None])
        else:
            await write_jointly(source, patches, told, WIDTH)
    except GeneratorExit:
        raise
    except BaseException as error:
        told(range(len(patches)), [error] * len(patches))


class _Told:
    """Tells writers what became of their writes; once told, it knows them no more."""

    __slots__ = ("futures",)

    def __init__(self, futures: dict[int, Future[Any]]) -> None:
        self.futures = futures

    def __call__(self, numbers: Sequence[int], errors: Sequence[BaseException | None]) -> None:
        for number, error in zip(numbers, errors, strict=True):
            future = self.futures.pop(number, None)
            if future is not None:
                hand(future, None, error, submit)


# ---------------------------------------------------------------- large ones


def in_turn(source: Chunked, target: View, program: Program[Any], ours: bool) -> Future[Any]:
    """Return the future of a program that writes into a view, when it may; `ours` as for `submit`."""
    if 0 in target.shape:
        return submit(program)
    box = reached(on_grid(target))
    with _lock:
        queue = _of(source)
        large = queue.add_large(box)
        waits = bool(large.waits)
    return submit(_run(queue, large, waits, program), ours=ours)


async def _run(queue: _Queue, large: _Large, waits: bool, program: Program[Any]) -> Any:
    """Run a program when it may begin, and let those begin that wait for it."""
    try:
        if waits:
            await Wait(large.signal)
        value = await program
    except GeneratorExit:
        raise
    except BaseException:
        _ended(queue, large)
        raise
    _ended(queue, large)
    return value


def _ended(queue: _Queue, large: _Large) -> None:
    with _lock:
        begun = queue.end_large(large.number)
        more = queue.more()
        queue.leave()
    _signal(begun)
    if more:
        submit(_drain(queue), ours=is_ours(queue.source))


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    found: list[_Queue] = list(queues.values())
    queues.clear()
    for queue in found:
        futures = [writer.future for writer in (*queue.held, *queue.under_way.values())]
        for future in futures if queue.room is None else [*futures, queue.room]:
            forget(future, Aborted("the operation runs in the process that this one was forked from"))
    _orphans.extend(found)


_orphans: list[_Queue] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
