"""Alignment, bounds checks, resizes and merges."""

from __future__ import annotations

import pytest

from tegula.space import (
    Dim,
    IndexDomain,
    IndexTransform,
    OutputIndexMap,
    check_bounds,
    inverse,
    output_range,
    propagate_bounds,
)
from tegula.space.align import align, matches
from tegula.space.bounds import merged_domain, resized


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        (IndexDomain(shape=[3]), IndexDomain(shape=[2, 3]), [1]),
        (IndexDomain(shape=[1, 3]), IndexDomain(shape=[2, 3]), [-1, 1]),
        (IndexDomain(shape=[1, 2, 3]), IndexDomain(shape=[2, 3]), [-1, 0, 1]),
        (IndexDomain([Dim(2, "x"), Dim(3, "y")]), IndexDomain([Dim(3, "y"), Dim(2, "x")]), [1, 0]),
        (IndexDomain([Dim(2, "x"), Dim(3)]), IndexDomain([Dim(3), Dim(2, "x")]), [1, 0]),
        (IndexDomain([Dim(5, 8)]), IndexDomain(shape=[3]), [0]),
    ],
)
def test_alignment(source, target, found):
    assert matches(source, target) == found
    assert align(source, target).domain == target


def test_alignment_error_names_every_mismatch():
    with pytest.raises(ValueError) as error:
        align(IndexDomain(shape=[2]), IndexDomain(shape=[3]))
    assert str(error.value) == (
        "Error aligning dimensions: source dimension 0 [0, 2) mismatch with target dimension 0 [0, 3)"
    )
    with pytest.raises(ValueError, match=r"unmatched source dimension 0 \[0, 2\) does not have a size of 1"):
        align(IndexDomain(shape=[2, 3]), IndexDomain(shape=[3]))


def test_check_bounds():
    t = IndexTransform(IndexDomain([Dim(10, implicit_upper=True)]))
    check_bounds(t[2:5], [0], [5])
    with pytest.raises(ValueError) as error:
        check_bounds(t[100:200], [0], [10])
    assert str(error.value) == (
        "OUT_OF_RANGE: Propagated bounds [0, 10), with size=10, for dimension 0 are incompatible "
        "with existing bounds [100, 200), with size=100."
    )
    with pytest.raises(ValueError) as error:
        check_bounds(t[[3, 100]], [0], [10])
    assert str(error.value) == "OUT_OF_RANGE: Index 100 is outside valid range [0, 10)"
    check_bounds(t[50:50], [0], [10])
    with pytest.raises(ValueError, match=r"Index 12 is outside valid range \[0, 10\)"):
        check_bounds(t[12], [0], [10])


def test_propagate_bounds():
    t = IndexTransform(1, [OutputIndexMap(input_dimension=0, offset=3, stride=2)])
    assert repr(propagate_bounds(IndexDomain(shape=[10]), t).domain) == "{ [-1, 4) }"
    with pytest.raises(ValueError, match="incompatible with existing bounds"):
        propagate_bounds(IndexDomain(shape=[10]), IndexTransform(input_shape=[20]))


def test_output_range():
    t = IndexTransform(input_shape=[5])[1::2]
    assert output_range(t) == ((1,), (4,), False)
    assert output_range(IndexTransform(input_shape=[5])[::-1]) == ((0,), (5,), True)


def test_resized():
    view = IndexTransform(IndexDomain([Dim(10, implicit_upper=True), Dim(4)]))
    got = resized(view, [None, None], [20, None])
    assert got.new_max == (20, None)
    assert got.new_min == (None, None)
    assert got.max_constraint == (None, 4)
    assert got.min_constraint == (0, 0)
    assert resized(view, [None, None], [None, None]) is None
    with pytest.raises(ValueError) as error:
        resized(view, [None, None], [None, 5])
    assert str(error.value) == (
        "Invalid resize request for input dimension 1: Cannot change explicit upper bound"
    )
    moved = view.translate_by[5][::-1]
    assert resized(moved, [-18, None], [None, None]).new_max == (14, None)


def test_merged_domain():
    a = IndexDomain([Dim(5), Dim("y")])
    assert merged_domain(a, IndexDomain(2)) == a
    with pytest.raises(ValueError, match="Mismatch in dimension 0: Upper bounds do not match"):
        merged_domain(a, IndexDomain([Dim(6), Dim()]))


def test_inverse():
    t = IndexTransform(input_shape=[3, 4], input_labels=["x", "y"]).T.translate_by[5, -2]
    back = inverse(t)
    assert back.domain == IndexDomain(shape=[3, 4], labels=["x", "y"])
    assert back(t([6, -1])) == (6, -1)
    with pytest.raises(
        ValueError, match="Transform is not invertible due to stride of 2 for output dimension 0"
    ):
        inverse(IndexTransform(input_shape=[6])[::2])
    with pytest.raises(ValueError, match="that is not mapped by an output dimension"):
        inverse(IndexTransform(input_shape=[6], output=[]))
