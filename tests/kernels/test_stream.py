"""Copies past the cache do what NumPy's copy does, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tegula.kernels import stream
from tegula.kernels._jit import plain


@pytest.fixture(autouse=True)
def _paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_copied", stream.PAYS)


def aligned(shape: tuple[int, ...], dtype: str, shift: int = 0) -> Any:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    held = np.zeros(size + 2 * stream.LINE, np.uint8)
    start = -held.__array_interface__["data"][0] % stream.LINE + shift
    return np.ndarray(shape, dtype, held.data, start)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "c8", "f8", "c16"])
def test_boxes_of_whole_lines_are_copied(dtype: str) -> None:
    item = np.dtype(dtype).itemsize
    run = 128 // item
    whole = aligned((4, 6, 4 * run), dtype)
    source = np.arange(2 * 3 * run).astype(dtype).reshape(2, 3, run)
    target = whole[1:3, 2:5, run : 2 * run]
    assert stream.stream_copy(target, source)
    assert (target == source).all()
    assert whole.sum() == source.sum()


def test_other_axes_may_run() -> None:
    whole = aligned((128, 3, 2), "u2").transpose(2, 1, 0)  # no axis of unit stride and whole lines
    assert not stream.stream_copy(whole, np.ones((2, 3, 128), "u2"))
    column = aligned((5, 64), "u4").T
    source = np.arange(320, dtype="u4").reshape(5, 64).T
    assert stream.stream_copy(column, source)
    assert (column == source).all()
    backward = aligned((4, 32), "u4")
    assert stream.stream_copy(backward[::-1], np.arange(128, dtype="u4").reshape(4, 32))
    assert backward[3, 0] == 0
    assert backward[0, 0] == 96


@pytest.mark.parametrize(
    ("shape", "shift"), [((3, 65), 0), ((3, 64), 8), ((3, 64), 1), ((3, 20), 0)], ids=str
)
def test_what_is_no_whole_line_is_left_alone(shape: tuple[int, ...], shift: int) -> None:
    target = aligned(shape, "u1", shift)
    assert not stream.stream_copy(target, np.ones(shape, "u1"))
    assert not target.any()


def test_a_source_that_is_not_aligned_is_left_alone() -> None:
    source = np.frombuffer(bytes(range(200)), "u1")[3:131].reshape(2, 64)
    assert not stream.stream_copy(aligned((2, 64), "u1"), source)


def test_nothing_is_loaded_before_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "loaded", lambda: False)
    monkeypatch.setattr(stream, "_copied", 0)
    done = stream.stream_copy(aligned((2, 64), "u1"), np.ones((2, 64), "u1"))
    assert done == plain()
