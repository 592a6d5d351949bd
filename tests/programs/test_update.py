"""Compare-and-swap of one key and of blocks, one answer of the store at a time."""

from __future__ import annotations

import pytest

from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Write, WriteMany
from tegula.effects.world import Entropy, Sleep
from tegula.errors import Aborted, Indeterminate, PermissionDenied, Unavailable
from tegula.kv.generation import NO_VALUE
from tegula.kv.spec import StoreRef
from tegula.programs.frontier import update_many
from tegula.programs.update import same, stamped, unknowable, update
from tegula.runtime.inline import run
from tegula.runtime.model_store import ModelStore
from tegula.runtime.perform import Performer

STORE = StoreRef("model")


def increment(value, by=1):
    return b"%d" % (int(value or b"0") + by)


class Script:
    """A store with a list of mishaps: functions called before, or instead of, the nth write."""

    def __init__(self, *mishaps):
        self.store = ModelStore()
        self.mishaps = list(mishaps)
        self.asked = []

    def __call__(self, effect):
        self.asked.append(effect)
        if isinstance(effect, Write | WriteMany) and self.mishaps:
            mishap = self.mishaps.pop(0)
            if mishap is not None:
                mishap(self, effect)
        if isinstance(effect, Sleep):
            return None
        return Performer(lambda _: self.store)(effect)

    def set(self, key, value):
        return self.store.perform(Write(STORE, key, value)).generation

    def value(self, key="n"):
        return self.store.values[key][0]

    def count(self, kind):
        return sum(isinstance(effect, kind) for effect in self.asked)


def other_writes(value):
    return lambda script, effect: script.set("n", value)


def lost_after(script, effect):
    script.store.perform(effect)
    raise Indeterminate("lost after")


def lost_before(script, effect):
    raise Indeterminate("lost before")


def refuse_to_act(script, effect):
    raise Unavailable("no")


def forbid(script, effect):
    raise PermissionDenied("never")


def go(script, edit=None, **options):
    return run(update(STORE, "n", edit or Call(increment), **options), script)


def test_an_undisturbed_update_is_one_read_and_one_write():
    script = Script()
    outcome = go(script)
    assert script.value() == b"1"
    assert outcome.generation == script.store.values["n"][1]
    assert [type(effect).__name__ for effect in script.asked] == ["Read", "Compute", "Write"]
    assert script.asked[-1].if_equal == NO_VALUE


def test_the_edit_gets_the_value_in_front_of_its_arguments():
    script = Script()
    script.set("n", b"5")
    go(script, Call(increment, 10))
    assert script.value() == b"15"


def test_an_edit_may_leave_the_value_or_delete_it():
    script = Script()
    generation = script.set("n", b"5")
    assert go(script, Call(lambda value: UNCHANGED)).generation == generation
    assert script.count(Write) == 0
    assert go(script, Call(lambda value: None)).generation == NO_VALUE
    assert script.store.values == {}


def test_a_lost_race_starts_again_after_a_pause():
    script = Script(other_writes(b"41"))
    go(script)
    assert script.value() == b"42"
    assert script.count(Sleep) == 1
    assert script.count(Entropy) == 1


def test_too_many_lost_races_abort():
    script = Script(*[other_writes(b"%d" % number) for number in range(3)])
    with pytest.raises(Aborted, match="lost the race against other writers 3 times"):
        go(script, attempts=3)
    assert script.value() == b"2"


def test_doubt_about_a_write_that_did_not_land_sends_the_same_again():
    script = Script(lost_before)
    go(script)
    assert script.value() == b"1"
    writes = [effect for effect in script.asked if isinstance(effect, Write)]
    assert writes[0] is writes[1]


@pytest.mark.parametrize("landed", [same, stamped])
def test_doubt_about_a_write_that_landed_is_settled_by_its_value(landed):
    script = Script(lost_after)
    outcome = go(script, landed=landed)
    assert script.value() == b"1"
    assert outcome.generation == script.store.values["n"][1]
    assert script.count(Write) == 1


def test_doubt_that_nothing_can_settle_is_said():
    script = Script(lost_after)
    with pytest.raises(Indeterminate, match="whether the update of 'n' took place can not be told"):
        go(script, landed=unknowable)
    assert script.value() == b"1"


def test_a_refusal_that_may_be_our_own_doing_is_not_taken_for_a_conflict():
    def lands_late(script, effect):
        # The first sending, whose answer was lost, lands just before the second.
        assert script.store.perform(effect).applied

    script = Script(lost_before, lands_late)
    go(script, landed=stamped)
    assert script.value() == b"1"


