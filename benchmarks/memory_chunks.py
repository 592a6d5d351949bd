"""Many tiny chunks in memory: what is left when there is no disk and no codec is the cost of a chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt

SIDE = 32  # uint8: a chunk is 1 KiB


def _data(chunks: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (SIDE * chunks, SIDE * chunks), np.uint8)


def _same_lines(ts: Any, data: np.ndarray) -> tuple[Callable[[], Any], Callable[[], Any]]:
    metadata = {"shape": data.shape, "chunks": [SIDE, SIDE], "dtype": "|u1", "compressor": None}
    what = {"driver": "zarr", "kvstore": "memory://", "metadata": metadata}
    store = ts.open(what, create=True, context=ts.Context()).result()
    store.write(data).result()
    return lambda: store.read().result(), lambda: store.write(data).result()


def _zarr(data: np.ndarray) -> tuple[Callable[[], Any], Callable[[], Any]]:
    import zarr

    store = zarr.create_array(
        {}, shape=data.shape, chunks=(SIDE, SIDE), dtype="u1", compressors=None, zarr_format=2
    )
    store[...] = data
    return lambda: store[...], lambda: store.__setitem__(..., data)


def _cases(options: Options) -> Iterator[Case]:
    chunks = 8 if options.smoke else 128
    data = _data(chunks)
    both: dict[str, Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]] = {
        peer: (lambda ts=ts: _same_lines(ts, data)) for peer, ts in SAME_LINES.items()
    }
    both["zarr"] = lambda: _zarr(data)
    for which, name in enumerate(("read", "write")):
        runs = {peer: attempt(lambda make=make, which=which: make()[which]) for peer, make in both.items()}
        answer = (lambda _, result: result) if name == "read" else (lambda _, __: True)
        yield Case(f"{name} {chunks**2} chunks", runs, data.nbytes, count=chunks**2, answer=answer)


GROUP = Group("memory_chunks", "16,384 raw chunks of 1 KiB in memory", _cases, (0.50, 1.0))
