"""R1: eight processes, half of them tensorstore, each add to elements of one chunk: nothing is lost.

Every process reads its elements, adds one and writes them back, `count` times; all elements are in one
chunk, so every write is a conditional read-modify-write against seven others.  ``TEGULA_SOAK=1``: 1,000
times each.  The same with a store that is written in Python, where four tries an update are the most.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tegula

from ..testing.stores_of_users import Notes

pytestmark = pytest.mark.peers
tensorstore = pytest.importorskip("tensorstore")

PROCESSES = 8
COUNT = 1000 if os.environ.get("TEGULA_SOAK") else 25
SCRIPT = Path(__file__).parent / "element_writers.py"


def race(kvstore: object, driver: str, kinds: list[str], count: int) -> tuple[str, float]:
    """Run one process for each of `kinds`; return the figures as text, and tegula's tries an update."""
    children = [
        subprocess.Popen(
            [
                sys.executable,
                str(SCRIPT),
                kind,
                driver,
                str(kvstore),
                str(number),
                str(len(kinds)),
                str(count),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, kind in enumerate(kinds)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    begun = time.perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate()[0].split() for child in children]
    wall = time.perf_counter() - begun
    assert all(child.returncode == 0 for child in children)
    each = ", ".join(f"{kind} {took} s {tries}" for kind, (took, tries) in zip(kinds, answers, strict=True))
    tries = [int(tries) for kind, (_, tries) in zip(kinds, answers, strict=True) if kind == "tegula"]
    mean = sum(tries) / len(tries) / count
    return f"{driver} {wall:.1f} s for {len(kinds)} x {count}, {mean:.2f} tries an update: {each}", mean


@pytest.mark.timeout(0 if COUNT > 25 else 120)
@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_no_update_of_an_element_is_lost(tmp_path: Path, driver: str) -> None:
    size = 4 * PROCESSES
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{tmp_path}/a/"}}
    store = tegula.open(
        spec, create=True, dtype="int32", shape=[size], chunk_layout=tegula.ChunkLayout(chunk_shape=[size])
    )
    store.result()
    print(race(tmp_path / "a", driver, ["tegula", "tensorstore"] * (PROCESSES // 2), COUNT)[0])
    for module in (tegula, tensorstore):
        found = module.open(spec).result().read().result()
        np.testing.assert_array_equal(found, np.full(size, COUNT, np.int32))
    left = {
        path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*") if path.is_file()
    }
    assert left == ({".zarray", "0"} if driver == "zarr" else {"zarr.json", "c/0"})


@pytest.mark.timeout(0 if COUNT > 25 else 120)
def test_no_update_is_lost_on_a_store_written_in_python(tmp_path: Path) -> None:
    size = 4 * PROCESSES
    tegula.register_store("notes", Notes)
    spec = {"driver": "zarr3", "kvstore": {"driver": "notes", "file": f"{tmp_path}/all.db"}}
    layout = tegula.ChunkLayout(chunk_shape=[size])
    tegula.open(spec, create=True, dtype="int32", shape=[size], chunk_layout=layout).result()
    said, tries = race(f"notes:{tmp_path}/all.db", "zarr3", ["tegula"] * PROCESSES, COUNT)
    print(said)
    found = tegula.open(spec).result().read().result()
    np.testing.assert_array_equal(found, np.full(size, COUNT, np.int32))
    assert tries <= 4
