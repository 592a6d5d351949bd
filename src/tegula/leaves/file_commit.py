"""Replacing one file atomically: the lock file that is also the temporary file.

Knows: the four locking modes and the order of the system calls.  Must not know: effects, keys,
formats.

The protocol of mode ``os`` is TensorStore's, call for call where it matters, so that both may
write the same store at once:

1. open ``<path>.__lock``, making it where it is missing, and lock it (open file description locks);
2. look again: when the name now belongs to another file, begin with that one;
3. compare the generation of the value where there is a condition; on mismatch remove the lock file;
4. write the value *into the lock file*, sync it, and rename it onto the value; sync the directory.

Laws.  A reader sees the old value or the new one.  A killed writer leaves the old value and at most one
lock file, which the next writer takes over and empties.  The modification time of a value grows with
every write, also where the file system's clock stands still, so that a generation (device, inode,
time) does not come back while the value exists.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from struct import Struct

from tegula.effects.storage import Buffer
from tegula.errors import Indeterminate, InvalidArgument, ResourceExhausted
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.paths import LOCK_SUFFIX, quoted
from tegula.leaves.file_errors import os_error
from tegula.leaves.file_splice import Parts, splice
from tegula.row import NamedTuple

__all__ = ["Locking", "commit", "generation_of", "sweep"]

_GENERATION = Struct("<BQQQ")
_MASK = (1 << 64) - 1
_LOCK_FLAGS = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_DIRECTORY_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_NUDGES = (1, 1_000, 1_000_000, 1_000_000_000, 2_000_000_000)
_TRIES = 64

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int, wait: bool) -> bool:
        while True:
            try:
                msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
                time.sleep(0.001)
            else:
                return True

else:
    import fcntl

    _OFD = getattr(fcntl, "F_OFD_SETLKW", None)
    # struct flock: type, whence, start, length, process (which must be 0)
    _WHOLE_FILE = Struct("hhqqi4x").pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

    def _lock(fd: int, wait: bool) -> bool:
        try:
            if _OFD is not None:
                fcntl.fcntl(fd, _OFD if wait else fcntl.F_OFD_SETLK, _WHOLE_FILE)
            else:
                fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):
            if wait:
                raise
            return False
        return True


class Locking(NamedTuple):
    """How writers keep out of each other's way, and whether they wait for the disk.

    `timeout` is in seconds and is for mode ``lockfile`` only.
    """

    mode: str = "os"
    timeout: float = 60.0
    sync: bool = True


def generation_of(status: os.stat_result) -> bytes:
    """Return the generation of a file: a zero byte, then device, inode and mtime in ns, 8 bytes each."""
    return _GENERATION.pack(0, status.st_dev & _MASK, status.st_ino & _MASK, status.st_mtime_ns & _MASK)


def commit(path: str, value: Buffer | Parts | None, if_equal: bytes, how: Locking) -> bytes:
    """Replace the file at `path` by `value`, or remove it (None), if its generation is `if_equal`.

    `Parts` are of the file with that generation, and not for the mode ``non_atomic``.  Returns the new
    generation, `NO_VALUE` after a removal, or `UNKNOWN` where the condition was refused.

    Raises:
        TegulaError: the file system refuses; the old value is as it was.
        OutOfRange: a part does not lie in the old value, which is as it was.
        Indeterminate: the new value is in place but the directory could not be synced.
    """
    for _ in range(_TRIES):
        directory = _open_parent(path, value is not None, how.sync)
        if directory is None:
            return NO_VALUE if if_equal in (UNKNOWN, NO_VALUE) else UNKNOWN
        try:
            if how.mode == "non_atomic" or (how.mode == "none" and value is None):
                assert not isinstance(value, Parts)
                return _in_place(path, value, if_equal, how, directory)
            return _replace(path, value, if_equal, how, directory)
        except _DirectoryVanished:
            continue
        finally:
            if directory >= 0:
                os.close(directory)
    raise ResourceExhausted(f"Failed to open lock file: {quoted(path + LOCK_SUFFIX)}: its directory vanishes")


def sweep(lock_path: bytes) -> None:
    """Remove a lock file that no living writer holds; leave the others."""
    with contextlib.suppress(OSError):
        fd = os.open(lock_path, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            if _lock(fd, wait=False) and os.path.samestat(os.fstat(fd), os.stat(lock_path)):
                os.unlink(lock_path)
        finally:
            os.close(fd)


class _DirectoryVanished(Exception):
    """Someone removed the directory between our opening it and our making the lock file: begin again."""


def _replace(path: str, value: Buffer | Parts | None, if_equal: bytes, how: Locking, directory: int) -> bytes:
    lock_path, fd = _acquire(path, how)
    ours = True
    try:
        current = _current(path)
        if if_equal and if_equal != (NO_VALUE if current is None else generation_of(current)):
            return UNKNOWN
        if value is None:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise os_error(f"Failed to delete: {quoted(path)}", error) from None
            generation = NO_VALUE
        else:
            if isinstance(value, Parts):
                if not splice(fd, lock_path, path, value, lambda seen: generation_of(seen) == if_equal):
                    return UNKNOWN
                value = b""
            generation = _fill(fd, lock_path, value, current, how.sync)
            try:
                if sys.platform == "win32":
                    os.close(fd)
                    fd = -1
                os.replace(lock_path, path)
            except OSError as error:
                raise os_error(
                    f"Failed to rename fd: {fd} {quoted(lock_path)} to: {quoted(path)}", error
                ) from None
            ours = False
            _sync_directory(directory, path, how.sync)
    finally:
        if ours:
            with contextlib.suppress(OSError):
                os.unlink(lock_path)
        if fd >= 0:
            os.close(fd)
    if value is None:
        _sync_directory(directory, path, how.sync)
    return generation


def _in_place(path: str, value: Buffer | None, if_equal: bytes, how: Locking, directory: int) -> bytes:
    current = _current(path)
    if if_equal and if_equal != (NO_VALUE if current is None else generation_of(current)):
        return UNKNOWN
    if value is None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise os_error(f"Failed to delete: {quoted(path)}", error) from None
        _sync_directory(directory, path, how.sync)
        return NO_VALUE
    try:
        fd = os.open(path, _LOCK_FLAGS | os.O_TRUNC, 0o666)
    except FileNotFoundError:
        raise _DirectoryVanished from None
    except OSError as error:
        raise os_error(f"Failed to open: {quoted(path)}", error) from None
    try:
        generation = _fill(fd, path, value, current, how.sync)
        _sync_directory(directory, path, how.sync)
        return generation
    finally:
        os.close(fd)


def _acquire(path: str, how: Locking) -> tuple[str, int]:
    if how.mode == "os":
        lock_path = path + LOCK_SUFFIX
        fd = _open_lock(lock_path, 0)
        while True:
            try:
                _lock(fd, wait=True)
                mine, named = os.fstat(fd), _current(lock_path)
                if named is not None and (mine.st_ino, mine.st_dev) == (named.st_ino, named.st_dev):
                    if mine.st_size:
                        os.ftruncate(fd, 0)
                    return lock_path, fd
            except BaseException as error:
                os.close(fd)
                if isinstance(error, OSError):
                    raise os_error(f"Failed to lock: {quoted(lock_path)}", error) from None
                raise
            os.close(fd)
            fd = _open_lock(lock_path, 0)
    if how.mode == "none":
        lock_path = f"{path}_{os.urandom(8).hex()}{LOCK_SUFFIX}"
        return lock_path, _open_lock(lock_path, os.O_EXCL)
    if how.mode != "lockfile":
        raise InvalidArgument(f"Unknown locking mode: {how.mode!r}")
    lock_path = path + LOCK_SUFFIX
    deadline = time.monotonic() + how.timeout
    pause = 0.001
    while True:
        try:
            return lock_path, _open_lock(lock_path, os.O_EXCL)
        except FileExistsError:
            if time.monotonic() >= deadline:
                raise ResourceExhausted(f"Failed to open lock file: {quoted(lock_path)}") from None
        jitter = 0.5 + os.urandom(1)[0] / 256
        time.sleep(min(pause * jitter, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 2, 0.1)


def _open_lock(lock_path: str, extra: int) -> int:
    try:
        return os.open(lock_path, _LOCK_FLAGS | extra, 0o666)
    except FileNotFoundError:
        raise _DirectoryVanished from None
    except FileExistsError:
        raise
    except OSError as error:
        raise os_error(f"Failed to open: {quoted(lock_path)}", error) from None


def _current(path: str) -> os.stat_result | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise os_error(f"Failed to open: {quoted(path)}", error) from None
    return status if stat.S_ISREG(status.st_mode) else None


def _fill(fd: int, name: str, value: Buffer, current: os.stat_result | None, sync: bool) -> bytes:
    try:
        written = os.write(fd, value)
        size = value.nbytes if isinstance(value, memoryview) else len(value)
        if written < size:
            rest = memoryview(value).cast("B")
            while written < size:
                written += os.write(fd, rest[written:])
        if sync:
            os.fsync(fd)
        status = os.fstat(fd)
        if current is not None and status.st_mtime_ns <= current.st_mtime_ns:
            for nudge in _NUDGES:
                os.utime(fd, ns=(status.st_atime_ns, current.st_mtime_ns + nudge))
                status = os.fstat(fd)
                if status.st_mtime_ns > current.st_mtime_ns:
                    break
            if sync:
                os.fsync(fd)
    except OSError as error:
        raise os_error(f"Failed to write: {quoted(name)}", error) from None
    return generation_of(status)


def _open_parent(path: str, create: bool, sync: bool) -> int | None:
    """Open the directory of `path` (-1 on a system that cannot), or None where it is missing and stays so."""
    parent, slash, _ = path.rpartition("/")
    parent = parent or slash or "."
    if sys.platform == "win32":
        if create:
            os.makedirs(parent, exist_ok=True)
        return -1 if os.path.isdir(parent) else None
    for _ in range(_TRIES):
        try:
            return os.open(parent, _DIRECTORY_FLAGS)
        except FileNotFoundError:
            if not create:
                return None
        except OSError as error:
            raise os_error(f"Failed to open directory: {quoted(parent)}", error) from None
        above = _open_parent(parent, create, sync)
        if above is None:
            return None
        try:
            os.mkdir(parent, 0o777)
            if sync:
                os.fsync(above)
        except (FileExistsError, FileNotFoundError):
            pass
        except OSError as error:
            raise os_error(f"Failed to create directory: {quoted(parent)}", error) from None
        finally:
            os.close(above)
    raise ResourceExhausted(f"Failed to create directory: {quoted(parent)}: it vanishes")


def _sync_directory(directory: int, path: str, sync: bool) -> None:
    if sync and directory >= 0:
        try:
            os.fsync(directory)
        except OSError as error:
            raise Indeterminate(
                f"Failed to sync the directory of: {quoted(path)}: {error.strerror}"
            ) from None
