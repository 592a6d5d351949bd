"""Storage generations and stamps: what a store says about *which* value it holds.

A generation is an opaque byte string that changes whenever the value of a key changes.  Two are
special: `UNKNOWN` (empty: no condition, or a condition that failed) and `NO_VALUE` (the key has
no value).  A stamp is a generation with the time at which it was known to be current.
"""

from __future__ import annotations

from tegula.row import NamedTuple

__all__ = ["NO_VALUE", "UNKNOWN", "Stamp"]

UNKNOWN = b""
NO_VALUE = b"\x02"


class Stamp(NamedTuple):
    """A generation and the time, in seconds since the epoch, at which it was current."""

    generation: bytes
    time: float
