"""Any store of obstore (Rust's object_store) as a store (an optional dependency).

Knows: how obstore reads, writes and lists, and which of its stores compare and write in one step.  Must
not know: effects.

Object stores and memory have conditional writes; a local directory has not.  Nothing in obstore deletes on
a condition, so arrays there keep chunks that equal the fill value.  Its threads do not survive a fork: a
forked child that uses a store of its parent's is told so, instead of waiting for ever.
"""

from __future__ import annotations

import os
from typing import Any

from tegula.errors import FailedPrecondition, InvalidArgument, OutOfRange

__all__ = ["ObstoreStore"]

_process: int | None = None


class ObstoreStore:
    """The store that obstore makes of a `url`; `config` is what its `from_url` takes.

    >>> store = ObstoreStore("memory:///")
    >>> version = store.put("a", b"value")
    >>> store.get("a") == (b"value", version), store.put_if("a", b"new", "other")
    (True, None)
    """

    concurrency = 32
    retries = 0  # obstore asks again by itself (`config` may say how often)

    def __init__(self, url: str, config: dict[str, Any] | None = None) -> None:
        from obstore.store import LocalStore, from_url

        self._here()
        make: Any = from_url
        self._store: Any = make(url, config=config or {})
        self._local = isinstance(self._store, LocalStore)
        self.conditional_writes = not self._local

    @staticmethod
    def from_url(rest: str) -> dict[str, Any]:
        """Return the members that ``obstore:`` + `rest` stands for; `rest` is a URL that obstore knows.

        >>> ObstoreStore.from_url("s3://bucket/a/")
        {'url': 's3://bucket', 'path': 'a/'}
        """
        scheme, separator, path = rest.partition("://")
        if not separator or not scheme:
            raise InvalidArgument(f'expected "obstore:scheme://path", not "obstore:{rest}"')
        host, _, path = path.partition("/")
        return {"url": f"{scheme}://{host or '/'}", "path": path}

    @staticmethod
    def to_url(members: dict[str, Any]) -> str:
        """Return what stands behind ``obstore:``."""
        if members.get("config"):
            raise NotImplementedError("URL representation not supported")
        url = str(members["url"])
        return (url if url.endswith("/") else url + "/") + str(members["path"])

    def _here(self) -> None:
        global _process
        if _process is None:
            _process = os.getpid()
        elif _process != os.getpid():
            raise FailedPrecondition(
                "obstore was used before this process was forked, and cannot be used after; "
                "start processes by spawn or forkserver"
            )

    def _below_a_value(self, error: Exception) -> bool:
        """Whether a local path goes through a file, so that nothing is there."""
        return self._local and "NotADirectory" in str(error)

    def version(self, key: str) -> str | None:
        """Return the version of a value."""
        import obstore

        self._here()
        try:
            return _version(obstore.head(self._store, key))
        except FileNotFoundError:
            return None
        except obstore.exceptions.GenericError as error:
            if self._below_a_value(error):
                return None
            raise

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return a value and its version."""
        import obstore

        self._here()
        try:
            found = obstore.get(self._store, key)
            return bytes(found.bytes()), _version(found.meta)
        except FileNotFoundError:
            return None
        except obstore.exceptions.GenericError as error:
            if self._below_a_value(error):
                return None
            raise

    def get_range(self, key: str, start: int, stop: int | None) -> tuple[bytes, str] | None:
        """Return a part of a value and the version of the whole; a part that is not all there is an error."""
        import obstore

        self._here()
        if stop == start or (stop is None and start == 0):
            found = self.get(key)
            if found is None or stop is None:
                return found
            size, empty = len(found[0]), (b"", found[1])
            if start <= size:
                return empty
            raise _out_of_range(start, stop, size)
        wanted: Any = (start, stop)
        if stop is None:
            wanted = {"suffix": -start} if start < 0 else {"offset": start}
        try:
            answer = obstore.get(self._store, key, options={"range": wanted})
            size = int(answer.meta["size"])
            value = bytes(answer.bytes())
        except FileNotFoundError:
            return None
        except obstore.exceptions.GenericError as error:  # it refuses what lies behind the end
            if self._below_a_value(error):
                return None
            size = int(obstore.head(self._store, key)["size"])
            if stop is None and start == size:
                return b"", _version(obstore.head(self._store, key))
            if start <= size and (stop is None or stop <= size):
                raise
            raise _out_of_range(start, stop, size) from None
        if -start > size or (stop is not None and stop > size):
            raise _out_of_range(start, stop, size)
        return value, _version(answer.meta)

    def put(self, key: str, value: bytes) -> str:
        """Store a value."""
        import obstore

        self._here()
        return _version(obstore.put(self._store, key, value, use_multipart=False))

    def put_if(self, key: str, value: bytes, version: str | None) -> str | None:
        """Store a value if there is none, or if its version is the one given."""
        import obstore

        self._here()
        mode: Any = "create"
        if version is not None:
            tag, _, number = version.partition("\n")
            mode = {name: said for name, said in (("e_tag", tag), ("version", number)) if said}
        try:
            return _version(obstore.put(self._store, key, value, mode=mode, use_multipart=False))
        except (
            obstore.exceptions.AlreadyExistsError,
            obstore.exceptions.PreconditionError,
            FileNotFoundError,
            FileExistsError,
        ):
            return None

    def delete(self, key: str) -> None:
        """Remove a value."""
        import obstore

        self._here()
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def list(self, prefix: str) -> list[str]:
        """Return the keys below the directory that `prefix` lies in."""
        import obstore

        self._here()
        folder = prefix[: prefix.rfind("/") + 1]
        return [item["path"] for batch in obstore.list(self._store, prefix=folder or None) for item in batch]


def _version(meta: Any) -> str:
    return f"{meta.get('e_tag') or ''}\n{meta.get('version') or ''}"


def _out_of_range(start: int, stop: int | None, size: int) -> OutOfRange:
    shown = "?" if stop is None else stop
    return OutOfRange(f"Requested byte range [{start}, {shown}) is not valid for value of size {size}")
