"""Blocks of files that are read and written by one call equal the rows one by one, compiled and plain."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading

import pytest

from tegula.effects.storage import Read, ReadMany, Write, WriteMany
from tegula.errors import TegulaError
from tegula.kernels import _jit
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, StoreRef
from tegula.leaves import file, file_bulk
from tegula.leaves.file import FileLeaf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the calls are those of Linux")
REF = StoreRef("file")
LEAF = FileLeaf(REF)
KERNELS = (file_bulk._read_rows, file_bulk._commit_rows)


@pytest.fixture(autouse=True, params=["compiled", "plain"])
def way(request, monkeypatch):
    """Blocks go by one call, whatever was compiled before; the calls are counted."""
    monkeypatch.setattr(file, "worthwhile", lambda work, warm, cold: True)
    if request.param == "plain" or _jit.plain():
        file_bulk.supported()  # asks the compiled ones, once a process
        for name in ("_read_rows", "_commit_rows"):
            monkeypatch.setattr(file_bulk, name, getattr(file_bulk, name).python)
    return request.param


def one_by_one(keys, ranges=None):
    """Return values and generations of rows read by themselves, or the error of the first that has one."""
    found = []
    for row, key in enumerate(keys):
        try:
            answer = LEAF.perform(Read(REF, key, ranges and ranges[row]))
        except TegulaError as error:
            return type(error), str(error), row
        found.append((None if answer.state == "missing" else bytes(answer.value), answer.generation))
    return found


def at_once(keys, ranges=None):
    try:
        got = LEAF.read_many(ReadMany(REF, keys, ranges))
    except TegulaError as error:
        return type(error), str(error), error.row
    pairs = zip(got.values, got.generations, strict=True)
    return [(None if value is None else bytes(value), generation) for value, generation in pairs]


@pytest.fixture
def files(tmp_path):
    """Files of every sort, some of which are none."""
    draw = random.Random(5)
    sizes = [0, 1, 100, 5000, (64 << 10) - 1, 64 << 10, 70_000, 600_000]
    for number, size in enumerate(sizes * 4):
        (tmp_path / f"d{number % 3}").mkdir(exist_ok=True)
        (tmp_path / f"d{number % 3}" / f"f{number}").write_bytes(draw.randbytes(size))
    os.mkfifo(tmp_path / "d0" / "pipe")
    (tmp_path / "d0" / "link").symlink_to(tmp_path / "d0" / "f0")
    (tmp_path / "d0" / "loop").symlink_to(tmp_path / "d0" / "loop")
    (tmp_path / "d0" / "é\udce9").write_bytes(b"not UTF-8")
    return tmp_path


STRANGE = "d0", "d0/pipe", "d0/link", "x", "d0/x", "d0/f0/below", "d0/é\udce9"


def names(folder, draw, odd=True):
    known = [f"{folder}/d{number % 3}/f{number}" for number in range(32)]
    strange = [
        f"{folder}/{name}" for name in ("d0", "d0/pipe", "d0/link", "x", "d0/x", "d0/f0/below", "d0/é\udce9")
    ]
    return [
        draw.choice(strange) if odd and draw.random() < 0.2 else draw.choice(known)
        for _ in range(draw.randint(1, 40))
    ]


@pytest.mark.parametrize("seed", range(12))
def test_files_are_what_they_are_one_by_one(files, seed):
    keys = names(files, random.Random(seed), odd=seed % 3 > 0)
    assert at_once(keys) == one_by_one(keys)


@pytest.mark.parametrize("seed", range(24))
def test_parts_of_files_are_what_they_are_one_by_one(files, seed):
    draw = random.Random(seed)
    keys = sorted(names(files, draw, odd=seed % 2 > 0))
    ranges = []
    for _ in keys:
        start = draw.choice([0, 0, 1, 50, 100, -1, -100, 5000])
        stop = None if start < 0 else draw.choice([None, start, start + 1, start + 50])
        ranges.append(draw.choice([None, ByteRange(start, stop)]))
    assert at_once(keys, ranges) == one_by_one(keys, ranges)


def test_a_name_that_leads_nowhere_is_the_same_error(files):
    keys = [f"{files}/d0/f0"] * 3 + [f"{files}/d0/loop"] + [f"{files}/d0/f0"] * 3
    assert at_once(keys) == one_by_one(keys)
    assert at_once(keys)[2] == 3


def test_more_than_one_buffer_of_files(tmp_path):
    for number in range(60):
        (tmp_path / str(number)).write_bytes(bytes([number]) * 30_000)
    keys = [f"{tmp_path}/{number}" for number in range(60)]
    got = LEAF.read_many(ReadMany(REF, keys)).values
    assert [bytes(value) for value in got] == [bytes([number]) * 30_000 for number in range(60)]
    again = LEAF.read_many(ReadMany(REF, keys)).values  # does not touch what is still looked at
    assert all(bytes(value) == bytes([number]) * 30_000 for number, value in enumerate(got))
    assert [bytes(value) for value in again] == [bytes(value) for value in got]
    with pytest.raises(TypeError):
        got[0][0] = 1


# ---- writing


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(keys, values, leaf=LEAF):
    return leaf.write_many(WriteMany(REF, keys, values)).generations


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_what_is_written_is_what_is_there(tmp_path, seed, sync):
    leaf = FileLeaf(StoreRef("file", (("file_io_sync", sync),)))
    draw = random.Random(seed)
    expected = {}
    for _ in range(4):
        keys = [
            f"{draw.choice('ab')}/{draw.randrange(3)}/{draw.randrange(4)}" for _ in range(draw.randint(1, 30))
        ]
        values = [draw.choice([b"", draw.randbytes(draw.randint(1, 9000)), None]) for _ in keys]
        if draw.random() < 0.5:
            values = [value or b"x" for value in values]
        buffers = [
            value if value is None else draw.choice([bytes, bytearray, memoryview])(value) for value in values
        ]
        generations = write([f"{tmp_path}/{key}" for key in keys], buffers, leaf)
        for key, value, generation in zip(keys, values, generations, strict=True):
            expected[key] = value, generation
        assert content(tmp_path) == {key: value for key, (value, _) in expected.items() if value is not None}
        for key, (_, generation) in expected.items():
            assert LEAF.perform(Read(REF, f"{tmp_path}/{key}")).generation == generation


def test_the_calls_are_made(tmp_path, monkeypatch):
    general = []
    monkeypatch.setattr("tegula.leaves.file.commit", lambda *given: general.append(given[0]) or NO_VALUE)
    keys = [f"{tmp_path}/c/0/{number}" for number in range(20)]
    (tmp_path / "c").mkdir()
    write(keys, [bytes([number]) for number in range(20)])
    assert [value.tobytes() for value in LEAF.read_many(ReadMany(REF, keys)).values] == [
        bytes([n]) for n in range(20)
    ]
    assert general == []


def test_generations_grow_however_often_a_value_is_replaced(tmp_path):
    key = f"{tmp_path}/a"
    seen = [write([key] * 5, [bytes([number])] * 5) for number in range(20)]
    flat = [generation for block in seen for generation in block]
    assert flat == sorted(set(flat), key=flat.index)
    assert len(set(flat)) == 100
    assert content(tmp_path) == {"a": b"\x13"}


def test_a_block_waits_for_who_holds_a_lock_and_takes_over_what_a_killed_writer_left(tmp_path):
    script = """
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.write(fd, b"half of it")
fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
print("locked", flush=True)
sys.stdin.readline()
"""
    lock = tmp_path / "2.__lock"
    with subprocess.Popen([sys.executable, "-c", script, lock], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout.readline() == "locked\n"
        done = threading.Event()

        def block():
            write([f"{tmp_path}/{number}" for number in range(5)], [b"new"] * 5)
            done.set()

        thread = threading.Thread(target=block)
        thread.start()
        assert not done.wait(0.3)
        assert set(content(tmp_path)) == {"0", "1", "2.__lock"}
        holder.kill()
        assert done.wait(30)
        thread.join()
    assert content(tmp_path) == {str(number): b"new" for number in range(5)}


def test_errors_name_their_row_and_the_rows_before_are_written(tmp_path):
    (tmp_path / "2").mkdir()
    with pytest.raises(TegulaError) as caught:
        write([f"{tmp_path}/{number}" for number in range(5)], [b"new"] * 5)
    assert caught.value.row == 2
    assert content(tmp_path) == {"0": b"new", "1": b"new"}


def test_a_value_that_does_not_fit_leaves_the_old_one(tmp_path):
    script = f"""
