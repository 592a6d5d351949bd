"""Every store that there is passes the public suite: our own, users', and those of fsspec and obstore.

The suite is ours, so `test_planted_bugs.py` shows that it finds what it should.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from contextlib import closing
from typing import Any

import pytest

import tegula
from tegula.kv.drivers import KvDriver
from tegula.registry import register
from tegula.runtime.model_store import ModelStore
from tegula.testing import StoreChecks

from .stores_of_users import Coroutines, Notes, Plain, Versioned

pytestmark = pytest.mark.filterwarnings("ignore::tegula.LostUpdates")
_fresh = itertools.count()


def opened(spec: Any) -> Any:
    return tegula.KvStore.open(spec).result()


class TestMemory(StoreChecks):
    @pytest.fixture
    def store(self):
        return opened("memory://")


class TestMemoryBelowAPath(StoreChecks):
    @pytest.fixture
    def store(self):
        store = opened("memory://x")
        opened("memory://")["y"] = b"a neighbour"
        return store / "a/"


class TestFile(StoreChecks):
    @pytest.fixture
    def store(self, tmp_path):
        return opened({"driver": "file", "path": f"{tmp_path}/s/", "file_io_sync": False})


class TestFileWithLockFiles(StoreChecks):
    @pytest.fixture
    def store(self, tmp_path):
        locking = {"mode": "lockfile"}
        return opened(
            {
                "driver": "file",
                "path": f"{tmp_path}/s/",
                "file_io_locking": locking,
                "file_io_sync": False,
            }
        )


class TestModel(StoreChecks):
    """The store of the simulator, behind a lock: it leaves threads and time to others."""

    @pytest.fixture
    def store(self):
        class Model(ModelStore):
            def __init__(self, ref: Any) -> None:
                super().__init__(time.time)
                self.lock = threading.Lock()

            def perform(self, effect: Any) -> Any:
                with self.lock:
                    return super().perform(effect)

        name = f"model{next(_fresh)}"
        from tegula.kv.plugin import plugin_driver

        driver = plugin_driver(name)
        assert isinstance(driver, KvDriver)
        register("kvstores", name, driver)
        register("leaves", name, Model)
        return opened({"driver": name})


class Registered(StoreChecks):
    __test__ = False
    kind: type

    @pytest.fixture
    def store(self):
        name = f"user{next(_fresh)}"
        tegula.register_store(name, self.kind)
        return opened(f"{name}://some/where/")


class TestPlain(Registered):
    __test__ = True
    kind = Plain


class TestVersioned(Registered):
    __test__ = True
    kind = Versioned


class TestCoroutines(Registered):
    __test__ = True
    kind = Coroutines


class QuickNotes(Notes):
    """Without waiting for the disk."""

    def _do(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.file, timeout=60, isolation_level=None)) as database:
            database.execute("pragma synchronous = off")
            return database.execute(statement, values).fetchall()


class TestNotes(StoreChecks):
    many = 120

    @pytest.fixture
    def store(self, tmp_path):
        tegula.register_store("notes", QuickNotes)
        return opened({"driver": "notes", "file": f"{tmp_path}/notes.db"})


class TestFsspecFiles(StoreChecks):
    @pytest.fixture
    def store(self, tmp_path):
        pytest.importorskip("fsspec")
        return opened(f"fsspec:file://{tmp_path}/s/")


class TestFsspecMemory(StoreChecks):
    @pytest.fixture
    def store(self):
        fsspec = pytest.importorskip("fsspec")
        fsspec.filesystem("memory").store.clear()
        return opened(f"fsspec:memory:///s{next(_fresh)}/")


class TestObstoreMemory(StoreChecks):
    @pytest.fixture
    def store(self):
        pytest.importorskip("obstore")
        return opened(f"obstore:memory:///s{next(_fresh)}/")


class TestObstoreFiles(StoreChecks):
    @pytest.fixture
    def store(self, tmp_path):
        pytest.importorskip("obstore")
        (tmp_path / "s").mkdir()
        return opened({"driver": "obstore", "url": f"file://{tmp_path}/s"})
