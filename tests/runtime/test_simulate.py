"""The simulated world: each mishap it can bring, and that what it brings is drawn."""

from __future__ import annotations

import contextlib
import gc
import warnings

import pytest

from tegula.effects.control import All, Compute, Memo
from tegula.effects.effect import Call
from tegula.effects.storage import DeleteRange, List, Read, ReadMany, Write, WriteMany
from tegula.effects.world import Entropy, Now, Sleep
from tegula.errors import Indeterminate, OutOfRange, ResourceExhausted, Unavailable
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, StoreRef
from tegula.runtime.model_store import ModelStore
from tegula.runtime.simulate import Faults, World, seeded

STORE = StoreRef("model")


async def put(key="a", value=b"1", condition=UNKNOWN):
    return await Write(STORE, key, value, condition)


async def get(key="a"):
    return await Read(STORE, key)


def tame(n):
    return 0


def wild(n):
    return n - 1


def happenings(world):
    return [event.what for event in world.trace]


def test_the_tame_world_does_one_thing_after_another():
    world = World(tame)
    first, second = world.spawn(put(), "p"), world.spawn(get(), "q")
    world.run()
    assert happenings(world) == ["asks", "asks", "done", "returned", "done", "returned"]
    assert first.value.applied
    assert second.value.value == b"1"
    assert "q.0 returned -> ReadOutcome" in world.script()


def test_orders_are_drawn():
    orders = set()
    for seed in range(30):
        world = World(seeded(seed))
        world.spawn(put(), "p")
        reader = world.spawn(get(), "q")
        world.run()
        orders.add(reader.value.state)
    assert orders == {"value", "missing"}


def test_a_store_that_does_not_act_says_unavailable():
    world = World(wild, faults=Faults(before=50))
    run = world.spawn(put())
    world.run()
    assert isinstance(run.error, Unavailable)
    assert world.store(STORE).values == {}


def test_a_lost_answer_has_each_of_three_fates():
    fates = set()
    for seed in range(40):
        world = World(seeded(seed), faults=Faults(lost=100))
        run = world.spawn(put())
        world.run()
        assert isinstance(run.error, Indeterminate)
        what = happenings(world)
        assert ("a" in world.store(STORE).values) == ("lands" in what)
        fates |= set(what) & {"lands", "is lost", "is under way"}
    assert fates == {"lands", "is lost", "is under way"}


def test_a_write_under_way_may_land_after_later_ones():
    async def both():
        with contextlib.suppress(Indeterminate):
            await Write(STORE, "a", b"first")
        await Sleep(1)
        with contextlib.suppress(Indeterminate):
            await Write(STORE, "a", b"second")

    ends = set()
    for seed in range(60):
        world = World(seeded(seed), faults=Faults(lost=50))
        world.spawn(both())
        world.run()
        ends.add(world.store(STORE).values.get("a", (None,))[0])
    assert ends == {b"first", b"second", None}


def test_reads_lose_no_answers():
    world = World(wild, faults=Faults(lost=100))
    run = world.spawn(get())
    world.run()
    assert run.state == "returned"


async def endless():
    while True:
        await Sleep(1)


def test_a_crash_stops_all_programs_of_one_process_and_closes_them():
    log = []

    async def working(name):
        try:
            await All([Call(endless), Call(endless)])
        finally:
            log.append(name)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        world = World(seeded(3), faults=Faults(crash=10, crashes=1), steps=500)
        runs = [world.spawn(working(name), name[0]) for name in ("p1", "p2", "q1")]
        with pytest.raises(ResourceExhausted, match="did not end within 500 steps"):
            world.run()
        gc.collect()
    assert caught == []
    assert happenings(world).count("crashes") in (1, 2)
    crashed = {event.process for event in world.trace if event.what == "crashes"}
    assert len(crashed) == 1
    assert {run.state for run in runs} == {"crashed"}  # the rest by the end of the world
    assert sorted(log) == ["p1", "p2", "q1"]


