"""Runs the children that meet hostile bytes: one for all kinds, or in a soak one for each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))


def groups(kinds: Iterable[str]) -> list[list[str]]:
    """Return the kinds that are met by one child each."""
    return [[kind] for kind in kinds] if SOAK else [list(kinds)]


def told(program: str, kinds: list[str], count: int) -> dict[str, dict[str, Any]]:
    """Return what a child says of each kind, after `count` cases or `TEGULA_SOAK`; fail where it fails."""
    count = max(SOAK, 100) if SOAK else count
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / program), str(10**6 if SOAK else 0), str(count), *kinds],
        capture_output=True,
        text=True,
        timeout=None if SOAK else 280,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, Any]] = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    assert list(found) == kinds
    for kind, said in found.items():
        if SOAK:
            print(kind, said["count"], "cases, the longest", round(said["longest"], 3), "s:", said["done"])
        first = said["failures"][:1]
        assert not first, f"{kind}: " + "\n".join(map(str, first[0]))
        assert said["count"] == count
    return found
