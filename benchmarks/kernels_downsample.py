"""Downsampling against tensorstore: one process, interleaved, medians; both allocate their results.

Arguments: extent, factors, dtypes, methods; for example 512 2,2,2 u1,f4 mean,mode
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import tensorstore as ts

from tegula.kernels.downsample import METHODS, downsample, downsample_rows

PIECES = 8
ALL = ",".join(METHODS)


def touch() -> None:
    """Take and free a big block, so that no peer pays for pages that the host took back."""
    np.ones(512 << 20, "u1").sum(dtype="u1")


def timed(run: Callable[[], np.ndarray]) -> float:
    touch()
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def by_threads(pool: ThreadPoolExecutor, array: np.ndarray, factors: list[int], method: str) -> np.ndarray:
    out = np.empty([-(-n // f) for n, f in zip(array.shape, factors, strict=True)], array.dtype)
    cuts = [len(out) * k // PIECES for k in range(PIECES + 1)]
    spans = pairwise(cuts)
    work = [pool.submit(downsample_rows, array, factors, method, None, out, a, b) for a, b in spans]
    for each in work:
        each.result()
    return out


def main(extent: str = "512", factors: str = "2,2,2", dtypes: str = "u1,u2,f4", methods: str = ALL) -> None:
    n, steps = int(extent), [int(f) for f in factors.split(",")]
    rng = np.random.default_rng(0)
    pool = ThreadPoolExecutor(2)
    wave = np.linspace(0, 6, n)
    smooth = (np.sin(wave)[:, None, None] + np.cos(wave)[None, :, None] + np.sin(wave)) * 30 + 100
    for dtype in dtypes.split(","):
        array = (smooth + rng.normal(0, 6, (n, n, n))).astype(dtype)
        for method in methods.split(","):
            peer = ts.downsample(ts.array(array), steps, method)
            runs: dict[str, Callable[[], np.ndarray]] = {
                "tensorstore": lambda p=peer: p.read().result(),
                "one thread": lambda a=array, m=method: downsample(a, steps, m),
                "two": lambda a=array, m=method: by_threads(pool, a, steps, m),
            }
            same = (
                runs["two"]().tobytes() == runs["tensorstore"]().tobytes() == runs["one thread"]().tobytes()
            )
            rounds = [{name: timed(run) for name, run in runs.items()} for _ in range(5)]
            medians = {name: float(np.median([each[name] for each in rounds])) for name in runs}
            print(
                f"{dtype} {method:7s}",
                *(f"{name} {ms:7.1f}" for name, ms in medians.items()),
                f"ratio {medians['two'] / medians['tensorstore']:.3f} same={same}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
