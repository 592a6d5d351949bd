"""The file leaf: what it refuses, what it leaves behind, and that its files are tensorstore's files."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tegula.effects.storage import (
    UNCHANGED,
    DeleteRange,
    List,
    Read,
    ReadMany,
    Write,
    WriteMany,
)
from tegula.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    ResourceExhausted,
    TegulaError,
)
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, StoreRef
from tegula.leaves.file import FileLeaf

REF = StoreRef("file", (("file_io_sync", False),))
LEAF = FileLeaf(REF)


def with_mode(mode: str, **more: object) -> FileLeaf:
    options = {"file_io_locking": mode, "file_io_sync": False, **more}
    return FileLeaf(StoreRef("file", tuple(sorted(options.items()))))


def read(key: object, **more: object) -> bytes | None:
    found = LEAF.perform(Read(REF, str(key), **more))
    return bytes(found.value) if found.state == "value" else None


def write(key: object, value: bytes | None, if_equal: bytes = UNKNOWN) -> bytes:
    return LEAF.perform(Write(REF, str(key), value, if_equal)).generation


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


# ------------------------------------------------------------------ keys


HOSTILE = ["", "a/", "a//b", "./a", "../a", "a/..", "a/.", "a/../../b", "..", ".", "x.__lock", "a.__lock/b"]
HOSTILE += ["a\0b", "//a", "\0", "a/../b", "../../../../etc/passwd", "a/\0/../b", "b/./c", ".__lock", "c/.."]
HOSTILE += ["/".join([".."] * depth) + "/x" for depth in range(1, 40)]
HOSTILE += [f"a/{dots}/b" for dots in (".", "..")] + [f"{name}.__lock" for name in ("a/b", "..", "é")]


@pytest.mark.parametrize("key", HOSTILE)
def test_no_operation_leaves_the_store_by_a_hostile_key(tmp_path: Path, key: str) -> None:
    """R11: refused by name, and nothing outside or inside is touched."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "x").write_bytes(b"outside")
    (tmp_path / "b").write_bytes(b"outside")
    before = tree(tmp_path)
    whole = f"{root}/{key}"
    for effect in (Read(REF, whole), Write(REF, whole, b"1"), Write(REF, whole, None)):
        with pytest.raises(InvalidArgument, match=r"^Invalid key: "):
            LEAF.perform(effect)
    with pytest.raises(InvalidArgument, match=r"^Invalid key: "):
        LEAF.read_many(ReadMany(REF, [whole]))
    with pytest.raises(InvalidArgument, match=r"^Invalid key: "):
        LEAF.write_many(WriteMany(REF, [whole], [b"1"]))
    if key and not key.endswith("/"):
        for effect in (
            List(REF, KeyRange.prefix(whole + "/")),
            DeleteRange(REF, KeyRange.prefix(whole + "/")),
        ):
            with pytest.raises(InvalidArgument, match=r"^Invalid key: "):
                LEAF.perform(effect)
    assert tree(tmp_path) == before


def test_keys_that_only_look_odd_are_plain_names(tmp_path: Path) -> None:
    """Backslashes, percent signs and leading dots are characters like any other."""
    for name in ("..\\x", "%2e%2e", "...", ".hidden", "~", "a b", "*", "é", "\udcff", "x.__lock2", "__lock"):
        write(f"{tmp_path}/{name}", name.encode("utf-8", "surrogateescape"))
        assert read(f"{tmp_path}/{name}") == name.encode("utf-8", "surrogateescape")
        assert os.path.dirname(os.path.realpath(f"{tmp_path}/{name}")) == str(tmp_path)


