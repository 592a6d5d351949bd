"""Shards: the same documents, layouts, bytes and errors as tensorstore 0.1.86, statement by statement."""

from __future__ import annotations

import pytest

from tests.api.both import assert_same

pytestmark = pytest.mark.peers

PREPARED = """
def shard(chunk_shape=None, codecs=None, **more):
    inner = {} if chunk_shape is None else {"chunk_shape": chunk_shape}
    inner |= {} if codecs is None else {"codecs": codecs}
    return {"name": "sharding_indexed", "configuration": {**inner, **more}}

def turned(*order):
    return {"name": "transpose", "configuration": {"order": list(order)}}

def array(codecs, shape=[4, 4], chunks=[4, 4], **more):
    grid = {"name": "regular", "configuration": {"chunk_shape": chunks}}
    metadata = {"shape": shape, "data_type": "uint16", "codecs": codecs, "chunk_grid": grid}
    return ts.open(zarr3(metadata=metadata, **more), create=True).result()

def of(codec=None, metadata={}, shape=[8, 8], **layout):
    spec = {"driver": "zarr3", "kvstore": "memory://", "metadata": metadata}
    codec = None if codec is None else ts.CodecSpec({"driver": "zarr3", "codecs": codec})
    layout = ts.ChunkLayout(**layout)
    return ts.open(spec, create=True, dtype="uint16", shape=shape, chunk_layout=layout, codec=codec).result()

def kept(store):
    keys = sorted(store.kvstore.list().result())
    return {key: store.kvstore.read(key).result().value for key in keys}

def written(store, region=..., value=None):
    data = np.arange(1, 1 + store.size, dtype="u2").reshape(store.shape)
    store[region] = data[region] if value is None else value
    return kept(store)

def merged(a, b):
    schema = ts.Schema(codec=ts.CodecSpec({"driver": "zarr3", "codecs": a}))
    schema.update(codec=ts.CodecSpec({"driver": "zarr3", "codecs": b}))
    return schema.codec

little = {"name": "bytes", "configuration": {"endian": "little"}}
big = {"name": "bytes", "configuration": {"endian": "big"}}
plain = {"index_codecs": [little]}
"""

