"""Reverse the bytes of every word, in place or on the way from one buffer to another.

What it knows: words of 2, 4 or 8 bytes.  What it must not know: which byte order anything is in.  Laws:
swapping twice is the identity; `swap` equals ``ndarray.byteswap`` of the words.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.kernels._jit import kernel, worthwhile
from tegula.kernels.copy import word_size

__all__ = ["byteswap", "swap"]


@kernel("<T, >T", over=("u2", "u4", "u8"))
def swap(src: Any, dst: Any) -> None:
    """Write the words of `src`, bytes reversed, to `dst`, of the same length; the two may be one array."""
    bits = 8 * src.itemsize
    if bits == 16:
        for k in range(src.size):
            v = src[np.uint64(k)]
            dst[np.uint64(k)] = ((v & 0xFF) << 8) | (v >> 8)
    elif bits == 32:
        for k in range(src.size):
            x = np.uint64(src[np.uint64(k)])
            x = ((x & np.uint64(0x00FF00FF)) << np.uint64(8)) | ((x >> np.uint64(8)) & np.uint64(0x00FF00FF))
            dst[np.uint64(k)] = ((x & np.uint64(0xFFFF)) << np.uint64(16)) | (x >> np.uint64(16))
    else:
        pairs = np.uint64(0x00FF00FF00FF00FF)
        quads = np.uint64(0x0000FFFF0000FFFF)
        for k in range(src.size):
            x = np.uint64(src[np.uint64(k)])
            x = ((x & pairs) << np.uint64(8)) | ((x >> np.uint64(8)) & pairs)
            x = ((x & quads) << np.uint64(16)) | ((x >> np.uint64(16)) & quads)
            dst[np.uint64(k)] = (x << np.uint64(32)) | (x >> np.uint64(32))


def byteswap(array: np.ndarray) -> None:
    """Reverse the bytes of every number in the writable `array`, in place; its dtype stays as it is.

    A complex number is two numbers.  The kernel takes what is contiguous, and releases the GIL.

    >>> a = np.array([1, 256], "u2")
    >>> byteswap(a)
    >>> a.tolist()
    [256, 1]
    """
    size = array.dtype.itemsize // (2 if array.dtype.kind == "c" else 1)
    whole = array.flags.c_contiguous and array.dtype.kind in "iufcmM" and size in (2, 4, 8)
    if not whole or word_size(array) < size or not worthwhile(array.nbytes, 1 << 12, 1 << 26):
        array.byteswap(inplace=True)
        return
    flat = array.reshape(-1).view(f"u{size}")
    swap(flat, flat)
