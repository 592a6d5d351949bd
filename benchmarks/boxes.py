"""Boxes of a few chunks, read from files and written over what is there: what most programs mostly do."""

from __future__ import annotations

import asyncio
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


def _together(store: Any, writes: list[tuple[Any, Any]], gathered: bool) -> Callable[[], Any]:
    async def program() -> None:
        await asyncio.gather(*[store[where].write(data) for where, data in writes])

    def run() -> None:
        if gathered:
            asyncio.run(program())
            return
        futures = [store[where].write(data) for where, data in writes]
        for future in futures:
            future.result()

    return run


def _many(side: int) -> dict[str, list[tuple[Any, Any]]]:
    """Writes to an array of 4 x 4 chunks that are started at once, by what they are."""
    edge, draw = 4 * side, np.random.default_rng(1)
    corners = draw.integers(0, edge - side, (60, 2)).tolist()
    line, chunk = np.ones(edge, "u2"), np.ones((side, side), "u2")
    return {
        "100 elements": [(tuple(at), number) for number, at in enumerate(draw.integers(0, edge, (100, 2)))],
        "1000 elements": [(tuple(at), number) for number, at in enumerate(draw.integers(0, edge, (1000, 2)))],
        "rows": [((row,), line * row) for row in range(edge)],
        "60 boxes": [
            (np.s_[top : top + side, left : left + side], chunk * number)
            for number, (top, left) in enumerate(corners)
        ],
        "whole chunks": [
            (np.s_[row : row + side, column : column + side], chunk * row + column)
            for row in range(0, edge, side)
            for column in range(0, edge, side)
        ],
    }


def _together_cases(options: Options) -> Iterator[Case]:
    side = 16 if options.smoke else 128
    for place in ("zarr3 raw, memory", "zarr3 raw, file", "zarr3 zstd, file", "zarr3 shard, file"):
        kind, where = place.split(", ")
        with scratch() as folder:
            stores = {}
            for peer, ts in SAME_LINES.items():
                what = spec(
                    kind, folder / peer, (4 * side,) * 2, (side // (4 if "shard" in kind else 1),) * 2
                )
                if where == "memory":
                    what["kvstore"] = "memory://"
                stores[peer] = ts.open(what, create=True).result()
                stores[peer].write(np.full((4 * side,) * 2, 7, "u2")).result()
            for name, writes in _many(side).items():
                for gathered in (False, True) if name == "100 elements" else (False,):
                    runs = {peer: _together(store, writes, gathered) for peer, store in stores.items()}
                    yield Case(f"{place}, {name}{' gathered' * gathered}", runs, pure=True)


GROUPS = [
    Group(
        "boxes",
        "boxes of uint16 from files, by how many chunks they touch",
        _read_cases,
        (0.9, 1.4),
    ),
    Group("boxes_written", "the same, written over what is there", _write_cases, (1.0, 1.4)),
    Group(
        "written_at_once",
        "writes to 4 x 4 chunks of 128^2 uint16 that are started before any is waited for",
        _together_cases,
        (0.8, 1.1),
    ),
]
