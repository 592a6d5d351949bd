"""Checks of the law that native equals expanded: a block means all of its rows, a splice a read and a write,
children and pages a listing, an origin the generation that a reading tells, whatever the store does itself.
"""

from __future__ import annotations

from typing import Any

from tegula.effects.effect import Program
from tegula.effects.handler import expanded
from tegula.effects.storage import (
    UNCHANGED,
    Children,
    List,
    ListPage,
    Origin,
    ReadMany,
    Splice,
    Tried,
    WriteMany,
)
from tegula.errors import OutOfRange
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange
from tegula.runtime.session import run
from tegula.testing.values import raises

__all__ = ["NativeChecks"]


def _as_it_is(program: Program[Any]) -> Program[Any]:
    return program


async def _ask(effect: Any) -> Any:
    return await effect


def both(effect: Any) -> list[Any]:
    """Return the answers of a block as the store gives it and as its definition does."""
    return [run(_ask(effect)), run(expanded(_ask(effect)))]


class NativeChecks:
    """Blocks of keys."""

    def _key(self, store: Any, key: str) -> str:
        return f"{store.path}{key}"

    def _read(self, store: Any, keys: list[str], **columns: Any) -> list[Any]:
        whole = [self._key(store, key) for key in keys]
        answers = both(ReadMany(store._ref, whole, **columns))
        native, defined = (
            [
                (bytes(value) if isinstance(value, (bytearray, memoryview)) else value, generation)
                for value, generation in zip(answer.values, answer.generations, strict=True)
            ]
            for answer in answers
        )
        assert native == defined
        return native

    def test_a_block_is_its_keys(self, store: Any) -> None:
        for number in range(0, 40, 2):
            store[f"{number}"] = b"%d" % number
        found = self._read(store, [f"{number}" for number in range(40)])
        assert [value for value, _ in found] == [b"%d" % n if n % 2 == 0 else None for n in range(40)]
        assert [generation == NO_VALUE for _, generation in found] == [n % 2 == 1 for n in range(40)]

    def test_a_block_of_one_and_of_none(self, store: Any) -> None:
        store["a"] = b"1"
        assert [value for value, _ in self._read(store, ["a"])] == [b"1"]
        assert self._read(store, []) == []

    def test_a_block_may_name_a_key_twice(self, store: Any) -> None:
        store["a"] = b"1"
        assert [value for value, _ in self._read(store, ["a", "b", "a"])] == [b"1", None, b"1"]

    def test_a_block_of_parts(self, store: Any) -> None:
        for key in ("a", "b", "c"):
            store[key] = b"0123456789"
        ranges = [ByteRange(2, 5), None, ByteRange(-3), ByteRange(0, 0)]
        found = self._read(store, ["a", "b", "c", "missing"], ranges=ranges)
        assert [value for value, _ in found] == [b"234", b"0123456789", b"789", None]

    def test_a_block_of_what_is_known(self, store: Any) -> None:
        known = [store.write(key, b"1").result().generation for key in ("a", "b", "c")]
        store["b"] = b"2"
        found = self._read(store, ["a", "b", "c", "d"], if_not_equal=[*known[:2], UNKNOWN, known[0]])
        assert [value for value, _ in found] == [UNCHANGED, b"2", b"1", None]

    def test_a_large_block(self, store: Any) -> None:
        keys = [f"{number // 10}/{number}" for number in range(300)]
        whole = [self._key(store, key) for key in keys]
        run(_ask(WriteMany(store._ref, whole, [key.encode() for key in keys])))
        assert [value for value, _ in self._read(store, keys)] == [key.encode() for key in keys]

    def test_the_error_of_a_block_is_that_of_its_lowest_row(self, store: Any) -> None:
        for number in range(6):
            store[f"{number}"] = b"x" * number
        effect = ReadMany(
            store._ref,
            [self._key(store, f"{number}") for number in range(6)],
            ranges=[None, None, ByteRange(0, 50), None, ByteRange(0, 60), ByteRange(0, 70)],
        )
        errors = [
            raises(OutOfRange, lambda: run(_ask(effect))),
            raises(OutOfRange, lambda: run(expanded(_ask(effect)))),
        ]
        assert [str(error) for error in errors] == [str(errors[0])] * 2
        assert "[0, 50)" in str(errors[0])

    def test_a_block_that_is_tried_is_its_rows_tried(self, store: Any) -> None:
        for number in range(5):
            store[f"{number}"] = b"x" * number
        known = store.read("3").result().stamp.generation
        block = ReadMany(
            store._ref,
            [self._key(store, f"{number}") for number in range(6)],
            [None, ByteRange(0, 9), ByteRange(1), None, ByteRange(0, 8), None],
            [UNKNOWN, UNKNOWN, UNKNOWN, known, UNKNOWN, UNKNOWN],
        )
        native, defined = both(Tried(block))
        for found in (native, defined):
            assert sorted(found.errors) == [1, 4], found
            assert all(isinstance(error, OutOfRange) for error in found.errors.values()), found
        assert [str(native.errors[row]) for row in (1, 4)] == [str(defined.errors[row]) for row in (1, 4)]
        assert native.columns.generations == defined.columns.generations
        values = [
            [bytes(value) if isinstance(value, (bytearray, memoryview)) else value for value in found]
            for found in (native.columns.values, defined.columns.values)
        ]
        assert values == [[b"", None, b"x", UNCHANGED, None, None]] * 2

    def test_writes_that_are_tried_are_their_rows_tried(self, store: Any) -> None:
        for name, answer in (("native", _as_it_is), ("defined", expanded)):
            below = store / f"{name}/"
            now = below.write("now", b"1").result().generation
            keys = [self._key(below, key) for key in ("now", "there", "made", "any")]
            below["there"] = b"1"
            conditions = [now, NO_VALUE, NO_VALUE, UNKNOWN]
            done = run(answer(_ask(Tried(WriteMany(store._ref, keys, [b"2"] * 4, conditions)))))
            assert not done.errors
            assert [generation != UNKNOWN for generation in done.columns.generations] == (
                [True, False, True, True]
            ), name
            assert [below[key] for key in ("now", "there", "made", "any")] == [b"2", b"1", b"2", b"2"]

    def test_the_pages_of_a_listing_are_the_listing(self, store: Any) -> None:
        for number in range(12):
            store[f"p/{number}"] = b"1"
        wanted = KeyRange.prefix(self._key(store, "p/"))
        found: list[str] = []
        token = ""
        while True:
            page = run(_ask(ListPage(store._ref, wanted, token)))
            found += page.listing.keys
            token = page.token
            if not token:
                break
        assert sorted(found) == sorted(run(_ask(List(store._ref, wanted))).keys)
        assert len(found) == 12

    def test_where_a_value_comes_from_is_its_generation(self, store: Any) -> None:
        for value in (b"1", b"2"):
            made = store.write("a", value).result().generation
            assert run(_ask(Origin(store._ref, self._key(store, "a")))).generation == made
        assert run(_ask(Origin(store._ref, self._key(store, "b")))).generation == NO_VALUE

    def test_a_block_of_writes(self, store: Any) -> None:
        for name, answer in (("native", _as_it_is), ("defined", expanded)):
            below = store / f"{name}/"
            below["old"] = b"1"
            effect = WriteMany(
                store._ref, [self._key(below, key) for key in ("new", "old", "gone")], [b"n", b"o", None]
            )
            done = run(answer(_ask(effect)))
            assert UNKNOWN not in done.generations
            assert done.generations[2] == NO_VALUE
            assert (below["new"], below["old"], "gone" in below) == (b"n", b"o", False)
            assert [below.read(key).result().stamp.generation for key in ("new", "old")] == (
                done.generations[:2]
            )

    def test_a_block_of_writes_on_conditions(self, store: Any) -> None:
        for name, answer in (("native", _as_it_is), ("defined", expanded)):
            below = store / f"{name}/"
            now, old = (below.write(key, b"1").result().generation for key in ("now", "old"))
            below["old"] = b"2"
            effect = WriteMany(
                store._ref,
                [self._key(below, key) for key in ("now", "old", "made", "there", "any")],
                [b"3"] * 5,
                [now, old, NO_VALUE, NO_VALUE, UNKNOWN],
            )
            below["there"] = b"1"
            done = run(answer(_ask(effect)))
            assert [generation != UNKNOWN for generation in done.generations] == (
                [True, False, True, False, True]
            ), name
            assert [below[key] for key in ("now", "old", "made", "there", "any")] == (
                [b"3", b"2", b"3", b"1", b"3"]
            )

    def test_a_splice_is_a_read_and_a_write(self, store: Any) -> None:
        old = bytes(range(256)) * 4096  # large enough to be moved in pieces
        for name, answer in (("native", _as_it_is), ("defined", expanded)):
            below = store / f"{name}/"
            first = below.write("a", old).result().generation
            parts: list[Any] = [ByteRange(7, 7), b"<", ByteRange(300_000, 900_001), bytearray(b"-")]
            parts += [ByteRange(5, 9), memoryview(b"|"), ByteRange(0, 70_000), b""]
            key = self._key(below, "a")
            done = run(answer(_ask(Splice(store._ref, key, parts, first))))
            new = b"<" + old[300_000:900_001] + b"-" + old[5:9] + b"|" + old[:70_000]
            assert below["a"] == new
            assert below.read("a").result().stamp.generation == done.generation
            for condition in (first, NO_VALUE):
                refused = run(answer(_ask(Splice(store._ref, key, [b"other"], condition))))
                assert refused.generation == UNKNOWN
            missing = Splice(store._ref, self._key(below, "b"), [ByteRange(0, 1)], first)
            assert run(answer(_ask(missing))).generation == UNKNOWN
            outside = Splice(store._ref, key, [b"x", ByteRange(1, len(new) + 1)], done.generation)
            error = raises(OutOfRange, lambda answer=answer, outside=outside: run(answer(_ask(outside))))
            assert f"[1, {len(new) + 1})" in str(error)
            assert (below["a"], "b" in below) == (new, False)

    def test_an_origin_tells_which_write_it_was_or_nothing(self, store: Any) -> None:
        keys = [self._key(store, key) for key in ("a", "b")]
        stamps = [b"this is one...16", b"this is two...16"]
        done = run(_ask(WriteMany(store._ref, keys, [b"1", b"2"], [NO_VALUE] * 2, stamps)))
        for key, stamp, generation in zip(keys, stamps, done.generations, strict=True):
            seen = run(_ask(Origin(store._ref, key)))
            assert seen.generation == generation
            assert seen.stamp in (b"", stamp)
            assert seen.condition in (UNKNOWN, NO_VALUE)
        store["a"] = b"somebody else's"
        assert run(_ask(Origin(store._ref, keys[0]))).stamp not in stamps

    def test_folders_of_pages_are_the_children(self, store: Any) -> None:
        for key in ("a", "b/1", "b/2/3", "b0", "bb/b/b"):
            store[f"p/{key}"] = b"1"
        prefix = self._key(store, "p/")
        native, defined = both(Children(store._ref, prefix))
        assert native == defined
        assert native == ["a", "b/", "b0", "bb/"]
        names, token, first = set(), "", True
        while token or first:
            first = False
            page = run(_ask(ListPage(store._ref, KeyRange.prefix(prefix), token, "/")))
            for key in (*page.listing.keys, *page.folders):
                name, slash, _ = key[len(prefix) :].partition("/")
                names.add(name + slash)
            token = page.token
        assert sorted(names - {""}) == native
