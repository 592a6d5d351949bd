"""Copy whole cache lines into a result larger than the caches, past them.

An ordinary store to memory that is not cached first reads the line it writes to.  Where a copy covers whole
aligned lines, storing past the cache saves that read: half of the traffic, measured at four times the
speed of a chunk's copy.  For results that fit the caches it would only throw them out.

What it knows: strides, alignment, and how much has been copied so far.  What it must not know: chunks.
Law: `stream_boxes` does what the double loop over its box does, bit by bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.kernels._jit import kernel, loaded, past_cache, plain, settled, sparing

__all__ = ["LARGE", "LINE", "pays", "stream_boxes"]

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


def pays(size: int) -> bool:
    """Whether a copy of `size` bytes should go past the cache: the kernel is loaded, or worth loading."""
    global _copied
    if loaded() or plain():
        return True
    if sparing():
        return False
    _copied += size
    return _copied >= PAYS
