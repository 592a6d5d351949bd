"""The decorator: lazy, closed, private, thread-safe, fork-safe, and the only mention of the compiler."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import tegula.kernels
from tegula.kernels import _jit, copy, downsample, endian, fill, reduce

SOURCE = Path(tegula.kernels.__file__).parent


def run(script: str, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK")}
    path = str(SOURCE.parents[1])
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**kept, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_importing_every_kernel_imports_no_compiler() -> None:
    script = """
import sys
from tegula.kernels import _jit, copy, downsample, endian, fill, reduce
heavy = {"numba", "llvmlite", "asyncio", "concurrent.futures", "numcodecs"} & set(sys.modules)
print(sorted(heavy), _jit.loaded())
"""
    assert run(script) == "[] False"


SMALL = """
import sys
import numpy as np
from tegula.kernels import _jit, copy, downsample
out = np.empty((40, 30), "u2")
copy.strided_copy(out, np.arange(1200, dtype="u2").reshape(30, 40).T)
downsample.downsample(out, [2, 2], "mean")
print("numba" in sys.modules, _jit.loaded())
"""


def test_small_work_is_done_without_the_compiler() -> None:
    assert run(SMALL) == "False False"


def test_plain_mode_never_imports_the_compiler() -> None:
    script = """
import sys
import numpy as np
from tegula.kernels import _jit, endian
a = np.arange(5, dtype="u2")
endian.swap(a, a)
same = endian.swap.variants[a.dtype] is endian.swap.python
print(a.byteswap().tolist(), "numba" in sys.modules, _jit.loaded(), same)
"""
    assert run(script, NUMBA_DISABLE_JIT="1") == "[0, 1, 2, 3, 4] False False True"


def test_a_loaded_kernel_survives_a_fork_and_a_new_one_loads_after_it() -> None:
    script = """
