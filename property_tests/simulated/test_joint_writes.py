"""Laws: of what is written jointly nothing is lost, and of two writes to one element the later one stays.

Each of several simulated processes does many writes at a time, to elements of its own in chunks that all
share, first something else and then what is meant; answers are lost, writes land late, processes crash. Then
the condition is taken away from the writes, and the order from the pieces, and each must be found within the
same seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from property_tests.simulated.test_array_protocols import RETRY, SEEDS, UNKIND, bare, whole
from tegula.effects.handler import handled, stacked
from tegula.programs import writing_jointly
from tegula.programs.reading import read
from tegula.programs.writing_few import few_writes
from tegula.programs.writing_jointly import Patch, write_jointly
from tegula.runtime.simulate import Faults, World, seeded
from tegula.source import Chunked
from tegula.view import View

ROUNDS = 3


class _Told:
    """Collects what is told."""

    def __init__(self, told: dict[int, Any]) -> None:
        self.told = told

    def __call__(self, numbers: Any, errors: Any) -> None:
        self.told.update(zip(numbers, errors, strict=True))


async def put(parts: list[View], done: list[int]) -> None:
    """One process: write its own elements twice over, round after round, each round jointly."""
    source = parts[0].source
    assert isinstance(source, Chunked)
    for number in range(1, ROUNDS + 1):
        patches = []
        for value in (-number, number):
            for part in parts:
                pieces = few_writes(source, part)
                assert pieces is not None
                patches.append(Patch(pieces, np.full(part.shape, value, np.int16)))
        told: dict[int, Any] = {}
        await write_jointly(source, patches, _Told(told), 3)
        assert sorted(told) == list(range(len(patches)))
        for error in told.values():
            if error is not None:
                raise error
        done[0] = number


def attack(draw: Any, driver: str, *, faults: Faults = UNKIND, plant: Any = None) -> Any:
    """Three processes write disjoint elements of all chunks; return the world and what was lost, as text."""
    view = whole(driver)
    owners = [[view[:, 0], view[1:4, 3]], [view[::2, 1], view[0, 2:3]], [view[1::2, 1:3]]]
    world = World(draw, faults=faults)
    done = [[0] for _ in owners]
    runs = []
    for number, parts in enumerate(owners):
        program = put(parts, done[number])
        if plant is not None:
            program = handled(plant, program)
        runs.append(world.spawn(stacked(program, RETRY), "abc"[number]))
    world.run()
    after = World(seeded(0), stores=world.stores)
    lost = []
    for number, (parts, run) in enumerate(zip(owners, runs, strict=True)):
        low = done[number][0]
        high = low if run.state == "returned" else ROUNDS  # what is in doubt, or of a crashed one, may land
        for part in parts:
            mine = after.spawn(read(part))
            after.run()
            if not ((mine.value >= low) & (mine.value <= high)).all():
                lost.append(f"process {number} ({run.state}) acknowledged {low}, found {mine.value.tolist()}")
    return world, lost, runs


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_what_is_written_jointly_is_there(driver):
    """Law: an acknowledged write of several done jointly is there, whoever else writes to its chunks."""
    returned = 0
    for seed in SEEDS:
        world, lost, runs = attack(seeded(seed), driver)
        assert lost == [], f"seed {seed}\n{world.script()}"
        returned += sum(run.state == "returned" for run in runs)
    assert returned > 250  # the attack is no siege


def test_planted_joint_writes_without_condition_are_found():
    assert any(attack(seeded(seed), "zarr3", plant=bare)[1] for seed in SEEDS)


def test_planted_joint_writes_in_another_order_are_found(monkeypatch):
    plain = writing_jointly._Joint.put

    def turned(self, row, chunk):
        uses = self.writing.uses[row]
        uses.reverse()
        plain(self, row, chunk)
        uses.reverse()

    monkeypatch.setattr(writing_jointly._Joint, "put", turned)
    assert any(attack(seeded(seed), "zarr3", faults=Faults())[1] for seed in range(5))
