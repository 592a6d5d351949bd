"""One field of a structure: a step from the bytes of a field to those of the items that hold it, and back.

What this file knows: how large an item is and where the field lies in it.  What it must not know: what
the other fields are.

Items hold more than the field, so encoding needs the items that were there (`over`); by itself a step can
only encode into new ones, `blank`.

Laws: decode(over(data, items)) == data; outside of the field over(data, items) is items.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.record import Record
from tegula.row import NamedTuple

__all__ = ["FieldStep", "Part"]


class Part(NamedTuple):
    """What is seen of items that are more than one number: elements of `dtype`, native, of `inner`
    dimensions.

    They begin at byte `offset` of the item; `blank` is an item that was never written, native.
    """

    dtype: np.dtype[Any]
    inner: tuple[int, ...]
    offset: int
    blank: bytes

    @property
    def nbytes(self) -> int:
        """How many bytes of an item they have."""
        return self.dtype.itemsize * prod(self.inner)


class FieldStep(Record):
    """The field of `size` bytes at `offset` of items; `blank` is an item that was never written.

    >>> step = FieldStep(1, 2, b"....")
    >>> step.encode(b"abcd"), step.decode(b".ab..cd.", 4, True, None).tobytes()
    (b'.ab..cd.', b'abcd')
    """

    offset: int
    size: int
    blank: bytes

    def encoded_size(self, size: int) -> int:
        """Return how many bytes the items have."""
        return size // self.size * len(self.blank)

    def encode(self, data: Buffer) -> bytes:
        """Return new items with the field."""
        return self.over(data, self.blank * (len(data) // self.size))

    def over(self, data: Buffer, items: Buffer) -> bytes:
        """Return `items` with the field replaced."""
        changed = np.frombuffer(items, np.uint8).reshape(-1, len(self.blank)).copy()
        field = np.frombuffer(data, np.uint8).reshape(-1, self.size)
        changed[:, self.offset : self.offset + self.size] = field
        return changed.tobytes()

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:  # noqa: ARG002
        """Return the field of each item; see `ByteCodec`."""
        wanted = self.encoded_size(size)
        if len(data) < wanted:
            raise not_enough(wanted, len(data), f"; at byte {len(data)}")
        if len(data) > wanted:
            raise too_much(len(data) - wanted, f"; at byte {wanted}")
        items = np.frombuffer(data, np.uint8).reshape(-1, len(self.blank))
        found = np.ascontiguousarray(items[:, self.offset : self.offset + self.size])
        return found.reshape(-1).data
