"""The pool that remembers decoded chunks: a table of what is held, what is being read and what written.

Knows nothing of effects, stores or time: `tegula.runtime.cached` asks it, and every method is one short step
under one lock, so that the simulator can put anything between any two of them.

An entry is the words of a chunk (None: known to be missing), the generation they were read at, and the last
time they were known to be current.  Whether an entry may answer is one comparison with a bound.

A *flight* is one loading of some chunks.  Whoever wants a chunk that an earlier flight will bring, and may
be answered by what is read from then on, waits for it instead of asking the store again; otherwise it queues
a flight of its own behind it, which all later askers share.  So at most one reading of a chunk is under way
and at most one waits.

A write cuts: it drops the entries of its keys before and after, and takes the keys out of all flights, so
that what was read before the write ended is never kept.  What it wrote itself is kept, unless another write
of the same key was under way at any time in between, since nobody can tell which was the last.

Laws: `held` is at most `limit` at all times, and the least recently used go first; what is older never
replaces what is newer; after a write has ended no chunk that was read before it is answered to whoever asks.
After a fork the child's pools are empty.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias
from weakref import WeakSet

from numpy import ndarray

from tegula.chunkset import ChunkSet
from tegula.effects.control import Signal
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import KeyRange, StoreRef
from tegula.row import NamedTuple

__all__ = ["ChunkPool", "Claim", "Entry", "Flight", "Kept", "Marks"]

OVERHEAD = 640  # bytes that an entry costs beside its words: measured 600


class Entry:
    """What is known of one chunk."""

    __slots__ = ("chunk", "generation", "number", "size", "table", "time", "words")

    def __init__(self, table: _Table, number: int, words: Any, generation: bytes, time: float) -> None:
        self.table = table
        self.number = number
        self.words = words
        self.chunk: Any = None  # the words as an array of the chunk's shape, made when it is first asked for
        self.generation = generation
        self.time = time
        self.size = OVERHEAD + (0 if words is None else words.nbytes)


class Flight:
    """One loading of some chunks: when it began, what it brought, and the signal that it has ended.

    `words` maps the numbers of chunks to their words; `failed`: it brought nothing.
    """

    __slots__ = ("failed", "signal", "start", "words")

    def __init__(self, signal: Signal, start: float) -> None:
        self.signal = signal
        self.start = start
        self.words: dict[int, Any] = {}
        self.failed = False


class Kept(NamedTuple):
    """What a write leaves behind for the cache: a generation and words for each number, as of `time`."""

    array: ChunkSet
    numbers: Sequence[int]
    words: Sequence[Any]
    generations: Sequence[bytes]
    time: float


Marks: TypeAlias = "list[tuple[ChunkSet, list[int]]]"


class Claim(NamedTuple):
    """What came of asking for a block: who brings which rows.

    `answers` has the words of the rows that were there (elsewhere it says nothing).  `mine` are the rows to
    load now, with what was known of each, in the flight `flight`; `later` those to load when the flights
    `after` have ended, in the flight `queued`; `shared` those that others bring, each with its flight.
    """

    answers: list[Any]
    mine: list[int]
    known: list[Entry | None]
    flight: Flight
    later: list[int]
    queued: Flight
    after: list[Flight]
    shared: list[tuple[int, Flight]]


class _Table:
    """The chunks of one array: entries, flights under way and queued, and writes under way."""

    __slots__ = ("array", "entries", "flights", "queued", "writing")

    def __init__(self, array: ChunkSet) -> None:
        self.array = array
        self.entries: dict[int, Entry] = {}
        self.flights: dict[int, Flight] = {}
        self.queued: dict[int, Flight] = {}
        self.writing: dict[int, list[int]] = {}  # writes under way, and how many began since there was none

    @property
    def idle(self) -> bool:
        return not (self.entries or self.flights or self.queued or self.writing)


class ChunkPool:
    """Decoded chunks under a limit of bytes; safe from any number of threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._reset()
        _POOLS.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[ChunkSet, _Table] = {}
        self._places: dict[StoreRef, dict[str, list[_Table]]] = {}  # by store and path
        self._recent: OrderedDict[Entry, None] = OrderedDict()  # the least recently used first
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes held, bookkeeping included."""
        return self._held

    def __len__(self) -> int:
        return len(self._recent)

    # ---- reading

    def recall_one(self, array: ChunkSet, number: int, bound: float) -> tuple[Any] | None:
        """Return the words of one chunk, in a tuple, if it may be answered from here."""
        with self._lock:
            table = self._tables.get(array)
            entry = None if table is None else table.entries.get(number)
            if entry is None or entry.time < bound:
                return None
            self._recent.move_to_end(entry)
            return (entry.words,)

    def recall(
        self, array: ChunkSet, numbers: Sequence[int], bound: float, shaped: bool = False
    ) -> list[Any] | None:
        """Return the words of a block of chunks if all of them may be answered from here, else None.

        With `shaped` they are arrays of the chunk's shape.
        """
        with self._lock:
            table = self._tables.get(array)
            if table is None:
                return None
            get = table.entries.get
            found = []
            for number in numbers:
                entry = get(number)
                if entry is None or entry.time < bound:
                    return None
                found.append(entry)
            touch = self._recent.move_to_end
            for entry in found:
                touch(entry)
            if not shaped:
                return [entry.words for entry in found]
        chunks = []
        for entry in found:
            if entry.chunk is None and entry.words is not None:
                entry.chunk = array.chain.array_of(entry.words)
            chunks.append(entry.chunk)
        return chunks

    def remembered(self, array: ChunkSet, numbers: Sequence[int]) -> list[tuple[Any, bytes] | None]:
        """Return the words and the generation of each chunk that is here, however old."""
        with self._lock:
            table = self._tables.get(array)
            if table is None:
                return [None] * len(numbers)
            entries = [table.entries.get(number) for number in numbers]
            for entry in entries:
                if entry is not None:
                    self._recent.move_to_end(entry)
            return [None if entry is None else (entry.words, entry.generation) for entry in entries]

    def claim(
        self, array: ChunkSet, numbers: Sequence[int], bound: float, flights: tuple[Flight, Flight]
    ) -> Claim:
        """Sort the rows of a block into those that are here, to be loaded, and brought by others.

        `flights` are two new ones, which begin now.
        """
        now, queued = flights
        claim = Claim([None] * len(numbers), [], [], now, [], queued, [], [])
        with self._lock:
            table = self._table(array)
            for row, number in enumerate(numbers):
                entry = table.entries.get(number)
                if entry is not None and entry.time >= bound:
                    self._recent.move_to_end(entry)
                    claim.answers[row] = entry.words
                    continue
                flight, waiting = table.flights.get(number), table.queued.get(number)
                if flight is not None and flight.start >= bound:
                    claim.shared.append((row, flight))
                elif waiting is not None:
                    claim.shared.append((row, waiting))
                elif flight is not None:
                    table.queued[number] = queued
                    claim.later.append(row)
                    if flight not in claim.after:
                        claim.after.append(flight)
                else:
                    table.flights[number] = now
                    claim.mine.append(row)
                    claim.known.append(entry)
        return claim

    def depart(
        self, array: ChunkSet, numbers: Iterable[int], flight: Flight, start: float
    ) -> list[Entry | None]:
        """Begin a queued flight; return what is known of its chunks."""
        flight.start = start
        known = []
        with self._lock:
            table = self._table(array)
            for number in numbers:
                if table.queued.get(number) is flight:
                    del table.queued[number]
                    table.flights[number] = flight
                known.append(table.entries.get(number))
        return known

    def land(
        self,
        array: ChunkSet,
        numbers: Sequence[int],
        flight: Flight,
        words: Sequence[Any],
        generations: Sequence[bytes],
        time: float,
    ) -> None:
        """Keep what a flight brought, except what was written meanwhile; the caller gives the signal."""
        own = self._owned(words)
        with self._lock:
            table = self._table(array)
            for number, found, generation in zip(numbers, own, generations, strict=True):
                flight.words[number] = found
                if table.flights.get(number) is flight:
                    del table.flights[number]
                    if number not in table.writing:
                        self._keep(table, number, found, generation, time)
            self._tidy(table)

    def fail(self, array: ChunkSet, numbers: Iterable[int], flight: Flight) -> None:
        """Note that a flight brings nothing; the signal is the caller's to give."""
        with self._lock:
            flight.failed = True
            table = self._tables.get(array)
            if table is None:
                return
            for number in numbers:
                for flights in (table.flights, table.queued):
                    if flights.get(number) is flight:
                        del flights[number]
            self._tidy(table)

    # ---- writing

    def begin(
        self, store: StoreRef, keys: Sequence[str], array: ChunkSet | None, numbers: list[int]
    ) -> Marks:
        """Note that keys are about to change; return what to give to `end`.

        The keys of `array`, where it is given, are those of `numbers`, and are followed though nothing is
        known of them yet.
        """
        with self._lock:
            touched = self._touched(store, keys, array)
            if array is not None:
                touched.append((self._table(array), numbers))
            for table, changing in touched:
                for number in changing:
                    counts = table.writing.setdefault(number, [0, 0])
                    counts[0] += 1
                    counts[1] += 1
                    self._cut(table, number)
            return [(table.array, changing) for table, changing in touched]

    def end(self, store: StoreRef, keys: Sequence[str], marks: Marks, kept: Kept | None = None) -> None:
        """Note that a write has ended, and keep what it wrote where nobody else was writing."""
        words = [] if kept is None else self._owned(kept.words)
        with self._lock:
            known = None if kept is None else kept.array
            for table, changed in self._touched(store, keys, known):  # some may be new since the beginning
                for number in changed:
                    self._cut(table, number)
                self._tidy(table)
            for array, changed in marks:
                written = self._tables.get(array)
                if written is None:
                    continue  # the pool was emptied by a fork
                table = written
                mine = kept if known is not None and known == array else None
                for row, number in enumerate(changed):
                    counts = table.writing.get(number)
                    if counts is None:
                        continue
                    alone = counts[1] == 1
                    counts[0] -= 1
                    if not counts[0]:
                        del table.writing[number]
                    self._cut(table, number)
                    if alone and mine is not None and mine.generations[row] != UNKNOWN:
                        self._keep(table, number, words[row], mine.generations[row], mine.time)
                self._tidy(table)

    def forget(self, store: StoreRef, keys: KeyRange) -> None:
        """Drop every array of which a key may be in a range that is about to be, or was just, deleted."""
        del keys  # which arrays it leaves alone is not worth finding out
        with self._lock:
            for tables in list(self._places.get(store, {}).values()):
                for table in list(tables):
                    for counts in table.writing.values():
                        counts[1] += 1  # which of the two was first nobody can tell
                    for number in {*table.entries, *table.flights, *table.queued}:
                        self._cut(table, number)
                    self._tidy(table)

    def clear(self) -> None:
        """Forget every chunk; what is under way goes on."""
        with self._lock:
            for entry in list(self._recent):
                self._drop(entry)

    def _owned(self, words: Sequence[Any]) -> list[Any]:
        """Return words as they are kept: no larger buffer is held by a piece of it, and nobody may write."""
        room = self.limit - OVERHEAD
        return [found if found is None or found.nbytes > room else _own(found) for found in words]

    # ---- under the lock

    def _table(self, array: ChunkSet) -> _Table:
        table = self._tables.get(array)
        if table is None:
            table = self._tables[array] = _Table(array)
            place = array.path[: array.path.rfind("/") + 1]
            self._places.setdefault(array.store, {}).setdefault(place, []).append(table)
        return table

    def _tidy(self, table: _Table) -> None:
        """Let go of a table that says nothing."""
        if table.idle and self._tables.get(table.array) is table:
            array = table.array
            del self._tables[array]
            place = array.path[: array.path.rfind("/") + 1]
            places = self._places[array.store]
            places[place].remove(table)
            if not places[place]:
                del places[place]
                if not places:
                    del self._places[array.store]

    def _touched(
        self, store: StoreRef, keys: Iterable[str], known: ChunkSet | None
    ) -> list[tuple[_Table, list[int]]]:
        """Return the tables that keys belong to, that of `known` apart, with the numbers of their chunks."""
        places = self._places.get(store)
        if places is None:
            return []
        found: dict[_Table, list[int]] = {}
        if len(places) <= 4:  # as a rule it is one array, and its metadata, that is kept
            for path, tables in places.items():
                for table in tables:
                    if table.array is not known and table.array != known:
                        for key in keys:
                            if key.startswith(path):
                                _touch(found, table, key)
            return list(found.items())
        for key in keys:
            for path in _prefixes(key):
                for table in places.get(path, ()):
                    if table.array is not known and table.array != known:
                        _touch(found, table, key)
        return list(found.items())

    def _cut(self, table: _Table, number: int) -> None:
        entry = table.entries.get(number)
        if entry is not None:
            self._drop(entry, tidy=False)
        table.flights.pop(number, None)
        table.queued.pop(number, None)

    def _keep(self, table: _Table, number: int, words: Any, generation: bytes, time: float) -> None:
        old = table.entries.get(number)
        if old is not None and old.time > time:
            return
        entry = Entry(table, number, words, generation, time)
        if old is not None:
            self._drop(old, tidy=False)
        if entry.size > self.limit:
            return
        while self._held + entry.size > self.limit:
            last = next(iter(self._recent))
            self._drop(last, tidy=last.table is not table)
        table.entries[number] = entry
        self._recent[entry] = None
        self._held += entry.size

    def _drop(self, entry: Entry, tidy: bool = True) -> None:
        del self._recent[entry]
        del entry.table.entries[entry.number]
        self._held -= entry.size
        if tidy:
            self._tidy(entry.table)


def _own(words: Any) -> Any:
    """Return words that hold no more memory than their own: a piece of a larger buffer is copied."""
    if not isinstance(words, ndarray):
        return words
    base = words
    while True:
        below = getattr(base, "base", None)
        if below is None:
            below = getattr(base, "obj", None)
        if below is None:
            break
        base = below
    size = getattr(base, "nbytes", None)
    if size is None:
        size = len(base)
    if size > words.nbytes + words.nbytes // 8 + 64:
        words = words.copy()
    words.flags.writeable = False
    return words


def _touch(found: dict[_Table, list[int]], table: _Table, key: str) -> None:
    """Note the chunks that lie in the value of a key, if it is one of the table's."""
    numbers = table.array.numbers_of(key)
    if numbers is None:
        return
    if not numbers:  # too many to name: all of them
        numbers = list({*table.entries, *table.flights, *table.queued})
    found.setdefault(table, []).extend(numbers)


def _prefixes(key: str) -> Iterable[str]:
    """Return every path that a key may lie under: nothing, and what ends in a slash."""
    yield ""
    at = key.find("/")
    while at >= 0:
        yield key[: at + 1]
        at = key.find("/", at + 1)


_POOLS: WeakSet[ChunkPool] = WeakSet()


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
