"""Stores that users register: by class, instance, entry point; in JSON and URLs; errors; what they lack."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula
from tegula.errors import InvalidArgument, Unimplemented
from tests.children import printed

ROOT = Path(__file__).resolve().parents[2]


class Shelf:
    made = 0

    def __init__(self, colour: str = "white", shelves: list[int] | None = None) -> None:
        type(self).made += 1
        self.colour, self.values = colour, {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.values[key] = value


class Angry(Shelf):
    def get(self, key: str) -> bytes | None:
        raise RuntimeError(f"not {key}!")

    def put(self, key: str, value: bytes) -> None:
        raise PermissionError(13, "hands off", key)


@pytest.fixture
def shelf():
    class Own(Shelf):
        pass

    tegula.register_store("shelf-test", Own)
    return Own


def opened(spec: Any) -> Any:
    return tegula.KvStore.open(spec).result()


def test_equal_options_are_one_store_and_made_once(shelf):
    one = opened({"driver": "shelf-test", "colour": "red", "shelves": [1, 2]})
    one["a"] = b"1"
    same = opened({"shelves": [1, 2], "path": "", "colour": "red", "driver": "shelf-test"})
    assert same["a"] == b"1"
    assert same == one
    assert "a" not in opened({"driver": "shelf-test", "colour": "blue"})
    assert shelf.made == 2


def test_a_store_prints_pickles_and_gives_its_specification(shelf):
    store = opened({"driver": "shelf-test", "path": "a/", "colour": "red"})
    store["k"] = b"1"
    assert repr(store) == "KvStore({'colour': 'red', 'driver': 'shelf-test', 'path': 'a/'})"
    assert pickle.loads(pickle.dumps(store))["k"] == b"1"
    assert opened(store.spec())["k"] == b"1"
    assert opened(store.spec().to_json())["k"] == b"1"
    assert tegula.KvStore.Spec(store.spec().to_json()) == store.spec()


def test_a_url_names_the_path_where_there_are_no_options(shelf):
    store = opened("shelf-test://a%20b/")
    assert (store.path, store.url) == ("a b/", "shelf-test://a%20b/")
    with pytest.raises(NotImplementedError, match="URL representation not supported"):
        _ = opened({"driver": "shelf-test", "colour": "red"}).url


def test_an_array_is_found_by_url_and_by_json(shelf):
    with pytest.warns(tegula.LostUpdates, match="shelf-test"):
        made = tegula.open("shelf-test://x/|zarr3:", create=True, dtype="int16", shape=[4]).result()
    made[...] = np.arange(4, dtype=np.int16)
    assert made.url == "shelf-test://x/|zarr3:"
    for spec in ("shelf-test://x/", {"driver": "shelf-test", "path": "x/"}, made.spec()):
        found = tegula.open(spec, read=True).result()
        assert found.read().result().tolist() == [0, 1, 2, 3]
    again = pickle.loads(pickle.dumps(tegula.open(made.spec(), read=True).result()))
    assert again[2].read().result() == 2


def test_a_class_may_read_and_write_its_own_urls():
    class Place(Shelf):
        @staticmethod
        def from_url(rest: str) -> dict[str, Any]:
            colour, _, path = rest.removeprefix("//").partition("/")
            return {"colour": colour, "path": path}

        @staticmethod
        def to_url(members: dict[str, Any]) -> str:
            return f"//{members['colour']}/{members['path']}"

    tegula.register_store("place-test", Place)
    store = opened("place-test://red/a/b")
    assert store.spec().to_json() == {"driver": "place-test", "colour": "red", "path": "a/b"}
    assert store.url == "place-test://red/a/b"


def test_an_instance_may_be_registered():
    mine = Shelf()
    tegula.register_store("mine-test", mine)
    opened("mine-test://a/")["k"] = b"1"
    assert mine.values == {"a/k": b"1"}
    with pytest.raises(InvalidArgument, match='Object includes extra members: "colour"'):
        opened({"driver": "mine-test", "colour": "red"})
    other = Shelf()
    tegula.register_store("mine-test", other)
    assert "k" not in opened("mine-test://a/")


def test_members_are_the_keywords_of_the_class():
    class Town:
        def __init__(self, name: str, *, size: int = 1) -> None:
            self.name, self.size = name, size

        def get(self, key: str) -> None:
            return None

    def of_any(**members: Any) -> Town:
        return Town("any", size=len(members))

    tegula.register_store("town-test", Town)
    tegula.register_store("any-test", of_any)
    for good in ({"name": "a"}, {"name": "a", "size": 2}):
        assert "k" not in opened({"driver": "town-test", **good})
    assert "k" not in opened({"driver": "any-test", "what": 1})
    with pytest.raises(InvalidArgument, match='Object includes extra members: "colour"'):
        opened({"driver": "town-test", "name": "a", "colour": "red"})
    with pytest.raises(InvalidArgument, match='Error parsing object member "name": Expected value, but'):
        opened({"driver": "town-test"})


@pytest.mark.parametrize("place", ["memory://", "memory://s9/", "memory:///s9/", "file://s9/", "file://"])
def test_the_keys_of_fsspec_are_those_that_were_written(place, tmp_path, monkeypatch):
    """File systems list their own paths: from the root on, or with a slash in front."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]  # another test may have made a folder where a key is written here
    monkeypatch.chdir(tmp_path)
    store = opened(f"fsspec:{place}")
    for key in (b"a", b"b/c", b"b/d/e"):
        store[key] = key
    assert sorted(store.list().result()) == [b"a", b"b/c", b"b/d/e"]
    assert sorted((store / "b/").list().result()) == [b"c", b"d/e"]


