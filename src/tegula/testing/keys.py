"""Checks of keys: any that a store takes is the one that it gives back, and none leads out of its path."""

from __future__ import annotations

import contextlib
from typing import Any

from tegula.testing.values import raises

__all__ = ["KeyChecks"]

ODD = (
    "c/0/0",
    "zarr.json",
    ".zarray",
    "a b",
    "a%20b",
    "a+b&c=d",
    "a#b",
    "a;b,c",
    "(a)[b]{c}",
    "@a!$'",
    "~a",
    "-",
    "...a",
    "a..b",
    "é",
    "中文/𝄞",
    "x" * 200,
    "/".join("abcdefgh" * 4),
)
HOSTILE = ("../b", "a/../../b", "..", "/../b", "a/..", "./../b", "%2e%2e/b", "..%2fb", "..\\b", "a/../b")


class KeyChecks:
    """Keys and paths."""

    def test_odd_keys_are_kept_as_they_are(self, store: Any) -> None:
        for number, key in enumerate(ODD):
            below = store / f"{number}/"
            below[key] = key.encode()
            assert below[key] == key.encode(), key
            assert below.list().result() == [key.encode()], key
            del below[key]
            assert key not in below, key
        assert store.list().result() == []

    def test_keys_that_encode_each_other_are_different(self, store: Any) -> None:
        keys = ("a b", "a%20b", "a+b", "a%2520b")
        for key in keys:
            store[key] = key.encode()
        assert [store[key] for key in keys] == [key.encode() for key in keys]

    def test_upper_and_lower_case_are_different(self, store: Any) -> None:
        store["a"], store["A"] = b"lower", b"upper"
        assert (store["a"], store["A"]) == (b"lower", b"upper")

    def test_text_is_not_normalised(self, store: Any) -> None:
        one, two = "\u00e9", "e\u0301"
        store[one], store[two] = b"1", b"2"
        assert (store[one], store[two]) == (b"1", b"2")
        assert sorted(store.list().result()) == sorted((one.encode(), two.encode()))

    def test_a_key_may_begin_another(self, store: Any) -> None:
        store["a"], store["ab"], store["abc/d"] = b"1", b"2", b"3"
        assert (store["a"], store["ab"], store["abc/d"]) == (b"1", b"2", b"3")

    def test_bytes_and_text_name_the_same_key(self, store: Any) -> None:
        store["é/a"] = b"1"
        assert store["é/a".encode()] == b"1"

    def test_a_path_stands_in_front_without_a_slash(self, store: Any) -> None:
        (store + "x")["y"] = b"1"
        assert store["xy"] == b"1"
        (store / "x")["y"] = b"2"
        assert store["xy"] == b"2"
        (store / "d/")["y"] = b"3"
        assert store["d/y"] == b"3"

    def test_a_key_that_is_missing_below_a_value(self, store: Any) -> None:
        store["a"] = b"1"
        assert store.read("a/b").result().state == "missing"

    def test_a_hostile_key_stays_inside_or_is_refused(self, store: Any) -> None:
        store["outside"], store["b"] = b"kept", b"kept"
        inside = store / "in/side/"
        for key in HOSTILE:
            with contextlib.suppress(ValueError):
                inside.write(key, b"evil").result()
                assert inside.read(key).result().value == b"evil", key
            outside = {found for found in store.list().result() if not found.startswith(b"in/side/")}
            assert outside == {b"outside", b"b"}, key
            assert (store["outside"], store["b"]) == (b"kept", b"kept"), key

    def test_a_key_is_text_or_bytes(self, store: Any) -> None:
        raises(TypeError, lambda: store.read(5))
        raises(TypeError, lambda: store.write(None, b""))
