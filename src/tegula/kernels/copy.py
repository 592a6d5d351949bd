"""Copy strided boxes of words, and separable gathers, between two pieces of memory.

What it knows: words of 1, 2, 4, 8 or 16 bytes, offsets and strides counted in words.  What it must not
know: dtypes, chunks, what the words mean.  Laws: `copy_boxes` equals the double loop over boxes and
their elements, whatever order it takes; `strided_copy(dst, src)` equals ``np.copyto(dst, src)`` bit for bit.

How: the axes of a box are sorted by the stride of the target and merged where both sides allow it.  If
the source runs along the same axis, whole runs are copied; if it runs along another one, the two axes are
walked in tiles, a cache line of the source wide and as high as its cache allows, so that every line is
fetched once.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from tegula.kernels._jit import device, kernel, worthwhile

__all__ = ["copy_abreast", "copy_boxes", "copy_tables", "strided_copy", "words"]

WORDS = ("u1", "u2", "u4", "u8", "c16")


@device
def _run(src: Any, s: Any, ss: Any, dst: Any, d: Any, ds: Any, count: Any) -> None:
    """Copy `count` words from `s` by `ss` to `d` by `ds`."""
    if ds == 1:
        if ss == 1:
            for k in range(count):
                dst[np.uint64(d + k)] = src[np.uint64(s + k)]
            return
        if ss == 0:
            value = src[np.uint64(s)]
            for k in range(count):
                dst[np.uint64(d + k)] = value
            return
        if ss == -1:
            for k in range(count):
                dst[np.uint64(d + k)] = src[np.uint64(s - k)]
            return
        if ss == 2 and src.itemsize <= 2:  # shuffles beat single loads for narrow words only
            for k in range(count):
                dst[np.uint64(d + k)] = src[np.uint64(s + 2 * k)]
            return
        for k in range(count):
            dst[np.uint64(d + k)] = src[np.uint64(s + ss * k)]
        return
    for k in range(count):
        dst[np.uint64(d + ds * k)] = src[np.uint64(s + ss * k)]


@device
def _plane(
    src: Any,
    s: Any,
    si: Any,
    sj: Any,
    dst: Any,
    d: Any,
    di: Any,
    dj: Any,
    ni: Any,
    nj: Any,
    tile_i: Any,
    tile_j: Any,
) -> None:
    """Copy a plane whose target runs along `i` and whose source runs along `j`, tile by tile."""
    unit = di == 1 and sj == 1
    for j0 in range(0, nj, tile_j):
        mj = min(tile_j, nj - j0)
        for i0 in range(0, ni, tile_i):
            mi = min(tile_i, ni - i0)
            a = s + i0 * si + j0 * sj
            b = d + i0 * di + j0 * dj
            if unit:
                for j in range(mj):
                    for i in range(mi):
                        dst[np.uint64(b + j * dj + i)] = src[np.uint64(a + i * si + j)]
            else:
                for j in range(mj):
                    for i in range(mi):
                        dst[np.uint64(b + j * dj + i * di)] = src[np.uint64(a + i * si + j * sj)]


@kernel("<T, <i8, <i8, >T, <i8, <i8, <i8:2", over=WORDS)
def copy_boxes(
    src: Any, src_offsets: Any, src_strides: Any, dst: Any, dst_offsets: Any, dst_strides: Any, shapes: Any
) -> None:
    """Copy `n` boxes of rank `r` that share their strides.

    Args:
        src: words[...], one dimension, read.
        src_offsets: int64[n], the word at which each box begins.
        src_strides: int64[r], in words; may be negative or zero.
        dst: words[...] of the same type, one dimension, written.
        dst_offsets: int64[n].
        dst_strides: int64[r]; may be negative, not zero along an extent above one.
        shapes: int64[n, r], C-contiguous; a zero extent makes the box empty.

    Sizes are the caller's business: nothing is checked unless ``NUMBA_BOUNDSCHECK=1``.
    """
    rank = shapes.shape[1]
    extent = np.empty(rank + 1, np.int64)
    from_ = np.empty(rank + 1, np.int64)
    to = np.empty(rank + 1, np.int64)
    index = np.empty(rank + 1, np.int64)
    tile_j = max(16, 64 // src.itemsize)
    tile_i = tile_j
    for box in range(shapes.shape[0]):
        s = src_offsets[box]
        d = dst_offsets[box]
        # the axes that matter, with the target's strides positive and descending
        m = 0
        empty = False
        for axis in range(rank):
            e = shapes[box, axis]
            if e <= 0:
                empty = True
            if e <= 1:
                continue
            x = src_strides[axis]
            y = dst_strides[axis]
            if y < 0:
                s += (e - 1) * x
                d += (e - 1) * y
                x = -x
                y = -y
            k = m
            while k > 0 and to[k - 1] < y:
                extent[k] = extent[k - 1]
                from_[k] = from_[k - 1]
                to[k] = to[k - 1]
                k -= 1
            extent[k] = e
            from_[k] = x
            to[k] = y
            m += 1
        if empty:
            continue
        if m == 0:
            dst[np.uint64(d)] = src[np.uint64(s)]
            continue
        # neighbours that are one axis on both sides become one
        k = 0
        for axis in range(1, m):
            if from_[k] == extent[axis] * from_[axis] and to[k] == extent[axis] * to[axis]:
                extent[k] *= extent[axis]
            else:
                k += 1
                extent[k] = extent[axis]
            from_[k] = from_[axis]
            to[k] = to[axis]
        m = k + 1
        # the axis along which the source runs
        inner = m - 1
        other = inner
        if from_[inner] != 0:
            for axis in range(inner):
                if from_[axis] != 0 and abs(from_[axis]) < abs(from_[other]):
                    other = axis
        if other != inner:
            ni = extent[inner]
            si = from_[inner]
            di = to[inner]
            nj = extent[other]
            sj = from_[other]
            dj = to[other]
            for axis in range(other, inner - 1):
                extent[axis] = extent[axis + 1]
                from_[axis] = from_[axis + 1]
                to[axis] = to[axis + 1]
            outer = m - 2
            # half of the source lines that a first-level cache (8 ways of 4096 bytes) holds at this stride
            step = abs(si) * src.itemsize
            tile_i = max(16, min(256, 16384 // max(64, min(4096, step & -step))))
        else:
            ni = extent[inner]
            si = from_[inner]
            di = to[inner]
            nj = 1
            sj = 0
            dj = 0
            outer = m - 1
        for axis in range(outer):
            index[axis] = 0
        while True:
            if other != inner:
                _plane(src, s, si, sj, dst, d, di, dj, ni, nj, tile_i, tile_j)
            else:
                _run(src, s, si, dst, d, di, ni)
            axis = outer - 1
            while axis >= 0:
                index[axis] += 1
                s += from_[axis]
                d += to[axis]
                if index[axis] < extent[axis]:
                    break
                s -= extent[axis] * from_[axis]
                d -= extent[axis] * to[axis]
                index[axis] = 0
                axis -= 1
            if axis < 0:
                break


@kernel("<T, <i8, <i8, >T, <i8, <i8, <i8", over=WORDS)
def copy_abreast(
    src: Any, src_offsets: Any, src_strides: Any, dst: Any, dst_offsets: Any, dst_strides: Any, shape: Any
) -> None:
    """Copy `n` boxes of one shape, run by run: the first run of each, then the second of each, and so on.

    Boxes that lie side by side along the runs of the source are so read as one, in longer runs, and a
    processor fetches ahead what it could not foresee.  The arguments are those of `copy_boxes` but `shape`,
    int64[r], r at least 1, without a zero; the last axis has stride 1 on both sides.
    """
    rank = shape.shape[0]
    run = shape[rank - 1]
    index = np.zeros(rank, np.int64)
    s, d = np.int64(0), np.int64(0)
    while True:
        for box in range(src_offsets.shape[0]):
            _run(src, s + src_offsets[box], 1, dst, d + dst_offsets[box], 1, run)
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


@kernel("<T, <i8, <i8, >T, <i8, <i8, <i8, <i8:2, <i8:2", over=WORDS)
def copy_tables(
    src: Any,
    src_offsets: Any,
    src_deltas: Any,
    dst: Any,
    dst_offsets: Any,
    dst_deltas: Any,
    axes: Any,
    starts: Any,
    counts: Any,
) -> None:
    """Copy `n` rows of a separable gather of rank `r`: along each axis, both sides follow a table.

    Word ``(k0, ..., kr-1)`` of row `i` is read from ``src_offsets[i]`` plus the sum over the axes of
    ``src_deltas[axes[a] + starts[i, a] + ka]``, for ``0 <= ka < counts[i, a]``, and written to the same
    sum over `dst_offsets` and `dst_deltas`.

    Args:
        src: words[...], one dimension, read.
        src_offsets: int64[n].
        src_deltas: int64[total], the tables of all axes one after the other.
        dst: words[...] of the same type, written; where rows meet, the later one wins.
        dst_offsets: int64[n].
        dst_deltas: int64[total].
        axes: int64[r + 1], where the table of each axis begins.
        starts: int64[n, r], the first entry of the row in each table, counted from its beginning.
        counts: int64[n, r]; a zero makes the row empty.
    """
    rank = counts.shape[1]
    index = np.empty(rank + 1, np.int64)
    for row in range(counts.shape[0]):
        s = src_offsets[row]
        d = dst_offsets[row]
        empty = False
        for axis in range(rank):
            if counts[row, axis] <= 0:
                empty = True
        if empty:
            continue
        if rank == 0:
            dst[np.uint64(d)] = src[np.uint64(s)]
            continue
        # is the innermost table a straight line on both sides, or made of unit runs?
        last = rank - 1
        first = axes[last] + starts[row, last]
        count = counts[row, last]
        sstep = np.int64(1)
        dstep = np.int64(1)
        if count > 1:
            sstep = src_deltas[first + 1] - src_deltas[first]
            dstep = dst_deltas[first + 1] - dst_deltas[first]
        straight = True
        breaks = 0
        for k in range(first + 1, first + count):
            x = src_deltas[np.uint64(k)] - src_deltas[np.uint64(k - 1)]
            y = dst_deltas[np.uint64(k)] - dst_deltas[np.uint64(k - 1)]
            if x != sstep or y != dstep:
                straight = False
            if x != 1 or y != 1:
                breaks += 1
        runs = breaks * 8 < count
        for axis in range(last):
            index[axis] = 0
            k = axes[axis] + starts[row, axis]
            s += src_deltas[k]
            d += dst_deltas[k]
        while True:
            if straight:
                _run(src, s + src_deltas[first], sstep, dst, d + dst_deltas[first], dstep, count)
            elif runs:
                k = first
                while k < first + count:
                    e = k + 1
                    while (
                        e < first + count
                        and src_deltas[np.uint64(e)] - src_deltas[np.uint64(e - 1)] == 1
                        and dst_deltas[np.uint64(e)] - dst_deltas[np.uint64(e - 1)] == 1
                    ):
                        e += 1
                    _run(src, s + src_deltas[k], 1, dst, d + dst_deltas[k], 1, e - k)
                    k = e
            else:
                for k in range(first, first + count):
                    dst[np.uint64(d + dst_deltas[np.uint64(k)])] = src[
                        np.uint64(s + src_deltas[np.uint64(k)])
                    ]
            axis = last - 1
            while axis >= 0:
                k = axes[axis] + starts[row, axis] + index[axis]
                s -= src_deltas[k]
                d -= dst_deltas[k]
                index[axis] += 1
                if index[axis] < counts[row, axis]:
                    s += src_deltas[k + 1]
                    d += dst_deltas[k + 1]
                    break
                index[axis] = 0
                k = axes[axis] + starts[row, axis]
                s += src_deltas[k]
                d += dst_deltas[k]
                axis -= 1
            if axis < 0:
                break


def words(array: np.ndarray, size: int | None = None) -> tuple[np.ndarray, int, np.ndarray]:
    """Return `array` as words: its memory in one dimension, the offset of element 0, the strides (in words).

    The word is the widest of 1, 2, 4, 8, 16 bytes (or `size`) that divides the item size, the strides and the
    address; where it is narrower than an item the strides get one more axis, of ``itemsize // word`` words.
    The view keeps the array alive, and is writable if the array is.

    >>> memory, offset, strides = words(np.arange(6, dtype="u2").reshape(2, 3)[::-1, ::2])
    >>> memory, offset, strides
    (array([0, 1, 2, 3, 4, 5], dtype=uint16), 3, array([-3,  2]))
    """
    itemsize = array.dtype.itemsize
    word = size or word_size(array)
    if array.size == 0:
        none = [step // word for step in array.strides] + ([1] if word != itemsize else [])
        return np.empty(0, f"c{word}" if word == 16 else f"u{word}"), 0, np.array(none, np.int64)
    low, lowest = array, 0
    shape, steps = array.shape, array.strides
    if any(step < 0 for step in steps):
        low = array[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
        lowest = -sum((n - 1) * step for n, step in zip(shape, steps, strict=True) if step < 0)
    extent = sum((n - 1) * abs(step) for n, step in zip(shape, steps, strict=True)) + itemsize
    corner: Any = (..., *[slice(0, 1)] * low.ndim)
    first = low[corner].reshape(1)  # never a copy; `as_strided` refuses some narrow floats
    memory = first.view(np.dtype(f"c{word}" if word == 16 else f"u{word}"))
    memory = np.lib.stride_tricks.as_strided(memory, (extent // word,), (word,))
    trailing = [] if word == itemsize else [1]
    return memory, lowest // word, np.array([step // word for step in steps] + trailing, np.int64)


def word_size(*arrays: np.ndarray) -> int:
    """Return the widest word, in bytes, by which every one of `arrays` (of one item size) can be addressed.

    >>> word_size(np.zeros(3, "S12"))
    4
    """
    common = 16
    for array in arrays:
        address = array.__array_interface__["data"][0]
        common = gcd(common, array.dtype.itemsize, *array.strides)
        if common < 16 or address % 8:  # an eight-byte boundary is all that a 16-byte word asks for
            common = gcd(common, address % 16)
    return common


def strided_copy(dst: np.ndarray, src: np.ndarray) -> None:
    """Copy `src` into `dst`, of the same shape and dtype size, bit by bit, whatever their strides.

    NumPy copies what is small or runs the same way on both sides, the kernel the rest.  The two must not
    overlap.

    Raises:
        ValueError: the shapes or item sizes differ, or `dst` is read-only.

    >>> out = np.empty((3, 2), "i4")
    >>> strided_copy(out, np.arange(6, dtype="i4").reshape(2, 3).T)
    >>> out.tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    if dst.shape != src.shape:
        raise ValueError(f"cannot copy shape {src.shape} to shape {dst.shape}")
    if dst.dtype.itemsize != src.dtype.itemsize:
        raise ValueError(f"cannot copy {src.dtype} to {dst.dtype} bit by bit")
    if not dst.flags.writeable:
        raise ValueError("assignment destination is read-only")
    if src.nbytes == 0:
        return
    by_numpy = src.dtype.hasobject or dst.dtype.hasobject or _same_run(dst, src)
    if by_numpy or not worthwhile(src.nbytes, 1 << 14, 1 << 25):
        np.copyto(dst, src if src.dtype == dst.dtype else src.view(dst.dtype))
        return
    word = word_size(dst, src)
    target, d, dst_strides = words(dst, word)
    source, s, src_strides = words(src, word)
    shape = list(src.shape)
    if word != src.dtype.itemsize:
        shape.append(src.dtype.itemsize // word)
    copy_boxes(
        source,
        np.array([s], np.int64),
        src_strides,
        target,
        np.array([d], np.int64),
        dst_strides,
        np.array([shape], np.int64),
    )


def _same_run(dst: np.ndarray, src: np.ndarray) -> bool:
    """Return whether both arrays run along one axis in unbroken runs: there NumPy's copy is faster."""
    itemsize = src.dtype.itemsize
    for n, x, y in zip(src.shape, src.strides, dst.strides, strict=True):
        if x == y == itemsize and n >= 4:
            return True
    return False
