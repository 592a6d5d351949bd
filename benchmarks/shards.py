"""200 inner chunks of one shard: one after the other, all at once, in a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorstore

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt, open_zarr, scratch, spec, volume


def _cases(options: Options) -> Iterator[Case]:
    edge, number = (64, 8) if options.smoke else (256, 200)
    inner = edge // 8
    data = volume(edge)
    corners = np.random.default_rng(3).integers(0, 8, (number, 3)) * inner
    boxes = [tuple(slice(int(c), int(c) + inner) for c in corner) for corner in corners]
    with scratch() as folder:
        what = spec("zarr3 shard", folder, data.shape, (edge // 4,) * 3)
        tensorstore.open(what, create=True).result().write(data).result()
        opened = {"driver": what["driver"], "kvstore": what["kvstore"]}

        def single(ts: Any) -> Callable[[], Any]:
            store = ts.open(opened).result()
            return lambda: [store[box].read().result() for box in boxes]

        def together(ts: Any) -> Callable[[], Any]:
            store = ts.open(opened).result()

            def run() -> list[Any]:
                futures = [store[box].read() for box in boxes]
                return [future.result() for future in futures]

            return run

        def batched(ts: Any) -> Callable[[], Any]:
            store = ts.open(opened).result()

            def run() -> list[Any]:
                with ts.Batch() as batch:
                    futures = [store[box].read(batch=batch) for box in boxes]
                return [future.result() for future in futures]

            return run

        for name, make in (("one by one", single), ("at once", together), ("in a batch", batched)):
            runs = {peer: attempt(lambda ts=ts, make=make: make(ts)) for peer, ts in SAME_LINES.items()}
            if make is single:
                for peer in ("zarr", "zarrs"):

                    def zarr(peer: str = peer) -> Callable[[], Any]:
                        store = open_zarr(folder, zarrs=peer == "zarrs")
                        return lambda: [store[box] for box in boxes]

                    runs[peer] = attempt(zarr)
            yield Case(name, runs, number * inner**3 * 2, count=number, answer=lambda _, got: np.stack(got))


GROUP = Group("shards", "200 inner chunks of 32^3 uint16, zstd, of one shard of 256^3", _cases, (0.60, 1.0))
