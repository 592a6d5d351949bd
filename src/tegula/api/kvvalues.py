"""The values that key-value stores take and answer with: key ranges, stamps, read results.

Knows: their fields, how they convert, compare and print.  Must not know: any store.

They are mutable, as in the drop-in: a field that is assigned is checked and converted as in the constructor.

Law: ``pickle`` and ``copy`` give an equal value; nothing is shared with the one that was copied.
"""

from __future__ import annotations

from math import isnan
from typing import Literal

from tegula.api.body import LAST
from tegula.effects.storage import ReadOutcome
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import KeyRange, to_key
from tegula.public import public

__all__ = ["KvKeyRange", "KvReadResult", "KvStamp", "key_text", "raw"]

_INFINITE = float("inf")


def key_text(key: object) -> str:
    """Return a key as text.

    Raises:
        TypeError: it is neither text that UTF-8 can hold nor bytes.
    """
    if isinstance(key, str):
        if not key.isascii():
            raw(key)
        return key
    if isinstance(key, bytes):
        return to_key(key)
    raise TypeError(f"expected str or bytes, not {type(key).__name__}")


def raw(value: object) -> bytes:
    """Return bytes, of text those of its UTF-8.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise TypeError(f"expected text that UTF-8 can hold, not {value!r}") from None
    if isinstance(value, bytes):
        return value
    raise TypeError(f"expected str or bytes, not {type(value).__name__}")


@public("KvStore.TimestampedStorageGeneration")
class KvStamp:
    """A storage generation and the time, in seconds since the epoch, at which it was current.

    >>> KvStamp(b"x", 5)
    KvStore.TimestampedStorageGeneration(b'x', 5.000000)
    """

    __slots__ = ("_generation", "_time")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, generation: str | bytes = UNKNOWN, time: float = -_INFINITE) -> None:
        self.generation = generation
        self.time = time

    @property
    def generation(self) -> bytes:
        r"""The generation: a token of this state of the value; empty where unknown, ``b"\x02"`` for none.

        >>> from tegula import KvStore
        >>> KvStore.open("memory://").result().read("a").result().stamp.generation
        b'\x02'
        """
        return self._generation

    @generation.setter
    def generation(self, value: str | bytes) -> None:
        self._generation = raw(value)

    @property
    def time(self) -> float:
        """The time at which the generation was current, in seconds since the epoch.

        Raises:
            TypeError: it is set to what is no number.

        >>> KvStamp(b"x", 5).time, KvStamp().time
        (5.0, -inf)
        """
        return self._time

    @time.setter
    def time(self, value: float) -> None:
        if not hasattr(value, "__float__"):
            raise TypeError(f"time is a number, not {value!r}")
        seconds = float(value)
        self._time = _INFINITE if isnan(seconds) or seconds >= LAST else max(seconds, -_INFINITE)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KvStamp):
            return NotImplemented
        return self._generation == other._generation and self._time == other._time

    def __repr__(self) -> str:
        return f"KvStore.TimestampedStorageGeneration({self._generation!r}, {self._time:.6f})"


def _stamp(generation: bytes, time: float) -> KvStamp:
    """Return a stamp of what one holds."""
    made = object.__new__(KvStamp)
    made._generation, made._time = generation, time
    return made


_NO_STAMP = KvStamp()


@public("KvStore.ReadResult")
class KvReadResult:
    """The answer of `KvStore.read`: whether there is a value, the value, and its generation.

    `state` is ``"value"``, ``"missing"``, or ``"unspecified"`` where the condition did not hold.

    >>> KvReadResult("value", b"abc").value, KvReadResult().state
    (b'abc', 'unspecified')
    """

    __slots__ = ("_stamp", "_state", "_value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        state: Literal["unspecified", "missing", "value"] = "unspecified",
        value: str | bytes = b"",
        stamp: KvStamp = _NO_STAMP,
    ) -> None:
        self.state = state
        self.value = value
        self.stamp = stamp

    @property
    def state(self) -> Literal["unspecified", "missing", "value"]:
        """Whether there is a value: ``"value"``, ``"missing"``; ``"unspecified"`` if a condition failed.

        Raises:
            TypeError: it is set to something else.

        >>> from tegula import KvStore
        >>> store = KvStore.open("memory://").result()
        >>> store["a"] = b""
        >>> [store.read(key).result().state for key in "ab"]
        ['value', 'missing']
        """
        return self._state

    @state.setter
    def state(self, state: Literal["unspecified", "missing", "value"]) -> None:
        if state not in ("unspecified", "missing", "value"):
            raise TypeError(f"state is one of 'unspecified', 'missing', 'value', not {state!r}")
        self._state = state

    @property
    def value(self) -> bytes:
        """The value; empty where there is none.

        >>> from tegula import KvStore
        >>> store = KvStore.open("memory://").result()
        >>> store["a"] = b"abcdef"
        >>> store.read("a", byte_range=slice(2, 4)).result().value
        b'cd'
        """
        return self._value

    @value.setter
    def value(self, value: str | bytes) -> None:
        self._value = raw(value)

    @property
    def stamp(self) -> KvStamp:
        """The generation, and when it was current: a copy, which may be changed.

        >>> from tegula import KvStore
        >>> store = KvStore.open("memory://").result()
        >>> written = store.write("a", b"1").result()
        >>> store.read("a").result().stamp.generation == written.generation
        True
        """
        return _stamp(self._stamp._generation, self._stamp._time)

    @stamp.setter
    def stamp(self, stamp: KvStamp) -> None:
        if not isinstance(stamp, KvStamp):
            raise TypeError(f"expected a KvStore.TimestampedStorageGeneration, not {stamp!r}")
        self._stamp = _stamp(stamp._generation, stamp._time)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KvReadResult):
            return NotImplemented
        return (self.state, self.value, self.stamp) == (other.state, other.value, other.stamp)

    def __repr__(self) -> str:
        return f"KvStore.ReadResult(state={self.state!r}, value={self.value!r}, stamp={self.stamp!r})"


def read_result(outcome: ReadOutcome) -> KvReadResult:
    """Return what a store answered, as users have it."""
    made = object.__new__(KvReadResult)
    made._state, made._value = outcome.state, bytes(outcome.value)
    made._stamp = _stamp(outcome.generation, outcome.time)
    return made


@public("KvStore.KeyRange")
class KvKeyRange:
    """Half-open range of keys in byte order; an empty upper bound is none.

    >>> KvKeyRange("a", "b")
    KvStore.KeyRange(b'a', b'b')
    >>> KvKeyRange("b", "a").empty
    True
    """

    __slots__ = ("_exclusive_max", "_inclusive_min")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, inclusive_min: str | bytes = "", exclusive_max: str | bytes = "") -> None:
        self.inclusive_min = inclusive_min
        self.exclusive_max = exclusive_max

    @property
    def inclusive_min(self) -> bytes:
        """The lowest key of the range; it may be set.

        >>> KvKeyRange("a", "b").inclusive_min
        b'a'
        """
        return self._inclusive_min

    @inclusive_min.setter
    def inclusive_min(self, key: str | bytes) -> None:
        self._inclusive_min = raw(key)

    @property
    def exclusive_max(self) -> bytes:
        """The first key behind the range; empty where there is none.  It may be set.

        >>> every = KvKeyRange("a")
        >>> every.exclusive_max = "c"
        >>> every
        KvStore.KeyRange(b'a', b'c')
        """
        return self._exclusive_max

    @exclusive_max.setter
    def exclusive_max(self, key: str | bytes) -> None:
        self._exclusive_max = raw(key)

    @property
    def empty(self) -> bool:
        """Whether no key is in the range.

        >>> KvKeyRange("b", "b").empty, KvKeyRange("b").empty
        (True, False)
        """
        return bool(self.exclusive_max) and self.inclusive_min >= self.exclusive_max

    def copy(self) -> KvKeyRange:
        """Return a copy: setting a bound changes only one of them.

        >>> one = KvKeyRange("a", "c")
        >>> other = one.copy()
        >>> other.inclusive_min = "b"
        >>> one, other
        (KvStore.KeyRange(b'a', b'c'), KvStore.KeyRange(b'b', b'c'))
        """
        return KvKeyRange(self.inclusive_min, self.exclusive_max)

    def _below(self, path: str) -> KeyRange:
        """Return the range of whole keys below `path`."""
        low = path + to_key(self.inclusive_min)
        if self.exclusive_max:
            return KeyRange(low, path + to_key(self.exclusive_max))
        return KeyRange(low, KeyRange.prefix(path).exclusive_max)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KvKeyRange):
            return NotImplemented
        return (self.inclusive_min, self.exclusive_max) == (other.inclusive_min, other.exclusive_max)

    def __repr__(self) -> str:
        return f"KvStore.KeyRange({self.inclusive_min!r}, {self.exclusive_max!r})"
