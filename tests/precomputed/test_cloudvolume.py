"""Volumes go both ways between tegula and cloud-volume, on disk: each encoding, sharded or not.

Where cloud-volume can not, the reason is named: it reads JPEG and PNG of several channels in another order
than it writes them, of tensorstore's files too, has PNG of 8 bits only, and encodes segmentations of one
channel only.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tests.precomputed.volumes import spec_of

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(
        importlib.util.find_spec("cloudvolume") is None, reason="optional: cloud-volume is not installed"
    ),
]
WORKER = Path(__file__).parent / "cloudvolume_worker.py"
SIZE, OFFSET, CHUNK = (40, 33, 19), (10, -5, 3), (16, 16, 8)
# one shard of all chunks: cloud-volume writes whole shards
SHARDS = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "hash": "identity",
    "preshift_bits": 2,
    "minishard_bits": 4,
    "shard_bits": 0,
    "minishard_index_encoding": "gzip",
    "data_encoding": "gzip",
}
PLAIN = {**SHARDS, "minishard_index_encoding": "raw", "data_encoding": "raw"}
HASHED = {**SHARDS, "hash": "murmurhash3_x86_128"}
BLOCKS = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
FLAT = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [4, 8, 2]}
CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "raw": ("uint16", 1, {"encoding": "raw"}),
    "raw, channels": ("float32", 3, {"encoding": "raw"}),
    "raw, wide": ("uint64", 1, {"encoding": "raw"}),
    "png": ("uint8", 1, {"encoding": "png"}),
    "jpeg": ("uint8", 1, {"encoding": "jpeg", "jpeg_quality": 95}),
    "jpeg, colours": ("uint8", 3, {"encoding": "jpeg"}),
    "segmentation": ("uint64", 1, BLOCKS),
    "segmentation, channels": ("uint32", 2, FLAT),
    "raw in shards": ("uint8", 1, {"encoding": "raw", "sharding": SHARDS}),
    "raw in plain shards": ("uint16", 1, {"encoding": "raw", "sharding": PLAIN}),
    "png in shards": ("uint8", 1, {"encoding": "png", "sharding": PLAIN}),
    "segmentation in shards": ("uint64", 1, {**BLOCKS, "sharding": HASHED}),
}
NOT_READ = {"jpeg, colours"}
NOT_WRITTEN = {"segmentation, channels"}


def data_of(name: str) -> np.ndarray[Any, Any]:
    kind, channels, scale = CASES[name]
    x, y, z, c = np.ogrid[: SIZE[0], : SIZE[1], : SIZE[2], :channels]
    if scale["encoding"] == "compressed_segmentation":
        return (x // 5 + y // 7 * 10 + z // 4 * 100 + c).astype(kind)
    return (x * 2 + y * 2 + z + c * 5).astype(kind)


def spec(folder: Path, name: str) -> dict[str, Any]:
    kind, channels, scale = CASES[name]
    placed = {"size": SIZE, "voxel_offset": OFFSET, "chunk_size": CHUNK, "resolution": [4, 4, 40]}
    volume = {"data_type": kind, "num_channels": channels}
    return spec_of(folder, multiscale_metadata=volume, scale_metadata={**placed, **scale})


def run(jobs: list[dict[str, Any]]) -> None:
    done = subprocess.run(
        [sys.executable, str(WORKER)],
        input=json.dumps(jobs),
        text=True,
        capture_output=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def near(name: str, found: np.ndarray[Any, Any]) -> None:
    wanted = data_of(name)
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    off = np.abs(found.astype("f8") - wanted.astype("f8")).max()
    assert off <= (4 if CASES[name][2]["encoding"] == "jpeg" else 0), name


def test_cloudvolume_reads_what_is_written_here(tmp_path: Path) -> None:
    names = [name for name in CASES if name not in NOT_READ]
    jobs = []
    for number, name in enumerate(names):
        folder, file = tmp_path / f"v{number}", tmp_path / f"{number}.npy"
        store = ts.open(spec(folder, name), create=True).result()
        store[...] = data_of(name)
        jobs.append({"do": "read", "folder": str(folder), "file": str(file)})
    run(jobs)
    for number, name in enumerate(names):
        near(name, np.load(tmp_path / f"{number}.npy"))


def test_what_cloudvolume_writes_is_read_here(tmp_path: Path) -> None:
    names = [name for name in CASES if name not in NOT_WRITTEN]
    jobs = []
    for number, name in enumerate(names):
        folder, file = tmp_path / f"v{number}", tmp_path / f"{number}.npy"
        ts.open(spec(tmp_path / f"like{number}", name), create=True).result()
        info = json.loads((tmp_path / f"like{number}" / "info").read_text())
        np.save(file, data_of(name))
        jobs.append({"do": "write", "folder": str(folder), "file": str(file), "info": info})
    run(jobs)
    for number, name in enumerate(names):
        store = ts.open(spec_of(tmp_path / f"v{number}")).result()
        assert store.domain.inclusive_min == (*OFFSET, 0)
        near(name, store.read().result())
        assert list((tmp_path / f"v{number}").glob("4_4_40/*.shard")) or "sharding" not in CASES[name][2]
