"""Law: a conditional write is told as applied if and only if it was, whatever becomes of its answers.

The store keeps stamps; answers are lost, writes land late, processes crash.  Then the retry is made blind, as
it is elsewhere, and that must be found within the same seeds.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tegula.effects.effect import Effect
from tegula.effects.handler import stacked
from tegula.effects.storage import Read, Write, WriteMany
from tegula.errors import Indeterminate
from tegula.kv.spec import StoreRef
from tegula.programs.retry import Retry
from tegula.runtime.simulate import Faults, World, seeded

STORE = StoreRef("model")
SEEDS = range(200)
UNKIND = Faults(before=10, lost=20, crash=2, crashes=1, latency=20, skew=5)
RETRY = Retry(attempts=8, first=0.01, longest=0.1)


async def writing(process: str, told: dict[str, str], many: bool) -> None:
    """One process: append names to the value of a key, each once, and note what is said of each."""
    for number in range(4):
        name = f"{process}{number}"
        told[name] = "crashed"
        seen = await Read(STORE, "k")
        value = bytes(seen.value) + name.encode() + b";"
        try:
            if many:
                columns = await WriteMany(STORE, ["k"], [value], [seen.generation])
                applied = columns.generations[0] != b""
            else:
                applied = (await Write(STORE, "k", value, seen.generation)).applied
        except Indeterminate:
            told[name] = "doubt"
        except ValueError:
            told[name] = "not applied"
        else:
            told[name] = "applied" if applied else "not applied"


def blind(effect: Effect[Any]) -> Any:
    """The planted bug: a conditional write is sent again like any other."""
    return RETRY._persist(effect) if isinstance(effect, Write) else RETRY(effect)


def attack(seed: int, retry: Any, many: bool) -> tuple[list[str], Counter[str], str]:
    """Run three processes; return what was told wrongly, what was told, and the script."""
    world = World(seeded(seed), faults=UNKIND)
    told: dict[str, str] = {}
    for process in "abc":
        world.spawn(stacked(writing(process, told, many), retry), process)
    world.run()
    history = world.store(STORE).values.get("k", (b"", b""))[0].decode().split(";")
    found = Counter(history)
    wrong = [name for name, state in told.items() if found[name] > 1]
    wrong += [name for name, state in told.items() if state == "applied" and found[name] != 1]
    wrong += [name for name, state in told.items() if state == "not applied" and found[name]]
    return wrong, Counter(told.values()), world.script()


@pytest.mark.parametrize("many", [False, True])
def test_every_conditional_write_is_told_as_what_became_of_it(many):
    """Applied, refused or in doubt: what a process is told of a conditional write is so."""
    states: Counter[str] = Counter()
    for seed in SEEDS:
        wrong, told, script = attack(seed, RETRY, many)
        assert wrong == [], f"seed {seed}\n{script}"
        states += told
    assert states["applied"] > 500
    assert states["doubt"] < states["applied"] // 10


def test_a_blind_retry_is_found():
    """A retry that sends conditional writes again like any other is found to tell of its own conflicts."""
    assert any(attack(seed, blind, False)[0] for seed in SEEDS)


def test_stamps_are_what_settles():
    """Without the stamp nobody can tell, and nothing is told wrongly: the answers are doubts."""

    async def unstamped(effect: Write) -> Any:
        return await Write(effect.store, effect.key, effect.value, effect.if_equal)

    def forget(effect: Effect[Any]) -> Any:
        return unstamped(effect) if isinstance(effect, Write) and effect.stamp else None

    doubts = 0
    for seed in SEEDS:
        world = World(seeded(seed), faults=UNKIND)
        told: dict[str, str] = {}
        for process in "abc":
            world.spawn(stacked(writing(process, told, False), forget, RETRY), process)
        world.run()
        found = Counter(world.store(STORE).values.get("k", (b"", b""))[0].decode().split(";"))
        for name, state in told.items():
            assert found[name] <= 1
            assert state != "applied" or found[name]
            assert state != "not applied" or not found[name]
        doubts += sum(state == "doubt" for state in told.values())
    assert doubts > 50