def test_a_value_overwritten_meanwhile_is_in_doubt_unless_harmless():
    def lost_and_overwritten(script, effect):
        script.store.perform(effect)
        script.set("n", b"70")
        raise Indeterminate("lost")

    with pytest.raises(Indeterminate):
        go(Script(lost_and_overwritten), landed=stamped)
    script = Script(lost_and_overwritten)
    go(script, Call(lambda value: b"mine"), landed=same)
    assert script.value() == b"mine"


def test_what_surely_did_not_act_is_reported_as_such():
    with pytest.raises(Unavailable, match="no"):
        go(Script(refuse_to_act))
    with pytest.raises(PermissionDenied):
        go(Script(forbid))


def test_an_error_while_in_doubt_does_not_claim_that_nothing_was_done():
    with pytest.raises(Indeterminate) as info:
        go(Script(lost_before, refuse_to_act))
    assert isinstance(info.value.__cause__, Unavailable)


# Blocks


def add_rows(rows, values, by):
    return [increment(value, by) for value in values]


def go_many(script, keys=("n", "m"), merge=None, **options):
    return run(update_many(STORE, list(keys), merge or Call(add_rows, 1), **options), script)


def test_an_undisturbed_block_is_three_effects():
    script = Script()
    columns = go_many(script)
    assert (script.value("n"), script.value("m")) == (b"1", b"1")
    assert columns.generations == [script.store.values[key][1] for key in ("n", "m")]
    assert [type(effect).__name__ for effect in script.asked] == ["ReadMany", "Compute", "WriteMany"]


def test_refused_rows_are_the_next_frontier():
    script = Script(other_writes(b"41"))
    go_many(script)
    assert (script.value("n"), script.value("m")) == (b"42", b"1")
    assert [effect.keys for effect in script.asked if isinstance(effect, WriteMany)] == [["n", "m"], ["n"]]


def test_rows_may_be_left_deleted_or_written():
    script = Script()
    kept = script.set("a", b"1")
    script.set("b", b"1")
    columns = go_many(script, "abc", lambda rows, values: [UNCHANGED, None, b"new"])
    assert columns.generations[:2] == [kept, NO_VALUE]
    assert sorted(script.store.values) == ["a", "c"]
    assert script.value("c") == b"new"


def test_nothing_to_write_writes_nothing():
    script = Script()
    assert go_many(script, ()).generations == []
    script.set("n", b"1")
    go_many(script, "n", lambda rows, values: [UNCHANGED])
    assert script.count(WriteMany) == 0


def test_known_generations_are_not_read_again():
    script, seen = Script(), []
    known = [script.set("n", b"1"), script.set("m", b"2")]
    script.set("m", b"3")

    def merge(rows, values):
        seen.append((rows, values))
        return [b"merged"] * len(rows)

    go_many(script, merge=merge, known=known)
    assert seen == [([0, 1], [UNCHANGED, b"3"])]
    assert script.value("n") == b"merged"


@pytest.mark.parametrize("lost", [lost_before, refuse_to_act])
def test_a_failed_block_is_sent_again_as_it_was(lost):
    script = Script(lost)
    go_many(script)
    assert (script.value("n"), script.value("m")) == (b"1", b"1")
    assert script.count(WriteMany) == 2


def one_row_lands(script, effect):
    script.store.perform(Write(STORE, effect.keys[0], effect.values[0], effect.if_equal[0]))
    raise Indeterminate("lost")


def test_rows_that_landed_are_recognised_and_the_others_sent_again():
    script = Script(one_row_lands)
    go_many(script, landed=stamped)
    assert (script.value("n"), script.value("m")) == (b"1", b"1")
    assert [effect.keys for effect in script.asked if isinstance(effect, WriteMany)] == [["n", "m"], ["m"]]


def test_rows_in_doubt_for_good_are_said():
    with pytest.raises(
        Indeterminate, match="whether 2 updates took place can not be told, that of 'n' first"
    ):
        go_many(Script(one_row_lands), landed=unknowable)


def test_blocks_that_lose_every_race_abort():
    script = Script(*[other_writes(b"%d" % number) for number in range(3)])
    with pytest.raises(Aborted, match="updating 1 keys lost the race"):
        go_many(script, attempts=3)
    assert script.value("m") == b"1"
