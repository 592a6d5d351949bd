"""Laws: of chunks written into one Neuroglancer shard by several processes none is lost, and no reader sees a
torn one, nor one older than was acknowledged when it asked.

Writers of different chunks, and of different voxels of one, share two shards whose chunks are compressed, so
that every write moves its neighbours; readers go from the shard index to the minishard's to the chunk while
that happens: with no memory, with indices that are remembered, and with a pool of decoded chunks.  Then the
condition is taken from the writes, the generation from the reads, and the second question from what an old
index says is not there; each must be found within the same seeds.  ``TEGULA_SOAK=1``: all seeds for every
law.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

import tegula as ts
from property_tests.simulated.test_shard_protocols import (
    RETRY,
    ROUNDS,
    SEEDS,
    STORE,
    UNKIND,
    Resource,
    forgetful,
    judge,
    pattern,
    unconditional,
    unremembered,
)
from tegula.effects.handler import handled, stacked
from tegula.programs import minishards
from tegula.programs.reading import read
from tegula.programs.writing import write
from tegula.record import replace
from tegula.runtime.cache import ChunkPool
from tegula.runtime.cached import handler
from tegula.runtime.simulate import Faults, World, seeded
from tegula.source import ALWAYS
from tegula.view import View

SOAK = bool(os.environ.get("TEGULA_SOAK"))
KIND = Faults(latency=20)
CHUNK = 4


def whole() -> View:
    """The view of a line of sixteen chunks of four voxels in two shards, each of two minishards."""
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "identity",
        "preshift_bits": 2,
        "minishard_bits": 1,
        "shard_bits": 1,
        "minishard_index_encoding": "gzip",
        "data_encoding": "gzip",
    }
    store = ts.open(
        {
            "driver": "neuroglancer_precomputed",
            "kvstore": "memory://",
            "multiscale_metadata": {"data_type": "int32", "num_channels": 1},
            "scale_metadata": {
                "size": [16 * CHUNK, 1, 1],
                "chunk_size": [CHUNK, 1, 1],
                "resolution": [1, 1, 1],
                "encoding": "raw",
                "sharding": sharding,
            },
        },
        create=True,
    ).result()
    view = store[:, 0, 0, 0]._view
    return replace(view, source=replace(view.source, store=STORE))


async def put(view: View, done: list[int]) -> None:
    for number in range(1, ROUNDS + 1):
        await write(view, pattern(number, view.shape[0]))
        done[0] = number


async def look(view: View, done: list[list[int]], parts: list[View], wrong: list[str]) -> None:
    """Read all parts again and again; each must be what some round wrote, none older than acknowledged."""
    for _ in range(4):
        for number, part in enumerate(parts):
            low = done[number][0]
            found = await read(part)
            fits = [bool((found == pattern(n, CHUNK)).all()) for n in range(1, ROUNDS + 1)]
            if not any(fits[max(0, low - 1) :]) and (low or found.any()):
                wrong.append(f"part {number} after {low}: {found.tolist()}")


def attack(
    draw: Any, *, faults: Faults, writers: Any = None, readers: Any = None, memory: str = "none"
) -> tuple[World, list[str]]:
    """Return the world, and how it broke the laws.

    `memory`: what the reader has, "none", "indices" or "chunks"; with "chunks" three writers share its pool.
    """
    view = whole()
    if memory == "chunks":
        view = replace(view, source=replace(view.source, cache=Resource()))
    pool = handler(ChunkPool(1 << 20))
    # each in a chunk of its own: three in one minishard, one in its neighbour, one in another shard
    parts = [view[CHUNK * at : CHUNK * (at + 1)] for at in (0, 1, 3, 5, 9)]
    shared = [view[CHUNK * 2 : CHUNK * 3 : 2], view[CHUNK * 2 + 1 : CHUNK * 3 : 2]]
    world = World(draw, faults=faults, native=True)
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
    kept = unremembered if memory == "none" else pool
    stack = (RETRY, kept) if readers is None else (RETRY, readers, kept)
    reader = world.spawn(stacked(look(view, done, parts, wrong), *stack), "reader")
    world.run()
    judge(world, reader, list(zip(parts + shared, runs, done, strict=True)), wrong)
    return world, wrong


@pytest.mark.parametrize("memory", ["none", "indices", "chunks"])
@pytest.mark.parametrize("faults", [KIND, UNKIND], ids=["kind", "unkind"])
def test_no_voxel_of_a_shard_is_lost_and_no_reader_sees_a_torn_chunk(faults: Faults, memory: str) -> None:
    for seed in SEEDS[: 200 if SOAK else 25]:
        world, wrong = attack(seeded(seed), faults=faults, memory=memory)
        assert wrong == [], f"seed {seed}\n{world.script()}"


def test_planted_partial_writes_of_minishards_without_condition_are_found() -> None:
    assert any(attack(seeded(s), faults=KIND, writers=unconditional)[1] for s in SEEDS)


@pytest.mark.parametrize("memory", ["none", "indices", "chunks"])
def test_planted_reads_that_trust_an_old_minishard_are_found(memory: str) -> None:
    assert any(attack(seeded(s), faults=KIND, readers=forgetful, memory=memory)[1] for s in SEEDS)


def test_planted_trust_in_what_an_old_minishard_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: that a chunk is not there is believed of an index however old."""
    locate = minishards.locate_chunks

    async def believed(source: Any, cells: Any, bound: float = minishards.ANY) -> Any:
        if bound == ALWAYS:
            return await locate(source, cells, bound)
        monkeypatch.setattr(minishards, "ANY", None)  # so that no index counts as old
        try:
            return await locate(source, cells, bound)
        finally:
            monkeypatch.setattr(minishards, "ANY", -ALWAYS)

    monkeypatch.setattr(minishards, "locate_chunks", believed)
    assert any(attack(seeded(s), faults=KIND, memory="indices")[1] for s in SEEDS)
