"""Google Cloud Storage: many chunks from far away, and what a request costs the processor.

The service is the tests' loopback server, a process of its own, which waits 50 ms before each answer.  It
needs some 0.2 ms of one core for an answer of 64 KiB, which is the floor of the first two groups.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import SAME_LINES, attempt
from tests.servers.gcs_server import Running, running

LATENCY = 0.05
SIDE = 32768  # uint16: a chunk is 64 KiB


def _array(chunks: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 60000, (chunks, SIDE), np.uint16)


def _serving(server: Running, chunks: int) -> np.ndarray:
    """Point every peer at the server and put an array there; return its elements."""
    os.environ["TENSORSTORE_GCS_HTTP_URL"] = os.environ["STORAGE_EMULATOR_HOST"] = server.url
    ts = SAME_LINES["tegula"]
    data = _array(chunks)
    spec = {"driver": "zarr3", "kvstore": "gs://bucket/a/"}
    layout = ts.ChunkLayout(chunk_shape=[1, SIDE])
    ts.open(spec, create=True, dtype="uint16", shape=data.shape, chunk_layout=layout).result().write(
        data
    ).result()
    return data


def _opened(ts: Any, limit: int | None) -> Any:
    context = ts.Context({} if limit is None else {"gcs_request_concurrency": {"limit": limit}})
    return ts.open({"driver": "zarr3", "kvstore": "gs://bucket/a/"}, context=context).result()


def _shards(options: Options) -> Iterator[Case]:
    chunks = 60 if options.smoke else 3000
    with running() as server:
        os.environ["TENSORSTORE_GCS_HTTP_URL"] = os.environ["STORAGE_EMULATOR_HOST"] = server.url
        data, ts = _array(chunks), SAME_LINES["tegula"]
        spec = {"driver": "zarr3", "kvstore": "gs://bucket/a/"}
        layout = ts.ChunkLayout(read_chunk_shape=[1, SIDE], write_chunk_shape=[chunks // 30, SIDE])
        made = ts.open(spec, create=True, dtype="uint16", shape=data.shape, chunk_layout=layout).result()
        made.write(data).result()
        server.faults(delay=LATENCY)
        arrays = {peer: attempt(lambda ts=ts: _opened(ts, None)) for peer, ts in SAME_LINES.items()}
        for name, step in ((f"{chunks // 3} inner chunks, every third", 3), (f"all {chunks}", 1)):
            runs = {
                peer: (lambda array=array, step=step: array[::step].read().result())
                for peer, array in arrays.items()
            }
            yield Case(name, runs, data.nbytes // step, count=chunks // step)


def _far(limit: int | None, options: Options) -> Iterator[Case]:
    chunks = 40 if options.smoke else 1000
    with running() as server:
        data = _serving(server, chunks)
        server.faults(delay=LATENCY)
        runs: dict[str, Callable[[], Any]] = {
            peer: attempt(
                lambda ts=ts, limit=limit if peer == "tensorstore" else None: _opened(ts, limit).read
            )
            for peer, ts in SAME_LINES.items()
        }
        runs = {peer: (lambda run=run: run().result()) for peer, run in runs.items()}
        yield Case(f"read {chunks} x 64 KiB", runs, data.nbytes, count=chunks)


def _bucket() -> Any:
    from google.cloud import storage

    client = storage.Client.create_anonymous_client()
    client._bucket_metadata_cache = None  # type: ignore[attr-defined] # or every 404 costs a thread and a request
    return client.bucket("bucket")


def _blobs(chunks: int) -> Callable[[], list[bytes]]:
    bucket = _bucket()
    return lambda: [bucket.blob(f"a/c/{number}/0").download_as_bytes() for number in range(chunks)]


def _changing(chunks: int, value: bytes) -> dict[str, tuple[Callable[[], int], Callable[[], int]]]:
    """How each peer writes values, one at a time, and how it deletes them."""
    bucket = _bucket()
    names = [str(number) for number in range(chunks)]

    def upload() -> int:
        return len([bucket.blob(f"g/{n}").upload_from_string(value, checksum="crc32c") for n in names])

    def remove() -> int:
        return len([bucket.blob(f"g/{n}").delete() for n in names])

    def put(store: Any, what: bytes | None) -> int:
        return len([store.write(name, what).result() for name in names])

    made = {"google": (upload, remove)}
    for peer, ts in SAME_LINES.items():
        store = ts.KvStore.open(f"gs://bucket/{peer}/").result()
        made[peer] = (partial(put, store, value), partial(put, store, None))
    return made


def _keys(ts: Any, chunks: int) -> Callable[[], list[bytes]]:
    store = ts.KvStore.open("gs://bucket/a/c/").result()
    return lambda: [store.read(f"{number}/0").result().value for number in range(chunks)]


def _done(write: Callable[[], int]) -> None:
    write()


def _processor(options: Options) -> Iterator[Case]:
    chunks = 20 if options.smoke else 300
    with running() as server:
        data = _serving(server, chunks)
        google = attempt(lambda: _blobs(chunks))
        runs = {peer: attempt(lambda ts=ts: _keys(ts, chunks)) for peer, ts in SAME_LINES.items()}
        how: dict[str, Any] = {"count": chunks, "clock": time.process_time, "reference": "google"}
        yield Case(f"{chunks} values, one at a time", {**runs, "google": google}, data.nbytes, **how)
        ways = _changing(chunks, data[0].tobytes())
        writes = {peer: write for peer, (write, _) in ways.items()}
        yield Case(f"{chunks} written, one at a time", writes, data.nbytes, **how)
        removals = {peer: remove for peer, (_, remove) in ways.items()}
        yield Case(
            f"{chunks} deleted, one at a time", removals, before=lambda peer: _done(writes[peer]), **how
        )
        arrays = {peer: _opened(ts, None) for peer, ts in SAME_LINES.items()}
        reads = {peer: (lambda array=array: array.read().result()) for peer, array in arrays.items()}
        answer = lambda peer, found: b"".join(found) if peer == "google" else found.tobytes()  # noqa: E731
        yield Case(
            f"{chunks} values, one array", {**reads, "google": google}, data.nbytes, answer=answer, **how
        )


GROUPS = [
    Group("gcs", "chunks of 64 KiB at 50 ms, each with its defaults", lambda o: _far(None, o), (0.25, 0.25)),
    Group("gcs_shards", "inner chunks of 64 KiB at 50 ms, 100 a shard", _shards, (0.5, 1.0)),
    Group(
        "gcs_256", "the same, tensorstore with its limit raised to 256", lambda o: _far(256, o), (1.0, 1.0)
    ),
    Group(
        "gcs_processor", "processor time of values of 64 KiB, x google-cloud-storage", _processor, (0.2, 0.2)
    ),
]
