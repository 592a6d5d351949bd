"""Is this row the fill value, and write the fill value: on words, bit by bit.

What it knows: words and strides.  What it must not know: dtypes, what a fill value means.  Laws: comparison
is of bits (-0.0 is not 0.0, a NaN equals itself); `rows_equal` equals NumPy's comparison of words by row,
`fill_boxes` the double loop over boxes and their elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.kernels._jit import device, kernel, worthwhile
from tegula.kernels.copy import word_size, words

__all__ = ["all_equal", "fill_boxes", "rows_equal", "strided_fill"]


@device
def _differs(src: Any, s: Any, fill: Any, width: Any, n: Any) -> Any:
    """Return whether any of `n` items of `width` words from `s` on is not `fill`."""
    # stretches without an early end are compared by vectors
    for k0 in range(0, n, 64):
        m = min(64, n - k0)
        if width == 1:
            wanted = fill[0]
            other = wanted ^ wanted
            for k in range(m):
                other |= src[np.uint64(s + k0 + k)] ^ wanted
            if other != 0:
                return True
        else:
            for k in range(m):
                for q in range(width):
                    if src[np.uint64(s + (k0 + k) * width + q)] != fill[np.uint64(q)]:
                        return True
    return False


@kernel("<T, <i8, i8, <T, >u1", over=("u1", "u2", "u4", "u8"))
def rows_equal(src: Any, offsets: Any, length: Any, fill: Any, out: Any) -> int:
    """Write to `out`, for each row, whether all of its items are the fill value; return how many are.

    Args:
        src: words[...], read.
        offsets: int64[n], where each row begins, in words.
        length: items a row, each of ``fill.size`` words.
        fill: words[w], the fill value.
        out: uint8[n], 1 where a row is nothing but fill value.
    """
    equal = 0
    for row in range(offsets.size):
        same = not _differs(src, offsets[row], fill, fill.size, length)
        out[row] = same
        equal += same
    return equal


@kernel("<T, >T, <i8, <i8, <i8:2", over=("u1", "u2", "u4", "u8"))
def fill_boxes(fill: Any, dst: Any, offsets: Any, strides: Any, shapes: Any) -> None:
    """Write the word ``fill[0]`` to `n` boxes of rank `r` that share their strides.

    Args:
        fill: words[1].
        dst: words[...] of the same type, written.
        offsets: int64[n], where each box begins, in words.
        strides: int64[r], in words; may be negative.
        shapes: int64[n, r]; a zero extent makes the box empty.  The last axis should be the innermost.
    """
    rank = shapes.shape[1]
    value = fill[0]
    index = np.zeros(rank + 1, np.int64)
    for box in range(shapes.shape[0]):
        empty = False
        for axis in range(rank):
            index[axis] = 0
            if shapes[box, axis] <= 0:
                empty = True
        if empty:
            continue
        d = offsets[box]
        n = shapes[box, rank - 1] if rank > 0 else 1
        step = strides[rank - 1] if rank > 0 else 1
        while True:
            if step == 1:
                for k in range(n):
                    dst[np.uint64(d + k)] = value
            else:
                for k in range(n):
                    dst[np.uint64(d + k * step)] = value
            axis = rank - 2
            while axis >= 0:
                index[axis] += 1
                d += strides[axis]
                if index[axis] < shapes[box, axis]:
                    break
                d -= shapes[box, axis] * strides[axis]
                index[axis] = 0
                axis -= 1
            if axis < 0:
                break


def all_equal(array: np.ndarray, fill: np.ndarray) -> bool:
    """Return whether every item of `array` has the bits of the zero-dimensional `fill` of the same dtype.

    >>> all_equal(np.zeros(3), np.array(0.0)), all_equal(np.zeros(3), np.array(-0.0))
    (True, False)
    """
    if array.dtype != fill.dtype:
        raise ValueError(f"cannot compare {array.dtype} with a fill value of {fill.dtype}")
    if array.size == 0:
        return True
    if array.dtype.hasobject:
        return bool(np.all(array == fill))
    if array.dtype.itemsize == 0:
        return True
    if not array.flags.c_contiguous:
        if array.T.flags.c_contiguous:
            array = array.T
        else:
            first = array[(slice(0, 1),) * array.ndim]
            if not all_equal(np.ascontiguousarray(first), fill):
                return False
            array = np.ascontiguousarray(array)
    size = min(8, word_size(array))
    word = np.dtype(f"u{size}")
    wanted = np.ascontiguousarray(fill).reshape(1).view(word)
    flat = array.reshape(-1).view(word)
    if flat[0] != wanted[0]:
        return False
    if worthwhile(array.nbytes, 1 << 10, 1 << 24):
        found = np.empty(1, np.uint8)
        return rows_equal(flat, np.zeros(1, np.int64), array.size, wanted, found) == 1
    return bool(np.all(flat.reshape(-1, wanted.size) == wanted))


def strided_fill(dst: np.ndarray, fill: np.ndarray) -> None:
    """Write the zero-dimensional `fill`, of the dtype of `dst`, to every element, whatever the strides.

    >>> out = np.empty((2, 2), "u2")
    >>> strided_fill(out, np.array(7, "u2"))
    >>> out.tolist()
    [[7, 7], [7, 7]]
    """
    if dst.dtype != fill.dtype:
        raise ValueError(f"cannot fill {dst.dtype} with {fill.dtype}")
    size = 0 if dst.dtype.hasobject else word_size(dst)
    if (
        size != dst.dtype.itemsize
        or size > 8
        or dst.ndim == 0
        or not worthwhile(dst.nbytes, 1 << 14, 1 << 25)
    ):
        dst[...] = fill
        return
    if dst.size == 0:
        return
    target, begin, strides = words(dst, size)
    by_stride = np.argsort(-np.abs(strides), kind="stable")
    value = np.ascontiguousarray(fill).reshape(1).view(target.dtype)
    shape = np.array([dst.shape], np.int64)[:, by_stride]
    fill_boxes(value, target, np.array([begin], np.int64), strides[by_stride], np.ascontiguousarray(shape))
