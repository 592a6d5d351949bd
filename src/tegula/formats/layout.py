"""What every chunked format says of an array in the end: its grid, its keys, its chain, its fill value.

What this file knows: the record that planning works from.  What it must not know: any metadata
document.

Laws: a key names exactly one cell; keys(cells) equals [key(cell) for each]; the domain's lower bounds are
0 and explicit, its upper bounds the shape and implicit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.record import Record, derived
from tegula.schema.dtypes import DataType
from tegula.schema.units import Unit
from tegula.space import domain as domains

__all__ = ["ArrayLayout", "KeyRule"]


class KeyRule(NamedTuple):
    """How a cell of the chunk grid is called: `prefix`, then the indices joined by `separator`.

    `rank0` is the whole key of the only cell of an array without dimensions.  Keys leave out the last
    `inner` indices, which are 0: dimensions of the elements, not of the array.

    >>> rule = KeyRule("c/", "/", "c")
    >>> rule.key((0, 12)), rule.key(())
    ('c/0/12', 'c')
    """

    prefix: str
    separator: str
    rank0: str
    inner: int = 0

    def key(self, cell: tuple[int, ...]) -> str:
        """Return the key of one cell."""
        if self.inner:
            cell = cell[: len(cell) - self.inner]
        if not cell:
            return self.rank0
        return self.prefix + self.separator.join(map(str, cell))

    def keys(self, cells: NDArray[np.int64], path: str = "") -> list[str]:
        """Return the keys of `cells`, an array of int64 of shape [n, rank], each behind `path`.

        >>> KeyRule("", ".", "0").keys(np.array([[0, 1], [2, 3]]), "a/")
        ['a/0.1', 'a/2.3']
        """
        if self.inner:
            cells = cells[:, : cells.shape[1] - self.inner]
        count, rank = cells.shape
        if not rank:
            return [path + self.rank0] * count
        if not count:
            return []
        # one formatting call for all; no key holds the separator of the keys
        front = (path + self.prefix).replace("%", "%%")
        line = front + self.separator.join(["%d"] * rank) + "\0"
        text: str = (line * count) % tuple(cells.ravel().tolist())
        return text.split("\0")[:-1]


class ArrayLayout(Record):
    """An array as planning sees it.

    shape           current shape
    dtype           data type of the elements
    chunk_shape     shape of every chunk, those at the edge included
    keys            how chunks are called, relative to the array's own prefix
    chain           how a chunk is stored
    fill_bytes      one native element, or those of the `inner` dimensions; None where no fill value is set
    inner           how many of the last dimensions are the elements' own: never cut into chunks, fixed in
                    size, and part of the fill value
    labels          one a dimension, empty for none
    units           one a dimension, None for none
    fill_value      `fill_bytes` as a read-only array of the `inner` dimensions; where it is None, chunks are
                    always stored and missing ones read as 0
    domain          lower bounds 0 and explicit, upper bounds the shape and implicit
    """

    shape: tuple[int, ...]
    dtype: DataType
    chunk_shape: tuple[int, ...]
    keys: KeyRule
    chain: CodecChain
    fill_bytes: bytes | None
    labels: tuple[str, ...]
    units: tuple[Unit | None, ...]
    inner: int = 0
    fill_value: NDArray[Any] | None = derived()
    domain: domains.IndexDomain = derived()

    def __post_init__(self) -> None:
        rank = len(self.shape)
        own = self.shape[rank - self.inner :]
        fill = None if self.fill_bytes is None else element(self.fill_bytes, self.dtype, own)
        domains.check_labels(self.labels)
        object.__setattr__(self, "fill_value", fill)
        made = domains.domain((0,) * rank, self.shape, self.labels, 0, (1 << rank - self.inner) - 1)
        object.__setattr__(self, "domain", made)

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)


def element(data: bytes, dtype: DataType, shape: tuple[int, ...] = ()) -> NDArray[Any]:
    """Return native elements as a read-only array of `shape`."""
    array: NDArray[Any] = np.frombuffer(data, np.uint8).view(dtype.array_dtype).reshape(shape)
    return array
