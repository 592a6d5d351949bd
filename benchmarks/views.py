"""View operations alone: no data moves, each returns a new value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt

POINTS = np.array([1, 5, 9, 2, 40])


def _labelled(ts: Any) -> Any:
    metadata = {"shape": [512, 512, 512], "chunks": [64, 64, 64], "dtype": "<u2", "compressor": None}
    what = {"driver": "zarr", "kvstore": "memory://", "metadata": metadata}
    store = ts.open(what, create=True, context=ts.Context()).result()
    return store[ts.d[:].label["x", "y", "z"]]


OPERATIONS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "s[5]": lambda ts: lambda s: s[5],
    "s[1:50, 2:60, 3:70]": lambda ts: lambda s: s[1:50, 2:60, 3:70],
    "s[..., ::2]": lambda ts: lambda s: s[..., ::2],
    "d['x'].translate_to[3]": lambda ts: lambda s: s[ts.d["x"].translate_to[3]],
    "d['z', 'x'].transpose[:2]": lambda ts: lambda s: s[ts.d["z", "x"].transpose[:2]],
    "oindex[:, points]": lambda ts: lambda s: s.oindex[:, POINTS],
    "vindex[points, points]": lambda ts: lambda s: s.vindex[POINTS, POINTS],
    "s.T": lambda ts: lambda s: s.T,
    "s.domain": lambda ts: lambda s: s.domain,
    "s.spec()": lambda ts: lambda s: s.spec(),
}


def _shape(_: str, result: Any) -> Any:
    return tuple(result.shape) if hasattr(result, "shape") else str(type(result).__name__)


def _cases(options: Options) -> Iterator[Case]:
    for name, operation in OPERATIONS.items():

        def make(ts: Any, operation: Any = operation) -> Callable[[], Any]:
            store, act = _labelled(ts), operation(ts)
            return lambda: act(store)

        runs = {peer: attempt(lambda ts=ts: make(ts)) for peer, ts in SAME_LINES.items()}
        yield Case(name, runs, number=5000, answer=_shape)

    def composed(ts: Any) -> Callable[[], Any]:
        transform = _labelled(ts)[ts.d["x"].translate_to[3]].domain
        inner = ts.IndexTransform(transform)[5:100, :, 3:400]
        outer = ts.IndexTransform(transform)
        return lambda: outer[inner]

    runs = {peer: attempt(lambda ts=ts: composed(ts)) for peer, ts in SAME_LINES.items()}
    yield Case("transform[transform]", runs, number=5000, answer=lambda _, t: str(t))


GROUP = Group("views", "one operation on a labelled view of rank 3", _cases, (1.0, 2.0))
