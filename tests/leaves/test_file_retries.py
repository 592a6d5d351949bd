"""`file_io_retries`: what the file system refuses for now is asked again, as by tensorstore 0.1.86.

There, with I/O errors put under the wheel at the system call: an operation that fails with EIO is done again
up to `max_retries` times, then the error is ABORTED, "All 2 retry attempts failed: ..."; EACCES and the like
are not asked again; without the member nothing is.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.errors import Aborted, PermissionDenied, Unavailable

CALLS = {"pread": "read", "write": "write", "fsync": "write", "replace": "write", "unlink": "delete"}


class Failing:
    """A function of `os` that fails the first times it is called for a file of this test."""

    def __init__(self, real: Callable[..., Any], times: int, number: int) -> None:
        self.real, self.left, self.number = real, times, number
        self.calls = 0

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*arguments, **more)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Failing]:
    def plant(name: str, times: int, number: int = errno.EIO) -> Failing:
        # one call for a block does not go through `os`; what fails in it is done again row by row
        monkeypatch.setattr("tegula.leaves.file.pays", lambda *_: False)
        made = Failing(getattr(os, name), times, number)
        if name == "pread":
            monkeypatch.setattr("tegula.leaves.file._pread", made)
        else:
            monkeypatch.setattr(os, name, made)
        return made

    return plant


def opened(path: Path, count: int | None = 2, mode: str = "os") -> ts.KvStore:
    retries = {} if count is None else {"file_io_retries": {"max_retries": count, "initial_delay": "1ms"}}
    spec = {"driver": "file", "path": f"{path}/", "file_io_locking": {"mode": mode}, **retries}
    return ts.KvStore.open(spec).result()


def do(store: ts.KvStore, what: str) -> Any:
    if what == "read":
        assert store["a"] == b"old"
    elif what == "write":
        store["a"] = b"new"
        assert Path(f"{store.path}a").read_bytes() == b"new"
    else:
        del store["a"]
        assert not Path(f"{store.path}a").exists()


@pytest.mark.parametrize(
    ("call", "what", "mode"),
    [
        (call, what, mode)
        for call, what in CALLS.items()
        for mode in ("os", "lockfile", "none", "non_atomic")
        if (call, mode) != ("replace", "non_atomic")  # which renames nothing
    ],
)
def test_what_fails_once_is_done_again(tmp_path: Path, failing: Any, call: str, what: str, mode: str) -> None:
    store = opened(tmp_path, mode=mode)
    (tmp_path / "a").write_bytes(b"old")
    planted = failing(call, 1)
    do(store, what)
    assert planted.calls >= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ([] if what == "delete" else ["a"])


def test_what_fails_for_ever_is_aborted(tmp_path: Path, failing: Any) -> None:
    (tmp_path / "a").write_bytes(b"old")
    planted = failing("pread", 99)
    with pytest.raises(Aborted, match=r"^ABORTED: All 2 retry attempts failed: Failed to read: .*code='5'"):
        opened(tmp_path).read("a").result()
    assert planted.calls == 3


def test_what_asking_does_not_help_is_not_asked_again(tmp_path: Path, failing: Any) -> None:
    (tmp_path / "a").write_bytes(b"old")
    planted = failing("pread", 99, errno.EACCES)
    with pytest.raises(PermissionDenied):
        opened(tmp_path).read("a").result()
    assert planted.calls == 1


@pytest.mark.parametrize("count", [None, 0])
def test_nothing_is_asked_again_where_nobody_said_so(tmp_path: Path, failing: Any, count: int | None) -> None:
    (tmp_path / "a").write_bytes(b"old")
    planted = failing("pread", 99)
    with pytest.raises(Unavailable):
        opened(tmp_path, count).read("a").result()
    assert planted.calls == 1


def test_arrays_lists_and_removals(tmp_path: Path, failing: Any) -> None:
    """Conditional writes of chunks among them; each row of a block is asked for again for itself."""
    retries = {"max_retries": 5, "initial_delay": "1ms", "max_delay": "2ms"}
    store = {"driver": "file", "path": f"{tmp_path}/a/", "file_io_retries": retries}
    spec = {"driver": "zarr3", "kvstore": store}
    layout = ts.ChunkLayout(chunk_shape=[10])
    array = ts.open(spec, create=True, dtype="int32", shape=[400], chunk_layout=layout).result()
    data = np.arange(400, dtype="int32")
    planted = [failing("write", 4), failing("replace", 3), failing("pread", 2)]
    array.write(data).result()
    array[5:395].write(data[5:395] * 2).result()
    data[5:395] *= 2
    np.testing.assert_array_equal(array.read().result(), data)
    assert not any(each.left for each in planted)
    kv = array.kvstore
    assert len(kv.list().result()) == 41
    kv.delete_range(ts.KvStore.KeyRange("c", "d")).result()
    assert kv.list().result() == [b"zarr.json"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["zarr.json"]


def _array(path: Path, count: int | None) -> ts.TensorStore:
    retries = {} if count is None else {"file_io_retries": {"max_retries": count, "initial_delay": "1ms"}}
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/", **retries}}
    layout = ts.ChunkLayout(chunk_shape=[1])
    return ts.open(spec, open=True, create=True, dtype="int64", shape=[300], chunk_layout=layout).result()


def test_blocks_stay_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be asked again is asked in blocks, as without: rows are asked alone only where they failed."""
    array = _array(tmp_path, 2)

    def alone(*_: Any) -> Any:
        raise AssertionError("a row was asked alone")

    monkeypatch.setattr("tegula.leaves.file.FileLeaf._answer_read", alone)
    monkeypatch.setattr("tegula.leaves.file.FileLeaf._answer_write", alone)
    array.write(np.arange(300) % 251 + 1).result()
    assert array.read().result().tolist() == [number % 251 + 1 for number in range(300)]


def test_rows_that_fail_are_asked_again_and_no_others(tmp_path: Path, failing: Any) -> None:
    array = _array(tmp_path, 3)
    replaced = failing("replace", 7)
    array.write(np.arange(300) % 251 + 1).result()
    assert replaced.calls == 307
    read = failing("pread", 7)
    assert array.read().result().tolist() == [number % 251 + 1 for number in range(300)]
    assert read.calls == 307


def test_a_block_that_fails_for_good_says_which_chunk(tmp_path: Path, failing: Any) -> None:
    array = _array(tmp_path, 1)
    array.write(5).result()
    failing("pread", 10_000)
    with pytest.raises(Aborted, match=r"All 1 retry attempts failed.*Failed to read.*/c/\d+"):
        array.read().result()
    failing("replace", 10_000)
    with pytest.raises(Aborted, match=r"/c/\d+"):
        array.write(np.arange(300) % 251 + 1).result()
