"""R12: forks under load, and worker processes that fork or are spawned.

Quick here; ``TEGULA_SOAK=1 pytest -s tests/processes`` forks 1,000 times.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tegula.runtime import forks

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


def forked(program: str, *path: Path, **environment: str) -> int:
    """Run a program that forks a child which says by its exit how it fared, and return that; -14 hung."""
    script = "import os, signal, sys, threading, time, warnings; warnings.simplefilter('ignore')\n" + program
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*path, SOURCE)))} | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return int(done.stdout)


@needs_fork
def test_a_fork_waits_for_what_another_thread_imports(tmp_path: Path) -> None:
    """Half imported, and locked for ever, is what the child would find."""
    (tmp_path / "zfpy.py").write_text("import time\nhalf = 1\ntime.sleep(0.5)\nwhole = 1\n")
    program = """
import tegula.runtime.threads
threading.Thread(target=__import__, args=["zfpy"]).start()
while not hasattr(sys.modules.get("zfpy"), "half"):
    time.sleep(0.001)
if not (child := os.fork()):
    signal.alarm(10)
    import zfpy
    os._exit(7 * hasattr(zfpy, "whole"))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert forked(program, tmp_path) == 7


@needs_fork
def test_a_fork_waits_for_no_module_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "server_of_mine.py").write_text("import time\nbegun = 1\ntime.sleep(60)\n")
    program = """
import tegula.runtime.threads
threading.Thread(target=__import__, args=["server_of_mine"], daemon=True).start()
while not hasattr(sys.modules.get("server_of_mine"), "begun"):
    time.sleep(0.001)
begun = time.monotonic()
if not (child := os.fork()):
    os._exit(0)
assert time.monotonic() - begun < tegula.runtime.forks.PATIENCE / 2
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert forked(program, tmp_path) == 0


@needs_fork
def test_a_fork_waits_for_what_another_thread_compiles(tmp_path: Path) -> None:
    program = """
import numpy as np
import tegula.runtime.threads
from tegula.kernels import endian
words = np.arange(5, dtype="u4")
threading.Thread(target=endian.swap, args=[words, words]).start()
while "numba" not in sys.modules:
    time.sleep(0.001)
if not (child := os.fork()):
    signal.alarm(60)
    halves = np.arange(5, dtype="u2")
    endian.swap(halves, halves)
    os._exit(7 * bool(halves[1] == 256))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert forked(program, NUMBA_CACHE_DIR=str(tmp_path)) == 7


def test_every_module_that_is_imported_late_is_waited_for() -> None:
    """What `LATE` names is what functions of the library import; Python's own modules are all waited for."""
    found = set()
    for source in SOURCE.rglob("*.py"):
        for function in ast.walk(ast.parse(source.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import):
                        found |= {name.name.partition(".")[0] for name in node.names}
                    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                        found.add(node.module.partition(".")[0])
    assert found - sys.stdlib_module_names - {"pytest"} <= forks.LATE
