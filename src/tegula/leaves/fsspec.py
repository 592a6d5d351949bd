"""Any file system of fsspec as a store (an optional dependency).

Knows: how fsspec reads, writes and lists.  Must not know: effects.

A key is a path of the file system: for ``s3`` it begins with the bucket.  The version of a value is what
the file system says of the file (an ETag, or its times, inode and size), looked up *before* the value is
read: it may be older than the value and never newer, so nothing stale is taken for current.  fsspec has no
conditional writes: writers in other processes may lose each other's work, and we say so when an array is
opened for writing.  Local files are replaced in one step; a killed writer may leave a file ``*.part``.

What says that asking again may help: a connection that fails, a time that is over, and the statuses of HTTP
after which object stores are asked again (408, 429, 5xx), whatever the errors of the file system are called.

After a fork the file system is made anew: those of fsspec may not cross one.
"""

from __future__ import annotations

import os
from typing import Any

from tegula.errors import InvalidArgument, OutOfRange
from tegula.kv.paths import check_key

__all__ = ["FsspecStore"]

_TAGS = ("ETag", "etag", "generation", "md5Hash", "content_md5", "version_id")
_TRAITS = ("ino", "mtime", "created", "last_modified", "LastModified", "updated", "modified", "size")
_PART = ".part"
# of aiohttp, requests and botocore, none of which may be here
_PASSING = frozenset(
    {
        *("ClientConnectionError", "ClientConnectorError", "ClientOSError", "ClientPayloadError"),
        *("ServerDisconnectedError", "ServerTimeoutError", "ChunkedEncodingError", "ConnectTimeout"),
        *("ReadTimeout", "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError"),
        *("ConnectionClosedError", "ResponseStreamingError"),
    }
)


def _is_passing(status: Any) -> bool:
    """Whether a status of HTTP, or an answer that has one, says that asking again may help."""
    if isinstance(status, dict):  # botocore's
        status = status.get("ResponseMetadata", {}).get("HTTPStatusCode")
    elif not isinstance(status, (int, str)):
        status = getattr(status, "status_code", None)
    text = str(status)
    return text in ("408", "429") or (len(text) == 3 and text.isdigit() and text[0] == "5")


_MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class FsspecStore:
    """The file system of a `protocol` of fsspec, made with `options`.

    >>> store = FsspecStore("memory")
    >>> version = store.put("/a/b", b"value")
    >>> store.get("/a/b") == (b"value", version)
    True
    """

    conditional_writes = False

    def __init__(self, protocol: str, options: dict[str, Any] | None = None) -> None:
        self.protocol = protocol
        self.options = options or {}
        self._made: tuple[int, Any] = (0, None)

    @staticmethod
    def from_url(rest: str) -> dict[str, Any]:
        """Return the members that ``fsspec:`` + `rest` stands for; `rest` is a URL of fsspec.

        >>> FsspecStore.from_url("s3://bucket/a/")
        {'protocol': 's3', 'path': 'bucket/a/'}
        """
        protocol, separator, path = rest.partition("://")
        if not separator or not protocol:
            raise InvalidArgument(f'expected "fsspec:protocol://path", not "fsspec:{rest}"')
        return {"protocol": protocol, "path": path}

    @staticmethod
    def to_url(members: dict[str, Any]) -> str:
        """Return what stands behind ``fsspec:``."""
        if members.get("options"):
            raise NotImplementedError("URL representation not supported")
        return f"{members['protocol']}://{members['path']}"

    @property
    def _fs(self) -> Any:
        process = os.getpid()
        if self._made[0] != process:
            import fsspec

            self._made = (process, fsspec.filesystem(self.protocol, **self.options))
        return self._made[1]

    def transient(self, error: BaseException) -> bool:
        """Return whether asking again may help.

        >>> store = FsspecStore("memory")
        >>> [store.transient(error) for error in (TimeoutError(), PermissionError())]
        [True, False]
        """
        seen: BaseException | None = error
        while seen is not None:
            if isinstance(seen, (ConnectionError, TimeoutError)) or type(seen).__name__ in _PASSING:
                return True
            if any(_is_passing(getattr(seen, name, None)) for name in ("status", "code", "response")):
                return True
            seen = seen.__cause__
        return False

    def version(self, key: str) -> str | None:
        """Return what the file system says of a file."""
        check_key(key)
        fs = self._fs
        fs.invalidate_cache(fs._parent(key))
        try:
            found = fs.info(key)
        except _MISSING:
            return None
        return None if found.get("type") == "directory" else _version(found)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return a value and its version."""
        version = self.version(key)
        try:
            return None if version is None else (self._fs.cat_file(key), version)
        except _MISSING:
            return None

    def get_range(self, key: str, start: int, stop: int | None) -> tuple[bytes, str] | None:
        """Return a part of a value and the version of the whole."""
        version = self.version(key)
        if version is None:
            return None
        try:
            size = int(self._fs.size(key))
            first = start + size if start < 0 else start
            last = size if stop is None else stop
            if not 0 <= first <= last <= size:
                shown = "?" if stop is None else stop
                raise OutOfRange(
                    f"Requested byte range [{start}, {shown}) is not valid for value of size {size}"
                )
            return (self._fs.cat_file(key, start=first, end=last) if first < last else b""), version
        except _MISSING:
            return None

    def put(self, key: str, value: bytes) -> str | None:
        """Store a value."""
        check_key(key)
        fs = self._fs
        fs.makedirs(fs._parent(key), exist_ok=True)
        if self.protocol in ("file", "local"):
            part = f"{key}.{os.urandom(6).hex()}{_PART}"
            fs.pipe_file(part, value)
            os.replace(part, key)
        else:
            fs.pipe_file(key, value)
        return self.version(key)

    def delete(self, key: str) -> None:
        """Remove a value."""
        check_key(key)
        try:
            self._fs.rm_file(key)
        except _MISSING:
            return
        self._fs.invalidate_cache(self._fs._parent(key))

    def list(self, prefix: str) -> list[str]:
        """Return the keys below the directory that `prefix` lies in."""
        fs = self._fs
        folder = prefix[: prefix.rfind("/") + 1]
        fs.invalidate_cache()
        try:
            found = fs.find(folder)
        except _MISSING:
            return []
        # file systems write paths in their own way (a slash in front, from the root on): keys do not
        root = str(fs._strip_protocol(folder)).rstrip("/")
        if not all(path.startswith(root) for path in found):
            root = root.lstrip("/")
        keys = (folder + path[len(root) :].removeprefix("/") for path in found)
        return [key for key in keys if not key.endswith(_PART)]


def _version(info: dict[str, Any]) -> str:
    for name in _TAGS:
        if info.get(name):
            return f"{name}={info[name]}"
    return " ".join(f"{name}={info[name]}" for name in _TRAITS if info.get(name) is not None)
