"""The kinds of context resources: their JSON, checked and with defaults.

Knows: for each kind its members, their defaults and how they print.  Must not know: contexts, and
what a live resource is.

A value is what the JSON says with every default filled in: a dict of members, or a bool.  A new kind is
one line in `KINDS`.

Law: ``parse(dump(value)) == value``, with and without defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tegula.binding import at, at_member, boolean, expected, integer, mapping, members, number, quoted, text
from tegula.errors import InvalidArgument
from tegula.kv.duration import format_duration, parse_duration
from tegula.row import NamedTuple

__all__ = ["KINDS", "Kind", "parse_reference"]


class Member(NamedTuple):
    """One member of an object: how it parses, its default, and how it prints.

    `silent` members are left out where they have their default, whatever was asked for.
    """

    name: str
    parse: Callable[[Any], Any]
    default: Any
    show: Callable[[Any], Any] | None = None
    silent: bool = False


class Kind(NamedTuple):
    """One kind of resource.

    With `shared`, *which* resource it is matters (a pool, a store in memory); without, only its value
    does.  `parsed` takes the place of the members where the rules are not those of members.  One that is
    `own` is not known to the drop-in: it is shown only where it has another value than the default.
    """

    name: str
    members: tuple[Member, ...] | None = ()
    shared: bool = True
    default: Any = True
    own: bool = False
    parsed: Callable[[Any], dict[str, Any]] | None = None

    def parse(self, json: Any) -> Any:
        """Return the value of a JSON specification.

        Raises:
            InvalidArgument: it is not one.
        """
        if self.parsed is not None:
            return self.parsed(json)
        if self.members is None:
            return boolean(json)
        found = {"limit": json} if self.own and isinstance(json, int) else mapping(json)
        value = {}
        for member in self.members:
            value[member.name] = member.default
            if member.name in found:
                with at_member(member.name):
                    value[member.name] = member.parse(found[member.name])
        members(found, [member.name for member in self.members])
        return value

    def missing(self) -> Any:
        """Return the value of a resource that nobody specified; nobody changes it."""
        found = _MISSING.get(self.name)
        if found is None:
            found = self.default
            if self.members is not None:
                found = {member.name: member.default for member in self.members}
            _MISSING[self.name] = found
        return found

    def dump(self, value: Any, include_defaults: bool = False) -> Any:
        """Return the JSON of a value."""
        if self.members is None:
            return value
        shown = {}
        for member in self.members:
            item = value[member.name]
            if item != member.default or (include_defaults and not member.silent):
                shown[member.name] = item if member.show is None else member.show(item)
        return shown


_MISSING: dict[str, Any] = {}


def parse_reference(kind: str, json: Any) -> str | None:
    """Return the key that `json` refers to, or None where it is no reference to a resource of `kind`.

    >>> parse_reference("cache_pool", "cache_pool#a"), parse_reference("cache_pool", "other")
    ('cache_pool#a', None)
    """
    if isinstance(json, str) and (json == kind or json.startswith(kind + "#")):
        return json
    return None


def _limit(json: Any) -> int | str:
    if json == "shared":
        return "shared"
    return integer(json, 1, 2**64 - 1)


def _some_bytes(json: Any) -> int | None:
    return None if json is None else integer(json, 1, 2**64 - 1)


def _bytes(json: Any) -> int:
    try:
        return integer(json, 0, 2**64 - 1)
    except InvalidArgument:
        raise expected("64-bit unsigned integer", json) from None


def _duration(json: Any) -> int | float:
    found = parse_duration(json) if isinstance(json, str) else None
    if found is None:
        units = 'Duration formatted as a string using time units "ns", "us" "ms", "s", "m", or "h".'
        raise expected(units, json)
    return found


def _choice(names: tuple[str, ...], json: Any) -> str:
    if isinstance(json, str) and json in names:
        return json
    raise expected("one of " + ", ".join(f'"{name}"' for name in names), json)


_SECOND = 10**9
_LIMIT = (Member("limit", _limit, "shared"),)
_POOL = (Member("total_bytes_limit", _bytes, 0),)


def _retries(count: int) -> tuple[Member, ...]:
    return (
        Member("initial_delay", _duration, _SECOND, format_duration),
        Member("max_delay", _duration, 32 * _SECOND, format_duration),
        Member("max_retries", partial(integer, low=0), count),
    )


def _rate(json: Any) -> float:
    found = number(json)
    if not 0 <= found < float("inf"):
        raise expected("non-negative number", json)
    return found


def _rates() -> tuple[Member, ...]:
    return (
        Member("doubling_time", _duration, None, format_duration, silent=True),
        Member("read_rate", _rate, None, silent=True),
        Member("write_rate", _rate, None, silent=True),
    )


_AWS = {
    "default": ("profile",),
    "anonymous": (),
    "environment": (),
    "imds": (),
    "profile": ("config_file", "credentials_file", "profile"),
    "ecs": ("auth_token_file", "endpoint"),
}


def _credentials(json: Any) -> dict[str, Any]:
    """Return what is said of AWS credentials: the members depend on the type."""
    found = mapping(json)
    value = {}
    with at("Failed to parse AWS credentials spec: "):
        with at_member("type"):
            if "type" not in found:
                raise InvalidArgument("Expected string, but member is missing")
            kind = text(found["type"])
        if kind not in _AWS:
            names = ", ".join(_AWS)
            raise InvalidArgument(f"Failed to parse tag name, expected one of: {names}, but received: {kind}")
        for name in _AWS[kind]:
            with at_member(name):
                if name in found and text(found[name]):
                    value[name] = found[name]
        if "auth_token_file" in value and "endpoint" not in value:
            raise InvalidArgument("EcsRole must specify an endpoint when auth_token_file is specified.")
    members(found, ("type", *_AWS[kind]))
    return {**value, "type": kind}


def _security(json: Any) -> Any:
    """Refuse every method of security: none is registered."""
    found = mapping(json)
    with at_member("method"):
        if "method" not in found:
            raise InvalidArgument("Expected string, but member is missing")
        raise InvalidArgument(f"{quoted(text(found['method']))} is not registered")


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("cache_pool", _POOL),
        Kind("data_copy_concurrency", _LIMIT),
        Kind("memory_key_value_store"),
        Kind("memory_limit", (Member("limit", _some_bytes, None),), own=True),
        Kind("file_io_concurrency", _LIMIT),
        Kind("file_io_sync", None, shared=False),
        Kind(
            "file_io_mode",
            (Member("mode", partial(_choice, ("default", "memmap", "direct")), "default", silent=True),),
            shared=False,
        ),
        Kind(
            "file_io_locking",
            (
                Member("acquire_timeout", _duration, 60 * _SECOND, format_duration, silent=True),
                Member("mode", partial(_choice, ("os", "lockfile", "none", "non_atomic")), "os", silent=True),
            ),
            shared=False,
        ),
        Kind("file_io_retries", _retries(0), shared=False),
        Kind("experimental_gcs_rate_limiter", _rates()),
        Kind("experimental_gcs_grpc_credentials"),
        Kind("experimental_s3_rate_limiter", _rates()),
        Kind("aws_credentials", None, shared=False, default={"type": "default"}, parsed=_credentials),
        Kind("grpc_client_credentials"),
        Kind(
            "ocdbt_coordinator",
            (
                Member("address", text, None, silent=True),
                Member("lease_duration", _duration, None, format_duration, silent=True),
                Member("security", _security, None, silent=True),
            ),
        ),
        Kind("gcs_request_concurrency", _LIMIT),
        Kind("gcs_request_retries", _retries(32), shared=False),
        Kind("gcs_user_project", (Member("project_id", text, None, silent=True),), shared=False),
        Kind("http_request_concurrency", _LIMIT),
        Kind("http_request_retries", _retries(32), shared=False),
        Kind("s3_request_concurrency", _LIMIT),
        Kind("s3_request_retries", _retries(32), shared=False),
    )
}
"""Every kind of resource, by name."""
