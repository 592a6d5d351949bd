"""R12: forks under load, and worker processes that fork or are spawned.

Quick here; ``TEGULA_SOAK=1 pytest -s tests/processes`` forks 1,000 times.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
FORKS = 1000 if os.environ.get("TEGULA_SOAK") else 25
EPOCHS = 20 if os.environ.get("TEGULA_SOAK") else 1

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def run(script: str, *arguments: object, limit: float) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout, done.stderr[-3000:])
    return done.stdout


@needs_fork
@pytest.mark.timeout(0 if FORKS > 25 else 200)
def test_every_child_of_a_busy_parent_is_right(tmp_path: Path) -> None:
    said = run("fork_load.py", tmp_path, FORKS, limit=FORKS * 6 + 60)
    assert said.startswith(f"right {FORKS} wrong 0 crashed 0 hanging 0 of {FORKS};")


@pytest.mark.timeout(0 if EPOCHS > 1 else 200)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_of_a_loader_read_right(tmp_path: Path, method: str) -> None:
    if method != "spawn" and not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    assert run("loader.py", tmp_path, method, EPOCHS, limit=60 + 60 * EPOCHS) == "right\n"
