"""View operations alone: no data moves, each returns a new value.

Every operation is a line of Python that both libraries run, on a labelled store of rank 3 and on bare
transforms: the identity, and one that is strided and transposed.  Both sides see the same lines in the same
process, in short samples that alternate, since an operation takes about a microsecond and the machine
does other things.

What a value remembers (`x.T`, `x.shape`, `x.schema`), and what is made only when somebody looks, is cheap
here.  The last three lines of `ON_VIEWS` make a new value and look at what comes out: the whole cost.
"""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt

SHAPE = (512, 512, 512)

ON_VIEWS = """
x[5]
x[5, 6, 7]
x[..., 6]
x[10:50]
x[10:50, 20:60, 6:9]
x[::2]
x[..., ::2]
x[12:50:3, 9:40:2, 9:5:-1]
x[None]
x[:, None, 5]
x[points]
x[[7, 8]]
x[points, points]
x[mask]
x[mask2]
x.oindex[points]
x.oindex[:, points]
x.oindex[points, points]
x.vindex[points, points]
x[grid]
x[grid, grid]
x[:, column, points]
x[points, :, points]
x.vindex[grid, grid]
x.vindex[:, points]
x.oindex[grid]
x.oindex[grid, points]
x[True]
x[false]
x[[3]]
x[single]
x[alone]
x[five]
x[5, five]
x[points][1:3]
x[points][2]
x[points, points][::2]
x[points][:, points]
x[points][[1, 2]]
x[points, points][[1, 2]]
x.oindex[points, points][[1, 2]]
x[points].T.domain
x[:, 5]
x.T
x.transpose([2, 0, 1])
x.translate_by[5]
x.translate_to[1, 2, 3]
x.translate_backward_by[1, 2, 3]
x.label["a", "b", "c"]
x.mark_bounds_implicit[False]
x.domain
x.shape
x.origin
x.size
x[box]
x[explicit]
x[implicit]
x[d["x"].translate_to[3]]
x[d[0].translate_by[3]]
x[moved]
x[d["z", "x"].transpose[:2]]
x[d["x", "z"][9:12, 8]]
x[d["x"][points]]
x[d["x", "y"][mask2]]
x[d["x"][grid]]
x[d["x", "y"][grid, grid]]
x[d["x", "y"].vindex[grid, grid]]
x[d["x", "y"].oindex[grid, points]]
x[d["x", "y", "z"][points, :, points]]
x[d["z", "x"][points, points]]
x[d["x", "y"].oindex[points, points]]
x[d["x"][[3]]]
x[on_grid]
x[d["x"].translate_to[3][4:6]]
x[d["x"].translate_to[3].label["q"]]
x[d["x"].stride[2]]
x[d["x", "y"].diagonal]
x[d["x"].label["q"]]
x[d[0][None]]
x[10:50].T.domain
x[10:50].translate_to[0, 0, 0].domain
x[10:50].T[..., 20].translate_by[1, 1].domain
""".strip().splitlines()

ON_STORES = """
x.rank
x.dtype
x.spec()
x.spec().to_json()
x[5:].spec().to_json()
x.schema
x.chunk_layout
x.fill_value
repr(x)
""".strip().splitlines()

ON_TRANSFORMS = """
x.output
x.output[0]
x((20, 20, 20))
x([20, 20, 20])
explicit((20, 8, 9))
x == y
x == again
x == explicit
pickle.dumps(x)
pickle.loads(pickled)
copy.copy(x)
x.to_json()
explicit.to_json()
IndexTransform(json=document)
repr(x)
repr(explicit)
""".strip().splitlines()

ON_NOTHING = """
Dim(5)
Dim(3, 7)
Dim("x")
Dim(inclusive_min=3, exclusive_max=7, label="y")
IndexDomain(3)
IndexDomain(shape=[3, 4, 5])
IndexDomain(inclusive_min=[1, 2, 3], exclusive_max=[4, 5, 6], labels=["x", "y", "z"])
IndexDomain([Dim(5), Dim(6), Dim("z")])
IndexDomain(json=written)
IndexTransform(3)
IndexTransform(box)
IndexTransform(input_shape=[2, 3], output=[OutputIndexMap(7), OutputIndexMap(input_dimension=1)])
OutputIndexMap(5)
OutputIndexMap(input_dimension=0, offset=3, stride=2)
5 in dim
Dim(4, 6) in dim
dim == Dim(3, 9)
dim.intersect(Dim(4, 12))
dim.hull(Dim(4, 12))
repr(dim)
box[0]
named["y"]
box[1, 0]
box[d[1].translate_to[3]]
list(box)
box.T
box.shape
box.translate_by[3]
box.label["a", "b", "c"]
box.mark_bounds_implicit[True]
box.intersect(other)
box.hull(other)
box == other
box == IndexDomain(box)
pickle.loads(pickle.dumps(box))
repr(box)
box.to_json()
d["x"]
d["x"].translate_to[3]
d["x", 0:2]
""".strip().splitlines()


