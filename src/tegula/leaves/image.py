"""Images to arrays: the one file that knows Pillow, which is imported when the first image is opened.

Knows which images each driver takes, as the drop-in does, and how much one may grow.  Must not know where
the bytes come from.  The size is read from the header and checked before anything is decoded; whatever a
hostile file makes the decoder raise is a typed error.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.errors import DataLoss, InvalidArgument, ResourceExhausted, TegulaError, Unimplemented
from tegula.formats.whole import signed

__all__ = ["MAX_BYTES", "decode"]

MAX_BYTES = 1 << 29
"""The largest image that is decoded, in bytes of its elements."""

_UNSIGNED = {
    "avif": "Failed to decode AVIF: missing AVIF signature",
    "bmp": "Failed to read BMP file header; at byte 0",
    "jpeg": "Not a JPEG file",
    "png": "Failed to decode PNG: missing PNG signature",
    "tiff": "Not a TIFF file",
    "webp": "Failed to decode WEBP: missing WEBP signature",
}
_MODES = {
    "avif": ("L", "RGB", "RGBA"),
    "bmp": ("L", "RGB", "RGBA"),
    "jpeg": ("L", "RGB"),
    "png": ("L", "P", "LA", "RGB", "RGBA"),
    "tiff": ("L", "LA", "RGB", "RGBA"),
    "webp": ("RGB", "RGBA"),
}
_NARROW = ((2, 3), (4, 3))  # bits and kind of PNG: palettes, which are read as their indices
_BITS_PER_SAMPLE, _ORIENTATION = 258, 274  # tags of TIFF


def decode(value: Any, name: str, page: int | None = None) -> NDArray[np.uint8]:
    """Return an image as an array [y, x, channel], not writable.

    Args:
        value: the bytes of the file.
        name: ``"avif" "bmp" "jpeg" "png" "tiff"`` or ``"webp"``.
        page: which image of a TIFF of several.

    Raises:
        InvalidArgument: it is no image of that format, or one of a kind that the format's driver refuses.
        DataLoss: it is damaged.
        ResourceExhausted: it would be larger than `MAX_BYTES`, or than Pillow takes (179 million pixels).
        Unimplemented: its elements are not 8 bits wide, or Pillow is not installed.
    """
    data = bytes(value)
    if signed(data[:64]) != name:
        raise (DataLoss if name == "tiff" else InvalidArgument)(_UNSIGNED[name])
    if name == "png" and len(data) > 25 and data[24] != 8 and tuple(data[24:26]) not in _NARROW:
        raise _too_wide(name)
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise Unimplemented(
            f'the "{name}" driver needs Pillow 11.3 or newer: pip install "tegula[images]"'
        ) from None
    try:
        with Image.open(io.BytesIO(data), formats=[name.upper()]) as image:
            if name == "tiff":
                _turn(image, page)
            return _decoded(image, data, name)
    except TegulaError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise ResourceExhausted(f"Failed to decode {name.upper()}: {error}") from None
    except Exception as error:  # a decoder on hostile input raises what it likes
        said = "its header cannot be read" if isinstance(error, UnidentifiedImageError) else str(error)
        words = f"Failed to decode {name.upper()}: {said}"
        raise DataLoss("Premature end of JPEG file" if name == "jpeg" else words) from None


def _turn(image: Any, page: int | None) -> None:
    """Turn to a page of a TIFF; without one there must be no second."""
    try:
        image.seek(1 if page is None else page)
    except EOFError:
        if page is not None:
            raise DataLoss("TIFF Initialize failed: failed to set directory") from None
    else:
        if page is None:
            raise DataLoss('Multi-page TIFF image encountered without a "page" specifier. ')
    if page is None:
        image.seek(0)
    bits = image.tag_v2.get(_BITS_PER_SAMPLE, (1,))
    if any(width != 8 for width in (bits if isinstance(bits, tuple) else (bits,))):
        raise _too_wide("tiff")


def _decoded(image: Any, data: bytes, name: str) -> NDArray[np.uint8]:
    mode, (width, height) = image.mode, image.size
    orientation = image.tag_v2.get(_ORIENTATION, 1) if name == "tiff" else 1
    if mode not in _MODES[name]:
        raise _refused(name, mode, len(image.getbands()))
    channels = len(image.getbands())
    deep = name == "bmp" and _has_four_channels(data)
    channels = 4 if deep else channels
    if width * height * channels > MAX_BYTES:
        raise ResourceExhausted(
            f"Failed to decode {name.upper()}: an image of {width} x {height} x {channels} bytes "
            f"exceeds the limit of {MAX_BYTES}"
        )
    if deep:
        found = _four_channels(data, width, height)
    else:
        found = np.array(image).reshape(height, width, channels)
        if name == "tiff":
            found = _as_stored(found, orientation)
    if found.dtype != np.uint8:
        raise _too_wide(name)
    found.flags.writeable = False
    return found


def _as_stored(turned: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return the rows as they are in a TIFF, which Pillow has turned upright."""
    if orientation in (5, 6, 7, 8):
        turned = turned.swapaxes(0, 1)
    rows = slice(None, None, -1 if orientation in (3, 4, 6, 7) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 7, 8) else 1)
    return np.ascontiguousarray(turned[rows, columns])


def _has_four_channels(data: bytes) -> bool:
    """Whether a bitmap has 32 bits a pixel: blue, green, red and one more byte."""
    if int.from_bytes(data[14:18], "little") < 40 or data[28:30] != b"\x20\0":
        return False
    masks = b"\0\0\xff\0\0\xff\0\0\xff\0\0\0"
    return data[30:34] == bytes(4) or (data[30:34] == b"\3\0\0\0" and data[54:66] == masks)


def _four_channels(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Return the elements of a bitmap of 32 bits, whose fourth byte Pillow leaves out."""
    start = int.from_bytes(data[10:14], "little")
    rows = np.frombuffer(data, np.uint8, height * width * 4, start).reshape(height, width, 4)
    from_below = int.from_bytes(data[22:26], "little", signed=True) > 0
    return np.ascontiguousarray((rows[::-1] if from_below else rows)[..., [2, 1, 0, 3]])


def _too_wide(name: str) -> Unimplemented:
    return Unimplemented(f'"{name}" driver only supports uint8 images')


def _refused(name: str, mode: str, channels: int) -> TegulaError:
    if name == "tiff":
        return DataLoss("Cannot read TIFF: photometric not supported")
    if name == "bmp" and mode == "P":
        return InvalidArgument("Unsupported BMP configuration (palette)")
    if name == "bmp":
        return InvalidArgument("Number of channels inherent in the image must be 1, 3 or 4, was 0")
    if name == "jpeg":
        return InvalidArgument(f"Failed to decode JPEG: Expected 1 or 3 components, but received: {channels}")
    return _too_wide(name)
