"""Frames of zstd decoded where they belong, many of them by one call without the interpreter.

Frame by frame every call lets go of the interpreter and asks for it back, and threads that do so at once
spend more time on taking turns than on decoding; and what a call returns is copied once more.

Knows: the functions of the zstd library that numcodecs is built with.  Must not know: chunks, and what is
wrong with a frame.

Law: what is decoded equals `Zstd.decode` frame by frame.  Whatever is not simply so (a frame that does not
declare its size, or another, or is followed by something, or is broken; a library that hides its functions)
is answered by False, and is for the general way.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import Buffer
from tegula.codecs.native import SIZE, WORD, address, functions
from tegula.kernels._jit import foreign, kernel, plain, provide

__all__ = ["available", "decode_into", "decode_rows"]

_TAKES = {
    "ZSTD_createDCtx": (WORD, []),
    "ZSTD_decompressDCtx": (SIZE, [WORD, WORD, SIZE, WORD, SIZE]),
    "ZSTD_findFrameCompressedSize": (SIZE, [WORD, SIZE]),
    "ZSTD_getFrameContentSize": (SIZE, [WORD, SIZE]),
}
_QUICK = ("ZSTD_findFrameCompressedSize", "ZSTD_getFrameContentSize")
_functions: dict[str, Any] = {}
_missing = _provided = False
_contexts: list[int] = []  # each serves one call at a time; idle ones wait here


@foreign("tegula_ZSTD_getFrameContentSize", "u8", "i8", "i8")
def _declared(source: int, size: int) -> int:
    found: int = _functions["ZSTD_getFrameContentSize"](int(source), int(size))
    return found


@foreign("tegula_ZSTD_findFrameCompressedSize", "u8", "i8", "i8")
def _extent(source: int, size: int) -> int:
    found: int = _functions["ZSTD_findFrameCompressedSize"](int(source), int(size))
    return found


@foreign("tegula_ZSTD_decompressDCtx", "u8", "i8", "i8", "i8", "i8", "i8")
def _decompress(context: int, into: int, room: int, source: int, size: int) -> int:
    found: int = _functions["ZSTD_decompressDCtx"](int(context), int(into), int(room), int(source), int(size))
    return found


@kernel("i8, <i8, <i8, <i8, i8")
def _decode_rows(context: Any, sources: Any, lengths: Any, targets: Any, size: Any) -> Any:
    """Decode frames at the addresses `sources` to `targets`, `size` bytes each; return how many were."""
    wanted = np.uint64(size)
    for row in range(sources.size):
        source, length = sources[row], lengths[row]
        if _declared(source, length) != wanted or _extent(source, length) != np.uint64(length):
            return row
        if _decompress(context, targets[row], size, source, length) != wanted:
            return row
    return sources.size


def available() -> bool:
    """Whether the library's functions can be called."""
    return bool(_functions) or (not _missing and _load())


def _load() -> bool:
    global _missing
    found = functions("zstd", _TAKES, _QUICK)
    if found is None:
        _missing = True
        return False
    _functions.update(found)
    return True


def _provide() -> None:
    """Tell kernels where the functions are."""
    global _provided
    provide({f"tegula_{name}": ctypes.cast(each, WORD).value or 0 for name, each in _functions.items()})
    _provided = True


def _context() -> int:
    try:
        return _contexts.pop()
    except IndexError:
        made = _functions["ZSTD_createDCtx"]()
        if not made:
            raise MemoryError("no memory for a zstd context") from None
        return int(made)


def decode_rows(frames: Sequence[Buffer], size: int, targets: NDArray[np.int64]) -> bool:
    """Decode frames of `size` bytes, each to an address; False, with those spoilt, if one is not so."""
    if not _provided and not plain():
        _provide()
    sources, lengths = np.array([address(frame) for frame in frames], np.int64).reshape(-1, 2).T.copy()
    context = _context()
    try:
        done: int = _decode_rows(context, sources, lengths, targets, size)
    finally:
        _contexts.append(context)
    return done == len(frames)


def decode_into(frame: Buffer, out: Buffer) -> bool:
    """Decode a frame that fills `out` and ends with it; False, with `out` spoilt, where it is not one."""
    (source, length), (target, size) = address(frame), address(out)
    if _extent(source, length) != length:
        return False
    context = _context()
    try:
        done = _decompress(context, target, size, source, length)
    finally:
        _contexts.append(context)
    return done == size
