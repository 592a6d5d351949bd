"""The shape of the source tree: layers, the purity line, sizes, names, cheap imports.

The import contracts live in ``pyproject.toml`` (``tool.importlinter``).  Each is seen to pass on the real
tree and to fail on a copy with one planted violation: a contract that cannot fail holds nothing.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "tegula"
FILES = sorted(SOURCE.rglob("*.py"))
LINES_AT_MOST = 600
WORLDLY = {"leaves", "runtime", "api", "cli", "testing", "interop"}
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc", "base", "manager", "impl"}
HEAVY = ("numba", "llvmlite", "google", "asyncio", "numcodecs", "concurrent.futures")


def _contracts() -> dict[str, dict[str, list[str]]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}


def _lint(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    chosen = [word for name in contracts for word in ("--contract", name)]
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
            "--config",
            str(ROOT / "pyproject.toml"),
            *chosen,
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_contracts_hold():
    done = _lint(SOURCE.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("layers", "space/planted.py", "import tegula.plan"),
        ("layers", "space/planted.py", "import tegula.kernels"),
        ("layers", "formats/planted.py", "def f():\n    from tegula import runtime"),
        ("layers", "kv/spec.py", "import tegula.effects"),
        ("layers", "unlisted.py", "pass"),
        ("purity", "plan/planted.py", "import os.path"),
        ("purity", "space/planted.py", "def f():\n    import time"),
        ("purity", "codecs/planted.py", "from io import BytesIO"),
        ("purity", "programs/planted.py", "from concurrent.futures import Future"),
        ("purity", "view.py", "import asyncio"),
        ("purity", "kernels/planted.py", "import threading"),
        ("purity", "errors.py", "import socket"),
        ("effects", "effects/planted.py", "import tegula.schema"),
        ("jit", "kernels/planted.py", "from numba import njit"),
    ],
)
def test_each_contract_fails_on_a_planted_violation(tmp_path, contract, file, line):
    shutil.copytree(SOURCE, tmp_path / "tegula", ignore=shutil.ignore_patterns("__pycache__"))
    planted = tmp_path / "tegula" / file
    old = planted.read_text() if planted.exists() else '"""Planted."""\n'
    planted.write_text(old + "\n" + line + "\n")
    done = _lint(tmp_path, contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout


def test_the_jit_file_alone_may_touch_the_world_from_above_the_line(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "tegula", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tegula" / "kernels" / "_jit.py").write_text('"""."""\nimport os\nimport threading\n')
    done = _lint(tmp_path, "purity")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_is_on_one_side_of_the_purity_line():
    pure = {name.removeprefix("tegula.") for name in _contracts()["purity"]["source_modules"]}
    parts = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in FILES}
    unlisted = parts - {"__init__", "__main__"} - pure - WORLDLY
    assert not unlisted, f"add {sorted(unlisted)} to source_modules of the purity contract in pyproject.toml"


def test_every_part_of_kv_is_in_a_layer():
    layers = " ".join(_contracts()["layers"]["layers"]).replace("(", " ").replace(")", " ").split()
    parts = {path.stem for path in (SOURCE / "kv").iterdir() if not path.name.startswith("_")}
    unlisted = {f"kv.{part}" for part in parts} - set(layers)
    assert not unlisted, f"add {sorted(unlisted)} to the layers contract in pyproject.toml"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
class TestFile:
    def test_is_short(self, path):
        lines = len(path.read_text().splitlines())
        assert lines <= LINES_AT_MOST, f"{path} has {lines} lines: split it by concept"

    def test_is_named_for_what_it_knows(self, path):
        assert not VAGUE & {part.strip("_") for part in path.relative_to(SOURCE).with_suffix("").parts}

    def test_opens_with_its_theory(self, path):
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} does not say what it knows"

    def test_imports_numba_only_in_the_jit_file(self, path):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).split(".")[0])
            elif isinstance(node, ast.Import):
                imported.update(alias.name.split(".")[0] for alias in node.names)
        if path.relative_to(SOURCE).as_posix() != "kernels/_jit.py":
            assert not imported & {"numba", "llvmlite"}


def _loaded(code: str) -> set[str]:
    """The modules that `code` loads in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"],
        env=os.environ | {"PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def _heavy(code: str) -> set[str]:
    # what the interpreter loads by itself (a .pth file of the environment may import things) is not ours
    return {name for name in _loaded(code) - _loaded("import numpy") if name in HEAVY}


def test_importing_tegula_is_cheap():
    assert not _heavy("import tegula")


def test_importing_every_pure_module_is_cheap():
    names = []
    for path in FILES:
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[0] not in WORLDLY | {"kernels", "__main__"}:
            names.append(".".join(("tegula", *parts)).removesuffix(".__init__"))
    assert not _heavy("\n".join(f"import {name}" for name in names))


def test_a_heavy_import_would_be_seen():
    assert _heavy("import tegula, asyncio") >= {"asyncio", "concurrent.futures"}
