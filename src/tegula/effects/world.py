"""Effects that ask the world for what is not storage: the time, a wait, randomness."""

from __future__ import annotations

from dataclasses import dataclass

from tegula.effects.effect import Effect

__all__ = ["Entropy", "Now", "Sleep"]


@dataclass(frozen=True, slots=True)
class Now(Effect[float]):
    """The time in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Sleep(Effect[None]):
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Entropy(Effect[bytes]):
    """Some random bytes."""

    size: int
