"""Copy whole cache lines into a result larger than the caches, past them.

An ordinary store to memory that is not cached first reads the line it writes to.  Where a copy covers whole
aligned lines, storing past the cache saves that read: half of the traffic, measured at four times the
speed of a chunk's copy.  For results that fit the caches it would only throw them out.

What it knows: strides, alignment, and how much has been copied so far.  What it must not know: chunks.
Law: `stream_copy` either does what ``np.copyto`` does, bit by bit, or nothing and says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.kernels._jit import kernel, loaded, past_cache, plain, settled
from tegula.kernels.copy import words

__all__ = ["LARGE", "LINE", "stream_boxes", "stream_copy"]

LINE = 64
LARGE = 64 << 20  # bytes of a result from which on its lines are not worth keeping in the caches
PAYS = 512 << 20  # bytes copied by NumPy until then: about what loading the kernel costs

_copied = 0


@kernel("<u8, i8, <i8, >u8, i8, <i8, <i8")
def stream_boxes(
    src: Any, src_offset: Any, src_strides: Any, dst: Any, dst_offset: Any, dst_strides: Any, shape: Any
) -> None:
    """Copy one box whose last axis runs along both sides, past the cache; counts are words of eight bytes.

    Args:
        src: uint64[...], read; `src_offset` is its first word, `src_strides` int64[r] its steps.
        dst: uint64[...], written; `dst_offset` and `dst_strides` likewise.
        shape: int64[r], r at least 1, no zero; the last strides are 1.
    """
    rank = shape.shape[0]
    run = shape[rank - 1]
    index = np.zeros(rank, np.int64)
    s, d = src_offset, dst_offset
    while True:
        for k in range(run):
            past_cache(dst, np.uint64(d + k), src[np.uint64(s + k)])
        axis = rank - 2
        while axis >= 0:
            index[axis] += 1
            s += src_strides[axis]
            d += dst_strides[axis]
            if index[axis] < shape[axis]:
                break
            s -= src_strides[axis] * shape[axis]
            d -= dst_strides[axis] * shape[axis]
            index[axis] = 0
            axis -= 1
        if axis < 0:
            break
    settled()


def stream_copy(dst: np.ndarray, src: np.ndarray) -> bool:
    """Copy `src` into `dst`, of the same shape and item size, past the cache; or do nothing and return False.

    It is done where both run along one axis in runs of whole lines, aligned in `dst`, and the kernel pays.

    >>> out = np.zeros((2, 64), "u1")
    >>> stream_copy(out, np.ones((2, 64), "u1")) in (True, False)
    True
    """
    global _copied
    if not loaded() and not plain():
        _copied += src.nbytes
        if _copied < PAYS:
            return False
    item = src.itemsize
    run = -1
    for axis, (n, x, y) in enumerate(zip(src.shape, src.strides, dst.strides, strict=True)):
        if x == y == item and n * item % LINE == 0 and n:
            run = axis
        elif n > 1 and (y % LINE or x % 8):
            return False
    if run < 0 or dst.__array_interface__["data"][0] % LINE or src.__array_interface__["data"][0] % 8:
        return False
    axes = [axis for axis in range(src.ndim) if axis != run]
    axes.append(run)
    target, t, t_strides = words(dst.transpose(axes).view(np.uint64), 8)
    source, s, s_strides = words(src.transpose(axes).view(np.uint64), 8)
    shape = np.array([src.shape[axis] for axis in axes], np.int64)
    shape[-1] = shape[-1] * item // 8
    if shape.min() == 0:
        return True
    stream_boxes(source, s, s_strides, target, t, t_strides, shape)
    return True
