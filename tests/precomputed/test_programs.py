"""Programs on volumes: each statement must say under tegula what it says under tensorstore 0.1.86."""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import pytest

from tests.api.both import assert_same

pytestmark = pytest.mark.peers

PRELUDE = r"""
def spec(**members):
    return {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/", **members}
def new(shape=(10, 11, 12, 1), dtype="uint8", scale=None, context=None, **options):
    members = {} if scale is None else {"scale_metadata": scale}
    return ts.open(spec(**members), create=True, dtype=dtype, shape=shape, context=context or ts.Context(), **options).result()
def told(*args, **options):
    store = new(*args, **options)
    return store.spec(), store.schema
"""

PROGRAMS = {
    "specs": r"""
ts.Spec(spec()).to_json()
ts.Spec(spec()).schema, ts.Spec(spec()).domain, ts.Spec(spec()).url
ts.Spec(spec(scale_index=1)).url
ts.Spec(spec(scale_index=1)).to_json(include_defaults=True)
ts.Spec(spec(scale_index=-1))
ts.Spec({**spec(), "driver": "neuroglancer-precomputed"})
ts.Spec("memory://a/|neuroglancer-precomputed:").to_json()["driver"]
ts.Spec("memory://a/|neuroglancer-precomputed").kvstore
ts.Spec("memory://a/|neuroglancer-precomputed:b")
ts.Spec(spec(rank=3))
ts.Spec(spec(metadata={}))
ts.Spec(spec(multiscale_metadata={"num_channels": 0}))
ts.Spec(spec(multiscale_metadata={"num_channels": 2})).schema
ts.Spec(spec(multiscale_metadata={"data_type": "uint16", "mesh": 1}))
ts.Spec(spec(multiscale_metadata={"data_type": "uint16"})).dtype
ts.Spec(spec(scale_metadata={"size": [-1, 1, 1]}))
ts.Spec(spec(scale_metadata={"voxel_offset": [1, 1, 1]}))
ts.Spec(spec(scale_metadata={"chunk_size": [0, 1, 1]}))
ts.Spec(spec(scale_metadata={"chunk_size": [4, 1, 1], "key": "k", "size": [3, 4, 5], "resolution": [1, 2, 3.5]})).schema
ts.Spec(spec(scale_metadata={"encoding": "jpeg", "jpeg_quality": 3})).schema
ts.Spec(spec(scale_metadata={"encoding": "jpeg", "png_level": 3}))
ts.Spec(spec(scale_metadata={"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 9]})).schema
ts.Spec(spec(scale_metadata={"sharding": {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 2, "shard_bits": 3, "hash": "identity"}}))
ts.Spec(spec(scale_metadata={"sharding": {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 32, "shard_bits": 33, "hash": "identity"}}))
ts.Spec(spec(scale_metadata={"sharding": {}}))
[ts.CodecSpec({"driver": "neuroglancer_precomputed", **c}) for c in [{}, {"encoding": "png", "png_level": 3}, {"shard_data_encoding": "gzip"}]]
ts.CodecSpec({"driver": "neuroglancer_precomputed", "encoding": "x"})
ts.CodecSpec({"driver": "neuroglancer_precomputed", "jpeg_quality": 3})
""",
    "created": r"""
told()
told(dtype="uint32")
told(dtype="float32", scale={"chunk_size": [3, 4, 5]})
told(dtype="bool")
told(dtype="int64")
told(shape=(10, 11, 0, 1))
told(fill_value=0)
told(dimension_units=["4nm", "4.5nm", None, None])
told(dimension_units=["4um", "4nm", "4nm", None])
told(dimension_units=["4nm", "4nm", "4nm", "nm"])
told(scale={"resolution": [4, 4, 40]}, dimension_units=["4nm", "5nm", "40nm", None])
told(shape=(100, 200, 300, 1), chunk_layout=ts.ChunkLayout(chunk_shape=[10, 20, 30, 1]))
told(chunk_layout=ts.ChunkLayout(chunk_shape=[10, 20, 30, 2]))
told(chunk_layout=ts.ChunkLayout(grid_origin=[1, 0, 0, 0]))
told(chunk_layout=ts.ChunkLayout(inner_order=[0, 1, 2, 3]))
told(chunk_layout=ts.ChunkLayout({"codec_chunk": {"shape": [4, 5, 6, 1]}}))
told(codec=ts.CodecSpec({"driver": "neuroglancer_precomputed", "encoding": "compressed_segmentation"}))
told(dtype="uint64", codec=ts.CodecSpec({"driver": "neuroglancer_precomputed", "encoding": "compressed_segmentation"}))
told(dtype="uint64", codec=ts.CodecSpec({"driver": "neuroglancer_precomputed", "encoding": "compressed_segmentation"}), chunk_layout=ts.ChunkLayout({"codec_chunk": {"shape": [4, 5, 6, 1]}}))
told(codec=ts.CodecSpec({"driver": "neuroglancer_precomputed", "encoding": "jpeg"}), scale={"encoding": "raw"})
told(shape=(10, 11, 12, 2), scale={"encoding": "jpeg"})
told(dtype="uint32", scale={"encoding": "png"})
ts.open(spec(), create=True, dtype="uint8").result()
ts.open(spec(), dtype="uint8").result()
""",
    "sharded": r"""
def grid(**options):
    return ts.ChunkLayout(**options)
def at(wide=(100, 200, 300, 1), **options):
    store = new(wide, **options)
    return store.spec(), store.schema
at(chunk_layout=grid(write_chunk_shape=[64, 64, 64, 1], read_chunk_shape=[32, 32, 32, 1]))
at(chunk_layout=grid(write_chunk_elements=64**3, read_chunk_shape=[32, 32, 32, 1]))
at(chunk_layout=grid(write_chunk_elements=1 << 20, read_chunk_elements=1 << 15))
at(chunk_layout=grid(write_chunk_elements=1 << 30, read_chunk_elements=1 << 15))
at(chunk_layout=grid(write_chunk_elements_soft_constraint=1 << 22, read_chunk_elements=1 << 12), wide=(1000, 200, 3000, 2))
at(chunk_layout=grid(write_chunk_shape_soft_constraint=[200, 200, 300, 1], read_chunk_shape=[32, 32, 32, 1]))
at(chunk_layout=grid(write_chunk_shape=[100, 200, 300, 1], read_chunk_elements=1 << 12))
at(chunk_layout=grid(write_chunk_shape=[100, 200, 300, 1]))
at(chunk_layout=grid(chunk_aspect_ratio=[1, 2, 3, 1], chunk_elements=1 << 15), wide=(10, 2000, 3000, 3))
at(codec=ts.CodecSpec({"driver": "neuroglancer_precomputed", "shard_data_encoding": "gzip"}))
at(codec=ts.CodecSpec({"driver": "neuroglancer_precomputed", "shard_data_encoding": "gzip"}), scale={"sharding": None})
s = {"@type": "neuroglancer_uint64_sharded_v1", "hash": "identity"}
at(scale={"chunk_size": [10, 20, 30], "sharding": {**s, "preshift_bits": 1, "minishard_bits": 2, "shard_bits": 3}})
at(scale={"chunk_size": [10, 20, 30], "sharding": {**s, "preshift_bits": 5, "minishard_bits": 2, "shard_bits": 20}})
at(scale={"chunk_size": [10, 20, 30], "sharding": {**s, "preshift_bits": 5, "minishard_bits": 2, "shard_bits": 20, "hash": "murmurhash3_x86_128"}})
""",
    "images": r"""
told(scale={"encoding": "jpeg"})
told(shape=(10, 11, 12, 3), scale={"encoding": "jpeg", "jpeg_quality": 30})
told(shape=(10, 11, 12, 4), dtype="uint16", scale={"encoding": "png", "png_level": 3})
told(shape=(10, 11, 12, 5), scale={"encoding": "png"})
""",
    "scales": r"""
c = ts.Context()
a = new(scale={"chunk_size": [3, 4, 5]}, context=c)
b = new(scale={"resolution": [2, 3, 4], "voxel_offset": [1, 2, 3], "size": [4, 5, 6]}, shape=None, context=c, domain=ts.IndexDomain([ts.Dim(1, 5), ts.Dim(2, 7), ts.Dim(3, 9), ts.Dim(0, 1)]))
b.spec(minimal_spec=True)
b, b.spec()
b.url
ts.open(spec(), context=c).result().domain
ts.open(spec(scale_index=1), context=c).result().domain
ts.open(spec(scale_index=2), context=c).result().domain
ts.open(spec(scale_metadata={"resolution": [2, 3, 4]}), context=c).result().domain
ts.open(spec(scale_metadata={"resolution": [2, 3, 5]}), context=c).result()
ts.open(spec(scale_metadata={"key": "no"}), context=c).result()
ts.open(spec(scale_metadata={"key": "2_3_4", "size": [1, 1, 1]}), context=c).result()
ts.open(spec(scale_index=0, scale_metadata={"key": "2_3_4"}), context=c).result()
ts.open(spec(scale_metadata={"chunk_size": [3, 4, 6]}), context=c).result()
ts.open(spec(), dimension_units=["2nm", "3nm", "4nm", None], context=c).result().domain
ts.open(spec(), dtype="uint16", context=c).result()
ts.open(spec(multiscale_metadata={"num_channels": 3}), context=c).result()
ts.open(spec(multiscale_metadata={"type": "segmentation"}), context=c).result()
ts.open(spec(), codec=ts.CodecSpec({"driver": "neuroglancer_precomputed", "encoding": "jpeg"}), context=c).result()
ts.open(spec(), shape=[10, 11, 12, 2], context=c).result()
ts.open("memory://a/", context=c).result().spec()
new(context=c)
new(scale={"resolution": [2, 3, 9]}, context=c, open=True).spec()
ts.open(spec(scale_index=5, scale_metadata={"key": "q"}), create=True, dtype="uint8", shape=[3, 3, 3, 1], context=c).result()
ts.open(spec(scale_index=0, scale_metadata={"key": "q"}), create=True, dtype="uint8", shape=[3, 3, 3, 1], context=c).result()
ts.open(spec(scale_metadata={"key": "q"}), create=True, dtype="uint16", shape=[3, 3, 3, 1], context=c).result()
json.loads(ts.KvStore.open("memory://a/", context=c).result()["info"])
""",
    "elements": r"""
store = ts.open({**spec(scale_metadata={"chunk_size": [3, 4, 5], "size": [7, 5, 6], "voxel_offset": [-2, 1, 3]}, multiscale_metadata={"num_channels": 2, "data_type": "uint16"}), "kvstore": "file://" + folder + "/a/"}, create=True).result()
store.domain
store[-2:2, 2, 4].write(np.arange(8, dtype="u2").reshape(4, 2)).result()
store.read().result()
store[4:, 5:, 8:].write(9).result()
store[-2:5:2, [1, 5], 8].read().result()
store[5].read().result()
store[-3].read().result()
store[1, 2, 3, 2].read().result()
store[1, 2, 3, 1].write(4).result()
store[1, 2, 3, 1].read().result()
store.T.read().result().shape
ts.downsample(store, [2, 2, 2, 1], "max").read().result()
store[ts.d["channel"][0]].spec()
store[ts.d[:].translate_to[0]].domain
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_what_it_says_under_tensorstore_0_1_86(name: str) -> None:
    assert_same(PRELUDE + PROGRAMS[name])


FILES = r"""
import gzip
at = spec(kvstore="file://" + folder + "/v/")
s = ts.open(at, create=True, dtype="uint8", shape=(4, 4, 4, 1)).result()
s[...] = 7
key = "1_1_1/0-4_0-4_0-4"
s.kvstore[key + ".gz"] = gzip.compress(s.kvstore[key], mtime=0)
del s.kvstore[key]
s.read().result().sum()
"""


def test_files_of_gzip_are_no_chunks() -> None:
    assert_same(PRELUDE + FILES)
