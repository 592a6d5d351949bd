"""R1 for arrays: writers that are killed leave whole chunks, and all that they had acknowledged."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.processes.array_writers import KINDS, LARGE, SMALL, STRIPES, opened

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
ROUNDS = max(SOAK, 100) if SOAK else 3
pytestmark = pytest.mark.timeout(0 if SOAK else 300)
CHILD = Path(__file__).parent / "array_writers.py"


def killed(kind: str, folder: Path, seed: int, after: float, *more: str) -> list[int]:
    """Run a writer, kill it some seconds after its first write; return the numbers that it said."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), kind, str(folder), str(seed), *more],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdout is not None
    with child.stdout:
        first = child.stdout.readline()
        time.sleep(after)
        child.kill()
        said = [first, *child.stdout.read().split("\n")[:-1]]
    child.wait()
    return [int(line) for line in said if line.strip()]


def plane(store: Any) -> Any:
    data = store.read().result()
    return data.reshape(data.shape[:2])


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_writer_leaves_whole_chunks_and_what_it_acknowledged(kind: str, tmp_path: Path) -> None:
    """In each chunk a stripe has one number: the last one acknowledged, or the one that was being written."""
    draw = random.Random(kind)
    before = np.zeros(LARGE, "u4")
    landed = 0
    for seed in range(1, ROUNDS + 1):
        said = killed(kind, tmp_path, seed, draw.uniform(0, 0.04))
        assert said == list(range(seed * 10**6 + 1, seed * 10**6 + 1 + len(said)))
        store = opened(kind, str(tmp_path))
        found = plane(store)
        edges = store.chunk_layout.read_chunk.shape[:2]
        under_way = said[-1] + 1
        for stripe, (low, high) in enumerate(STRIPES):
            mine = [number for number in said if number % len(STRIPES) == stripe]
            for top in range(low - low % edges[0], high, edges[0]):
                for left in range(0, LARGE[1], edges[1]):
                    box = slice(max(top, low), min(top + edges[0], high)), slice(left, left + edges[1])
                    if found[box].size:
                        values = np.unique(found[box]).tolist()
                        allowed = [mine[-1]] if mine else np.unique(before[box]).tolist()
                        if under_way % len(STRIPES) == stripe:
                            allowed.append(under_way)
                        assert len(values) == 1
                        assert values[0] in allowed
                        landed += values[0] == under_way
        before = found
    print(kind, ROUNDS, "kills; chunks of the write that was under way that had landed:", landed)
    # what is left over hinders nobody, and is gone after the next write
    store = opened(kind, str(tmp_path))
    store.write(7).result()
    assert (plane(store) == 7).all()
    assert not list(tmp_path.rglob("*.__lock"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("precomputed")])
def test_a_killed_resize_leaves_one_of_both_shapes(kind: str, tmp_path: Path) -> None:
    """The shape is the last acknowledged or the one under way; no element inside of both is lost or torn."""
    draw = random.Random(kind)
    for seed in range(1, (ROUNDS if SOAK else 2) + 1):
        said = killed(kind, tmp_path, seed, draw.uniform(0, 0.04), "resize")
        store = opened(kind, str(tmp_path))
        under_way = said[-1] + 1
        shapes = {
            SMALL if n % 4 == 1 else LARGE for n in (*[n for n in said if n % 2][-1:], under_way) if n % 2
        }
        assert tuple(store.shape) in shapes
        found = plane(store)
        for stripe, (low, high) in enumerate(STRIPES):
            mine = [n for n in said if n % 2 == 0 and n // 2 % len(STRIPES) == stripe]
            allowed = {*mine[-1:]}
            if under_way % 2 == 0 and under_way // 2 % len(STRIPES) == stripe:
                allowed.add(under_way)
            if mine:  # every array was as large as this, whatever came before
                part = found[low : min(high, SMALL[0]), : SMALL[1]]
                assert set(np.unique(part).tolist()) <= allowed
        store.resize(exclusive_max=LARGE).result()[...] = 5
        assert (plane(opened(kind, str(tmp_path))) == 5).all()
