"""What is sent again, how often, and after how long."""

from __future__ import annotations

import pickle

import pytest

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.effects.handler import stacked
from tegula.effects.storage import DeleteRange, List, Read, ReadMany, Write, WriteMany
from tegula.effects.world import Entropy, Now, Sleep
from tegula.errors import Indeterminate, NotFound, Unavailable
from tegula.kv.spec import KeyRange, StoreRef
from tegula.programs.retry import Retry, pause
from tegula.runtime.inline import run

STORE = StoreRef("model")
RETRY = Retry(attempts=4, first=1.0, longest=3.0)

HARMLESS_TWICE = [
    Read(STORE, "a"),
    ReadMany(STORE, ["a"]),
    List(STORE, KeyRange()),
    DeleteRange(STORE, KeyRange()),
    Write(STORE, "a", b""),
    WriteMany(STORE, ["a"], [b""]),
]
CONDITIONAL = Write(STORE, "a", b"", b"g")


async def ask(effect):
    return await effect


def attempts(effect, *errors):
    """Run an effect under RETRY with the errors, then an answer; return answer, sendings and waits."""
    errors, sent, waits = list(errors), [], []

    def perform(asked):
        match asked:
            case Sleep():
                waits.append(asked.seconds)
                return None
            case Entropy():
                return b"\xff" * asked.size
        sent.append(asked)
        if errors:
            raise errors.pop(0)
        return "answer"

    return run(stacked(ask(effect), RETRY), perform), sent, waits


@pytest.mark.parametrize("effect", HARMLESS_TWICE, ids=lambda effect: type(effect).__name__)
def test_what_does_no_harm_twice_is_sent_again_after_either_error(effect):
    answer, sent, waits = attempts(effect, Unavailable("1"), Indeterminate("2"), Unavailable("3"))
    assert answer == "answer"
    assert sent == [effect] * 4
    assert waits == [1.0, 2.0, 3.0]  # doubled up to the longest, times the drawn factor (here 1)


def test_a_conditional_write_is_sent_again_only_if_it_surely_did_not_act():
    assert len(attempts(CONDITIONAL, Unavailable("1"))[1]) == 2
    with pytest.raises(Indeterminate):
        attempts(CONDITIONAL, Indeterminate("1"))


def test_a_block_of_conditional_writes_passes_through():
    with pytest.raises(Unavailable, match=r"^UNAVAILABLE: 1$"):
        attempts(WriteMany(STORE, ["a"], [b""], [b"g"]), Unavailable("1"))


def test_the_last_error_says_how_often():
    with pytest.raises(Unavailable, match=r"4 \(after 4 attempts\)") as info:
        attempts(HARMLESS_TWICE[0], *[Unavailable(str(number)) for number in range(1, 5)])
    assert str(info.value.__cause__) == "UNAVAILABLE: 4"


def test_other_errors_and_effects_are_not_ours():
    with pytest.raises(NotFound):
        attempts(HARMLESS_TWICE[0], NotFound("x"))
    for effect in (Now(), Sleep(1), All([])):
        assert RETRY(effect) is None


def test_children_are_retried_each():
    failing = {1: [Unavailable("once")], 2: []}

    def perform(effect):
        if isinstance(effect, Read) and failing[int(effect.key)]:
            raise failing[int(effect.key)].pop()
        return b"\0\0" if isinstance(effect, Entropy) else effect

    async def both():
        return await All([Call(ask, Read(STORE, key)) for key in "12"])

    assert [read.key for read in run(stacked(both(), RETRY), perform)] == ["1", "2"]


@pytest.mark.parametrize(("drawn", "factor"), [(b"\0\0", 0.5), (b"\xff\xff", 1.0)])
def test_waits_are_between_half_and_all_of_the_doubled_time(drawn, factor):
    waits = []

    def perform(effect):
        return drawn if isinstance(effect, Entropy) else waits.append(effect.seconds)

    for attempt in (1, 2, 3, 10, 10_000):
        run(pause(attempt, 0.1, 1.0), perform)
    assert waits == pytest.approx([factor * seconds for seconds in (0.1, 0.2, 0.4, 1.0, 1.0)])


def test_a_retry_is_a_value():
    assert pickle.loads(pickle.dumps(RETRY)) == RETRY
    assert eval(repr(RETRY)) == RETRY
