"""Downsample an array: the front of the kernels in `reduce`, and the NumPy twins that define them.

What it knows: methods, dtypes, factors, the coordinate at which an array begins.  What it must not know:
stores, transforms, the errors of the drop-in (`supports` tells what to raise them for).

Blocks are aligned to coordinate 0: element `p` of the result reduces the coordinates ``[p*f, (p+1)*f)`` that
the array has.  The laws of a method:

- ``stride``  the element at ``p*f``.
- ``mean``    integers: exact sum, half to even; bool: a majority, a tie is False; floats: a sequential sum in
  C order in their own type (float32 for narrower ones), one division.
- ``median``  the lower one: element ``(n-1)//2`` of the sorted block.
- ``mode``    the most frequent, the smallest of equals; complex numbers in lexicographic order.
- ``min`` ``max``  floats pass over NaNs and keep the earlier of two equal values; a block of NaNs alone
  gives the infinity that the search begins with.
- where every block is one element, the result is the array.
- NaNs lie above all numbers in a median; in a mode none equals another, so that one wins only where there is
  nothing else.  -0.0 lies below 0.0 in a median and equals it in a mode.

Law: `downsample` equals `twin` bit by bit, whichever path it takes and however the result is sliced.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from tegula.kernels import reduce
from tegula.kernels._jit import worthwhile
from tegula.kernels.copy import strided_copy
from tegula.kernels.methods import METHODS

__all__ = ["METHODS", "domain", "downsample", "downsample_rows", "supports", "twin"]

_NARROW = frozenset(
    "bfloat16 float16 float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2 "
    "float8_e5m2fnuz float8_e8m0fnu float6_e2m3fn float6_e3m2fn float4_e2m1fn".split()
)
_NIBBLES = {"int2": "i1", "int4": "i1", "uint2": "u1", "uint4": "u1"}
# the most elements that one block may have in the kernels: beyond, NumPy sorts or sums
_MOST = 4096


def supports(method: str, dtype: Any) -> bool:
    """Return whether `method` is defined for `dtype`.

    >>> supports("median", "complex64"), supports("mean", "complex64"), supports("mode", "S3")
    (False, True, True)
    """
    if method not in METHODS:
        return False
    if method in ("stride", "mode"):
        return True
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return method == "mean"
    return dtype.kind in "biuf" or dtype.name in _NARROW or dtype.name in _NIBBLES


def domain(
    inclusive_min: Sequence[int], exclusive_max: Sequence[int], factors: Sequence[int], method: str
) -> tuple[list[int], list[int]]:
    """Return the bounds of the result, (inclusive_min, exclusive_max), for an array with the bounds given.

    >>> domain([1], [13], [3], "mean"), domain([1], [13], [3], "stride")
    (([0], [5]), ([1], [5]))
    """
    lower, upper = [], []
    for lo, hi, f in zip(inclusive_min, exclusive_max, factors, strict=True):
        first = -(-lo // f) if method == "stride" else lo // f
        lower.append(first)
        upper.append(first if hi <= lo else max(first, (hi - 1) // f + 1))
    return lower, upper


def downsample(
    array: np.ndarray,
    factors: Sequence[int],
    method: str,
    origin: Sequence[int] | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return `array` reduced by `factors` (one per axis, at least 1); kernels release the GIL.

    Args:
        array: of any rank, strides and supported dtype.
        factors: how many elements of each axis make one.
        method: one of `METHODS`.
        origin: the coordinate of the first element along each axis, by default 0.
        out: where to put the result, of its shape and the dtype of `array`; made if None.

    Raises:
        ValueError: factors, method, dtype or `out` do not fit.

    >>> downsample(np.arange(6), [2], "mean").tolist()
    [0, 2, 4]
    >>> downsample(np.arange(1, 13), [3], "max", origin=[1]).tolist()
    [2, 5, 8, 11, 12]
    """
    rank = array.ndim
    start = [0] * rank if origin is None else [int(o) for o in origin]
    factors = [int(f) for f in factors]
    if len(factors) != rank or len(start) != rank or any(f < 1 for f in factors):
        raise ValueError(f"downsample factors {factors} do not fit an array of rank {rank}")
    if not supports(method, array.dtype):
        raise ValueError(f"downsample method {method!r} is not defined for {array.dtype}")
    lower, upper = domain(start, [o + n for o, n in zip(start, array.shape, strict=True)], factors, method)
    shape = tuple(b - a for a, b in zip(lower, upper, strict=True))
    if out is None:
        out = np.empty(shape, array.dtype)
    elif out.shape != shape or out.dtype != array.dtype:
        raise ValueError(f"the result is {array.dtype}{shape}, not {out.dtype}{out.shape}")
    if out.size == 0:
        return out
    if shape == array.shape:
        strided_copy(out, array)
        return out
    if method == "stride":
        begin = [p * f - o for p, f, o in zip(lower, factors, start, strict=True)]
        steps = [min(f, n) for f, n in zip(factors, array.shape, strict=True)]
        strided_copy(out, array[tuple(slice(b, None, f) for b, f in zip(begin, steps, strict=True))])
        return out
    if worthwhile(array.nbytes, 1 << 8, 1 << 24) and _by_kernel(array, factors, method, start, out):
        return out
    np.copyto(out, twin(array, factors, method, start))
    return out