PROGRAMS = {
    "bytes": """
written(array([shard([2, 2])]))
written(array([shard([2, 2], index_location="start")]))
written(array([shard([2, 2], index_location="end")]))
written(array([shard([2, 2], index_codecs=[big])]))
written(array([shard([2, 2], index_codecs=[turned(2, 0, 1), big, {"name": "crc32c"}])]))
written(array([shard([2, 2], ["crc32c"])]))
written(array([shard([2, 4], [shard([2, 2], index_location="start")])]))
written(array([turned(1, 0), shard([2, 4])]))
written(array([turned(1, 0), shard([2, 4], [turned(1, 0), big])]))
written(array([turned(1, 2, 0), shard([2, 2, 1], [turned(1, 2, 0)])], [2, 2, 4], [2, 2, 4]))
written(array([shard([])], [], []))
written(array([shard([2, 2])], [5, 3]))
""",
    "partial writes": """
written(array([shard([2, 2])]), np.s_[0, 0], 5)
s = array([shard([2, 2], index_location="start")])
written(s, np.s_[1:3, 1:3])
written(s, np.s_[3, :], 7)
written(s, np.s_[0:2, 0:2], 0)
written(s, ..., 0)
n = array([shard([4, 2], [shard([2, 2])])])
written(n, np.s_[3, 3])
written(n, np.s_[:, 2:])
written(n, np.s_[2:, 2:], 0)
written(n, np.s_[:2, 2:], 0)
written(array([shard([2, 2])]), ..., 0)
written(array([shard([2, 2])], store_data_equal_to_fill_value=True), ..., 0)
written(array([shard([2, 2])], store_data_equal_to_fill_value=True), np.s_[0, 0], 0)
""",
    "schema to document": """
kept(of(read_chunk_shape=[2, 2], write_chunk_shape=[4, 4]))
kept(of(read_chunk_shape=[2, 4], write_chunk_shape=[4, 8], inner_order=[1, 0]))
kept(of(["gzip"], read_chunk_shape=[2, 2], write_chunk_shape=[4, 4]))
kept(of(None, {"codecs": ["gzip"]}, read_chunk_shape=[2, 2], write_chunk_shape=[4, 4]))
kept(of(["gzip"], {"codecs": [shard([2, 2])]}, read_chunk_shape=[2, 2], write_chunk_shape=[4, 4]))
kept(of([shard([2, 2], ["gzip"])]))
kept(of([shard([2, 2], ["gzip"])], write_chunk_shape=[4, 4]))
kept(of([shard(None, ["gzip"])], read_chunk_shape=[2, 2], write_chunk_shape=[4, 4]))
kept(of([shard(None, [shard()])], read_chunk_shape=[2, 2], write_chunk_shape=[8, 8]))
kept(of([shard([4, 4], [shard()])], read_chunk_shape=[2, 2], write_chunk_shape=[8, 8]))
kept(of([shard([4, 4])], read_chunk_shape=[2, 2], write_chunk_shape=[8, 8]))
kept(of([big, "zstd"], read_chunk_shape=[2, 2], write_chunk_shape=[8, 8]))
kept(of([turned(1, 0)], read_chunk_shape=[2, 4], write_chunk_shape=[8, 8]))
kept(of(None, {"codecs": [turned(1, 0)]}, read_chunk_shape=[2, 4], write_chunk_shape=[8, 8]))
kept(of(None, {"codecs": [turned(1, 0), shard()]}, read_chunk_shape=[2, 4], write_chunk_shape=[8, 8]))
kept(of(None, {"codecs": [shard()]}, read_chunk_shape=[2, 4], write_chunk_shape=[8, 8], inner_order=[1, 0]))
kept(of(None, {"codecs": [turned(1, 0), shard([4, 2])]}, read_chunk_shape=[2, 4], inner_order=[0, 1]))
kept(of(None, {"codecs": [turned(1, 0), shard([4, 2])]}, inner_order=[1, 0]))
kept(of(read_chunk_shape=[2, 2]))
kept(of(write_chunk_shape=[4, 4]))
kept(of(read_chunk_shape_soft_constraint=[3, 2], write_chunk_shape=[4, 4]))
kept(of(read_chunk_elements=100, write_chunk_elements=5000, shape=[1000, 1000]))
kept(of(read_chunk_shape=[3, 2], write_chunk_shape=[4, 4]))
kept(of([shard([4, 4])], read_chunk_shape=[2, 2]))
kept(of([shard([4, 4])], write_chunk_shape=[6, 6]))
kept(of(None, {"codecs": [shard([])]}, shape=[]))
""",
    "layouts and specs": """
array([turned(1, 0), shard([2, 4])]).chunk_layout
array([turned(1, 0), shard([2, 4], [turned(1, 0)])]).chunk_layout
array([turned(1, 2, 0), shard([2, 4, 1], [turned(1, 2, 0)])], [4, 4, 4], [1, 2, 4]).chunk_layout
array([shard([2, 4], [shard([2, 2])])]).schema
array([shard([2, 2])])[1:3, ::2].chunk_layout
array([shard([2, 2])]).codec
array([shard([2, 2])]).spec().to_json()
array([shard([2, 2], index_location="start")]).spec().to_json()
array([shard([2, 2])]).spec(minimal_spec=True).to_json()
ts.Spec({"driver": "zarr3", "metadata": {"codecs": [shard([2, 2], index_location="end")]}}).to_json()
ts.Spec({"driver": "zarr3", "metadata": {"codecs": [shard([2, 2])]}}).chunk_layout
ts.Spec({"driver": "zarr3", "metadata": {"codecs": ["sharding_indexed"]}}).to_json()
ts.CodecSpec({"driver": "zarr3", "codecs": [shard([2, 2], ["gzip"])]})
ts.CodecSpec({"driver": "zarr3", "codecs": [shard([0, 2])]})
ts.CodecSpec({"driver": "zarr3", "codecs": [shard([2, 2], foo=1)]})
ts.CodecSpec({"driver": "zarr3", "codecs": [shard([2, 2], index_location="middle")]})
ts.CodecSpec({"driver": "zarr3", "codecs": [shard([2, 2]), shard([1, 1])]})
""",
    "what cannot be made": """
array([shard([3, 2])])
array([shard([2, 2], [shard([2, 3])])])
array([turned(1, 0), shard([2, 3])], chunks=[2, 6])
array([shard([2])])
array([shard([1, 1])], chunks=[2**20, 2**20])
array([shard([1] * 32)], [1] * 32, [1] * 32)
array([shard([2, 2], index_codecs=["gzip"])])
array([shard([2, 2], index_codecs=[turned(1, 0)])])
array([shard([2, 2], index_codecs=[shard([1, 1, 1])])])
""",
    "merging": """
merged([shard([2, 2])], ["gzip"])
merged(["gzip"], [shard([2, 2])])
merged([shard([2, 2], ["gzip"])], [{"name": "gzip", "configuration": {"level": 3}}])
merged([shard([2, 2])], [shard([2, 2], ["gzip"])])
merged([shard([2, 2])], [shard([2, 3])])
merged([shard([2, 2], ["gzip"])], ["zstd"])
merged([turned(1, 0), shard([2, 2])], ["gzip"])
merged([turned(1, 0), shard([2, 2])], [shard([2, 2])])
merged([shard([2, 2])], [turned(1, 0)])
merged([shard([2, 2], [turned(1, 0)])], [turned(1, 0)])
merged([shard([2, 2], index_location="start")], [shard([2, 2])])
merged([shard([2, 2], index_location="start")], [shard([2, 2], index_location="end")])
merged([shard([2, 2], index_codecs=["bytes"])], [shard([2, 2])])
merged([shard([2, 2], index_codecs=["bytes"])], [shard([2, 2], index_codecs=["bytes", "crc32c"])])
merged([shard([4, 4], [shard([2, 2])])], [shard([2, 2], ["gzip"])])
merged([shard([4, 4], [shard([2, 2])])], [shard([4, 4])])
merged([shard([4, 4], [shard([2, 2])])], ["gzip"])
merged(["sharding_indexed"], [shard([2, 2])])
merged([shard([2, 2], ["gzip"])], [])
merged([shard([2, 2], [big, "gzip"])], ["bytes", "gzip"])
merged([turned(1, 0), "gzip"], [shard([2, 2], ["gzip"])])
""",
    "stored documents": """
def stored(codecs, **more):
    context = ts.Context()
    kept = ts.KvStore.open("memory://", context=context).result()
    grid = {"name": "regular", "configuration": {"chunk_shape": [4, 4]}}
    document = {
        "zarr_format": 3, "node_type": "array", "shape": [8, 8], "data_type": "uint16", "chunk_grid": grid,
        "chunk_key_encoding": {"name": "default"}, "codecs": codecs, "fill_value": 0, **more,
    }
    kept["zarr.json"] = json.dumps(document).encode()
    return ts.open({"driver": "zarr3", "kvstore": "memory://"}, context=context).result().chunk_layout

stored([shard([2, 2], [little], index_codecs=[little])])
stored([shard([2, 2], index_codecs=[little])])
stored([shard([2, 2], [little])])
stored([shard(None, [little], index_codecs=[little])])
stored([shard([2, 2], [{"name": "gzip", "configuration": {"level": 5}}], index_codecs=[little])])
stored([shard([2, 2], ["bytes"], index_codecs=[little])])
stored([shard([2, 2], [{"name": "bytes"}], index_codecs=[little])])
stored([shard([2, 2], [little], index_codecs=[{"name": "bytes"}])])
stored([shard([3, 2], [little], index_codecs=[little])])
stored([{"name": "sharding_indexed"}])
""",
    "missing": """
s = array([shard([2, 2])], [8, 8], fill_missing_data_reads=False)
s[5, 7].read().result()
s[0, 0] = s[7, 7] = 5
s[5, 7].read().result()
s[1, 1].read().result()
n = array([shard([4, 2], [shard([2, 2])])], [8, 8], fill_missing_data_reads=False)
n[7, 7] = 5
n[5, 7].read().result()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_says_what_the_wheel_says(name: str) -> None:
    assert_same(PREPARED + PROGRAMS[name])


DAMAGED = """
def damaged(change, codecs=None, region=..., **more):
    s = array([shard([2, 2], codecs, **more)])
    s[...] = np.arange(1, 17, dtype="u2").reshape(4, 4)
    s.kvstore["c/0/0"] = bytes(change(bytearray(s.kvstore["c/0/0"])))
    return s

def entry(offset, length):
    def change(value):
        at = len(value) - 64
        value[at:at + 16] = offset.to_bytes(8, "little") + length.to_bytes(8, "little")
        return value
    return change

def flipped(value):
    value[-1] ^= 1
    return value

huge = 2**64 - 1
"""
CHANGES = (
    "entry(1000, 8)",
    "entry(huge - 3, 8)",
    "entry(0, 2**63)",
    "entry(2**63, 8)",
    "entry(huge, 8)",
    "entry(0, huge)",
    "entry(0, 7)",
    "entry(0, 9)",
    "entry(0, 0)",
    "entry(32, 8)",
    "entry(90, 8)",
    "entry(8, 8)",
    "entry(2**63 - 9, 8)",
    "entry(2**63 - 8, 8)",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_index_says_what_the_wheel_says(change: str) -> None:
    assert_same(
        PREPARED
        + DAMAGED
        + f"""
damaged({change}, **plain).read().result()
damaged({change}, **plain)[0, 0].write(9).result()
s = damaged({change}, **plain)
s[3, 3].write(9).result()
kept(s)
s[...] = 1
kept(s)
"""
    )


def test_damage_elsewhere_says_what_the_wheel_says() -> None:
    assert_same(
        PREPARED
        + DAMAGED
        + """
damaged(flipped)[0, 0].write(9).result()
damaged(lambda value: value[:40], **plain)[0, 0].write(9).result()
damaged(lambda value: bytes([value[0] ^ 255]) + value[1:], ["crc32c"]).read().result()
damaged(lambda value: bytes([value[0] ^ 255]) + value[1:], ["crc32c"])[0, 0].write(9).result()
damaged(lambda value: bytes([value[0] ^ 255]) + value[1:], ["crc32c"])[0, 0].read().result()
s = damaged(lambda value: bytes([value[0] ^ 255]) + value[1:], ["crc32c"])
s[3, 3].write(9).result()
kept(s)
"""
    )
