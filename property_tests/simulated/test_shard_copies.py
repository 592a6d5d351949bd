"""Laws: what is copied into Neuroglancer shards beside other copies and writes is all there, and nothing else
is lost; a reader sees no torn chunk.

Several copies end within shards that they share with each other and with writers of single voxels, so that
each shard is made of its old chunks and the new ones, on condition that it still is what was read.  Then
the condition is taken from the writes, and a shard is believed to be covered that is not; each must be found
within the same seeds.  ``TEGULA_SOAK=1``: all seeds.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

import tegula as ts
from property_tests.simulated.test_minishard_protocols import CHUNK, KIND, whole
from property_tests.simulated.test_shard_protocols import (
    RETRY,
    ROUNDS,
    SEEDS,
    UNKIND,
    judge,
    pattern,
    put,
    unconditional,
    unremembered,
)
from tegula.effects.handler import handled, stacked
from tegula.programs import copying_shards
from tegula.programs.copying import Job
from tegula.programs.reading import read
from tegula.runtime.simulate import Faults, World, seeded
from tegula.view import View

SOAK = bool(os.environ.get("TEGULA_SOAK"))


async def copied(view: View, done: list[int]) -> None:
    """Copy one pattern after the other into a view, shard by shard."""
    for number in range(1, ROUNDS + 1):
        source = ts.array(pattern(number, view.shape[0]))._view
        lots = copying_shards.lots_of(view)
        assert lots is not None
        await copying_shards.copy_shards(Job(source, view, [], None), lots, 2)
        done[0] = number


async def look(view: View, done: list[int], wrong: list[str]) -> None:
    """Read the first chunk of a copied part again and again: never torn, never older than acknowledged."""
    for _ in range(6):
        low = done[0]
        found = await read(view)
        fits = [bool((found == pattern(n, 2 * CHUNK)[:CHUNK]).all()) for n in range(1, ROUNDS + 1)]
        if not any(fits[max(0, low - 1) :]) and (low or found.any()):
            wrong.append(f"after {low}: {found.tolist()}")


def attack(draw: Any, *, faults: Faults, writers: Any = None) -> tuple[World, list[str]]:
    """Return the world, and how it broke the laws."""
    view = whole()
    # two whole chunks; two ends and a whole one, over the edge of the shards; a part of one
    copies = [view[0 : 2 * CHUNK], view[7 * CHUNK - 1 : 9 * CHUNK + 1], view[11 * CHUNK + 1 : 12 * CHUNK]]
    evens, odds = view[3 * CHUNK : 4 * CHUNK : 2], view[3 * CHUNK + 1 : 4 * CHUNK : 2]
    writes = [evens, odds, view[6 * CHUNK : 7 * CHUNK - 1]]
    world = World(draw, faults=faults, native=True)
    done = [[0] for _ in copies + writes]
    runs = []
    for number, part in enumerate(copies + writes):
        program = (copied if number < len(copies) else put)(part, done[number])
        if writers is not None:
            program = handled(writers, program)
        runs.append(world.spawn(stacked(program, RETRY), f"w{number}"))
    wrong: list[str] = []
    seen = look(copies[0][:CHUNK], done[0], wrong)
    reader = world.spawn(stacked(seen, RETRY, unremembered), "reader")
    world.run()
    judge(world, reader, list(zip(copies + writes, runs, done, strict=True)), wrong)
    return world, wrong


@pytest.mark.parametrize("faults", [KIND, UNKIND], ids=["kind", "unkind"])
def test_what_is_copied_into_shared_shards_is_there_and_nothing_else_is_lost(faults: Faults) -> None:
    """Law: copies into shards lose nothing, their own or others'."""
    for seed in SEEDS[: 200 if SOAK else 25]:
        world, wrong = attack(seeded(seed), faults=faults)
        assert wrong == [], f"seed {seed}\n{world.script()}"


def test_planted_copies_without_condition_are_found() -> None:
    assert any(attack(seeded(s), faults=KIND, writers=unconditional)[1] for s in SEEDS)


def test_planted_trust_that_a_shard_is_covered_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: every copied shard is written as if nothing else were in it."""
    write_shard = copying_shards.write_shard

    async def covering(source: Any, shard: int, pieces: Any, rests: Any, whole: bool) -> None:
        await write_shard(source, shard, pieces, rests, not rests)

    monkeypatch.setattr(copying_shards, "write_shard", covering)
    assert any(attack(seeded(s), faults=KIND)[1] for s in SEEDS)
