"""Run several programs as one, and join what they read: the live half of batches.

The programs advance together.  Whenever none of them can go on without reading, all their reads are joined:
one `ReadMany` a store, each value asked for once, neighbouring ranges of a value in one request
(`plan.ranges`).  Where a joined request fails, each read is asked by itself, so that every program gets the
answer or the error that is its own.

Reads of views of one array are not even programs of their own (`programs.jointly`).

Law: every program ends as it would alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from tegula.effects.control import All, Wait
from tegula.effects.effect import Call, Effect, Program
from tegula.effects.storage import UNCHANGED, Read, ReadColumns, ReadMany, outcome
from tegula.errors import Aborted, TegulaError
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import ByteRange, StoreRef
from tegula.leaves.leaf import span
from tegula.plan.ranges import coalesce
from tegula.programs.jointly import Want, read_jointly
from tegula.programs.reading import read
from tegula.row import NamedTuple
from tegula.runtime.future import Future, forget, pending, settle
from tegula.runtime.machine import Machine, Task
from tegula.source import Chunked
from tegula.view import View

__all__ = ["Reader", "hand", "jointly", "together"]


class Reader(NamedTuple):
    """A read of a view, taken apart, and the future that waits for it."""

    view: View
    want: Want
    future: Future[Any]


Later = Callable[[Program[Any]], object]
"""Has a program run by somebody else."""


async def jointly(source: Chunked, readers: Sequence[Reader], width: int, later: Later) -> None:
    """Read views of one array together, and give each its own future its outcome.

    What users have written to be called with it may wait for any other read: it is called `later`.
    """
    waiting = [reader for reader in readers if not reader.future.done()]
    if not waiting:
        return
    if len(waiting) == 1 and len(waiting[0].want.cells) > 1:
        await _alone(waiting[0], width + 1, later)
        return
    _under_way[id(waiting)] = waiting
    try:
        served = _Served(waiting, later)
        try:
            await read_jointly(source, [reader.want for reader in waiting], served, width)
        except GeneratorExit:
            raise
        except Exception:
            pass  # of one of them, perhaps: each asks for itself
        rest = [reader for reader in waiting if not reader.future.done()]
        calls = [Call(_alone, reader, width, later) for reader in rest]
        if calls:
            await All(calls, limit=width)
    finally:
        _under_way.pop(id(waiting), None)


class _Served:
    """Hands arrays to whoever waits for them."""

    __slots__ = ("later", "readers")

    def __init__(self, readers: Sequence[Reader], later: Later) -> None:
        self.readers = readers
        self.later = later

    def __call__(self, number: int, array: Any, error: BaseException | None) -> None:
        hand(self.readers[number].future, array, error, self.later)


async def _alone(reader: Reader, width: int, later: Later) -> None:
    await _one(read(reader.view, reader.want.order, width), reader.future, later)


def hand(future: Future[Any], value: Any, error: BaseException | None, later: Later | None) -> None:
    """Give a future its outcome: later, where that calls what a user has written."""
    if settle(future, value, error, quickly=later is not None) is None and later is not None:
        later(_handed(future, value, error))


async def _handed(future: Future[Any], value: Any, error: BaseException | None) -> None:
    settle(future, value, error)


_under_way: dict[int, Sequence[Reader]] = {}


def _after_fork() -> None:
    readers = [reader for each in _under_way.values() for reader in each]
    _under_way.clear()
    for reader in readers:
        forget(reader.future, Aborted("the operation runs in the process that this one was forked from"))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


async def together(
    programs: Sequence[tuple[Program[Any], Future[Any]]], answered: dict[type[Effect[Any]], Any] | None = None
) -> None:
    """Run programs together, and give each its own future its outcome.

    `answered` are the effects that are answered by programs, as a session has them.
    """
    answered = answered or {}
    machine = Machine(_all(programs))
    requests = machine.start()
    waiting: list[tuple[Task, Effect[Any]]] = []
    try:
        while requests or waiting:
            reads, others, rest = [], [], []
            for ticket, effect in [*requests, *waiting]:
                kind = type(effect)
                if kind is Wait and not effect.signal.done():  # type: ignore[attr-defined]
                    rest.append((ticket, effect))
                elif kind is ReadMany or (kind is Read and effect.if_equal == UNKNOWN):  # type: ignore[attr-defined]
                    reads.append((ticket, effect))
                else:
                    others.append((ticket, effect))
            requests, waiting = [], []
            if others:
                waiting = reads + rest
                plain = []
                for ticket, effect in others:
                    if type(effect) in answered:
                        requests += machine.call(ticket, Call(answered[type(effect)], effect))
                    else:
                        plain.append((ticket, effect))
                outcomes = await All([Call(_safely, effect) for _, effect in plain])
                for (ticket, _), (value, error) in zip(plain, outcomes, strict=True):
                    requests += machine.feed(ticket, value, error)
            elif reads:
                waiting = rest
                for (ticket, _), (value, error) in zip(
                    reads, await _joined([effect for _, effect in reads]), strict=True
                ):
                    requests += machine.feed(ticket, value, error)
            else:  # all wait for others, of whom at least one is not of us: for whichever comes first
                waiting = rest
                await _first({effect.signal: None for _, effect in rest})  # type: ignore[attr-defined]
    finally:
        if not machine.finished:
            machine.abandon()
            for ticket, _ in [*requests, *waiting]:
                machine.feed(ticket, None)


async def _first(signals: Iterable[Future[Any]]) -> None:
    """Wait until one of several futures is done."""
    woken: Future[Any] = pending()
    for signal in signals:
        signal.add_done_callback(_Waker(woken))
    await Wait(woken)


class _Waker:
    __slots__ = ("woken",)

    def __init__(self, woken: Future[Any]) -> None:
        self.woken = woken

    def __call__(self, _: object) -> None:
        settle(self.woken, None)


async def _all(programs: Sequence[tuple[Program[Any], Future[Any]]]) -> None:
    await All([Call(_one, program, future) for program, future in programs])


async def _one(program: Program[Any], future: Future[Any], later: Later | None = None) -> None:
    if future.done():  # nobody wants it any more
        program.close()
        return
    try:
        value = await program
    except GeneratorExit:
        raise
    except BaseException as error:
        hand(future, None, error, later)
    else:
        hand(future, value, None, later)


async def _safely(effect: Effect[Any]) -> tuple[Any, BaseException | None]:
    try:
        return await effect, None
    except GeneratorExit:
        raise
    except BaseException as error:
        return None, error


class _Row(NamedTuple):
    """One value, or a part of it, that somebody wants."""

    store: StoreRef
    key: str
    range: ByteRange | None
    known: bytes


class _Request(NamedTuple):
    """A request of the joined block, and where it begins in the value (0 for a whole one)."""

    row: _Row
    start: int


async def _joined(effects: Sequence[Any]) -> list[tuple[Any, BaseException | None]]:
    """Answer reads: the outcome of each, an answer or an error."""
    rows = [_rows(effect) for effect in effects]
    wanted = [row for each in rows for row in each]
    if len(wanted) > 1:
        try:
            found = await _answers(wanted)
        except TegulaError:
            pass  # of one of them, perhaps: each asks for itself
        else:
            at = 0
            outcomes: list[tuple[Any, BaseException | None]] = []
            for effect, mine in zip(effects, rows, strict=True):
                outcomes.append((_answer(effect, found[at : at + len(mine)]), None))
                at += len(mine)
            return outcomes
    answers: list[tuple[Any, BaseException | None]] = await All([Call(_safely, effect) for effect in effects])
    return answers


def _rows(effect: Any) -> list[_Row]:
    if isinstance(effect, Read):
        return [_Row(effect.store, effect.key, effect.byte_range, effect.if_not_equal)]
    ranges = effect.ranges or [None] * len(effect.keys)
    known = effect.if_not_equal or [UNKNOWN] * len(effect.keys)
    return [_Row(effect.store, *row) for row in zip(effect.keys, ranges, known, strict=True)]


def _answer(effect: Any, found: Sequence[tuple[Any, bytes, float]]) -> Any:
    if isinstance(effect, ReadMany):
        time = min((row[2] for row in found), default=0.0)
        return ReadColumns([row[0] for row in found], [row[1] for row in found], time)
    ((value, generation, time),) = found
    return outcome(value, generation, time)


async def _answers(rows: Sequence[_Row]) -> list[tuple[Any, bytes, float]]:
    """Return value (None: missing), generation and time of each row, by as few requests as can be."""
    requests, places = join(rows)
    stores: dict[StoreRef, list[int]] = {}
    for number, request in enumerate(requests):
        stores.setdefault(request.row.store, []).append(number)
    got: dict[int, tuple[Any, bytes, float]] = {}
    blocks = await All(
        [Call(_block, store, [requests[n] for n in numbers]) for store, numbers in stores.items()]
    )
    for numbers, columns in zip(stores.values(), blocks, strict=True):
        for number, value, generation in zip(numbers, columns.values, columns.generations, strict=True):
            got[number] = value, generation, columns.time
    found = []
    for row, number in zip(rows, places, strict=True):
        value, generation, time = got[number]
        request = requests[number]
        if value is not None and value is not UNCHANGED and row.range != request.row.range:
            assert row.range is not None
            if request.row.range is None:
                first, last = span(row.range, len(value))
            else:
                assert row.range.stop is not None
                first, last = row.range.start - request.start, row.range.stop - request.start
            value = value[first:last]
        found.append((value, generation, time))
    return found


async def _block(store: StoreRef, requests: Sequence[_Request]) -> ReadColumns:
    rows = [request.row for request in requests]
    ranges = [row.range for row in rows]
    known = [row.known for row in rows]
    return await ReadMany(
        store,
        [row.key for row in rows],
        ranges if any(one is not None for one in ranges) else None,
        known if any(known) else None,
    )


def join(rows: Sequence[_Row]) -> tuple[list[_Request], list[int]]:
    """Return requests that bring all rows, and the number of the request in which each row lies.

    A value that somebody wants whole is asked for once; of others neighbouring ranges are joined, and ranges
    that count from the end are asked for as they are.
    """
    whole = {(row.store, row.key, row.known) for row in rows if row.range is None}
    requests: list[_Request] = []
    numbers: dict[Hashable, int] = {}
    places = [-1] * len(rows)
    spans: list[int] = []
    for at, row in enumerate(rows):
        name = (row.store, row.key, row.known)
        if name in whole:
            row = row._replace(range=None)
        elif row.range is not None and row.range.start >= 0 and row.range.stop is not None:
            spans.append(at)
            continue
        if row not in numbers:
            numbers[row] = len(requests)
            requests.append(_Request(row, 0))
        places[at] = numbers[row]
    owners: dict[Hashable, int] = {}
    names: list[_Row] = []
    for at in spans:
        row = rows[at]._replace(range=None)
        if row not in owners:
            owners[row] = len(names)
            names.append(row)
    if spans:
        limits = [rows[at].range for at in spans]
        joined = coalesce(
            [owners[rows[at]._replace(range=None)] for at in spans],
            [limit.start for limit in limits if limit is not None],
            [limit.stop or 0 for limit in limits if limit is not None],
        )
        base = len(requests)
        for owner, start, stop in zip(joined.owners, joined.starts, joined.stops, strict=True):
            requests.append(_Request(names[owner]._replace(range=ByteRange(start, stop)), start))
        for at, number in zip(spans, joined.request.tolist(), strict=True):
            places[at] = base + number
    return requests, places
