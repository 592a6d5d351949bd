"""Child process for the test of lost updates; run as a script.

``element_writers.py <tegula|tensorstore> <zarr|zarr3> <folder> <number> <of> <count>``
    open the array, wait for a line on stdin, then add 1 to its own elements (every one whose place is
    `number` modulo `of`) `count` times; print the seconds taken and the number of conditional writes tried.
"""

from __future__ import annotations

import sys
import time
from typing import Any


def counted(module: Any) -> list[int]:
    """Return a list of one number: the conditional writes that this process has tried (tegula only)."""
    from tegula.effects.storage import WriteMany
    from tegula.runtime.session import SESSION

    tries = [0]
    perform = SESSION._table[WriteMany]

    def count(effect: Any) -> Any:
        tries[0] += effect.if_equal is not None
        return perform(effect)

    SESSION._table[WriteMany] = count
    return tries


def main(kind: str, driver: str, folder: str, number: int, of: int, count: int) -> None:
    if kind == "tegula":
        import tegula as ts

        tries = counted(ts)
    else:
        import tensorstore as ts  # type: ignore[no-redef]

        tries = [-1]
    store = ts.open({"driver": driver, "kvstore": {"driver": "file", "path": folder + "/"}}).result()
    mine = store[number::of]
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    for _ in range(count):
        mine.write(mine.read().result() + 1).result()
    print(f"{time.perf_counter() - begun:.3f} {tries[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:7]))  # type: ignore[arg-type]
