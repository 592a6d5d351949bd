"""Stores against a model: a dictionary of values with generations, driven through the effects."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tegula.effects.storage import (
    UNCHANGED,
    Children,
    DeleteRange,
    List,
    Read,
    ReadMany,
    Write,
    WriteMany,
)
from tegula.errors import OutOfRange
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, StoreRef, from_key
from tegula.leaves.file import FileLeaf
from tegula.leaves.memory import MemoryLeaf
from tegula.runtime.inline import run
from tegula.runtime.perform import Performer

# names and directories that never collide: "a" is only a directory, "x" only a file
LEAVES = st.sampled_from(["x", "x0", "y", "é", "0"])
KEYS = st.builds("/".join, st.tuples(st.sampled_from(["", "a", "a/b", "a/b.c", "d"]), LEAVES)).map(
    lambda key: key.removeprefix("/")
)
EDGES = ["a", "a/", "a0", "a/b", "a/b/", "a/b0", "d/", "b", "z"]
BOUNDS = st.one_of(st.just(""), KEYS, st.sampled_from(EDGES))
VALUES = st.binary(max_size=12)
ROWS = st.lists(st.tuples(KEYS, st.none() | VALUES), max_size=12, unique_by=lambda row: row[0])
RANGES = st.one_of(
    st.none(),
    st.builds(ByteRange, st.integers(0, 14)),
    st.builds(ByteRange, st.integers(-14, -1)),
    st.tuples(st.integers(0, 14), st.integers(0, 14)).map(lambda pair: ByteRange(min(pair), max(pair))),
)


async def ask(effect: Any) -> Any:
    return await effect


def cut(value: bytes, wanted: ByteRange | None) -> bytes | None:
    """What a byte range of a value is, or None where it does not fit."""
    start, stop = (0, None) if wanted is None else wanted
    first = start + len(value) if start < 0 else start
    last = len(value) if stop is None else stop
    return value[first:last] if 0 <= first <= last <= len(value) else None


class StoreMachine(RuleBasedStateMachine):
    """Law: a store answers as a dictionary whose every write gives a generation never seen before."""

    root = ""

    def make(self) -> tuple[StoreRef, Any]:
        raise NotImplementedError

    @initialize()
    def open(self) -> None:
        self.ref, self.leaf = self.make()
        self.perform = Performer(lambda _: self.leaf)
        self.model: dict[str, tuple[bytes, bytes]] = {}
        self.seen: list[bytes] = [UNKNOWN, NO_VALUE, b"\0never"]

    def ask(self, effect: Any) -> Any:
        return run(ask(effect), self.perform)

    def whole(self, key: str) -> str:
        return self.root + key

    def allowed(self, key: str, condition: bytes) -> bool:
        return condition in (UNKNOWN, self.model.get(key, (b"", NO_VALUE))[1])

    def note(self, key: str, value: bytes | None, generation: bytes) -> None:
        if value is None:
            assert generation == NO_VALUE
            self.model.pop(key, None)
        else:
            assert generation not in self.seen
            self.model[key] = (value, generation)
            self.seen.append(generation)

    @rule(key=KEYS, value=st.none() | VALUES, data=st.data())
    def write(self, key: str, value: bytes | None, data: st.DataObject) -> None:
        condition = data.draw(self.conditions(key))
        outcome = self.ask(Write(self.ref, self.whole(key), value, condition))
        assert outcome.applied == self.allowed(key, condition)
        if outcome.applied:
            self.note(key, value, outcome.generation)

    def conditions(self, key: str) -> st.SearchStrategy[bytes]:
        current = self.model.get(key, (b"", NO_VALUE))[1]
        return st.one_of(st.just(UNKNOWN), st.just(current), st.sampled_from(self.seen))

    @rule(key=KEYS, wanted=RANGES, data=st.data())
    def read(self, key: str, wanted: ByteRange | None, data: st.DataObject) -> None:
        differs, equals = data.draw(self.conditions(key)), data.draw(self.conditions(key))
        effect = Read(self.ref, self.whole(key), wanted, differs, equals)
        if key not in self.model:
            assert self.ask(effect).state == "missing"
            return
        value, generation = self.model[key]
        if generation == differs or equals not in (UNKNOWN, generation):
            found = self.ask(effect)
            assert (found.state, found.generation) == ("unspecified", generation)
            return
        expected = cut(value, wanted)
        if expected is None:
            with pytest.raises(OutOfRange):
                self.ask(effect)
            return
        found = self.ask(effect)
        assert (found.state, bytes(found.value), found.generation) == ("value", expected, generation)

    @rule(keys=st.lists(KEYS, max_size=8), data=st.data())
    def read_many(self, keys: list[str], data: st.DataObject) -> None:
        known = data.draw(st.none() | st.tuples(*map(self.conditions, keys)))
        found = self.ask(ReadMany(self.ref, [*map(self.whole, keys)], None, known))
        for row, key in enumerate(keys):
            value, generation = self.model.get(key, (None, NO_VALUE))
            same = known is not None and value is not None and known[row] == generation
            assert found.generations[row] == generation
            assert found.values[row] == (UNCHANGED if same else value)

    @rule(rows=ROWS, data=st.data())
    def write_many(self, rows: list[tuple[str, bytes | None]], data: st.DataObject) -> None:
        conditions = data.draw(st.none() | st.tuples(*(self.conditions(key) for key, _ in rows)))
        keys, values = [self.whole(key) for key, _ in rows], [value for _, value in rows]
        generations = self.ask(WriteMany(self.ref, keys, values, conditions)).generations
        assert len(generations) == len(rows)
        for row, (key, value) in enumerate(rows):
            allowed = conditions is None or self.allowed(key, conditions[row])
            assert (generations[row] != UNKNOWN) == allowed
            if allowed:
                self.note(key, value, generations[row])

    def inside(self, low: str, high: str) -> list[str]:
        return [
            key
            for key in self.model
            if from_key(key) >= from_key(low) and (not high or from_key(key) < from_key(high))
        ]

    def range(self, low: str, high: str) -> KeyRange:
        return KeyRange(
            self.root + low, self.root + high if high else KeyRange.prefix(self.root).exclusive_max
        )

    @rule(low=BOUNDS, high=BOUNDS)
    def list(self, low: str, high: str) -> None:
        listing = self.ask(List(self.ref, self.range(low, high)))
        assert sorted(listing.keys) == sorted(map(self.whole, self.inside(low, high)))
        for key, size in zip(listing.keys, listing.sizes, strict=True):
            assert size in (-1, len(self.model[key.removeprefix(self.root)][0]))

    @rule(low=BOUNDS, high=BOUNDS)
    def delete_range(self, low: str, high: str) -> None:
        self.ask(DeleteRange(self.ref, self.range(low, high)))
        for key in self.inside(low, high):
            del self.model[key]

    @invariant()
    def everything_is_there(self) -> None:
        if hasattr(self, "model"):
            listing = self.ask(List(self.ref, KeyRange.prefix(self.root)))
            assert sorted(listing.keys) == sorted(map(self.whole, self.model))


class MemoryMachine(StoreMachine):
    def make(self) -> tuple[StoreRef, Any]:
        ref = StoreRef("memory")
        return ref, MemoryLeaf(ref)


class FileMachine(StoreMachine):
    mode = "os"

    def make(self) -> tuple[StoreRef, Any]:
        self.folder = tempfile.mkdtemp()
        self.root = f"{self.folder}/s/"
        ref = StoreRef("file", (("file_io_locking", self.mode), ("file_io_sync", False)))
        return ref, FileLeaf(ref)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


class LockFileMachine(FileMachine):
    mode = "lockfile"


SOAK = bool(os.environ.get("TEGULA_SOAK"))
RUNS = settings(
    max_examples=1000 if SOAK else 60,
    stateful_step_count=100 if SOAK else 40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize("machine", [MemoryMachine, FileMachine, LockFileMachine])
def test_stores_answer_as_a_dictionary(machine: type[StoreMachine]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=RUNS)


class Expanded:
    """A leaf without its native answers to blocks."""

    def __init__(self, leaf: Any) -> None:
        self.perform = leaf.perform


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    asked=st.lists(st.tuples(KEYS, RANGES, st.integers(0, 12)), max_size=12),
    file=st.booleans(),
)
def test_native_blocks_equal_their_expansion(
    rows: list[tuple[str, bytes | None]], asked: list[tuple[str, ByteRange | None, int]], file: bool
) -> None:
    """Law: `read_many` and `write_many` answer, and fail, as the single effects do one by one."""
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/" if file else ""
        ref = StoreRef("file", (("file_io_sync", False),)) if file else StoreRef("memory")
        leaf: Any = FileLeaf(ref) if file else MemoryLeaf(ref)
        native, expanded = Performer(lambda _: leaf), Performer(lambda _: Expanded(leaf))
        keys, values = [root + key for key, _ in rows], [value for _, value in rows]
        first = native(WriteMany(ref, keys, values)).generations
        again = expanded(WriteMany(ref, keys, values, first)).generations
        assert [a == UNKNOWN for a in again] == [False] * len(rows)
        assert native(WriteMany(ref, keys, values, again)).generations.count(UNKNOWN) == 0
        assert expanded(WriteMany(ref, keys, values, [b"\0no"] * len(rows))).generations == [UNKNOWN] * len(
            rows
        )
        current = native(ReadMany(ref, keys)).generations
        known = [current[number] if number < len(current) else UNKNOWN for _, _, number in asked]
        block = ReadMany(ref, [root + key for key, _, _ in asked], [wanted for _, wanted, _ in asked], known)
        answers = []
        for perform in (native, expanded):
            try:
                found = perform(block)
                answers.append((found.values, found.generations))
            except OutOfRange as error:
                answers.append(str(error))
        assert answers[0] == answers[1]


@settings(max_examples=60, deadline=None)
@given(
    keys=st.lists(KEYS, max_size=12, unique=True),
    prefix=st.sampled_from(["", "a/", "a/b/", "d/"]),
    file=st.booleans(),
)
def test_names_below_a_prefix_are_those_of_its_keys(keys: list[str], prefix: str, file: bool) -> None:
    """Law: `Children` names what `List` finds below the prefix, up to the next slash, natively or not."""
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/" if file else ""
        ref = StoreRef("file", (("file_io_sync", False),)) if file else StoreRef("memory")
        leaf: Any = FileLeaf(ref) if file else MemoryLeaf(ref)
        native, expanded = Performer(lambda _: leaf), Performer(lambda _: Expanded(leaf))
        native(WriteMany(ref, [root + key for key in keys], [b"x"] * len(keys)))
        effect = Children(ref, root + prefix)
        below = [key[len(prefix) :] for key in keys if key.startswith(prefix)]
        cut = {name + slash for name, slash, _ in (key.partition("/") for key in below)} - {""}
        assert native(effect) == expanded(effect) == sorted(cut, key=from_key)
