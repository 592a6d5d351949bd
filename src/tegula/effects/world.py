"""Effects that ask the world for what is not storage: the time, a wait, randomness."""

from __future__ import annotations

from tegula.effects.effect import Effect

__all__ = ["Entropy", "Now", "Sleep"]


class Now(Effect[float]):
    """The time in seconds since the epoch."""


class Sleep(Effect[None]):
    """Wait for some seconds."""

    seconds: float


class Entropy(Effect[bytes]):
    """Some random bytes."""

    size: int
