"""Laws: of elements written into one shard by several processes none is lost, and no reader sees a torn one.

Writers of different inner chunks, and of different elements of one, share shards whose inner chunks are
compressed, so that every write moves its neighbours; readers fetch indices and entries by byte range while
that happens: with no memory, with indices that are remembered, and with a pool of decoded inner chunks.
Shards are merged as a whole, and spliced. Then the condition is taken from the writes, and from splices,
the generation from the reads, the second question from what an old index says is not there, and each must
be found within the same seeds. ``TEGULA_SOAK=1``: all seeds for every law.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.effects.effect import Call
from tegula.effects.handler import decode_each, handled, stacked
from tegula.effects.storage import Decoded, Read, ReadMany, Splice
from tegula.errors import DataLoss, FailedPrecondition
from tegula.kv.spec import ByteRange, StoreRef
from tegula.programs import entries, entry, shard_index, splicing
from tegula.programs.reading import read
from tegula.programs.retry import Retry
from tegula.programs.writing import write
from tegula.record import replace
from tegula.runtime.cache import ChunkPool
from tegula.runtime.cached import handler
from tegula.runtime.simulate import Faults, World, seeded
from tegula.view import View

STORE = StoreRef("model")
SEEDS = range(200)
SOAK = bool(os.environ.get("TEGULA_SOAK"))
UNKIND = Faults(before=10, lost=10, crash=3, crashes=1, latency=20, skew=5)
RETRY = Retry(attempts=4, first=0.01, longest=0.1)
ROUNDS = 3


@pytest.fixture(autouse=True)
def by_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read even the smallest shard by ranges."""
    monkeypatch.setattr(entries, "SMALL", 0)
    monkeypatch.setattr(entries, "BLOCK_BYTES", 64)


def whole(flat: bool = False) -> View:
    """The view of an array of two shards, each of three shards of two inner chunks of four elements.

    `flat`: each of six inner chunks.
    """
    inner = {"chunk_shape": [4], "codecs": [{"name": "bytes"}, {"name": "gzip"}, {"name": "crc32c"}]}
    middle = {"chunk_shape": [8], "codecs": [{"name": "sharding_indexed", "configuration": inner}]}
    if flat:
        middle = inner
    store = ts.open(
        {
            "driver": "zarr3",
            "kvstore": "memory://",
            "metadata": {
                "shape": [40],
                "data_type": "int32",
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [24]}},
                "codecs": [{"name": "sharding_indexed", "configuration": middle}],
            },
        },
        create=True,
    ).result()
    view = store._view
    return replace(view, source=replace(view.source, store=STORE))


def pattern(number: int, size: int) -> Any:
    """What is written in a round: more digits, and more of them different, from round to round."""
    return (number + 1000 * number * (np.arange(size) % (number * 7))).astype(np.int32)


async def put(view: View, done: list[int]) -> None:
    for number in range(1, ROUNDS + 1):
        await write(view, pattern(number, view.shape[0]))
        done[0] = number


async def look(view: View, done: list[list[int]], parts: list[View], wrong: list[str]) -> None:
    """Read all parts again and again, the third and the fourth together, too.

    Each must be what some round wrote, none older than acknowledged.
    """
    for _ in range(4):
        low = [number[0] for number in done]
        both = await read(view[12:24])
        judge_part(2, low[2], both[:4], wrong)
        judge_part(3, low[3], both[8:], wrong)
        for number, part in enumerate(parts):
            low_now = done[number][0]
            judge_part(number, low_now, await read(part), wrong)


def judge_part(number: int, low: int, found: Any, wrong: list[str]) -> None:
    """Add to `wrong` what was read of a part if no round from `low` on wrote it."""
    fits = [bool((found == pattern(n, len(found))).all()) for n in range(1, ROUNDS + 1)]
    if not any(fits[max(0, low - 1) :]) and (low or found.any()):
        wrong.append(f"part {number} after {low}: {found.tolist()}")


def forgetful(effect: Any) -> Any:
    """The planted bug: reads do not say of which generation their answer is."""

    async def one() -> Any:
        answer = await Read(effect.store, effect.key, effect.byte_range)
        return replace(answer, generation=b"same") if answer.state == "value" else answer

    async def many() -> Any:
        answer = await ReadMany(effect.store, effect.keys, effect.ranges)
        return replace(answer, generations=[b"same"] * len(answer.generations))

    if isinstance(effect, Read):
        return one()
    return many() if isinstance(effect, ReadMany) else None


