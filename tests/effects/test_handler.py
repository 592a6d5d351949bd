"""Handlers: who sees which effect, in what order; and what the batched effects mean."""

from __future__ import annotations

import pickle

import pytest

from tegula.effects.control import All, Compute, Memo
from tegula.effects.effect import Call
from tegula.effects.handler import expanded, expansion, handled, stacked
from tegula.effects.storage import UNCHANGED, Read, ReadMany, Write, WriteMany
from tegula.effects.world import Entropy, Now, Sleep
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, StoreRef
from tegula.runtime.inline import run
from tegula.runtime.model_store import ModelStore

STORE = StoreRef("model")


def world(seen, store):
    def perform(effect):
        seen.append(effect)
        match effect:
            case Now():
                return 7.0
            case Entropy():
                return bytes(effect.size)
            case Sleep():
                return None
        return store.perform(effect)

    return perform


def shout(effect):
    return loud(effect) if isinstance(effect, Entropy) else None


async def loud(effect):
    return b"!" + await Entropy(effect.size + 1)


async def ask(size):
    return await Entropy(size)


async def ask_twice():
    return await All([Call(ask, 1), Call(ask, 2)])


def test_a_handler_answers_its_effects_and_lets_the_others_pass():
    async def program():
        return await Now(), await Entropy(1)

    seen = []
    assert run(handled(shout, program()), world(seen, None)) == (7.0, b"!\0\0")
    assert seen == [Now(), Entropy(2)]


def test_children_run_under_the_handler():
    assert run(handled(shout, ask_twice()), world([], None)) == [b"!\0\0", b"!\0\0\0"]


def test_the_outermost_handler_sees_an_effect_last():
    def double(effect):
        return twice(effect) if isinstance(effect, Entropy) else None

    async def twice(effect):
        return await Entropy(effect.size * 2)

    seen = []
    run(stacked(ask(3), shout, double), world(seen, None))  # inner doubles to 6, outer adds 1
    assert seen == [Entropy(7)]


def test_errors_reach_the_program_at_its_await():
    async def refuse(effect):
        raise KeyError("refused")

    async def program():
        try:
            await Entropy(1)
        except KeyError:
            return "caught"

    assert run(handled(lambda effect: refuse(effect), program()), world([], None)) == "caught"


def test_a_handled_program_that_is_closed_closes_what_it_wraps():
    log = []

    async def program():
        try:
            await Entropy(1)
        finally:
            log.append("closed")

    wrapped = handled(shout, program())
    assert wrapped.send(None) == Entropy(2)
    wrapped.close()
    assert log == ["closed"]


def test_single_effects_have_no_definition_in_simpler_terms():
    for effect in (Read(STORE, "a"), Write(STORE, "a", b""), Now(), All([])):
        assert expansion(effect) is None


def test_read_many_means_every_read():
    store = ModelStore()
    store.perform(Write(STORE, "a", b"abcdef"))
    held = store.perform(Write(STORE, "b", b"b")).generation
    effect = ReadMany(
        STORE, ["a", "b", "c"], [ByteRange(1, 3), None, None], if_not_equal=[UNKNOWN, held, UNKNOWN]
    )
    seen = []
    columns = run(expansion(effect), world(seen, store))
    assert columns.values == [b"bc", UNCHANGED, None]
    assert columns.generations == [store.values["a"][1], held, NO_VALUE]
    assert columns.time == 7.0
    assert seen[0] == Now()  # so every row was current at, or after, the time


def test_write_many_means_every_write():
    store = ModelStore()
    held = store.perform(Write(STORE, "a", b"1")).generation
    effect = WriteMany(STORE, ["a", "b", "c"], [None, b"2", b"3"], if_equal=[held, held, UNKNOWN])
    columns = run(expansion(effect), world([], store))
    assert columns.generations[:2] == [NO_VALUE, UNKNOWN]
    assert sorted(store.values) == ["c"]


def test_compute_and_memo_are_calls_to_any_depth():
    async def inner():
        return await Compute(Call(len, "abc"))

    async def program():
        return await Memo("key", Call(inner)), await All([Call(inner)])

    def refuse(effect):
        raise AssertionError(effect)

    assert run(expanded(program()), refuse) == (3, [3])


@pytest.mark.parametrize(
    "effect",
    [
        Read(STORE, "a", ByteRange(-4), b"g"),
        WriteMany(STORE, ("a",), (b"x",)),
        All((Call(ask, 3),), 2),
        Memo(("k", 1), Call(ask, 1), 2.0),
    ],
)
def test_effects_print_compare_and_pickle(effect):
    assert pickle.loads(pickle.dumps(effect)) == effect
    assert type(effect).__name__ in repr(effect)
