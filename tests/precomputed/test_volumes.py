"""Volumes against tensorstore 0.1.86, on disk and both ways, and what the format may not lose."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.errors import (
    AlreadyExists,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    TegulaError,
)
from tests.precomputed.volumes import both_ways, random_volume, spec_of

ENCODINGS = ("raw", "compressed_segmentation", "png")
SEEDS = int(os.environ.get("TEGULA_VOLUMES", "0"))


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(20))
def test_what_one_library_writes_the_other_reads(seed: int, tmp_path: Path) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    rng = np.random.default_rng(seed)
    members = random_volume(rng, ENCODINGS)
    some, other = (ts, tensorstore) if seed % 2 else (tensorstore, ts)
    both_ways(rng, tmp_path, members, some, other)


@pytest.mark.peers
@pytest.mark.soak
def test_what_one_library_writes_the_other_reads_for_long(tmp_path: Path) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    for seed in range(1000, 1000 + (SEEDS or 300)):
        rng = np.random.default_rng(seed)
        members = random_volume(rng, ENCODINGS)
        some, other = (ts, tensorstore) if seed % 2 else (tensorstore, ts)
        both_ways(rng, tmp_path / str(seed), members, some, other)


def made(context: Any = None, **options: Any) -> Any:
    """Create a volume of 5 by 6 by 7 voxels in memory."""
    spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/", **options.pop("spec", {})}
    return ts.open(
        spec, create=True, context=context or ts.Context(), dtype="uint8", shape=[5, 6, 7, 1], **options
    ).result()


def scale(key: str, **members: Any) -> dict[str, Any]:
    """Return the members of a spec that name a scale by its key."""
    return {"scale_metadata": {"key": key, "chunk_size": [2, 3, 4], **members}}


def test_creators_at_once_lose_no_scale() -> None:
    context = ts.Context()
    spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/"}
    options = {"create": True, "context": context, "dtype": "uint8", "shape": [5, 6, 7, 1]}
    futures = [ts.open({**spec, **scale(f"s{n}")}, **options) for n in range(24)]
    indices = sorted(future.result().spec().to_json()["scale_index"] for future in futures)
    assert indices == list(range(24))
    info = json.loads(ts.KvStore.open("memory://a/", context=context).result()["info"])
    assert sorted(each["key"] for each in info["scales"]) == sorted(f"s{n}" for n in range(24))


def test_a_scale_is_created_once() -> None:
    context = ts.Context()
    made(context)
    with pytest.raises(AlreadyExists, match='Scale with key "1_1_1" already exists'):
        made(context)
    assert made(context, open=True).domain.shape == (5, 6, 7, 1)
    with pytest.raises(NotFound, match="No scale found"):
        ts.open(
            {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/", **scale("b")}, context=context
        ).result()


def test_what_others_keep_in_the_document_stays() -> None:
    context = ts.Context()
    made(context)
    store = ts.KvStore.open("memory://a/", context=context).result()
    info = {**json.loads(store["info"]), "mesh": "meshes", "skeletons": {"a": [1, 2.5]}}
    store["info"] = json.dumps(info)
    made(context, spec=scale("b"))
    after = json.loads(store["info"])
    assert {**after, "scales": info["scales"]} == info
    assert [each["key"] for each in after["scales"]] == ["1_1_1", "b"]


def test_deleting_a_scale_leaves_the_others() -> None:
    context = ts.Context()
    for key in ("a", "a/b", "c"):
        made(context, spec=scale(key)).write(3).result()
    store = ts.KvStore.open("memory://a/", context=context).result()
    store["a/note.txt"] = b"mine"
    before = {key: store[key] for key in store.list().result()}
    made(context, spec=scale("a"), delete_existing=True)
    after = {key: store[key] for key in store.list().result()}
    kept = {key: value for key, value in before.items() if not key.startswith(b"a/") or b"a/b" in key}
    kept[b"a/note.txt"] = b"mine"
    assert after == kept
    with pytest.raises(InvalidArgument, match="domain must be specified"):
        ts.open(
            {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/", **scale("c")},
            create=True,
            delete_existing=True,
            context=context,
            dtype="uint8",
        ).result()
    assert {key: store[key] for key in store.list().result()} == after


def test_chunks_at_the_edge_are_stored_clipped(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path, scale_metadata={"size": [5, 3, 2], "voxel_offset": [1, 0, 0], "chunk_size": [4, 4, 4]}
    )
    spec["multiscale_metadata"] = {"num_channels": 2, "data_type": "uint16"}
    store = ts.open(spec, create=True).result()
    store.write(np.arange(60, dtype="u2").reshape(5, 3, 2, 2)).result()
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "1_1_1").iterdir()}
    assert sizes == {"1-5_0-3_0-2": 4 * 3 * 2 * 2 * 2, "5-6_0-3_0-2": 1 * 3 * 2 * 2 * 2}
    # no neighbour is read to write what covers a clipped chunk: a damaged one is replaced
    (tmp_path / "1_1_1" / "5-6_0-3_0-2").write_bytes(b"damaged")
    with pytest.raises(FailedPrecondition, match="Not enough data"):
        store[5].read().result()
    with pytest.raises(FailedPrecondition, match="Not enough data"):
        store[5, 1].write(1).result()
    store[5].write(7).result()
    assert (store[5].read().result() == 7).all()
    assert store[4, 2, 1, 1].read().result() == 47


@pytest.mark.parametrize("limit", [0, 10**8])
def test_clipped_chunks_through_a_cache(limit: int) -> None:
    store = made(
        ts.Context({"cache_pool": {"total_bytes_limit": limit}}),
        spec=scale("k", voxel_offset=[0, 0, 0], size=[5, 6, 7]),
    )
    data = np.arange(210, dtype="u1").reshape(5, 6, 7, 1)
    store.write(data).result()
    for _ in range(2):
        np.testing.assert_array_equal(store.read().result(), data)
        assert store[4, 5, 6, 0].read().result() == data[4, 5, 6, 0]
    store[3:, 4].write(1).result()
    data[3:, 4] = 1
    np.testing.assert_array_equal(store.read().result(), data)


def test_a_key_may_lead_out_of_the_volume(tmp_path: Path) -> None:
    spec = spec_of(tmp_path / "volume", **scale("../beside"))
    store = ts.open(spec, create=True, dtype="uint8", shape=[2, 3, 4, 1]).result()
    store.write(5).result()
    assert (tmp_path / "beside" / "0-2_0-3_0-4").read_bytes() == b"\5" * 24
    context = ts.Context()
    made(context, spec=scale("../../../over")).write(1).result()
    keys = ts.KvStore.open("memory://", context=context).result().list().result()
    assert b"over/0-2_0-3_0-4" in keys


def test_volumes_pickle_and_reopen() -> None:
    import pickle

    store = made(spec=scale("b", voxel_offset=[0, 0, 0], size=[5, 6, 7]))
    store.write(4).result()
    again = pickle.loads(pickle.dumps(store[1:3, 2]))
    assert again.domain == store[1:3, 2].domain
    assert store.resolve().result().domain == store.domain
    assert (store.read().result() == 4).all()
    assert store.url == "memory://a/|neuroglancer-precomputed:"


def _info(**members: Any) -> dict[str, Any]:
    one = {
        "key": "k",
        "size": [5, 6, 7],
        "chunk_sizes": [[2, 3, 4]],
        "resolution": [1, 1, 1],
        "encoding": "raw",
        **members.pop("scale", {}),
    }
    return {
        "@type": "neuroglancer_multiscale_volume",
        "type": "image",
        "data_type": "uint32",
        "num_channels": 1,
        "scales": [one],
        **members,
    }


HOSTILE = [
    b"",
    b"[]",
    b"{}",
    b"[" * 100000,
    json.dumps(_info(num_channels=2**31)),
    json.dumps(_info(scales=[1])),
    json.dumps(_info(scales={})),
    json.dumps(_info(data_type=None)),
    json.dumps(_info(scale={"size": [2**63 - 1] * 3})),
    json.dumps(_info(scale={"size": [5, 6, 7], "voxel_offset": [2**62, 0, 0]})),
    json.dumps(_info(scale={"chunk_sizes": []})),
    json.dumps(_info(scale={"chunk_sizes": [[0, 1, 1]]})),
    json.dumps(_info(scale={"chunk_sizes": [[2**60, 2**60, 2**60]]})),
    json.dumps(_info(scale={"resolution": ["x", 1, 1]})),
    json.dumps(_info(scale={"encoding": "brotli"})),
    json.dumps(_info(scale={"encoding": "compressed_segmentation"})),
    json.dumps(_info(scale={"sharding": {"@type": "other"}})),
    json.dumps(_info(scale={"key": None})),
]


@pytest.mark.parametrize("document", HOSTILE)
def test_documents_that_are_none_are_refused(document: bytes | str) -> None:
    context = ts.Context()
    ts.KvStore.open("memory://a/", context=context).result()["info"] = document
    with pytest.raises((FailedPrecondition, DataLoss, InvalidArgument)):
        ts.open("memory://a/|neuroglancer-precomputed:", context=context).result()


def test_chunks_that_are_none_are_refused() -> None:
    rng = np.random.default_rng(5)
    block = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [2, 2, 2]}
    huge = {**block, "compressed_segmentation_block_size": [2**31 - 1] * 3}
    far = {**block, "chunk_sizes": [[2**19, 2**19, 2**19]], "size": [2**61, 2**61, 2**61]}
    refused = 0
    for how in (block, huge, far):
        context = ts.Context()
        kvstore = ts.KvStore.open("memory://a/", context=context).result()
        kvstore["info"] = json.dumps(_info(scale=how))
        store = ts.open("memory://a/|neuroglancer-precomputed:", context=context).result()
        store = store[:2, :3, :4]
        key = "k/" + "_".join(f"0-{size}" for size in (how.get("chunk_sizes") or [[2, 3, 4]])[0])
        for turn in range(60):
            words = rng.integers(0, 2**32, int(rng.integers(0, 40)), dtype=np.uint32)
            words[:1] = 1
            if turn % 2:
                words[1::2] &= 0x2000007
            kvstore[key] = (
                words.tobytes()[: int(rng.integers(0, 4 * len(words) + 1))] if turn % 3 else words.tobytes()
            )
            try:
                store.read().result()
            except TegulaError:
                refused += 1
    assert refused > 100


def test_a_table_beyond_24_bits_is_refused() -> None:
    # tensorstore 0.1.86 writes such a chunk, and reads something else back (LIM-13b)
    from tegula.kernels import segmentation

    shape, block = (8, 8, 8), (8, 8, 8)
    assert segmentation.encoded_bound(shape, block, 8) < 1 << 24
    store = ts.open(
        {
            "driver": "neuroglancer_precomputed",
            "kvstore": "memory://b/",
            "scale_metadata": {"chunk_size": [256, 256, 256], "encoding": "compressed_segmentation"},
        },
        create=True,
        dtype="uint64",
        shape=[256, 256, 256, 1],
    ).result()
    data = np.random.default_rng(3).integers(0, 2**63, store.shape).astype("u8")
    with pytest.raises(InvalidArgument, match="too large for compressed_segmentation"):
        store.write(data).result()


SHARDING = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "hash": "identity",
    "preshift_bits": 2,
    "minishard_bits": 1,
    "shard_bits": 6,
    "minishard_index_encoding": "gzip",
}


def sharded(context: Any = None, **members: Any) -> Any:
    """Create a volume of 9 by 8 by 7 voxels in shards of 2 by 2 by 2 chunks."""
    scale = {"chunk_size": [2, 2, 2], "sharding": {**SHARDING, **members}}
    spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/", "scale_metadata": scale}
    options = {"context": context or ts.Context(), "dtype": "uint16", "shape": [9, 8, 7, 1]}
    return ts.open(spec, create=True, **options).result()


def test_writers_of_one_shard_lose_nothing() -> None:
    store = sharded()
    futures = []
    held = np.zeros(store.shape, "u2")
    for n in range(40):
        at = n % 9, n % 8, n * 5 % 7
        held[at] = n + 1
        futures.append(store[at].write(n + 1))
        if n % 9 == 8:
            for future in futures:
                future.result()
    for future in futures:
        future.result()
    np.testing.assert_array_equal(store.read().result(), held)


def test_whole_shards_are_written_without_being_read() -> None:
    context = ts.Context()
    store = sharded(context)
    kvstore = ts.KvStore.open("memory://a/1_1_1/", context=context).result()
    store.write(3).result()
    for key in kvstore.list().result():
        kvstore[key] = b"damaged"
    with pytest.raises(DataLoss, match="Existing shard has size of 7 bytes"):
        store[0, 0, 0, 0].read().result()
    with pytest.raises(DataLoss, match="Existing shard has size of 7 bytes"):
        store.read().result()
    with pytest.raises(DataLoss):
        store[0].write(1).result()
    store[:4, :4, :4].write(5).result()
    assert (store[:4, :4, :4].read().result() == 5).all()
    store.write(6).result()
    assert (store.read().result() == 6).all()


@pytest.mark.peers
def test_zeros_over_a_whole_shard(tmp_path: Path) -> None:
    # tensorstore 0.1.86 leaves the old values; over a part of a shard it writes them
    tensorstore = pytest.importorskip("tensorstore")
    scale = {"scale_metadata": {"chunk_size": [2, 2, 2], "sharding": SHARDING}}
    for library, left in ((tensorstore, 3), (ts, 0)):
        spec = {**spec_of(tmp_path / library.__name__), **scale}
        store = library.open(spec, create=True, dtype="uint16", shape=[4, 4, 4, 1]).result()
        store.write(3).result()
        store.write(0).result()
        assert (store.read().result() == left).all()
        store[:1].write(3).result()
        store[:1].write(0).result()
        assert (store[:1].read().result() == 0).all()
    # what is zero is not stored
    assert list((tmp_path / "tegula" / "1_1_1").iterdir()) == []


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_shards_that_are_damaged_are_told(encoding: str) -> None:
    rng = np.random.default_rng(7)
    context = ts.Context()
    store = sharded(context, minishard_index_encoding=encoding, data_encoding=encoding)
    kvstore = ts.KvStore.open("memory://a/1_1_1/", context=context).result()
    store.write(3).result()
    whole = {key: kvstore[key] for key in kvstore.list().result()}
    told = 0
    for turn in range(150):
        key = list(whole)[turn % len(whole)]
        damaged = bytearray(whole[key])
        for at in rng.integers(0, len(damaged) if turn % 2 else 32, 3):
            damaged[at] = rng.integers(0, 256)
        kvstore[key] = (
            bytes(damaged[: int(rng.integers(0, len(damaged) + 1))]) if turn % 5 == 0 else bytes(damaged)
        )
        for read in (store.read, store[:2, 0, 0].read, store[8, 7, 6, 0].read, store[1:3, 1].write(1).result):
            try:
                if read.__name__ == "read":
                    read().result()
                else:
                    read()
            except TegulaError:
                told += 1
        kvstore[key] = whole[key]
    assert told > 50


@pytest.mark.peers
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_read_as_it_is_read_by_tensorstore(channels: int, tmp_path: Path) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    ramp = np.add.outer(np.arange(20) * 2, np.add.outer(np.arange(15), np.arange(10)))
    data = np.repeat(ramp[..., None], channels, 3).astype("u1")
    scale = {"encoding": "jpeg", "chunk_size": [8, 8, 8], "jpeg_quality": 95}
    for turn, (some, other) in enumerate([(ts, tensorstore), (tensorstore, ts)]):
        spec = spec_of(tmp_path / str(turn))
        store = some.open(
            {**spec, "scale_metadata": scale}, create=True, dtype="uint8", shape=data.shape
        ).result()
        store.write(data).result()
        mine, theirs = (library.open(spec).result().read().result() for library in (some, other))
        assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= 1
        assert np.abs(mine.astype(int) - data.astype(int)).max() <= 6


@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_images_of_another_size_are_refused_before_they_are_decoded(encoding: str) -> None:
    import imagecodecs

    context = ts.Context()
    store = made(context, spec=scale("k", encoding=encoding, size=[5, 6, 7]))
    kvstore = ts.KvStore.open("memory://a/k/", context=context).result()
    encode = getattr(imagecodecs, {"png": "png_encode", "jpeg": "jpeg8_encode"}[encoding])
    bomb = encode(np.zeros((4000, 4000), "u1"))
    colour = encode(np.zeros((12, 2, 3), "u1"))
    for value in (bomb, colour, b"", bomb[:20], b"\xff\xd8" * 20):
        kvstore["0-2_0-3_0-4"] = value
        with pytest.raises(FailedPrecondition):
            store[0, 0, 0, 0].read().result()
    kvstore["0-2_0-3_0-4"] = encode(np.full((12, 2), 9, "u1"))
    assert store[0, 0, 0, 0].read().result() == 9


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 1), (5, 1, 1), (1, 1, 5)])
@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_images_of_one_pixel_across(encoding: str, shape: tuple[int, int, int]) -> None:
    how = {"scale_metadata": {"encoding": encoding, "chunk_size": [4, 4, 4]}}
    spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://c/", **how}
    store = ts.open(spec, create=True, dtype="uint8", shape=[*shape, 3]).result()
    store.write(7).result()
    np.testing.assert_allclose(store.read().result(), 7, atol=1)
