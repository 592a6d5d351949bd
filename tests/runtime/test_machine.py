"""The machine, fed by hand: what is asked when, whatever the order of the answers."""

from __future__ import annotations

import asyncio
import gc
import warnings

import pytest

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.effects.world import Entropy, Now
from tegula.errors import InvalidArgument
from tegula.runtime.inline import run
from tegula.runtime.machine import Machine


async def ask(number):
    return await Entropy(number)


async def together(numbers, limit=None):
    return await All([Call(ask, number) for number in numbers], limit)


async def immediate(number):
    return number


async def broken(number):
    raise KeyError(number)


def asked(requests):
    return [effect.size for _, effect in requests]


def test_a_straight_line_has_one_request_out():
    async def line():
        return [await Entropy(1), await Entropy(2)]

    machine = Machine(line())
    [(ticket, effect)] = machine.start()
    assert effect == Entropy(1)
    [(ticket, effect)] = machine.feed(ticket, "a")
    assert effect == Entropy(2)
    assert not machine.finished
    assert machine.feed(ticket, "b") == []
    assert machine.finished
    assert machine.value == ["a", "b"]


def test_children_start_in_order_up_to_the_limit_and_answers_come_in_order():
    machine = Machine(together(range(5), 2))
    out = machine.start()
    assert asked(out) == [0, 1]
    [second] = machine.feed(out[1][0], "1")
    assert asked([second]) == [2]
    [third] = machine.feed(second[0], "2")
    assert asked([third]) == [3]
    assert asked(machine.feed(out[0][0], "0")) == [4]


def test_answers_in_any_order_join_by_number():
    machine = Machine(together(range(3)))
    out = machine.start()
    for ticket, effect in reversed(out):
        machine.feed(ticket, str(effect.size))
    assert machine.value == ["0", "1", "2"]


def test_no_children_answer_at_once():
    machine = Machine(together([]))
    assert machine.start() == []
    assert machine.value == []


def test_children_without_effects_finish_inside_the_start():
    async def program():
        return await All([Call(immediate, number) for number in range(1000)], 3)

    machine = Machine(program())
    assert machine.start() == []
    assert machine.value == list(range(1000))


def test_nesting_of_any_depth_needs_no_recursion():
    async def nest(depth):
        return await All([Call(nest, depth - 1)]) if depth else await Entropy(1)

    machine = Machine(nest(5000))
    [(ticket, _)] = machine.start()
    assert machine.feed(ticket, b"x") == []
    value = machine.value
    for _ in range(5000):
        [value] = value
    assert value == b"x"


def test_after_a_failure_nothing_new_starts_and_the_lowest_error_is_raised():
    machine = Machine(together(range(6), 3))
    out = machine.start()
    assert machine.feed(out[2][0], None, KeyError("two")) == []
    assert machine.feed(out[0][0], None, KeyError("zero")) == []
    assert not machine.finished
    assert machine.feed(out[1][0], "fine") == []
    assert machine.finished
    assert isinstance(machine.error, KeyError)
    assert machine.error.args == ("zero",)


def test_a_call_that_raises_before_there_is_a_program_is_a_failed_child():
    def refuse():
        raise LookupError("no program")

    async def program():
        try:
            await All([Call(ask, 1), Call(refuse), Call(ask, 3)], 2)
        except LookupError as error:
            return f"caught {error}"

    machine = Machine(program())
    [(ticket, _)] = machine.start()
    machine.feed(ticket, b"")
    assert machine.value == "caught no program"


def test_a_child_that_fails_at_once_lets_nothing_after_it_start():
    async def program():
        await All([Call(broken, 0), Call(ask, 1)])

    machine = Machine(program())
    assert machine.start() == []
    assert isinstance(machine.error, KeyError)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_an_error_at_the_await(limit):
    with pytest.raises(InvalidArgument, match="limit must be at least 1"):
        run(together([1], limit), len)


def test_a_program_may_catch_an_error_and_go_on():
    async def program():
        try:
            await Entropy(1)
        except ValueError:
            return await Entropy(2)

    machine = Machine(program())
    [(ticket, _)] = machine.start()
    [(ticket, effect)] = machine.feed(ticket, None, ValueError())
    assert effect == Entropy(2)
    machine.feed(ticket, "later")
    assert machine.value == "later"


def test_awaiting_what_is_no_effect_is_an_error_where_it_is_awaited():
    async def program():
        try:
            await asyncio.sleep(0)
        except TypeError as error:
            await Entropy(1)
            return str(error)

    text = run(program(), lambda effect: b"")
    assert text.startswith("a program awaits effects and other programs only, not builtins.NoneType")


def test_awaiting_an_asyncio_future_names_it():
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()

        async def program():
            await future

        with pytest.raises(TypeError, match=r"not _asyncio\.Future"):
            run(program(), lambda effect: b"")
    finally:
        loop.close()


def test_a_stop_iteration_from_a_leaf_does_not_end_the_program_quietly():
    def perform(effect):
        raise StopIteration("leaf")

    with pytest.raises(RuntimeError, match="StopIteration"):
        run(ask(1), perform)


def closing(log, name):
    async def program():
        try:
            await Entropy(1)
        finally:
            log.append(name)

    return program()


def test_abandoning_closes_every_program_when_its_ticket_is_back():
    log = []

    async def parent():
        try:
            await All([Call(closing, log, "a"), Call(closing, log, "b"), Call(closing, log, "c")], 2)
        finally:
            log.append("parent")

    machine = Machine(parent())
    out = machine.start()
    machine.abandon()
    assert machine.feed(out[1][0], b"") == []
    assert log == ["b"]
    assert machine.feed(out[0][0], b"") == []
    assert log == ["b", "a", "parent"]
    assert machine.finished
    assert isinstance(machine.error, GeneratorExit)


@pytest.mark.parametrize("started", [False, True])
def test_abandoning_leaves_no_coroutine_behind(started):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        machine = Machine(together(range(10), 4))
        tickets = machine.start() if started else []
        machine.abandon()
        if not started:
            assert machine.start() == []
        for ticket, _ in tickets:
            assert machine.feed(ticket, None) == []
        assert machine.finished
        del machine, tickets
        gc.collect()
    assert caught == []


def test_width_bounds_every_limit():
    machine = Machine(together(range(5)), width=1)
    out = machine.start()
    order = []
    while out:
        [(ticket, effect)] = out
        order.append(effect.size)
        out = machine.feed(ticket, b"")
    assert order == [0, 1, 2, 3, 4]


def test_a_machine_starts_once():
    machine = Machine(ask(1))
    machine.start()
    with pytest.raises(RuntimeError, match="starts once"):
        machine.start()


def test_inline_gives_an_interrupt_to_the_program_and_lets_it_through():
    log = []

    async def program():
        try:
            await All([Call(ask, 1), Call(ask, 2)])
        finally:
            log.append(await Now())

    def perform(effect):
        if effect == Entropy(1):
            raise KeyboardInterrupt
        assert effect == Now()
        return 5.0

    with pytest.raises(KeyboardInterrupt):
        run(program(), perform)
    assert log == [5.0]
