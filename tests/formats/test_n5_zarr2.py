"""N5 goes both ways between tegula and zarr 2's N5 store, on disk.

Optional, since zarr 3 has no N5 store and zarr 2 needs a Python of its own: ``make .venv-zarr2``, or name one
in `TEGULA_ZARR2`.  Dimensions and blocks are the other way round there.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("TEGULA_ZARR2") or str(ROOT / ".venv-zarr2" / "bin" / "python")
SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(
        not Path(PYTHON).exists(), reason="optional: no Python with zarr 2 (make .venv-zarr2)"
    ),
]
TYPES = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"]
# zarr 2 writes the level of xz as the preset that it is, and zlib as gzip with useZlib
COMPRESSIONS: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"type": "raw"}, None),
    ({"type": "gzip", "level": 5}, {"id": "gzip", "level": 5}),
    ({"type": "gzip", "level": 1, "useZlib": True}, {"id": "zlib", "level": 1}),
    ({"type": "bzip2", "blockSize": 3}, {"id": "bz2", "level": 3}),
    ({"type": "xz", "preset": 1}, {"id": "lzma", "format": 1, "check": -1, "preset": 1, "filters": None}),
    ({"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}, {"id": "blosc", "cname": "lz4"}),
]


def cases() -> list[tuple[np.ndarray[Any, Any], list[int], int]]:
    """Draw arrays: data, blocks, and the number of a compression."""
    rng = np.random.default_rng(4)
    found = []
    for number in range(max(SOAK, 100) if SOAK else 24):
        shape = rng.integers(1, 12, int(rng.integers(1, 4)))
        blocks = [int(rng.integers(1, 7)) for _ in shape]
        data = rng.integers(0, 100, shape).astype(TYPES[number % len(TYPES)])
        found.append((data, blocks, number % len(COMPRESSIONS)))
    return found


def run(jobs: list[dict[str, Any]]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [PYTHON, str(Path(__file__).parent / "n5_worker.py")],
        input=json.dumps(jobs),
        text=True,
        capture_output=True,
        timeout=None if SOAK else 280,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def spec(folder: Path, **members: Any) -> dict[str, Any]:
    return {"driver": "n5", "kvstore": {"driver": "file", "path": f"{folder}/"}, **members}


def test_zarr_2_reads_what_is_written_here(tmp_path: Path) -> None:
    ts.open_group(spec(tmp_path), create=True).result()  # zarr 2 wants a group with the version above
    jobs = []
    for number, (data, blocks, compression) in enumerate(cases()):
        folder, file = tmp_path / f"a{number}", tmp_path / f"{number}.npy"
        metadata = {"blockSize": blocks[::-1], "compression": COMPRESSIONS[compression][0]}
        store = ts.open(
            spec(folder, metadata=metadata), create=True, dtype=str(data.dtype), shape=data.shape[::-1]
        ).result()
        store.write(1).result()
        store.write(data.T).result()
        jobs.append({"do": "read", "folder": str(folder), "file": str(file)})
    run(jobs)
    for number, (data, _, _) in enumerate(cases()):
        found = np.load(tmp_path / f"{number}.npy")
        assert found.dtype == data.dtype
        np.testing.assert_array_equal(found, data)


def test_what_zarr_2_writes_is_read_here(tmp_path: Path) -> None:
    jobs = []
    for number, (data, blocks, compression) in enumerate(cases()):
        folder, file = tmp_path / f"a{number}", tmp_path / f"{number}.npy"
        np.save(file, data)
        codec = COMPRESSIONS[compression][1]
        jobs.append(
            {"do": "write", "folder": str(folder), "file": str(file), "chunks": blocks, "codec": codec}
        )
    run(jobs)
    for number, (data, blocks, _) in enumerate(cases()):
        store = ts.open(spec(tmp_path / f"a{number}")).result()
        assert store.dtype.numpy_dtype == data.dtype
        assert store.chunk_layout.read_chunk.shape == tuple(blocks[::-1])
        np.testing.assert_array_equal(store.read().result(), data.T)
        assert store.attrs == {"said": [1, "x"]}
        data = data.copy()
        data[:1] = 7
        store[..., :1].write(7).result()
        np.testing.assert_array_equal(store.read().result(), data.T)
