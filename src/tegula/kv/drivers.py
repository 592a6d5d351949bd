"""The key-value store drivers as records: what their specs hold and which live store they name.

Knows: for each driver its context resources, its flags, its paths and URLs, and how the values of the
resources become the options of a `StoreRef`.  Must not know: any context, any live store.

Law: equal specifications bound to the same resources give equal `StoreRef`s; only what changes
what a store does is an option of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from tegula.kv.paths import check_path
from tegula.kv.url import file_path, file_url, memory_path, memory_url

__all__ = ["FILE", "MEMORY", "KvDriver"]


class KvDriver(NamedTuple):
    """One key-value store driver.

    `resources` are the names of its context resources, `identity` the one that stands for the live
    state (None: the options say everything).  `flags` are boolean members with their defaults.
    `options` maps the values of the resources to the options of a `StoreRef`.
    """

    name: str
    resources: tuple[str, ...]
    identity: str | None
    flags: tuple[tuple[str, bool], ...]
    check_path: Callable[[str], None]
    options: Callable[[Mapping[str, Any]], tuple[tuple[str, Hashable], ...]]
    from_url: Callable[[str], str]
    to_url: Callable[[str], str]


def _any_path(path: str) -> None:
    del path


def _no_options(values: Mapping[str, Any]) -> tuple[tuple[str, Hashable], ...]:
    del values
    return ()


def _file_options(values: Mapping[str, Any]) -> tuple[tuple[str, Hashable], ...]:
    """Return what differs from the default: sync, lock mode ``os``, 60 s."""
    found: list[tuple[str, Hashable]] = []
    locking = values["file_io_locking"]
    if locking["acquire_timeout"] != 60 * 10**9:
        found.append(("acquire_timeout", locking["acquire_timeout"] / 1e9))
    if locking["mode"] != "os":
        found.append(("file_io_locking", locking["mode"]))
    if values["file_io_mode"]["mode"] != "default":
        found.append(("file_io_mode", values["file_io_mode"]["mode"]))
    if not values["file_io_sync"]:
        found.append(("file_io_sync", False))
    return tuple(found)


MEMORY = KvDriver(
    name="memory",
    resources=("memory_key_value_store",),
    identity="memory_key_value_store",
    flags=(("atomic", True),),
    check_path=_any_path,
    options=_no_options,
    from_url=memory_path,
    to_url=memory_url,
)

FILE = KvDriver(
    name="file",
    resources=("file_io_concurrency", "file_io_locking", "file_io_mode", "file_io_retries", "file_io_sync"),
    identity=None,
    flags=(),
    check_path=check_path,
    options=_file_options,
    from_url=file_path,
    to_url=file_url,
)
