"""Several programs at one bucket: processes of ours, the tensorstore wheel, google-cloud-storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tests.gcs.stores import Running, gcs

SOAK = bool(os.environ.get("TEGULA_SOAK"))
SCRIPT = Path(__file__).parent / "increments.py"

pytestmark = [pytest.mark.peers, pytest.mark.timeout(0 if SOAK else 120)]


def race(path: str, kinds: list[str], count: int) -> None:
    """Run one process for each of `kinds`; each adds `count` to its own elements."""
    children = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), kind, "zarr3", path, str(number), str(len(kinds)), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number, kind in enumerate(kinds)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate()
        assert child.returncode == 0


@pytest.mark.parametrize("kinds", [["tegula"] * 8, ["tegula", "tensorstore"] * 2], ids=["ours", "both"])
def test_no_update_of_an_element_of_one_chunk_is_lost(server: Running, path: str, kinds: list[str]) -> None:
    """R3: eight processes add to elements of one chunk; the sum is exact, in at most four tries a write."""
    count = 1000 if SOAK else 12
    size = 4 * len(kinds)
    spec = {"driver": "zarr3", "kvstore": gcs(path)}
    layout = ts.ChunkLayout(chunk_shape=[size])
    ts.open(spec, create=True, dtype="int32", shape=[size], chunk_layout=layout).result()
    server.reset()
    race(path, kinds, count)
    found = ts.open(spec).result().read().result()
    np.testing.assert_array_equal(found, np.full(size, count, np.int32))
    tries = sum(entry["method"] == "POST" for entry in server.log()) / (count * len(kinds))
    print(f"{len(kinds)} processes x {count}: {tries:.2f} tries a write")
    assert tries <= 4 or not SOAK


CLIENT = """
import json, sys
from google.cloud import storage
client = storage.Client.create_anonymous_client()
client._bucket_metadata_cache = None  # in 3.17.1 every 404 would start a thread that asks for the bucket
bucket = client.bucket("bucket")
for name in sys.argv[2:]:
    blob = bucket.blob(sys.argv[1] + name)
    value = blob.download_as_bytes()  # checked by the client against the service's checksum
    copy = bucket.blob(sys.argv[1] + "copy/" + name)
    copy.upload_from_string(value, if_generation_match=0)
    print(json.dumps([name, value.hex(), blob.generation, copy.generation]))
print(json.dumps(sorted(blob.name for blob in client.list_blobs("bucket", prefix=sys.argv[1]))))
"""


def client(url: str, *arguments: str) -> list[Any]:
    """Run the real google-cloud-storage against a server; return what it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", CLIENT, *arguments],
        env={**os.environ, "STORAGE_EMULATOR_HOST": url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_the_client_of_google_reads_what_we_write_and_the_other_way_round(service: str, path: str) -> None:
    store = ts.KvStore.open(gcs(path)).result()
    values = {"a": b"", "b c": b"1", "é/x": bytes(range(256)) * 700}
    stamps = {name: store.write(name, value).result() for name, value in values.items()}
    *rows, names = client(os.environ["TENSORSTORE_GCS_HTTP_URL"], path, *values)
    for name, value, generation, copied in rows:
        assert bytes.fromhex(value) == values[name]
        assert stamps[name].generation == b"\0" + generation.to_bytes(8, "little")
        found = store.read(f"copy/{name}").result()
        assert found.value == values[name]
        assert found.stamp.generation == b"\0" + copied.to_bytes(8, "little")
    assert sorted(path + name.decode() for name in store.list().result()) == names


WHEEL = """
import sys
import numpy as np, tensorstore as ts
path, driver = sys.argv[1:3]
found = ts.open({"driver": driver, "kvstore": f"gs://bucket/{path}ours/"}).result()
made = ts.open({"driver": driver, "kvstore": f"gs://bucket/{path}theirs/"}, create=True, dtype="int16",
               shape=[30, 40], chunk_layout=ts.ChunkLayout(chunk_shape=[7, 9])).result()
made.write(found.read().result() + 1).result()
made[2:9, 3:30].write(-5).result()
kv = ts.KvStore.open(f"gs://bucket/{path}kv/").result()
print([kv["a"], kv.read("a").result().stamp.generation, kv.list().result()])
print(kv.write("a", b"theirs", if_equal=kv.read("a").result().stamp.generation).result().generation)
"""


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_the_wheel_reads_what_we_write_and_the_other_way_round(service: str, path: str, driver: str) -> None:
    data = np.arange(1200, dtype="int16").reshape(30, 40)
    layout = ts.ChunkLayout(chunk_shape=[7, 9])
    spec = {"driver": driver, "kvstore": gcs(f"{path}ours/")}
    ours = ts.open(spec, create=True, dtype="int16", shape=[30, 40], chunk_layout=layout).result()
    ours.write(data).result()
    kv = ts.KvStore.open(gcs(f"{path}kv/")).result()
    generation = kv.write("a", b"ours").result().generation
    ran = subprocess.run(
        [sys.executable, "-c", WHEEL, path, driver], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert first == repr([b"ours", generation, [b"a"]])
    found = kv.read("a").result()
    assert (found.value, repr(found.stamp.generation)) == (b"theirs", second)
    theirs = ts.open({"driver": driver, "kvstore": gcs(f"{path}theirs/")}).result()
    expected = data + 1
    expected[2:9, 3:30] = -5
    np.testing.assert_array_equal(theirs.read().result(), expected)
