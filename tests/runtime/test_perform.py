"""The performer: which part of the world answers what."""

from __future__ import annotations

import threading
import time

import pytest

from tegula.effects.control import All, Compute, Memo
from tegula.effects.effect import Call
from tegula.effects.storage import Read, ReadColumns, ReadMany, Write, WriteColumns, WriteMany
from tegula.effects.world import Entropy, Now, Sleep
from tegula.errors import Internal
from tegula.kv.spec import StoreRef
from tegula.runtime.inline import run
from tegula.runtime.model_store import ModelStore
from tegula.runtime.perform import Performer

STORE = StoreRef("model")
OTHER = StoreRef("other")


class Native(ModelStore):
    def read_many(self, effect):
        return ReadColumns(["native"] * len(effect.keys), [b"g"] * len(effect.keys), 1.0)

    def write_many(self, effect):
        return WriteColumns([b"native"] * len(effect.keys), 1.0)


def test_storage_effects_go_to_the_leaf_of_their_store():
    leaves = {STORE: ModelStore(), OTHER: Native()}
    perform = Performer(leaves.__getitem__)
    assert perform(Write(STORE, "a", b"1")).applied
    assert perform(Read(STORE, "a")).value == b"1"
    assert perform(Read(OTHER, "a")).state == "missing"
    assert perform(ReadMany(STORE, ["a", "b"])).values == [b"1", None]
    assert perform(ReadMany(OTHER, ["a", "b"])).values == ["native", "native"]
    assert perform(WriteMany(OTHER, ["a"], [b""])).generations == [b"native"]
    assert len(perform(WriteMany(STORE, ["c", "d"], [b"", None])).generations) == 2
    assert sorted(leaves[STORE].values) == ["a", "c"]


def test_the_clock_waiting_randomness_and_calls():
    perform = Performer(None)
    before = time.time()
    assert before <= perform(Now()) <= time.time()
    started = time.monotonic()
    assert perform(Sleep(0.02)) is None
    assert time.monotonic() - started > 0.015
    assert len(perform(Entropy(16))) == 16
    assert perform(Entropy(16)) != perform(Entropy(16))
    assert perform(Compute(Call(divmod, 7, 2))) == (3, 1)


def test_what_no_leaf_answers_is_named():
    with pytest.raises(Internal, match="no leaf answers All"):
        Performer(None)(All([]))


async def slow(log, answer):
    log.append(answer)
    await Sleep(0.5)
    return answer


def flying(perform, memos):
    """Perform each memo on a thread of its own, a little after one another."""
    answers = [None] * len(memos)

    def ask(number):
        answers[number] = perform(memos[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(memos))]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    return answers


def test_a_memo_under_way_is_shared_and_then_forgotten():
    perform, log = Performer(None), []
    memos = [Memo("key", Call(slow, log, number)) for number in range(3)]
    assert flying(perform, memos) == [0, 0, 0]
    assert log == [0]
    assert perform(Memo("key", Call(slow, log, 9))) == 9
    assert perform(Memo("other", Call(slow, log, 10))) == 10


def test_a_memo_that_began_too_early_is_not_shared():
    perform, log = Performer(None), []
    memos = [Memo("key", Call(slow, log, 0)), Memo("key", Call(slow, log, 1), time.time() + 100)]
    assert flying(perform, memos) == [0, 1]


def test_a_failed_memo_fails_for_all_who_share_it():
    perform, log = Performer(None), []

    async def fail():
        log.append("ran")
        await Sleep(0.05)
        raise KeyError("memo")

    memo = Memo("key", Call(fail))
    errors = []

    def ask():
        try:
            perform(memo)
        except KeyError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log == ["ran"]
    assert len(errors) == 3


def test_a_memo_that_asks_for_itself_is_refused():
    async def loop():
        return await Memo("key", Call(loop))

    with pytest.raises(Internal, match="asks for itself"):
        run(loop(), Performer(None))
