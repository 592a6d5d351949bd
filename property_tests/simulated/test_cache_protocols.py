"""Law: what a cache answers is never older than its bound allows, nor than what its own process has written.

The real handlers of the cache stand in front of simulated processes that read and write at the same time,
with refusals, crashes and a foreign writer; then bugs are planted in pool and handlers, and each must be
found within the same seeds.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.effects.effect import Call
from tegula.effects.handler import expansion, stacked
from tegula.effects.storage import (
    UNCHANGED,
    Decoded,
    DecodedColumns,
    DeleteRange,
    Loaded,
    Read,
    ReadMany,
    Write,
    WriteMany,
)
from tegula.effects.world import Now, Sleep
from tegula.errors import Internal, TegulaError
from tegula.kv.spec import KeyRange, StoreRef
from tegula.programs.retry import Retry
from tegula.runtime import cached
from tegula.runtime.cache import OVERHEAD, ChunkPool
from tegula.runtime.cached import handler
from tegula.runtime.simulate import Faults, World, seeded

STORE = StoreRef("model")
SEEDS = range(200)
SOAK = range(200, 20_000)
UNKIND = Faults(before=8, latency=20)
FATAL = Faults(before=8, crash=1, crashes=1, latency=20)
RETRY = Retry(attempts=3, first=0.01, longest=0.1)
OWN, FOREIGN = (0, 1), 2  # written by one program here, by another process
RACED = range(3, 9)  # written by two programs here at once


class Numbers:
    """Cell i is the key ``k{i}``; its words are one number, which only grows."""

    store = STORE
    path = ""

    def numbers(self, cells):
        return cells[:, 0].tolist()

    def numbers_of(self, key):
        return [int(key[1:])]


NUMBERS = Numbers()


def words(number):
    return np.array([number], np.int64)


async def load(cells, known):
    columns = await ReadMany(STORE, [f"k{number}" for (number,) in cells.tolist()], None, known)
    found = [value if value is None or value is UNCHANGED else words(int(value)) for value in columns.values]
    return Loaded(found, columns.generations, columns.time)


def decoded(cells, bound):
    return Decoded(NUMBERS, np.array(cells, np.int64).reshape(-1, 1), Call(load), None, bound)


def travel(effect):
    """Answers take a while to come back: what happens in the store and who hears of it are in any order."""
    return answered_late(effect) if isinstance(effect, (Read, Write)) else None


async def answered_late(effect):
    answer = await effect
    await Sleep(0.001)
    return answer


class Log:
    """What was acknowledged: by cell, the newest number and all with their times; and what broke the law."""

    def __init__(self):
        self.newest = Counter()
        self.times = {}
        self.broken = []
        self.reads = 0

    def acknowledge(self, cell, number, time):
        self.newest[cell] = max(self.newest[cell], number)
        self.times.setdefault(cell, []).append((time, number))

    def before(self, cell, time):
        return max((number for when, number in self.times.get(cell, []) if when < time), default=0)


async def writes(log, cell, how):
    for number in range(1, 6):
        value = b"%d" % number
        if how == "decoded":
            meant = DecodedColumns(NUMBERS, np.array([[cell]]), [words(number)], None)
            await WriteMany(STORE, [f"k{cell}"], [value], decoded=meant)
        elif how == "block":
            await WriteMany(STORE, [f"k{cell}"], [value])
        else:
            await Write(STORE, f"k{cell}", value)
        log.acknowledge(cell, number, await Now())
        await Sleep(0.01)


async def races(number):
    for cell in RACED:
        meant = DecodedColumns(NUMBERS, np.array([[cell]]), [words(number)], None)
        await WriteMany(STORE, [f"k{cell}"], [b"%d" % number], decoded=meant)


async def reads(log, rounds):
    for turn in range(rounds):
        now = await Now()
        bound = (math.inf, now - 0.02, -math.inf)[turn % 3]
        cells = [*OWN, FOREIGN, RACED[turn % len(RACED)]][turn % 2 :]
        least = {cell: log.newest[cell] for cell in cells}
        if bound != math.inf:
            least[FOREIGN] = log.before(FOREIGN, bound)
        found = await decoded(cells, bound)
        log.reads += 1
        for cell, seen in zip(cells, found, strict=True):
            number = 0 if seen is None else int(seen[0])
            if number < least.get(cell, 0):
                log.broken.append(f"{bound}: cell {cell} was {least[cell]}, read {number}")


async def deletes(log):
    """Deleting is a write as any other: what was acknowledged starts from nothing again."""
    await Sleep(0.03)
    await DeleteRange(STORE, KeyRange("k9", "k99"))


def attack(draw, *, faults=UNKIND, limit=1 << 20, pool_type=ChunkPool):
    """One process with a pool reads and writes, another one writes; return the world and its log."""
    world = World(draw, faults=faults)
    log, pool = Log(), pool_type(limit)
    cache = handler(pool)
    mine = [
        writes(log, OWN[0], "decoded"),
        writes(log, OWN[1], "single"),
        races(1),
        races(2),
        deletes(log),
        reads(log, 9),
        reads(log, 9),
        reads(log, 9),
    ]
    runs = [world.spawn(stacked(program, RETRY, travel, expansion, cache), "a") for program in mine]
    world.spawn(stacked(writes(log, FOREIGN, "block"), RETRY), "b")
    world.run()
    assert all(run.error is None or isinstance(run.error, TegulaError) for run in runs), runs
    if all(run.state in ("returned", "raised") for run in runs):
        after = World(seeded(0), stores=world.stores)
        seen = after.spawn(stacked(decoded_program([*OWN, *RACED], -math.inf), cache), "a")
        after.run()
        stored = world.store(STORE).values
        for cell, found in zip([*OWN, *RACED], seen.value, strict=True):
            held = stored.get(f"k{cell}")
            if (None if held is None else int(held[0])) != (None if found is None else int(found[0])):
                log.broken.append(f"in the end cell {cell} is {held}, the cache says {found}")
    if pool.held > limit:
        log.broken.append(f"{pool.held} bytes are held")
    return world, log, runs


async def decoded_program(cells, bound):
    return await decoded(cells, bound)


@pytest.mark.parametrize(("limit", "seeds"), [(1 << 20, SEEDS), (OVERHEAD + 8, range(60)), (0, range(60))])
def test_no_answer_is_older_than_its_bound_or_than_our_own_writes(limit, seeds):
    """Law: a read sees what was acknowledged before its bound, and all that its own process has written."""
    states = Counter()
    for seed in seeds:
        faults = FATAL if seed % 4 == 0 else UNKIND
        world, log, runs = attack(seeded(seed), limit=limit, faults=faults)
        assert log.broken == [], f"seed {seed}\n{world.script()}"
        states.update(run.state for run in runs)
    assert states["returned"] > 6 * len(seeds)  # the attack is no siege
    assert states["crashed"] > 0


@pytest.mark.soak
def test_no_answer_is_older_than_its_bound_for_long():
    for seed in SOAK:
        world, log, _ = attack(seeded(seed))
        assert log.broken == [], f"seed {seed}\n{world.script()}"


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_caches_under_drawn_schedules(data):
    """Law as above, with Hypothesis as the source of draws, so that a failure shrinks."""
    world, log, _ = attack(lambda n: data.draw(st.integers(0, n - 1)))
    assert log.broken == [], world.script()


class Deaf(ChunkPool):
    """The planted bug: writes do not touch what is kept."""

    def _cut(self, table, number):
        pass


class LateLanding(ChunkPool):
    """The planted bug: a reading that began before a write is kept after it."""

    def _cut(self, table, number):
        entry = table.entries.get(number)
        if entry is not None:
            self._drop(entry, tidy=False)


class LastOneWins(ChunkPool):
    """The planted bug: of two writes under way, the one that ended last is taken for the newest."""

    def begin(self, store, keys, array, numbers):
        marks = super().begin(store, keys, array, numbers)
        for table in self._tables.values():
            for counts in table.writing.values():
                counts[1] = 1
        return marks


class Careless(ChunkPool):
    """The planted bug: whatever is there answers, however old."""

    def recall(self, array, numbers, bound):
        return super().recall(array, numbers, -math.inf)


class Impatient(ChunkPool):
    """The planted bug: any reading under way will do, though it began before the bound."""

    def claim(self, array, numbers, bound, flights):
        for flight in self._table(array).flights.values():
            flight.start = math.inf
        return super().claim(array, numbers, bound, flights)


@pytest.mark.parametrize("pool_type", [Deaf, LateLanding, LastOneWins, Careless, Impatient])
def test_planted_stale_caches_are_found(pool_type):
    assert any(attack(seeded(seed), pool_type=pool_type)[1].broken for seed in SEEDS)


def attack_all():
    for seed in SEEDS:
        attack(seeded(seed))


@pytest.mark.parametrize("where", ["landing", "failing"])
def test_planted_dropped_wake_ups_are_found(where, monkeypatch):
    """The planted bug: who waits for a reading is not told that it has ended."""
    if where == "failing":
        monkeypatch.setattr(
            cached, "_crash", lambda pool, effect, numbers, flight: pool.fail(effect.array, numbers, flight)
        )
    else:
        monkeypatch.setattr(cached, "settle", lambda *_: None)
    with pytest.raises(Internal, match="signals that nobody gives"):
        attack_all()


@pytest.mark.parametrize("bound", [0.0, math.inf])
def test_those_who_ask_together_share_a_reading(bound):
    """Ten programs ask for a cell: one reading where one under way will do, else at most one at a time."""
    for seed in SEEDS[:50]:
        world = World(seeded(seed))
        cache = handler(ChunkPool(1 << 20))
        runs = [world.spawn(stacked(decoded_program([0], bound), cache), "a") for _ in range(10)]
        world.run()
        assert all(run.state == "returned" for run in runs)
        under_way = asked = 0
        for event in world.trace:
            if isinstance(event.effect, Read):
                under_way += {"asks": 1, "done": -1}[event.what]
                asked += event.what == "asks"
                assert under_way <= 1
        assert asked == 1 if bound == 0.0 else asked <= 10