import resource, sys
from tegula.effects.storage import WriteMany
from tegula.errors import TegulaError
from tegula.kv.spec import StoreRef
from tegula.leaves import file
from tegula.leaves.file import FileLeaf
file.worthwhile = lambda *_: True
leaf, keys = FileLeaf(StoreRef("file")), [r"{tmp_path}/%d" % number for number in range(4)]
leaf.write_many(WriteMany(StoreRef("file"), keys, [b"old"] * 4))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    leaf.write_many(WriteMany(StoreRef("file"), keys, [b"new", b"new", bytes(5000), b"new"]))
except TegulaError as error:
    print(error.row, "Failed to write" in str(error))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["2", "True"]
    assert content(tmp_path) == {"0": b"new", "1": b"new", "2": b"old", "3": b"old"}


def test_conditions_are_not_for_blocks(tmp_path):
    keys = [f"{tmp_path}/{number}" for number in range(4)]
    write(keys[:2], [b"old"] * 2)
    got = LEAF.write_many(WriteMany(REF, keys, [b"new"] * 4, [NO_VALUE] * 4)).generations
    assert [generation == UNKNOWN for generation in got] == [True, True, False, False]
    assert content(tmp_path) == {"0": b"old", "1": b"old", "2": b"new", "3": b"new"}


def test_writers_of_blocks_and_of_single_values_keep_out_of_each_others_way(tmp_path):
    keys = [f"{tmp_path}/{number}" for number in range(4)]
    made: list[bytes] = []

    def many(name):
        for turn in range(30):
            made.extend(write(keys, [f"{name} {turn}".encode() * 50] * 4))

    def single():
        made.extend(LEAF.perform(Write(REF, keys[turn % 4], b"one")).generation for turn in range(60))

    threads = [threading.Thread(target=many, args=(name,)) for name in "ab"] + [
        threading.Thread(target=single)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == len(made) == 300
    assert set(content(tmp_path)) == {"0", "1", "2", "3"}
