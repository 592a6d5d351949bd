"""Splices of files: what is written is what they mean, whatever the system can; else all is as it was."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tegula.effects.handler import splice_of
from tegula.effects.storage import Read, Splice, Write, spliced
from tegula.errors import OutOfRange, ResourceExhausted, Unavailable
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, StoreRef
from tegula.leaves import file_splice
from tegula.leaves.file import FileLeaf
from tegula.runtime.inline import run
from tegula.runtime.session import SESSION

OLD = bytes(range(251)) * 9000
PARTS: list[Any] = [
    b"head",
    ByteRange(0, 1_500_000),
    b"x" * 70_000,
    ByteRange(3, 3),
    ByteRange(2_000_000, 2_000_009),
]
PARTS += [part for start in range(0, 90_000, 100) for part in (ByteRange(start, start + 30), b"+")]
PARTS += [bytearray(b"y"), memoryview(b"z"), ByteRange(2_100_000, len(OLD)), b"tail"]


def leaf_of(**options: object) -> tuple[FileLeaf, StoreRef]:
    ref = StoreRef("file", tuple(sorted({"file_io_sync": False, **options}.items())))
    return FileLeaf(ref), ref


def put(leaf: FileLeaf, ref: StoreRef, path: Path, value: bytes = OLD) -> bytes:
    return leaf.perform(Write(ref, str(path), value)).generation


def tree(root: Path) -> list[str]:
    return sorted(os.listdir(root))


def refusing(code: int) -> Any:
    def call(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return call


def little_by_little(source: int, target: int, count: int, start: int) -> int:
    return os.copy_file_range(source, target, min(count, 70_001), start)


def half(fd: int, pieces: Any) -> int:
    joined = b"".join(pieces)
    return os.write(fd, joined[: 1 + len(joined) // 2])


CAN = {
    "all": {},
    "no copies": {"_copied": None},
    "none here": {"_copied": refusing(errno.EXDEV)},
    "nothing copied": {"_copied": lambda *_: 0},
    "copied in parts": {"_copied": little_by_little},
    "no gathering": {"_copied": None, "_writev": None},
    "half gathered": {
        "_writev": lambda fd, pieces: os.write(fd, b"".join(pieces)[: 1 + sum(map(len, pieces)) // 2])
    },
}


@pytest.mark.parametrize("can", CAN)
def test_what_is_written_is_what_is_meant(tmp_path: Path, can: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if can == "copied in parts" and not hasattr(os, "copy_file_range"):
        pytest.skip("this system does not copy ranges")
    for name, value in CAN[can].items():
        monkeypatch.setattr(file_splice, name, value)
    leaf, ref = leaf_of()
    first = put(leaf, ref, tmp_path / "f")
    for parts in (PARTS, [ByteRange(0, len(OLD))], [b"only bytes"], [b""], []):
        first = put(leaf, ref, tmp_path / "f")
        done = leaf.splice(Splice(ref, f"{tmp_path}/f", parts, first))
        assert (tmp_path / "f").read_bytes() == spliced(parts, OLD)
        assert leaf.perform(Read(ref, f"{tmp_path}/f")).generation == done.generation != first
        assert tree(tmp_path) == ["f"]


@pytest.mark.parametrize("mode", ["os", "lockfile", "none", "non_atomic"])
def test_each_locking_mode_splices(tmp_path: Path, mode: str) -> None:
    leaf, ref = leaf_of(file_io_locking=mode)
    first = put(leaf, ref, tmp_path / "f")
    effect = Splice(ref, f"{tmp_path}/f", PARTS, first)
    done = SESSION(effect)
    assert (leaf.splice is None) == (mode == "non_atomic")  # what is overwritten is nothing to copy from
    assert done.applied
    assert (tmp_path / "f").read_bytes() == spliced(PARTS, OLD)
    assert not SESSION(effect).applied
    assert tree(tmp_path) == ["f"]


def test_a_file_of_another_generation_is_left_alone(tmp_path: Path) -> None:
    leaf, ref = leaf_of()
    key = f"{tmp_path}/f"
    first = put(leaf, ref, tmp_path / "f")
    put(leaf, ref, tmp_path / "f", b"another")
    for condition in (first, NO_VALUE, b"\0nothing"):
        assert leaf.splice(Splice(ref, key, PARTS, condition)).generation == UNKNOWN
    assert leaf.splice(Splice(ref, f"{tmp_path}/g", PARTS, first)).generation == UNKNOWN
    assert (tmp_path / "f").read_bytes() == b"another"
    assert tree(tmp_path) == ["f"]


def test_a_file_replaced_by_who_takes_no_lock_is_not_copied_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is copied from is the file that is open, not the one that had the name a moment before."""
    leaf, ref = leaf_of()
    first = put(leaf, ref, tmp_path / "f")
    opened = os.open

    def late(path: Any, *more: Any) -> int:
        if path == f"{tmp_path}/f":
            (tmp_path / "new").write_bytes(OLD[::-1])
            os.replace(tmp_path / "new", tmp_path / "f")
        return opened(path, *more)

    with monkeypatch.context() as patch:
        patch.setattr(file_splice.os, "open", late)
        assert not leaf.splice(Splice(ref, f"{tmp_path}/f", PARTS, first)).applied
    assert (tmp_path / "f").read_bytes() == OLD[::-1]
    assert tree(tmp_path) == ["f"]


def test_what_fails_leaves_the_old_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf, ref = leaf_of()
    first = put(leaf, ref, tmp_path / "f")
    effect = Splice(ref, f"{tmp_path}/f", PARTS, first)
    for name in ("_copied", "_writev"):
        with monkeypatch.context() as patch:
            patch.setattr(file_splice, name, refusing(errno.ENOSPC))
            with pytest.raises(ResourceExhausted, match="No space left on device"):
                leaf.splice(effect)
    with monkeypatch.context() as patch:
        patch.setattr(file_splice, "_copied", None)
        patch.setattr(file_splice.os, "pread", lambda *_: b"")
        with pytest.raises(Unavailable, match="Length changed while reading"):
            leaf.splice(effect)
    for wanted in (ByteRange(0, len(OLD) + 1), ByteRange(-3), ByteRange(5), ByteRange(9, 3)):
        errors = []
        for call in (leaf.splice, lambda effect: run(splice_of(effect), SESSION)):
            with pytest.raises(OutOfRange) as caught:
                call(Splice(ref, f"{tmp_path}/f", [b"x", wanted], first))
            errors.append(str(caught.value))
        assert errors[0] == errors[1]
    assert (tmp_path / "f").read_bytes() == OLD
    assert tree(tmp_path) == ["f"]
