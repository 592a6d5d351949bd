"""What can be read: a closed sum of shapes of reading.

Formats, codecs and stores are open registries; the ways to read are few and known here.  Every
chunked format becomes `Chunked`; an array in memory (an image, once it is decoded) is `InMemory`; a JSON
document, which others may change at any time, is `Whole`; a computed array is a source over
a view (`Downsample`, `Cast`).  Programs match on these and nothing else.

Sources are values: they name stores and arrays, they do no I/O.
"""

from __future__ import annotations

from itertools import pairwise
from operator import floordiv
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from tegula.chunkset import ChunkSet, ShardBoxes, bits_for, grid_bits
from tegula.formats.layout import VoxelKeys, resolved
from tegula.kv.spec import StoreRef
from tegula.record import Record, derived, replace
from tegula.row import NamedTuple

if TYPE_CHECKING:  # a view holds a source and a computed source holds a view
    from tegula.formats.layout import ArrayLayout
    from tegula.schema.dtypes import DataType
    from tegula.schema.units import Unit
    from tegula.view import View

__all__ = ["Cast", "Chunked", "Downsample", "InMemory", "MemoryLimit", "Shelf", "Source", "Whole"]

ALWAYS = float("inf")


class MemoryLimit(NamedTuple):
    """How many bytes may be in flight at once; `pool` stands for those that share the limit."""

    size: int
    pool: object


class Shelf:
    """Stands for where the views of one handle keep the indices of shards that they saw last."""

    __slots__ = ("__weakref__",)
    total_bytes_limit = 4 << 20


class Chunked(Record, eq=False):
    """An array stored as one value a chunk.

    `path` is the prefix of every chunk key.  `cache` stands for the pool that keeps decoded chunks
    (None: none is kept); a cached chunk seen before `recheck_before` (seconds since the epoch;
    infinity: always) is asked for again.  `fill_missing`: a missing chunk reads as the fill value.
    `keep_fill`: chunks equal to the fill value are stored all the same.  `memory` bounds the bytes in
    flight; `compute` stands for the limit on encoding and decoding (None: what the process shares).
    `chunks` names the chunks for caches, those that can be read without their neighbours; None where none
    are kept.  `indices` names the indices of an array's shards, `inner_indices` those of shards in shards,
    level by level, and `shelf` stands for what keeps them.
    """

    store: StoreRef
    path: str
    layout: ArrayLayout
    cache: object = None
    recheck_before: float = ALWAYS
    fill_missing: bool = True
    keep_fill: bool = False
    memory: MemoryLimit | None = None
    compute: object = None
    chunks: ChunkSet | None = derived()
    indices: ChunkSet | None = derived()
    inner_indices: tuple[ChunkSet, ...] = derived()
    shelf: object = derived()

    def __post_init__(self) -> None:
        chunks = indices = None
        inner: list[ChunkSet] = []
        layout = self.layout
        rule, levels, finest = layout.keys, layout.chain.levels, layout.chain.finest
        path, minishards = self.path, layout.minishards
        named: Any = rule
        if minishards is not None:
            path, minishards = resolved(path + minishards.directory), replace(minishards, directory="")
            named = ShardBoxes(minishards)
        elif isinstance(rule, VoxelKeys):
            path, named = resolved(path + rule.directory), rule._replace(directory="")
        if self.cache is not None:
            bits = grid_bits(layout.shape, finest.chunk_shape)
            chunks = ChunkSet(self.store, path, named, finest, bits, levels[0].within if levels else ())
        if levels:
            large = grid_bits(layout.shape, layout.chunk_shape)
            indices = ChunkSet(self.store, path, named, layout.chain, large)
            for (outer, _, _), (_, within, _) in pairwise(levels):
                chain = outer.inner
                bits = grid_bits(layout.shape, chain.chunk_shape)
                per_key = tuple(map(floordiv, levels[0].within, within))
                inner.append(ChunkSet(self.store, path, named, chain, bits, per_key))
        elif minishards is not None:
            places = (bits_for(minishards.shard), bits_for(minishards.mini))
            indices = ChunkSet(self.store, path, ShardBoxes(minishards, True), minishards, places)
        shelf: object = None
        if indices is not None:
            shelf = self.cache if getattr(self.cache, "total_bytes_limit", 0) else Shelf()
        object.__setattr__(self, "chunks", chunks)
        object.__setattr__(self, "indices", indices)
        object.__setattr__(self, "inner_indices", tuple(inner))
        object.__setattr__(self, "shelf", shelf)

    def shard_key(self, shard: int) -> str:
        """Return the key of a Neuroglancer shard."""
        rule = self.layout.minishards
        assert rule is not None
        return resolved(self.path + rule.key(shard))

    @property
    def dtype(self) -> DataType:
        """The data type of the elements."""
        return self.layout.dtype

    @property
    def bounds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Inclusive lower and exclusive upper bounds."""
        domain = self.layout.domain
        return domain.inclusive_min, domain.exclusive_max


class InMemory(Record, eq=False):
    """A NumPy array, shared and not copied; its first element is at coordinate zero.

    `units` are those of its dimensions, None where none is known; `copying` is the context resource that
    specifications of it name, None for the usual one.
    """

    array: NDArray[Any]
    dtype: DataType
    units: tuple[Unit | None, ...] | None = None
    copying: object = None

    @property
    def bounds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Inclusive lower and exclusive upper bounds."""
        return (0,) * self.array.ndim, self.array.shape


class Whole(Record, eq=False):
    """The part of the JSON document at `key` that `pointer` names: one element, no dimensions."""

    store: StoreRef
    key: str
    pointer: str
    dtype: DataType

    @property
    def bounds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Inclusive lower and exclusive upper bounds: none."""
        return (), ()


class Downsample(Record, eq=False):
    """A view reduced by integer factors; blocks are aligned to coordinate zero of the base."""

    base: View
    factors: tuple[int, ...]
    method: str

    @property
    def dtype(self) -> DataType:
        """The data type of the elements: the base's."""
        return self.base.source.dtype

    @property
    def bounds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Inclusive lower and exclusive upper bounds."""
        from tegula.kernels.downsample import domain

        transform = self.base.transform
        lower, upper = domain(
            transform.input_origin, transform.input_exclusive_max, self.factors, self.method
        )
        return tuple(lower), tuple(upper)


class Cast(Record, eq=False):
    """A view whose elements are converted as they are read and written."""

    base: View
    dtype: DataType

    @property
    def bounds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Inclusive lower and exclusive upper bounds."""
        transform = self.base.transform
        return transform.input_origin, transform.input_exclusive_max


Source: TypeAlias = Chunked | Whole | InMemory | Downsample | Cast
