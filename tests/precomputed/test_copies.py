"""Copies into Neuroglancer shards: right whatever the views, and each shard written once.

``TEGULA_SOAK=2000 pytest -s tests/precomputed/test_copies.py`` sets how many copies are drawn.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, ClassVar

import numpy as np
import pytest

import tegula as ts
from tegula.errors import TegulaError
from tegula.plan import blocks

pytestmark = pytest.mark.filterwarnings("ignore::tegula.LostUpdates")
SOAK = int(os.environ.get("TEGULA_SOAK", "0"))


class Counting:
    """A store in memory that counts what is written."""

    written: ClassVar[Counter[str]] = Counter()

    def __init__(self, number: int) -> None:
        self.number = number
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        Counting.written[key] += 1
        self.values[key] = value

    def delete(self, key: str) -> None:
        Counting.written[key] += 1
        self.values.pop(key, None)

    def list(self, prefix: str) -> list[str]:
        return [key for key in self.values if key.startswith(prefix)]


ts.register_store("counting-test", Counting)


def volume(number: int, size: Any, chunk: Any, sharding: Any, *, limit: int = 0, **options: Any) -> Any:
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "counting-test", "number": number},
        "multiscale_metadata": {"data_type": "uint16", "num_channels": 1},
        "scale_metadata": {
            "size": size,
            "chunk_size": chunk,
            "encoding": "raw",
            "sharding": {
                "@type": "neuroglancer_uint64_sharded_v1",
                "minishard_index_encoding": "raw",
                "data_encoding": "raw",
                **sharding,
            },
            **options,
        },
    }
    context = ts.Context({"memory_limit": limit} if limit else {})
    return ts.open(spec, create=True, context=context).result()


BITS = [
    {"hash": "identity", "preshift_bits": 3, "minishard_bits": 2, "shard_bits": 4},
    {"hash": "identity", "preshift_bits": 9, "minishard_bits": 0, "shard_bits": 0},
    {"hash": "identity", "preshift_bits": 0, "minishard_bits": 1, "shard_bits": 2},  # shards are no boxes
    {"hash": "murmurhash3_x86_128", "preshift_bits": 1, "minishard_bits": 1, "shard_bits": 2},
]


@pytest.mark.parametrize("limit", [0, 1 << 16], ids=["no limit", "a limit of memory"])
@pytest.mark.parametrize("bits", BITS, ids=["boxes", "one", "no boxes", "hashed"])
def test_a_copy_writes_each_shard_once(
    bits: dict[str, Any], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "TILE_BYTES", 4096)
    data = np.random.default_rng(5).integers(1, 1000, (19, 17, 18, 1)).astype("u2")
    store = volume(hash((str(bits), limit)) % 10**6, data.shape[:3], [4, 4, 4], bits, limit=limit)
    for factor in (1, 2):  # the second over what is there
        Counting.written.clear()
        store.write(ts.array(data * factor)).result()
        shards = {key: count for key, count in Counting.written.items() if key.endswith(".shard")}
        assert set(shards.values()) == {1}
        np.testing.assert_array_equal(store.read().result(), data * factor)
    Counting.written.clear()
    store[3:15, 5:16, 1:17].write(ts.array(data[3:15, 5:16, 1:17])).result()
    assert {count for key, count in Counting.written.items() if key.endswith(".shard")} == {1}
    expected = data * 2
    expected[3:15, 5:16, 1:17] = data[3:15, 5:16, 1:17]
    np.testing.assert_array_equal(store.read().result(), expected)


def drawn(rng: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    """Return a view of a new volume, the part of a model that it shows, the model, and the volume."""
    size = rng.integers(1, 20, 3)
    sharding = {
        "hash": str(rng.choice(["identity", "murmurhash3_x86_128"])),
        "preshift_bits": int(rng.integers(0, 7)),
        "minishard_bits": int(rng.integers(0, 4)),
        "shard_bits": int(rng.integers(0, 7)),
        "minishard_index_encoding": str(rng.choice(["raw", "gzip"])),
        "data_encoding": str(rng.choice(["raw", "gzip"])),
    }
    limit = int(rng.choice([0, 1 << 12, 1 << 15]))
    offset = rng.integers(-9, 9, 3).tolist()
    store = volume(
        int(rng.integers(1 << 60)),
        size.tolist(),
        rng.integers(1, 6, 3).tolist(),
        sharding,
        limit=limit,
        voxel_offset=offset,
    )
    model = np.zeros((*size, 1), "u2")
    if rng.random() < 0.5:  # over old data
        model[...] = rng.integers(0, 3, model.shape)
        store.write(model).result()
    low = [int(rng.integers(0, n)) for n in size]
    high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, size, strict=True)]
    if rng.random() < 0.4:
        low, high = [0, 0, 0], size.tolist()
    view = store[tuple(slice(a + o, b + o) for a, b, o in zip(low, high, offset, strict=True))]
    part = model[tuple(map(slice, low, high))]
    kind = rng.integers(0, 8)
    if kind == 0:
        view, part = view[offset[0] + low[0]], part[0]
    elif kind == 1:
        view, part = view[..., 0], part[..., 0]
    elif kind == 2:
        order = rng.permutation(4)
        view, part = view[ts.d[tuple(order.tolist())].transpose[:]], part.transpose(order)
    elif kind == 3:
        view, part = view[ts.d[1].stride[2]], part[:, (1 if (low[1] + offset[1]) % 2 else 0) :: 2]
    elif kind == 4:
        picked = [offset[2] + low[2], offset[2] + high[2] - 1]
        view, part = view[:, :, picked[: 1 + (picked[0] != picked[1])]], None
    return view, part, model, store


@pytest.mark.parametrize("seed", range(max(SOAK, 40)))
def test_copies_of_any_view_are_right(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([20, 26, seed])
    monkeypatch.setattr(blocks, "TILE_BYTES", int(rng.choice([64, 700, 5000])))
    view, part, model, store = drawn(rng)
    dtype = str(rng.choice(["uint16", "uint8"]))
    data = rng.integers(0, 4, view.shape).astype(dtype)
    if rng.random() < 0.2:
        data[...] = 0
    source = ts.array(data)
    if rng.random() < 0.5:
        chunks = ts.ChunkLayout(chunk_shape=[int(n) for n in rng.integers(1, 7, data.ndim)])
        spec = {"driver": "zarr3", "kvstore": "memory://"}
        source = ts.open(spec, create=True, dtype=dtype, shape=data.shape, chunk_layout=chunks).result()
        source.write(data).result()
    target = view
    if rng.random() < 0.3:
        target = ts.cast(view, ts.uint32)
    target.write(source).result()
    np.testing.assert_array_equal(view.read().result(), data)
    if part is not None and part.shape == data.shape:
        part[...] = data
        np.testing.assert_array_equal(store.read().result(), model)


def test_an_error_of_a_copy_into_a_shard_names_the_shard(tmp_path: Any) -> None:
    sharding = {"@type": "neuroglancer_uint64_sharded_v1", **BITS[1]}
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{tmp_path}/",
        "scale_metadata": {"chunk_size": [4, 4, 4], "sharding": sharding},
    }
    context = ts.Context({"memory_limit": 1 << 12})
    store = ts.open(spec, create=True, dtype="uint8", shape=[16, 16, 16, 1], context=context).result()
    store.write(1).result()
    (shard,) = tmp_path.rglob("*.shard")
    shard.write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(TegulaError, match=r"0\.shard"):
        store[1:].write(ts.array(np.ones((15, 16, 16, 1), "u1"))).result()
