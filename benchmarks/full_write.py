"""Write a whole NumPy array into a new file store, 64^3 chunks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

from benchmarks.full_read import KINDS
from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, contents, open_zarr, scratch, spec


class _Target:
    """An empty array for one peer, made anew before every sample."""

    def __init__(self, kind: str, folder: Path, data: np.ndarray, side: int) -> None:
        self.kind, self.folder, self.data, self.side = kind, folder, data, side
        self.store: Any = None

    def path(self, peer: str) -> Path:
        return self.folder / peer

    def renew(self, peer: str) -> None:
        for old in self.folder.iterdir():
            shutil.rmtree(old)
        what = spec(self.kind, self.path(peer), self.data.shape, (self.side,) * 3)
        made = SAME_LINES.get(peer, tensorstore).open(what, create=True).result()
        if peer in SAME_LINES:
            self.store = made[..., 0] if made.rank == 4 else made
        else:
            self.store = open_zarr(self.path(peer), zarrs=peer == "zarrs", mode="r+")

    def writer(self, peer: str) -> Callable[[], Any]:
        def same_lines() -> None:
            self.store.write(self.data).result()

        def zarr() -> None:
            self.store[...] = self.data

        return same_lines if peer in SAME_LINES else zarr

    def answer(self, peer: str, _: object) -> bool:
        """Whether the tensorstore wheel reads back what was written."""
        what = spec(self.kind, self.path(peer), self.data.shape, (self.side,) * 3)
        store = tensorstore.open({"driver": what["driver"], "kvstore": what["kvstore"]}).result()
        found = store.read().result().reshape(self.data.shape)
        # what a codec loses it loses alike; a jpeg is near what was written
        near = self.kind.endswith("jpeg") and np.abs(found.astype(int) - self.data).max() < 64
        return near or np.array_equal(found, self.data) or peer


def _cases(options: Options) -> Iterator[Case]:
    edge, side = (64, 16) if options.smoke else (512, 64)
    for kind in KINDS:
        # codecs that compress for seconds get an eighth of the volume: a chunk costs what it costs
        slow = kind.endswith(("gzip", "zstd", "shard", "sharded", "cseg"))
        data = contents(kind, edge // 2 if slow else edge)
        with scratch() as folder:
            target = _Target(kind, folder, data, side)
            peers = ["tegula", "tensorstore", *(("zarr", "zarrs") if kind.startswith("zarr") else ())]
            runs = {peer: target.writer(peer) for peer in peers}
            name = f"{kind}, {data.nbytes >> 20} MiB"
            yield Case(name, runs, data.nbytes, before=target.renew, answer=target.answer)


GROUP = Group("full_write", "a whole array of uint16 in 64^3 chunks into files", _cases, (0.80, 1.0))
