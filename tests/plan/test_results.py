"""Memory of results is used again, and never while anybody can look at it."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.plan import results
from tegula.plan.results import KINDS, MOST, result

U1 = np.dtype("u1")
SIZE = 64 << 10
exact = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="counts of references are not exact"
)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    gc.collect()
    results._free.clear()


def kept() -> int:
    return sum(size * len(held) for size, held in results._free.items())


@exact
def test_memory_is_used_again() -> None:
    first = result((SIZE,), U1)
    place = first.ctypes.data
    del first
    assert kept() == SIZE
    again = result((SIZE // 4, 2), np.dtype("u2"))
    assert again.ctypes.data == place
    assert kept() == 0


HOLDERS: dict[str, Any] = {
    "a view": lambda array: array[5:9],
    "a view of a view": lambda array: array[5:].reshape(-1)[::3],
    "its transpose": lambda array: array.T,
    "another type": lambda array: array.view("u4"),
    "a subclass": lambda array: array.view(np.recarray),
    "strides": lambda array: np.lib.stride_tricks.as_strided(array, (3,), (7,)),
    "a buffer": memoryview,
    "a part of a buffer": lambda array: memoryview(array)[3:7],
    "an array over a buffer": lambda array: np.frombuffer(memoryview(array), U1),
    "its base": lambda array: array.base,
    "an array over its base": lambda array: np.frombuffer(array.base, U1),
    "dlpack": np.from_dlpack,
    "an element's iterator": lambda array: array.flat,
    "a masked array": np.ma.asarray,
    "ctypes": lambda array: array.ctypes.data_as(__import__("ctypes").c_void_p),
    "an interface": lambda array: np.asarray(
        type("I", (), {"__array_interface__": array.__array_interface__, "a": array})()
    ),
}


@exact
@pytest.mark.parametrize("name", HOLDERS)
def test_memory_that_somebody_holds_is_not_used(name: str) -> None:
    array = result((SIZE,), U1)
    array[:] = np.arange(SIZE, dtype="u4").astype("u1")
    place = array.ctypes.data
    holder = HOLDERS[name](array)
    del array
    others = [result((SIZE,), U1) for _ in range(20)]
    assert place not in [other.ctypes.data for other in others]
    for other in others:
        other[:] = 255
    if name == "a view":
        assert holder.tolist() == [5, 6, 7, 8]
    del holder


def test_small_and_large_results_are_plain_arrays() -> None:
    assert result((10,), U1).base is None
    assert result((2 << 20,), U1).base is None
    assert result((5000,), np.dtype(object)).base is None
    assert result((64, 512), U1, "F").flags.f_contiguous


@exact
def test_what_is_kept_has_a_bound() -> None:
    arrays = [result((1 << 20,), U1) for _ in range((MOST >> 20) + 20)]
    del arrays
    assert kept() == MOST
    for size in range(SIZE, 2 * SIZE, 1000):
        arrays = [result((size,), U1) for _ in range(9)]
        del arrays
        assert kept() <= MOST
        assert len(results._free) <= KINDS
    assert size in results._free


@exact
def test_threads_get_memory_of_their_own() -> None:
    """Each fills its arrays with its number, lets some go, and looks at the others."""
    wrong: list[int] = []

    def work(number: int) -> None:
        draw = random.Random(number)
        mine: list[np.ndarray] = []
        for _ in range(3000):
            if mine and draw.random() < 0.5:
                array = mine.pop(draw.randrange(len(mine)))
                if array.min() != number or array.max() != number:
                    wrong.append(number)
                if draw.random() < 0.3:
                    mine.append(array[100:])
            else:
                array = result((draw.choice([SIZE, SIZE // 2]),), U1)
                array[:] = number
                mine.append(array)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_arrays_of_joint_reads_stay_what_they_are() -> None:
    """Many reads at once, some results kept for long: no later read changes them."""
    data = np.random.default_rng(0).integers(0, 65535, (64, 64, 64), np.uint16)
    layout = ts.ChunkLayout(chunk_shape=[32, 32, 32])
    store = ts.open(
        {"driver": "zarr3", "kvstore": "memory://"},
        create=True,
        dtype="uint16",
        shape=data.shape,
        chunk_layout=layout,
    ).result()
    store.write(data).result()
    draw, known = random.Random(1), []
    for _ in range(60):
        boxes = [
            tuple(slice(a, a + 32) for a in (draw.randrange(33), draw.randrange(33), draw.randrange(33)))
            for _ in range(12)
        ]
        with ts.Batch() as batch:
            reads = [store[box].read(batch=batch) for box in boxes]
        found = [(box, read.result()) for box, read in zip(boxes, reads, strict=True)]
        known += draw.sample(found, 2)
        del reads, found
        if len(known) > 30:
            del known[:: draw.choice([2, 3])]
        for box, array in known:
            np.testing.assert_array_equal(array, data[box])


@exact
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_keeps_what_it_was_given() -> None:
    array = result((SIZE,), U1)
    array[:] = 3
    gone = weakref.ref(array)
    child = os.fork()
    if not child:
        others = [result((SIZE,), U1) for _ in range(9)]
        for other in others:
            other[:] = 4
        del others
        fine = bool((array == 3).all())
        del array
        os._exit(0 if fine and gone() is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (array == 3).all()
