"""Laws of the interpreters: they agree; definitions are definitions; limits hold; nothing leaks."""

from __future__ import annotations

import asyncio
import gc
import math
import threading
import warnings
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.effects.control import All, Compute, Memo
from tegula.effects.effect import Call
from tegula.effects.handler import expanded, expansion
from tegula.effects.storage import UNCHANGED, Decoded, Loaded, Read, ReadMany, Write, WriteMany
from tegula.errors import OutOfRange
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, StoreRef
from tegula.runtime import aio
from tegula.runtime.cache import ChunkPool
from tegula.runtime.cached import answered
from tegula.runtime.inline import run
from tegula.runtime.machine import Machine
from tegula.runtime.model_store import ModelStore
from tegula.runtime.perform import Performer
from tegula.runtime.simulate import Faults, World, seeded
from tegula.runtime.threads import Pool

STORE = StoreRef("model")
POOL = Pool(3)

# A program as data: what the law is about is the shape.
leaves = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 4)),
    st.tuples(st.just("block"), st.lists(st.integers(0, 6), max_size=4)),
    st.tuples(st.just("compute"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9)),
    st.tuples(st.just("bad range"), st.integers(0, 4)),
    st.tuples(st.just("value"), st.integers(0, 9)),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("line"), st.lists(inner, max_size=4)),
        st.tuples(st.just("all"), st.lists(inner, max_size=5), st.sampled_from([None, 1, 2, 3])),
        st.tuples(st.just("try"), inner),
        st.tuples(st.just("memo"), inner),
    ),
    max_leaves=15,
)


def fail(number):
    raise KeyError(number)


async def play(tree):
    match tree:
        case ("read", number):
            return bytes((await Read(STORE, f"k{number}")).value)
        case ("block", numbers):
            columns = await ReadMany(STORE, [f"k{number}" for number in numbers])
            return [columns.values, columns.generations]
        case ("compute", number):
            return await Compute(Call(abs, -number))
        case ("fail", number):
            return await Compute(Call(fail, number))
        case ("bad range", number):
            return await Read(STORE, f"k{number}", ByteRange(5, 99))
        case ("value", number):
            return number
        case ("line", inner):
            return [await play(one) for one in inner]
        case ("all", inner, limit):
            return await All([Call(play, one) for one in inner], limit)
        case ("try", inner):
            try:
                return await play(inner)
            except (KeyError, OutOfRange) as error:
                return ("caught", repr(error))
        case ("memo", inner):
            return await Memo(id(tree), Call(play, inner))
    raise AssertionError(tree)


def filled():
    store = ModelStore()
    for number in range(4):
        store.perform(Write(STORE, f"k{number}", b"value %d" % number))
    return store


def outcome(go):
    try:
        return "value", go()
    except Exception as error:
        return "error", repr(error)


class Loop:
    """An event loop of its own thread, made when it is first asked for."""

    def __init__(self):
        self.loop = None

    def run(self, program, perform):
        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            threading.Thread(target=self.loop.run_forever, daemon=True).start()
        future = asyncio.run_coroutine_threadsafe(aio.run(program, perform), self.loop)
        return outcome(lambda: future.result(timeout=20))


LOOP = Loop()


def simulated(program, draw):
    world = World(draw, stores={STORE: filled()})
    started = world.spawn(program)
    world.run()
    return ("value", started.value) if started.error is None else ("error", repr(started.error))


