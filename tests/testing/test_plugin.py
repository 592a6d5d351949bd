"""The suite of stores as pytest finds it: by an entry point, an option, a setting and a fixture."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tegula.testing.stores import all_checks

ROOT = Path(__file__).resolve().parents[2]

STORES = """
import threading, tegula

class Shelf:
    lock, numbers = threading.Lock(), iter(range(1, 10**9))
    def __init__(self, where=""): self.values = {}
    def get(self, key): return self.values.get(key)
    def put(self, key, value):
        version = next(self.numbers)
        self.values[key] = (value, version)
        return version
    def put_if(self, key, value, version):
        with self.lock:
            return self.put(key, value) if self.values.get(key, (b"", None))[1] == version else None
    def delete(self, key): self.values.pop(key, None)
    def delete_if(self, key, version):
        with self.lock:
            return self.values.get(key, (b"", None))[1] == version and bool(self.values.pop(key))
    def list(self, prefix): return [key for key in tuple(self.values) if key.startswith(prefix)]

class Forgetful(Shelf):
    def delete(self, key): pass

tegula.register_store("shelf", Shelf)
tegula.register_store("forgetful", Forgetful)
"""


WITHOUT = [
    option
    for name in ("cacheprovider", "hypothesispytest", "zarr", "xdist", "anyio")
    for option in ("-p", f"no:{name}")
]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody who has tegula installed: its entry point is that of pyproject.toml."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    info = tmp_path / "site" / "tegula-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tegula\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    (tmp_path / "site" / "my_stores.py").write_text(STORES)
    (tmp_path / "tests").mkdir()
    return tmp_path


def run(outside: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "ignore", *WITHOUT, *arguments, "tests"],
        cwd=outside,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{outside / 'site'}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_every_check_is_run_against_a_store_that_is_named(outside: Path) -> None:
    code, text = run(
        outside,
        *["--tegula-import", "my_stores", "--tegula-store", '{"driver": "shelf", "where": "{tmp}"}'],
    )
    assert code == 0, text
    assert f"{len(all_checks())} passed" in text


def test_a_setting_names_stores_and_a_bug_is_found(outside: Path) -> None:
    (outside / "pytest.ini").write_text("[pytest]\ntegula_stores =\n    forgetful://\n")
    code, text = run(outside, "--tegula-import", "my_stores", "-k", "deleted or deleting")
    assert code == 1, text
    assert "forgetful://: test_a_deleted_key_has_no_value" in text
    assert "passed" in text


def test_a_fixture_is_each_check_in_turn(outside: Path) -> None:
    (outside / "tests" / "test_mine.py").write_text(
        "import tegula\n"
        "context = tegula.Context()\n"  # one store for all of them: each has a path of its own
        "def test_mine(tegula_check):\n"
        "    tegula_check(tegula.KvStore.open('memory://', context=context).result())\n"
        "def test_other():\n    pass\n"
    )
    code, text = run(outside, "--collect-only")
    assert code == 0, text
    assert text.count("test_mine[") == len(all_checks()) > 60
    wanted = "test_other or test_a_block_of_one_and_of_none or test_many_keys or test_keys_of_several_writers"
    code, text = run(outside, "-k", wanted, "-vv")
    assert "test_mine[test_a_block_of_one_and_of_none] PASSED" in text, text
    assert "4 passed" in text, text  # what one writes no other sees


def test_who_does_not_ask_loads_nothing(outside: Path) -> None:
    (outside / "tests" / "test_none.py").write_text(
        "import sys\n"
        "def test_none():\n"
        "    assert 'tegula.testing.plugin' in sys.modules\n"
        "    unwanted = {'numpy', 'numba', 'tegula.testing.stores', 'tegula.api.kvstore'}\n"
        "    assert not unwanted & set(sys.modules)\n"
    )
    code, text = run(outside)
    assert code == 0, text
