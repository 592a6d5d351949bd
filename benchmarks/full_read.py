"""Read a whole array from a file store, 64^3 chunks, into a new NumPy array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorstore

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import COMPRESSORS, SAME_LINES, attempt, contents, open_zarr, scratch, spec

KINDS = [
    *(f"{driver} {codec}" for driver in ("zarr2", "zarr3") for codec in COMPRESSORS),
    "zarr3 shard",
    *(f"n5 {codec}" for codec in COMPRESSORS),
    *(f"precomputed {codec}" for codec in ("raw", "jpeg", "cseg", "sharded")),
]


def _same_lines(ts: Any, what: dict[str, Any]) -> Callable[[], Any]:
    store = ts.open(what).result()
    return lambda: store.read().result()


def _zarr(path: Path, zarrs: bool) -> Callable[[], Any]:
    store = open_zarr(path, zarrs=zarrs)
    return lambda: store[...]


def _cases(options: Options) -> Iterator[Case]:
    edge, side = (64, 16) if options.smoke else (512, 64)
    for kind in KINDS:
        data = contents(kind, edge if "cseg" not in kind else edge // 2)
        with scratch() as folder:
            what = spec(kind, folder, data.shape, (side,) * 3)
            made = tensorstore.open(what, create=True).result()
            # precomputed has a channel dimension
            made[..., 0].write(data).result() if made.rank == 4 else made.write(data).result()
            opened = {"driver": what["driver"], "kvstore": what["kvstore"]}
            runs = {
                peer: attempt(lambda ts=ts, opened=opened: _same_lines(ts, opened))
                for peer, ts in SAME_LINES.items()
            }
            if kind.startswith("zarr"):
                runs["zarr"] = attempt(lambda folder=folder: _zarr(folder, False))
                runs["zarrs"] = attempt(lambda folder=folder: _zarr(folder, True))
            yield Case(kind, runs, size=data.nbytes)


SAYS = "a whole array of 512^3 uint16 (jpeg: uint8; cseg: 256^3 uint64) in 64^3 chunks from files"
GROUP = Group("full_read", SAYS, _cases, (0.55, 0.80))