def test_names_that_are_taken_and_stores_that_are_none():
    for name in ("memory", "file", "zarr3", "auto", "cast"):
        with pytest.raises(InvalidArgument, match="taken"):
            tegula.register_store(name, Shelf)
    for name in ("", "a b", "1a", "a/b", "a:"):
        with pytest.raises(InvalidArgument, match="named like a URL scheme"):
            tegula.register_store(name, Shelf)
    for store in (object(), object, 5, "tegula.x:Y"):
        with pytest.raises(TypeError, match="has a method `get`"):
            tegula.register_store("wrong-test", store)
    with pytest.raises(InvalidArgument, match='"unheard-of" is not a registered KvStore driver'):
        opened({"driver": "unheard-of"})
    with pytest.raises(InvalidArgument, match='unsupported URL scheme "unheard-of"'):
        opened("unheard-of://a")


def test_an_exception_of_the_store_is_the_one_that_is_seen():
    tegula.register_store("angry-test", Angry)
    store = opened("angry-test://")
    with pytest.raises(RuntimeError, match=r"^not a!$"):
        store.read("a").result()
    with pytest.raises(PermissionError) as caught:
        store.write("a", b"1").result()
    assert caught.value.filename == "a"
    with pytest.raises(RuntimeError, match=r"^not x/zarr\.json!$"):
        tegula.open("angry-test://x/|zarr3:", read=True).result()


def test_an_exception_within_a_block_is_the_one_that_is_seen(shelf):
    class Torn(shelf):
        def get(self, key):
            if key.endswith("c/2"):
                raise LookupError("page torn out")
            return super().get(key)

    tegula.register_store("torn-test", Torn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tegula.LostUpdates)
        made = tegula.open(
            "torn-test://|zarr3:",
            create=True,
            dtype="int8",
            shape=[40],
            chunk_layout=tegula.ChunkLayout(chunk_shape=[4]),
        ).result()
    made[...] = 1
    with pytest.raises(LookupError, match=r"^page torn out$"):
        made.read().result()


def test_a_part_of_a_large_shard_is_written_with_few_questions(shelf):
    """What asks a server for each answer is not asked several times, as files are."""
    asked: list[str] = []

    class Told(shelf):
        def get(self, key):
            asked.append("get")
            return super().get(key)

        def put(self, key, value):
            asked.append("put")
            super().put(key, value)

    tegula.register_store("told-test", Told)
    inner = {"chunk_shape": [64, 64], "codecs": [{"name": "bytes"}]}
    metadata = {
        "shape": [1024, 1024],
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1024, 1024]}},
        "codecs": [{"name": "sharding_indexed", "configuration": inner}],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tegula.LostUpdates)
        made = tegula.open(
            {"driver": "zarr3", "kvstore": "told-test://", "metadata": metadata}, create=True
        ).result()
    made[...] = 1
    asked.clear()
    made[3:70, 5:9] = 2
    assert asked == ["get", "get", "put"]  # the second because this store has no conditions
    model = np.ones((1024, 1024), np.uint16)
    model[3:70, 5:9] = 2
    np.testing.assert_array_equal(made.read().result(), model)


