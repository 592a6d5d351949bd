"""How many bytes of memory a task of an operation needs beside what it reads into or writes from.

Knows how programs work through blocks and tiles: the numbers here are upper bounds of what they hold at
once.  Must not know any live limit.

Law: with a limit, what is in flight is at most the limit, or one task where that is larger (measured:
`tests/runtime/test_memory.py`).
"""

from __future__ import annotations

from math import prod

from tegula.codecs.chain import CodecChain
from tegula.codecs.codec import working
from tegula.plan.blocks import block_rows, tile_bytes, written_rows
from tegula.source import Cast, Chunked, Downsample, InMemory, MemoryLimit, Whole
from tegula.view import View

__all__ = ["cell_bytes", "limit_of", "need", "reading_bytes", "shard_bytes", "shard_size", "writing_bytes"]


def reading_bytes(chain: CodecChain, rows: int, slab: bool = False) -> int:
    """Return what one task needs that reads blocks of `rows` chunks: stored values, and a decoded chunk."""
    if chain.levels:  # a shard as it is stored, and blocks of its inner chunks
        finest = chain.finest
        return chain.nbytes + 2 * reading_bytes(finest, block_rows(finest.nbytes), slab=True)
    block = rows * _stored(chain)
    return (
        block * (2 if slab or chain.joint else 1)
        + (0 if chain.raw else _stored(chain))
        + _coding(chain, False)
    )


def writing_bytes(chain: CodecChain, rows: int) -> int:
    """Return what one task needs that writes blocks of `rows` chunks: read, merged and encoded ones."""
    if chain.levels:  # a shard as it is stored, its pieces, and the new one; one at a time
        return 3 * chain.nbytes + 3 * chain.finest.nbytes
    merged = 4 * _stored(chain) if chain.field is not None else 0  # items: read, blank, changed, laid out
    return 2 * rows * _stored(chain) + chain.nbytes + merged + _coding(chain, True)


def shard_bytes(source: Chunked) -> int:
    """Return what changing one Neuroglancer shard takes: what was stored, its pieces, and the new one.

    Nothing where chunks are not put into such shards.
    """
    return 3 * shard_size(source)


def shard_size(source: Chunked) -> int:
    """Return how long a Neuroglancer shard may be, 0 where chunks are not put into such shards.

    How many chunks a shard has is a guess where they are dealt out by a hash: as many as come to each.
    """
    rule = source.layout.minishards
    if rule is None:
        return 0
    box = rule.box
    count = -(-rule.chunks >> min(rule.shard, 63)) if box is None else prod(box)
    return min(rule.chunks, max(1, count)) * source.layout.chain.nbytes


def _stored(chain: CodecChain) -> int:
    """Return about how long a stored chunk is: its elements, and what lies beside them in their items."""
    field = chain.field
    return chain.nbytes if field is None else chain.nbytes // field.size * len(field.blank)


def _coding(chain: CodecChain, encoding: bool) -> int:
    """Return what encoding, or decoding, one chunk takes beside the decoded and the stored one."""
    size = _stored(chain)
    between = size * (chain.swap + max(0, len(chain.steps) - 1))
    if chain.corner is not None:
        return between + size + _coding(chain.corner, encoding)
    return between + max((working(step, size, encoding) for step in chain.steps), default=0)


def limit_of(*views: View) -> MemoryLimit | None:
    """Return the limit of the first of some views that is read or written under one."""
    for view in views:
        source = view.source
        while isinstance(source, Downsample | Cast):
            source = source.base.source
        if isinstance(source, Chunked) and source.memory is not None:
            return source.memory
    return None


def need(view: View, limit: MemoryLimit, writing: bool = False) -> int:
    """Return what one task needs that reads, or writes, a view under a limit."""
    source = view.source
    if isinstance(source, InMemory | Whole):
        return 0
    if isinstance(source, Chunked):
        chain = source.layout.chain
        if writing:
            return writing_bytes(chain, written_rows(chain.nbytes, limit.size)) + shard_bytes(source)
        return reading_bytes(chain, block_rows(chain.nbytes, limit.size), slab=True)
    return max(cell_bytes(source), tile_bytes(limit.size)) + need(source.base, limit, writing)


def cell_bytes(source: Downsample | Cast) -> int:
    """Return what computing one element of a source needs: those of its base, and room to work in.

    What reduces without a kernel counts and sums in 64 bits; an order statistic sorts a column of them.
    """
    base = source.base.dtype.array_dtype.itemsize
    if isinstance(source, Cast):
        return base + source.dtype.array_dtype.itemsize
    count = prod(source.factors)
    return base * count + 64 + (32 * count if source.method in ("median", "mode") else 0)
