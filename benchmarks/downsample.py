"""Downsample an array in memory by 2x2x2, every method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt, volume

METHODS = ("mean", "median", "mode", "min", "max", "stride")
TYPES = ("uint8", "uint16", "float32")


def _cases(options: Options) -> Iterator[Case]:
    data = volume(32 if options.smoke else 512)
    for dtype in TYPES:
        array = (data >> 4).astype(dtype) if dtype == "uint8" else data.astype(dtype)
        for method in METHODS:

            def make(ts: Any, array: Any = array, method: str = method) -> Callable[[], Any]:
                view = ts.downsample(ts.array(array), [2, 2, 2], method)
                return lambda: view.read().result()

            runs = {peer: attempt(lambda ts=ts, make=make: make(ts)) for peer, ts in SAME_LINES.items()}
            yield Case(f"{method} {dtype}", runs, size=array.nbytes, rounds=3)


GROUP = Group("downsample", "2x2x2 of 512^3 in memory", _cases, (0.15, 0.4))
