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
from tegula.runtime.session import is_ours, submit
from tegula.runtime.together import Reader, jointly
from tegula.source import Chunked
from tegula.view import View

__all__ = ["gathered", "little", "piled", "start_jointly", "wanted_of"]

WIDTH = max(2, os.cpu_count() or 1)
LITTLE = 16 << 20  # what is read in a few hundredths of a second need not be stopped on the way


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
        submit(jointly(source, several, WIDTH, submit), ours=is_ours(source))


# ---------------------------------------------------------------- reads that nobody waits for yet


_lock = threading.Lock()
_piles: dict[int, list[Reader]] = {}


def gathered(view: View, source: Chunked, spot: Spot, order: str) -> Future[Any] | None:
    """Return the future of a read that is done on the shared threads together with those that follow.

    None where it can not be done so.
    """
    if not able(source):
        return None
    return piled(view, source, want_spot(spot, view.transform.input_shape, order))


def piled(view: View, source: Chunked, wanted: Want) -> Future[Any]:
    """Return the future of a read that is done on the shared threads with those started meanwhile."""
    future: Future[Any] = pending()
    reader = Reader(view, wanted, future)
    with _lock:
        pile = _piles.get(id(source))
        if pile is not None:
            pile.append(reader)
            return future
        _piles[id(source)] = [reader]
    submit(_drain(source), abandon=True, ours=is_ours(source))
    return future


def little(view: View, order: str) -> Want | None:
    """Return a view taken apart that is worth joining with others, None where it is none."""
    wanted = wanted_of(view, order)
    if wanted is None or not isinstance(view.source, Chunked):
        return None
    return wanted if len(wanted.cells) * view.source.layout.chain.finest.nbytes <= LITTLE else None


async def _drain(source: Chunked) -> None:
    """Read what is on the pile of an array, then what has come meanwhile, until nothing has."""
    over = False
    try:
        while not over:
            with _lock:
                pile = _piles[id(source)]
                over = not pile
                if over:
                    del _piles[id(source)]
                else:
                    _piles[id(source)] = []
            if not over:
                await jointly(source, pile, WIDTH, submit)
    finally:
        if not over:
            with _lock:
                pile = _piles.pop(id(source), [])
            for reader in pile:
                forget(reader.future, Aborted("the operation was abandoned"))


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    piles = list(_piles.values())
    _piles.clear()
    for reader in [reader for pile in piles for reader in pile]:
        forget(reader.future, Aborted("the operation runs in the process that this one was forked from"))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