@given(trees, st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_interpreters_agree(tree, seed):
    """Law: inline, threads, asyncio and the simulated world without faults give the same answer or error."""
    store = filled()
    perform = Performer(lambda _: store)
    expected = outcome(lambda: run(play(tree), perform))
    assert outcome(lambda: POOL.submit(play(tree), perform).result(timeout=20)) == expected
    assert LOOP.run(play(tree), perform) == expected
    assert simulated(play(tree), seeded(seed)) == expected


@given(trees)
@settings(max_examples=100, deadline=None)
def test_expanded_equals_native(tree):
    """Law: a program with every optimisation effect replaced by its definition means the same."""
    store = filled()
    perform = Performer(lambda _: store)
    assert outcome(lambda: run(expanded(play(tree)), perform)) == outcome(lambda: run(play(tree), perform))


keys = st.lists(st.integers(0, 6), max_size=6, unique=True)


@given(keys, st.data())
def test_a_block_of_writes_is_its_writes(numbers, data):
    """Law: `WriteMany` leaves the store, and answers, as its `Write`s in row order do."""
    values = data.draw(
        st.lists(st.none() | st.binary(max_size=4), min_size=len(numbers), max_size=len(numbers))
    )
    block, single = filled(), filled()
    choices = [UNKNOWN, NO_VALUE, b"generation-2"]
    conditions = [data.draw(st.sampled_from(choices)) for _ in numbers]
    names = [f"k{number}" for number in numbers]

    async def write():
        return await WriteMany(STORE, names, values, conditions)

    columns = run(write(), Performer(lambda _: block))
    answers = [
        single.perform(Write(STORE, name, value, condition)).generation
        for name, value, condition in zip(names, values, conditions, strict=True)
    ]
    assert columns.generations == answers
    assert block.values == single.values


async def ask(name):
    await Read(STORE, name)
    await Read(STORE, name)


@given(st.integers(1, 5), st.integers(0, 12), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_limits_hold_in_the_trace(limit, children, seed):
    """Law: at most `limit` children of an `All` are under way, and that many where there are enough."""

    async def program():
        await All([Call(ask, f"child {number}") for number in range(children)], limit)

    world = World(seeded(seed))
    world.spawn(program())
    world.run()
    ends = defaultdict(int)
    under_way, most = set(), 0
    for event in world.trace:
        if event.what == "asks":
            under_way.add(event.effect.key)
            most = max(most, len(under_way))
            assert len(under_way) <= limit
        elif event.what == "done":
            ends[event.effect.key] += 1
            if ends[event.effect.key] == 2:
                under_way.remove(event.effect.key)
    assert most == min(limit, children)


@given(trees, st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_equal_draws_give_equal_traces(tree, seed):
    """Law: what happens in a world is a function of its draws."""

    def trace():
        world = World(seeded(seed), faults=Faults(before=10, crash=2), stores={STORE: filled()})
        world.spawn(play(tree))
        world.run()
        return world.script()

    assert trace() == trace()


@given(trees, st.integers(0, 40), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_abandoning_leaks_nothing(tree, steps, random):
    """Law: however far it has come, an abandoned program ends when its tickets are back, with no warning."""
    store = filled()
    perform = Performer(lambda _: store)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        machine = Machine(expanded(play(tree)))
        out = machine.start() if steps else []
        for _ in range(steps - 1):
            if not out:
                break
            ticket, effect = out.pop(random.randrange(len(out)))
            try:
                answer = perform(effect)
            except Exception as error:
                out += machine.feed(ticket, None, error)
            else:
                out += machine.feed(ticket, answer)
        machine.abandon()
        if not steps:
            machine.start()
        for ticket, _ in out:
            assert machine.feed(ticket, None) == []
        assert machine.finished
        del machine, out
        gc.collect(0)  # what is in a cycle; the rest went when its last reference did
    assert [str(one.message) for one in caught] == []


class Letters:
    """The cells of the law below: cell i is the key ``k{i}``, and its words are the bytes of the value."""

    store = STORE
    path = ""

    def numbers(self, cells):
        return cells[:, 0].tolist()

    def numbers_of(self, key):
        return [int(key[1:])]


async def spell(cells, known):
    columns = await ReadMany(STORE, [f"k{number}" for (number,) in cells.tolist()], None, known)
    words = [
        value if value is None or value is UNCHANGED else np.frombuffer(bytes(value), np.uint8)
        for value in columns.values
    ]
    return Loaded(words, columns.generations, columns.time)


def letters(numbers, bound=math.inf, array=None):
    cells = np.array(numbers, np.int64).reshape(-1, 1)
    return Decoded(array or Letters(), cells, Call(spell), None, bound)


@given(
    st.lists(st.lists(st.integers(0, 6), max_size=5), max_size=6),
    st.sampled_from([0, 2000, 1 << 20]),
    st.data(),
)
def test_decoding_through_a_pool_equals_reading_and_decoding(blocks, limit, data):
    """Law: `Decoded` answered from a pool equals its definition, when no older answer is allowed."""
    store, array, pool = filled(), Letters(), ChunkPool(limit)
    perform = Performer(lambda _: store)
    for numbers in blocks:
        if data.draw(st.booleans()):
            store.perform(
                Write(STORE, f"k{data.draw(st.integers(0, 6))}", data.draw(st.none() | st.binary()))
            )
        effect = letters(numbers, array=array)
        native = run(answered(pool, effect), perform)
        expected = run(expansion(effect), perform)
        assert [None if words is None else bytes(words) for words in native] == [
            None if words is None else bytes(words) for words in expected
        ]
        assert not any(words.flags.writeable for words in native + expected if words is not None)
        assert pool.held <= limit
