"""Checks of generations, and of what is read or written on a condition about them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tegula.errors import InvalidArgument, Unimplemented
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.runtime.live import leaf
from tegula.testing.values import raises

__all__ = ["ConditionChecks"]

KEYS = ("a", "b", "c/d", "c/e", "f")
NOBODYS = b"\0a generation that no store has given"


class ConditionChecks:
    """Generations and conditions."""

    def _state(self, store: Any, key: str = "a") -> tuple[str, bytes]:
        found = store.read(key).result()
        return found.state, found.value

    # ---- generations

    def test_a_write_tells_the_generation_that_is_read(self, store: Any) -> None:
        for key in KEYS:
            written = store.write(key, b"1").result().generation
            assert store.read(key).result().stamp.generation == written

    def test_a_generation_stays_while_nothing_is_written(self, store: Any) -> None:
        store["a"] = b"1"
        first = store.read("a").result().stamp.generation
        store["b"] = b"2"
        assert store.read("a").result().stamp.generation == first

    def test_another_value_has_another_generation(self, store: Any) -> None:
        seen = [store.write("a", b"%d" % number).result().generation for number in range(30)]
        assert len(set(seen)) == 30

    def test_a_value_of_the_same_size_has_another_generation(self, store: Any) -> None:
        seen = []
        for value in (b"aaaa", b"bbbb", b"cccc"):
            store["a"] = value
            seen.append(store.read("a").result().stamp.generation)
        assert len(set(seen)) == 3

    def test_a_value_that_was_deleted_and_made_anew_is_not_the_old_one(self, store: Any) -> None:
        old = store.write("a", b"old").result().generation
        del store["a"]
        store["a"] = b"new"
        assert store.write("a", b"lost", if_equal=old).result().generation == UNKNOWN
        assert store["a"] == b"new"

    # ---- reading on a condition

    def test_a_value_that_is_known_is_not_read_again(self, store: Any) -> None:
        known = store.write("a", b"1").result().generation
        found = store.read("a", if_not_equal=known).result()
        assert (found.state, found.value, found.stamp.generation) == ("unspecified", b"", known)

    def test_a_value_that_changed_is_read_again(self, store: Any) -> None:
        for key in KEYS:
            known = store.write(key, b"1").result().generation
            store[key] = b"2"
            found = store.read(key, if_not_equal=known).result()
            assert (found.state, found.value) == ("value", b"2")

    def test_a_value_that_went_is_missing(self, store: Any) -> None:
        known = store.write("a", b"1").result().generation
        del store["a"]
        assert store.read("a", if_not_equal=known).result().state == "missing"

    def test_a_generation_of_nobody_does_not_hold_a_read_back(self, store: Any) -> None:
        store["a"] = b"1"
        with suppress(InvalidArgument):  # a store may refuse what it cannot have given
            assert store.read("a", if_not_equal=NOBODYS).result().value == b"1"

    def test_a_part_that_is_known_is_not_read_again(self, store: Any) -> None:
        known = store.write("a", b"12345").result().generation
        part = slice(1, 3)
        assert store.read("a", if_not_equal=known, byte_range=part).result().state == "unspecified"
        store["a"] = b"67890"
        assert store.read("a", if_not_equal=known, byte_range=part).result().value == b"78"

    # ---- writing on a condition

    def test_a_key_is_created_where_there_is_none(self, store: Any) -> None:
        made = store.write("a/b", b"1", if_equal=NO_VALUE).result().generation
        assert made not in (UNKNOWN, NO_VALUE)
        assert store["a/b"] == b"1"

    def test_a_key_is_not_created_where_there_is_one(self, store: Any) -> None:
        for key in KEYS:
            store[key] = b"1"
            assert store.write(key, b"2", if_equal=NO_VALUE).result().generation == UNKNOWN
            assert store[key] == b"1"

    def test_an_empty_value_is_there(self, store: Any) -> None:
        store["a"] = b""
        assert store.write("a", b"2", if_equal=NO_VALUE).result().generation == UNKNOWN

    def test_the_current_value_is_replaced(self, store: Any) -> None:
        seen = store.write("a", b"1").result().generation
        made = store.write("a", b"2", if_equal=seen).result().generation
        assert made not in (UNKNOWN, NO_VALUE, seen)
        assert store["a"] == b"2"

    def test_what_was_read_may_be_the_condition(self, store: Any) -> None:
        store["a"] = b"1"
        seen = store.read("a").result().stamp.generation
        assert store.write("a", b"2", if_equal=seen).result().generation != UNKNOWN
        assert store["a"] == b"2"

    def test_an_older_value_is_no_condition_that_holds(self, store: Any) -> None:
        for key in KEYS:
            old = store.write(key, b"1").result().generation
            store[key] = b"2"
            assert store.write(key, b"3", if_equal=old).result().generation == UNKNOWN
            assert store[key] == b"2"

    def test_a_condition_holds_once(self, store: Any) -> None:
        seen = store.write("a", b"1").result().generation
        applied = [
            store.write("a", b"2%d" % number, if_equal=seen).result().generation != UNKNOWN
            for number in range(3)
        ]
        assert applied == [True, False, False]
        assert store["a"] == b"20"

    def test_a_generation_of_nobody_does_not_hold(self, store: Any) -> None:
        store["a"] = b"1"
        for key in ("a", "b"):
            with suppress(InvalidArgument):  # a store may refuse what it cannot have given
                assert store.write(key, b"2", if_equal=NOBODYS).result().generation == UNKNOWN
        assert self._state(store) == ("value", b"1")
        assert self._state(store, "b") == ("missing", b"")

    def test_a_missing_value_is_not_replaced(self, store: Any) -> None:
        for key in KEYS:
            seen = store.write(key, b"1").result().generation
            del store[key]
            assert store.write(key, b"2", if_equal=seen).result().generation == UNKNOWN
            assert key not in store

    def test_the_generation_of_another_key_is_no_condition(self, store: Any) -> None:
        other = store.write("b", b"other").result().generation
        store["a"] = b"1"
        assert store.write("a", b"2", if_equal=other).result().generation == UNKNOWN
        assert store["a"] == b"1"

    def test_a_chain_of_conditions(self, store: Any) -> None:
        seen = NO_VALUE
        for number in range(20):
            seen = store.write("a", b"%d" % number, if_equal=seen).result().generation
            assert seen != UNKNOWN, number
        assert store["a"] == b"19"

    def test_an_empty_value_on_a_condition(self, store: Any) -> None:
        seen = store.write("a", b"1").result().generation
        assert store.write("a", b"", if_equal=seen).result().generation != UNKNOWN
        assert self._state(store) == ("value", b"")

    # ---- deleting on a condition

    def test_the_current_value_is_deleted(self, store: Any) -> None:
        seen = store.write("a", b"1").result().generation
        if not getattr(leaf(store._ref), "conditional_deletes", True):
            raises(Unimplemented, store.write("a", None, if_equal=seen).result)
            assert store["a"] == b"1"
            return
        assert store.write("a", None, if_equal=seen).result().generation == NO_VALUE
        assert "a" not in store

    def test_a_newer_value_is_not_deleted(self, store: Any) -> None:
        old = store.write("a", b"1").result().generation
        store["a"] = b"2"
        if not getattr(leaf(store._ref), "conditional_deletes", True):
            raises(Unimplemented, store.write("a", None, if_equal=old).result)
        else:
            assert store.write("a", None, if_equal=old).result().generation == UNKNOWN
        assert store["a"] == b"2"

    def test_what_is_missing_may_be_required_to_be(self, store: Any) -> None:
        assert store.write("a", None, if_equal=NO_VALUE).result().generation == NO_VALUE
        store["a"] = b"1"
        assert store.write("a", None, if_equal=NO_VALUE).result().generation == UNKNOWN
        assert store["a"] == b"1"
