"""Start reads that belong together: those of a batch, and those that a caller starts without waiting for any.

Knows which reads can be done jointly (`programs.jointly`); how they are run is `runtime.together`'s.  Which
of the ways a read takes is a matter of speed only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

from tegula.errors import Aborted
from tegula.plan.gather import Spot
from tegula.programs.jointly import Want, able, want, want_spot
from tegula.runtime.future import Future, forget, pending
from tegula.runtime.session import submit
from tegula.runtime.together import Reader, jointly
from tegula.source import Chunked
from tegula.view import View

__all__ = ["gathered", "start_jointly"]

WIDTH = max(2, os.cpu_count() or 1)


def wanted_of(view: View, order: str) -> Want | None:
    """Return a view taken apart, None where it is none that can be read jointly with others."""
    source = view.source
    return want(view, order) if isinstance(source, Chunked) and able(source) else None


def start_jointly(readers: Sequence[Reader]) -> None:
    """Start reads of a batch: those of one array together."""
    of: dict[int, list[Reader]] = {}
    for reader in readers:
        of.setdefault(id(reader.view.source), []).append(reader)
    for several in of.values():
        source = several[0].view.source
        assert isinstance(source, Chunked)
        submit(jointly(source, several, WIDTH))


# ---------------------------------------------------------------- reads that nobody waits for yet


_lock = threading.Lock()
_piles: dict[int, list[Reader]] = {}


def gathered(view: View, source: Chunked, spot: Spot, order: str) -> Future[Any] | None:
    """Return the future of a read that is done on the shared threads together with those that follow.

    None where it can not be done so.
    """
    if not able(source):
        return None
    future: Future[Any] = pending()
    wanted: Want = want_spot(spot, view.transform.input_shape, order)
    reader = Reader(view, wanted, future)
    with _lock:
        pile = _piles.get(id(source))
        if pile is not None:
            pile.append(reader)
            return future
        _piles[id(source)] = [reader]
    submit(_drain(source), abandon=True)
    return future


async def _drain(source: Chunked) -> None:
    with _lock:
        pile = _piles.pop(id(source), [])
    await jointly(source, pile, WIDTH)


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    piles = list(_piles.values())
    _piles.clear()
    for reader in [reader for pile in piles for reader in pile]:
        forget(reader.future, Aborted("the operation runs in the process that this one was forked from"))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
