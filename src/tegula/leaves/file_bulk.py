"""Many small files or parts of one read, and many files replaced, by one call without the interpreter.

Row by row every system call lets go of the interpreter and asks for it back, and threads that do so at once
spend more time on taking turns than on reading and writing.

Knows: the calls of Linux that read a file, and those of the protocol of `file_commit`.  Must not know:
conditions, errors, what a value is for.

Law: what is read equals `file` row by row, and what is written `file_commit`.  Whatever is not simply so (a
file that is large, not regular, cannot be opened, shrinks meanwhile; a directory that is missing, a lock that
somebody holds or that a killed writer left, a clock that stands still, a full disk) ends the call before its
row, which is for the general way: nothing is decided here.  That a file is not there is an answer.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from struct import Struct
from typing import Any

import numpy as np

from tegula.kernels._jit import foreign, kernel
from tegula.kv.generation import NO_VALUE
from tegula.kv.paths import LOCK_SUFFIX
from tegula.kv.spec import ByteRange, from_key
from tegula.leaves.buffers import LARGE, buffer

__all__ = ["Commits", "read_small", "supported"]

ROOM = 1 << 19  # bytes that are read into one buffer, where it is not known how many there are
MOST_ROOM = 4 << 20
_GENERATION = Struct("<BQQQ")
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_EMPTY_PATH = 0x1000
_WANTED = 0x1 | 0x40 | 0x100 | 0x200  # type, modification time, inode, size
_KIND = np.uint64(0xF000)
_REGULAR = np.uint64(0x8000)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_BILLION = np.uint64(1_000_000_000)
_HERE = -100  # AT_FDCWD
_FOLDER = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_MAKE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_SET_LOCK = 37  # F_OFD_SETLK
_NOT_THERE = 2  # ENOENT
_NO_FOLDER = 20  # ENOTDIR

Row = tuple[memoryview | None, bytes]


@foreign("open", "i4", "i8", "i4", "i4")
def _open(path: int, flags: int, mode: int) -> int:
    try:
        return os.open(ctypes.string_at(int(path)), flags, mode)
    except OSError as error:
        ctypes.set_errno(error.errno or 0)
        return -1


@foreign("close", "i4", "i4")
def _close(fd: int) -> int:
    os.close(fd)
    return 0


@foreign("statx", "i4", "i4", "i8", "i4", "u4", "i8")
def _statx(fd: int, path: int, flags: int, mask: int, into: int) -> int:  # noqa: ARG001
    try:
        found = os.stat(ctypes.string_at(int(path))) if fd == _HERE else os.fstat(fd)
    except OSError as error:
        ctypes.set_errno(error.errno or 0)
        return -1
    seconds, rest = divmod(found.st_mtime_ns, 1_000_000_000)
    packed = bytearray(256)
    packed[28:30] = found.st_mode.to_bytes(2, "little")
    packed[32:48] = Struct("<QQ").pack(found.st_ino, found.st_size)
    packed[112:124] = Struct("<qI").pack(seconds, rest)
    packed[136:144] = Struct("<II").pack(os.major(found.st_dev), os.minor(found.st_dev))
    ctypes.memmove(int(into), bytes(packed), 256)
    return 0


@foreign("pread", "i8", "i4", "i8", "i8", "i8")
def _pread(fd: int, into: int, count: int, start: int) -> int:
    found = os.pread(fd, count, start)
    ctypes.memmove(int(into), found, len(found))
    return len(found)


@foreign("__errno_location", "i8")
def _errno() -> int:
    _said.value = ctypes.get_errno()
    return ctypes.addressof(_said)


@foreign("write", "i8", "i4", "i8", "i8")
def _write(fd: int, source: int, count: int) -> int:
    try:
        return os.write(fd, ctypes.string_at(int(source), int(count)))
    except OSError:
        return -1


@foreign("fsync", "i4", "i4")
def _fsync(fd: int) -> int:
    try:
        os.fsync(fd)
    except OSError:
        return -1
    return 0


@foreign("rename", "i4", "i8", "i8")
def _rename(old: int, new: int) -> int:
    try:
        os.rename(ctypes.string_at(int(old)), ctypes.string_at(int(new)))
    except OSError:
        return -1
    return 0


@foreign("mkdir", "i4", "i8", "i4")
def _mkdir(path: int, mode: int) -> int:
    try:
        os.mkdir(ctypes.string_at(int(path)), mode)
    except OSError:
        return -1
    return 0


@foreign("fcntl", "i4", "i4", "i4", "i8")
def _lock(fd: int, command: int, how: int) -> int:
    import fcntl

    try:
        fcntl.fcntl(fd, command, ctypes.string_at(int(how), 32))
    except OSError:
        return -1
    return 0


@foreign("memcpy", "i8", "i8", "i8", "i8")
def _copy(into: int, source: int, count: int) -> int:
    ctypes.memmove(int(into), int(source), int(count))
    return into


_said = ctypes.c_int(0)


@kernel("<u1, <i8, <i8, <i8, i8, >u1, >u8, >i8, >u8:2")
def _read_rows(
    names: Any,
    places: Any,
    starts: Any,
    stops: Any,
    large: Any,
    into: Any,
    status: Any,
    ends: Any,
    facts: Any,
) -> Any:
    """Read ranges of files into `into`, one behind the other; return how many rows that was done for.

    `places` say where in `names` the path of a row is; a range that stops at -1 goes to the end, one that
    starts below 0 counts from there, and one of `large` bytes is not read.  `status` is 256 bytes to work in;
    `ends` are where the rows end, and `facts` the halves of the device, the inode and the modification time
    of each.  An end below 0 is that of a row that is not there.
    """
    path, room, about = names.ctypes.data, into.ctypes.data, status.ctypes.data
    empty = path + names.size - 1
    fd, opened, used, done = -1, -1, 0, 0
    for row in range(places.size):
        if places[row] != opened:
            if fd >= 0:
                _close(fd)
            opened = places[row]
            fd = _open(path + opened, _FLAGS, 0)
            if fd < 0:
                _copy(about, _errno(), 4)
                said = status[0] & _LOW
                if said != _NOT_THERE and said != _NO_FOLDER:
                    break
            elif _statx(fd, empty, _EMPTY_PATH, _WANTED, about) != 0:
                break
        if fd < 0:
            ends[row] = -1
            done += 1
            continue
        if (status[3] >> _HALF) & _KIND != _REGULAR:
            break
        size = np.int64(status[5])
        start, stop = starts[row], stops[row]
        if start < 0:
            start += size
        if stop < 0:
            stop = size
        count = stop - start
        if start < 0 or count < 0 or stop > size or count >= large or used + count > into.size:
            break
        got = 0
        while got < count:
            more = _pread(fd, room + used + got, count - got, start + got)
            if more <= 0:
                break
            got += more
        if got < count:
            break
        used += count
        ends[row] = used
        facts[row, 0] = status[17]
        facts[row, 1] = status[4]
        facts[row, 2] = status[14] * _BILLION + (status[15] & _LOW)
        done += 1
    if fd >= 0:
        _close(fd)
    return done


@kernel("<u1, <i8:2, <i8, <i8, <u1, i8, >u8, >u8, >u8:2")
def _commit_rows(
    names: Any, places: Any, sources: Any, sizes: Any, how: Any, sync: Any, mine: Any, other: Any, facts: Any
) -> Any:
    """Replace files by the bytes at the addresses `sources`; return how many rows that was done for.

    `places` say where in `names` the paths of a row are: of its directory, its lock file, itself and the
    directory above its own.  `how` is the lock; `mine` and `other` are 256 bytes each to work in; `facts` as
    of `_read_rows`.
    """
    path, about, named, lock = names.ctypes.data, mine.ctypes.data, other.ctypes.data, how.ctypes.data
    empty = path + names.size - 1
    done = 0
    for row in range(sizes.size):
        locked, whole = path + places[row, 1], path + places[row, 2]
        folder = _open(path + places[row, 0], _FOLDER, 0)
        if folder < 0:
            above = _open(path + places[row, 3], _FOLDER, 0)
            if above < 0:
                break
            made = _mkdir(path + places[row, 0], 0o777) == 0
            if made and sync != 0:
                made = _fsync(above) == 0
            _close(above)
            if made:
                folder = _open(path + places[row, 0], _FOLDER, 0)
            if folder < 0:
                break
        fd = _open(locked, _MAKE, 0o666)
        if fd < 0:
            _close(folder)
            break
        held = False
        good = _lock(fd, _SET_LOCK, lock) == 0
        if good:
            good = _statx(fd, empty, _EMPTY_PATH, _WANTED, about) == 0
        if good:
            good = _statx(_HERE, locked, 0, _WANTED, named) == 0
        if good:
            good = mine[4] == other[4] and mine[17] == other[17] and mine[5] == 0
        if good:
            held = _statx(_HERE, whole, 0, _WANTED, named) == 0
            if not held:
                _copy(named, _errno(), 4)
                good = other[0] & _LOW == _NOT_THERE
            elif (other[3] >> _HALF) & _KIND != _REGULAR:
                good = False
        if good:
            put = 0
            while put < sizes[row]:
                more = _write(fd, sources[row] + put, sizes[row] - put)
                if more <= 0:
                    break
                put += more
            good = put == sizes[row]
        if good and sync != 0:
            good = _fsync(fd) == 0
        if good:
            good = _statx(fd, empty, _EMPTY_PATH, _WANTED, about) == 0
        if good and held:  # as generations must grow
            good = mine[14] > other[14] or (mine[14] == other[14] and mine[15] & _LOW > other[15] & _LOW)
        if good:
            good = _rename(locked, whole) == 0
        if good and sync != 0:
            good = _fsync(folder) == 0
        _close(fd)
        _close(folder)
        if not good:
            break
        facts[row, 0] = mine[17]
        facts[row, 1] = mine[4]
        facts[row, 2] = mine[14] * _BILLION + (mine[15] & _LOW)
        done += 1
    return done


_able: dict[str, bool] = {}


def supported() -> bool:
    """Whether this system has the calls as they are used here, and what makes them is at hand."""
    able = _able.get("calls")
    if able is None:
        able = sys.platform == "linux" and sys.byteorder == "little" and ctypes.sizeof(ctypes.c_void_p) == 8
        if able:
            library = ctypes.CDLL(None)
            able = all(hasattr(library, name) for name in ("statx", "__errno_location"))
        if able:
            try:
                _read_rows.load()
                _commit_rows.load()
            except (ImportError, OSError):  # a process that acts as a user who may not see the compiler
                return False
        _able["calls"] = able
    return able


def read_small(keys: Sequence[str], ranges: Sequence[ByteRange | None] | None) -> list[Row]:
    """Return values and generations of the first so many rows that are small; `keys` are valid.

    Values are looks at memory that they share.
    """
    count = len(keys)
    parts: list[bytes] = []
    places: list[int] = []
    last, length = None, 0
    for key in keys:
        if key != last:
            part = from_key(key)
            parts.append(part)
            begin, last = length, key
            length += len(part) + 1
        places.append(begin)
    names = np.frombuffer(b"\0".join(parts) + b"\0\0", np.uint8)
    room, large = ROOM, LARGE
    if ranges is None:
        starts, stops = np.zeros(count, np.int64), np.full(count, -1)
    else:
        both = [(0, -1) if each is None else (each[0], -1 if each[1] is None else each[1]) for each in ranges]
        starts, stops = np.array(both, np.int64).T.copy()
        if ((starts >= 0) & (stops >= starts)).all():
            room = max(1, min(MOST_ROOM, int((stops - starts).sum())))
            large = room + 1
    where = np.array(places, np.int64)
    status, ends, facts = np.empty(32, np.uint64), np.empty(count, np.int64), np.empty((count, 3), np.uint64)
    rows: list[Row] = []
    while len(rows) < count:
        memory = buffer(room)
        first = len(rows)
        into = np.frombuffer(memory, np.uint8)
        rest = where[first:], starts[first:], stops[first:]
        done = _read_rows(names, *rest, large, into, status, ends, facts)
        _rows(memory.toreadonly(), ends[:done].tolist(), facts[:done].tolist(), rows)
        if len(rows) == first:
            break
    return rows


class Commits:
    """Rows of files to replace, prepared: `commit` does so many from one on as can be done at once."""

    __slots__ = ("_facts", "_names", "_places", "_sizes", "_sources", "_sync", "_values")

    def __init__(self, keys: Sequence[str], values: Sequence[Any], sync: bool) -> None:
        parts: list[bytes] = []
        places: list[tuple[int, ...]] = []
        length = 0
        for key in keys:
            path = from_key(key)
            folder = _above(path)
            place = [length]
            for part in (folder, path + _SUFFIX, path, _above(folder)):
                parts.append(part)
                place.append(place[-1] + len(part) + 1)
            length = place.pop()
            places.append(tuple(place))
        views = [np.frombuffer(value, np.uint8) for value in values]
        self._values = views  # which hold what the addresses point to
        self._names = np.frombuffer(b"\0".join(parts) + b"\0\0", np.uint8)
        self._places = np.array(places, np.int64)
        self._sources = np.array([view.__array_interface__["data"][0] for view in views], np.int64)
        self._sizes = np.array([view.size for view in views], np.int64)
        self._facts = np.empty((len(keys), 3), np.uint64)
        self._sync = int(sync)

    def commit(self, first: int) -> list[bytes]:
        """Replace files from row `first` on; return the generations of those that were."""
        mine, other, facts = np.empty(32, np.uint64), np.empty(32, np.uint64), self._facts[first:]
        rows = self._places[first:], self._sources[first:], self._sizes[first:]
        done = _commit_rows(self._names, *rows, _WHOLE_FILE, self._sync, mine, other, facts)
        rows_ = facts[:done].tolist()
        return [_GENERATION.pack(0, _device(halves), inode, time) for halves, inode, time in rows_]


_SUFFIX = LOCK_SUFFIX.encode()
# struct flock: type, whence, start, length, process (which must be 0)
_WHOLE_FILE = np.frombuffer(Struct("hhqqi4x").pack(1, 0, 0, 0, 0), np.uint8)


def _above(path: bytes) -> bytes:
    folder, slash, _ = path.rpartition(b"/")
    return folder or slash or b"."


def _device(halves: int) -> int:
    return os.makedev(halves & 0xFFFFFFFF, halves >> 32)


def _rows(memory: memoryview, ends: Sequence[int], facts: Sequence[Sequence[int]], rows: list[Row]) -> None:
    used, device, seen = 0, -1, 0
    for end, (halves, inode, time) in zip(ends, facts, strict=True):
        if end < 0:
            rows.append((None, NO_VALUE))
            continue
        if halves != seen:
            device, seen = _device(halves), halves
        rows.append((memory[used:end], _GENERATION.pack(0, device, inode, time)))
        used = end
