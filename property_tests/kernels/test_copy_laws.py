"""Laws of the copies: equal to the loop over elements, whatever strides, shapes and words."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.kernels.copy import copy_abreast, copy_boxes, copy_tables, strided_copy, word_size, words

# the first example of a kernel may compile it
LAW = settings(deadline=None)
EXTENSIONS = [ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.int4]
WORDS = st.sampled_from(["u1", "u2", "u4", "u8", "c16"])
DTYPES = st.sampled_from(
    ["u1", "?", "i2", "f4", "i8", "c8", "c16", "S3", "S12", "M8[s]", "f8,i4", "V32", *EXTENSIONS]
)


def filled(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
    dtype = np.dtype(dtype)
    count = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(np.random.default_rng(seed).bytes(count), dtype).reshape(shape)


@st.composite
def layouts(draw: Any, shape: tuple[int, ...]) -> Any:
    """A function that lays memory out so that it has `shape`: a permutation, steps, reversals and margins."""
    permutation = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([1, 1, 1, -1, 2, -2, 3])) for _ in shape]
    inverse = np.argsort(permutation) if shape else []
    margin = draw(st.integers(0, 2))

    def lay(dtype: Any, seed: int, writable: bool = False) -> np.ndarray:
        memory = filled(tuple(shape[a] * abs(steps[a]) + margin for a in permutation), dtype, seed)
        memory = memory.copy() if writable else memory
        view = memory.transpose([int(a) for a in inverse])
        view = view[(*(slice(None, None, step) for step in steps), ...)]
        return view[(*(slice(0, n) for n in shape), ...)]

    return lay


SHAPES = st.lists(st.integers(0, 9), min_size=0, max_size=4).map(tuple)


@LAW
@given(st.data(), SHAPES, DTYPES)
def test_strided_copy_equals_numpy(data: Any, shape: tuple[int, ...], dtype: str) -> None:
    """strided_copy(dst, src) leaves in dst the bytes of src, and nothing else changes."""
    source = data.draw(layouts(shape))(dtype, 1)
    target = data.draw(layouts(shape))(dtype, 2, writable=True)
    strided_copy(target, source)
    assert target.tobytes() == source.tobytes()


@LAW
@given(st.data(), SHAPES, DTYPES)
def test_kernel_equals_strided_copy(data: Any, shape: tuple[int, ...], dtype: str) -> None:
    """copy_boxes on the words of two arrays copies the one to the other, and touches nothing between."""
    source = data.draw(layouts(shape))(dtype, 1)
    target = data.draw(layouts(shape))(dtype, 2, writable=True)
    if 0 in shape:
        return
    word = word_size(source, target)
    src, s, src_strides = words(source, word)
    dst, d, dst_strides = words(target, word)
    box = [*shape] if word == source.dtype.itemsize else [*shape, source.dtype.itemsize // word]
    untouched = np.ones(dst.size, bool)
    untouched[positions(d, dst_strides, box)] = False
    before = dst.copy()
    copy_boxes(src, i8(s), src_strides, dst, i8(d), dst_strides, np.array([box], np.int64).reshape(1, -1))
    assert target.tobytes() == source.tobytes()
    assert dst[untouched].tobytes() == before[untouched].tobytes()


@LAW
@given(st.data(), WORDS, st.integers(0, 3), st.integers(0, 4))
def test_copy_boxes_equals_the_loop(data: Any, word: str, rank: int, n: int) -> None:
    """Several boxes of their own shapes, strides shared, zero strides in the source, empty boxes."""
    most = [data.draw(st.integers(1, 5)) for _ in range(rank)]
    shapes = np.array([[data.draw(st.integers(0, e)) for e in most] for _ in range(n)], np.int64).reshape(
        n, rank
    )
    strides, size = [], 1
    for axis in data.draw(st.permutations(range(rank))):
        strides.append((axis, size * data.draw(st.sampled_from([1, -1]))))
        size *= most[axis]
    dst_strides = np.array([step for _, step in sorted(strides)], np.int64)
    lowest = -int(sum((e - 1) * min(0, int(step)) for e, step in zip(most, dst_strides, strict=True)))
    dst_offsets = np.arange(n, dtype=np.int64) * size + lowest
    src_strides = np.array([data.draw(st.integers(-4, 4)) for _ in range(rank)], np.int64)
    src = filled((200,), word, 3)
    src_offsets = np.array([data.draw(st.integers(80, 119)) for _ in range(n)], np.int64)
    dst = np.zeros(max(1, n * size), word)
    expected = dst.copy()
    for row in range(n):
        box = [int(e) for e in shapes[row]]
        to = positions(int(dst_offsets[row]), dst_strides, box)
        expected[to] = src[positions(int(src_offsets[row]), src_strides, box)]
    copy_boxes(src, src_offsets, src_strides, dst, dst_offsets, dst_strides, shapes)
    assert dst.tobytes() == expected.tobytes()


@LAW
@given(st.data(), WORDS, st.integers(1, 4), st.integers(0, 4))
def test_copy_abreast_equals_copy_boxes(data: Any, word: str, rank: int, n: int) -> None:
    """Boxes of one shape that run along both sides are copied alike run by run in turn and box by box."""
    shape = np.array([data.draw(st.integers(1, 5)) for _ in range(rank)], np.int64)
    src_strides = np.array([*(data.draw(st.integers(-9, 9)) for _ in range(rank - 1)), 1], np.int64)
    src = filled((300,), word, 3)
    src_offsets = np.array([data.draw(st.integers(140, 159)) for _ in range(n)], np.int64)
    order = [*data.draw(st.permutations(range(rank - 1))), rank - 1]
    dst_strides, size = np.ones(rank, np.int64), 1
    for axis in reversed(order):
        dst_strides[axis], size = size, size * int(shape[axis])
    dst_offsets = np.array(data.draw(st.permutations(range(n))), np.int64) * size
    dst, expected = (np.zeros(max(1, n * size), word) for _ in range(2))
    shapes = np.tile(shape, (n, 1))
    copy_boxes(src, src_offsets, src_strides, expected, dst_offsets, dst_strides, shapes)
    copy_abreast(src, src_offsets, src_strides, dst, dst_offsets, dst_strides, shape)
    assert dst.tobytes() == expected.tobytes()


@LAW
@given(st.data(), WORDS, st.integers(0, 3), st.integers(0, 3))
def test_copy_tables_equals_the_loop(data: Any, word: str, rank: int, n: int) -> None:
    """Every word of every row goes where the sums of the tables say, the later one winning."""
    lengths = [data.draw(st.integers(1, 12)) for _ in range(rank)]
    axes = np.cumsum([0, *lengths]).astype(np.int64)
    total = int(axes[-1])
    entries = st.one_of(
        st.lists(st.integers(0, 30), min_size=total, max_size=total),
        st.tuples(st.integers(0, 9), st.sampled_from([1, 2])).map(
            lambda p: [p[0] + p[1] * k for k in range(total)]
        ),
        st.integers(0, 9).map(lambda p: [p + k + 3 * (k > 5) for k in range(total)]),
    )
    src_deltas = np.array(data.draw(entries), np.int64)
    dst_deltas = np.array(data.draw(entries), np.int64)
    starts = np.array([[data.draw(st.integers(0, m - 1)) for m in lengths] for _ in range(n)], np.int64)
    starts = starts.reshape(n, rank)
    counts = np.array(
        [[data.draw(st.integers(0, m - int(s))) for m, s in zip(lengths, row, strict=True)] for row in starts]
    )
    counts = counts.astype(np.int64).reshape(n, rank)
    src = filled((400,), word, 5)
    dst = np.zeros(400, word)
    offsets = np.array([data.draw(st.integers(0, 40)) for _ in range(n)], np.int64)
    expected = dst.copy()
    for row in range(n):
        for place in np.ndindex(*[int(c) for c in counts[row]]):
            entry = [int(axes[a] + starts[row, a] + k) for a, k in enumerate(place)]
            expected[offsets[row] + dst_deltas[entry].sum()] = src[offsets[row] + src_deltas[entry].sum()]
    copy_tables(src, offsets, src_deltas, dst, offsets, dst_deltas, axes, starts, counts)
    assert dst.tobytes() == expected.tobytes()


@LAW
@given(st.data(), SHAPES, DTYPES)
def test_words_address_every_item(data: Any, shape: tuple[int, ...], dtype: str) -> None:
    """The words at offset + strides are the items, in order; the memory has no more than the array spans."""
    array = data.draw(layouts(shape))(dtype, 1)
    if 0 in shape:
        return
    memory, offset, strides = words(array)
    box = (
        [*shape]
        if memory.itemsize == array.dtype.itemsize
        else [*shape, array.dtype.itemsize // memory.itemsize]
    )
    at = positions(offset, strides, box)
    assert memory[at].tobytes() == array.tobytes()
    assert at.min() == 0
    assert at.max() == memory.size - 1


def positions(offset: int, strides: np.ndarray, box: list[int]) -> np.ndarray:
    at = np.full(box, offset, np.int64)
    for axis, (n, step) in enumerate(zip(box, strides, strict=True)):
        at += (np.arange(n) * step).reshape([-1 if a == axis else 1 for a in range(len(box))])
    return at.reshape(-1)


def i8(value: int) -> np.ndarray:
    return np.array([value], np.int64)
