"""The key-value store drivers as records: what their specs hold and which live store they name.

Knows: for each driver its context resources, its own members, its paths and URLs, and how the values of the
resources become the options of a `StoreRef`.  Must not know: any context, any live store.

Law: equal specifications bound to the same resources give equal `StoreRef`s; only what changes
what a store does is an option of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from tegula.binding import at_member, boolean, members, text
from tegula.errors import InvalidArgument
from tegula.kv.gcs_names import check_bucket, gcs_path, gcs_url
from tegula.kv.gcs_names import check_path as check_gcs_path
from tegula.kv.paths import check_path
from tegula.kv.url import file_path, file_url, memory_path, memory_url
from tegula.row import NamedTuple

__all__ = ["FILE", "GCS", "MEMORY", "KvDriver"]


class KvDriver(NamedTuple):
    """One key-value store driver.

    `resources` are the names of its context resources, `identity` the one that stands for the live
    state (None: the options say everything).  Those that are `optional` are bound only where a
    specification names them.  `parse_own` checks the members that are the driver's own,
    given all that are not common ones, and returns those that differ from `own_defaults`.  `options` maps
    the values of the resources, and the own members, to the options of a `StoreRef`.  `from_url` gives
    the path and the own members of what stands behind ``scheme:``; `to_url` is its inverse.  `concurrency` is
    the resource that limits how many operations are under way, `pace` the one that says how fast they start
    (None: nothing does).
    """

    name: str
    resources: tuple[str, ...]
    identity: str | None
    check_path: Callable[[str], None]
    options: Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[tuple[str, Hashable], ...]]
    from_url: Callable[[str], tuple[str, dict[str, Any]]]
    to_url: Callable[[str, Mapping[str, Any]], str]
    parse_own: Callable[[dict[str, Any]], dict[str, Any]]
    own_defaults: Mapping[str, Any] = {}
    optional: tuple[str, ...] = ()
    concurrency: str | None = None
    pace: str | None = None


def _any_path(path: str) -> None:
    del path


def _no_options(values: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[tuple[str, Hashable], ...]:
    del values, own
    return ()


def _nothing_own(json: dict[str, Any]) -> dict[str, Any]:
    return members(json, ())


def _memory_own(json: dict[str, Any]) -> dict[str, Any]:
    with at_member("atomic"):
        atomic = boolean(json.get("atomic", True))
    members(json, ("atomic",))
    return {} if atomic else {"atomic": False}


def _from_memory_url(rest: str) -> tuple[str, dict[str, Any]]:
    return memory_path(rest), {}


def _to_memory_url(path: str, own: Mapping[str, Any]) -> str:
    del own
    return memory_url(path)


def _from_file_url(rest: str) -> tuple[str, dict[str, Any]]:
    return file_path(rest), {}


def _to_file_url(path: str, own: Mapping[str, Any]) -> str:
    del own
    return file_url(path)


def _file_options(values: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[tuple[str, Hashable], ...]:
    """Return what differs from the default: sync, lock mode ``os``, 60 s, no retries."""
    del own
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
    if values["file_io_retries"]["max_retries"]:
        found.append(("again", retries(values["file_io_retries"])))
    return tuple(sorted(found))


MEMORY = KvDriver(
    name="memory",
    resources=("memory_key_value_store",),
    identity="memory_key_value_store",
    check_path=_any_path,
    options=_no_options,
    from_url=_from_memory_url,
    to_url=_to_memory_url,
    parse_own=_memory_own,
    own_defaults={"atomic": True},
)

FILE = KvDriver(
    name="file",
    resources=("file_io_concurrency", "file_io_locking", "file_io_mode", "file_io_retries", "file_io_sync"),
    identity=None,
    check_path=check_path,
    options=_file_options,
    from_url=_from_file_url,
    to_url=_to_file_url,
    parse_own=_nothing_own,
    concurrency="file_io_concurrency",
)


def _gcs_own(json: dict[str, Any]) -> dict[str, Any]:
    with at_member("bucket"):
        if "bucket" not in json:
            raise InvalidArgument("Expected string, but member is missing")
        bucket = text(json["bucket"])
        check_bucket(bucket)
    members(json, ("bucket",))
    return {"bucket": bucket}


def _from_gcs_url(rest: str) -> tuple[str, dict[str, Any]]:
    bucket, path = gcs_path(rest)
    return path, {"bucket": bucket}


def _to_gcs_url(path: str, own: Mapping[str, Any]) -> str:
    return gcs_url(own["bucket"], path)


def _gcs_options(values: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[tuple[str, Hashable], ...]:
    found: list[tuple[str, Hashable]] = [("bucket", own["bucket"])]
    project = values["gcs_user_project"]["project_id"]
    if project is not None:
        found.append(("project", project))
    found.append(("retries", retries(values["gcs_request_retries"])))
    return tuple(found)


def retries(value: Mapping[str, Any]) -> tuple[int, float, float]:
    """Return what a resource of retries says: how many, the first wait and the longest in seconds."""
    return value["max_retries"], value["initial_delay"] / 1e9, value["max_delay"] / 1e9


GCS = KvDriver(
    name="gcs",
    resources=(
        "data_copy_concurrency",
        "experimental_gcs_rate_limiter",
        "gcs_request_concurrency",
        "gcs_request_retries",
        "gcs_user_project",
    ),
    identity=None,
    check_path=check_gcs_path,
    options=_gcs_options,
    from_url=_from_gcs_url,
    to_url=_to_gcs_url,
    parse_own=_gcs_own,
    optional=("experimental_gcs_rate_limiter",),
    concurrency="gcs_request_concurrency",
    pace="experimental_gcs_rate_limiter",
)
