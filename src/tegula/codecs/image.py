"""Chunks as JPEG and PNG images: byte codecs over a library's own.

What this file knows: how the voxels of a chunk become the pixels of an image, and what an image says of its
size before it is decoded.  What it must not know: documents, stores.

The decoded bytes are the elements, lowest byte first, channel by channel, x fastest.  The image is as wide as
the chunk along x; its rows are those of y, plane after plane along z.

Laws: those of `codec.py`, but that JPEG gives back what is near.  An image of another size than that of the
chunk is refused before it is decoded.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import Buffer
from tegula.codecs.deflate import ZLIB, inflate
from tegula.errors import FailedPrecondition
from tegula.record import Record

__all__ = ["Jpeg", "Png"]

SCANS = 100
"""How many scans a JPEG may have; each costs as much as decoding it, and takes next to no bytes."""
INFLATED = 512 << 20
"""How many bytes a PNG may inflate to, at the worst, before that is looked at: about a second's work."""
SLACK = 64 << 10


class Image(Record):
    """What both have: `shape` is voxels along x, y, z; `level` the quality, or how hard to try."""

    shape: tuple[int, int, int]
    channels: int
    itemsize: int
    level: int | None

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002 - depends on the elements
        """Return None."""
        return None

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(f"<u{self.itemsize}")

    def _pixels(self, data: Buffer) -> NDArray[Any]:
        x, y, z = self.shape
        planes = np.frombuffer(data, self._dtype).reshape(self.channels, y * z, x)
        # a copy: what is contiguous for NumPy may have strides that the library refuses where an extent is 1
        return planes[0] if self.channels == 1 else planes.transpose(1, 2, 0).copy(order="C")

    def _elements(self, pixels: NDArray[Any]) -> Buffer:
        planes = pixels.reshape(-1, self.channels).T
        return np.ascontiguousarray(planes, self._dtype).reshape(-1).view(np.uint8).data

    def _bounded(self, data: Buffer) -> None:
        """Refuse what is longer than any image of these elements: it may take for ever."""
        size = prod(self.shape) * self.channels * self.itemsize
        if len(data) > 4 * size + SLACK:
            raise FailedPrecondition(f"Image of {len(data)} bytes is too long for {size} bytes of elements")

    def _check(self, width: int, height: int, channels: int, bits: int) -> None:
        if width * height != prod(self.shape):
            wanted = f"{self.shape[0]}x{self.shape[1] * self.shape[2]}"
            raise FailedPrecondition(
                f"Image dimensions {width}x{height} are not compatible with expected dimensions {wanted}"
            )
        if channels != self.channels or bits != 8 * self.itemsize:
            raise FailedPrecondition(
                f"Image has {channels} channels of {bits} bits, "
                f"but {self.channels} of {8 * self.itemsize} are expected"
            )


class Png(Image):
    """PNG, `level` 0 to 9, None for the library's own."""

    def encode(self, data: Buffer) -> Buffer:
        """Return the image."""
        import imagecodecs

        # the library's own guess is too small for narrow images: each row begins with a byte
        size = len(data) + self.shape[1] * self.shape[2]
        most = size + size // 64 + 8192
        found: Buffer = imagecodecs.png_encode(self._pixels(data), level=self.level, out=most)
        return found

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:  # noqa: ARG002
        """Return the elements of an image.

        Raises:
            FailedPrecondition: it is none, or of another size.
        """
        import imagecodecs

        self._bounded(data)
        head = bytes(data[:33])
        if head[:8] != b"\x89PNG\r\n\x1a\n":
            raise FailedPrecondition("Failed to decode PNG: missing PNG signature")
        if head[12:16] != b"IHDR" or len(head) < 33:
            raise FailedPrecondition("Failed to decode PNG: no header")
        width, height = (int.from_bytes(head[at : at + 4], "big") for at in (16, 20))
        # a palette, or fewer bits than a byte, is no way to store a chunk
        channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(head[25], 0)
        self._check(width, height, channels, head[24])
        _check_inflated(data, height * (1 + width * self.channels * self.itemsize))
        try:
            pixels = imagecodecs.png_decode(bytes(data))
        except Exception as error:
            raise FailedPrecondition(f"Failed to decode PNG: {error}") from None
        return self._checked(pixels, height, width)

    def _checked(self, pixels: NDArray[Any], height: int, width: int) -> Buffer:
        if pixels.size != height * width * self.channels or pixels.dtype.itemsize != self.itemsize:
            raise FailedPrecondition("Failed to decode image: it is not what its header says")
        return self._elements(pixels)


def _check_inflated(data: Buffer, size: int) -> None:
    """Refuse a PNG whose pixels inflate to far more than `size` bytes, which the library would all inflate.

    One that is interlaced has a few bytes more.
    """
    view = memoryview(data)
    found, at = [], 8
    while at + 8 <= len(view):
        length = int.from_bytes(view[at : at + 4], "big")
        if bytes(view[at + 4 : at + 8]) == b"IDAT":
            found.append(view[at + 8 : at + 8 + length])
        at += 12 + length
    if 1032 * sum(map(len, found)) > INFLATED:
        try:
            inflate(b"".join(found), size + (size >> 6) + SLACK, False, ZLIB)
        except FailedPrecondition as error:
            raise FailedPrecondition(f"Failed to decode PNG: {error.message}") from None


class Jpeg(Image):
    """JPEG, `level` 0 to 100; what is decoded is not quite what was encoded."""

    @property
    def lossy(self) -> bool:
        """Whether what is decoded may be something else than what was encoded."""
        return True

    def encode(self, data: Buffer) -> Buffer:
        """Return the image."""
        import imagecodecs

        found: Buffer = imagecodecs.jpeg8_encode(self._pixels(data), level=self.level)
        return found

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> Buffer:  # noqa: ARG002
        """Return the elements of an image.

        Raises:
            FailedPrecondition: it is none, or of another size.
        """
        import imagecodecs

        self._bounded(data)
        width, height, channels, bits = _jpeg_size(data)
        self._check(width, height, channels, bits)
        stored = bytes(data)
        if stored.count(b"\xff\xda") > SCANS:
            raise FailedPrecondition(f"Failed to decode JPEG: it has more than {SCANS} scans")
        try:
            pixels = imagecodecs.jpeg8_decode(stored)
        except Exception as error:
            raise FailedPrecondition(f"Failed to decode JPEG: {error}") from None
        if pixels.size != height * width * self.channels or pixels.dtype.itemsize != self.itemsize:
            raise FailedPrecondition("Failed to decode image: it is not what its header says")
        return self._elements(pixels)


def _jpeg_size(data: Buffer) -> tuple[int, int, int, int]:
    """Return width, height, channels and bits of a sample, as the frame header of a JPEG says."""
    view = memoryview(data)
    at, end = 2, len(view)
    if end < 4 or bytes(view[:2]) != b"\xff\xd8":
        raise FailedPrecondition("Not a JPEG file")
    while at + 9 < end and view[at] == 0xFF:
        marker = view[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(view[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(view[at + n : at + n + 2], "big") for n in (5, 7))
            return width, height, view[at + 9], view[at + 4]
        at += 2 + length
    raise FailedPrecondition("Failed to decode JPEG: no frame")
