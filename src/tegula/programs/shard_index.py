"""The indices of shards, remembered, and how errors call what lies in shards.

The index of a shard is remembered (`Decoded`, by the pool of the array, or by its handle where there is none)
together with the generation of the shard that it was read from.  What is remembered may be old, so whoever
uses an index holds it against what comes after: every answer of the store says of which generation it is, and
an entry of another generation than its index is thrown away and looked up again, in an index that is asked
for anew.  An entry that an old index says is not there is believed only once the store has said that the
shard still is of that generation.  So what is answered was stored when it was asked for, however old the
index was.

The indices of shards that lie in shards are remembered in the same way.  Where one of them lies only the
index around it says, so what is read there is an index only if the value is of the generation of that one;
what is remembered is used only by whom the index around it gives the same generation.

Laws: `load_indices` tells what the whole values tell (`Sharding.spans_of`), faults included; an inner index
that `inner_indices` returns is what its value of the generation asked for has there.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import floordiv
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.shard import Level, Sharding, Spans
from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Decoded, Loaded, ReadMany
from tegula.effects.world import Now
from tegula.errors import OutOfRange, TegulaError
from tegula.kv.spec import ByteRange, StoreRef, describe
from tegula.plan.blocks import BLOCK_BYTES
from tegula.plan.ranges import GAP, Requests, coalesce
from tegula.record import Record
from tegula.source import ALWAYS, Chunked

__all__ = [
    "ANY",
    "Index",
    "Places",
    "ShardNames",
    "entry_place",
    "index_range",
    "indices_of",
    "inner_indices",
    "innermost",
    "load_indices",
    "named",
]

REPLACED = b"\0replaced"
"""The generation of an index that lies elsewhere by now, or nowhere."""
ANY = -ALWAYS
"""The bound of whom an index will do however old."""
Ints = NDArray[np.int64]


class Index(Record, eq=False):
    """The index of a shard: the shard's generation, and where its entries are.

    `spans` is None where there is no shard, and where what is stored is no index: `fault` says why.  `asker`
    is for whom it was read.
    """

    generation: bytes
    spans: Spans | None
    asker: object
    fault: TegulaError | None = None

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return 0 if self.spans is None else self.spans.nbytes


def indices_of(source: Chunked, corners: Ints, bound: float, asker: object = None) -> Decoded:
    """Ask for the indices of shards at `corners` int64[n, rank], known to be current at `bound` or later.

    Those that are read for this very question have its `asker`.
    """
    return Decoded(source.indices, corners, Call(load_indices, source, asker), source.shelf, bound)


def index_range(sharding: Sharding) -> ByteRange:
    """Return where in a shard its index lies."""
    size = sharding.index_bytes
    return ByteRange(0, size) if sharding.start else ByteRange(-size)


async def load_indices(source: Chunked, asker: object, cells: Ints, known: Sequence[bytes] | None) -> Loaded:
    """Read the indices of shards: what `Decoded` asks for."""
    sharding = source.layout.chain.levels[0].sharding
    sharding.admit()
    keys = source.layout.keys.keys(cells, source.path)
    wanted = index_range(sharding)
    try:
        found = await ReadMany(source.store, keys, [wanted] * len(keys), known)
    except OutOfRange:
        return await _load_each(source, asker, sharding, keys, known)
    words = await Compute(
        Call(_decoded_indices, sharding, found.values, found.generations, asker), source.compute
    )
    return Loaded(words, found.generations, found.time)


async def _load_each(
    source: Chunked, asker: object, sharding: Sharding, keys: Sequence[str], known: Sequence[bytes] | None
) -> Loaded:
    """The same where a value is shorter than an index: which one, the whole values tell."""
    words: list[Any] = []
    generations = []
    time = await Now()
    for row, key in enumerate(keys):
        had = b"" if known is None else known[row]
        try:
            found = await ReadMany(source.store, [key], [index_range(sharding)], [had])
            values: list[Any] = list(found.values)
        except OutOfRange:
            found = await ReadMany(source.store, [key])
            values = list(found.values)
            size = len(values[0]) if isinstance(values[0], (bytes, bytearray, memoryview)) else 0
            if values[0] is not None and size < sharding.index_bytes:
                generations += found.generations
                words.append(Index(found.generations[0], None, asker, sharding.too_short(size)))
                continue
            if values[0] is not None:
                view, count = memoryview(values[0]), sharding.index_bytes
                values = [view[:count] if sharding.start else view[size - count :]]
        generations += found.generations
        words += _decoded_indices(sharding, values, found.generations, asker)
    return Loaded(words, generations, time)


def _decoded_indices(
    sharding: Sharding, values: Sequence[Any], generations: Sequence[bytes], asker: object
) -> list[Any]:
    """Return the indices that stored bytes mean; None for a missing shard, `UNCHANGED` stays."""
    found: list[Any] = []
    for value, generation in zip(values, generations, strict=True):
        if value is UNCHANGED:
            found.append(UNCHANGED)
        elif value is None:
            found.append(Index(generation, None, asker))
        else:
            try:
                found.append(Index(generation, np.array(sharding.spans(value)), asker))
            except TegulaError as error:
                found.append(Index(generation, None, asker, error))
    return found


# ---------------------------------------------------------------- shards in shards


class Places(Record, eq=False):
    """Where the indices of shards in shards are, `depth` levels down; a row each.

    That of the shard at ``cells[i]`` (int64[n, rank], in the grid of such shards) is bytes ``starts[i]`` to
    ``stops[i]`` of the value of ``keys[owners[i]]`` while that has the generation ``generations[owners[i]]``.
    """

    depth: int
    cells: Ints
    keys: Sequence[str]
    owners: Ints
    starts: Ints
    stops: Ints
    generations: Sequence[bytes]

    def part(self, rows: Ints) -> Places:
        """Return some of the rows."""
        owners, starts, stops = self.owners[rows], self.starts[rows], self.stops[rows]
        return Places(self.depth, self.cells[rows], self.keys, owners, starts, stops, self.generations)

    def of(self, cells: Ints) -> Places:
        """Return the rows of some cells."""
        if len(cells) == len(self.cells) and (cells == self.cells).all():
            return self
        rows = {cell.tobytes(): row for row, cell in enumerate(self.cells)}
        return self.part(np.array([rows[cell.tobytes()] for cell in cells], np.int64))


async def inner_indices(source: Chunked, places: Places) -> list[Index | None]:
    """Return the indices of shards in shards, None for one whose value is of another generation by now.

    Raises:
        OutOfRange: one does not lie in its value.
    """
    me = object()
    array, load = source.inner_indices[places.depth - 1], Call(load_inner, source, places, me)
    found = list(await Decoded(array, places.cells, load, source.shelf, ANY))
    wanted = [places.generations[owner] for owner in places.owners.tolist()]
    old = [
        row
        for row, (index, generation) in enumerate(zip(found, wanted, strict=True))
        if index.generation != generation and index.asker is not me
    ]
    if old:
        rows = np.array(old, np.int64)
        part = places.part(rows)
        load = Call(load_inner, source, part, me)
        for row, index in zip(old, await Decoded(array, part.cells, load, source.shelf, ALWAYS), strict=True):
            found[row] = index
    return [
        index if index.generation == generation else None
        for index, generation in zip(found, wanted, strict=True)
    ]


async def load_inner(
    source: Chunked,
    places: Places,
    asker: object,
    cells: Ints,
    known: Sequence[bytes] | None,  # noqa: ARG001 - where an index of another generation lay says nothing
) -> Loaded:
    """Read the indices of some shards in shards, neighbours together: what `Decoded` asks for."""
    asked = places.of(cells)
    requests = coalesce(asked.owners, asked.starts, asked.stops, GAP, BLOCK_BYTES)
    ranges = list(map(ByteRange, requests.starts, requests.stops))
    answers = await ReadMany(source.store, [asked.keys[owner] for owner in requests.owners], ranges)
    sharding = source.layout.chain.levels[places.depth].sharding
    words = await Compute(Call(_inner_decoded, sharding, asked, requests, answers, asker), source.compute)
    return Loaded(words, [index.generation for index in words], answers.time)


def _inner_decoded(
    sharding: Sharding, places: Places, requests: Requests, answers: Any, asker: object
) -> list[Index]:
    """Return the indices that lie in what was answered."""
    found = []
    rows = zip(places.owners.tolist(), places.starts.tolist(), places.stops.tolist(), strict=True)
    for (owner, start, stop), request in zip(rows, requests.request.tolist(), strict=True):
        generation, first = answers.generations[request], requests.starts[request]
        value = answers.values[request]
        if value is None or generation != places.generations[owner]:
            found.append(Index(REPLACED, None, asker))
            continue
        try:
            spans = np.array(sharding.spans(memoryview(value)[start - first : stop - first]))
            found.append(Index(generation, spans, asker))
        except TegulaError as error:
            found.append(Index(generation, None, asker, error))
    return found


class ShardNames(Record, eq=False):
    """How errors call rows of inner chunks.

    `cells` int64[n, r] are those of the fine grid, `owners` int64[n] say in which of `keys` each is.
    """

    store: StoreRef
    keys: Sequence[str]
    owners: Ints
    cells: Ints
    levels: Sequence[Level]

    def where(self, row: int) -> str:
        """Return how errors call the value of a row."""
        key = describe(self.store, self.keys[int(self.owners[row])])
        return named(key, self.levels, self.cells[row].tolist())

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row in the innermost shard."""
        return innermost(self.levels, self.cells[row].tolist())


def named(found: str, levels: Sequence[Level], cell: Sequence[int]) -> str:
    """Return how errors call an inner chunk of the value that they call `found`."""
    for level in levels:
        found = f"{level.sharding.name(level.number(cell))} in {found}"
    return found


def innermost(levels: Sequence[Level], cell: Sequence[int]) -> list[int]:
    """Return the cell of an inner chunk in the shard that it lies in."""
    level = levels[-1]
    return list(level.sharding.cell(level.number(cell)))


def entry_place(source: Chunked, cell: Sequence[int]) -> tuple[list[int], str]:
    """Return the cell of an inner chunk in its shard, and its name in errors."""
    levels = source.layout.chain.levels
    return innermost(levels, cell), named(describe(source.store, key_of(source, cell)), levels, cell)


def key_of(source: Chunked, cell: Sequence[int]) -> str:
    layout = source.layout
    return source.path + layout.keys.key(tuple(map(floordiv, cell, layout.chain.levels[0].within)))
