"""Laws of downsampling: kernel = twin = wheel, whatever dtype, rank, factors, origin and layout."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tegula.kernels.downsample import METHODS, _by_kernel, domain, downsample, downsample_rows, supports, twin

# the first example of a kernel may compile it
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = [*("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")]
FLOATS = ["float16", "float32", "float64", ml_dtypes.bfloat16, "complex64", "complex128"]
ODD = [ml_dtypes.int4, ml_dtypes.uint4, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn]
REGION = [method for method in METHODS if method != "stride"]


@st.composite
def cases(draw: Any, dtypes: Any, specials: bool = False) -> Any:
    """(array, factors, method, origin), of at most some hundred elements."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    method = draw(st.sampled_from([m for m in REGION if supports(m, dtype)]))
    rank = draw(st.integers(1, 4))
    shape = tuple(draw(st.integers(1, [60, 17, 8, 5][rank - 1])) for _ in range(rank))
    factors = [draw(st.integers(1, 5)) for _ in shape]
    origin = [draw(st.integers(-6, 6)) for _ in shape]
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    low = 0 if dtype.kind in "bu" or dtype.name.startswith("uint") else -4
    array = rng.integers(low, 4, shape).astype(dtype)
    if dtype.kind in "iu" and draw(st.booleans()):
        array = np.frombuffer(rng.bytes(array.nbytes), dtype).reshape(shape)
    elif dtype in FLOATS and draw(st.booleans()):
        array = (rng.standard_normal(shape) * 50).astype(dtype)
        if dtype.kind == "c":
            array = array + (1j * rng.standard_normal(shape)).astype(dtype)
    if specials:
        array = np.where(rng.random(shape) < 0.3, np.array(np.nan, dtype), array)
        array = np.where(rng.random(shape) < 0.2, np.array(np.inf, dtype), array)
        array = np.where(rng.random(shape) < 0.2, np.array(-0.0, dtype), array).astype(dtype)
    if draw(st.booleans()):
        array = array.T.copy().T
    return array, factors, method, origin


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    """Bit by bit; which NaN a NaN is is nobody's business."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    if found.dtype.kind in "fV":
        nan = np.isnan(expected.astype("f8"))
        if (np.isnan(found.astype("f8")) != nan).any():
            return False
        return found[~nan].tobytes() == expected[~nan].tobytes()
    return found.tobytes() == expected.tobytes()


def by_kernel(array: np.ndarray, factors: list[int], method: str, origin: list[int]) -> np.ndarray | None:
    lower, upper = domain(origin, [o + n for o, n in zip(origin, array.shape, strict=True)], factors, method)
    out = np.empty([b - a for a, b in zip(lower, upper, strict=True)], array.dtype)
    if out.shape == array.shape:
        return downsample(array, factors, method, origin)
    return out if _by_kernel(array, factors, method, origin, out) else None


@LAW
@given(cases(NAMES + FLOATS + ODD))
def test_kernel_equals_twin(case: Any) -> None:
    """What the kernel says is what the definition says."""
    array, factors, method, origin = case
    found = by_kernel(*case)
    if found is None:
        assert array.dtype.kind == "c"
        assert method == "mode"
    else:
        assert same(found, twin(array, factors, method, origin))


@LAW
@given(cases(["float16", "float32", "float64", ml_dtypes.bfloat16], specials=True))
def test_kernel_equals_twin_with_nans_infinities_and_zeros(case: Any) -> None:
    """NaNs, infinities and both zeros take the same way through the kernel and the definition."""
    array, factors, method, origin = case
    found = by_kernel(*case)
    assert found is not None
    assert same(found, twin(array, factors, method, origin))


@pytest.mark.peers
@LAW
@given(cases(NAMES + FLOATS))
def test_twin_equals_the_wheel(case: Any) -> None:
    """The definition is what tensorstore 0.1.86 does, except for blocks that the array cuts at both ends."""
    ts = pytest.importorskip("tensorstore")
    array, factors, method, origin = case
    for f, o, n in zip(factors, origin, array.shape, strict=True):
        if o % f and o % f + n < f:
            return
    expected = ts.downsample(ts.array(np.ascontiguousarray(array)).translate_to[origin], factors, method)
    assert same(twin(array, factors, method, origin), expected.read().result())
    lower, upper = domain(origin, [o + n for o, n in zip(origin, array.shape, strict=True)], factors, method)
    assert (tuple(lower), tuple(upper)) == (expected.domain.inclusive_min, expected.domain.exclusive_max)


@LAW
@given(cases(NAMES + FLOATS), st.integers(1, 4))
def test_any_cut_of_the_outermost_axis_gives_the_same(case: Any, step: int) -> None:
    """downsample is the concatenation of its rows."""
    array, factors, method, origin = case
    whole = downsample(array, factors, method, origin)
    out = np.zeros_like(whole)
    for lo in range(0, len(out), step):
        downsample_rows(array, factors, method, origin, out, lo, min(len(out), lo + step))
    assert same(out, whole)


@LAW
@given(cases(NAMES + FLOATS))
def test_stride_is_what_lies_at_the_multiples(case: Any) -> None:
    """Element p of the result is the array's element at coordinate p*f."""
    array, factors, _, origin = case
    upper = [o + n for o, n in zip(origin, array.shape, strict=True)]
    found = downsample(array, factors, "stride", origin)
    kept = [
        [c - o for c in range(o, e) if c % f == 0] for o, e, f in zip(origin, upper, factors, strict=True)
    ]
    assert found.tobytes() == array[np.ix_(*kept)].tobytes()