def test_links_are_followed_on_the_way_and_listed_as_keys(tmp_path: Path) -> None:
    """KF-07, as tensorstore 0.1.86: a link is a key to a listing, and a way to a read."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"1")
    (tmp_path / "l").symlink_to("d")
    (tmp_path / "nowhere").symlink_to("nothing")
    assert read(tmp_path / "l" / "f") == b"1"
    assert read(tmp_path / "l") is None
    listed = LEAF.perform(List(REF, KeyRange.prefix(f"{tmp_path}/"))).keys
    assert sorted(os.path.relpath(key, tmp_path) for key in listed) == ["d/f", "l", "nowhere"]
    LEAF.perform(DeleteRange(REF, KeyRange.prefix(f"{tmp_path}/l")))
    assert (tmp_path / "d" / "f").exists()


# ------------------------------------------------------------------ reading


def test_what_is_no_regular_file_has_no_value(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_bytes(b"1")
    os.mkfifo(tmp_path / "pipe")  # would block a plain open
    for key in ("missing", "d", "f/below", "f/below/deeper", "missing/below", "pipe"):
        found = LEAF.perform(Read(REF, f"{tmp_path}/{key}"))
        assert (found.state, found.generation) == ("missing", NO_VALUE)
    columns = LEAF.read_many(ReadMany(REF, [f"{tmp_path}/{key}" for key in ("d", "f", "pipe")]))
    assert columns.values == [None, b"1", None]


def test_ranges_are_exact(tmp_path: Path) -> None:
    write(tmp_path / "f", b"0123456789")
    assert read(tmp_path / "f", byte_range=ByteRange(3, 5)) == b"34"
    assert read(tmp_path / "f", byte_range=ByteRange(-3)) == b"789"
    assert read(tmp_path / "f", byte_range=ByteRange(10, 10)) == b""
    with pytest.raises(OutOfRange, match=r"Requested byte range \[5, 50\) is not valid for value of size 10"):
        read(tmp_path / "f", byte_range=ByteRange(5, 50))
    with pytest.raises(OutOfRange, match=r"\[-11, \?\)"):
        LEAF.read_many(ReadMany(REF, [f"{tmp_path}/f"], [ByteRange(-11)]))


def test_values_handed_out_do_not_change(tmp_path: Path) -> None:
    write(tmp_path / "f", b"a" * 5000)
    first = LEAF.read_many(ReadMany(REF, [f"{tmp_path}/f"] * 3)).values
    write(tmp_path / "f", b"b" * 5000)
    second = LEAF.read_many(ReadMany(REF, [f"{tmp_path}/f"] * 3)).values
    assert first == [b"a" * 5000] * 3
    assert second == [b"b" * 5000] * 3


def test_a_value_over_the_limit_of_one_read_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call reads 2 GiB at most; a smaller limit stands for it."""
    from tegula.leaves import file

    whole = file._pread
    monkeypatch.setattr(file, "_pread", lambda fd, size, start: whole(fd, min(size, 1000), start))
    value = os.urandom(12345)
    write(tmp_path / "f", value)
    assert read(tmp_path / "f") == value
    assert read(tmp_path / "f", byte_range=ByteRange(1, 9999)) == value[1:9999]


# ------------------------------------------------------------------ writing


def test_errors_name_the_file_and_the_reason(tmp_path: Path) -> None:
    write(tmp_path / "f", b"1")
    (tmp_path / "d").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    not_directory = (
        r"^FAILED_PRECONDITION: Failed to open directory: .*/f.: Not a directory \[os_error_code='20'\]$"
    )
    with pytest.raises(FailedPrecondition, match=not_directory):
        write(tmp_path / "f" / "g", b"1")
    with pytest.raises(
        FailedPrecondition, match=r'Failed to rename fd: \d+ ".*d.__lock" to: ".*d": Is a directory'
    ):
        write(tmp_path / "d", b"1")
    with pytest.raises(FailedPrecondition, match=r'Failed to delete: ".*d": Is a directory'):
        write(tmp_path / "d", None)
    with pytest.raises(InvalidArgument, match=r'^Failed to open: ".*n.__lock": File name too long'):
        write(tmp_path / ("n" * 255), b"1")
    with pytest.raises(FailedPrecondition, match="Too many levels of symbolic links"):
        write(tmp_path / "loop" / "a", b"1")
    assert tree(tmp_path) == ["d", "f", "loop"]


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="needs a file system that makes no directories")
def test_a_directory_that_cannot_be_made() -> None:
    with pytest.raises(TegulaError, match=r'Failed to create directory: "/proc/nowhere"'):
        write("/proc/nowhere/a", b"1")


DISK_FULL = """
import resource, signal, sys
from tegula.effects.storage import Write
from tegula.errors import TegulaError
from tegula.kv.spec import StoreRef
from tegula.leaves.file import FileLeaf
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ref = StoreRef("file")
leaf = FileLeaf(ref)
leaf.perform(Write(ref, sys.argv[1], b"old"))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    leaf.perform(Write(ref, sys.argv[1], b"n" * 5000))
except TegulaError as error:
    print(error)
"""


def test_a_value_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DISK_FULL, f"{tmp_path}/f"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith('OUT_OF_RANGE: Failed to write: "')
    assert "File too large" in done.stdout
    assert (tmp_path / "f").read_bytes() == b"old"
    assert tree(tmp_path) == ["f"]


