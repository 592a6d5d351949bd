"""Rules of downsampling, each pinned to what tensorstore 0.1.86 answers or, where said, gets wrong."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tegula.kernels.downsample import METHODS, domain, downsample, downsample_rows, supports

ts = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers


def wheel(array: np.ndarray, factors: list[int], method: str, origin: list[int] | None = None) -> Any:
    store = ts.array(array)
    return ts.downsample(store if origin is None else store.translate_to[origin], factors, method)


DTYPES = [
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
    ml_dtypes.bfloat16,
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_method_and_dtype_agrees_with_the_wheel(method: str, dtype: Any) -> None:
    if not supports(method, dtype):
        with pytest.raises(ValueError, match=rf'Downsample method "{method}" does not support data type'):
            wheel(np.zeros((2, 2), dtype), [2, 2], method)
        with pytest.raises(ValueError, match="is not defined"):
            downsample(np.zeros((2, 2), dtype), [2, 2], method)
        return
    rng = np.random.default_rng(11)
    for array in (
        rng.integers(0, 4, (7, 6, 9)).astype(dtype),
        (rng.standard_normal((7, 6, 9)) * 90).astype(dtype),
    ):
        for factors, origin in (([2, 2, 2], [0, 0, 0]), ([3, 1, 2], [-4, 5, 1]), ([1, 4, 1], [0, 7, -1])):
            expected = wheel(array, factors, method, origin)
            found = downsample(array, factors, method, origin)
            assert found.tobytes() == expected.read().result().tobytes()
            upper = [o + n for o, n in zip(origin, array.shape, strict=True)]
            assert domain(origin, upper, factors, method) == (
                list(expected.domain.inclusive_min),
                list(expected.domain.exclusive_max),
            )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("lo", "hi", "factor"), [(1, 13, 3), (-5, 4, 3), (3, 3, 2), (7, 8, 10), (0, 1, 1)])
def test_domains_are_aligned_to_zero(method: str, lo: int, hi: int, factor: int) -> None:
    expected = wheel(np.zeros(hi - lo), [factor], method, [lo]).domain[0]
    assert domain([lo], [hi], [factor], method) == ([expected.inclusive_min], [expected.exclusive_max])


@pytest.mark.parametrize(
    ("values", "dtype", "method", "expected"),
    [
        ([1, 2], "i4", "mean", 2),  # half to even
        ([3, 4], "i4", "mean", 4),
        ([-1, -2], "i4", "mean", -2),
        ([2**63 - 1, 2**63 - 1], "i8", "mean", 2**63 - 1),  # 128-bit sums
        ([-(2**63), -(2**63), 2**63 - 1], "i8", "mean", -3074457345618258603),
        ([2**64 - 1, 2**64 - 2], "u8", "mean", 2**64 - 2),
        ([16777216, 1, 1, 1, 1, 1, 1, 1], "f4", "mean", 2097152),  # sequential sums in float32
        ([True, False], "?", "mean", False),  # a tie is False
        ([True, True, False], "?", "mean", True),
        ([4, 1, 3, 2], "u1", "median", 2),  # the lower one
        ([2, 1, 2, 1], "u1", "mode", 1),  # ties give the smallest
        ([np.nan, 1.0], "f4", "min", 1.0),
        ([np.nan, np.nan], "f4", "min", np.inf),
        ([np.nan, np.nan], "f8", "max", -np.inf),
        ([1.0, np.nan, np.nan], "f4", "mode", 1.0),
        ([-0.0, -0.0], "f4", "mean", 0.0),
        ([-0.0], "f4", "mean", -0.0),  # one element a block: the array itself
    ],
)
def test_rules(values: list[Any], dtype: str, method: str, expected: Any) -> None:
    array = np.array(values, dtype)
    factor = max(2, len(values))
    found = downsample(array, [factor], method)
    assert found.tolist() == [expected]
    assert found.tobytes() == wheel(array, [factor], method).read().result().tobytes()


@pytest.mark.parametrize("method", ["median", "mode"])
def test_nans_do_not_make_the_answer_depend_on_order(method: str) -> None:
    # tensorstore 0.1.86 sorts with a comparison that NaNs break: [nan, 1, 2] and [2, nan, 1] differ
    first, second = np.array([np.nan, 1, 2], "f4"), np.array([2, np.nan, 1], "f4")
    assert wheel(first, [3], method).read().result() != wheel(second, [3], method).read().result()
    assert downsample(first, [3], method) == downsample(second, [3], method)
    assert np.isnan(downsample(np.array([np.nan, np.nan], "f4"), [2], method)).all()


def test_small_floats_have_a_mean_and_an_extreme() -> None:
    # tensorstore 0.1.86: the mean is 0, the minimum of types without an infinity NaN
    array = np.array([2, 4], ml_dtypes.float8_e4m3fn)
    assert wheel(array, [2], "mean").read().result().astype("f4").tolist() == [0]
    assert np.isnan(wheel(array, [2], "min").read().result().astype("f4")).all()
    assert downsample(array, [2], "mean").astype("f4").tolist() == [3]
    assert downsample(array, [2], "min").astype("f4").tolist() == [2]


def test_a_block_cut_at_both_ends_has_only_what_is_there() -> None:
    # tensorstore 0.1.86 takes the block as reaching to its end, and reads past the array
    array = np.array([[1, 5, 9], [2, 6, 7]], "u1")
    assert downsample(array, [4, 1], "max", [1, 0]).tolist() == [[2, 6, 9]]
    assert downsample(array, [4, 5], "mean", [1, 1]).tolist() == [[5]]


def test_complex_mode_is_lexicographic() -> None:
    array = np.array([1 + 2j, 1 + 1j, 0 + 5j, 1 + 1j, 0 + 5j], "c8")
    assert downsample(array, [5], "mode").tolist() == [5j]
    assert wheel(array, [5], "mode").read().result().tolist() == [5j]


def test_strings_have_a_stride_and_a_mode() -> None:
    array = np.array([b"b", b"a", b"b", b"c"])
    assert downsample(array, [2], "stride").tolist() == [b"b", b"b"]
    assert downsample(array, [4], "mode").tolist() == [b"b"]


@pytest.mark.parametrize("big", [10**6, 2**62])
def test_a_factor_beyond_the_array_makes_one_block(big: int) -> None:
    array = np.arange(12, dtype="i4").reshape(3, 4)
    assert downsample(array, [big, big], "max").tolist() == [[11]]
    assert downsample(array, [1, big], "mean").tolist() == [[2], [6], [10]]  # 1.5, 5.5, 9.5
    assert downsample(array, [big, big], "stride").tolist() == [[0]]


def test_many_elements_in_a_block() -> None:
    array = np.random.default_rng(2).integers(0, 255, (40, 40, 40)).astype("u1")
    for method in METHODS:
        expected = wheel(array, [20, 20, 20], method).read().result()
        assert downsample(array, [20, 20, 20], method).tobytes() == expected.tobytes()


def test_pieces_of_the_outermost_axis_make_the_whole() -> None:
    array = np.random.default_rng(3).integers(0, 999, (11, 5)).astype("u2")
    for method in METHODS:
        whole = downsample(array, [3, 2], method, [-4, 1])
        out = np.zeros_like(whole)
        for lo in range(0, len(out), 2):
            downsample_rows(array, [3, 2], method, [-4, 1], out, lo, min(len(out), lo + 2))
        assert out.tolist() == whole.tolist()


@pytest.mark.parametrize(
    ("factors", "method", "origin", "out"),
    [
        ([2], "mean", None, None),
        ([2, 0], "mean", None, None),
        ([2, 2], "average", None, None),
        ([2, 2], "mean", [0], None),
        ([2, 2], "mean", None, np.zeros((2, 3))),
        ([2, 2], "mean", None, np.zeros((2, 2), "f4")),
    ],
)
def test_what_does_not_fit_is_refused(factors: Any, method: str, origin: Any, out: Any) -> None:
    with pytest.raises(ValueError, match=r"downsample|the result is"):
        downsample(np.zeros((4, 4)), factors, method, origin, out)


def test_out_may_have_any_strides() -> None:
    array = np.arange(64, dtype="f4").reshape(8, 8)
    for method in METHODS:
        out = np.zeros((4, 4), "f4").T
        assert downsample(array, [2, 2], method, out=out) is out
        assert out.tolist() == downsample(array, [2, 2], method).tolist()
