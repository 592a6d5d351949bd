"""Read chunks of Neuroglancer shards by ranges: the entries of the shard indices, the indices of the
minishards, the chunks; one effect a stage however many chunks are wanted.

The indices of minishards are remembered, as those of other shards are (`shard_index`), with the generation
of their shard; what is read by them is held against it.  Where a later answer is of another generation, the
shard was replaced in between: its chunks are looked up in indices that are asked for anew, and if that
happens again they are taken from its whole value, which is one answer.

Law: equals reading whole shards (`Minishards.pieces`), whatever else writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import SLACK, owned
from tegula.codecs.minishard import ENTRY, Minishards
from tegula.codecs.minishard import Index as Found
from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Decoded, Loaded, ReadMany
from tegula.effects.world import Now
from tegula.errors import FailedPrecondition, OutOfRange, TegulaError, annotated
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import ByteRange, describe
from tegula.plan.blocks import BLOCK_BYTES
from tegula.plan.ranges import GAP, coalesce
from tegula.programs.shard_index import ANY
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.source import ALWAYS, Chunked

__all__ = ["Located", "ShardNames", "about_index", "fetch", "load_members", "locate_chunks", "where"]

REPLACED = b"\0replaced"
"""The generation of a shard that cannot be told from its parts."""

Ints = NDArray[np.int64]


class Index(Record, eq=False):
    """The index of a minishard: the generation of its shard, and what it holds, None for nothing.

    `fault` says why what is stored is no index; `asker` is for whom it was read.
    """

    generation: bytes
    found: Found | None
    asker: object
    fault: TegulaError | None = None

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return 0 if self.found is None else sum(column.nbytes for column in self.found)


class Located(NamedTuple):
    """Where chunks are: the shard of each row (`owners`, a number in `keys`), and its bytes, -1 for missing.

    `generations` are those of the shards as their indices were read; `old`: by indices however old.
    """

    cells: Ints
    keys: list[str]
    generations: list[bytes]
    numbers: NDArray[np.uint64]
    owners: Ints
    starts: Ints
    stops: Ints
    old: bool


class ShardNames(Record, eq=False):
    """How errors call the rows of located chunks from `first` on; `cells` int64[n, rank] are theirs."""

    source: Chunked
    found: Located
    first: int
    cells: Ints

    def where(self, row: int) -> str:
        """Return how errors call the value of a row."""
        row += self.first
        return where(self.source, self.found.keys[int(self.found.owners[row])], int(self.found.numbers[row]))

    def cell(self, row: int) -> list[int]:
        """Return the cell of a row."""
        found: list[int] = self.cells[row].tolist()
        return found


def where(source: Chunked, key: str, number: int) -> str:
    """Return how errors call a chunk of a shard."""
    rule = source.layout.minishards
    assert rule is not None
    _, minis = rule.places(np.array([number], np.uint64))
    return f"chunk {number} in minishard {int(minis[0])} in {describe(source.store, key)}"


def about_index(source: Chunked, key: str, error: TegulaError) -> TegulaError:
    """Return an error with the shard whose index it is about."""
    return annotated(error, f"Error reading shard index in {describe(source.store, key)}: ")


# ---------------------------------------------------------------- indices


async def load_indices(source: Chunked, asker: object, cells: Ints, known: Sequence[bytes] | None) -> Loaded:
    """Read the indices of minishards, each given by its shard and its number there, int64[n, 2]."""
    rule = source.layout.minishards
    assert rule is not None
    time = await Now()
    keys = [source.shard_key(shard) for shard in cells[:, 0].tolist()]
    entries = [ByteRange(ENTRY * mini, ENTRY * (mini + 1)) for mini in cells[:, 1].tolist()]
    rows = await _read_ranges(source, keys, entries, known)
    generations = [generation for _, generation in rows]
    words: list[Any] = []
    spans: dict[int, ByteRange] = {}
    for row, (value, generation) in enumerate(rows):
        words.append(UNCHANGED if value is UNCHANGED else Index(generation, None, asker))
        if value is not None and value is not UNCHANGED:
            try:
                start, stop = rule.entry(value)
            except TegulaError as error:
                words[row] = Index(generation, None, asker, error)
            else:
                if start < stop:
                    spans[row] = ByteRange(start, stop)
    wanted = [keys[row] for row in spans]
    found = await _read_ranges(source, wanted, list(spans.values()), None)
    for row, (value, generation) in zip(spans, found, strict=True):
        if value is None or generation != generations[row]:  # replaced on the way, or cut short
            words[row], generations[row] = Index(REPLACED, None, asker), REPLACED
        else:
            words[row] = await Compute(Call(_index, rule, value, generation, asker), source.compute)
    return Loaded(words, generations, time)


def _index(rule: Minishards, stored: Any, generation: bytes, asker: object) -> Index:
    try:
        return Index(generation, rule.index(stored), asker)
    except TegulaError as error:
        return Index(generation, None, asker, error)


async def _read_ranges(
    source: Chunked, keys: Sequence[str], ranges: Sequence[ByteRange], known: Sequence[bytes] | None
) -> list[tuple[Any, bytes]]:
    """Return values and generations, a row each; None and `REPLACED` for a range that is not in its value."""
    if not keys:
        return []
    try:
        found = await ReadMany(source.store, keys, ranges, known)
    except OutOfRange:
        if len(keys) == 1:
            return [(None, REPLACED)]
        rows: list[tuple[Any, bytes]] = []
        for row, (key, one) in enumerate(zip(keys, ranges, strict=True)):
            rows += await _read_ranges(source, [key], [one], None if known is None else [known[row]])
        return rows
    return list(zip(found.values, found.generations, strict=True))


async def locate_chunks(source: Chunked, cells: Ints, bound: float = ANY) -> Located:
    """Return where the chunks at `cells` int64[n, rank] are, by indices as new as `bound`.

    Raises:
        DataLoss, FailedPrecondition: an index is damaged.
    """
    rule = source.layout.minishards
    assert rule is not None
    numbers = rule.numbers(cells)
    shards, minis = rule.places(numbers)
    distinct, owners = np.unique(shards, return_inverse=True)
    owners = owners.reshape(-1).astype(np.int64)
    keys = [source.shard_key(shard) for shard in distinct.tolist()]
    pairs, group = np.unique(np.stack([owners, minis]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    places = np.stack([distinct[pairs[0]].astype(np.int64), pairs[1]], axis=1)
    me = object()
    indices = await Decoded(source.indices, places, Call(load_indices, source, me), source.shelf, bound)
    old = bound == ANY and any(index.asker is not me for index in indices)
    generations: list[Any] = [None] * len(keys)
    starts, stops = np.full(len(cells), -1, np.int64), np.full(len(cells), -1, np.int64)
    order = np.argsort(group, kind="stable")
    edges = np.searchsorted(group[order], np.arange(len(indices) + 1))
    doubtful = False
    for at, index in enumerate(indices):
        owner, rows = int(pairs[0][at]), order[edges[at] : edges[at + 1]]
        doubtful |= index.fault is not None or generations[owner] not in (None, index.generation)
        if index.fault is not None and not old:
            raise about_index(source, keys[owner], index.fault)
        if generations[owner] not in (None, index.generation):
            generations[owner] = REPLACED
        elif generations[owner] is None:
            generations[owner] = index.generation
        if index.found is not None:
            starts[rows], stops[rows] = rule.within(index.found, numbers[rows])
    if old and (doubtful or bool((starts < 0).any())):
        return await locate_chunks(source, cells, ALWAYS)  # what an old index lacks may be there
    return Located(cells, keys, generations, numbers, owners, starts, stops, old)


# ---------------------------------------------------------------- chunks


async def fetch(source: Chunked, found: Located, rows: slice) -> tuple[list[Any], list[bytes]]:
    """Return the stored bytes of some of the located chunks, None for missing ones, and generations.

    Raises:
        DataLoss, FailedPrecondition: an index is damaged.
    """
    owners, starts, stops = found.owners[rows], found.starts[rows], found.stops[rows]
    most = source.layout.chain.most + SLACK
    long = np.flatnonzero(stops - starts > most)
    if len(long):
        if found.old:
            return await _again(source, found.cells[rows])
        at = int(long[0])
        name = where(source, found.keys[int(owners[at])], int(found.numbers[rows][at]))
        raise FailedPrecondition(
            f"Error reading {name}: {int((stops - starts)[at])} bytes exceed the limit of {most} bytes"
        )
    values: list[Any] = [None] * len(owners)
    there = np.flatnonzero(starts >= 0)
    got = await _ranges(source, found, owners[there], starts[there], stops[there])
    for row, value in zip(there.tolist(), got, strict=True):
        values[row] = value
    generations = [found.generations[owner] for owner in owners.tolist()]
    torn = [row for row, generation in enumerate(generations) if generation == REPLACED]
    if torn:
        part = found.cells[rows][torn]
        news, since = await (_again(source, part) if found.old else _whole(source, part))
        for row, value, generation in zip(torn, news, since, strict=True):
            values[row], generations[row] = value, generation
    return values, generations


async def _again(source: Chunked, cells: Ints) -> tuple[list[Any], list[bytes]]:
    """Fetch chunks by indices that are asked for anew."""
    return await fetch(source, await locate_chunks(source, cells, ALWAYS), slice(0, len(cells)))


async def _whole(source: Chunked, cells: Ints) -> tuple[list[Any], list[bytes]]:
    """Fetch chunks from the whole values of their shards."""
    rule = source.layout.minishards
    assert rule is not None
    numbers = rule.numbers(cells)
    shards, _ = rule.places(numbers)
    values: list[Any] = [None] * len(cells)
    generations = [UNKNOWN] * len(cells)
    for shard in set(shards.tolist()):
        key = source.shard_key(shard)
        answer = await ReadMany(source.store, [key])
        held: dict[int, Any] = {}
        if answer.values[0] is not None:
            try:
                held = await Compute(Call(rule.pieces, answer.values[0]), source.compute)
            except TegulaError as error:
                raise about_index(source, key, error) from None
        for row in np.flatnonzero(shards == shard).tolist():
            values[row], generations[row] = held.get(int(numbers[row])), answer.generations[0]
    return values, generations


async def _ranges(source: Chunked, found: Located, owners: Ints, starts: Ints, stops: Ints) -> list[Any]:
    """Return ranges of bytes of shards; None where one was replaced, which gets that for a generation."""
    if not len(owners):
        return []
    requests = coalesce(owners, starts, stops, GAP, BLOCK_BYTES)
    keys = [found.keys[owner] for owner in requests.owners]
    ranges = list(map(ByteRange, requests.starts, requests.stops))
    try:
        answers = await ReadMany(source.store, keys, ranges)
    except OutOfRange:
        # replaced by a smaller one, or not to be believed: the whole value will tell
        for owner in requests.owners:
            found.generations[owner] = REPLACED
        return [None] * len(owners)
    values: list[Any] = []
    for row, request in enumerate(requests.request.tolist()):
        owner, value = requests.owners[request], answers.values[request]
        if answers.generations[request] != found.generations[owner]:
            found.generations[owner] = REPLACED
            values.append(None)
        else:
            begin = int(starts[row]) - requests.starts[request]
            values.append(memoryview(value)[begin : begin + int(stops[row] - starts[row])])
    return values


async def load_members(source: Chunked, cells: Ints, known: Sequence[bytes] | None) -> Loaded:
    """Read and decode chunks of shards, at `cells` int64[n, rank]: what `Decoded` asks for.

    The words of one whose shard still has the generation `known` are `UNCHANGED`.
    """
    time = await Now()
    found = await locate_chunks(source, cells, ANY if known is None else ALWAYS)
    words: list[Any] = [None] * len(cells)
    generations = [found.generations[owner] for owner in found.owners.tolist()]
    rows = np.arange(len(cells))
    if known is not None:
        same = np.array([a == b for a, b in zip(known, generations, strict=True)], bool)
        for row in np.flatnonzero(same).tolist():
            words[row] = UNCHANGED
        rows = np.flatnonzero(~same)
    if len(rows):
        part = found._replace(
            cells=cells[rows],
            numbers=found.numbers[rows],
            owners=found.owners[rows],
            starts=found.starts[rows],
            stops=found.stops[rows],
        )
        values, since = await fetch(source, part, slice(0, len(rows)))
        decoded = await Compute(Call(_decoded, source, part, values), source.compute)
        for row, each, generation in zip(rows.tolist(), decoded, since, strict=True):
            words[row], generations[row] = each, generation
    return Loaded(words, generations, time)


def _decoded(source: Chunked, found: Located, values: Sequence[Any]) -> list[Any]:
    words: list[Any] = []
    names = ShardNames(source, found, 0, found.cells)
    for row, value in enumerate(values):
        if value is None:
            words.append(None)
            continue
        try:
            chain = source.layout.chain_of(found.cells[row].tolist())
            each = chain.words(owned(value) if chain.raw else value, None)
        except TegulaError as error:
            raise annotated(error, f"Error reading {names.where(row)}: ") from None
        each.flags.writeable = False
        words.append(each)
    return words
