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
from tegula.programs.shard_index import (
    ANY,
    Index,
    Places,
    entry_place,
    indices_of,
    inner_indices,
    named,
)
from tegula.source import ALWAYS, Chunked

__all__ = ["read_entry"]

ATTEMPTS = 8
"""How often a shard may be replaced under a reader before it is read whole."""


async def read_entry(
    source: Chunked, cell: tuple[int, ...], out: NDArray[Any] | None = None
) -> NDArray[Any] | None:
    """Return one inner chunk, given by its cell of the fine grid, or None where there is none.

    `out` as for `CodecChain.decode`.
    What `fetch_entries` does, without columns.
    """
    piece = await _entry(source, cell)
    if piece is None:
        return None
    try:
        return source.layout.chain.finest.decode(piece, out)
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
    for depth, (sharding, within, _) in enumerate(levels):
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
                first = start if sharding.start else stop - size
                places = _place(depth, cell, within, key, first, first + size, generation)
                (inner,) = await inner_indices(source, places)
                if inner is None:
                    return UNCHANGED
                if inner.fault is not None or inner.spans is None:
                    raise inner.fault or sharding.too_short(0)
                first, last = sharding.span(inner.spans, levels[depth].number(cell), stop - start)
        except OutOfRange as error:
            raise _OutsideError(error.message) from None
        except TegulaError as error:
            if bound != ALWAYS:
                return UNCHANGED
            where, shard = (named(describe(store, key), levels[:end], cell) for end in (None, depth))
            raise annotated(error, f"Error reading {where}: Error reading shard index in {shard}: ") from None
        if first < 0:
            return None if bound == ALWAYS else UNCHANGED
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


def _place(
    depth: int,
    cell: tuple[int, ...],
    within: tuple[int, ...],
    key: str,
    start: int,
    stop: int,
    generation: bytes,
) -> Places:
    """Return where the index of the shard in a shard is that the inner chunk at `cell` lies in."""
    cells = np.array([tuple(map(floordiv, cell, within))], np.int64).reshape(1, len(cell))
    column = np.array([[0], [start], [stop]], np.int64)
    return Places(depth, cells, [key], column[0], column[1], column[2], [generation])


class _OutsideError(Exception):
    """An entry does not fit its value; the message is the store's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
