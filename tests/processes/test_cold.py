"""A cold process loads what it needs: opening an array and reading one element is quick."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import tegula as ts

READ = """
import sys
import tegula as ts
store = ts.open({{"driver": "zarr", "kvstore": {{"driver": "file", "path": {path!r}}}}}).result()
assert store[1, 2].read().result() == 12
print(*sys.modules)
"""
OPEN = """
import sys
import tegula as ts
store = ts.KvStore.open("gs://bucket/a/").result()
try:
    store.read("a").result()
except ValueError:
    pass
print(*sys.modules)
"""
HEAVY = {"numba", "llvmlite", "numcodecs", "google.auth", "google.cloud.storage", "asyncio", "ssl", "urllib3"}
SELDOM = {
    "tegula.api.joined",
    "tegula.codecs.minishard",
    "tegula.formats.whole",
    "tegula.runtime.cache",
    "tegula.schema.through",
    "tegula.space.dims",
    "tegula.space.slicing",
}


def _loaded(program: str, **env: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **env},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(ran.stdout.split())


def test_reading_an_element_loads_little(tmp_path: Path) -> None:
    path = f"{tmp_path}/a/"
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": path}}
    made = ts.open(spec, create=True, dtype="int32", shape=[3, 4]).result()
    made[1, 2] = 12
    assert not _loaded(READ.format(path=path)) & (HEAVY | SELDOM)


def test_google_cloud_storage_without_credentials_loads_little() -> None:
    spec = {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9", "GOOGLE_APPLICATION_CREDENTIALS": ""}
    retries = OPEN.replace(
        '"gs://bucket/a/"', '{"driver": "gcs", "bucket": "bucket", "gcs_request_retries": {"max_retries": 0}}'
    )
    assert not _loaded(retries, **spec) & HEAVY
