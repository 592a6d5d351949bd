"""What every chunked format says of an array in the end: its grid, its keys, its chain, its fill value.

What this file knows: the record that planning works from.  What it must not know: any metadata
document.

The grid begins at the array's `origin`; cells are counted from there.  Most formats store every chunk whole;
some store those at the upper edge *clipped* (`Clipping`), so that how a chunk is stored depends on its cell.

Laws: a key names exactly one cell; keys(cells) equals [key(cell) for each]; the domain's lower bounds are
the origin and explicit, its upper bounds implicit where the format can be resized; chains_of(cells) equals
[chain_of(cell) for each].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from operator import add
from posixpath import normpath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.chain import CodecChain
from tegula.record import Record, derived, replace
from tegula.row import NamedTuple
from tegula.schema.dtypes import DataType
from tegula.schema.units import Unit
from tegula.space import domain as domains
from tegula.space.labels import check_labels

if TYPE_CHECKING:
    from tegula.codecs.minishard import Minishards

__all__ = ["ArrayLayout", "Clipping", "KeyRule", "VoxelKeys", "resolved"]


def _formatted(front: str, line: str, numbers: NDArray[np.int64]) -> list[str]:
    r"""Return ``front + line % row`` of each row of `numbers` int64[n, k]: one formatting call for all.

    >>> _formatted("a%/", "%d.%d", np.array([[0, 1], [2, 3]])), _formatted("a\0/", "%d", np.array([[4]]))
    (['a%/0.1', 'a%/2.3'], ['a\x00/4'])
    """
    within = "\0" not in front  # else it cannot part the lines
    if within:
        line = front.replace("%", "%%") + line
    text: str = ((line + "\0") * len(numbers)) % tuple(numbers.ravel().tolist())
    found = text.split("\0")[:-1]
    return found if within else [front + each for each in found]


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

    def box(self, name: str, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return the first cell and the extents of what is called `name` in a grid of `rank`, or None.

        >>> KeyRule("c/", "/", "c").box("c/0/12", 2), KeyRule("c/", "/", "c").box("zarr.json", 2)
        (((0, 12), (1, 1)), None)
        """
        inner = (0,) * self.inner
        if rank == self.inner:
            return (inner, (1,) * rank) if name == self.rank0 else None
        if not name.startswith(self.prefix):
            return None
        parts = name[len(self.prefix) :].split(self.separator)
        if len(parts) != rank - self.inner or not all(part.isdecimal() for part in parts):
            return None
        return (*map(int, parts), *inner), (1,) * rank

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
        return _formatted(path + self.prefix, self.separator.join(["%d"] * rank), cells)


def resolved(path: str) -> str:
    """Return a path in which ".." leads back, but never out of the store.

    >>> resolved("a/b/../../c/"), resolved("/tmp/../x/"), resolved("../x/")
    ('c/', '/x/', 'x/')
    """
    if ".." not in path:
        return path
    found = normpath(path)
    while found.startswith("../"):
        found = found[3:]
    if found in (".", ".."):
        return ""
    return found + "/" if path.endswith("/") else found


