"""Change a part of a large shard without reading the rest of it: what stays is moved by its store.

The index is read, and of the inner chunks that are changed in part what is stored of them.  They are merged
and encoded by several tasks, and the shard is written as a `Splice`: their bytes, ranges of the shard as it
was, a new index, on condition that it still is of the generation that all this was read from.  Whoever loses
that race begins again.

What is not simply so (an index or an inner chunk that is not to be believed, a store that does not answer)
is for `update_many`, which reads the shard as a whole: it is the definition, and it says what is wrong.

Law: what is written is what `Edit` makes of the whole shard, byte by byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from tegula.effects.control import All, Compute
from tegula.effects.effect import Call
from tegula.effects.storage import Buffer, ReadMany, Splice, WriteMany
from tegula.errors import Indeterminate, OutOfRange, TegulaError, Unavailable
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import ByteRange
from tegula.plan.arena import Arena
from tegula.plan.blocks import BLOCK_BYTES, span_count
from tegula.plan.ranges import GAP, coalesce
from tegula.programs.frontier import update_many
from tegula.programs.retry import pause
from tegula.programs.shard_index import index_range
from tegula.programs.update import FIRST_PAUSE, LONGEST_PAUSE
from tegula.record import Record
from tegula.source import Chunked

if TYPE_CHECKING:
    from tegula.programs.sharded_writing import Edit, Touched

__all__ = ["is_spliced", "splice_shard"]

LARGE = 1 << 20
"""Bytes of a decoded shard from which on more is saved than it costs to ask several times."""
NEAR = frozenset(("file", "memory"))
"""Stores that answer at once; nobody knows that of a user's, which may ask a server for each answer."""
ATTEMPTS = 16

_Outcome: TypeAlias = Literal["written", "refused", "in doubt", "not so"]


def is_spliced(source: Chunked) -> bool:
    """Whether shards of an array are changed here: they are large, and asking costs little."""
    return source.layout.chain.nbytes >= LARGE and source.store.driver in NEAR


async def splice_shard(edit: Edit, key: str, width: int) -> None:
    """Change the shard at `key`; its inner chunks are encoded by at most `width` tasks at a time.

    Raises:
        TegulaError: as `update_many` does.
    """
    outcome: _Outcome = "refused"
    for attempt in range(ATTEMPTS):
        if attempt:
            await pause(attempt, FIRST_PAUSE, LONGEST_PAUSE)
        outcome = await _tried(edit, key, width)
        if outcome == "written":
            return
        if outcome != "refused":
            break
    source = edit.job.source
    try:
        await update_many(source.store, [key], edit, within=source.compute)
    except Indeterminate:
        raise
    except TegulaError as error:
        if outcome != "in doubt":
            raise
        raise Indeterminate(f"whether the update of {key!r} took place can not be told") from error


async def _tried(edit: Edit, key: str, width: int) -> _Outcome:
    """Change the shard as it is now, if that can be done simply."""
    source, sharding = edit.job.source, edit.levels[0].sharding
    try:
        found = await ReadMany(source.store, [key], [index_range(sharding)])
        shard = await Compute(Call(_looked_up, edit, found.values[0]), source.compute)
        if shard is None:
            return "not so"
        generation = found.generations[0]
        parts = _parts(edit, shard.touched, width)
        calls = [Call(_merged, edit, key, shard, generation, a, b) for a, b in pairwise(parts)]
        made: list[Any] = [await calls[0]()] if len(calls) == 1 else await All(calls, limit=width)
        if None in made:
            return "refused"
        value = await Compute(Call(_joined, edit, shard, list(chain.from_iterable(made))), source.compute)
        del made
    except TegulaError:
        return "not so"  # or so late: a shard that was replaced meanwhile may be shorter
    try:
        if isinstance(value, list):
            applied = (await Splice(source.store, key, value, generation)).applied
        else:
            done = await WriteMany(source.store, [key], [value], [generation])
            applied = done.generations[0] != UNKNOWN
    except (Unavailable, Indeterminate):
        return "in doubt"
    except OutOfRange:
        return "not so"
    return "written" if applied else "refused"


class _Shard(Record, eq=False):
    """What is changed of a shard.

    `partial` bool[n] says of which of the entries `touched` what is stored must be known.  `starts` and
    `stops` int64[k] are where all entries of the shard are, -1 where there is none.
    """

    touched: Touched
    partial: Any
    starts: Any
    stops: Any


def _looked_up(edit: Edit, index: Any) -> _Shard | None:
    """Return what the stored index of a shard (None: there is no shard) says, None where it is wrong."""
    sharding = edit.levels[0].sharding
    touched = edit.touched(0, np.arange(len(edit.block)))
    starts, stops = sharding.checked(sharding.none() if index is None else sharding.spans(index), None)
    if int((stops - starts).max()) > sharding.inner.most:
        return None
    return _Shard(touched, edit.partial(touched), starts, stops)


def _parts(edit: Edit, touched: Touched, width: int) -> list[int]:
    """Return the edges of the runs of entries that are tasks."""
    inner = edit.job.chain
    count = 1
    if width > 1:
        count = min(len(touched), span_count(len(touched.rows), inner.nbytes, width, not inner.light))
    return [len(touched) * part // count for part in range(count + 1)]


async def _merged(
    edit: Edit, key: str, shard: _Shard, generation: bytes, first: int, stop: int
) -> list[Any] | None:
    """Return the new bytes of some entries that are changed, None if the shard was replaced meanwhile."""
    touched = shard.touched.part(first, stop)
    starts, stops = shard.starts[touched.numbers], shard.stops[touched.numbers]
    wanted = np.flatnonzero(shard.partial[first:stop] & (starts >= 0))
    stored: list[Any] = [None] * len(touched)
    source = edit.job.source
    if len(wanted):
        owners = np.zeros(len(wanted), np.int64)
        requests = coalesce(owners, starts[wanted], stops[wanted], GAP, BLOCK_BYTES)
        ranges = list(map(ByteRange, requests.starts, requests.stops))
        answers = await ReadMany(source.store, [key] * len(ranges), ranges)
        if any(each != generation for each in answers.generations):
            return None
        for at, request in zip(wanted.tolist(), requests.request.tolist(), strict=True):
            low = requests.starts[request]
            piece: Any = memoryview(answers.values[request])
            stored[at] = piece[int(starts[at]) - low : int(stops[at]) - low]
    return await Compute(Call(edit.changed, 0, touched, stored, edit.where, Arena()), source.compute)


def _joined(edit: Edit, shard: _Shard, pieces: Sequence[Any]) -> list[Buffer | ByteRange] | Buffer | None:
    """Return the parts of the new shard, or its bytes if nothing is moved; None where nothing is left."""
    parts = edit.levels[0].sharding.edited(shard.starts, shard.stops, shard.touched.numbers.tolist(), pieces)
    if parts is None:
        return None
    if not any(isinstance(part, slice) for part in parts):
        return b"".join(parts)  # type: ignore[arg-type]
    return [ByteRange(part.start, part.stop) if isinstance(part, slice) else part for part in parts]
