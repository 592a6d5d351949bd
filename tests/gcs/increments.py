"""Child process for the test of lost updates on Google Cloud Storage; run as a script.

``increments.py <tegula|tensorstore> <driver> <path> <number> <of> <count>``
    open the array, wait for a line on stdin, then add 1 to its own elements of the one chunk `count` times.
"""

from __future__ import annotations

import sys


def main(kind: str, driver: str, path: str, number: int, of: int, count: int) -> None:
    if kind == "tegula":
        import tegula as ts
    else:
        import tensorstore as ts  # type: ignore[no-redef]
    retries = {"max_retries": 32, "initial_delay": "5ms", "max_delay": "1s"}
    kvstore = {"driver": "gcs", "bucket": "bucket", "path": path, "gcs_request_retries": retries}
    store = ts.open({"driver": driver, "kvstore": kvstore}).result()
    mine = store[number::of]
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(count):
        mine.write(mine.read().result() + 1).result()


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:7]))  # type: ignore[arg-type]
