"""Reads that a pool of decoded chunks can answer: one element, one chunk, and a thousand small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt, scratch

POOL = {"cache_pool": {"total_bytes_limit": 1 << 28}}
SIDE = 32  # uint8: a chunk is 1 KiB


def _handle(ts: Any, folder: Path, bound: Any) -> Any:
    what = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{folder}/"}}
    return ts.open({**what, "recheck_cached_data": bound}, context=ts.Context(POOL)).result()


def _read(store: Any, where: Any) -> Callable[[], Any]:
    view = store[where]
    view.read().result()
    return lambda: view.read().result()


def _again(store: Any) -> Callable[[], Any]:
    """Write a chunk and read it: the pool holds what was written."""
    data = np.ones((SIDE, SIDE), np.uint8)

    def run() -> Any:
        store[:SIDE, :SIDE].write(data).result()
        return store[:SIDE, :SIDE].read().result()

    return run


def _runs(make: Callable[[Any], Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    return {peer: attempt(lambda ts=ts: make(ts)) for peer, ts in SAME_LINES.items()}


def _cases(options: Options) -> Iterator[Case]:
    chunks = 8 if options.smoke else 32
    data = np.random.default_rng(1).integers(0, 255, (SIDE * chunks, SIDE * chunks), np.uint8)
    views = {
        "one element": ((5, 6), 1000, 1),
        "one chunk of 1 KiB": ((slice(0, SIDE), slice(0, SIDE)), 1000, 1),
        f"{chunks**2} chunks of 1 KiB": ((slice(None), slice(None)), 5, chunks**2),
        "a row across the chunks": ((3, slice(None)), 200, chunks),
        "scattered elements": ((slice(None, None, 97), slice(None, None, 101)), 50, 1),
    }
    with scratch() as folder:
        metadata = {"shape": data.shape, "chunks": [SIDE, SIDE], "dtype": "|u1", "compressor": {"id": "zlib"}}
        what = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{folder}/"}, "metadata": metadata}
        tensorstore.open(what, create=True).result().write(data).result()
        for name, (where, number, count) in views.items():
            yield Case(
                name,
                _runs(lambda ts, where=where: _read(_handle(ts, folder, "open"), where)),
                number=number,
                count=count,
            )
        always = _runs(lambda ts: _read(_handle(ts, folder, True), (5, 6)))
        yield Case("one element, rechecked", always, number=300)
        both = _runs(lambda ts: _again(_handle(ts, folder, "open")))
        yield Case("write a chunk, read it", both, number=50)


GROUP = Group("cached", "reads that a pool of decoded chunks can answer", _cases, (0.60, 1.0))
