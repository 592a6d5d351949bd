"""Neuroglancer's compressed segmentation: one channel of labels to words of 32 bits, and back.

The volume is cut into blocks.  A block has a header of two words (where its table is, how many bits a
voxel takes; where its voxels are), a sorted table of its distinct labels, and its voxels as indices into that
table, packed from the lowest bit up, x fastest.  Blocks with the same table share it.  Offsets are in words
from the channel's first.

What it knows: words and sizes.  What it must not know: chunks, files, more than one channel.  Laws: decoding
what was encoded gives the labels; whatever the words are, nothing outside of them is read, and a block that
points outside is told by its number; a table that the 24 bits of a header can not point to is refused.

Source: the format's description in Neuroglancer's documentation of "compressed segmentation".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.kernels._jit import device, kernel

__all__ = ["REFUSED", "decode_channel", "encode_channel", "encoded_bound", "scratch"]

REFUSED = -1
"""The answer of `encode_channel` for labels whose tables do not fit the format."""
_TABLE_LIMIT = 1 << 24


@kernel("<u4, i8, i8, i8, i8, i8, i8, >T", over=("u4", "u8"))
def decode_channel(src: Any, nx: Any, ny: Any, nz: Any, bx: Any, by: Any, bz: Any, out: Any) -> int:
    """Decode the labels of one channel; return 0, or the number from 1 of the first block that is not whole.

    Args:
        src: words of the channel, its first block header at 0.
        nx, ny, nz: size of the volume in voxels.
        bx, by, bz: size of a block in voxels.
        out: labels[nz * ny * nx], x fastest.
    """
    gx, gy, gz = (nx + bx - 1) // bx, (ny + by - 1) // by, (nz + bz - 1) // bz
    limit = src.size
    wide = 2 if out.itemsize == 8 else 1
    if 2 * gx * gy * gz > limit:
        return 1
    block = 0
    for z0 in range(0, nz, bz):
        z1 = min(z0 + bz, nz)
        for y0 in range(0, ny, by):
            y1 = min(y0 + by, ny)
            for x0 in range(0, nx, bx):
                x1 = min(x0 + bx, nx)
                head = np.int64(src[np.uint64(2 * block)])
                values = np.int64(src[np.uint64(2 * block + 1)])
                block += 1
                bits = head >> 24
                table = head & 0xFFFFFF
                if not (
                    bits == 0 or bits == 1 or bits == 2 or bits == 4 or bits == 8 or bits == 16 or bits == 32
                ):
                    return block
                room = (limit - table) // wide
                if room <= 0:
                    return block
                last = (x1 - x0 - 1) + bx * ((y1 - y0 - 1) + by * (z1 - z0 - 1))
                if bits and values + ((last * bits) >> 5) >= limit:
                    return block
                mask = (np.int64(1) << bits) - 1
                for z in range(z0, z1):
                    for y in range(y0, y1):
                        at = (z * ny + y) * nx + x0
                        bit = (bx * ((y - y0) + by * (z - z0))) * bits
                        for _ in range(x1 - x0):
                            which = np.int64(0)
                            if bits:
                                word = np.int64(src[np.uint64(values + (bit >> 5))])
                                which = (word >> (bit & 31)) & mask
                                bit += bits
                            if which >= room:
                                return block
                            entry = np.uint64(table + which * wide)
                            label = np.uint64(src[entry])
                            if wide == 2:
                                label |= np.uint64(src[entry + np.uint64(1)]) << np.uint64(32)
                            out[np.uint64(at)] = label
                            at += 1
    return 0


@device
def _sorted_distinct(values: Any, n: Any, counts: Any) -> Any:
    """Sort the first `n` of `values` and move the distinct ones to the front; return how many they are.

    The second half of `values` is room to work in.
    """
    if n > 16:
        _sort_by_bytes(values, n, counts)
    else:
        for i in range(1, n):
            label = values[np.uint64(i)]
            at = i
            while at > 0 and values[np.uint64(at - 1)] > label:
                values[np.uint64(at)] = values[np.uint64(at - 1)]
                at -= 1
            values[np.uint64(at)] = label
    kept = 1
    for i in range(1, n):
        if values[np.uint64(i)] != values[np.uint64(kept - 1)]:
            values[np.uint64(kept)] = values[np.uint64(i)]
            kept += 1
    return kept


@device
def _sort_by_bytes(values: Any, n: Any, counts: Any) -> Any:
    """Sort by one byte after the other, from the lowest, those in which no two labels differ left out."""
    differ = np.uint64(0)
    for i in range(1, n):
        differ |= np.uint64(values[np.uint64(i)]) ^ np.uint64(values[np.uint64(0)])
    here, there = np.uint64(0), np.uint64(values.size // 2)
    for byte in range(values.itemsize):
        shift = np.uint64(8 * byte)
        if (differ >> shift) & np.uint64(255) == 0:
            continue
        for i in range(256):
            counts[np.uint64(i)] = 0
        for i in range(n):
            counts[(np.uint64(values[here + np.uint64(i)]) >> shift) & np.uint64(255)] += 1
        first = np.int64(0)
        for i in range(256):
            count = counts[np.uint64(i)]
            counts[np.uint64(i)] = first
            first += count
        for i in range(n):
            label = values[here + np.uint64(i)]
            digit = (np.uint64(label) >> shift) & np.uint64(255)
            values[there + np.uint64(counts[digit])] = label
            counts[digit] += 1
        here, there = there, here
    if here:
        for i in range(n):
            values[np.uint64(i)] = values[here + np.uint64(i)]


@device
def _place(values: Any, n: Any, label: Any) -> Any:
    """Return where `label` is among the first `n` of `values`, which are sorted and hold it."""
    low = np.uint64(0)
    while n > 1:  # no branches: where labels are noise they would be guessed wrong half the time
        half = n >> 1
        low += np.uint64(half) * np.uint64(values[low + np.uint64(half)] <= label)
        n -= half
    return low


@kernel("<T, i8, i8, i8, i8, i8, i8, >u4, >T, >i8, >i8, >i8", over=("u4", "u8"))
def encode_channel(
    src: Any,
    nx: Any,
    ny: Any,
    nz: Any,
    bx: Any,
    by: Any,
    bz: Any,
    out: Any,
    values: Any,
    slots: Any,
    tables: Any,
    counts: Any,
) -> int:
    """Encode the labels of one channel; return how many words were written, or `REFUSED`.

    Args:
        src: labels[nz * ny * nx], x fastest.
        nx, ny, nz: size of the volume in voxels.
        bx, by, bz: size of a block in voxels.
        out: at least `encoded_bound` words.
        values: room for twice the labels of a block.
        slots: int64[2**k], more than twice as many as there are blocks; all zero.
        tables: int64[number of blocks], the size of each block's table, 0 where it shares one.
        counts: int64[256] to work in.
    """
    gx, gy, gz = (nx + bx - 1) // bx, (ny + by - 1) // by, (nz + bz - 1) // bz
    wide = 2 if src.itemsize == 8 else 1
    end = 2 * gx * gy * gz
    block = 0
    for z0 in range(0, nz, bz):
        z1 = min(z0 + bz, nz)
        for y0 in range(0, ny, by):
            y1 = min(y0 + by, ny)
            for x0 in range(0, nx, bx):
                x1 = min(x0 + bx, nx)
                # what differs from the voxel before it, then sorted
                n = 0
                before = src[np.uint64((z0 * ny + y0) * nx + x0)]
                values[np.uint64(0)] = before
                n = 1
                for z in range(z0, z1):
                    for y in range(y0, y1):
                        row = (z * ny + y) * nx
                        for x in range(x0, x1):
                            label = src[np.uint64(row + x)]
                            if label != before:
                                values[np.uint64(n)] = label
                                n += 1
                                before = label
                n = _sorted_distinct(values, n, counts)
                bits = np.int64(0)
                while (np.int64(1) << bits) < n:
                    bits = np.int64(1) if bits == 0 else bits * 2
                # the voxels
                begin = end
                end += (bx * by * bz * bits + 31) >> 5
                for i in range(begin, end):
                    out[np.uint64(i)] = 0
                if bits:
                    before, which = values[np.uint64(0)], np.uint64(0)
                    for z in range(z0, z1):
                        for y in range(y0, y1):
                            row = (z * ny + y) * nx
                            bit = (bx * ((y - y0) + by * (z - z0))) * bits
                            at, shift = np.uint64(begin + (bit >> 5)), np.uint64(bit & 31)
                            word = np.uint64(out[at])
                            for x in range(x0, x1):
                                label = src[np.uint64(row + x)]
                                if label != before:
                                    before, which = label, _place(values, n, label)
                                word |= which << shift
                                shift += np.uint64(bits)
                                if shift == 32:
                                    out[at] = np.uint32(word)
                                    at, word, shift = at + np.uint64(1), np.uint64(0), np.uint64(0)
                            if shift:
                                out[at] = np.uint32(word)
                # the table, or one that is there
                mixed = np.int64(n)
                for i in range(n):
                    folded = np.int64(values[np.uint64(i)] & np.uint64(0xFFFFFFFF)) ^ np.int64(
                        np.uint64(values[np.uint64(i)]) >> np.uint64(32)
                    )
                    mixed = ((mixed ^ folded) * 31 + (mixed >> 7)) & 0xFFFFFFFFFFFFF
                slot = mixed & (slots.size - 1)
                found = np.int64(-1)
                while slots[np.uint64(slot)] != 0:
                    other = slots[np.uint64(slot)] - 1
                    if tables[np.uint64(other)] == n:
                        table = np.int64(out[np.uint64(2 * other)]) & 0xFFFFFF
                        same = True
                        for i in range(n):
                            entry = np.uint64(table + i * wide)
                            label = np.uint64(out[entry])
                            if wide == 2:
                                label |= np.uint64(out[entry + np.uint64(1)]) << np.uint64(32)
                            if label != np.uint64(values[np.uint64(i)]):
                                same = False
                                break
                        if same:
                            found = table
                            break
                    slot = (slot + 1) & (slots.size - 1)
                tables[np.uint64(block)] = n
                if found < 0:
                    found = np.int64(end)
                    if found >= 1 << 24:
                        return -1
                    slots[np.uint64(slot)] = block + 1
                    for i in range(n):
                        label = np.uint64(values[np.uint64(i)])
                        out[np.uint64(end)] = np.uint32(label & np.uint64(0xFFFFFFFF))
                        if wide == 2:
                            out[np.uint64(end + 1)] = np.uint32(label >> np.uint64(32))
                        end += wide
                out[np.uint64(2 * block)] = np.uint32(found | (bits << 24))
                out[np.uint64(2 * block + 1)] = np.uint32(begin)
                block += 1
    return end


def blocks(shape: tuple[int, int, int], block: tuple[int, int, int]) -> int:
    """Return how many blocks cover a volume.

    >>> blocks((9, 8, 8), (8, 8, 8))
    2
    """
    count = 1
    for size, edge in zip(shape, block, strict=True):
        count *= -(-size // edge)
    return count


def encoded_bound(shape: tuple[int, int, int], block: tuple[int, int, int], itemsize: int) -> int:
    """Return how many words one channel of a volume takes at most.

    >>> encoded_bound((8, 8, 8), (8, 8, 8), 4)
    770
    """
    voxels = block[0] * block[1] * block[2]
    labels = min(voxels, shape[0] * shape[1] * shape[2])
    bits = next(bits for bits in (0, 1, 2, 4, 8, 16, 32) if 1 << bits >= min(labels, 1 << 32))
    return blocks(shape, block) * (2 + -(-voxels * bits // 32) + labels * (itemsize // 4))


def scratch(
    shape: tuple[int, int, int], block: tuple[int, int, int], dtype: Any
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the last four arguments of `encode_channel` for a volume."""
    count = blocks(shape, block)
    voxels = min(block[0] * block[1] * block[2], shape[0] * shape[1] * shape[2])
    return (
        np.empty(2 * voxels, dtype),
        np.zeros(1 << (2 * count).bit_length(), np.int64),
        np.zeros(count, np.int64),
        np.empty(256, np.int64),
    )
