"""R1 and R3 at the level of one key: processes that race, and processes that are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tegula.effects.storage import Read, Write
from tegula.kv.spec import StoreRef
from tegula.leaves.file import FileLeaf

HERE = Path(__file__).parent
SOAK = bool(os.environ.get("TEGULA_SOAK"))
REF = StoreRef("file")


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "writers.py"), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def race(path: Path, kinds: list[str], count: int, sync: bool = False) -> list[float]:
    """Run one process for each of `kinds`; return the mean number of tries of each."""
    extra = ["sync"] if sync else []
    children = [start("increment", kind, str(path), str(count), *extra) for kind in kinds]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate()[0] for child in children]
    assert all(child.returncode == 0 for child in children)
    return [int(answer) / count for answer in answers]


@pytest.mark.peers
@pytest.mark.parametrize("sync", [False, True])
def test_no_update_is_lost_between_tegula_and_tensorstore(tmp_path: Path, sync: bool) -> None:
    processes, count = (8, 1000) if SOAK else (4, 40)
    kinds = ["tegula", "tensorstore"] * (processes // 2)
    begun = time.perf_counter()
    tries = race(tmp_path / "n", kinds, count, sync)
    assert (tmp_path / "n").read_bytes() == str(processes * count).encode()
    assert os.listdir(tmp_path) == ["n"]
    print(f"sync={sync} {time.perf_counter() - begun:.1f} s, mean tries", *zip(kinds, tries, strict=True))


def test_no_update_is_lost_between_tegula_processes(tmp_path: Path) -> None:
    processes, count = (8, 1000) if SOAK else (4, 100)
    tries = race(tmp_path / "n", ["tegula"] * processes, count)
    assert (tmp_path / "n").read_bytes() == str(processes * count).encode()
    assert os.listdir(tmp_path) == ["n"]
    print("mean tries", tries)


def test_a_killed_writer_leaves_whole_values_and_what_it_acknowledged(tmp_path: Path) -> None:
    """Each round: a child writes stamped values to 3 keys, dies at some moment, and the values are whole."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("writers", HERE / "writers.py")
    assert spec is not None
    assert spec.loader is not None
    writers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writers)
    draw = random.Random(7)
    leaf = FileLeaf(REF)
    rounds = 200 if SOAK else 15
    orphans = 0
    for seed in range(rounds):
        child = start("stamp", "tegula", str(tmp_path), str(seed))
        assert child.stdout is not None
        first = child.stdout.readline()  # it runs
        time.sleep(draw.uniform(0.0, 0.03))
        child.kill()
        acknowledged = [int(line) for line in [first, *child.stdout.read().split("\n")[:-1]]]
        child.wait()
        child.stdout.close()
        child.stdin.close()
        last = acknowledged[-1]
        for slot in range(3):
            done = [number for number in acknowledged if number % 3 == slot]
            found = leaf.perform(Read(REF, f"{tmp_path}/{slot}"))
            if done:
                assert writers.intact(found.value) in (done[-1], last + 1)
                assert found.value.startswith(f"{seed}:".encode())
        left = [name for name in os.listdir(tmp_path) if name.endswith(".__lock")]
        assert len(left) <= 3
        orphans += len(left)
    print("orphans met", orphans, "of", rounds)
    # the next writers take over what was left, and leave nothing
    for slot in range(3):
        leaf.perform(Write(REF, f"{tmp_path}/{slot}", b"end"))
        assert leaf.perform(Read(REF, f"{tmp_path}/{slot}")).value == b"end"
    assert sorted(os.listdir(tmp_path)) == ["0", "1", "2"]