def downsample_rows(
    array: np.ndarray,
    factors: Sequence[int],
    method: str,
    origin: Sequence[int] | None,
    out: np.ndarray,
    lo: int,
    hi: int,
) -> None:
    """Fill ``out[lo:hi]`` (the outermost axis) as `downsample` would: pieces for several threads.

    Arguments as for `downsample`, with `out` of the whole result's shape, and a rank of at least one.
    """
    start = [0] * array.ndim if origin is None else [int(o) for o in origin]
    f = int(factors[0])
    first, _ = domain(start[:1], [start[0] + array.shape[0]], [f], method)
    a = max(0, (first[0] + lo) * f - start[0])
    b = min(array.shape[0], (first[0] + hi) * f - start[0])
    downsample(array[a:b], factors, method, [start[0] + a, *start[1:]], out[lo:hi])


def _by_kernel(array: np.ndarray, factors: list[int], method: str, start: list[int], out: np.ndarray) -> bool:
    """Run a kernel if there is one for this; return whether there was."""
    count = prod(min(f, n) for f, n in zip(factors, array.shape, strict=True))
    dtype = array.dtype
    if count > _MOST or not dtype.isnative:
        return False
    name, kind = dtype.name, dtype.kind
    ordering = method in ("median", "mode")
    if kind in "biu" and dtype.itemsize <= 8:
        work = np.dtype("u1") if kind == "b" else np.dtype(dtype.str)
        if ordering and work.itemsize == 1 and count > 127:
            work = np.dtype(f"{work.kind}2")
    elif name in _NIBBLES:
        work = np.dtype(_NIBBLES[name])
        if ordering and count > 127:
            work = np.dtype(f"{work.kind}2")
    elif kind == "f" and dtype.itemsize in (4, 8):
        work = dtype
    elif name in _NARROW:
        work = np.dtype("f4")
    elif kind == "c" and method == "mean" and dtype.itemsize in (8, 16):
        work = np.dtype(f"f{dtype.itemsize // 2}")
    else:
        return False
    shape, steps, phases, lanes = _canonical(array.shape, factors, start)
    source = array
    if not source.flags.c_contiguous:
        source = np.empty(array.shape, dtype)
        strided_copy(source, array)
    direct = out.flags.c_contiguous
    if kind == "c":
        lanes *= 2
        source, target = source.reshape(-1).view(work), out.reshape(-1).view(work) if direct else None
    elif kind == "b":
        source, target = source.reshape(-1).view(work), out.reshape(-1).view(work) if direct else None
    elif work != dtype:
        source, target = source.reshape(-1).astype(work), None
    else:
        source, target = source.reshape(-1), out.reshape(-1) if direct else None
    made = np.empty(out.size * (2 if kind == "c" else 1), work) if target is None else target
    columns = [np.array(each, np.int64) for each in (shape, steps, phases)]
    rows = prod(-(-(n + p) // f) for n, f, p in zip(shape[:-1], steps[:-1], phases[:-1], strict=True))
    if method == "mean":
        _mean_kernel(work)(source, made, *columns, lanes, 0, rows)
    elif ordering:
        infinity = 0
        if work.kind == "f":
            infinity = int(np.array(np.inf, work).view(f"i{work.itemsize}"))
            source, made = source.view(f"i{work.itemsize}"), made.view(f"i{work.itemsize}")
        largest = (1 << (8 * work.itemsize - 1)) - 1
        reduce.order(source, made, *columns, lanes, 0, rows, int(method == "mode"), largest, infinity)
        made = made.view(work)
    else:
        extreme = reduce.extreme_float if work.kind == "f" else reduce.extreme_int
        extreme(source, made, *columns, lanes, 0, rows, int(method == "max"))
    if target is None:
        if kind in "cb":
            made = made.view(dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            out[...] = made.astype(dtype).reshape(out.shape)
    return True


def _mean_kernel(work: np.dtype) -> Any:
    if work.kind == "f":
        return reduce.mean_float
    return {1: reduce.mean_small, 2: reduce.mean_small, 4: reduce.mean_int, 8: reduce.mean_wide}[
        work.itemsize
    ]


def _canonical(
    extents: tuple[int, ...], factors: list[int], start: list[int]
) -> tuple[list[int], list[int], list[int], int]:
    """Return (shape, factors, phases, lanes): trailing axes of factor 1 are lanes, others merge."""
    last = max(axis for axis, f in enumerate(factors) if f > 1)
    lanes = prod(extents[last + 1 :])
    shape: list[int] = []
    steps: list[int] = []
    phases: list[int] = []
    for n, f, o in zip(extents[: last + 1], factors, start, strict=False):
        phase = o % f
        if phase + n <= f:
            f, phase = n, 0
        if f == 1 and steps and steps[-1] == 1:
            shape[-1] *= n
        else:
            shape.append(n)
            steps.append(f)
            phases.append(phase)
    return shape, steps, phases, lanes


def twin(array: np.ndarray, factors: Sequence[int], method: str, origin: Sequence[int]) -> np.ndarray:
    """Return what `downsample` returns, by NumPy alone: the definition of every region method.

    >>> twin(np.array([[1, 2], [3, 5]], "u1"), [2, 2], "median", [0, 0]).tolist()
    [[2]]
    """
    dtype = array.dtype
    pieces, shape = _pieces(array.shape, factors, origin)
    if shape == array.shape:
        return array.copy()
    if dtype.name in _NARROW:
        with np.errstate(over="ignore", invalid="ignore"):
            return twin(array.astype("f4"), factors, method, origin).astype(dtype)
    if dtype.name in _NIBBLES:
        return twin(array.astype(_NIBBLES[dtype.name]), factors, method, origin).astype(dtype)
    if dtype.kind == "b":
        return twin(array.view("u1"), factors, method, origin).view("?")
    if method in ("min", "max"):
        return _twin_extreme(array, pieces, shape, method == "max")
    counts = np.zeros(shape, np.int64)
    for to, _ in pieces:
        counts[to] += 1
    if method == "mean":
        return _twin_mean(array, pieces, counts)
    return _twin_order(array, pieces, counts, method == "mode")


def _pieces(
    extents: tuple[int, ...], factors: Sequence[int], origin: Sequence[int]
) -> tuple[list[Any], tuple[int, ...]]:
    """Return, for each place in a block in C order, slices of the result and of the array; and the shape."""
    axes, shape = [], []
    for n, f, o in zip(extents, factors, origin, strict=True):
        phase = o % f
        shape.append(-(-(n + phase) // f))
        places = []
        for q in range(min(f, n + phase)):
            first = 0 if q >= phase else 1
            begin = first * f + q - phase
            if begin < n:
                many = (n - 1 - begin) // f + 1
                places.append((slice(first, first + many), slice(begin, begin + (many - 1) * f + 1, f)))
        axes.append(places)
    pieces = [(tuple(to for to, _ in place), tuple(of for _, of in place)) for place in product(*axes)]
    return pieces, tuple(shape)


def _twin_extreme(array: np.ndarray, pieces: list[Any], shape: tuple[int, ...], largest: bool) -> np.ndarray:
    if array.dtype.kind == "f":
        begin: Any = -np.inf if largest else np.inf
    else:
        limits = np.iinfo(array.dtype)
        begin = limits.min if largest else limits.max
    best = np.full(shape, begin, array.dtype)
    for to, of in pieces:
        held, other = best[to], array[of]
        np.copyto(held, other, where=held < other if largest else other < held)
    return best


def _twin_mean(array: np.ndarray, pieces: list[Any], counts: np.ndarray) -> np.ndarray:
    dtype = array.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype.kind in "fc":
            total = np.zeros(counts.shape, dtype)
            for to, of in pieces:
                total[to] += array[of]
            real = total.view(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else total
            real /= (np.repeat(counts, 2, axis=-1) if dtype.kind == "c" else counts).astype(real.dtype)
            return total
        upper, lower = np.zeros(counts.shape, np.int64), np.zeros(counts.shape, np.int64)
        for to, of in pieces:
            upper[to] += (array[of] >> (32 if dtype.itemsize == 8 else 0)).astype(np.int64)
            if dtype.itemsize == 8:
                lower[to] += (array[of] & 0xFFFFFFFF).astype(np.int64)
        high, rest = upper // counts, upper % counts
        if dtype.itemsize == 8:
            upper += lower >> 32
            high, rest = upper // counts, upper % counts
            below = (rest << 32) + (lower & 0xFFFFFFFF)
            high, rest = (high << 32) + below // counts, below % counts
        high += (2 * rest > counts) | ((2 * rest == counts) & (high & 1 == 1))
        return high.astype(dtype)


def _twin_order(array: np.ndarray, pieces: list[Any], counts: np.ndarray, mode: bool) -> np.ndarray:
    # places in a block become columns; a missing element sorts behind all and is never counted
    if array.dtype.kind == "f":
        bits = array.view(f"i{array.dtype.itemsize}")
        top = np.iinfo(bits.dtype).max
        keys = np.where(bits < 0, bits ^ top, bits)
        keys[np.isnan(array)] = top
    elif array.dtype.kind in "iu" and array.dtype.itemsize < 8:
        keys = array.astype(np.int64)
    else:
        values, keys = np.unique(array, return_inverse=True)
        keys = keys.reshape(array.shape)
    columns = np.full((len(pieces), *counts.shape), np.iinfo(keys.dtype).max, keys.dtype)
    for column, (to, of) in zip(columns, pieces, strict=True):
        column[to] = keys[of]
    columns.sort(axis=0)
    chosen = np.take_along_axis(columns, ((counts - 1) // 2)[None], axis=0)[0]
    if mode:
        same = columns[1:] == columns[:-1]
        if array.dtype.kind == "f":
            same &= columns[1:] != top
            same |= (columns[1:] == 0) & (columns[:-1] == -1)
        run = np.ones(counts.shape, np.int64)
        most, chosen = run.copy(), columns[0].copy()
        for k in range(1, len(columns)):
            run = np.where(same[k - 1], run + 1, 1)
            more = (run > most) & (k < counts)
            most[more], chosen[more] = run[more], columns[k][more]
    if array.dtype.kind == "f":
        found = np.where(chosen < 0, chosen ^ top, chosen).view(array.dtype)
        found[chosen == top] = np.nan
        return found
    if array.dtype.kind in "iu" and array.dtype.itemsize < 8:
        return chosen.astype(array.dtype)
    return np.asarray(values[chosen], array.dtype)
