"""Laws of filling, comparing with a fill value, and byte order."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.kernels.endian import byteswap, swap
from tegula.kernels.fill import all_equal, fill_boxes, rows_equal, strided_fill

# the first example of a kernel may compile it
LAW = settings(deadline=None)
WORDS = st.sampled_from(["u1", "u2", "u4", "u8"])


@LAW
@given(st.data(), WORDS, st.integers(1, 3), st.integers(0, 150), st.integers(0, 5))
def test_rows_equal_is_numpys_comparison(data: Any, word: str, width: int, length: int, n: int) -> None:
    """A row is equal when all of its items have the bits of the fill value; the count is their number."""
    fill = np.array(data.draw(st.lists(st.integers(0, 255), min_size=width, max_size=width)), word)
    memory = np.tile(fill, max(1, n * length))
    for _ in range(data.draw(st.integers(0, 3))):
        memory[data.draw(st.integers(0, memory.size - 1))] ^= 1
    offsets = np.arange(n, dtype=np.int64) * length * width
    out = np.full(n, 9, np.uint8)
    found = rows_equal(memory, offsets, length, fill, out)
    rows = memory[: n * length * width].reshape(n, length, width)
    assert out.tolist() == [int((row == fill).all()) for row in rows]
    assert found == out.sum()


@LAW
@given(st.data(), WORDS, st.integers(0, 3), st.integers(0, 3))
def test_fill_boxes_is_assignment(data: Any, word: str, rank: int, n: int) -> None:
    """Each box, and nothing outside it, has the fill value."""
    whole = tuple(data.draw(st.integers(1, 6)) for _ in range(rank))
    memory = np.arange(n * int(np.prod(whole)), dtype=word).reshape(n, *whole)
    flip = tuple(slice(None, None, data.draw(st.sampled_from([1, -1]))) for _ in whole)
    shapes = np.array([[data.draw(st.integers(0, e)) for e in whole] for _ in range(n)], np.int64).reshape(
        n, rank
    )
    expected = memory.copy()
    for row in range(n):
        view = expected[row, ...][(*flip, ...)]
        view[(*(slice(0, e) for e in shapes[row]), ...)] = 200
    strides = [s // memory.itemsize for s in memory[0, ...][(*flip, ...)].strides] if n else [1] * rank
    lowest = -sum((e - 1) * min(0, s) for e, s in zip(whole, strides, strict=True))
    offsets = np.arange(n, dtype=np.int64) * int(np.prod(whole)) + lowest
    fill_boxes(np.array([200], word), memory.reshape(-1), offsets, np.array(strides, np.int64), shapes)
    assert memory.tolist() == expected.tolist()


@LAW
@given(st.data(), st.sampled_from(["?", "u1", "i2", "f4", "f8", "c16", "S3", "M8[s]"]))
def test_all_equal_compares_bits(data: Any, dtype: str) -> None:
    """One differing bit anywhere is seen, in every layout."""
    shape = data.draw(st.lists(st.integers(0, 7), min_size=0, max_size=3))
    fill = np.frombuffer(np.random.default_rng(7).bytes(np.dtype(dtype).itemsize), dtype)[0:1].reshape(())
    array = np.tile(fill.reshape(1), int(np.prod(shape))).reshape(shape)
    if data.draw(st.booleans()):
        array = array.T
    if array.ndim and data.draw(st.booleans()):
        array = np.repeat(array, 2, axis=0)[::-2]
    assert all_equal(array, fill)
    if array.size:
        array = array.copy(order="K")
        place = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
        changed = bytearray(array[place].tobytes())
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= 64
        array[place] = np.frombuffer(bytes(changed), dtype)[0]
        same = (
            array[place].tobytes() == fill.tobytes()
        )  # trailing NULs of S and signalling NaNs may not survive
        assert all_equal(array, fill) == same


@LAW
@given(st.data(), st.sampled_from(["u1", "i4", "f8", "c16", "S3"]))
def test_strided_fill_is_assignment(data: Any, dtype: str) -> None:
    """Every element of a view, and no other, has the fill value."""
    shape = tuple(data.draw(st.lists(st.integers(0, 6), min_size=0, max_size=3)))
    memory = np.zeros([2 * n + 1 for n in shape], dtype)
    expected = memory.copy()
    fill = np.array(7).astype(dtype)
    view = tuple(slice(None, None, data.draw(st.sampled_from([1, -1, 2, -2]))) for _ in shape)
    expected[view] = fill
    strided_fill(memory[(*view, ...)], fill)
    assert memory.tobytes() == expected.tobytes()


@LAW
@given(st.binary(max_size=200), st.sampled_from([2, 4, 8]))
def test_swap_is_numpys_and_its_own_inverse(raw: bytes, size: int) -> None:
    """Out of place equals byteswap, in place equals out of place, twice is the identity."""
    source = np.frombuffer(raw[: len(raw) // size * size], f"u{size}")
    target = np.empty_like(source)
    swap(source, target)
    assert target.tobytes() == source.byteswap().tobytes()
    swap(target, target)
    assert target.tobytes() == source.tobytes()


@LAW
@given(
    st.binary(max_size=200),
    st.sampled_from(["i2", "f4", "c8", "M8[s]", ">u4", "u1"]),
    st.sampled_from([1, 2, -1]),
)
def test_byteswap_is_numpys(raw: bytes, dtype: str, step: int) -> None:
    """Any array of numbers, contiguous or not."""
    array = np.frombuffer(raw[: len(raw) // 8 * 8], dtype).copy()[::step]
    expected = array.byteswap()
    byteswap(array)
    assert array.tobytes() == expected.tobytes()
