"""The choice of chunk grids: the vectors of tensorstore 0.1.86."""

from __future__ import annotations

import pytest

from tegula.schema.choose import (
    choose_chunk_grid,
    choose_chunk_shape,
    choose_read_write_chunk_grid,
    choose_read_write_chunk_shapes,
)
from tegula.schema.layout import ChunkLayout
from tegula.space import Dim, IndexDomain

BIG = [1000, 2000, 3000]

# shape, constraints, chosen
SHAPES = [
    (BIG, {}, (101, 101, 101)),
    ([1000, 20000], {}, (1000, 1048)),
    (BIG, {"chunk_aspect_ratio": [1, 2, 2]}, (64, 128, 128)),
    (BIG, {"chunk_aspect_ratio": [1, 2, 2], "chunk_elements": 2000000}, (79, 159, 159)),
    (
        [10**4, 10**4, 10**4],
        {"chunk_shape": [10, None, None], "chunk_aspect_ratio": [None, 2, 1], "chunk_elements": 10**7},
        (10, 1414, 707),
    ),
    ([10, 20], {"chunk_shape": [-1, None]}, (10, 20)),
    ([0, 20], {}, (1, 20)),
    ([0, 5], {"chunk_shape": [-1, -1]}, (1, 5)),
    ([100], {"chunk_elements": 0}, (1,)),
    ([2**40] * 3, {"chunk_shape": [2**61, 2**61, None]}, (2**61, 2**61, 1)),
    ([], {}, ()),
    # tensorstore 0.1.86: ratios that are no whole multiples of each other
    ([100, 60, 10**6], {"chunk_aspect_ratio": [None, 0.5, 3.3]}, (86, 43, 283)),
    ([60, 100, 7], {"chunk_aspect_ratio": [1, 10, 3.3], "chunk_elements": 100}, (1, 17, 5)),
    ([70, 70], {"chunk_aspect_ratio": [1, 1.25], "chunk_elements": 196}, (12, 15)),
    ([12345, 10**9], {"chunk_aspect_ratio": [1, 3.1]}, (581, 1804)),
]


@pytest.mark.parametrize(("shape", "options", "chosen"), SHAPES)
def test_shapes(shape, options, chosen):
    layout = ChunkLayout(**options)
    assert choose_chunk_grid(layout, IndexDomain(shape=shape)) == ((0,) * len(shape), chosen)
    assert choose_read_write_chunk_shapes(layout, IndexDomain(shape=shape)) == (chosen, chosen)


# domain, constraints, origin and shape
GRIDS = [
    (Dim(-5, 7), {"chunk_shape": [4]}, 3, 4),
    (Dim(), {}, 0, 1048576),
    (Dim(-5, 7), {"chunk_shape": [4], "grid_origin": [9]}, 9, 4),
    (Dim(-5, 7), {"chunk_shape": [4], "grid_origin_soft_constraint": [-9]}, -9, 4),
    (Dim(-5, 7), {}, 7, 12),
    (Dim(inclusive_min=-5), {}, 1048571, 1048576),
    (Dim(exclusive_max=5), {}, 0, 1048576),
]


@pytest.mark.parametrize(("dim", "options", "origin", "size"), GRIDS)
def test_origins(dim, options, origin, size):
    assert choose_chunk_grid(ChunkLayout(**options), IndexDomain([dim])) == ((origin,), (size,))


# shape, constraints, read and write shapes
PAIRS = [
    ([100, 100], {"write_chunk_shape": [50, 50], "read_chunk_shape": [25, 10]}, (25, 10), (50, 50)),
    (
        [100, 100],
        {"write_chunk_shape": [50, 50], "read_chunk_shape_soft_constraint": [24, 10]},
        (25, 10),
        (50, 50),
    ),
    (
        [100, 100],
        {"write_chunk_shape_soft_constraint": [50, 50], "read_chunk_shape": [24, 10]},
        (24, 10),
        (48, 50),
    ),
    ([100, 100], {"write_chunk_shape": [60, 60], "read_chunk_elements": 100}, (10, 10), (60, 60)),
    ([1000, 1000], {"read_chunk_shape": [10, 10], "write_chunk_elements": 50000}, (10, 10), (220, 220)),
    ([1000, 1000], {"read_chunk_elements": 100, "write_chunk_elements": 50000}, (10, 10), (220, 220)),
    ([1000, 1000], {"read_chunk_elements": 100}, (10, 10), (1000, 1000)),
    ([1000, 1000], {"write_chunk_elements": 100}, (1000, 1000), (1000, 1000)),
    ([100, 100], {"read_chunk_shape": [200, 10]}, (200, 10), (200, 100)),
    ([100, 100], {"read_chunk_shape": [-1, 10]}, (100, 10), (100, 100)),
]


@pytest.mark.parametrize(("shape", "options", "read", "write"), PAIRS)
def test_read_and_write_shapes(shape, options, read, write):
    assert choose_read_write_chunk_shapes(ChunkLayout(**options), IndexDomain(shape=shape)) == (read, write)


def test_hard_shapes_that_do_not_divide_are_refused():
    layout = ChunkLayout(write_chunk_shape=[50, 50], read_chunk_shape=[7, 50])
    with pytest.raises(ValueError) as caught:
        choose_read_write_chunk_shapes(layout, IndexDomain(shape=[100, 100]))
    assert str(caught.value) == (
        "Incompatible chunk size constraints for dimension 0: read size of 7, write size of 50"
    )


def test_the_whole_extent_of_an_unbounded_dimension_is_refused():
    with pytest.raises(ValueError) as caught:
        choose_chunk_shape(ChunkLayout(chunk_shape=[-1]).write_chunk, IndexDomain(1))
    assert str(caught.value) == "Cannot match chunk size for dimension 0 to unbounded domain (-inf, +inf)"


def test_one_grid_for_reading_and_writing_honours_both():
    domain = IndexDomain(shape=[100])
    assert choose_read_write_chunk_grid(ChunkLayout(read_chunk_elements=2), domain) == ((0,), (2,))
    soft = ChunkLayout(write_chunk_shape_soft_constraint=[4], read_chunk_shape=[2])
    assert choose_read_write_chunk_grid(soft, domain) == ((0,), (2,))
    with pytest.raises(ValueError) as caught:
        choose_read_write_chunk_grid(ChunkLayout(write_chunk_shape=[4], read_chunk_shape=[2]), domain)
    assert str(caught.value) == (
        "write_chunk constraints not compatible with existing read_chunk constraints: "
        "Error setting read_chunk shape: "
        "New hard constraint (4) for dimension 0 does not match existing hard constraint (2)"
    )


def test_ranks_must_agree():
    layout = ChunkLayout(chunk_shape=[4])
    with pytest.raises(ValueError, match=r"Rank of constraints \(1\) does not match rank of domain \(2\)"):
        choose_chunk_grid(layout, IndexDomain(shape=[4, 4]))
    with pytest.raises(ValueError, match=r"Rank of constraints \(1\) does not match rank of domain \(2\)"):
        choose_chunk_grid(ChunkLayout(grid_origin=[0]), IndexDomain(shape=[4, 4]))
