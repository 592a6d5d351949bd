"""Compressed segmentation as a byte codec: the elements of a chunk of labels to words, and back.

What this file knows: that every channel is encoded on its own, behind a table of where each begins.  What it
must not know: documents, stores, and the encoding of a channel (`kernels/segmentation.py`).

The decoded bytes are the labels, lowest byte first, channel by channel, x fastest.

Laws: those of `codec.py`.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tegula.codecs.codec import Buffer, destination, not_enough
from tegula.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from tegula.record import Record

__all__ = ["Segmentation"]

MOST_VOXELS = 1 << 32
"""How many voxels a block may have: what is beyond can not be packed within a file."""
PADDING = 32 << 20
"""How many bytes the voxels of blocks that are outside of their chunk may take."""
KEPT, KEPT_BYTES = 4, 1 << 20
_idle: list[
    tuple[Any, tuple[Any, ...]]
] = []  # what chunks were encoded in that are done; appending is atomic


class Segmentation(Record):
    """Labels of some channels of a box of voxels.

    shape      voxels along x, y, z
    channels   how many boxes follow each other
    block      voxels of a block along x, y, z
    itemsize   bytes of a label, 4 or 8
    """

    shape: tuple[int, int, int]
    channels: int
    block: tuple[int, int, int]
    itemsize: int

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002 - depends on the labels
        """Return None."""
        return None

    def _kinds(self) -> tuple[Any, Any]:
        if prod(self.block) > MOST_VOXELS:
            raise FailedPrecondition(f"Blocks of {prod(self.block)} voxels are more than {MOST_VOXELS}")
        return np.dtype("<u4"), np.dtype(f"<u{self.itemsize}")

    def encode(self, data: Buffer) -> Buffer:
        """Return the channels, encoded, behind their offsets.

        Raises:
            InvalidArgument: the tables of a channel are further than 2**24 words from its beginning.
            ResourceExhausted: blocks are so much larger than the chunk that they would take far more than it.
        """
        from tegula.kernels.segmentation import REFUSED, encode_channel

        word, label = self._kinds()
        labels = np.frombuffer(data, label).reshape(self.channels, -1)
        parts = []
        offsets = np.empty(self.channels, word)
        end = self.channels
        room = self._room()
        out, slots = room[0], room[2]
        for channel in range(self.channels):
            if channel:
                slots.fill(0)
            used = encode_channel(labels[channel], *self.shape, *self.block, *room)
            if used == REFUSED:
                raise InvalidArgument(
                    "Chunk is too large for compressed_segmentation: a table of labels would be more than "
                    f"{1 << 24} words from its beginning"
                )
            offsets[channel] = end
            end += used
            parts.append(out[:used].tobytes())
        if out.nbytes <= KEPT_BYTES and len(_idle) < KEPT:
            _idle.append((self, room))
        return b"".join([offsets.tobytes(), *parts])

    def _room(self) -> tuple[Any, ...]:
        """Return the last arguments of the kernel; small ones are used again, by one chunk at a time."""
        from tegula.kernels.segmentation import encoded_bound, scratch

        try:
            asked, room = _idle.pop()
        except IndexError:
            pass
        else:
            if asked == self:
                room[2].fill(0)
                return room
        word, label = self._kinds()
        bound = encoded_bound(self.shape, self.block, self.itemsize)
        decoded = prod(self.shape) * self.itemsize
        if 4 * bound > 2 * decoded + PADDING:  # a block is stored whole, however little of it is in the chunk
            raise ResourceExhausted(
                f"Blocks of {'x'.join(map(str, self.block))} voxels may take {4 * bound} bytes for a chunk "
                f"of {decoded}"
            )
        out = np.frombuffer(destination(4 * bound), word)
        return (out, *scratch(self.shape, self.block, label))

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:
        """Return the labels of all channels.

        Raises:
            FailedPrecondition: the bytes are not a valid encoding.
        """
        from tegula.kernels.segmentation import decode_channel

        word, label = self._kinds()
        wanted = prod(self.shape) * self.channels * self.itemsize
        if wanted > size or (exact and wanted != size):
            raise not_enough(size, wanted)
        if len(data) % 4 or len(data) < 4 * self.channels:
            raise _corrupt(f"{len(data)} bytes are no words")
        words = np.frombuffer(data, word)
        if out is None:
            out = destination(wanted)
        labels = np.frombuffer(out, label).reshape(self.channels, -1)
        for channel, start in enumerate(words[: self.channels].tolist()):
            if start < self.channels or start > len(words):
                raise _corrupt(f"channel {channel} begins at word {start} of {len(words)}")
            if not labels.shape[1]:
                continue
            bad = decode_channel(words[start:], *self.shape, *self.block, labels[channel])
            if bad:
                raise _corrupt(f"block {bad - 1} of channel {channel} points outside")
        return out


def _corrupt(why: str) -> FailedPrecondition:
    return FailedPrecondition(f"Corrupted Neuroglancer compressed segmentation: {why}")
