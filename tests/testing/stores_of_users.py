"""Stores as users write them: the ones that the suite and the guide show."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from contextlib import closing
from typing import Any


class Plain:
    """The least that can be written: a dictionary, without versions and without conditions."""

    def __init__(self, **options: Any) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    def list(self, prefix: str) -> Any:
        return [key for key in tuple(self.values) if key.startswith(prefix)]


class Versioned:
    """A dictionary that compares and writes in one step."""

    def __init__(self, **options: Any) -> None:
        self.values: dict[str, tuple[bytes, int]] = {}
        self.lock = threading.Lock()
        self.numbers = itertools.count()

    def get(self, key: str) -> tuple[bytes, int] | None:
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> int:
        made = next(self.numbers)
        self.values[key] = value, made
        return made

    def put_if(self, key: str, value: bytes, version: int | None) -> int | None:
        with self.lock:
            return self.put(key, value) if self.values.get(key, (b"", None))[1] == version else None

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    def delete_if(self, key: str, version: int) -> bool:
        with self.lock:
            return self.values.get(key, (b"", None))[1] == version and bool(self.values.pop(key))

    def list(self, prefix: str) -> Any:
        return [key for key in tuple(self.values) if key.startswith(prefix)]


class Coroutines:
    """The same with coroutine functions, and with all that is optional."""

    def __init__(self, **options: Any) -> None:
        self.below = Versioned()

    async def get(self, key: str) -> tuple[bytes, str] | None:
        found = self.below.get(key)
        return None if found is None else (found[0], f"v{found[1]}")

    async def get_range(self, key: str, start: int, stop: int | None) -> tuple[bytes, str] | None:
        from tegula.kv.spec import ByteRange
        from tegula.leaves.leaf import span

        found = await self.get(key)
        if found is None:
            return None
        first, last = span(ByteRange(start, stop), len(found[0]))
        return found[0][first:last], found[1]

    async def version(self, key: str) -> str | None:
        found = await self.get(key)
        return None if found is None else found[1]

    async def put(self, key: str, value: bytes) -> str:
        return f"v{self.below.put(key, value)}"

    async def put_if(self, key: str, value: bytes, version: str | None) -> str | None:
        made = self.below.put_if(key, value, None if version is None else int(version[1:]))
        return None if made is None else f"v{made}"

    async def delete(self, key: str) -> None:
        self.below.delete(key)

    async def delete_if(self, key: str, version: str) -> bool:
        return self.below.delete_if(key, int(version[1:]))

    async def list(self, prefix: str) -> Any:
        return self.below.list(prefix)


class Notes:
    """Values in one SQLite file, for any number of processes: the store of the guide."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._do("create table if not exists notes (key text primary key, value blob, version blob)")

    def _do(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.file, timeout=60, isolation_level=None)) as database:
            return database.execute(statement, values).fetchall()

    def get(self, key: str) -> tuple[bytes, bytes] | None:
        return next(iter(self._do("select value, version from notes where key = ?", key)), None)

    def put(self, key: str, value: bytes) -> bytes:
        new = "replace into notes values (?, ?, randomblob(9)) returning version"
        return self._do(new, key, value)[0][0]

    def put_if(self, key: str, value: bytes, version: bytes | None) -> bytes | None:
        if version is None:
            new = "insert or ignore into notes values (?, ?, randomblob(9)) returning version"
            found = self._do(new, key, value)
        else:
            new = "update notes set value = ?, version = randomblob(9) where key = ? and version = ?"
            found = self._do(new + " returning version", value, key, version)
        return found[0][0] if found else None

    def delete(self, key: str) -> None:
        self._do("delete from notes where key = ?", key)

    def delete_if(self, key: str, version: bytes) -> bool:
        return bool(self._do("delete from notes where key = ? and version = ? returning 1", key, version))

    def list(self, prefix: str) -> list[str]:
        return [
            key
            for (key,) in self._do("select key from notes where substr(key, 1, ?) = ?", len(prefix), prefix)
        ]
