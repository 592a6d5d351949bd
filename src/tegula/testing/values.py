"""Checks of values: what is written is read, whole or in part, with the time at which it was so."""

from __future__ import annotations

import random
import time
from typing import Any

from tegula.errors import OutOfRange
from tegula.kv.generation import NO_VALUE, UNKNOWN

__all__ = ["ValueChecks", "raises"]

VALUE = b"0123456789"
BIG = (1 << 22) + 1


def raises(kind: type[BaseException] | tuple[type[BaseException], ...], function: Any) -> BaseException:
    """Return the error of a call; it is a failure where there is none, or another."""
    try:
        found = function()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind}, and got {found!r}")


def same(found: bytes, expected: bytes) -> bool:
    """Return True where two big values are equal; else the error says where they part.

    What pytest says of `==` is a difference line by line, which takes minutes for megabytes.

    >>> same(b"tile", b"tale")
    Traceback (most recent call last):
        ...
    AssertionError: byte 1 of 4 is 105, and should be 97
    """
    if len(found) != len(expected):
        raise AssertionError(f"expected {len(expected)} bytes, and got {len(found)}")
    if found != expected:
        at = next(place for place, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
        raise AssertionError(f"byte {at} of {len(found)} is {found[at]}, and should be {expected[at]}")
    return True


class ValueChecks:
    """Reading what was written."""

    def _part(self, store: Any, start: int | None, stop: int | None, key: str = "a") -> Any:
        return store.read(key, byte_range=slice(start, stop)).result()

    def _out(self, store: Any, start: int | None, stop: int | None) -> None:
        store["a"] = VALUE
        raises(OutOfRange, lambda: self._part(store, start, stop))

    def test_a_missing_key_has_no_value(self, store: Any) -> None:
        found = store.read("a").result()
        assert (found.state, found.value, found.stamp.generation) == ("missing", b"", NO_VALUE)

    def test_what_is_written_is_read(self, store: Any) -> None:
        store.write("a", VALUE).result()
        found = store.read("a").result()
        assert (found.state, found.value) == ("value", VALUE)
        assert type(found.value) is bytes

    def test_a_value_is_replaced(self, store: Any) -> None:
        for value in (b"first, and longer", b"second", b"third, and much longer"):
            store["a"] = value
            assert store["a"] == value

    def test_an_empty_value_is_a_value(self, store: Any) -> None:
        store["a"] = b""
        assert store.read("a").result().state == "value"
        assert store["a"] == b""
        assert "a" in store

    def test_a_value_may_become_empty(self, store: Any) -> None:
        store["a"] = VALUE
        store["a"] = b""
        assert store["a"] == b""

    def test_any_byte_may_be_in_a_value(self, store: Any) -> None:
        value = bytes(range(256)) + b"\r\n\0" * 3
        store["a"] = value
        assert store["a"] == value

    def test_a_big_value(self, store: Any) -> None:
        for seed in range(3):
            value = random.Random(seed).randbytes(BIG + seed)
            store["a"] = value
            assert same(store["a"], value)

    def test_part_of_a_big_value(self, store: Any) -> None:
        value = random.Random(1).randbytes(BIG)
        store["a"] = value
        assert same(self._part(store, BIG - 5000, BIG - 100).value, value[-5000:-100])
        assert self._part(store, -3, None).value == value[-3:]

    def test_a_value_may_be_text(self, store: Any) -> None:
        store["a"] = "é"
        assert store["a"] == "é".encode()

    def test_what_is_written_is_what_it_was_then(self, store: Any) -> None:
        value = bytearray(VALUE)
        store.write("a", value).result()
        value[:] = b"xxxxxxxxxx"
        assert store["a"] == VALUE

    def test_a_value_is_seen_by_another_handle(self, store: Any) -> None:
        store["a"] = VALUE
        assert store.copy()["a"] == VALUE

    def test_keys_do_not_share_values(self, store: Any) -> None:
        for number in range(20):
            store[f"k/{number}"] = b"%d" % number
        assert [store[f"k/{number}"] for number in range(20)] == [b"%d" % number for number in range(20)]

    # ---- parts

    def test_a_part_in_the_middle(self, store: Any) -> None:
        store["a"] = VALUE
        assert self._part(store, 2, 5).value == b"234"

    def test_a_part_from_the_start(self, store: Any) -> None:
        store["a"] = VALUE
        assert self._part(store, None, 4).value == b"0123"

    def test_a_part_to_the_end(self, store: Any) -> None:
        store["a"] = VALUE
        assert self._part(store, 7, None).value == b"789"

    def test_a_part_counted_from_the_end(self, store: Any) -> None:
        store["a"] = VALUE
        assert self._part(store, -4, None).value == b"6789"

    def test_a_part_that_is_the_whole(self, store: Any) -> None:
        store["a"] = VALUE
        assert self._part(store, 0, 10).value == VALUE
        assert self._part(store, -10, None).value == VALUE
        assert self._part(store, None, None).value == VALUE

    def test_an_empty_part(self, store: Any) -> None:
        store["a"] = VALUE
        for place in (0, 3, 10):
            found = self._part(store, place, place)
            assert (found.state, found.value) == ("value", b""), place

    def test_the_empty_part_behind_the_end(self, store: Any) -> None:
        store["a"] = VALUE
        assert self._part(store, 10, None).value == b""

    def test_a_part_of_an_empty_value(self, store: Any) -> None:
        store["a"] = b""
        assert self._part(store, 0, 0).value == b""
        assert self._part(store, 0, None).value == b""
        raises(OutOfRange, lambda: self._part(store, 0, 1))

    def test_a_part_past_the_end_is_an_error(self, store: Any) -> None:
        self._out(store, 5, 50)
        self._out(store, 0, 11)

    def test_a_part_behind_the_end_is_an_error(self, store: Any) -> None:
        self._out(store, 11, None)
        self._out(store, 11, 11)
        self._out(store, 20, 30)

    def test_more_from_the_end_than_there_is_is_an_error(self, store: Any) -> None:
        self._out(store, -11, None)

    def test_a_part_of_a_missing_key_is_missing(self, store: Any) -> None:
        assert self._part(store, 2, 5).state == "missing"
        assert self._part(store, -5, None).state == "missing"

    def test_a_part_has_the_generation_of_the_whole(self, store: Any) -> None:
        store["a"] = VALUE
        whole = store.read("a").result().stamp.generation
        assert self._part(store, 2, 5).stamp.generation == whole
        assert self._part(store, -2, None).stamp.generation == whole
        assert self._part(store, 3, 3).stamp.generation == whole

    def test_any_part_is_a_slice(self, store: Any) -> None:
        draw = random.Random(2)
        value = draw.randbytes(300)
        store["a"] = value
        for _ in range(30):
            start, stop = sorted((draw.randint(0, 300), draw.randint(0, 300)))
            assert self._part(store, start, stop).value == value[start:stop], (start, stop)

    # ---- times

    def test_what_is_read_was_so_after_it_was_asked_for(self, store: Any) -> None:
        store["a"] = VALUE
        for key in ("a", "missing"):
            before = time.time()
            stamp = store.read(key).result().stamp
            assert before - 1 <= stamp.time <= time.time() + 1, key

    def test_what_is_written_was_so_after_it_was_asked_for(self, store: Any) -> None:
        before = time.time()
        stamp = store.write("a", VALUE).result()
        assert before - 1 <= stamp.time <= time.time() + 1

    def test_a_read_is_never_staler_than_the_last_write(self, store: Any) -> None:
        for number in range(20):
            store["a"] = b"%d" % number
            assert store.read("a", staleness_bound=time.time()).result().value == b"%d" % number

    # ---- deleting one

    def test_a_deleted_key_has_no_value(self, store: Any) -> None:
        store["a"] = VALUE
        assert store.write("a", None).result().generation == NO_VALUE
        found = store.read("a").result()
        assert (found.state, found.stamp.generation) == ("missing", NO_VALUE)
        assert "a" not in store

    def test_deleting_a_missing_key_is_fine(self, store: Any) -> None:
        del store["a"]
        assert store.write("b/c", None).result().generation == NO_VALUE

    def test_deleting_leaves_the_neighbours(self, store: Any) -> None:
        for place in ("", "b/", "b/c/", "d/"):
            store[place + "a"] = store[place + "ab"] = b"1"
        for place in ("", "b/", "b/c/", "d/"):
            store[place + "a"] = None
            assert store[place + "ab"] == b"1"

    def test_a_deleted_key_may_be_written_again(self, store: Any) -> None:
        for _ in range(3):
            store["a/b"] = VALUE
            assert store["a/b"] == VALUE
            del store["a/b"]
            assert "a/b" not in store

    # ---- errors

    def test_a_missing_key_is_a_key_error_of_the_mapping(self, store: Any) -> None:
        raises(KeyError, lambda: store["a"])

    def test_an_error_changes_nothing(self, store: Any) -> None:
        stamp = store.write("a", VALUE).result()
        raises(OutOfRange, lambda: self._part(store, 0, 100))
        raises(TypeError, lambda: store.write("a", 5))
        found = store.read("a").result()
        assert (found.value, found.stamp.generation) == (VALUE, stamp.generation)

    def test_an_answer_has_no_unknown_generation(self, store: Any) -> None:
        assert store.write("a", VALUE).result().generation not in (UNKNOWN, NO_VALUE)
        assert store.read("a").result().stamp.generation not in (UNKNOWN, NO_VALUE)
