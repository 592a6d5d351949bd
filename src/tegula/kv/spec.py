"""What names a store, a key range and a byte range: values that effects carry.

Keys are `str`.  A key that is not UTF-8 is carried with surrogate escapes, so that bytes and str
convert without loss (`to_key`, `from_key`).  Keys in effects are *whole*: the path prefix of a
key-value store is already in front of them.
"""

from __future__ import annotations

from collections.abc import Hashable

from tegula.row import NamedTuple

__all__ = ["ByteRange", "KeyRange", "StoreRef", "describe", "from_key", "is_far", "to_key"]


def to_key(key: bytes | str) -> str:
    """Return a key as text; bytes that are not UTF-8 become surrogate escapes."""
    return key if isinstance(key, str) else key.decode("utf-8", "surrogateescape")


def from_key(key: str) -> bytes:
    """Return the bytes of a key: the inverse of `to_key`."""
    return key.encode("utf-8", "surrogateescape")


class ByteRange(NamedTuple):
    """Half-open range of bytes of a value.

    ``stop=None`` means to the end.  A negative `start` counts from the end and needs
    ``stop=None``: the last ``-start`` bytes.  Ranges are never clamped: one that does not fit the
    value is an OutOfRange error.
    """

    start: int = 0
    stop: int | None = None


class KeyRange(NamedTuple):
    """Half-open range of keys in byte order; an empty `exclusive_max` means unbounded."""

    inclusive_min: str = ""
    exclusive_max: str = ""

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        raw = from_key(key)
        return raw >= from_key(self.inclusive_min) and (
            not self.exclusive_max or raw < from_key(self.exclusive_max)
        )

    @staticmethod
    def prefix(prefix: str) -> KeyRange:
        """Return the range of all keys that start with `prefix`.

        >>> "c/0" in KeyRange.prefix("c/"), "d" in KeyRange.prefix("c/")
        (True, False)
        """
        return KeyRange(prefix, to_key(_prefix_max(from_key(prefix))))


def _prefix_max(prefix: bytes) -> bytes:
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else b""


class StoreRef:
    """The name of one live store, as effects carry it: a driver, its options, and an identity.

    `options` are the parts of the specification that change what the store does, as sorted pairs.
    `identity` is None where the options say everything (a file system) and otherwise the object
    that stands for the live state (a memory store's context resource); it compares by identity.
    `limit` stands for how many operations may be under way (None: what the process shares), `pace` for how
    fast they may start (None: as they come); they are not part of what the store is: references with
    different ones are equal.
    """

    __slots__ = ("_hash", "driver", "identity", "limit", "options", "pace")

    driver: str
    options: tuple[tuple[str, Hashable], ...]
    identity: object
    limit: object
    pace: object

    def __init__(
        self,
        driver: str,
        options: tuple[tuple[str, Hashable], ...] = (),
        identity: object = None,
        limit: object = None,
        pace: object = None,
    ) -> None:
        object.__setattr__(self, "driver", driver)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "identity", identity)
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "pace", pace)
        object.__setattr__(self, "_hash", hash((driver, options, id(identity))))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"StoreRef is immutable: cannot set {name!r}")

    def option(self, name: str, default: Hashable = None) -> Hashable:
        """Return one option, or `default` where it is not set."""
        return dict(self.options).get(name, default)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoreRef):
            return NotImplemented
        return (
            self.identity is other.identity and self.driver == other.driver and self.options == other.options
        )

    def __hash__(self) -> int:
        return int(getattr(self, "_hash"))  # noqa: B009 - set through object.__setattr__

    def __repr__(self) -> str:
        identity = "" if self.identity is None else f", identity={self.identity!r}"
        return f"StoreRef({self.driver!r}, {self.options!r}{identity})"

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return StoreRef, (self.driver, self.options, self.identity, self.limit, self.pace)


def is_far(store: StoreRef) -> bool:
    """Return whether a store is reached over a network: asking takes long, and is repeated where it fails.

    It is one whose option `retries` says how often.
    """
    return store.option("retries") is not None


def describe(store: StoreRef, key: str) -> str:
    """Return how an error names a key.

    >>> describe(StoreRef("file"), "/tmp/x"), describe(StoreRef("memory"), "x")
    ('local file "/tmp/x"', '"x"')
    """
    if store.driver == "file":
        return f'local file "{key}"'
    if store.driver == "gcs":
        from tegula.kv.gcs_names import gcs_url

        return gcs_url(str(store.option("bucket")), key)
    return f'"{key}"'
