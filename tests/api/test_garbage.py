"""What has ended leaves no garbage: results and errors never wait for the collector, with all that they hold.

A traceback holds the frames that an error went through; one of these that holds the error, or the future or
the job whose outcome it is, would keep all of them, and the arrays in them.
"""

from __future__ import annotations

import asyncio
import gc
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts

KINDS = {
    "zarr3": ("zarr3", {}, "c/0/0"),
    "shard": ("zarr3", {"read_chunk_shape": [25, 25], "write_chunk_shape": [50, 50]}, "c/0/0"),
    "n5": ("n5", {}, "0/0"),
}
DATA = np.arange(40000, dtype="u2").reshape(200, 200)


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ts.TensorStore, Path]:
    """An array of files, and its first chunk."""
    driver, layout, key = KINDS[request.param]
    spec = {
        "driver": driver,
        "kvstore": {"driver": "file", "path": f"{tmp_path}/a/", "context": {"file_io_sync": False}},
    }
    chunks = ts.ChunkLayout(**(layout or {"chunk_shape": [50, 50]}))
    store = ts.open(spec, create=True, dtype="uint16", shape=[200, 200], chunk_layout=chunks).result()
    store.write(DATA).result()
    return store, tmp_path / "a" / key


def left_by(act: Callable[[], Any]) -> list[str]:
    """Return what only the garbage collector would have taken after some acts."""

    def quietly() -> None:
        with suppress(Exception, asyncio.CancelledError):
            act()

    for _ in range(3):
        quietly()
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            quietly()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return sorted(
            f"frame of {each.f_code.co_name}" if isinstance(each, types.FrameType) else type(each).__name__
            for each in gc.garbage
        )
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_reads_and_writes_leave_no_garbage(made: tuple[ts.TensorStore, Path]) -> None:
    store, _ = made

    def in_a_batch() -> None:
        with ts.Batch() as batch:
            reads = [store[row : row + 20].read(batch=batch) for row in range(5)]
        for read in reads:
            read.result()

    async def at_once() -> None:
        await asyncio.gather(*[store[row : row + 20, 3:60].read() for row in range(20)])

    assert left_by(lambda: store.write(DATA).result()) == []
    assert left_by(lambda: store[3:70, 3:70].write(DATA[3:70, 3:70]).result()) == []
    assert left_by(lambda: store.read().result()) == []
    assert left_by(lambda: store[5, 6].read().result()) == []
    assert left_by(lambda: [each.result() for each in [store[row:].read() for row in range(9)]]) == []
    assert left_by(lambda: [store[row:].read().cancel() for row in range(9)]) == []
    assert left_by(lambda: [each.result() for each in [store[row].write(1) for row in range(40)]]) == []
    assert left_by(in_a_batch) == []
    assert left_by(lambda: asyncio.run(at_once())) == []


def test_errors_leave_no_garbage(made: tuple[ts.TensorStore, Path]) -> None:
    store, chunk = made
    spec = {"driver": "zarr3", "kvstore": f"file://{chunk.parents[2]}/nothing/"}
    assert left_by(lambda: store[500]) == []
    assert left_by(lambda: store.write(np.zeros((3, 7))).result()) == []
    assert left_by(lambda: store.write(np.zeros((200, 200), "c8")).result()) == []
    assert left_by(lambda: ts.open(spec).result()) == []
    assert left_by(lambda: ts.Spec({"driver": "zarr3", "x": 1})) == []
    chunk.write_bytes(b"bad")
    assert left_by(lambda: store.read().result()) == []
    assert left_by(lambda: store[5, 6].read().result()) == []
    assert left_by(lambda: store[3:120, 10:70].read().result()) == []
    assert left_by(lambda: store[3:40, 3:40].write(DATA[3:40, 3:40]).result()) == []
    assert left_by(lambda: [each.exception() for each in [store[row].write(1) for row in range(40)]]) == []


def test_errors_awaited_leave_no_garbage(made: tuple[ts.TensorStore, Path]) -> None:
    store, chunk = made
    chunk.write_bytes(b"bad")

    async def read() -> None:  # what leaves it `asyncio.run` would keep
        with suppress(ValueError):
            await store[3:120, 10:70].read()

    async def write() -> None:
        with suppress(ValueError):
            await store[3:40, 3:40].write(1)

    assert left_by(lambda: asyncio.run(read())) == []
    assert left_by(lambda: asyncio.run(write())) == []
