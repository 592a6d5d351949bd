"""Packages that are written for TensorStore do under tegula what they do under tensorstore 0.1.86.

Each program runs in a process of its own, with `tensorstore` as it is, and with tegula in its place.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tegula

pytestmark = pytest.mark.peers
SOURCE = Path(tegula.__file__).parent.parent
INSTEAD = "import sys, tegula; sys.modules['tensorstore'] = tegula\n"


def printed(program: str, folder: Path, before: str = "") -> str:
    """Return what a program prints that runs in an empty folder."""
    folder.mkdir()
    source = before + (Path(__file__).parent / program).read_text()
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-W", "ignore", "-c", source]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace(str(folder), "FOLDER")


@pytest.mark.parametrize("package", ["xarray_tensorstore", "worldarray"])
def test_a_package_does_what_it_does_over_tensorstore_0_1_86(package: str, tmp_path: Path) -> None:
    pytest.importorskip(package)
    theirs = printed(f"with_{package}.py", tmp_path / "1")
    assert theirs.count("\n") > 50
    assert printed(f"with_{package}.py", tmp_path / "2", INSTEAD) == theirs