def test_no_space_left_leaves_the_old_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says when the disk is full, said at each step that can say it."""
    from tegula.leaves import file_commit

    write(tmp_path / "f", b"old")
    for step in ("write", "fsync", "replace"):
        with monkeypatch.context() as patch:

            def full(*arguments: object) -> int:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            patch.setattr(file_commit.os, step, full)
            with pytest.raises(ResourceExhausted, match="No space left on device"):
                FileLeaf(StoreRef("file")).perform(Write(REF, f"{tmp_path}/f", b"new"))
        assert read(tmp_path / "f") == b"old"
        assert tree(tmp_path) == ["f"]


def test_a_stale_lock_file_is_taken_over_and_emptied(tmp_path: Path) -> None:
    """tensorstore 0.1.86 writes over it without emptying it: its value ends in the rest of the dead one's."""
    (tmp_path / "f.__lock").write_bytes(b"what a dead writer left, longer than the value")
    write(tmp_path / "f", b"value")
    assert read(tmp_path / "f") == b"value"
    assert tree(tmp_path) == ["f"]


def test_deleting_what_is_not_there_makes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "a" / "b", None) == NO_VALUE
    assert write(tmp_path / "a" / "b", None, NO_VALUE) == NO_VALUE
    assert write(tmp_path / "a" / "b", None, b"\0other") == UNKNOWN
    assert tree(tmp_path) == []


def test_rows_of_one_file_in_a_block_are_the_rows_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    file, other, ranges = f"{tmp_path}/f", f"{tmp_path}/g", [ByteRange(1, 3), ByteRange(-2), None, None]
    found = LEAF.read_many(ReadMany(REF, [file, file, other, file], ranges))
    assert [value and bytes(value) for value in found.values] == [b"12", b"89", None, b"0123456789"]
    assert found.generations == [found.generations[0]] * 2 + [NO_VALUE, found.generations[0]]
    with pytest.raises(OutOfRange) as caught:
        LEAF.read_many(ReadMany(REF, [other, file, file, file], [None, None, ByteRange(11, 12), None]))
    assert caught.value.row == 2
    same = [b"", found.generations[0], b""]
    values = LEAF.read_many(ReadMany(REF, [file] * 3, if_not_equal=same)).values
    assert [value is UNCHANGED for value in values] == [False, True, False]


def test_generations_grow_where_the_clock_stands_still(tmp_path: Path) -> None:
    """A generation does not come back: the time of a value is later than that of the one it replaces."""
    future = time.time_ns() + 10**15
    write(tmp_path / "f", b"0")
    os.utime(tmp_path / "f", ns=(future, future))
    seen = set()
    last = future
    for number in range(50):
        seen.add(write(tmp_path / "f", str(number).encode()))
        now = (tmp_path / "f").stat().st_mtime_ns
        assert now > last
        last = now
    assert len(seen) == 50
    assert LEAF.perform(Read(REF, f"{tmp_path}/f")).generation in seen


def test_files_are_made_as_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "a" / "f", b"1")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a" / "f").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750


@pytest.mark.parametrize("value", [b"", b"x", bytearray(b"abc"), memoryview(b"abcdef")[1:4]])
def test_every_kind_of_buffer(tmp_path: Path, value: bytes) -> None:
    LEAF.perform(Write(REF, f"{tmp_path}/f", value))
    assert read(tmp_path / "f") == bytes(value)


# ------------------------------------------------------------------ locking modes


@pytest.mark.parametrize("mode", ["os", "lockfile", "none", "non_atomic"])
@pytest.mark.parametrize("sync", [False, True])
def test_each_locking_mode_reads_writes_and_deletes(tmp_path: Path, mode: str, sync: bool) -> None:
    leaf = with_mode(mode, file_io_sync=sync)
    key = f"{tmp_path}/a/f"
    first = leaf.perform(Write(REF, key, b"1", NO_VALUE)).generation
    assert leaf.perform(Write(REF, key, b"x", NO_VALUE)).generation == UNKNOWN
    second = leaf.perform(Write(REF, key, b"22", first)).generation
    assert read(key) == b"22"
    assert leaf.perform(Write(REF, key, None, first)).generation == UNKNOWN
    assert leaf.perform(Write(REF, key, None, second)).generation == NO_VALUE
    assert leaf.perform(Write(REF, key, None)).generation == NO_VALUE
    assert tree(tmp_path) == ["a"]


def test_a_lock_file_that_stays_times_out(tmp_path: Path) -> None:
    leaf = with_mode("lockfile", acquire_timeout=0.05)
    (tmp_path / "f.__lock").touch()
    with pytest.raises(ResourceExhausted, match=r'Failed to open lock file: ".*f.__lock"'):
        leaf.perform(Write(REF, f"{tmp_path}/f", b"1"))
    threading.Timer(0.05, (tmp_path / "f.__lock").unlink).start()
    with_mode("lockfile", acquire_timeout=30.0).perform(Write(REF, f"{tmp_path}/f", b"1"))
    assert read(tmp_path / "f") == b"1"


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="Unknown locking mode"):
        with_mode("magic").perform(Write(REF, f"{tmp_path}/f", b"1"))


