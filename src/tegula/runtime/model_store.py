"""A store that is only its meaning: a dict of values with generations, for the simulator and for tests.

Knows what the four storage effects say about conditions, ranges and generations.  Must not know
time, threads or faults: the simulator applies one effect at a time and brings the rest.

Law: every write that is applied makes a generation that never was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tegula.effects.effect import Effect
from tegula.effects.storage import (
    DeleteRange,
    List,
    Listing,
    Origin,
    Provenance,
    Read,
    ReadOutcome,
    Write,
    WriteOutcome,
)
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange
from tegula.leaves.leaf import span

__all__ = ["ModelStore"]


def _epoch() -> float:
    return 0.0


class ModelStore:
    """A leaf whose whole state is `values`: key -> (value, generation); `clock` tells the time.

    >>> from tegula.kv.spec import StoreRef
    >>> store = ModelStore()
    >>> store.perform(Write(StoreRef("m"), "a", b"1")).applied
    True
    >>> store.perform(Write(StoreRef("m"), "a", b"2", if_equal=NO_VALUE)).applied
    False
    """

    local = True
    local_writes = True
    conditional_writes = True

    def __init__(self, clock: Callable[[], float] = _epoch) -> None:
        self.values: dict[str, tuple[bytes, bytes]] = {}
        self.stamps: dict[bytes, tuple[bytes, bytes]] = {}
        self.written = 0
        self._clock = clock

    def describe(self, key: str) -> str:
        """Return how an error names a key."""
        return f"model {key!r}"

    def perform(self, effect: Effect[Any]) -> Any:
        """Answer one storage effect.

        Raises:
            OutOfRange: a byte range that does not fit the value.
            TypeError: the effect is no single storage effect.
        """
        match effect:
            case Read():
                return self._read(effect)
            case Write():
                return self._write(effect)
            case Origin():
                generation = self.values.get(effect.key, (b"", NO_VALUE))[1]
                return Provenance(generation, *self.stamps.get(generation, ()))
            case List():
                chosen = [key for key in self.values if key in effect.range]
                return Listing(chosen, [len(self.values[key][0]) for key in chosen])
            case DeleteRange():
                self.values = {key: kept for key, kept in self.values.items() if key not in effect.range}
                return None
        raise TypeError(f"not a storage effect: {effect!r}")

    def _read(self, effect: Read) -> ReadOutcome:
        value, generation = self.values.get(effect.key, (b"", NO_VALUE))
        if effect.if_not_equal == generation or effect.if_equal not in (UNKNOWN, generation):
            return ReadOutcome("unspecified", b"", generation, self._clock())
        if generation == NO_VALUE:
            return ReadOutcome("missing", b"", NO_VALUE, self._clock())
        return ReadOutcome("value", _cut(value, effect.byte_range), generation, self._clock())

    def _write(self, effect: Write) -> WriteOutcome:
        _, generation = self.values.get(effect.key, (b"", NO_VALUE))
        if effect.if_equal not in (UNKNOWN, generation):
            return WriteOutcome(UNKNOWN, self._clock())
        if effect.value is None:
            self.values.pop(effect.key, None)
            return WriteOutcome(NO_VALUE, self._clock())
        self.written += 1
        generation = b"generation-%d" % self.written
        self.values[effect.key] = (bytes(effect.value), generation)
        if effect.stamp:
            self.stamps[generation] = (effect.stamp, effect.if_equal)
        return WriteOutcome(generation, self._clock())


def _cut(value: bytes, byte_range: ByteRange | None) -> bytes:
    if byte_range is None:
        return value
    first, last = span(byte_range, len(value))
    return value[first:last]
