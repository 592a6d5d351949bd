"""A store in a file system: a key is a path, a value is a file.

Knows: how a file is read, listed and removed in bulk.  `kv.paths` says which keys are paths,
`file_commit` how one file is replaced.  Must not know: any format, cache or interpreter.

Laws.  A file that is missing, not regular, or below a regular file has no value.  Byte ranges are exact.
The generation of a value is TensorStore's for the same file, byte for byte.  Lock files are not
values: they are never read or listed, and a bulk removal takes away only those that no living writer holds.
Nothing outside the keys named is touched, whatever the key says.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from tegula.effects.storage import (
    UNCHANGED,
    Buffer,
    Children,
    Listing,
    Read,
    ReadColumns,
    ReadMany,
    ReadOutcome,
    Splice,
    Tried,
    TriedColumns,
    Unchanged,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
    outcome,
)
from tegula.errors import InvalidArgument, NotFound, ResourceExhausted, TegulaError, Unavailable
from tegula.kernels._jit import worthwhile
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.paths import LOCK_SUFFIX, check_key, quoted, valid_key
from tegula.kv.spec import ByteRange, KeyRange, StoreRef, from_key, to_key
from tegula.leaves.buffers import LARGE, buffer
from tegula.leaves.file_commit import Locking, commit, generation_of, sweep
from tegula.leaves.file_errors import os_error
from tegula.leaves.file_splice import Parts
from tegula.leaves.leaf import Single, span
from tegula.plan.blocks import ROW_BYTES

if TYPE_CHECKING:
    from tegula.leaves.file_bulk import Commits

__all__ = ["FileLeaf"]

# without O_NONBLOCK the opening of a named pipe would wait for a writer
_READ_FLAGS = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
_LOCK = LOCK_SUFFIX.encode()
SLOW = 200e-6  # seconds
FEW = 4  # rows from which on reading them by one call pays
TURNS = 3  # how often a block is tried at once, without success, before it is done row by row
Row: TypeAlias = tuple[Buffer | Unchanged | None, bytes]

if sys.platform == "win32":

    def _pread(fd: int, size: int, start: int) -> bytes:
        os.lseek(fd, start, os.SEEK_SET)
        return os.read(fd, size)

else:
    _pread = os.pread
_preadv: Callable[[int, list[memoryview], int], int] | None = getattr(os, "preadv", None)


class FileLeaf(Single):
    """Files of this machine; options `file_io_sync`, `file_io_mode`, `file_io_locking`, `acquire_timeout`.

    The modes ``memmap`` and ``direct`` are accepted and read as ``default`` does.
    """

    local = True

    def __init__(self, ref: StoreRef) -> None:
        mode = str(ref.option("file_io_locking", "os"))
        sync = bool(ref.option("file_io_sync", True))
        timeout = ref.option("acquire_timeout", 60.0)
        self._how = Locking(mode, float(timeout) if isinstance(timeout, (int, float)) else 60.0, sync)
        self._cost = 0.0 if not sync else SLOW  # seconds that a write has taken of late, smoothed
        self.conditional_writes = mode in ("os", "lockfile")
        if mode == "non_atomic":  # a file that is overwritten is nothing to copy from
            self.splice = None  # type: ignore[method-assign, assignment]

    @property
    def local_writes(self) -> bool:
        """Whether a small write is not worth a thread: nothing is synced, or soon enough.

        A disk may take milliseconds to sync, in which its caller has better things to do; a file system in
        memory, less time than it takes to hand the write to a thread.
        """
        return self._cost < SLOW

    def _timed(self, seconds: float, count: int) -> None:
        if self._how.sync and count:
            self._cost += (min(4 * SLOW, seconds / count) - self._cost) / 4

    def _bulk(self, effect: WriteMany) -> Commits | None:
        """Return the rows of a block prepared, where all are values and there is no condition."""
        if self._how.mode != "os" or any(effect.if_equal or ()):
            return None
        size = 0
        for value in effect.values:
            if value is None:
                return None
            size += value.nbytes if isinstance(value, memoryview) else len(value)
        # a file that is replaced takes several times the calls of one that is read
        if not (pays(4 * len(effect.keys), 1, size) and all(map(valid_key, effect.keys))):
            return None
        from tegula.leaves.file_bulk import Commits

        return Commits(effect.keys, effect.values, self._how.sync)

    def describe(self, key: str) -> str:
        return f"local file {quoted(key)}"

    def _answer_read(self, effect: Read) -> ReadOutcome:
        now = time.time()
        value, generation = _read_row(effect.key, effect.byte_range, effect.if_not_equal, effect.if_equal)
        return outcome(value, generation, now)

    def _answer_write(self, effect: Write) -> WriteOutcome:
        check_key(effect.key)
        now, start = time.time(), time.perf_counter()
        generation = commit(effect.key, effect.value, effect.if_equal, self._how)
        self._timed(time.perf_counter() - start, 1)
        return WriteOutcome(generation, now)

    def splice(self, effect: Splice) -> WriteOutcome:
        """Answer a `Splice` without reading what is only moved."""
        check_key(effect.key)
        now, start = time.time(), time.perf_counter()
        generation = commit(effect.key, Parts(effect.parts), effect.if_equal, self._how)
        self._timed(time.perf_counter() - start, 1)
        return WriteOutcome(generation, now)

    def _list(self, wanted: KeyRange) -> Listing:
        return _list(wanted)

    def _delete_range(self, wanted: KeyRange) -> None:
        _delete_range(wanted)

    def read_many(self, effect: ReadMany) -> ReadColumns:
        """Answer a block of reads, each into its own buffer of the exact size."""
        return self._read_block(effect, None)

    def tried(self, effect: Tried) -> TriedColumns:
        """Answer each row of a block, whatever becomes of the others."""
        errors: dict[int, TegulaError] = {}
        block = effect.block
        if isinstance(block, ReadMany):
            return TriedColumns(self._read_block(block, errors), errors)
        return TriedColumns(self._write_block(block, errors), errors)

    def _read_block(self, effect: ReadMany, errors: dict[int, TegulaError] | None) -> ReadColumns:
        """Answer a block of reads; the errors of rows are put into `errors`, or the first is raised."""
        now = time.time()
        keys = effect.keys
        ranges = effect.ranges or (None,) * len(keys)
        known = effect.if_not_equal or (UNKNOWN,) * len(keys)
        rows: list[Row] = []
        row, count, turns = 0, len(keys), TURNS
        bulk = pays(count) and not any(known) and all(map(valid_key, keys))
        while row < count:
            if bulk and turns and count - row >= FEW:
                from tegula.leaves.file_bulk import read_small

                rows += read_small(keys[row:], effect.ranges and ranges[row:])
                turns, row = turns - 1, len(rows)
                if row == count:
                    break
            key, end = keys[row], row + 1
            while end < count and keys[end] == key:
                end += 1
            try:
                if end == row + 1:
                    rows.append(_read_row(key, ranges[row], known[row]))
                else:
                    _read_rows(key, ranges[row:end], known[row:end], rows)
            except TegulaError as error:
                if errors is None:
                    error.row = len(rows)
                    raise
                errors[len(rows)] = error
                rows.append((None, UNKNOWN))
            row = len(rows)
        return ReadColumns([value for value, _ in rows], [generation for _, generation in rows], now)

    def children(self, effect: Children) -> list[str]:
        """Answer by looking into one directory, and below it only as far as the first file of each."""
        return _children(effect.prefix)

    def write_many(self, effect: WriteMany) -> WriteColumns:
        """Answer a block of writes, one after the other."""
        for key in effect.keys:
            check_key(key)
        return self._write_block(effect, None)

    def _write_block(self, effect: WriteMany, errors: dict[int, TegulaError] | None) -> WriteColumns:
        """Answer a block of writes; the errors of rows are put into `errors`, or the first is raised."""
        now, start, busy = time.time(), time.perf_counter(), time.thread_time()
        conditions = effect.if_equal or (UNKNOWN,) * len(effect.keys)
        keys, values = effect.keys, effect.values
        generations: list[bytes] = []
        bulk, turns, row, count = self._bulk(effect), TURNS, 0, len(keys)
        while row < count:
            if bulk is not None and turns:
                made = bulk.commit(row)
                generations += made
                row += len(made)
                turns = TURNS if made else turns - 1
                if row == count:
                    break
            try:
                if errors is not None:
                    check_key(keys[row])
                generations.append(commit(keys[row], values[row], conditions[row], self._how))
            except TegulaError as error:
                if errors is None:
                    error.row = row
                    raise
                errors[row] = error
                generations.append(UNKNOWN)
            row += 1
        taken, busy = time.perf_counter() - start, time.thread_time() - busy
        self._timed(taken, len(generations))
        return WriteColumns(generations, now, taken > 2 * busy)


def pays(rows: int, few: int = FEW, size: int = 0) -> bool:
    """Whether so many rows, of at least `few` and of so many bytes together, are better done by one call.

    Nobody loads the compiler for little: a row counts as what is moved in the time that its calls take.
    """
    if rows < few or not worthwhile(rows * ROW_BYTES + size, few * ROW_BYTES, 1 << 26):
        return False
    from tegula.leaves.file_bulk import supported

    return supported()


def _read_row(
    key: str, wanted: ByteRange | None, if_not_equal: bytes = UNKNOWN, if_equal: bytes = UNKNOWN
) -> Row:
    fd = _opened(key)
    if fd is None:
        return None, NO_VALUE
    try:
        return _read_open(fd, key, wanted, if_not_equal, if_equal)
    finally:
        os.close(fd)


def _read_rows(
    key: str, ranges: Sequence[ByteRange | None], known: Sequence[bytes], found: list[Row]
) -> None:
    """Append what several reads of one file give; it is opened once."""
    fd = _opened(key)
    if fd is None:
        found += [(None, NO_VALUE)] * len(ranges)
        return
    try:
        for wanted, had in zip(ranges, known, strict=True):
            found.append(_read_open(fd, key, wanted, had))
    finally:
        os.close(fd)


def _opened(key: str) -> int | None:
    """Return a descriptor of a file, None where there is none."""
    if not valid_key(key):
        check_key(key)
    try:
        return os.open(key, _READ_FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if os.path.isdir(key):
            return None
        raise os_error(f"Failed to open: {quoted(key)}", error) from None
    except UnicodeEncodeError:
        raise InvalidArgument(f"Invalid key: {key!r}") from None


def _read_open(
    fd: int, key: str, wanted: ByteRange | None, if_not_equal: bytes = UNKNOWN, if_equal: bytes = UNKNOWN
) -> Row:
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None, NO_VALUE
        generation = generation_of(status)
        if generation == if_not_equal or (if_equal and generation != if_equal):
            return UNCHANGED, generation
        first, last = (0, status.st_size) if wanted is None else span(wanted, status.st_size)
        size = last - first
        if size >= LARGE and _preadv is not None:
            held = buffer(size)
            got = _preadv(fd, [held], first)
            if got == size:
                return held.toreadonly(), generation
            return _read_rest(fd, key, bytes(held[:got]), size, first), generation
        value = _pread(fd, size, first) if size else b""
        return value if len(value) == size else _read_rest(fd, key, value, size, first), generation
    except OSError as error:
        raise os_error(f"Failed to read: {quoted(key)}", error) from None
    except MemoryError:
        raise ResourceExhausted(f"Cannot allocate {size} bytes to read: {quoted(key)}") from None


def _read_rest(fd: int, key: str, got: bytes, size: int, first: int) -> bytes:
    """Read on after a short read: one call reads 2 GiB at most."""
    whole = bytearray(got)
    while len(whole) < size:
        more = _pread(fd, size - len(whole), first + len(whole))
        if not more:
            raise Unavailable(f"Length changed while reading: {quoted(key)}")
        whole += more
    return bytes(whole)


def _list(wanted: KeyRange) -> Listing:
    keys = [to_key(key) for key in _files(wanted, remove=False)]
    return Listing(keys, [-1] * len(keys))


def _children(prefix: str) -> list[str]:
    folder = from_key(prefix)
    if folder:
        check_key(to_key(folder[:-1]) or "/")
    found = set()
    try:
        with os.scandir(folder or b".") as entries:
            for entry in entries:
                key = folder + entry.name
                if not entry.is_dir(follow_symlinks=False):
                    if not key.endswith(_LOCK):
                        found.add(entry.name)
                elif next(_walk(entry.path, key + b"/", b"", b"", remove=False), None) is not None:
                    found.add(entry.name + b"/")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise os_error(f"Failed to open directory: {quoted(prefix)}", error) from None
    return [to_key(name) for name in sorted(found)]


def _delete_range(wanted: KeyRange) -> None:
    for key in _files(wanted, remove=True):
        with contextlib.suppress(OSError):
            os.unlink(key)


def _files(wanted: KeyRange, remove: bool) -> Iterator[bytes]:
    """Yield the keys in a range; with `remove`, also clear what is left of directories that it covers."""
    low, high = from_key(wanted.inclusive_min), from_key(wanted.exclusive_max)
    if high and low >= high:
        return
    root = _common_directory(low, high)
    folder = root[:-1] if len(root) > 1 else root
    if folder and folder != b"/":
        check_key(to_key(folder))
        try:
            if not stat.S_ISDIR(os.stat(folder).st_mode):
                raise NotFound(f"Cannot list non-directory: {quoted(to_key(folder))}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise os_error(f"Failed to stat: {quoted(to_key(folder))}", error) from None
    yield from _walk(folder or b".", root, low, high, remove)


def _walk(folder: bytes, prefix: bytes, low: bytes, high: bytes, remove: bool) -> Iterator[bytes]:
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        if remove:
            return
        raise os_error(f"Failed to open directory: {quoted(to_key(folder))}", error) from None
    for entry in entries:
        key = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            below = key + b"/"
            end = key + b"0"  # the byte after "/"
            if end <= low or (high and below >= high):
                continue
            yield from _walk(entry.path, below, low, high, remove)
            # a directory goes where every key that starts with its name, slash or not, is in the range
            if remove and low <= key and (not high or _after_all(key) <= high):
                with contextlib.suppress(OSError):
                    os.rmdir(entry.path)
        elif low <= key and (not high or key < high):
            if not key.endswith(_LOCK):
                yield key
            elif remove:
                sweep(key)


def _after_all(prefix: bytes) -> bytes:
    return from_key(KeyRange.prefix(to_key(prefix)).exclusive_max) or b"\xff" * (len(prefix) + 1)


def _common_directory(low: bytes, high: bytes) -> bytes:
    """Return the deepest directory, with its slash, that holds every key of a range; or nothing."""
    cut = low.rfind(b"/") + 1
    while cut:
        below = low[:cut]
        if high and high <= below[:-1] + b"0":
            return below
        cut = low.rfind(b"/", 0, cut - 1) + 1
    return b"/" if low.startswith(b"/") else b""
