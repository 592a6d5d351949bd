"""Compressed Morton codes: a bijection between the cells of a grid and some of the numbers below its size."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.kernels.morton import bits_of, cells_of, codes_of


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 2**40))
def test_codes_name_cells(grid: list[int], stretch: int) -> None:
    """Law: codes of distinct cells are distinct and need no more bits than the grid; cells come back."""
    bits = bits_of(grid)
    cells = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), -1).reshape(-1, len(grid))
    codes = codes_of(cells, bits)
    assert len(set(codes.tolist())) == len(cells)
    assert int(codes.max()) < 1 << sum(bits)
    np.testing.assert_array_equal(cells_of(codes, bits), cells)
    # a dimension of one cell changes nothing
    assert codes_of(np.insert(cells, 0, 0, 1), (0, *bits)).tolist() == codes.tolist()
    # large cells do not overflow
    far = np.array([[stretch, stretch // 3]])
    wide = bits_of((stretch + 1, stretch // 3 + 1))
    if sum(wide) <= 64:
        np.testing.assert_array_equal(cells_of(codes_of(far, wide), wide), far)
