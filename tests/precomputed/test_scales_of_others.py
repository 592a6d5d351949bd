"""Scales beside tensorstore 0.1.86: further ones, keys that lead out of the volume, what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula
from tests.api.both import assert_same

pytestmark = pytest.mark.peers
SHARDED = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "hash": "identity",
    "preshift_bits": 1,
    "minishard_bits": 1,
    "shard_bits": 1,
}

FURTHER = r"""
def volume(members, asked, **options):
    context, spec = ts.Context(), {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/"}
    first = {"multiscale_metadata": {"data_type": "uint8", "num_channels": 2, **members}, "scale_metadata": {"size": [8, 8, 8]}}
    ts.open({**spec, **first}, create=True, context=context).result()
    scale = {"resolution": [2, 2, 2], **({} if "shape" in options or "domain" in options else {"size": [4, 4, 4]})}
    made = ts.open({**spec, "multiscale_metadata": asked, "scale_metadata": scale}, create=True, context=context, **options).result()
    return made.domain, made.dtype, made.spec().to_json()["multiscale_metadata"], made.spec().to_json()["scale_index"]
volume({}, {})
volume({}, {}, open=True)
volume({}, {}, dtype="uint8")
volume({}, {}, dtype="uint32")
volume({}, {}, shape=[4, 4, 4, 2])
volume({}, {}, shape=[4, 4, 4, 1])
volume({}, {}, domain=ts.IndexDomain(shape=[4, 4, 4, 2]))
volume({}, {"num_channels": 2})
volume({}, {"num_channels": 1})
volume({}, {"num_channels": 1}, open=True)
volume({}, {"data_type": "uint16"})
volume({}, {"data_type": "uint8"}, dtype="uint8")
volume({"type": "segmentation"}, {"type": "segmentation"})
volume({}, {"type": "segmentation"})
volume({}, {"type": "segmentation"}, open=True)
"""  # noqa: E501


def test_a_further_scale_has_the_type_and_the_channels_of_its_volume() -> None:
    assert_same(FURTHER)


def test_a_volume_of_another_type_than_its_data_have_by_default_takes_further_scales() -> None:
    """tensorstore 0.1.86 wants the type to be said again."""
    tensorstore = pytest.importorskip("tensorstore")

    def further(library: Any) -> Any:
        context, spec = library.Context(), {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/"}
        for type_, resolution in ({"type": "image"}, [1, 1, 1]), ({}, [2, 2, 2]):
            members = {
                "multiscale_metadata": {"data_type": "uint32", "num_channels": 1, **type_},
                "scale_metadata": {"size": [4, 4, 4], "resolution": resolution},
            }
            made = library.open({**spec, **members}, create=True, context=context).result()
        return made.spec().to_json()["multiscale_metadata"]["type"]

    with pytest.raises(ValueError, match='Expected "type" of "segmentation" but received: "image"'):
        further(tensorstore)
    assert further(tegula) == "image"


@pytest.mark.parametrize("key", ["../up", "a/../../b", "..", "k"])
@pytest.mark.parametrize("sharding", [None, SHARDED], ids=["chunks", "shards"])
def test_a_key_that_leads_out_of_the_volume(key: str, sharding: Any, tmp_path: Path) -> None:
    """Both store the same values under the same names, and read each other's; with a pool, too."""
    tensorstore = pytest.importorskip("tensorstore")
    data = np.random.default_rng(3).integers(1, 9, (5, 4, 6, 1)).astype("u1")
    stored = []
    for library, other in ((tegula, tensorstore), (tensorstore, tegula)):
        folder = tmp_path / library.__name__
        spec: dict[str, Any] = {
            "driver": "neuroglancer_precomputed",
            "kvstore": f"file://{folder}/x/vol/",
            "scale_metadata": {"key": key, "chunk_size": [2, 2, 2], "sharding": sharding},
        }
        library.open(spec, create=True, dtype="uint8", shape=data.shape).result().write(data).result()
        for pool in (0, 1 << 20):
            context = other.Context({"cache_pool": {"total_bytes_limit": pool}})
            store = other.open(f"file://{folder}/x/vol/", context=context).result()
            np.testing.assert_array_equal(store.read().result(), data)
            store[1:3].write(data[1:3]).result()
            np.testing.assert_array_equal(store.read().result(), data)
        stored.append(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
    assert stored[0] == stored[1]


@pytest.mark.parametrize("sharding", [None, SHARDED], ids=["chunks", "shards"])
def test_statistics_tell_what_is_stored(sharding: Any, tmp_path: Path) -> None:
    """tensorstore 0.1.86 looks under the path twice, and has none for shards."""
    tensorstore = pytest.importorskip("tensorstore")
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{tmp_path}/",
        "scale_metadata": {"chunk_size": [2, 2, 2], "sharding": sharding},
    }
    store = tegula.open(spec, create=True, dtype="uint8", shape=[6, 2, 2, 1]).result()
    store[:4].write(1).result()
    asked = {"query_not_stored": True, "query_fully_stored": True}

    def told(part: Any) -> tuple[bool, bool]:
        found = part.storage_statistics(**asked).result()
        return found.not_stored, found.fully_stored

    assert [told(store[:4]), told(store), told(store[4:]), told(store[3, 1])] == [
        (False, True),
        (False, False),
        (True, False),
        (False, True),
    ]
    theirs = tensorstore.open(f"file://{tmp_path}/").result()
    with pytest.raises((ValueError, NotImplementedError), match=r"Invalid key|^$"):
        theirs[:4].storage_statistics(**asked).result()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_narrow_png_of_noise_is_written(dtype: str, level: int) -> None:
    """Such an image is longer than its pixels, by a byte a row."""
    data = (
        np.random.default_rng(1).integers(0, 1 << 8 * np.dtype(dtype).itemsize, (1, 50, 50, 1)).astype(dtype)
    )
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": "memory://",
        "scale_metadata": {"chunk_size": [1, 50, 50], "encoding": "png", "png_level": level},
    }
    store = tegula.open(spec, create=True, dtype=dtype, shape=data.shape).result()
    store.write(data).result()
    np.testing.assert_array_equal(store.read().result(), data)


