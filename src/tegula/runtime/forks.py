"""A fork waits until no other thread is importing or compiling what its child may need.

A child has one thread.  What another was importing when it was made stays half imported in it, and locked for
ever; what another was compiling leaves the compiler locked.  So whoever forks waits for them, for a while.

Knows: which modules are imported late here, and the lock of the compiler.  Must not know: who uses them, and
what else is live: each file renews its own after a fork.

Law: a child of a process whose threads import, compile and read can do the same.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import get_ident
from importlib import _bootstrap

from tegula.kernels import _jit

__all__ = ["LATE", "PATIENCE"]

PATIENCE = 10.0
"""Seconds after which a fork does not wait any more."""

LATE = _jit.COMPILER | frozenset(
    {
        *("PIL", "certifi", "deflate", "fsspec", "google", "google_crc32c", "imagecodecs", "isal"),
        *("ml_dtypes", "numcodecs", "numpy", "obstore", "pcodec", "tegula", "xxhash", "zfpy", "zstandard"),
    }
)
"""What is imported by the first who needs it, beside Python's own modules."""


def _importing() -> bool:
    """Return whether another thread is importing what we may need.

    Who imports a module holds a lock of its name; a module of the user's, which may run for ever, is no
    reason to wait.
    """
    me = get_ident()
    for name, kept in list(getattr(_bootstrap, "_module_locks", {}).items()):
        lock = kept()
        owner = getattr(lock, "owner", None)
        top = name.partition(".")[0]
        if owner is not None and owner != me and (top in LATE or top in sys.stdlib_module_names):
            return True
    return False


def _before() -> None:
    until = time.monotonic() + PATIENCE
    _jit.hold(PATIENCE)
    while _importing() and time.monotonic() < until:
        time.sleep(0.001)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_jit.let_go)
