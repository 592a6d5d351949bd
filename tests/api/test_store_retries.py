"""Stores of users that fail for now: asked again after what they call transient, as often as they say."""

from __future__ import annotations

import collections
import itertools
from typing import Any

import pytest

import tegula
from tegula.errors import Aborted, Indeterminate, InvalidArgument, Unavailable
from tegula.runtime.live import leaf

from ..testing.stores_of_users import Versioned

_fresh = itertools.count()


def opened(spec: Any) -> Any:
    return tegula.KvStore.open(spec).result()


class Reset(Exception):
    """What the client of some service raises."""


class Once:
    """Fails the first time for each key and method, with what `make` gives."""

    retries = (3, 0.001, 0.002)

    def __init__(self):
        self.values = {}
        self.seen = collections.Counter()

    def fail(self, method, key):
        self.seen[method, key] += 1
        if self.seen[method, key] == 1:
            raise self.make(f"{method} {key}")

    def get(self, key):
        self.fail("get", key)
        return self.values.get(key)

    def put(self, key, value):
        self.fail("put", key)
        self.values[key] = value

    def delete(self, key):
        self.fail("delete", key)
        self.values.pop(key, None)

    def list(self, prefix):
        self.fail("list", prefix)
        return list(self.values)


@pytest.mark.parametrize("how", ["unavailable", "classes", "function"])
def test_a_store_is_asked_again_after_what_it_calls_transient(how):
    class Flaky(Once):
        make = Unavailable if how == "unavailable" else Reset
        if how == "classes":
            transient = (Reset, TimeoutError)
        elif how == "function":

            def transient(self, error):
                return isinstance(error, Reset)

    tegula.register_store("flaky-test", Flaky)
    store = opened("flaky-test://")
    store["a"] = b"1"
    assert store["a"] == b"1"
    assert store.list().result() == [b"a"]
    del store["a"]
    assert "a" not in store
    layout = tegula.ChunkLayout(chunk_shape=[4])
    options = {"create": True, "dtype": "int8", "shape": [40], "chunk_layout": layout}
    with pytest.warns(tegula.LostUpdates):
        array = tegula.open("flaky-test://b/|zarr3:", **options).result()
    array[...] = 1
    array[2:38] = 2
    assert array.read().result().sum() == 76
    live = leaf(store._ref).store
    assert {method for method, _ in live.seen} == {"get", "put", "delete", "list"}


def test_a_store_that_fails_for_ever_is_asked_as_often_as_it_says():
    class Never(Once):
        transient = (Reset,)

        def fail(self, method, key):
            self.seen[method, key] += 1
            raise Reset("gone")

    tegula.register_store("never-test", Never)
    store = opened("never-test://")
    with pytest.raises(Aborted, match="All 3 retry attempts failed: Reset: gone") as info:
        store["a"]
    assert isinstance(info.value.__cause__.__cause__, Reset)
    with pytest.raises(Indeterminate, match="All 3 retry attempts failed: Reset: gone"):
        store["a"] = b"1"  # it may have landed
    assert leaf(store._ref).store.seen == {("get", "a"): 4, ("put", "a"): 4}


def test_what_is_not_transient_is_raised_as_it_is():
    class Broken(Once):
        make = KeyError
        transient = (Reset,)

    class Said(Once):
        make = Reset
        transient = (Reset,)
        retries = 0

    for kind in (Broken, Said):
        tegula.register_store("broken-test", kind)
        store = opened("broken-test://")
        with pytest.raises(kind.make, match="get a"):
            store.read("a").result()
        assert leaf(store._ref).store.seen == {("get", "a"): 1}


@pytest.mark.parametrize("said", [-1, "3", (1, 2), (1, -1.0, 2.0), 1.5, None])
def test_retries_that_are_none(said):
    tegula.register_store("odd-test", type("Odd", (Once,), {"retries": said}))
    with pytest.raises(InvalidArgument, match="`retries` of the store"):
        opened("odd-test://")


def test_a_conditional_write_whose_answer_was_lost_is_not_made_twice():
    """The store acts and then fails: it is told as in doubt, never as refused by itself."""

    class Lost(Versioned):
        retries = (3, 0.001, 0.002)
        transient = (Reset,)
        left = 1

        def put_if(self, key, value, version):
            done = super().put_if(key, value, version)
            if self.left:
                self.left -= 1
                raise Reset("the answer was lost")
            return done

    tegula.register_store("lost-test", Lost)
    store = opened("lost-test://")
    with pytest.raises(Indeterminate):
        store.write("a", b"1", if_equal=b"\x02").result()
    assert store["a"] == b"1"
    known = store.read("a").result().stamp.generation
    assert store.write("a", b"2", if_equal=known).result().generation


def test_a_conditional_write_that_never_arrived_is_made_again():
    class Deaf(Versioned):
        retries = (3, 0.001, 0.002)
        transient = (Reset,)
        left = 2

        def put_if(self, key, value, version):
            if self.left:
                self.left -= 1
                raise Reset("nobody listened")
            return super().put_if(key, value, version)

    tegula.register_store("deaf-test", Deaf)
    assert opened("deaf-test://").write("a", b"1", if_equal=b"\x02").result().generation


class HttpError(Exception):
    def __init__(self, code):
        super().__init__(f"HTTP {code}")
        self.code = code


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (HttpError(503), True),
        (HttpError("429"), True),
        (HttpError(404), False),
        (HttpError(None), False),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (PermissionError(), False),
        (type("ServerDisconnectedError", (Exception,), {})(), True),
        (
            type("ClientError", (Exception,), {"response": {"ResponseMetadata": {"HTTPStatusCode": 500}}})(),
            True,
        ),
        (type("ClientError", (Exception,), {"response": {"ResponseMetadata": {}}})(), False),
    ],
)
def test_what_fsspec_is_asked_again_after(error, passes):
    """A file system that fails once: the store above tells what passes from what does not."""
    fsspec = pytest.importorskip("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    name = f"flaky{next(_fresh)}"

    class Flaky(MemoryFileSystem):
        protocol = name
        left = 0

        def cat_file(self, *arguments, **more):
            if type(self).left:
                type(self).left -= 1
                raise error
            return super().cat_file(*arguments, **more)

    fsspec.register_implementation(name, Flaky)
    store = opened(f"fsspec:{name}:///retries/")
    store["a"] = b"1"
    Flaky.left = 1
    if passes:
        assert store["a"] == b"1"
        assert Flaky.left == 0
    else:
        with pytest.raises(type(error)):
            store.read("a").result()