def test_threads_lose_no_update(tmp_path: Path) -> None:
    key = f"{tmp_path}/n"
    barrier = threading.Barrier(4)

    def add(times: int) -> None:
        barrier.wait()
        for _ in range(times):
            while True:
                found = LEAF.perform(Read(REF, key))
                value = str(int(found.value or b"0") + 1).encode()
                if LEAF.perform(Write(REF, key, value, found.generation)).applied:
                    break

    threads = [threading.Thread(target=add, args=(50,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(key) == b"200"
    assert tree(tmp_path) == ["n"]


# ------------------------------------------------------------------ ranges of keys


def test_delete_range_leaves_locks_that_are_held(tmp_path: Path) -> None:
    """tensorstore 0.1.86 removes them, and with them the value that is being written."""
    from tegula.leaves import file_commit

    for name in ("a/x", "a/y"):
        write(tmp_path / name, b"1")
    (tmp_path / "a" / "orphan.__lock").write_bytes(b"left by a dead writer")
    with open(tmp_path / "a" / "held.__lock", "wb") as held:
        assert file_commit._lock(held.fileno(), wait=False)
        LEAF.perform(DeleteRange(REF, KeyRange.prefix(f"{tmp_path}/")))
        assert tree(tmp_path) == ["a", "a/held.__lock"]
    LEAF.perform(DeleteRange(REF, KeyRange.prefix(f"{tmp_path}/")))
    assert tree(tmp_path) == []


def test_writers_and_a_bulk_delete_do_not_disturb_each_other(tmp_path: Path) -> None:
    """A writer whose directory is removed under it makes it again; no write fails, none is torn."""
    stop = threading.Event()
    problems: list[BaseException] = []

    def sweep() -> None:
        while not stop.is_set():
            LEAF.perform(DeleteRange(REF, KeyRange.prefix(f"{tmp_path}/")))

    def scribble() -> None:
        try:
            for number in range(150):
                write(tmp_path / "a" / "b" / str(number % 3), b"v" * (number * 10))
                found = read(tmp_path / "a" / "b" / str(number % 3))
                assert found is None or set(found) <= {ord("v")}
        except BaseException as error:
            problems.append(error)

    sweeper = threading.Thread(target=sweep)
    writers = [threading.Thread(target=scribble) for _ in range(2)]
    sweeper.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    sweeper.join()
    assert problems == []


def test_listing_a_file_as_a_directory(tmp_path: Path) -> None:
    write(tmp_path / "f", b"1")
    with pytest.raises(NotFound, match=r'^NOT_FOUND: Cannot list non-directory: ".*/f"$'):
        LEAF.perform(List(REF, KeyRange.prefix(f"{tmp_path}/f/")))
    assert LEAF.perform(List(REF, KeyRange.prefix(f"{tmp_path}/missing/"))).keys == []


def test_relative_keys_start_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("a/b", b"1")
    assert read("a/b") == b"1"
    assert LEAF.perform(List(REF, KeyRange())).keys == ["a/b"]
    assert LEAF.perform(List(REF, KeyRange.prefix("a/"))).keys == ["a/b"]
    LEAF.perform(DeleteRange(REF, KeyRange()))
    assert tree(tmp_path) == []


# ------------------------------------------------------------------ beside tensorstore


@pytest.mark.peers
def test_generations_are_those_of_tensorstore(tmp_path: Path) -> None:
    """0.1.86: a zero byte, device, inode and mtime in ns."""
    ts = pytest.importorskip("tensorstore")
    theirs = ts.KvStore.open(f"file://{tmp_path}/").result()
    ours = write(tmp_path / "f", b"1")
    assert theirs.read("f").result().stamp.generation == ours
    stamp = theirs.write("f", b"2", if_equal=ours).result()
    assert LEAF.perform(Read(REF, f"{tmp_path}/f", if_not_equal=stamp.generation)).state == "unspecified"
    found = LEAF.read_many(ReadMany(REF, [f"{tmp_path}/f"], if_not_equal=[stamp.generation]))
    assert found.values == [UNCHANGED]
    assert write(tmp_path / "f", b"3", stamp.generation) not in (UNKNOWN, stamp.generation)
    assert theirs.write("f", b"4", if_equal=stamp.generation).result().generation == b""


@pytest.mark.peers
def test_hostile_keys_are_refused_with_the_same_words(tmp_path: Path) -> None:
    ts = pytest.importorskip("tensorstore")
    theirs = ts.KvStore.open(f"file://{tmp_path}/").result()
    for key in HOSTILE:
        with pytest.raises(ValueError, match="Invalid key") as error:
            theirs.read(key).result()
        with pytest.raises(InvalidArgument) as mine:
            read(f"{tmp_path}/{key}")
        assert str(mine.value) == str(error.value)
