"""Law: whatever is drawn, an update that returned took place once, one in doubt at most once, others never.

The real protocols are attacked with lost answers, writes that land late, stores that refuse, crashes
and several processes; then bugs are planted in them, and each must be found within the same seeds.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.effects.effect import Call
from tegula.effects.handler import handled, stacked
from tegula.effects.storage import Write
from tegula.errors import Indeterminate
from tegula.kv.spec import StoreRef
from tegula.programs.frontier import update_many
from tegula.programs.retry import Retry
from tegula.programs.update import same, stamped, unknowable, update
from tegula.runtime.simulate import Faults, World, seeded

STORE = StoreRef("model")
SEEDS = range(200)
UNKIND = Faults(before=10, lost=15, crash=3, crashes=1, latency=20, skew=5)
RETRY = Retry(attempts=4, first=0.01, longest=0.1)


# A value is the list of the updates that made it, so that none can hide.
def append(value, name):
    return (b"" if value is None else bytes(value)) + name + b";"


def names(value):
    return [] if value is None else bytes(value).split(b";")[:-1]


def in_history(seen, written):
    return names(written)[-1] in names(seen)


async def several(prefix, landed, done):
    """One process: updates one after another, going on after each that was acknowledged or refused."""
    for number in range(3):
        name = b"%s%d" % (prefix, number)
        try:
            await update(STORE, "k", Call(append, name), landed=landed)
        except Indeterminate:
            done[name] = "in doubt"
        except ValueError:
            done[name] = "refused"
        else:
            done[name] = "acknowledged"


def attack(draw, *, faults=UNKIND, landed=in_history, plant=None, retry=RETRY):
    """Run three processes; return the world, what each update was told, and the final history."""
    world = World(draw, faults=faults)
    done = {}
    for process in "abc":
        program = several(process.encode(), landed, done)
        if plant is not None:
            program = handled(plant, program)
        world.spawn(stacked(program, retry) if retry else program, process)
    world.run()
    held = world.store(STORE).values.get("k")
    return world, done, names(held and held[0])


def violations(done, history):
    """Return how the outcome breaks the law: one text a broken update."""
    times = Counter(history)
    found = [f"{name!r} applied {count} times" for name, count in times.items() if count > 1]
    for name, told in done.items():
        if told == "acknowledged" and times[name] != 1:
            found.append(f"{name!r} was acknowledged and applied {times[name]} times")
        if told == "refused" and times[name]:
            found.append(f"{name!r} was refused and applied {times[name]} times")
    return found


@pytest.mark.parametrize("landed", [in_history, stamped, unknowable])
def test_updates_of_one_key_take_place_as_often_as_they_say(landed):
    told = Counter()
    for seed in SEEDS:
        world, done, history = attack(seeded(seed), landed=landed)
        assert violations(done, history) == [], f"seed {seed}\n{world.script()}"
        told.update(done.values())
    assert told["acknowledged"] > 600  # the attack is no siege: most updates come through


def test_without_retries_a_refused_update_did_not_take_place():
    told = Counter()
    for seed in SEEDS:
        faults = Faults(before=20, lost=10)
        world, done, history = attack(seeded(seed), faults=faults, landed=unknowable, retry=None)
        assert violations(done, history) == [], f"seed {seed}\n{world.script()}"
        told.update(done.values())
    assert min(told[one] for one in ("acknowledged", "in doubt", "refused")) > 50


def test_a_history_in_the_value_leaves_little_doubt():
    doubts = dict.fromkeys((in_history, unknowable), 0)
    for landed in doubts:
        for seed in SEEDS:
            _, done, _ = attack(seeded(seed), faults=Faults(lost=15), landed=landed)
            doubts[landed] += sum(told == "in doubt" for told in done.values())
    assert doubts[in_history] == 0
    assert doubts[unknowable] > 50


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_updates_under_drawn_schedules(data):
    """Law as above, with Hypothesis as the source of draws, so that a failure shrinks."""
    world, done, history = attack(lambda n: data.draw(st.integers(0, n - 1)))
    assert violations(done, history) == [], world.script()


async def unconditional(write):
    return await Write(write.store, write.key, write.value)


async def blind(write):
    try:
        return await write
    except Indeterminate:
        return await write  # its refusal may be about itself


def found_within(seeds, **attacked):
    for seed in seeds:
        _, done, history = attack(seeded(seed), **attacked)
        if violations(done, history):
            return seed
    return None


def test_planted_unconditional_writes_are_found():
    def plant(effect):
        return unconditional(effect) if isinstance(effect, Write) else None

    assert found_within(SEEDS, plant=plant) is not None
    assert found_within(SEEDS, plant=plant, faults=Faults()) is not None  # a mere race shows it


def test_planted_blind_repetition_is_found():
    def plant(effect):
        return blind(effect) if isinstance(effect, Write) else None

    assert found_within(SEEDS, plant=plant) is not None


def test_planted_belief_that_doubt_means_no_is_found():
    assert found_within(SEEDS, landed=same) is not None


def count(value):
    return b"%d" % (int(value or b"0") + 1)


async def count_up(done, landed):
    try:
        await update(STORE, "n", Call(count), landed=landed)
    except ValueError:
        return
    done.append(1)


def lost_counts(landed):
    """Return the seeds under which more increments were acknowledged than the counter has."""
    losing = []
    for seed in SEEDS:
        world, done = World(seeded(seed), faults=UNKIND), []
        for process in "abcd":
            world.spawn(count_up(done, landed), process)
        world.run()
        held = world.store(STORE).values.get("n", (b"0", b""))
        if int(held[0]) < len(done):
            losing.append(seed)
    return losing


def test_planted_belief_in_values_that_others_write_too_is_found():
    assert lost_counts(stamped)  # a bare counter is not stamped: two writers write the same number
    assert not lost_counts(unknowable)


KEYS = [f"k{number}" for number in range(6)]


def append_rows(rows, values, name):
    return [append(value, name) for value in values]


async def blocks(prefix, landed, done):
    for number in range(2):
        name = b"%s%d" % (prefix, number)
        chosen = KEYS[number : number + 4]
        try:
            columns = await update_many(STORE, chosen, Call(append_rows, name), landed=landed)
        except ValueError:
            done[name] = ("in doubt", chosen)
        else:
            assert all(columns.generations)
            done[name] = ("acknowledged", chosen)


def attack_blocks(draw, *, faults=UNKIND, landed=in_history, plant=None, native=False):
    world = World(draw, faults=faults, native=native)
    done = {}
    for process in "abc":
        program = blocks(process.encode(), landed, done)
        if plant is not None:
            program = handled(plant, program)
        world.spawn(stacked(program, RETRY), process)
    world.run()
    values = world.store(STORE).values
    return world, done, {key: names(values[key][0]) if key in values else [] for key in KEYS}


def broken_rows(done, histories):
    found = [
        f"{name!r} applied {times} times to {key}"
        for key, history in histories.items()
        for name, times in Counter(history).items()
        if times > 1
    ]
    for name, (told, chosen) in done.items():
        if told == "acknowledged":
            found += [f"{name!r} not in {key}" for key in chosen if name not in histories[key]]
    return found


@pytest.mark.parametrize("native", [False, True])
def test_blocks_of_updates_take_place_as_often_as_they_say(native):
    acknowledged = 0
    for seed in SEEDS:
        world, done, histories = attack_blocks(seeded(seed), native=native)
        assert broken_rows(done, histories) == [], f"seed {seed}\n{world.script()}"
        acknowledged += sum(told == "acknowledged" for told, _ in done.values())
    assert acknowledged > 400


def test_planted_unconditional_blocks_are_found():
    async def bare(block):
        return await type(block)(block.store, block.keys, block.values)

    def plant(effect):
        return bare(effect) if type(effect).__name__ == "WriteMany" else None

    assert any(broken_rows(*attack_blocks(seeded(seed), plant=plant)[1:]) for seed in SEEDS)


def test_planted_blind_repetition_of_blocks_is_found():
    assert any(broken_rows(*attack_blocks(seeded(seed), landed=same)[1:]) for seed in SEEDS)


def put_rows(rows, values, place, letter):
    """Write one byte of each value: what writing a part of a chunk is."""
    new = []
    for value in values:
        array = bytearray(value or b"......")
        array[place] = letter
        new.append(bytes(array))
    return new


async def put(done, place, letter):
    await update_many(STORE, KEYS, Call(put_rows, place, letter))
    done.append((place, letter))


def test_parts_written_by_several_processes_are_all_there():
    """Disjoint parts of the same chunks, the default `landed`: no acknowledged part is lost."""
    finished = 0
    for seed in SEEDS:
        world, done = World(seeded(seed), faults=UNKIND), []
        for place, process in enumerate("abc"):
            world.spawn(stacked(put(done, place, process.encode()[0]), RETRY), process)
        world.run()
        values = world.store(STORE).values
        for place, letter in done:
            assert all(values[key][0][place] == letter for key in KEYS), f"seed {seed}\n{world.script()}"
        finished += len(done)
    assert finished > 300


def test_equal_draws_give_equal_traces():
    first, second = (attack(seeded(11))[0] for _ in range(2))
    assert first.trace == second.trace
    assert first.script() == second.script()
    assert first.trace != attack(seeded(12))[0].trace
