"""The kernels that reduce an array by whole factors, one per family of methods.

What it knows: C-contiguous memory, factors, the phase of the first block.  What it must not know: stores,
transforms; `downsample` is the front, with the NumPy twins.

An array is seen as ``[outer axes..., x] * lanes``: `x` is the last axis whose factor is above one and
`lanes` the elements behind it, which never mix.  Each kernel fills rows `lo` to `hi` of the result, a row
being all of `x` and `lanes` at one place of the outer axes.  Blocks are aligned to coordinate 0, so the
first one of an axis lacks its first `phase` elements, and the last one ends with the array.

Laws: a row does not depend on `lo` and `hi`.  Where order can be seen, a block is taken in C order:
floating sums are sequential in their own type, floating minima keep the earlier of two equal values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.kernels._jit import device, kernel

__all__ = ["extreme_float", "extreme_int", "mean_float", "mean_int", "mean_small", "mean_wide", "order"]

ARGUMENTS = "<T, >T, <i8, <i8, <i8, i8, i8, i8"


@device
def _blocks(extent: Any, factor: Any, phase: Any) -> Any:
    """Return the number of blocks of an axis."""
    return (extent + phase + factor - 1) // factor


@device
def _most(shape: Any, factors: Any) -> Any:
    """Return the most rows that one row of the result takes from."""
    most = 1
    for axis in range(shape.size - 1):
        most *= min(factors[axis], shape[axis])
    return most


@device
def _rows(row: Any, shape: Any, factors: Any, phases: Any, lanes: Any, at: Any, first: Any) -> Any:
    """Write to `first` where the source rows of result row `row` begin, in C order; return how many."""
    outer = shape.size - 1
    for back in range(outer):
        axis = outer - 1 - back
        n = _blocks(shape[axis], factors[axis], phases[axis])
        at[axis] = row % n
        row = row // n
    count = 1
    first[0] = 0
    for axis in range(outer):
        start = max(0, at[axis] * factors[axis] - phases[axis])
        stop = min(shape[axis], (at[axis] + 1) * factors[axis] - phases[axis])
        width = stop - start
        for i in range(count - 1, -1, -1):
            base = first[i] * shape[axis]
            for k in range(width - 1, -1, -1):
                first[i * width + k] = base + start + k
        count *= width
    for i in range(count):
        first[i] *= shape[outer] * lanes
    return count


@device
def _segment(part: Any, extent: Any, factor: Any, phase: Any) -> Any:
    """Return (first block, end block, first element, elements a block) of short head, middle, short tail."""
    n = _blocks(extent, factor, phase)
    head = 1 if phase > 0 else 0
    full = (extent + phase) // factor
    if full < head:
        full = head
    if part == 0:
        return 0, head, 0, min(extent, factor - phase)
    if part == 1:
        return head, full, head * factor - phase, factor
    return full, n, full * factor - phase, max(0, extent + phase - full * factor)


@device
def _add_row(src: Any, s: Any, total: Any, n: Any, fresh: Any) -> None:
    """Add (or, if `fresh`, assign) `n` elements to `total`."""
    if fresh:
        for k in range(n):
            total[np.uint64(k)] = src[np.uint64(s + k)]
    else:
        for k in range(n):
            total[np.uint64(k)] += src[np.uint64(s + k)]


@device
def _fold(total: Any, sums: Any, pa: Any, pb: Any, x: Any, width: Any, lanes: Any) -> None:
    """Add up, for blocks `pa` to `pb`, the `width` columns from `x` on of each."""
    if lanes == 1 and width == 2:
        for p in range(pb - pa):
            sums[np.uint64(pa + p)] = total[np.uint64(x + 2 * p)] + total[np.uint64(x + 2 * p + 1)]
    elif lanes == 1:
        for p in range(pb - pa):
            value = total[np.uint64(x + width * p)]
            for q in range(1, width):
                value += total[np.uint64(x + width * p + q)]
            sums[np.uint64(pa + p)] = value
    else:
        for p in range(pb - pa):
            a = (x + width * p) * lanes
            b = (pa + p) * lanes
            for c in range(lanes):
                sums[np.uint64(b + c)] = total[np.uint64(a + c)]
            for q in range(1, width):
                for c in range(lanes):
                    sums[np.uint64(b + c)] += total[np.uint64(a + q * lanes + c)]


@device
def _divide(sums: Any, dst: Any, a: Any, b: Any, d: Any, n: Any) -> None:
    """Write ``sums / n``, rounded half to even, for elements `a` to `b`; exact while n <= 65536."""
    if n & (n - 1) == 0:
        shift = 0
        while (1 << shift) < n:
            shift += 1
        if shift == 0:
            for k in range(a, b):
                dst[np.uint64(d + k)] = sums[np.uint64(k)]
        else:
            below = (n >> 1) - 1
            for k in range(a, b):
                value = sums[np.uint64(k)]
                dst[np.uint64(d + k)] = (value + below + ((value >> shift) & 1)) >> shift
    elif n <= 65536:
        divisor = np.float64(n)
        for k in range(a, b):
            dst[np.uint64(d + k)] = np.int64(np.rint(np.float64(sums[np.uint64(k)]) / divisor))
    else:
        for k in range(a, b):
            value = sums[np.uint64(k)]
            quotient = value // n
            rest = value - quotient * n
            if 2 * rest > n or (2 * rest == n and (quotient & 1) == 1):
                quotient += 1
            dst[np.uint64(d + k)] = quotient


@device
def _mean(
    src: Any,
    dst: Any,
    shape: Any,
    factors: Any,
    phases: Any,
    lanes: Any,
    lo: Any,
    hi: Any,
    total: Any,
    sums: Any,
) -> None:
    """Mean of integers: `total` and `sums` are scratch of a type that holds the sum of a block."""
    x = shape.size - 1
    blocks = _blocks(shape[x], factors[x], phases[x])
    at = np.empty(shape.size, np.int64)
    first = np.empty(_most(shape, factors), np.int64)
    for row in range(lo, hi):
        count = _rows(row, shape, factors, phases, lanes, at, first)
        for i in range(count):
            _add_row(src, first[i], total, shape[x] * lanes, i == 0)
        for part in range(3):
            pa, pb, start, width = _segment(part, shape[x], factors[x], phases[x])
            if pa < pb:
                _fold(total, sums, pa, pb, start, width, lanes)
                _divide(sums, dst, pa * lanes, pb * lanes, row * blocks * lanes, count * width)


@kernel(ARGUMENTS, over=("u1", "i1", "u2", "i2"))
def mean_small(
    src: Any, dst: Any, shape: Any, factors: Any, phases: Any, lanes: Any, lo: Any, hi: Any
) -> None:
    """Mean of at most 32768 elements of 8 or 16 bits, half to even (32-bit sums)."""
    length = shape[shape.size - 1] * lanes
    total = np.empty(length, np.int32)
    sums = np.empty(length, np.int32)
    _mean(src, dst, shape, factors, phases, lanes, lo, hi, total, sums)


@kernel(ARGUMENTS, over=("u4", "i4"))
def mean_int(src: Any, dst: Any, shape: Any, factors: Any, phases: Any, lanes: Any, lo: Any, hi: Any) -> None:
    """Mean of 32-bit integers, half to even (64-bit sums)."""
    length = shape[shape.size - 1] * lanes
    total = np.empty(length, np.int64)
    sums = np.empty(length, np.int64)
    _mean(src, dst, shape, factors, phases, lanes, lo, hi, total, sums)


@kernel(ARGUMENTS, over=("u8", "i8"))
def mean_wide(
    src: Any, dst: Any, shape: Any, factors: Any, phases: Any, lanes: Any, lo: Any, hi: Any
) -> None:
    """Mean of at most 2**30 64-bit integers, half to even: sums of the upper and of the lower halves."""
    x = shape.size - 1
    blocks = _blocks(shape[x], factors[x], phases[x])
    at = np.empty(shape.size, np.int64)
    first = np.empty(_most(shape, factors), np.int64)
    length = shape[x] * lanes
    uppers = np.empty(length, np.int64)
    lowers = np.empty(length, np.int64)
    upper = np.empty(length, np.int64)
    lower = np.empty(length, np.int64)
    half = src.dtype.type(32)
    mask = src.dtype.type(0xFFFFFFFF)
    for row in range(lo, hi):
        count = _rows(row, shape, factors, phases, lanes, at, first)
        for k in range(length):
            uppers[k] = 0
            lowers[k] = 0
        for i in range(count):
            s = first[i]
            for k in range(length):
                value = src[np.uint64(s + k)]
                uppers[np.uint64(k)] += np.int64(value >> half)
                lowers[np.uint64(k)] += np.int64(value & mask)
        for part in range(3):
            pa, pb, start, width = _segment(part, shape[x], factors[x], phases[x])
            if pa >= pb:
                continue
            _fold(uppers, upper, pa, pb, start, width, lanes)
            _fold(lowers, lower, pa, pb, start, width, lanes)
            n = count * width
            for k in range(pa * lanes, pb * lanes):
                top = upper[k] + (lower[k] >> 32)
                quotient = top // n
                below = ((top - quotient * n) << 32) + (lower[k] & 0xFFFFFFFF)
                rest = below // n
                quotient = (quotient << 32) + rest
                rest = below - rest * n
                if 2 * rest > n or (2 * rest == n and (quotient & 1) == 1):
                    quotient += 1
                dst[row * blocks * lanes + k] = quotient


@kernel(ARGUMENTS, over=("f4", "f8"))
def mean_float(
    src: Any, dst: Any, shape: Any, factors: Any, phases: Any, lanes: Any, lo: Any, hi: Any
) -> None:
    """Mean of floats: a sequential sum in the type itself, then one division."""
    x = shape.size - 1
    blocks = _blocks(shape[x], factors[x], phases[x])
    at = np.empty(shape.size, np.int64)
    first = np.empty(_most(shape, factors), np.int64)
    for row in range(lo, hi):
        count = _rows(row, shape, factors, phases, lanes, at, first)
        d = row * blocks * lanes
        for k in range(blocks * lanes):
            dst[np.uint64(d + k)] = 0
        for part in range(3):
            pa, pb, start, width = _segment(part, shape[x], factors[x], phases[x])
            if pa >= pb:
                continue
            b = d + pa * lanes
            for i in range(count):
                s = first[i] + start * lanes
                if lanes == 1 and width == 2:
                    for p in range(pb - pa):
                        value = dst[np.uint64(b + p)] + src[np.uint64(s + 2 * p)]
                        dst[np.uint64(b + p)] = value + src[np.uint64(s + 2 * p + 1)]
                elif lanes == 1:
                    for p in range(pb - pa):
                        value = dst[np.uint64(b + p)]
                        for q in range(width):
                            value += src[np.uint64(s + width * p + q)]
                        dst[np.uint64(b + p)] = value
                else:
                    for p in range(pb - pa):
                        for q in range(width):
                            a = s + (width * p + q) * lanes
                            for c in range(lanes):
                                dst[np.uint64(b + p * lanes + c)] += src[np.uint64(a + c)]
            n = src.dtype.type(count * width)
            for k in range((pb - pa) * lanes):
                dst[np.uint64(b + k)] = dst[np.uint64(b + k)] / n


@kernel("<T, >T, <i8, <i8, <i8, i8, i8, i8, i8", over=("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"))
def extreme_int(
    src: Any, dst: Any, shape: Any, factors: Any, phases: Any, lanes: Any, lo: Any, hi: Any, largest: Any
) -> None:
    """Minimum, or with `largest` the maximum, of integers."""
    x = shape.size - 1
    blocks = _blocks(shape[x], factors[x], phases[x])
    at = np.empty(shape.size, np.int64)
    first = np.empty(_most(shape, factors), np.int64)
    length = shape[x] * lanes
    best = np.empty(length, src.dtype)
    for row in range(lo, hi):
        count = _rows(row, shape, factors, phases, lanes, at, first)
        s = first[0]
        for k in range(length):
            best[np.uint64(k)] = src[np.uint64(s + k)]
        for i in range(1, count):
            s = first[i]
            if largest:
                for k in range(length):
                    best[np.uint64(k)] = max(best[np.uint64(k)], src[np.uint64(s + k)])
            else:
                for k in range(length):
                    best[np.uint64(k)] = min(best[np.uint64(k)], src[np.uint64(s + k)])
        for part in range(3):
            pa, pb, start, width = _segment(part, shape[x], factors[x], phases[x])
            d = (row * blocks + pa) * lanes
            if lanes == 1 and width == 2 and largest:
                for p in range(pb - pa):
                    a = start + 2 * p
                    dst[np.uint64(d + p)] = max(best[np.uint64(a)], best[np.uint64(a + 1)])
            elif lanes == 1 and width == 2:
                for p in range(pb - pa):
                    a = start + 2 * p
                    dst[np.uint64(d + p)] = min(best[np.uint64(a)], best[np.uint64(a + 1)])
            else:
                for p in range(pb - pa):
                    for c in range(lanes):
                        a = (start + width * p) * lanes + c
                        value = best[np.uint64(a)]
                        for q in range(1, width):
                            other = best[np.uint64(a + q * lanes)]
                            if largest:
                                value = max(value, other)
                            else:
                                value = min(value, other)
                        dst[np.uint64(d + p * lanes + c)] = value


@kernel("<T, >T, <i8, <i8, <i8, i8, i8, i8, i8", over=("f4", "f8"))
def extreme_float(
    src: Any, dst: Any, shape: Any, factors: Any, phases: Any, lanes: Any, lo: Any, hi: Any, largest: Any
) -> None:
    """Minimum or maximum of floats: NaNs are passed over; of nothing else comes the infinity begun with."""
    x = shape.size - 1
    blocks = _blocks(shape[x], factors[x], phases[x])
    at = np.empty(shape.size, np.int64)
    first = np.empty(_most(shape, factors), np.int64)
    begin = src.dtype.type(-np.inf if largest else np.inf)
    for row in range(lo, hi):
        count = _rows(row, shape, factors, phases, lanes, at, first)
        d = row * blocks * lanes
        for k in range(blocks * lanes):
            dst[np.uint64(d + k)] = begin
        for part in range(3):
            pa, pb, start, width = _segment(part, shape[x], factors[x], phases[x])
            for i in range(count):
                s = first[i] + start * lanes
                b = d + pa * lanes
                if lanes == 1 and width == 2 and largest:
                    for p in range(pb - pa):
                        value = dst[np.uint64(b + p)]
                        u = src[np.uint64(s + 2 * p)]
                        v = src[np.uint64(s + 2 * p + 1)]
                        value = u if value < u else value
                        dst[np.uint64(b + p)] = v if value < v else value
                elif lanes == 1 and width == 2:
                    for p in range(pb - pa):
                        value = dst[np.uint64(b + p)]
                        u = src[np.uint64(s + 2 * p)]
                        v = src[np.uint64(s + 2 * p + 1)]
                        value = u if u < value else value
                        dst[np.uint64(b + p)] = v if v < value else value
                else:
                    for p in range(pb - pa):
                        for q in range(width):
                            a = s + (width * p + q) * lanes
                            for c in range(lanes):
                                to = np.uint64(b + p * lanes + c)
                                value = dst[to]
                                u = src[np.uint64(a + c)]
                                if largest:
                                    dst[to] = u if value < u else value
                                else:
                                    dst[to] = u if u < value else value


@device
def _network(n: Any, keep: Any, table: Any) -> Any:
    """Write a sorting network for `n` rows (merge exchange); return its length.

    A comparator is (low row, high row, kind), kind 1 if only its minimum is used, 2 if only its maximum,
    3 for both.  With ``keep >= 0`` only what row `keep` of the result depends on is left in.
    """
    used = 0
    top = 1
    while top * 2 < n:
        top *= 2
    p = top if n > 1 else 0
    while p > 0:
        q = top
        r = 0
        d = p
        while True:
            for i in range(n - d):
                if (i & p) == r:
                    table[used, 0] = i
                    table[used, 1] = i + d
                    table[used, 2] = 3
                    used += 1
            if q == p:
                break
            d = q - p
            q >>= 1
            r = p
        p >>= 1
    if keep >= 0:
        needed = np.zeros(n, np.uint8)
        needed[keep] = 1
        for back in range(used):
            c = used - 1 - back
            i = table[c, 0]
            j = table[c, 1]
            table[c, 2] = needed[i] + 2 * needed[j]
            if table[c, 2] > 0:
                needed[i] = 1
                needed[j] = 1
    return used


@device
def _sort(buffer: Any, pitch: Any, m: Any, table: Any, used: Any) -> None:
    """Run a network over the rows of `buffer`, `m` of `pitch` columns at once."""
    for c in range(used):
        a = table[c, 0] * pitch
        b = table[c, 1] * pitch
        kind = table[c, 2]
        if kind == 3:
            for k in range(m):
                u = buffer[np.uint64(a + k)]
                v = buffer[np.uint64(b + k)]
                buffer[np.uint64(a + k)] = min(u, v)
                buffer[np.uint64(b + k)] = max(u, v)
        elif kind == 1:
            for k in range(m):
                buffer[np.uint64(a + k)] = min(buffer[np.uint64(a + k)], buffer[np.uint64(b + k)])
        elif kind == 2:
            for k in range(m):
                buffer[np.uint64(b + k)] = max(buffer[np.uint64(a + k)], buffer[np.uint64(b + k)])


@device
def _gather(
    src: Any, s: Any, buffer: Any, b: Any, m: Any, block: Any, lane: Any, factor: Any, lanes: Any
) -> None:
    """Take `m` elements, one a block, from block `block` and lane `lane` on."""
    if lanes == 1:
        if factor == 2:
            for k in range(m):
                buffer[np.uint64(b + k)] = src[np.uint64(s + 2 * (block + k))]
        else:
            for k in range(m):
                buffer[np.uint64(b + k)] = src[np.uint64(s + factor * (block + k))]
    else:
        for k in range(m):
            buffer[np.uint64(b + k)] = src[np.uint64(s + factor * block * lanes + lane)]
            lane += 1
            if lane == lanes:
                lane = 0
                block += 1


@device
def _count(
    buffer: Any, pitch: Any, m: Any, n: Any, run: Any, most: Any, best: Any, floats: Any, top: Any
) -> None:
    """Write to `best` the most frequent of each sorted column, the smallest of equals."""
    for k in range(m):
        run[np.uint64(k)] = 1
        most[np.uint64(k)] = 1
        best[np.uint64(k)] = buffer[np.uint64(k)]
    one = run.dtype.type(1)
    for i in range(1, n):
        a = (i - 1) * pitch
        b = i * pitch
        if floats:  # -0.0 (key -1) and 0.0 (key 0) are one value, NaNs (key `top`) are all different
            for k in range(m):
                u = buffer[np.uint64(a + k)]
                v = buffer[np.uint64(b + k)]
                same = ((u == v) & (v != top)) | ((u == -1) & (v == 0))
                length = run[np.uint64(k)] + one if same else one
                more = length > most[np.uint64(k)]
                run[np.uint64(k)] = length
                most[np.uint64(k)] = length if more else most[np.uint64(k)]
                best[np.uint64(k)] = v if more else best[np.uint64(k)]
        else:
            for k in range(m):
                v = buffer[np.uint64(b + k)]
                length = run[np.uint64(k)] + one if buffer[np.uint64(a + k)] == v else one
                more = length > most[np.uint64(k)]
                run[np.uint64(k)] = length
                most[np.uint64(k)] = length if more else most[np.uint64(k)]
                best[np.uint64(k)] = v if more else best[np.uint64(k)]


@kernel(
    "<T, >T, <i8, <i8, <i8, i8, i8, i8, i8, i8, i8",
    over=("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"),
)
def order(
    src: Any,
    dst: Any,
    shape: Any,
    factors: Any,
    phases: Any,
    lanes: Any,
    lo: Any,
    hi: Any,
    mode: Any,
    largest: Any,
    infinity: Any,
) -> None:
    """Lower median, or with `mode` the most frequent value (the smallest of equals).

    Blocks are sorted side by side, a network of vector minima and maxima over up to 256 of them.  The most
    elements of a block are 127 for 8-bit types.  Floats come as signed integers of their bits, `infinity`
    being the bits of theirs (0 for integers) and `largest` the largest integer; NaNs are above all.
    """
    x = shape.size - 1
    blocks = _blocks(shape[x], factors[x], phases[x])
    at = np.empty(shape.size, np.int64)
    first = np.empty(_most(shape, factors), np.int64)
    full = first.size * min(factors[x], shape[x])
    pitch = max(32, min(256, 16384 // (full * src.itemsize)))
    buffer = np.empty(full * pitch, src.dtype)
    run = np.empty(pitch, src.dtype)
    most = np.empty(pitch, src.dtype)
    best = np.empty(pitch, src.dtype)
    depth = 0
    while (1 << depth) < full:
        depth += 1
    tables = np.empty((3, (1 << depth) * (depth * depth - depth + 4) // 4 + 1, 3), np.int64)
    sizes = np.zeros(3, np.int64)
    used = np.zeros(3, np.int64)
    top = src.dtype.type(largest)
    quiet = src.dtype.type(infinity + ((largest - infinity + 1) >> 1))
    for row in range(lo, hi):
        count = _rows(row, shape, factors, phases, lanes, at, first)
        for part in range(3):
            pa, pb, start, width = _segment(part, shape[x], factors[x], phases[x])
            if pa >= pb:
                continue
            n = count * width
            if sizes[part] != n:
                used[part] = _network(n, -1 if mode else (n - 1) // 2, tables[part])
                sizes[part] = n
            d = (row * blocks + pa) * lanes
            for k0 in range(0, (pb - pa) * lanes, pitch):
                m = min(pitch, (pb - pa) * lanes - k0)
                for i in range(count):
                    for q in range(width):
                        s = first[i] + (start + q) * lanes
                        b = (i * width + q) * pitch
                        _gather(src, s, buffer, b, m, k0 // lanes, k0 % lanes, factors[x], lanes)
                        if infinity:
                            for k in range(b, b + m):
                                value = buffer[np.uint64(k)]
                                key = value ^ top if value < 0 else value
                                buffer[np.uint64(k)] = top if (value & top) > infinity else key
                _sort(buffer, pitch, m, tables[part], used[part])
                b = ((n - 1) // 2) * pitch
                if mode:
                    _count(buffer, pitch, m, n, run, most, best, infinity, top)
                    for k in range(m):
                        buffer[np.uint64(b + k)] = best[np.uint64(k)]
                if infinity:
                    for k in range(m):
                        value = buffer[np.uint64(b + k)]
                        value = value ^ top if value < 0 else value
                        dst[np.uint64(d + k0 + k)] = quiet if value == top else value
                else:
                    for k in range(m):
                        dst[np.uint64(d + k0 + k)] = buffer[np.uint64(b + k)]
