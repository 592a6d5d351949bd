"""Law: what is written into an array that grew is there, whatever an earlier resize is still sweeping.

One simulated process makes an array smaller, another makes it as large as it was and writes where it grew;
with lost answers, late writes and crashes.  Without the conditions of the sweep elements are lost, and
found to be.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import tegula as ts
from property_tests.simulated.test_array_protocols import RETRY, UNKIND
from tegula.effects.handler import handled, stacked
from tegula.effects.storage import WriteMany
from tegula.kv.spec import StoreRef
from tegula.plan.bounds import Resizing
from tegula.programs.reading import read
from tegula.programs.resizing import resize
from tegula.programs.writing import write
from tegula.record import replace
from tegula.runtime.simulate import Faults, World, seeded
from tegula.space.transform import IndexTransform
from tegula.view import View

STORE = StoreRef("model")
SEEDS = range(200)
OLD, NEW = (6, 4), (3, 4)


def blind(effect: Any) -> Any:
    """The planted bug: the sweep's writes lose their condition."""

    async def many() -> Any:
        return await WriteMany(effect.store, effect.keys, effect.values)

    return many() if isinstance(effect, WriteMany) and effect.if_equal is not None else None


def attack(draw: Any, faults: Faults, plant: Any = None) -> tuple[Any, list[str], list[Any]]:
    store = ts.open(
        {"driver": "zarr3", "kvstore": "memory://"},
        create=True,
        dtype="int16",
        shape=OLD,
        chunk_layout=ts.ChunkLayout(chunk_shape=[2, 2]),
    ).result()
    opened = store._opened
    form, metadata, members = opened.form, opened.metadata, opened.members
    view = store._view
    view = replace(view, source=replace(view.source, store=STORE))

    world = World(draw, faults=faults)
    first = world.spawn(_begin(form, metadata, view), "first")
    world.run()
    if first.state != "returned":
        return world, [], []
    shrink = resize(form, view.source, members, metadata, Resizing((NEW[0], None)))
    runs = [
        world.spawn(stacked(shrink if plant is None else handled(plant, shrink), RETRY), "shrink"),
        world.spawn(stacked(_grow(form, metadata, members, view), RETRY), "grow"),
    ]
    world.run()
    after = World(seeded(0), stores=world.stores)
    shape = after.spawn(_shape(form, view, members))
    after.run()
    lost = []
    if shape.value == OLD and runs[1].state == "returned":
        found = after.spawn(read(view[3:]))
        after.run()
        if not (found.value == 7).all():
            lost.append(f"written after it grew, and gone: {found.value.tolist()}")
    kept = after.spawn(read(view[:3]))
    after.run()
    if not (kept.value == 1).all():
        lost.append(f"inside of both shapes, and gone: {kept.value.tolist()}")
    return world, lost, runs


async def _begin(form: Any, metadata: Any, view: View) -> None:
    from tegula.effects.storage import Write

    await Write(STORE, "zarr.json", form.encode_metadata(metadata))
    await write(view, np.ones(OLD, np.int16))


async def _grow(form: Any, metadata: Any, members: Any, view: View) -> None:
    await resize(form, view.source, members, metadata, Resizing((OLD[0], None)))
    part = View(view.source, IndexTransform(view.source.layout.domain))[3:]
    await write(part, np.full(part.shape, 7, np.int16))


async def _shape(form: Any, view: View, members: Any) -> Any:
    from tegula.effects.storage import Read

    found = await Read(STORE, "zarr.json")
    return form.layout(form.decode_metadata(bytes(found.value), "it"), members).shape


@pytest.mark.parametrize("faults", [Faults(), UNKIND])
def test_a_sweep_takes_nothing_that_is_newer(faults: Faults) -> None:
    states: Counter[str] = Counter()
    for seed in SEEDS:
        world, lost, runs = attack(seeded(seed), faults)
        assert lost == [], f"seed {seed}\n{world.script()}"
        states.update(run.state for run in runs)
    assert states["returned"] > 30  # the attack is no siege


def test_a_sweep_without_conditions_is_found() -> None:
    assert any(attack(seeded(seed), UNKIND, blind)[1] for seed in SEEDS)