class VoxelKeys(NamedTuple):
    """How a cell is called after the box of voxels that it holds, clipped where the array ends.

    The last dimension has one cell and is not named.  `directory` may lead out of the array's own.

    >>> rule = VoxelKeys("1_1_1/", (5, 0, 0), (4, 4, 4), (11, 4, 4))
    >>> rule.key((1, 0, 0, 0))
    '1_1_1/9-11_0-4_0-4'
    """

    directory: str
    origin: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    upper: tuple[int, ...]

    def key(self, cell: tuple[int, ...]) -> str:
        """Return the key of one cell."""
        return self.keys(np.array([cell], np.int64))[0]

    def box(self, name: str, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return the first cell and the extents of what is called `name`, None for nothing.

        >>> VoxelKeys("", (5, 0, 0), (4, 4, 4), (11, 4, 4)).box("9-11_0-4_0-4", 4)
        ((1, 0, 0, 0), (1, 1, 1, 1))
        """
        cell = []
        parts = name.split("_")
        if len(parts) != len(self.chunk_shape):
            return None
        for part, origin, step in zip(parts, self.origin, self.chunk_shape, strict=True):
            low, dash, _ = part[1:].partition("-")  # the first may be a sign
            text = part[:1] + low
            if not dash or not text.lstrip("-").isdecimal():
                return None
            cell.append((int(text) - origin) // step)
        return (*cell, *(0,) * (rank - len(cell))), (1,) * rank

    def keys(self, cells: NDArray[np.int64], path: str = "") -> list[str]:
        """Return the keys of `cells`, an array of int64 of shape [n, rank], each behind `path`."""
        count = len(cells)
        if not count:
            return []
        step = np.array(self.chunk_shape, np.int64)
        corners = np.empty((count, 2 * len(step)), np.int64)
        low = cells[:, : len(step)] * step + np.array(self.origin, np.int64)
        corners[:, 0::2] = low
        corners[:, 1::2] = np.minimum(low + step, np.array(self.upper, np.int64))
        return _formatted(resolved(path + self.directory), "_".join(["%d-%d"] * len(step)), corners)


class Clipping(Record):
    """How chunks are stored that reach over the upper edge of an array: only what lies inside.

    `dims` are the dimensions whose last chunk does, `last` its cell along each; `chains` are those of the
    chunks that reach over some of them, counted in binary, the first of `dims` the lowest bit.
    """

    dims: tuple[int, ...]
    last: tuple[int, ...]
    chains: tuple[CodecChain, ...]

    def number(self, cell: Sequence[int]) -> int:
        """Return which of `chains` the chunk at a cell has."""
        return sum(
            (cell[dim] == at) << bit for bit, (dim, at) in enumerate(zip(self.dims, self.last, strict=True))
        )

    def numbers(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the same for `cells` int64[n, rank], int64[n]."""
        over = cells[:, list(self.dims)] == np.array(self.last, np.int64)
        found: NDArray[np.int64] = over @ (1 << np.arange(len(self.dims), dtype=np.int64))
        return found


def clipping(shape: tuple[int, ...], whole: CodecChain, chain_of: Any) -> Clipping | None:
    """Return how the chunks at the edge of an array are stored, None where none reaches over it.

    ``chain_of(shape)`` is the chain of a chunk that is stored with that shape.
    """
    chunk = whole.chunk_shape
    dims = tuple(dim for dim, (size, step) in enumerate(zip(shape, chunk, strict=True)) if size % step)
    if not dims:
        return None
    chains = []
    for over in product((False, True), repeat=len(dims)):
        kept = list(chunk)
        for dim, clipped in zip(reversed(dims), over, strict=True):
            if clipped:
                kept[dim] = shape[dim] % chunk[dim]
        corner = chain_of(tuple(kept))
        chains.append(whole if not any(over) else replace(whole, steps=(), corner=corner))
    return Clipping(dims, tuple(shape[dim] // chunk[dim] for dim in dims), tuple(chains))


class ArrayLayout(Record):
    """An array as planning sees it.

    shape           current shape
    dtype           data type of the elements
    chunk_shape     shape of every chunk, those at the edge included
    keys            how chunks are called, relative to the array's own prefix
    chain           how a whole chunk is stored
    fill_bytes      one native element, or those of the `inner` dimensions; None where no fill value is set
    inner           how many of the last dimensions are the elements' own: never cut into chunks, fixed in
                    size, and part of the fill value
    labels          one a dimension, empty for none
    units           one a dimension, None for none
    fill_value      `fill_bytes` as a read-only array of the `inner` dimensions; where it is None, chunks are
                    always stored and missing ones read as 0
    origin          the array's lower bounds, where the grid begins; empty: all 0
    fixed           the upper bounds are explicit: the array cannot be resized
    clipped         how the chunks at the upper edge are stored, None for whole as well
    minishards      how chunks are put into Neuroglancer's shards, None where each has a key of its own
    domain          lower bounds explicit, upper bounds implicit unless `fixed`
    """

    shape: tuple[int, ...]
    dtype: DataType
    chunk_shape: tuple[int, ...]
    keys: KeyRule | VoxelKeys
    chain: CodecChain
    fill_bytes: bytes | None
    labels: tuple[str, ...]
    units: tuple[Unit | None, ...]
    inner: int = 0
    origin: tuple[int, ...] = ()
    fixed: bool = False
    clipped: Clipping | None = None
    minishards: Minishards | None = None
    fill_value: NDArray[Any] | None = derived()
    domain: domains.IndexDomain = derived()

    def __post_init__(self) -> None:
        rank = len(self.shape)
        own = self.shape[rank - self.inner :]
        fill = None if self.fill_bytes is None else element(self.fill_bytes, self.dtype, own)
        check_labels(self.labels)
        object.__setattr__(self, "fill_value", fill)
        low = self.origin or (0,) * rank
        high = tuple(map(add, low, self.shape))
        made = domains.domain(low, high, self.labels, 0, 0 if self.fixed else (1 << rank - self.inner) - 1)
        object.__setattr__(self, "domain", made)

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def limits(self) -> tuple[int, ...] | None:
        """Where chunks end for being whole: the shape if those at the edge are clipped, None if not."""
        return None if self.clipped is None else self.shape

    def chain_of(self, cell: Sequence[int]) -> CodecChain:
        """Return how the chunk at one cell is stored."""
        clipped = self.clipped
        return self.chain if clipped is None else clipped.chains[clipped.number(cell)]

    def chains_of(self, cells: NDArray[np.int64]) -> list[CodecChain] | None:
        """Return how the chunks at `cells` int64[n, rank] are stored, None where all are as `chain` says."""
        if self.clipped is None:
            return None
        numbers = self.clipped.numbers(cells)
        return [self.clipped.chains[number] for number in numbers.tolist()] if numbers.any() else None


def element(data: bytes, dtype: DataType, shape: tuple[int, ...] = ()) -> NDArray[Any]:
    """Return native elements as a read-only array of `shape`."""
    array: NDArray[Any] = np.frombuffer(data, np.uint8).view(dtype.array_dtype).reshape(shape)
    return array
