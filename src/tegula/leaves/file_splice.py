"""Fill a file with bytes and with ranges of another, which the system copies by itself where it can.

Knows: the system calls.  Must not know: locks, effects, whose file it is, when it gets its name.

Law: what is in the file then is `effects.storage.spliced` of the parts.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence

from tegula.effects.storage import Buffer, outside
from tegula.errors import Unavailable
from tegula.kv.paths import quoted
from tegula.kv.spec import ByteRange
from tegula.leaves.file_errors import os_error
from tegula.row import NamedTuple

__all__ = ["Parts", "splice"]

MOVED = 16 << 10  # a range of so many bytes is worth a call of its own
GATHERED = 1 << 20  # so much of what is smaller is written together
MOST = 512  # and so many parts of it: systems have a bound
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CANNOT = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}
_copied: Callable[..., int] | None = getattr(os, "copy_file_range", None)
_writev: Callable[[int, Sequence[Buffer]], int] | None = getattr(os, "writev", None)


class Parts(NamedTuple):
    """A value as `effects.storage.Splice` gives it: bytes, and ranges of the value before."""

    parts: Sequence[Buffer | ByteRange]


def splice(fd: int, name: str, path: str, value: Parts, meant: Callable[[os.stat_result], bool]) -> bool:
    """Write `value`, whose ranges are of the file at `path`, into the empty file that `fd` is open to.

    False, and nothing is written, where the file at `path` is not the one that is `meant`.

    Raises:
        OutOfRange: a range does not lie in it.
        TegulaError: the system refuses.
    """
    try:
        source = os.open(path, _READ)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise os_error(f"Failed to open: {quoted(path)}", error) from None
    try:
        status = os.fstat(source)
        if not meant(status):
            return False
        for part in value.parts:
            if isinstance(part, ByteRange):
                start, stop = part
                if stop is None or not 0 <= start <= stop <= status.st_size:
                    raise outside(part, status.st_size)
        try:
            _fill(fd, source, path, value.parts)
        except OSError as error:
            raise os_error(f"Failed to write: {quoted(name)}", error) from None
        return True
    finally:
        os.close(source)


def _fill(fd: int, source: int, path: str, parts: Sequence[Buffer | ByteRange]) -> None:
    gathered: list[Buffer] = []
    held = 0
    for part in parts:
        if isinstance(part, ByteRange):
            start, stop = part
            assert stop is not None
            if stop - start >= MOVED:
                _put(fd, gathered)
                gathered, held = [], 0
                _move(fd, source, path, start, stop)
                continue
            piece: Buffer = _got(source, path, start, stop - start)
        else:
            piece = part
        gathered.append(piece)
        held += len(piece)
        if held >= GATHERED or len(gathered) == MOST:
            _put(fd, gathered)
            gathered, held = [], 0
    _put(fd, gathered)


def _move(fd: int, source: int, path: str, start: int, stop: int) -> None:
    """Copy a range to where `fd` is."""
    if _copied is not None:
        try:
            while start < stop:
                count = _copied(source, fd, min(stop - start, 1 << 30), start)
                if not count:
                    break
                start += count
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    while start < stop:  # the file system cannot
        piece = _got(source, path, start, min(stop - start, GATHERED))
        _put(fd, [piece])
        start += len(piece)


def _got(source: int, path: str, start: int, size: int) -> bytes:
    """Read a range."""
    found = b""
    while len(found) < size:
        if hasattr(os, "pread"):
            more = os.pread(source, size - len(found), start + len(found))
        else:
            os.lseek(source, start + len(found), os.SEEK_SET)
            more = os.read(source, size - len(found))
        if not more:
            raise Unavailable(f"Length changed while reading: {quoted(path)}")
        found = found + more if found else more
    return found


def _put(fd: int, pieces: Sequence[Buffer]) -> None:
    """Write some pieces, one after the other, at where `fd` is."""
    if not pieces:
        return
    size = sum(map(len, pieces))
    written = os.write(fd, b"".join(pieces)) if _writev is None else _writev(fd, pieces)
    if written < size:
        rest = memoryview(b"".join(pieces))
        while written < size:
            written += os.write(fd, rest[written:])
