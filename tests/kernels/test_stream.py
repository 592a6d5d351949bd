"""Copies past the cache do what NumPy's copy does; transfers use them where whole lines are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tegula.kernels import stream
from tegula.kernels._jit import plain
from tegula.plan import transfer
from tegula.plan.partition import partition
from tegula.plan.table import bind, c_strides
from tegula.space.transform import IndexTransform


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (1, 1, 1, 8)], ids=str)
def test_boxes_are_copied(shape: tuple[int, ...]) -> None:
    whole = np.zeros((4, 5, 6, 8), np.uint64)
    target = whole[(*[slice(1, None)] * 3, ...)][tuple(slice(0, n) for n in (1,) * (4 - len(shape)) + shape)]
    source = np.arange(1, 1 + int(np.prod(shape)), dtype=np.uint64)
    steps = [step // 8 for step in target.strides]
    extents = np.array(target.shape, np.int64)
    start = (target.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // 8
    stream.stream_boxes(
        source,
        0,
        np.array(c_strides(target.shape), np.int64),
        whole.reshape(-1),
        start,
        np.array(steps, np.int64),
        extents,
    )
    assert (target.reshape(-1) == source).all()
    assert np.count_nonzero(whole) == source.size


@pytest.fixture
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "LARGE", 1)
    monkeypatch.setattr(stream, "_copied", stream.PAYS)


def transferred(shape: tuple[int, ...], chunk: tuple[int, ...], dtype: str) -> int:
    """Place every chunk of an array; return how many went past the cache."""
    whole = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    out = transfer.empty(shape, whole.dtype)
    target = transfer.memory(out)
    table = bind(partition(IndexTransform(input_shape=list(shape)), chunk), c_strides(chunk), target.strides)
    prepared = transfer.stream_of(table, target)
    block = table.expand()
    rows: list[Any] = (
        [None] * len(block) if prepared is None else transfer.stream_rows(prepared, block, target)
    )
    streamed = 0
    for row, cell in enumerate(block.cells.tolist()):
        held = np.zeros(chunk, dtype)
        inside = whole[tuple(slice(c * n, (c + 1) * n) for c, n in zip(cell, chunk, strict=True))]
        held[tuple(slice(0, n) for n in inside.shape)] = inside
        words = held.reshape(-1).view(target.words.dtype)
        if (
            prepared is not None
            and rows[row] is not None
            and transfer.place_stream(prepared, rows[row], words)
        ):
            streamed += 1
        else:
            transfer.place(table, block, row, words, target)
    assert out.tobytes() == whole.tobytes()
    return streamed


@pytest.mark.usefixtures("_small_is_large")
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "c8", "f8", "c16"])
def test_whole_lines_go_past_the_cache(dtype: str) -> None:
    lane = 128 // np.dtype(dtype).itemsize
    assert transferred((4, 5, 3 * lane), (2, 3, lane), dtype) == 12
    # the last chunk of a line is cut, but still by whole cache lines
    assert transferred((4, 3 * lane - lane // 2), (2, lane), dtype) == 6


@pytest.mark.usefixtures("_small_is_large")
@pytest.mark.parametrize(
    ("shape", "chunk"), [((4, 63), (2, 32)), ((64, 4), (64, 2)), ((5, 40), (5, 20))], ids=str
)
def test_other_rows_are_copied(shape: tuple[int, ...], chunk: tuple[int, ...]) -> None:
    assert transferred(shape, chunk, "u1") == 0


def test_a_large_array_begins_at_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "LARGE", 1)
    for order, flag in (("C", "C_CONTIGUOUS"), ("F", "F_CONTIGUOUS")):
        made = transfer.empty((3, 5), np.dtype("f4"), order)
        assert made.flags[flag]
        assert made.flags.writeable
        assert made.__array_interface__["data"][0] % stream.LINE == 0


def test_nothing_is_loaded_before_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "loaded", lambda: False)
    monkeypatch.setattr(stream, "_copied", 0)
    assert stream.pays(stream.PAYS - 1) == plain()
    assert stream.pays(1)