def test_a_write_in_flight_at_a_crash_may_land():
    ends = set()
    for seed in range(60):
        world = World(seeded(seed), faults=Faults(crash=100))
        run = world.spawn(put())
        world.run()
        assert run.state == "crashed"
        ends.add(bool(world.store(STORE).values))
    assert ends == {True, False}


def test_clocks_of_processes_are_off_by_their_skew():
    async def clock():
        return await Now()

    world = World(seeded(1), faults=Faults(skew=100, latency=0))
    runs = [world.spawn(clock(), name) for name in "abcde"]
    world.run()
    times = [run.value for run in runs]
    assert len(set(times)) > 1
    assert all(-100 <= time <= 100 for time in times)


def test_time_passes_in_sleep_and_in_steps():
    async def program():
        start = await Now()
        await Sleep(60)
        return await Now() - start

    world = World(seeded(1))
    run = world.spawn(program())
    world.run()
    assert 60 <= run.value < 60.2


def test_entropy_is_drawn():
    async def program():
        return await Entropy(4)

    values = set()
    for seed in (1, 1, 2):
        world = World(seeded(seed))
        run = world.spawn(program())
        world.run()
        values.add(run.value)
    assert len(values) == 2


async def blocks():
    await WriteMany(STORE, ["a", "b"], [b"1", b"2"])
    read = await ReadMany(STORE, ["b", "c"])
    return read.values, await Compute(Call(len, "xyz")), (await Memo("m", Call(get))).value


@pytest.mark.parametrize("native", [False, True])
def test_batched_effects_by_definition_or_in_one_step(native):
    world = World(seeded(5), native=native)
    run = world.spawn(blocks())
    world.run()
    assert run.value == ([b"2", None], 3, b"1")
    kinds = {type(event.effect).__name__ for event in world.trace if event.effect}
    assert kinds == ({"WriteMany", "ReadMany", "Read"} if native else {"Write", "Read", "Now"})


def test_a_real_leaf_can_be_the_store():
    class Counting(ModelStore):
        blocks = 0

        def read_many(self, effect):
            self.blocks += 1
            raise OutOfRange("of its own")

    leaf = Counting()
    world = World(seeded(5), native=True, stores={STORE: leaf})
    run = world.spawn(blocks())
    world.run()
    assert isinstance(run.error, OutOfRange)
    assert leaf.blocks == 1
    assert sorted(leaf.values) == ["a", "b"]


# The model store


def test_the_model_knows_conditions_and_ranges():
    store = ModelStore()
    first = store.perform(Write(STORE, "a", b"abcdef")).generation
    assert store.perform(Read(STORE, "a", if_not_equal=first)).state == "unspecified"
    assert store.perform(Read(STORE, "a", if_equal=b"other")).state == "unspecified"
    assert store.perform(Read(STORE, "a", ByteRange(-2), if_equal=first)).value == b"ef"
    assert store.perform(Read(STORE, "a", ByteRange(1, 3))).value == b"bc"
    with pytest.raises(OutOfRange):
        store.perform(Read(STORE, "a", ByteRange(3, 7)))
    assert not store.perform(Write(STORE, "a", b"x", NO_VALUE)).applied
    assert store.perform(Write(STORE, "a", None, first)).generation == NO_VALUE
    assert store.perform(Read(STORE, "a")).generation == NO_VALUE


def test_generations_never_come_back():
    store = ModelStore()
    made = {store.perform(Write(STORE, "a", value)).generation for value in (b"1", None, b"1", b"1")}
    assert len(made - {NO_VALUE}) == 3


def test_the_model_lists_and_deletes_ranges():
    store = ModelStore()
    for key in ("a/1", "a/2", "b"):
        store.perform(Write(STORE, key, b"xy"))
    listing = store.perform(List(STORE, KeyRange.prefix("a/")))
    assert sorted(listing.keys) == ["a/1", "a/2"]
    assert listing.sizes == [2, 2]
    store.perform(DeleteRange(STORE, KeyRange.prefix("a/")))
    assert list(store.values) == ["b"]
    with pytest.raises(TypeError, match="not a storage effect"):
        store.perform(Now())
