"""The chunk identifiers of sharded Neuroglancer volumes, and the hash that spreads them over shards.

A *compressed Morton code* interleaves the bits of the cells of a grid, x first, leaving out the bits that a
dimension does not need.  All functions are over columns.

What it knows: arrays of integers.  What it must not know: shards, files.  Laws: distinct cells have distinct
codes, all below two to the number of bits; `cells_of` is the inverse of `codes_of`.

Source: "sharded format" and "volume" in Neuroglancer's documentation; MurmurHash3_x86_128 by A. Appleby.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bits_of", "cells_of", "codes_of", "murmurhash"]

U8 = NDArray[np.uint64]
_LOW = np.uint64(0xFFFFFFFF)


def bits_of(grid: Sequence[int]) -> tuple[int, ...]:
    """Return how many bits each dimension of a grid of cells needs.

    >>> bits_of((1, 2, 3, 4, 5))
    (0, 1, 2, 2, 3)
    """
    return tuple(max(0, size - 1).bit_length() for size in grid)


def _interleaved(bits: Sequence[int]) -> list[tuple[int, int]]:
    """Return, for each bit of a code from the lowest, the dimension and the bit of its cell."""
    return [
        (dim, bit) for bit in range(max(bits, default=0)) for dim, count in enumerate(bits) if bit < count
    ]


def codes_of(cells: NDArray[np.int64], bits: Sequence[int]) -> U8:
    """Return the codes of `cells`, shape (n, rank), in a grid that needs `bits`; at most 64 in all.

    >>> codes_of(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [3, 1, 2]]), (2, 1, 2)).tolist()
    [0, 1, 2, 27]
    """
    given = cells.astype(np.uint64)
    codes = np.zeros(len(cells), np.uint64)
    for at, (dim, bit) in enumerate(_interleaved(bits)):
        codes |= ((given[:, dim] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(at)
    return codes


def cells_of(codes: U8, bits: Sequence[int]) -> NDArray[np.int64]:
    """Return the cells of codes, shape (n, rank).

    >>> cells_of(np.array([27], np.uint64), (2, 1, 2)).tolist()
    [[3, 1, 2]]
    """
    cells = np.zeros((len(codes), len(bits)), np.int64)
    for at, (dim, bit) in enumerate(_interleaved(bits)):
        cells[:, dim] |= (((codes >> np.uint64(at)) & np.uint64(1)) << np.uint64(bit)).astype(np.int64)
    return cells


def _rotated(x: U8, by: int) -> U8:
    return ((x << np.uint64(by)) | (x >> np.uint64(32 - by))) & _LOW


def _times(x: U8, by: int) -> U8:
    return (x * np.uint64(by)) & _LOW


def _mixed(x: U8) -> U8:
    x = _times(x ^ (x >> np.uint64(16)), 0x85EBCA6B)
    x = _times(x ^ (x >> np.uint64(13)), 0xC2B2AE35)
    return x ^ (x >> np.uint64(16))


def murmurhash(keys: U8) -> U8:
    """Return the low 64 bits of MurmurHash3_x86_128 of each key's eight bytes, lowest first, with seed 0.

    >>> [hex(hashed) for hashed in murmurhash(np.array([0, 1], np.uint64)).tolist()]
    ['0x4772b084e028ae41', '0xe8bd67d616d4ce9a']
    """
    keys = keys.astype(np.uint64)
    low, high = keys & _LOW, keys >> np.uint64(32)
    h2 = _times(_rotated(_times(high, 0xAB0E9789), 16), 0x38B34AE5)
    h1 = _times(_rotated(_times(low, 0x239B961B), 15), 0xAB0E9789)
    zero: Any = np.zeros_like(h1)
    parts = [each ^ np.uint64(8) for each in (h1, h2, zero, zero)]
    first = (parts[0] + parts[1] + parts[2] + parts[3]) & _LOW
    parts = [first, *[(each + first) & _LOW for each in parts[1:]]]
    parts = [_mixed(each) for each in parts]
    first = (parts[0] + parts[1] + parts[2] + parts[3]) & _LOW
    return first | (((parts[1] + first) & _LOW) << np.uint64(32))
