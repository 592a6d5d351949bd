"""Child process for the test of lost updates; run as a script.

``element_writers.py <tegula|tensorstore> <zarr|zarr3> <kvstore> <number> <of> <count>``
    open the array, wait for a line on stdin, then add 1 to its own elements (every one whose place is
    `number` modulo `of`) `count` times; print the seconds taken and the number of conditional writes tried.
    `kvstore` is a folder, or ``notes:`` and the SQLite file of a store written in Python.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
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


def place(kvstore: str) -> dict[str, Any]:
    """Return the specification of the key-value store."""
    kind, _, file = kvstore.partition(":")
    if kind != "notes":
        return {"driver": "file", "path": kvstore + "/"}
    sys.path.insert(0, str(Path(__file__).parents[1] / "testing"))
    from stores_of_users import Notes

    import tegula

    tegula.register_store("notes", Notes)
    return {"driver": "notes", "file": file}


def main(kind: str, driver: str, kvstore: str, number: int, of: int, count: int) -> None:
    if kind == "tegula":
        import tegula as ts

        tries = counted(ts)
    else:
        import tensorstore as ts  # type: ignore[no-redef]

        tries = [-1]
    store = ts.open({"driver": driver, "kvstore": place(kvstore)}).result()
    mine = store[number::of]
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    for _ in range(count):
        mine.write(mine.read().result() + 1).result()
    print(f"{time.perf_counter() - begun:.3f} {tries[0]}")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:7]))  # type: ignore[arg-type]