def unremembered(effect: Any) -> Any:
    """Nothing is kept of what is decoded."""
    return decode_each(effect) if isinstance(effect, Decoded) else None


def unconditional(effect: Any) -> Any:
    """The planted bug: writes lose their condition."""
    from property_tests.simulated.test_array_protocols import bare

    async def splice() -> Any:
        now = await Read(effect.store, effect.key, ByteRange(0, 0))
        return await Splice(effect.store, effect.key, effect.parts, now.generation)

    return splice() if isinstance(effect, Splice) else bare(effect)


class Resource:
    """Stands for a pool with room."""

    total_bytes_limit = 1 << 20


def attack(
    draw: Any,
    *,
    faults: Faults,
    writers: Any = None,
    readers: Any = None,
    native: bool = False,
    memory: str = "none",
    pool_type: type[ChunkPool] = ChunkPool,
    flat: bool = False,
) -> Any:
    """Return the world, and how it broke the laws.

    `memory`: what the reader has, "none", "indices" or "chunks"; with "chunks" three writers share its pool.
    """
    view = whole(flat)
    if memory == "chunks":
        view = replace(view, source=replace(view.source, cache=Resource()))
    pool = handler(pool_type(1 << 20))
    kept = unremembered if memory == "none" else pool
    # each in inner chunks of its own, so that a reader's answer is one round's, but in shared shards
    parts = [view[0:4], view[4:8], view[12:16], view[20:24], view[24:28]]
    # and two that share an inner chunk
    shared = [view[16:20:2], view[17:20:2]]
    world = World(draw, faults=faults, native=native)
    done = [[0] for _ in parts + shared]
    wrong: list[str] = []
    runs = []
    for number, part in enumerate(parts + shared):
        program = put(part, done[number])
        if writers is not None:
            program = handled(writers, program)
        ours = memory == "chunks" and number % 2 == 0
        stack = (RETRY, pool) if ours else (RETRY,)
        runs.append(world.spawn(stacked(program, *stack), "reader" if ours else f"w{number}"))
    seen = look(view, done, parts, wrong)
    stack = (RETRY, kept) if readers is None else (RETRY, readers, kept)
    reader = world.spawn(stacked(seen, *stack), "reader")
    world.run()
    judge(world, reader, list(zip(parts + shared, runs, done, strict=True)), wrong)
    return world, wrong


def judge(world: World, reader: Any, writers: list[tuple[View, Any, list[int]]], wrong: list[str]) -> None:
    """Add to `wrong` what a reader saw of a torn shard, and each part that is not what its writer left.

    `writers` are a view, its run, and the round it has acknowledged.
    """
    if reader.state == "raised" and isinstance(reader.error, DataLoss | FailedPrecondition):
        wrong.append(f"reader: {reader.error}")
    after = World(seeded(0), stores=world.stores)
    for number, (part, run, (low,)) in enumerate(writers):
        mine = after.spawn(read(part))
        after.run()
        if mine.error is not None:
            wrong.append(f"writer {number} ({run.state}) acknowledged {low}, found {mine.error}")
            continue
        rounds = range(low, low + 1) if run.state == "returned" else range(low, ROUNDS + 1)
        size = part.shape[0]
        if not any((mine.value == (pattern(n, size) if n else 0)).all() for n in rounds):
            wrong.append(f"writer {number} ({run.state}) acknowledged {low}, found {mine.value.tolist()}")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("memory", ["none", "indices", "chunks"])
@pytest.mark.parametrize("faults", [Faults(latency=20), UNKIND], ids=["kind", "unkind"])
def test_no_element_of_a_shard_is_lost_and_no_reader_sees_a_torn_one(
    faults: Faults, memory: str, native: bool
) -> None:
    for seed in SEEDS[: 200 if SOAK else 30 if native else 12]:
        world, wrong = attack(seeded(seed), faults=faults, native=native, memory=memory)
        assert wrong == [], f"seed {seed}\n{world.script()}"


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("faults", [Faults(latency=20), UNKIND], ids=["kind", "unkind"])
def test_no_element_of_a_spliced_shard_is_lost_and_no_reader_sees_a_torn_one(
    faults: Faults, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splicing, "LARGE", 0)
    monkeypatch.setattr(splicing, "NEAR", {STORE.driver})
    for seed in SEEDS[: 200 if SOAK else 30 if native else 12]:
        world, wrong = attack(seeded(seed), faults=faults, native=native, memory="indices")
        assert wrong == [], f"seed {seed}\n{world.script()}"
        assert not native or " asks Splice(" in world.script()


