"""Read one inner chunk of a shard: the fast lane of small reads.

Law: equals `fetch_entries` on the one cell.
"""

from __future__ import annotations

from operator import floordiv
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import SLACK, Buffer
from tegula.effects.storage import UNCHANGED, Read, Unchanged
from tegula.errors import DataLoss, OutOfRange, TegulaError, annotated
from tegula.kv.spec import ByteRange, describe
from tegula.programs import entries
from tegula.programs.entries import too_long
from tegula.programs.shard_index import ANY, Index, entry_place, indices_of, named
from tegula.source import ALWAYS, Chunked

__all__ = ["read_entry"]

ATTEMPTS = 8
"""How often a shard may be replaced under a reader before it is read whole."""


async def read_entry(source: Chunked, cell: tuple[int, ...]) -> NDArray[Any] | None:
    """Return one inner chunk, given by its cell of the fine grid, or None where there is none.

    What `fetch_entries` does, without columns.
    """
    piece = await _entry(source, cell)
    if piece is None:
        return None
    try:
        return source.layout.chain.finest.decode(piece)
    except TegulaError as error:
        raise annotated(error, f"Error reading {entry_place(source, cell)[1]}: ") from None


async def _entry(source: Chunked, cell: tuple[int, ...]) -> Buffer | None:
    """Return the stored bytes of one inner chunk."""
    chain, store = source.layout.chain, source.store
    corner = tuple(map(floordiv, cell, chain.levels[0].within))
    key = source.path + source.layout.keys.key(corner)
    if chain.nbytes > entries.SMALL:
        corners = np.array([corner], np.int64).reshape(1, len(corner))
        seen = None
        bound, me = ANY, object()
        for _ in range(ATTEMPTS):
            (index,) = await indices_of(source, corners, bound, me)
            if index.asker is me:
                bound = ALWAYS  # it was read just now
            try:
                found = await _entry_by_range(source, key, cell, index, bound)
            except _OutsideError as outside:
                if index.generation == seen:  # the same index twice: it is not to be believed
                    where = named(describe(store, key), chain.levels, cell)
                    raise DataLoss(f"Error reading {where}: {outside.message}") from None
                seen = index.generation
            else:
                if not isinstance(found, Unchanged):
                    return found
            bound = ALWAYS
    answer = await Read(store, key)
    if answer.state == "missing":
        return None
    value = answer.value
    try:
        for level in chain.levels:
            (piece,) = level.sharding.pieces(value, np.array([level.number(cell)]))
            if piece is None:
                return None
            value = piece
    except TegulaError as error:
        where = named(describe(store, key), chain.levels, cell)
        raise annotated(error, f"Error reading {where}: ") from None
    return value


async def _entry_by_range(
    source: Chunked, key: str, cell: tuple[int, ...], index: Index, bound: float
) -> Buffer | Unchanged | None:
    """Return the stored bytes of one inner chunk by the index of its shard, known to be as new as `bound`.

    `UNCHANGED` where that is no longer the shard's index, or may not be.
    """
    store, levels = source.store, source.layout.chain.levels
    generation, spans = index.generation, index.spans
    start = stop = 0
    for depth, (sharding, _, _) in enumerate(levels):
        try:
            if not depth:
                if spans is None or index.fault is not None:
                    if bound != ALWAYS:
                        return UNCHANGED
                    if index.fault is not None:
                        raise index.fault
                    return None
                first, last = sharding.span(spans, levels[0].number(cell), None)
            else:
                sharding.admit()
                size = sharding.index_bytes
                if stop - start < size:
                    raise sharding.too_short(stop - start)
                wanted = ByteRange(start, start + size) if sharding.start else ByteRange(stop - size, stop)
                answer = await Read(store, key, wanted)
                if answer.generation != generation:
                    return UNCHANGED
                inner = sharding.spans(answer.value)
                first, last = sharding.span(inner, levels[depth].number(cell), stop - start)
        except OutOfRange as error:
            raise _OutsideError(error.message) from None
        except TegulaError as error:
            if bound != ALWAYS and not depth:
                return UNCHANGED
            where, shard = (named(describe(store, key), levels[:end], cell) for end in (None, depth))
            raise annotated(error, f"Error reading {where}: Error reading shard index in {shard}: ") from None
        if first < 0:
            return None if depth or bound == ALWAYS else UNCHANGED
        start, stop = start + first, start + last
    most = source.layout.chain.finest.most + SLACK
    if stop - start > most:
        if bound != ALWAYS:
            return UNCHANGED
        where = named(describe(store, key), levels, cell)
        raise annotated(too_long(stop - start, most), f"Error reading {where}: ")
    try:
        answer = await Read(store, key, ByteRange(start, stop))
    except OutOfRange as error:
        raise _OutsideError(error.message) from None
    return answer.value if answer.generation == generation else UNCHANGED


class _OutsideError(Exception):
    """An entry does not fit its value; the message is the store's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
