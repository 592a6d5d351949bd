"""Resize an array: the protocol on its metadata document, and the chunks that fall out.

The document is changed first, by a conditional write, so a crash leaves an array of the old shape or of
the new one, whole.  Then what is outside is taken away: chunks that are outside entirely are deleted, and
in those that the new edge cuts the outside becomes fill value, so that an array that grows again does not
show what it had.  Somebody may make the array larger while we sweep: a chunk is only touched if it is still
what was read *before the document was seen to be still ours*; what is written into a larger array is newer.

What this file knows: that order.  What it must not know: how a document says its shape.

Laws: no element inside the new shape changes; of concurrent resizes each is applied to what the one before
left; a sweep never removes what was written into a larger array afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from tegula.binding import dumps
from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.effects.storage import List, Read, ReadMany, Write, WriteMany
from tegula.errors import Aborted, FailedPrecondition, Indeterminate, annotated
from tegula.formats.layout import KeyRule
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, StoreRef, describe
from tegula.plan.bounds import (
    Resizing,
    check_direction,
    count_cut,
    count_dropped,
    cut_cells,
    dropped_cells,
    edge_of,
    new_shape,
)
from tegula.programs.chunked import fill_words
from tegula.programs.retry import pause
from tegula.record import replace
from tegula.schema.schema import Schema
from tegula.source import Chunked

__all__ = ["check_compatible", "resize"]

ATTEMPTS = 64
BLOCK = 256  # cells swept at a time
LISTED = 1 << 16  # from so many dropped cells on it is asked which are there


async def resize(
    form: Any,
    source: Chunked,
    members: Any,
    metadata: Any,
    asked: Resizing,
    metadata_only: bool = False,
) -> Any:
    """Return the metadata of an array after its bounds were changed as asked.

    `source` and `metadata` are what the array is known as; `members` name its document.

    Raises:
        FailedPrecondition: the array is gone or another one, or must not change so.
        Aborted: others changed the document too often.
        Indeterminate: whether the document was changed can not be told.
    """
    key = source.path + form.metadata_key(members)
    where = describe(source.store, key)
    for attempt in range(ATTEMPTS):
        if attempt:
            await pause(attempt, 0.002, 1.0)
        found = await Read(source.store, key)
        if found.state != "value":
            raise FailedPrecondition(f"Metadata at {where} does not exist")
        current = form.decode_metadata(bytes(found.value), where)
        if form.several is not None:
            current = form.several.found(current, members, Schema())
        if form.beside is not None:
            current = form.beside.named(current, getattr(metadata, "names", None))
        check_compatible(form, metadata, current, members)
        old = form.layout(current, members).shape
        shape = new_shape(asked, old)
        try:
            check_direction(asked, old, shape)
        except FailedPrecondition as error:
            raise annotated(error, f"Error writing {where}: ") from None
        if shape == old:
            return current
        changed = form.resized(current, shape)
        try:
            outcome = await Write(source.store, key, form.encode_metadata(changed), found.generation)
        except Indeterminate:
            # the same document again does no harm: what is read next decides
            continue
        if outcome.applied:
            if not metadata_only:
                items, swept = source, members
                if source.layout.chain.field is not None:  # the other fields are cut, too
                    swept = members._replace(field="", open_as_void=True)
                    items = replace(source, layout=form.layout(current, swept))
                before, after = (form.layout(each, swept).shape for each in (current, changed))
                await _sweep(items, key, outcome.generation, before, after)
            return changed
    raise Aborted(f"resizing {where} lost the race against other writers {ATTEMPTS} times")


def check_compatible(form: Any, known: Any, found: Any, members: Any) -> None:
    """Raise unless chunks mean in a document what they mean in the known one.

    Raises:
        FailedPrecondition: they do not.
    """
    mine, theirs = form.layout(known, members), form.layout(found, members)
    if not _alike(mine, theirs) and form.several is None:
        # what a document cannot say is lost in it: which of the NaN of zarr v2
        mine = form.layout(form.decode_metadata(form.encode_metadata(known), ""), members)
    if not _alike(mine, theirs):
        # as the drop-in says it: zarr v3 and N5 without the bounds, which may change
        name, bounds = {"zarr3": ("zarr", "shape"), "n5": ("N5", "dimensions")}.get(
            form.name, (form.name, "")
        )
        told = [form.metadata_json(each) for each in (found, known)]
        after, before = (dumps({key: one[key] for key in one if key != bounds}) for one in told)
        raise FailedPrecondition(
            f"Updated {name} metadata {after} is incompatible with existing metadata {before}"
        )


def _alike(mine: Any, theirs: Any) -> bool:
    same = ("dtype", "chunk_shape", "keys", "chain", "fill_bytes")
    return all(getattr(mine, name) == getattr(theirs, name) for name in same)


async def _sweep(
    source: Chunked, key: str, generation: bytes, old: tuple[int, ...], new: tuple[int, ...]
) -> None:
    """Take away what is outside of the new shape while the document is the one of `generation`."""
    for cells in _blocks(await _dropped(source, old, new)):
        if not await _take(source, key, generation, cells, new, cut=False):
            return
    for cells in _blocks(await _edge(source, old, new)):
        if not await _take(source, key, generation, cells, new, cut=True):
            return


def _blocks(cells: Iterator[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    while block := list(islice(cells, BLOCK)):
        yield block


async def _dropped(source: Chunked, old: tuple[int, ...], new: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Return the dropped cells, only those that are stored where there are very many."""
    chunk = source.layout.chunk_shape
    if count_dropped(old, new, chunk) < LISTED:
        return dropped_cells(old, new, chunk)
    ends = [-(-size // edge) for size, edge in zip(new, chunk, strict=True)]
    limits = [-(-size // edge) for size, edge in zip(old, chunk, strict=True)]
    found = []
    for cell in await _stored(source):
        inside = all(at < end for at, end in zip(cell, limits, strict=True))
        if inside and any(at >= end for at, end in zip(cell, ends, strict=True)):
            found.append(cell)
    return iter(found)


async def _edge(source: Chunked, old: tuple[int, ...], new: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Return the cells that the new edge cuts, only those that are stored where there are very many."""
    chunk = source.layout.chunk_shape
    if count_cut(old, new, chunk) < LISTED:
        return cut_cells(old, new, chunk)
    limits, edges = edge_of(old, new, chunk)
    return iter(
        [
            cell
            for cell in await _stored(source)
            if all(at < end for at, end in zip(cell, limits, strict=True))
            and any(at == cut for at, cut in zip(cell, edges, strict=True))
        ]
    )


async def _stored(source: Chunked) -> list[tuple[int, ...]]:
    """Return the cells whose chunks are stored."""
    chunk, rule = source.layout.chunk_shape, source.layout.keys
    assert isinstance(rule, KeyRule)  # what is called after its voxels keeps its size
    front = source.path + rule.prefix
    listing = await List(source.store, KeyRange.prefix(front))
    found = []
    for each in listing.keys:
        parts = each[len(front) :].split(rule.separator)
        if len(parts) == len(chunk) - rule.inner and all(_numeral(part) for part in parts):
            found.append((*map(int, parts), *(0,) * rule.inner))
    return found


def _numeral(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 20


async def _take(
    source: Chunked,
    key: str,
    generation: bytes,
    cells: Sequence[tuple[int, ...]],
    shape: tuple[int, ...],
    cut: bool,
) -> bool:
    """Delete chunks, or with `cut` fill their outside; return False where the array is another by now."""
    layout = source.layout
    store: StoreRef = source.store
    left = [source.path + layout.keys.key(cell) for cell in cells]
    where = dict(zip(left, cells, strict=True))
    for attempt in range(ATTEMPTS):
        if attempt:
            await pause(attempt, 0.002, 1.0)
        ranges = None if cut else [ByteRange(0, 0)] * len(left)
        columns = await ReadMany(store, left, ranges)
        # what was read is older than this look at the document
        if (await Read(store, key, ByteRange(0, 0))).generation != generation:
            return False
        rows = [row for row, seen in enumerate(columns.generations) if seen not in (NO_VALUE, UNKNOWN)]
        if not rows:
            return True
        keys = [left[row] for row in rows]
        seen = [columns.generations[row] for row in rows]
        values: list[Any] = [None] * len(rows)
        if cut:
            stored = [columns.values[row] for row in rows]
            call = Call(_cut, source, [where[each] for each in keys], stored, shape)
            changed = await Compute(call)
            keep = [at for at, (given, _) in enumerate(changed) if given]
            if not keep:
                return True
            keys, seen = [keys[at] for at in keep], [seen[at] for at in keep]
            values = [changed[at][1] for at in keep]
        try:
            answers = (await WriteMany(store, keys, values, seen)).generations
        except Indeterminate:
            left = keys
            continue
        left = [each for each, answer in zip(keys, answers, strict=True) if answer == UNKNOWN]
        if not left:
            return True
    raise Aborted(f"clearing {describe(store, left[0])} lost the race against other writers {ATTEMPTS} times")


def _cut(
    source: Chunked, cells: Sequence[tuple[int, ...]], stored: Sequence[Any], shape: tuple[int, ...]
) -> list[tuple[bool, Any]]:
    """Return, for each chunk, whether filling its outside changes it, and its new value (None: delete)."""
    layout = source.layout
    found: list[tuple[bool, Any]] = []
    chain, edges = layout.chain, layout.chunk_shape
    filled = None
    for cell, value in zip(cells, stored, strict=True):
        words = np.array(chain.words(value, None))
        if filled is None:  # no earlier: what is damaged, or larger than it may be, takes nothing
            filled = chain.array_of(fill_words(source, chain))
        chunk = chain.array_of(words)
        raw = chunk.view(words.dtype) if chunk.dtype != words.dtype else chunk
        unit = filled.view(words.dtype) if filled.dtype != words.dtype else filled
        changed = False
        for dim, (at, edge, size) in enumerate(zip(cell, edges, shape, strict=True)):
            box = (slice(None),) * dim + (slice(max(0, size - at * edge), None),)
            outside = raw[box]
            if outside.size and not (outside == unit[box]).all():
                outside[...] = unit[box]
                changed = True
        if not changed:
            found.append((False, None))
        elif layout.fill_value is not None and not source.keep_fill and (raw == unit).all():
            found.append((True, None))
        else:
            found.append((True, chain.encode_words(words, source.keep_fill)))
    return found