@pytest.mark.parametrize("memory", ["none", "indices"])
@pytest.mark.parametrize("faults", [Faults(latency=20), UNKIND], ids=["kind", "unkind"])
def test_no_reader_sees_a_torn_shard_of_inner_chunks(faults: Faults, memory: str) -> None:
    for seed in SEEDS[: 200 if SOAK else 30]:
        world, wrong = attack(seeded(seed), faults=faults, native=True, memory=memory, flat=True)
        assert wrong == [], f"seed {seed}\n{world.script()}"


@pytest.mark.parametrize("memory", ["none", "indices"])
def test_planted_trust_in_an_old_index_of_inner_chunks_is_found(memory: str) -> None:
    kind = Faults(latency=20)
    assert any(
        attack(seeded(s), faults=kind, readers=forgetful, native=True, memory=memory, flat=True)[1]
        for s in SEEDS
    )


def test_planted_splices_without_condition_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splicing, "LARGE", 0)
    monkeypatch.setattr(splicing, "NEAR", {STORE.driver})
    assert any(
        attack(seeded(s), faults=Faults(latency=20), writers=unconditional, native=True)[1] for s in SEEDS
    )


def test_planted_partial_writes_of_shards_without_condition_are_found() -> None:
    assert any(
        attack(seeded(s), faults=Faults(latency=20), writers=unconditional, native=True)[1] for s in SEEDS
    )


@pytest.mark.parametrize("memory", ["none", "indices", "chunks"])
def test_planted_reads_that_trust_an_old_index_are_found(memory: str) -> None:
    kind = Faults(latency=20)
    assert any(
        attack(seeded(s), faults=kind, readers=forgetful, native=True, memory=memory)[1] for s in SEEDS
    )


def test_planted_trust_in_what_an_old_index_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: that an inner chunk is not there is believed of an index however old."""

    def current(source: Any, key: str, cell: Any, index: Any, _: float) -> Any:
        return by_range(source, key, cell, index, math.inf)

    by_range = entry._entry_by_range
    monkeypatch.setattr(entry, "_entry_by_range", current)
    kind = Faults(latency=20)
    assert any(attack(seeded(s), faults=kind, native=True, memory="indices")[1] for s in SEEDS)


def test_planted_trust_in_what_is_remembered_of_a_shard_in_a_shard_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted bug: the index of a shard in a shard is used whatever its generation is."""

    async def trusting(source: Any, places: Any) -> Any:
        array, load = source.inner_indices[0], Call(shard_index.load_inner, source, places, None)
        found = await Decoded(array, places.cells, load, source.shelf, -math.inf)
        return [index if index.spans is not None else None for index in found]

    for module in (entry, entries):
        monkeypatch.setattr(module, "inner_indices", trusting)
    kind = Faults(latency=20)
    assert any(attack(seeded(s), faults=kind, native=True, memory="indices")[1] for s in SEEDS)


def test_planted_memory_of_what_is_no_index_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: what lies where the index of a replaced shard in a shard lay is remembered as one."""

    def believing(sharding: Any, places: Any, requests: Any, answers: Any, asker: Any) -> Any:
        seen = [answers.generations[n] for n in requests.request.tolist()]
        firsts = {owner: at for at, owner in reversed(list(enumerate(places.owners.tolist())))}
        there = [seen[firsts[owner]] if owner in firsts else b"" for owner in range(len(places.keys))]
        return decoded(sharding, replace(places, generations=there), requests, answers, asker)

    decoded = shard_index._inner_decoded
    monkeypatch.setattr(shard_index, "_inner_decoded", believing)
    kind = Faults(latency=20)
    assert any(attack(seeded(s), faults=kind, native=True, memory="indices")[1] for s in SEEDS)


class Deaf(ChunkPool):
    """The planted bug: writes do not touch what is kept, and what is kept answers however old it is."""

    def _cut(self, table: Any, number: int) -> None:
        pass

    def recall(self, array: Any, numbers: Any, bound: float, shaped: bool = False) -> Any:
        return super().recall(array, numbers, -math.inf, shaped)


def test_planted_pools_that_hear_nothing_are_found() -> None:
    kind = Faults(latency=20)
    assert any(attack(seeded(s), faults=kind, native=True, memory="chunks", pool_type=Deaf)[1] for s in SEEDS)