import os
import numpy as np
from tegula.kernels import endian
a = np.arange(5, dtype="u2")
endian.swap(a, a)
pid = os.fork()
if pid == 0:
    endian.swap(a, a)
    b = np.arange(5, dtype="u4")
    endian.swap(b, b)
    os._exit(0 if a.tolist() == b.byteswap().tolist() == [0, 1, 2, 3, 4] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert run(script) == "0"


def test_a_lock_held_by_another_thread_at_the_fork_does_not_hang_the_child() -> None:
    script = """
import os, threading
import numpy as np
from tegula.kernels import _jit, endian
import numba
held, done = threading.Event(), threading.Event()
def hold():
    with _jit._LOCK:
        held.set()
        done.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
pid = os.fork()
if pid == 0:
    b = np.arange(5, dtype="u4")
    endian.swap(b, b)
    os._exit(0)
done.set()
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    # Python warns of forking with threads from 3.12 on: that is the point of this test
    assert run("import warnings; warnings.simplefilter('ignore')\n" + script) == "0"


def test_threads_calling_a_kernel_first_all_get_it() -> None:
    made = _jit.Kernel(endian.swap.python, "<T, >T", ("u2",))
    _jit._KERNELS.remove(made)
    data = [np.arange(100, dtype="u2") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda a: made(a, a), data))
    assert all((a.byteswap() == np.arange(100)).all() for a in data)
    assert len(made.variants) == 1


def test_a_dtype_that_is_not_listed_is_refused() -> None:
    with pytest.raises(TypeError, match=r"endian\.swap has no variant for dtype float32"):
        endian.swap(np.zeros(1, "f4"), np.zeros(1, "f4"))
    with pytest.raises(TypeError, match="no variant"):
        endian.swap(np.zeros(1, ">u2"), np.zeros(1, ">u2"))


def test_read_only_input_compiles_nothing_new() -> None:
    source, target = np.arange(4, dtype="u2"), np.zeros(4, "u2")
    endian.swap(source, target)
    source.flags.writeable = False
    endian.swap(source, target)
    if not _jit.plain():
        assert len(endian.swap.variants[source.dtype].signatures) == 1


def test_budget_of_signatures() -> None:
    assert {copy, downsample, endian, fill, reduce}  # all are imported, so all are counted
    budget = _jit.budget()
    assert sum(budget.values()) <= 80, budget


def test_the_decorator_is_the_only_mention_of_the_compiler() -> None:
    for path in SOURCE.parent.rglob("*.py"):
        if path.name != "_jit.py":
            assert not re.search(
                r"\b(njit|numba|llvmlite|prange)\b", path.read_text().replace("Numba", "")
            ), path


def test_devices_are_called_from_their_own_file_only() -> None:
    # a cached kernel does not notice that a function in another file has changed
    for each in _jit._KERNELS:
        for name in each.python.__code__.co_names:
            target = each.python.__globals__.get(name)
            if target in _jit._DEVICES:
                assert target.__module__ == each.python.__module__


def test_repr_names_the_kernel() -> None:
    assert repr(endian.swap) == "<kernel tegula.kernels.endian.swap over u2, u4, u8>"


def test_cache_directory_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = _jit._cache_directory(False, "1.2")
    assert found == str(tmp_path / "tegula" / "numba-1.2-compiled")
    assert (tmp_path / "tegula").stat().st_mode & 0o777 == 0o700
    assert Path(found).stat().st_mode & 0o777 == 0o700
    assert _jit._cache_directory(True, "1.2") != found
    Path(found).chmod(0o777)
    assert _jit._cache_directory(False, "1.2") is None


def test_cache_directory_named_by_the_user_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    assert _jit._cache_directory(False, "1.2") == str(tmp_path / "named" / "numba-1.2-compiled")


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a directory away"
)
def test_cache_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    os.chown(tmp_path, 12345, 12345)
    assert _jit._cache_directory(False, "1.2") is None


def test_cache_directory_that_cannot_be_made_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert _jit._cache_directory(False, "1.2") is None


def test_kernels_work_without_a_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    script = """
import numpy as np
from tegula.kernels import endian
a = np.arange(3, dtype="u2")
endian.swap(a, a)
print(a.byteswap().tolist())
"""
    assert run(script, NUMBA_CACHE_DIR=str(tmp_path / "file" / "below")) == "[0, 1, 2]"


def test_compiled_code_is_found_again(tmp_path: Path) -> None:
    script = """
import numpy as np
from tegula.kernels import endian
a = np.arange(3, dtype="u2")
endian.swap(a, a)
print(sum(endian.swap.variants[a.dtype].stats.cache_hits.values()))
"""
    assert run(script, NUMBA_CACHE_DIR=str(tmp_path)) == "0"
    assert run(script, NUMBA_CACHE_DIR=str(tmp_path)) == "1"


def test_boundscheck_is_heard(tmp_path: Path) -> None:
    script = """
import numpy as np
from tegula.kernels import endian
try:
    endian.swap(np.arange(3, dtype="u2"), np.arange(2, dtype="u2"))
except IndexError:
    print("caught")
"""
    assert run(script, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_BOUNDSCHECK="1") == "caught"


def test_a_sparing_process_takes_the_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setattr(_jit, "_RUNNING", False)
    monkeypatch.setattr(_jit, "_SPARING", False)
    _jit.spare()
    assert _jit.sparing()
    assert not _jit.worthwhile(1 << 40, 10, 100)
    monkeypatch.setattr(_jit, "_RUNNING", True)  # it is here: whatever it takes is taken already
    assert not _jit.sparing()
    assert _jit.worthwhile(100, 10, 100)


@pytest.mark.parametrize(("work", "expected"), [(10, False), (100, True)])
def test_worthwhile_waits_for_the_compiler(
    work: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setattr(_jit, "_RUNNING", False)
    monkeypatch.setattr(_jit, "_SPARING", False)
    monkeypatch.setattr(_jit, "_spent", 0.0)  # what the tests before have made the twins do
    assert _jit.worthwhile(work, 10, 100) is expected
    monkeypatch.setattr(_jit, "_RUNNING", True)
    assert _jit.worthwhile(work, 10, 100)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert _jit.worthwhile(work, 10, 100)
