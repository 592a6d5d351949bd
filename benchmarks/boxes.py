"""Boxes of a few chunks, read from files and written over what is there: what most programs mostly do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorstore

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt, contents, open_zarr, scratch, spec

KINDS = [("zarr2 raw", 64), ("zarr2 zstd", 64), ("zarr3 blosc", 64), ("zarr2 raw", 16), ("zarr3 shard", 64)]


def _boxes(side: int) -> dict[str, tuple[slice, ...]]:
    """By how many chunks they touch; `part` ones cut all that lie at their edges."""
    margin = side // 6
    whole = {str(n**3): (slice(0, n * side),) * 3 for n in (1, 2, 4)}
    return whole | {f"{n**3} part": (slice(margin, n * side - margin),) * 3 for n in (1, 2, 3)}


def _reads(store: Any, box: tuple[slice, ...]) -> Callable[[], Any]:
    return lambda: store[box].read().result()


def _writes(store: Any, box: tuple[slice, ...], data: np.ndarray) -> Callable[[], Any]:
    turns = [data, data ^ 1]

    def write() -> None:
        turns.reverse()
        store[box].write(turns[0]).result()

    return write


def _zarr(store: Any, box: tuple[slice, ...]) -> Callable[[], Any]:
    return lambda: store[box]


def _kinds(options: Options) -> Iterator[tuple[str, int, np.ndarray]]:
    for kind, side in KINDS:
        edge = 4 * (side // 4 if options.smoke else side)
        yield kind, edge // 4, contents(kind, edge)


def _read_cases(options: Options) -> Iterator[Case]:
    for kind, side, data in _kinds(options):
        with scratch() as folder:
            what = spec(kind, folder, data.shape, (side,) * 3)
            tensorstore.open(what, create=True).result().write(data).result()
            opened = {"driver": what["driver"], "kvstore": what["kvstore"]}
            for name, box in _boxes(side).items():
                runs = {
                    peer: attempt(lambda ts=ts, box=box, opened=opened: _reads(ts.open(opened).result(), box))
                    for peer, ts in SAME_LINES.items()
                }
                for peer in ("zarr", "zarrs"):
                    runs[peer] = attempt(
                        lambda peer=peer, box=box: _zarr(open_zarr(folder, zarrs=peer == "zarrs"), box)
                    )
                yield Case(f"{kind} {side}^3, {name}", runs, number=5)


def _write_cases(options: Options) -> Iterator[Case]:
    for kind, side, data in _kinds(options):
        with scratch() as folder:
            stores, seen = {}, {}
            for peer, ts in SAME_LINES.items():
                what = spec(kind, folder / peer, data.shape, (side,) * 3)
                stores[peer] = ts.open(what, create=True).result()
                stores[peer].write(data).result()
                seen[peer] = tensorstore.open({"driver": what["driver"], "kvstore": what["kvstore"]}).result()
            for name, box in _boxes(side).items():
                some = np.ascontiguousarray(data[box])
                runs = {peer: _writes(store, box, some) for peer, store in stores.items()}

                def answer(peer: str, _: object, seen: dict[str, Any] = seen) -> Any:
                    """What the tensorstore wheel finds stored."""
                    return seen[peer].read().result()

                yield Case(f"{kind} {side}^3, {name}", runs, number=4, answer=answer)


GROUPS = [
    Group(
        "boxes",
        "boxes of uint16 from files, by how many chunks they touch",
        _read_cases,
        (0.9, 1.4),
    ),
    Group("boxes_written", "the same, written over what is there", _write_cases, (1.0, 1.4)),
]