def test_what_a_store_cannot_do_is_said(shelf):
    store = opened("shelf-test://")
    store["a"] = b"1"
    with pytest.raises(Unimplemented, match='The store "shelf-test" has no method `list`'):
        store.list().result()
    with pytest.raises(NotImplementedError, match="has no method `delete`"):
        del store["a"]

    class Read:
        def get(self, key):
            return b"{}"

    tegula.register_store("read-test", Read)
    with pytest.raises(Unimplemented, match="has no method `put`"):
        opened("read-test://")["a"] = b"1"
    assert opened("read-test://")["a"] == b"{}"


def test_versions_are_bytes_text_or_numbers(shelf):
    class Odd(shelf):
        def get(self, key):
            return b"1", 1.5

    tegula.register_store("odd-test", Odd)
    with pytest.raises(TypeError, match=r"a version is bytes, str or int, not 1\.5"):
        opened("odd-test://")["a"]


def test_a_store_with_conditions_and_without_versions_is_told():
    class Half(Shelf):
        def put_if(self, key, value, version):
            return None

    tegula.register_store("half-test", Half)
    store = opened("half-test://")
    seen = store.write("a", b"1").result()
    store.write("a", b"2", if_equal=seen.generation).result()
    read = store.read("a").result().stamp.generation
    with pytest.raises(TypeError, match="its `get` returned no version"):
        store.write("a", b"2", if_equal=read).result()


def test_nothing_is_said_of_reading(shelf):
    with pytest.warns(tegula.LostUpdates):
        tegula.open("shelf-test://|zarr3:", create=True, dtype="int8", shape=[2]).result()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tegula.open("shelf-test://|zarr3:", read=True).result()


def test_a_block_is_read_by_several_threads_at_once():
    class Slow(Shelf):
        concurrency = 4

        def __init__(self):
            super().__init__()
            self.here = threading.Barrier(4)

        def get(self, key):
            if key.startswith("c/"):
                self.here.wait(20)
            return super().get(key)

    tegula.register_store("slow-test", Slow)
    with pytest.warns(tegula.LostUpdates):
        made = tegula.open(
            "slow-test://|zarr3:",
            create=True,
            dtype="int8",
            shape=[16],
            chunk_layout=tegula.ChunkLayout(chunk_shape=[4]),
        ).result()
    made[...] = 1
    assert made.read().result().sum() == 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_uses_a_store_that_its_parent_used(tmp_path):
    pytest.importorskip("fsspec")
    script = textwrap.dedent(
        f"""
        import asyncio, os, sys, tegula, warnings
        warnings.simplefilter("ignore")

        class Slow:
            def __init__(self): self.values = {{}}
            async def get(self, key):
                await asyncio.sleep(0)
                return self.values.get(key)
            async def put(self, key, value): self.values[key] = value
            async def delete(self, key): self.values.pop(key, None)
            async def list(self, prefix): return list(self.values)

        tegula.register_store("slow", Slow)
        for url in ("slow://", "fsspec:file://{tmp_path}/", "fsspec:memory:///"):
            store = tegula.KvStore.open(url).result()
            store["a"] = b"1"
            assert store["a"] == b"1"
            child = os.fork()
            if not child:
                assert store["a"] == b"1"
                store["b"] = b"2"
                assert store["b"] == b"2" and len(store.list().result()) == 2
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7, url
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_an_entry_point_names_a_store(tmp_path):
    (tmp_path / "shelves.py").write_text(
        "class Shelf:\n    def get(self, key):\n        return key.encode()\n"
    )
    info = tmp_path / "shelves-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelves\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tegula.stores]\nplugged = shelves:Shelf\n")
    code = "import tegula; print(tegula.KvStore.open('plugged://a/').result()['b'])"
    assert printed(code, tmp_path) == "b'a/b'\n"


def test_obstore_after_a_fork_says_so():
    pytest.importorskip("obstore")
    code = textwrap.dedent(
        """
        import os, tegula
        store = tegula.KvStore.open("obstore:memory:///").result()
        store["a"] = b"1"
        if not os.fork():
            try:
                store["a"]
            except tegula.TegulaError as error:
                os._exit(7 if "start processes by spawn" in str(error) else 8)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
