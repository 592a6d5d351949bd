"""Views that are read: transposed, strided, by index arrays; from files and from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorstore

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt, open_zarr, scratch, spec, volume


def _views(edge: int) -> dict[str, Callable[[Any], Any]]:
    rng = np.random.default_rng(2)
    some = [np.sort(rng.integers(0, edge, min(100, edge))) for _ in range(3)]
    points = [rng.integers(0, edge, min(100_000, edge**3)) for _ in range(3)]
    return {
        "T": lambda s: s.T,
        "[::2, ::3]": lambda s: s[::2, ::3],
        "[::2, ::3, ::5]": lambda s: s[::2, ::3, ::5],
        "a slab [:, 5]": lambda s: s[:, 5],
        "oindex 100^3": lambda s: s.oindex[some[0], some[1], some[2]],
        "vindex 100,000": lambda s: s.vindex[points[0], points[1], points[2]],
    }


def _reads(store: Any, view: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: view(store).read(order="C").result()


def _store_cases(options: Options) -> Iterator[Case]:
    edge, side = (64, 16) if options.smoke else (512, 64)
    data = volume(edge)
    with scratch() as folder:
        what = spec("zarr2 raw", folder, data.shape, (side,) * 3)
        tensorstore.open(what, create=True).result().write(data).result()
        opened = {"driver": what["driver"], "kvstore": what["kvstore"]}
        for name, view in _views(edge).items():
            runs = {
                peer: attempt(lambda ts=ts, view=view: _reads(ts.open(opened).result(), view))
                for peer, ts in SAME_LINES.items()
            }
            if name != "T":  # a zarr-python array has no transpose
                runs["zarr"] = attempt(lambda view=view: (lambda s: lambda: view(s))(open_zarr(folder)))
            yield Case(name, runs, size=data.nbytes)


def _memory_cases(options: Options) -> Iterator[Case]:
    edge = 64 if options.smoke else 400
    data = volume(edge)
    views = _views(edge) | {
        "copy": lambda s: s,
        "(1, 0, 2)": lambda s: s.transpose([1, 0, 2]) if hasattr(s, "domain") else s.transpose(1, 0, 2),
        "reversed": lambda s: s[::-1, ::-1, ::-1],
        "cast to float32": None,
    }
    for name, view in views.items():

        def make(ts: Any, view: Any = view) -> Callable[[], Any]:
            store = ts.array(data)
            if view is None:
                return lambda: ts.cast(store, ts.float32).read().result()
            return _reads(store, view)

        runs = {peer: attempt(lambda ts=ts, make=make: make(ts)) for peer, ts in SAME_LINES.items()}
        yield Case(name, runs, size=data.nbytes)


GROUPS = [
    Group(
        "store_views",
        "slices of 512^3 uint16 in raw 64^3 chunks from files, read in C order",
        _store_cases,
        (0.40, 0.7),
    ),
    Group(
        "memory_views",
        "views of an array of 400^3 uint16 in memory, read in C order",
        _memory_cases,
        (0.30, 0.8),
    ),
]
