"""Programs in a Python of their own, with packages of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"


def printed(code: str, folder: Path) -> str:
    """Return what a program prints that may import what lies in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": f"{SOURCE}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
