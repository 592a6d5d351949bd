"""How a process may end while arrays are written: nothing that was accepted is lost, and it does end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tegula as ts

BEGIN = """
import asyncio, atexit, concurrent.futures, os, signal, sys, threading, time
import numpy as np
import tegula as ts

layout = ts.ChunkLayout(chunk_shape=[8, 1000])
spec = {"driver": "zarr3", "kvstore": f"file://{sys.argv[1]}/"}
store = ts.open(spec, create=True, dtype="int16", shape=[64, 1000], chunk_layout=layout).result()

def all_of_it():
    return [store[row : row + 8].write(np.full((8, 1000), row, "int16")) for row in range(0, 64, 8)]
"""

ENDS = {
    "a thread that the main one does not wait for": ("threading.Thread(target=all_of_it).start()", 0),
    "a pool of threads": ("concurrent.futures.ThreadPoolExecutor(2).submit(all_of_it)", 0),
    "a loop that ends": (
        """
async def begin():
    await all_of_it()[0]
asyncio.run(begin())
""",
        0,
    ),
    "a function at the exit": (
        """
@atexit.register
def last():
    for future in all_of_it():
        future.result()
""",
        0,
    ),
    "a signal that becomes an exit": (
        """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
all_of_it()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
        5,
    ),
    "a child that was forked and ends": (
        """
all_of_it()
if not (child := os.fork()):
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
        0,
    ),
    "a callback that writes": (
        """
def next_of(row):
    if row < 64:
        written = store[row : row + 8].write(np.full((8, 1000), row, "int16"))
        written.add_done_callback(lambda _: next_of(row + 32))
for row in range(0, 32, 8):
    next_of(row)
""",
        0,
    ),
}


def ended(folder: Path, program: str) -> int:
    """Return how a process that runs a program ends."""
    return subprocess.run([sys.executable, "-c", BEGIN + program, str(folder)], timeout=60).returncode


@pytest.mark.parametrize("way", ENDS)
def test_what_was_accepted_is_there_however_the_interpreter_exits(way: str, tmp_path: Path) -> None:
    program, code = ENDS[way]
    assert ended(tmp_path, program) == code
    found = ts.open({"driver": "zarr3", "kvstore": f"file://{tmp_path}/"}).result()
    assert found[::8, 0].read().result().tolist() == list(range(0, 64, 8))
    assert not list(tmp_path.rglob("*.__lock"))


def test_threads_that_never_stop_writing_do_not_keep_the_interpreter_alive(tmp_path: Path) -> None:
    program = """
def forever():
    while True:
        store[:8].write(7).result()
for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
store[8:16].write(8).result()
"""
    assert ended(tmp_path, program) == 0
    found = ts.open({"driver": "zarr3", "kvstore": f"file://{tmp_path}/"}).result()
    assert int(found[8, 0].read().result()) == 8
