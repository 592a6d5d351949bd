"""Small requests: one element, one chunk, opening.  Nothing to parallelise, only overhead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt, open_zarr, scratch, spec, volume

CACHE = {"cache_pool": {"total_bytes_limit": 1 << 28}}


def _memory(ts: Any, data: np.ndarray) -> Any:
    metadata = {"shape": data.shape, "chunks": [64, 64, 64], "dtype": "<u2", "compressor": None}
    what = {"driver": "zarr", "kvstore": "memory://", "metadata": metadata}
    store = ts.open(what, create=True, context=ts.Context()).result()
    store.write(data).result()
    return store


def _element(store: Any) -> Callable[[], Any]:
    return lambda: store[5, 6, 7].read().result()


def _block(store: Any) -> Callable[[], Any]:
    return lambda: store[:64, :64, :64].read().result()


def _zarr_element(folder: Path, zarrs: bool) -> Callable[[], Any]:
    store = open_zarr(folder, zarrs=zarrs)
    return lambda: store[5, 6, 7]


def _zarr_block(folder: Path, zarrs: bool) -> Callable[[], Any]:
    store = open_zarr(folder, zarrs=zarrs)
    return lambda: store[:64, :64, :64]


def _warm(run: Callable[[], Any]) -> Callable[[], Any]:
    run()
    return run


def _write(store: Any) -> Callable[[], Any]:
    value = np.uint16(3)
    return lambda: store[5, 6, 7].write(value).result()


def _runs(make: Callable[[Any], Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    return {peer: attempt(lambda ts=ts: make(ts)) for peer, ts in SAME_LINES.items()}


def _file_cases(folder: Path) -> Iterator[Case]:
    what = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{folder}/"}}

    def cached(ts: Any) -> Any:
        return ts.open({**what, "recheck_cached_data": "open"}, context=ts.Context(CACHE)).result()

    uncached = _runs(lambda ts: _element(ts.open(what).result()))
    whole = _runs(lambda ts: _block(ts.open(what).result()))
    for peer in ("zarr", "zarrs"):
        uncached[peer] = attempt(lambda peer=peer: _zarr_element(folder, peer == "zarrs"))
        whole[peer] = attempt(lambda peer=peer: _zarr_block(folder, peer == "zarrs"))
    yield Case("one element, file", uncached, number=500, answer=lambda _, value: int(value))
    yield Case("one element, cached", _runs(lambda ts: _warm(_element(cached(ts)))), number=1000)
    yield Case("one chunk, file", whole, number=300)
    yield Case("one chunk, cached", _runs(lambda ts: _warm(_block(cached(ts)))), number=500)
    opening = _runs(lambda ts: lambda: ts.open(what).result())
    opening["zarr"] = lambda: open_zarr(folder)
    yield Case("open", opening, number=300, answer=lambda _, store: tuple(store.shape))


def _cases(options: Options) -> Iterator[Case]:
    data = volume(128)
    with scratch() as folder:
        made = tensorstore.open(spec("zarr2 raw", folder, data.shape, (64, 64, 64)), create=True).result()
        made.write(data).result()
        yield from _file_cases(folder)
    yield Case("one element, memory", _runs(lambda ts: _element(_memory(ts, data))), number=1000)
    yield Case("one chunk, memory", _runs(lambda ts: _block(_memory(ts, data))), number=500)
    yield Case("one element, array", _runs(lambda ts: _element(ts.array(data))), number=1000)
    writes = _runs(lambda ts: _write(_memory(ts, data)))
    yield Case("write one element, memory", writes, number=300, answer=lambda *_: True)


GROUP = Group("small", "one element, one chunk of 64^3 uint16, opening", _cases, (0.50, 1.0))
