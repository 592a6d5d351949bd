"""The chunks of one array, as caches name them: which array it is, and a number for every cell.

Knows how a cell becomes a number and a key a cell.  Must not know what is cached, or how a chunk is read.

Two handles of one array give equal sets, whatever their views, staleness bounds and shapes, as long as a
stored chunk means the same elements to both.  Numbers do not depend on the shape of the array but only on
how many bits its grid takes, in steps of four a dimension, so that most resizings keep them.

Laws: different cells have different numbers; ``numbers(cells)[i] == number(cells[i])``; ``cells_of`` of the
key of a cell holds that cell, and None comes of what is no key of the set.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tegula.formats.layout import KeyRule, VoxelKeys
from tegula.kv.spec import StoreRef
from tegula.record import Record, derived
from tegula.row import NamedTuple

if TYPE_CHECKING:
    from tegula.codecs.minishard import Minishards

__all__ = ["ChunkSet", "ShardBoxes", "bits_for", "grid_bits"]

STEP = 4


def grid_bits(shape: tuple[int, ...], chunk_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many bits number the cells of a grid along each dimension, rounded up.

    >>> grid_bits((1000, 3), (10, 3))
    (8, 4)
    """
    cells = (-(-extent // max(1, chunk)) for extent, chunk in zip(shape, chunk_shape, strict=True))
    return tuple(bits_for(max(1, count - 1).bit_length()) for count in cells)


def bits_for(bits: int) -> int:
    """Return a number of bits, rounded up: at least one step.

    >>> bits_for(0), bits_for(4), bits_for(5)
    (4, 4, 8)
    """
    return -(-max(1, bits) // STEP) * STEP


class ShardBoxes(NamedTuple):
    """How the shards of a Neuroglancer volume are called; `whole`: only that they are shards matters."""

    rule: Minishards
    whole: bool = False

    def box(self, name: str, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]] | tuple[()] | None:
        """Return the first cell and the extents of the shard called `name`; empty where it is no box."""
        found = self.rule.box_of(name)
        if not found or self.whole:
            return None if found is None else ()
        rest = rank - 3
        return (*found[0], *(0,) * rest), (*found[1], *(1,) * rest)


class ChunkSet(Record):
    """The chunks of the array at `path` of `store`, called by `rule`, decoded by `chain`.

    A key holds ``per_key`` cells along each dimension: one, but for shards.  Hashing is cheap.

    >>> from tegula.kv.spec import StoreRef
    >>> chunks = ChunkSet(StoreRef("memory"), "a/", KeyRule("c/", "/", "c"), None, (4, 4))
    >>> chunks.numbers(np.array([[0, 1], [2, 3]])), chunks.number((2, 3))
    ([1, 35], 35)
    >>> chunks.numbers_of("a/c/2/3"), chunks.numbers_of("a/zarr.json")
    ([35], None)
    """

    store: StoreRef
    path: str
    rule: KeyRule | VoxelKeys | ShardBoxes
    chain: Any
    bits: tuple[int, ...]
    per_key: tuple[int, ...] = ()
    _hash: int = derived()
    _strides: NDArray[np.int64] | tuple[int, ...] = derived()

    def __post_init__(self) -> None:
        strides, step = [], 0
        for bits in reversed(self.bits):
            strides.append(1 << step)
            step += bits
        strides.reverse()
        object.__setattr__(self, "_strides", np.array(strides, np.int64) if step < 63 else tuple(strides))
        object.__setattr__(self, "_hash", hash((self.store, self.path, self.rule, self.bits, self.per_key)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or Record.__eq__(self, other)

    def __reduce__(self) -> tuple[Any, ...]:
        return ChunkSet, (self.store, self.path, self.rule, self.chain, self.bits, self.per_key)

    def numbers(self, cells: NDArray[np.int64]) -> list[int]:
        """Return the number of each of `cells`, int64[n, rank]."""
        strides = self._strides
        if isinstance(strides, tuple):  # more than 63 bits
            return [sum(map(int.__mul__, cell, strides)) for cell in cells.tolist()]
        found: list[int] = (cells @ strides).tolist()
        return found

    def number(self, cell: tuple[int, ...]) -> int:
        """Return the number of one cell."""
        number = 0
        for index, bits in zip(cell, self.bits, strict=True):
            number = (number << bits) + index
        return number

    def cells_of(self, key: str) -> tuple[tuple[int, ...], tuple[int, ...]] | tuple[()] | None:
        """Return the first cell and the extents of the cells that a whole key holds, None for another key.

        Empty where they are no box.
        """
        if not key.startswith(self.path):
            return None
        box: tuple[tuple[int, ...], tuple[int, ...]] | tuple[()] | None
        box = self.rule.box(key[len(self.path) :], len(self.bits))
        if not box or not self.per_key:
            return box
        return tuple(map(int.__mul__, box[0], self.per_key)), self.per_key

    def numbers_of(self, key: str, most: int = 4096) -> list[int] | None:
        """Return the numbers of the cells that a key holds; empty where they are more than `most`, or no box.

        None where it is the key of something else.
        """
        found = self.cells_of(key)
        if not found:
            return None if found is None else []
        first, extents = found
        if prod(extents) > most:
            return []
        return [
            self.number(cell)
            for cell in product(*(range(at, at + n) for at, n in zip(first, extents, strict=True)))
        ]
