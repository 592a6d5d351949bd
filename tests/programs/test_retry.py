"""What is sent again, how often, and after how long."""

from __future__ import annotations

import pickle

import pytest

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.effects.handler import expanded, stacked
from tegula.effects.storage import (
    DeleteRange,
    List,
    ListPage,
    Origin,
    Provenance,
    Read,
    ReadMany,
    ReadOutcome,
    Write,
    WriteMany,
    WriteOutcome,
)
from tegula.effects.world import Entropy, Now, Sleep
from tegula.errors import Aborted, Indeterminate, NotFound, Unavailable
from tegula.kv.generation import NO_VALUE
from tegula.kv.spec import KeyRange, StoreRef
from tegula.programs.retry import STAMP_BYTES, Retry, pause
from tegula.runtime.inline import run

STORE = StoreRef("model")
RETRY = Retry(attempts=4, first=1.0, longest=3.0)

HARMLESS_TWICE = [
    Read(STORE, "a"),
    List(STORE, KeyRange()),
    DeleteRange(STORE, KeyRange()),
    Write(STORE, "a", b""),
    ListPage(STORE, KeyRange()),
    Origin(STORE, "a"),
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


def test_the_last_error_says_how_often():
    with pytest.raises(Aborted, match=r"^ABORTED: All 3 retry attempts failed: 4$") as info:
        attempts(HARMLESS_TWICE[0], *[Unavailable(str(number)) for number in range(1, 5)])
    assert str(info.value.__cause__) == "UNAVAILABLE: 4"


def test_a_write_that_may_have_been_made_is_never_said_to_have_failed():
    errors = [Indeterminate("lost"), *[Unavailable("busy")] * 3]
    with pytest.raises(Indeterminate, match="All 3 retry attempts failed"):
        attempts(Write(STORE, "a", b""), *errors)


def test_a_store_that_names_a_time_is_given_it():
    error = Unavailable("later")
    error.after = 7.5
    assert attempts(HARMLESS_TWICE[0], error)[2] == [7.5]


class Story:
    """A store that answers one key as it is told to, and the waits between."""

    def __init__(self, *answers):
        self.answers, self.sent, self.waits = list(answers), [], []

    def __call__(self, asked):
        match asked:
            case Sleep():
                return self.waits.append(asked.seconds)
            case Entropy():
                return b"\xff" * asked.size
            case Now():
                return 0.0
        self.sent.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ask(self, effect):
        return run(expanded(stacked(ask(effect), RETRY)), self)


APPLIED = WriteOutcome(b"h", 1.0)
REFUSED = WriteOutcome(b"", 1.0)
MINE = b"\xff" * STAMP_BYTES
LOST = Indeterminate("lost")


def test_a_conditional_write_that_surely_did_not_act_is_sent_again():
    story = Story(Unavailable("busy"), APPLIED)
    assert story.ask(CONDITIONAL) == APPLIED
    assert [type(sent) for sent in story.sent] == [Write, Write]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([LOST, Provenance(b"h", MINE, b"g")], b"h"),  # it landed
        ([LOST, Provenance(b"h", b"other", b"g")], b""),  # somebody was faster
        ([LOST, Provenance(b"g"), APPLIED], b"h"),  # it did not land: sent again
        ([LOST, Provenance(b"g"), REFUSED, Provenance(b"h", MINE, b"g")], b"h"),  # the first landed late
        ([LOST, Provenance(b"g"), REFUSED, Provenance(b"k", b"other", b"g")], b""),
        ([LOST, Unavailable("busy"), Provenance(b"h", MINE, b"g")], b"h"),
        ([Unavailable("busy"), REFUSED], b""),  # never in doubt
    ],
)
def test_a_conditional_write_whose_answer_was_lost_is_settled(answers, outcome):
    story = Story(*answers)
    assert story.ask(CONDITIONAL).generation == outcome
    assert not story.answers


@pytest.mark.parametrize(
    "seen", [Provenance(b"k", b"other", b"h"), Provenance(b"k"), Provenance(NO_VALUE)], ids=repr
)
def test_what_nobody_can_tell_is_said_to_be_so(seen):
    with pytest.raises(Indeterminate, match="'a'"):
        Story(LOST, seen).ask(CONDITIONAL)


def test_a_conditional_deletion_in_doubt_whose_key_is_gone_was_made():
    story = Story(LOST, Provenance(NO_VALUE))
    assert story.ask(Write(STORE, "a", None, b"g")).generation == NO_VALUE


def test_only_the_rows_of_a_block_that_failed_are_asked_for_again():
    one, two = (ReadOutcome("value", value, b"g", 0.0) for value in (b"1", b"2"))
    story = Story(Unavailable("busy"), two, LOST, one)
    columns = story.ask(ReadMany(STORE, ["a", "b"]))
    assert columns.values == [b"1", b"2"]
    assert [sent.key for sent in story.sent] == ["a", "b", "a", "a"]
    assert story.waits == [1.0, 2.0]


def test_a_block_with_an_error_that_does_not_pass_fails_at_once():
    story = Story(Unavailable("busy"), NotFound("x"))
    with pytest.raises(NotFound):
        story.ask(ReadMany(STORE, ["a", "b"]))
    assert story.waits == []


def test_rows_of_a_conditional_block_are_settled_each():
    stamp = MINE + (1).to_bytes(4, "big")
    story = Story(APPLIED, LOST, REFUSED, Provenance(b"k", stamp, b"g"))
    columns = story.ask(WriteMany(STORE, ["a", "b", "c"], [b"", b"", b""], [b"g"] * 3))
    assert columns.generations == [b"h", b"k", b""]


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