def _names(ts: Any) -> dict[str, Any]:
    """What the lines refer to, of one library."""
    small = np.zeros((60, 60), bool)
    small[3, 4] = small[50, 7] = True
    box = ts.IndexDomain(inclusive_min=[10, 5, 6], shape=[40, 50, 30])
    named = ts.IndexDomain(shape=[40, 50, 30], labels=["x", "y", "z"])
    maps = [
        ts.OutputIndexMap(5),
        ts.OutputIndexMap(input_dimension=1, offset=2),
        ts.OutputIndexMap(input_dimension=0),
    ]
    return {
        "d": ts.d,
        "Dim": ts.Dim,
        "IndexDomain": ts.IndexDomain,
        "IndexTransform": ts.IndexTransform,
        "OutputIndexMap": ts.OutputIndexMap,
        "points": np.array([11, 15, 19, 12, 40]),
        "grid": np.array([[11, 15, 19], [12, 40, 20]]),
        "column": np.array([[11], [15], [19]]),
        "on_grid": ts.d["x", "y"].vindex[[[11, 15], [19, 12]], [[3, 4], [5, 6]]],
        "single": np.array([3]),
        "alone": np.array(True),
        "five": np.int64(5),
        "false": False,
        "mask": np.arange(60) % 20 == 19,
        "mask2": small,
        "dim": ts.Dim(3, 9),
        "box": box,
        "other": ts.IndexDomain(inclusive_min=[12, 4, 7], shape=[30, 50, 40]),
        "named": named,
        "written": box.to_json(),
        "pickled": pickle.dumps(ts.IndexTransform(box)[::2]),
        "pickle": pickle,
        "copy": copy,
        "explicit": ts.IndexTransform(box)[15:30, ::2],
        "implicit": ts.IndexTransform(2, output=maps),
        "moved": ts.d["x", "y"].translate_by[5],
        "document": ts.IndexTransform(box)[::2].to_json(),
    }


def _store(ts: Any) -> Any:
    metadata = {"shape": list(SHAPE), "chunks": [64, 64, 64], "dtype": "<u2", "compressor": None}
    what = {"driver": "zarr", "kvstore": "memory://", "metadata": metadata}
    store = ts.open(what, create=True, context=ts.Context()).result()
    return store[ts.d[:].label["x", "y", "z"]]


def _identity(ts: Any) -> Any:
    return ts.IndexTransform(ts.IndexDomain(shape=list(SHAPE), labels=["x", "y", "z"]))


def _strided(ts: Any) -> Any:
    return _identity(ts)[ts.d["y", "x", "z"].transpose[:]][:, :, ::2]


def _nothing(_: Any) -> None:
    return None


def _told(_: str, result: Any) -> Any:
    """What is compared of two answers: what they look like, or how large they are."""
    for name in ("to_json", "shape"):
        found = getattr(result, name, None)
        if found is not None and type(result).__name__ in ("IndexTransform", "IndexDomain", "TensorStore"):
            return str(found() if callable(found) else tuple(found))
    return str(type(result).__name__)


def _number(peers: dict[str, Callable[[], Any]]) -> int:
    """How many calls make a sample of a fifth of a millisecond: too short to be interrupted often."""
    slowest = 1e-6
    for run in peers.values():
        for _ in range(3):
            start = time.perf_counter()
            with suppress(Exception):  # told when it is measured
                run()
        slowest = max(slowest, time.perf_counter() - start)
    return max(5, min(100, int(2e-4 / slowest)))


def _cases_on(subject: str, make: Callable[[Any], Any], lines: list[str], options: Options) -> Iterator[Case]:
    del options
    for line in lines:
        code = compile(f"lambda: {line}", "<operation>", "eval")

        def runs(ts: Any, code: Any = code) -> Callable[[], Any]:
            x = make(ts)
            names = {**_names(ts), "x": x, "y": x, "again": make(ts)}
            run: Callable[[], Any] = eval(code, names)
            return run

        peers = {peer: attempt(lambda ts=ts: runs(ts)) for peer, ts in SAME_LINES.items()}
        name = f"{subject}: {line}" if subject else line
        yield Case(name, peers, number=_number(peers), answer=_told, rounds=61, pure=True)


def _cases(options: Options) -> Iterator[Case]:
    yield from _cases_on("store", _store, ON_VIEWS + ON_STORES, options)
    yield from _cases_on("transform", _identity, ON_VIEWS + ON_TRANSFORMS, options)
    yield from _cases_on("strided transform", _strided, ON_VIEWS, options)
    yield from _cases_on("", _nothing, ON_NOTHING, options)


GROUP = Group("views", "an operation on a view of rank 3, or the making of a value", _cases, (1.0, 2.0))