def test_an_error_of_a_chunk_names_its_minishard_and_its_shard(tmp_path: Path) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{tmp_path}/",
        "scale_metadata": {"chunk_size": [2, 2, 2], "encoding": "png", "sharding": SHARDED},
    }
    store = tegula.open(spec, create=True, dtype="uint8", shape=[4, 2, 4, 1]).result()
    store.write(1).result()
    info = tmp_path / "info"
    info.write_text(info.read_text().replace('"size":[4,2,4]', '"size":[4,2,3]'))
    heads = []
    for library in (tegula, tensorstore):
        with pytest.raises(ValueError, match="Error reading chunk") as error:
            library.open(f"file://{tmp_path}/").result()[3, 1, 2, 0].read().result()
        heads.append(str(error.value).partition(": Image dimensions")[0])
    assert heads[0] == heads[1]
    assert "chunk 3 in minishard 1 in local file" in heads[0]


LAYOUTS = r"""
def volume(write, sharding=None, chunk=None, dtype="uint32", encoding=None, **layout):
    context, spec = ts.Context(), {"driver": "neuroglancer_precomputed", "kvstore": "memory://"}
    scale = {} if chunk is None else {"chunk_size": chunk}
    if sharding != "any":
        scale["sharding"] = sharding
    layout = ts.ChunkLayout(**({"write_chunk_shape": write} if write else {}), **layout)
    made = ts.open({**spec, "scale_metadata": scale}, create=True, context=context, dtype=dtype, shape=[1000, 1000, 5, 1], chunk_layout=layout, codec=encoding and {"driver": "neuroglancer_precomputed", "encoding": encoding}).result()
    return made.chunk_layout, json.loads(made.kvstore["info"])["scales"]
def bits(hash, preshift, minishard, shard):
    return {"@type": "neuroglancer_uint64_sharded_v1", "hash": hash, "preshift_bits": preshift, "minishard_bits": minishard, "shard_bits": shard}
volume([64, 3, 1, 1], bits("identity", 9, 0, 0), [3, 100, 5])
volume([64, 3, 1, 1], bits("murmurhash3_x86_128", 9, 0, 11), [3, 100, 5])
volume([64, 3, 1, 1], bits("identity", 9, 0, 11), [3, 100, 5])
volume([96, 1000, 5, 1], bits("identity", 9, 0, 11), [3, 100, 5])
volume([64, 64, 5, 1], bits("identity", 9, 0, 11))
volume([64, 64, 5, 1], bits("identity", 3, 0, 0))
volume(None, None, write_chunk_shape_soft_constraint=[0, 100, 0, 1])
volume([0, 100, 0, 0], None)
volume([0, 100, 0, 0], None, [64, 64, 5])
volume([512, 512, 5, 1], "any", [64, 64, 5])
volume([512, 512, 5, 1], "any", read_chunk_shape=[64, 64, 5, 1])
volume(None, "any", read_chunk_shape=[64, 64, 5, 1], write_chunk_shape_soft_constraint=[500, 500, 5, 1])
[volume([512, 512, 5, 1], "any", dtype="uint8", encoding=encoding, read_chunk_shape=[64, 64, 5, 1])[1][0]["sharding"] for encoding in ("raw", "png", "jpeg")]
volume([512, 512, 5, 1], "any", dtype="uint16", encoding="jpeg", read_chunk_shape=[64, 64, 5, 1])
volume([60, 60, 5, 1], "any", dtype="uint16", encoding="jpeg", read_chunk_shape=[64, 64, 5, 1])
"""  # noqa: E501


def test_write_chunks_are_asked_for_as_in_tensorstore() -> None:
    assert_same(LAYOUTS)
