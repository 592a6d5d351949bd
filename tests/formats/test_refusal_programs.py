"""Programs about what is told first: each runs under tensorstore 0.1.86 and under tegula.

Documents, requests and schemas break two rules at once, and both libraries must name the same one, in the same
words; what a specification shows with all its defaults must be the same, too.
"""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

from typing import Any

import pytest
import tensorstore

import tegula
from tests.api.both import assert_same

pytestmark = pytest.mark.peers

ZARR3 = """
import itertools
def told(f):
    try: return f()
    except Exception as e: return isinstance(e, ValueError), str(e).split(" [tensorstore_spec")[0]
def stored(found, **k):
    c = ts.Context(); ts.KvStore.open("memory://", context=c).result()["zarr.json"] = json.dumps(found).encode()
    return told(lambda: ts.open({"driver": "zarr3", "kvstore": "memory://", **k}, context=c).result().spec().to_json())
def made(m, **k): return told(lambda: ts.open(zarr3(metadata=m, **k), context=ts.Context(), create=True).result().kvstore["zarr.json"])
def grid(*n): return {"name": "regular", "configuration": {"chunk_shape": list(n)}}
def N(name, **c): return {"name": name, "configuration": c}
def S(shape, *codecs): return N("sharding_indexed", chunk_shape=shape, codecs=list(codecs))
def L(**k): return {"chunk_layout": k, "dtype": "uint16", "domain": {"shape": [8, 12]}}
T = N("transpose", order=[1, 0])
LE = N("bytes", endian="little")
doc = {"zarr_format": 3, "node_type": "array", "shape": [4, 6], "data_type": "int16", "chunk_grid": grid(2, 3), "chunk_key_encoding": {"name": "default"}, "fill_value": 0, "codecs": [LE]}
more = {"dimension_names": ["x", "y"], "attributes": {}, "storage_transformers": []}
bad = {"zarr_format": 2, "node_type": "group", "shape": "x", "data_type": "q", "chunk_grid": {"name": "z"}, "chunk_key_encoding": {"name": "z"}, "fill_value": "q", "codecs": [{"name": "z"}], "dimension_names": 5, "attributes": 5, "storage_transformers": [{}], "extra": 1}
rank = {"shape": [4], "chunk_grid": grid(2, 3, 4), "dimension_names": ["x", "y", "z", "w", "v"], "attributes": {"dimension_units": ["nm"] * 6}}
without = lambda *names: {k: v for k, v in doc.items() if k not in names}
[stored({**doc, **more, a: bad[a], b: bad[b]}) for a, b in itertools.combinations(bad, 2)]
[stored(without(a, b)) for a, b in itertools.combinations(doc, 2)]
[stored({**without(a), b: bad[b]}) for a in doc for b in bad if a != b]
[stored({**doc, a: rank[a], b: bad[b]}) for a in rank for b in bad if a != b]
[told(lambda: ts.Spec(zarr3(metadata={a: bad[a], b: bad[b]})).rank) for a, b in itertools.combinations(bad, 2)]
other = {"shape": [9, 9], "data_type": "uint8", "chunk_grid": grid(5, 5), "chunk_key_encoding": "v2", "codecs": ["gzip"], "dimension_names": ["a", "b"], "attributes": {"z": 1}}
schema = {"dtype": "uint8", "domain": {"shape": [9, 9]}, "chunk_layout": {"chunk": {"shape": [5, 5]}}, "codec": {"driver": "zarr3", "codecs": ["gzip"]}, "fill_value": 5, "dimension_units": ["nm", "nm"]}
[stored({**doc, **more}, metadata={a: other[a], b: other[b]}) for a, b in itertools.combinations(other, 2)]
[stored({**doc, **more}, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2)]
[stored({**doc, **more}, metadata={a: other[a]}, schema={b: schema[b]}) for a in other for b in schema]
[made({"shape": [4, 6], "data_type": "int16", "chunk_grid": grid(2, 3), "codecs": ["zstd"], "fill_value": 1}, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2)]
[made({"shape": [2], "data_type": "float32", "fill_value": a}, schema={"fill_value": b, "dtype": "float32"}) for a in (0, "NaN", 1.5, -0.0) for b in (0, "NaN", 1.5, -0.0)]
[made({"shape": [2], "data_type": t}, schema={"fill_value": b}) for t in ("uint64", "int8") for b in (-1, 1.5, "x", 1e19, [1, 2])]
[made({"shape": [4, 6], "data_type": "int8", "chunk_grid": grid(n, 1)}) for n in (2**62 - 1, 2**61)]
[told(lambda: ts.Spec(zarr3(metadata={"data_type": t})).dtype) for t in ("r-8", "r", "r8x", "rx", "r4", "q")]
orders = [[0], [1, 0], [0, 1, 2]]
[made({"codecs": [N("transpose", order=o), *c]}, schema=L()) for o in orders for c in ((), (S([2, 3], T),), (S([2, 3], N("transpose", order=[0])),))]
[told(lambda: ts.Spec(zarr3(metadata={"shape": [4, 6], "codecs": [N("transpose", order=o)]})).chunk_layout) for o in orders]
[made({"codecs": [*c]}, schema=L(inner_order=[1, 0])) for c in (["bytes"], [N("transpose", order=[0, 1]), "bytes"], [S([2, 3], "bytes")], [N("sharding_indexed", chunk_shape=[2, 3])], [T])]
[made({}, schema={**L(**{name: [1, 0]}), "codec": {"driver": "zarr3", "codecs": c}}) for name in ("inner_order", "inner_order_soft_constraint") for c in ([N("transpose", order=[0, 1])], [T], [T, "bytes"], ["bytes"], [T, T])]
shapes = ([5, 6], [3, 6], [8, 6], [4, 6], [2, 7])
[made({"chunk_grid": grid(4, 6), "codecs": [S(s)]}, schema=L()) for s in shapes]
[made({"chunk_grid": grid(4, 6), "codecs": [T, S(s[::-1])]}, schema=L()) for s in shapes]
open_ended = lambda s: N("sharding_indexed", chunk_shape=s)
[made({"chunk_grid": grid(4, 6), "codecs": [open_ended(s)]}, schema=L()) for s in shapes]
[made({"chunk_grid": grid(4, 6), "codecs": [T, open_ended(s[::-1])]}, schema=L()) for s in shapes]
[made({"chunk_grid": grid(4, 6), "codecs": [open_ended([2, 3])]}, schema=L(read_chunk={"shape": s})) for s in shapes]
[made({"chunk_grid": grid(4, 6), "codecs": c}, schema=L(read_chunk={"shape": s})) for s in shapes for c in ([S([2, 3])], ["gzip"])]
[ts.Spec(zarr3(metadata={"chunk_key_encoding": e})).to_json(include_defaults=d) for d in (0, 1) for e in ("default", "v2", {"name": "default", "configuration": {"separator": "."}})]
ts.open(zarr3(metadata={"shape": [4], "data_type": "int8"}), create=True).result().spec().to_json(include_defaults=True)
"""

ZARR2 = """
import itertools
def told(f):
    try: return f()
    except Exception as e: return isinstance(e, ValueError), str(e).split(" [tensorstore_spec")[0]
def stored(found, **k):
    c = ts.Context(); ts.KvStore.open("memory://", context=c).result()[".zarray"] = json.dumps(found).encode()
    return told(lambda: ts.open({"driver": "zarr", "kvstore": "memory://", **k}, context=c).result().spec().to_json())
def made(m, **k): return told(lambda: ts.open(zarr2(metadata=m, **k), context=ts.Context(), create=True).result().kvstore[".zarray"])
doc = {"zarr_format": 2, "shape": [4, 6], "dtype": "<i2", "chunks": [2, 3], "compressor": None, "fill_value": 0, "filters": None, "order": "C"}
bad = {"zarr_format": 3, "shape": "x", "dtype": "q", "chunks": "x", "compressor": {"id": "q"}, "fill_value": "q", "filters": 5, "order": "Q", "dimension_separator": "q"}
without = lambda *names: {k: v for k, v in doc.items() if k not in names}
[stored({**doc, a: bad[a], b: bad[b]}) for a, b in itertools.combinations(bad, 2)]
[stored(without(a, b)) for a, b in itertools.combinations(doc, 2)]
[stored({**without(a), b: bad[b]}) for a in doc for b in bad if a != b]
[told(lambda: ts.Spec(zarr2(metadata={a: bad[a], b: bad[b]})).rank) for a, b in itertools.combinations(bad, 2)]
other = {"shape": [9, 9], "dtype": "|u1", "chunks": [5, 5], "compressor": {"id": "zlib", "level": 3}, "fill_value": None, "order": "F", "dimension_separator": "/"}
schema = {"dtype": "uint8", "domain": {"shape": [9, 9]}, "chunk_layout": {"chunk": {"shape": [5, 5]}}, "codec": {"driver": "zarr", "compressor": {"id": "zlib"}}, "fill_value": 5, "dimension_units": ["nm", "nm"]}
[stored(doc, metadata={a: other[a], b: other[b]}) for a, b in itertools.combinations(other, 2)]
[stored(doc, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2)]
[stored(doc, metadata={a: other[a]}, schema={b: schema[b]}) for a in other for b in schema]
[made({"shape": [4, 6], "dtype": "<i2", "chunks": [2, 3], "compressor": None, "fill_value": 1}, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2)]
[stored({**doc, "dtype": "<f4", "fill_value": a}, schema={"fill_value": b}) for a in (None, 0, "NaN", 1.5, -0.0) for b in (0, 1.5, -0.0)]
[made({"shape": [4, 6], "dtype": "|i1", "chunks": s}) for s in ([2**62 - 1, 1], [2**61, 4], [2**62 - 2, 1])]
ts.Spec(zarr2(metadata={"dtype": [["x", "<u2", []], ["y", "|i1"]]})).to_json()
"""

N5 = """
import itertools
def told(f):
    try: return f()
    except Exception as e: return isinstance(e, ValueError), str(e).split(" [tensorstore_spec")[0]
def stored(found, **k):
    c = ts.Context(); ts.KvStore.open("memory://", context=c).result()["attributes.json"] = json.dumps(found).encode()
    return told(lambda: ts.open({"driver": "n5", "kvstore": "memory://", **k}, context=c).result().spec().to_json())
def made(m, **k): return told(lambda: ts.open({"driver": "n5", "kvstore": "memory://", "metadata": m, **k}, context=ts.Context(), create=True).result().kvstore["attributes.json"])
doc = {"dimensions": [4, 6], "dataType": "int16", "blockSize": [2, 3], "compression": {"type": "raw"}}
bad = {"dimensions": "x", "dataType": "q", "blockSize": "x", "compression": {"type": "q"}, "axes": 5, "units": 5, "resolution": 5}
rank = {"dimensions": [4], "blockSize": [2, 3, 4], "axes": ["a", "b", "c", "d"], "units": ["nm"] * 5, "resolution": [1] * 6}
without = lambda *names: {k: v for k, v in doc.items() if k not in names}
[stored({**doc, a: bad[a], b: bad[b]}) for a, b in itertools.combinations(bad, 2)]
[stored(without(a, b)) for a, b in itertools.combinations(doc, 2)]
[stored({**without(a), b: bad[b]}) for a in doc for b in bad if a != b]
[stored({**doc, a: rank[a], b: rank[b]}) for a, b in itertools.combinations(rank, 2)]
[stored({**doc, a: rank[a], b: bad[b]}) for a in rank for b in bad if a != b]
[told(lambda: ts.Spec({"driver": "n5", "kvstore": "memory://", "metadata": {a: bad[a], b: bad[b]}}).rank) for a, b in itertools.combinations(bad, 2)]
other = {"dimensions": [9, 9], "dataType": "uint8", "blockSize": [5, 5], "compression": {"type": "gzip"}, "axes": ["a", "b"], "units": ["m", "m"], "resolution": [3, 3], "zz": 1}
schema = {"dtype": "uint8", "domain": {"shape": [9, 9]}, "chunk_layout": {"chunk": {"shape": [5, 5]}}, "codec": {"driver": "n5", "compression": {"type": "gzip"}}, "fill_value": 5, "dimension_units": ["nm", "nm"]}
[stored(doc, metadata={a: other[a], b: other[b]}) for a, b in itertools.combinations(other, 2)]
[stored(doc, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2)]
[stored(doc, metadata={a: other[a]}, schema={b: schema[b]}) for a in other for b in schema if (a, b) != ("dataType", "dtype")]
[made({"dimensions": [4, 6], "dataType": "int16", "blockSize": [2, 3], "compression": {"type": "raw"}, "units": ["m", "m"], "resolution": [1, 1]}, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2) if a != "dtype"]
[made(m) for m in ({}, {"dimensions": [4]}, {"dataType": "int8"}, {"blockSize": [2, 3]})]
[stored({**doc, "a": 1, "b": True}, metadata=m) for m in ({"a": 1.0}, {"a": True}, {"b": 1}, {"b": True})]
def read(block):
    s = ts.open({"driver": "n5", "kvstore": "memory://", "metadata": {"dimensions": [4], "blockSize": [4], "dataType": "int8", "compression": {"type": "raw"}}}, create=True, context=ts.Context()).result()
    s.kvstore["0"] = block
    return told(lambda: s.read().result())
[read(b"\\0\\0\\0\\1\\0\\0\\0\\4abcde"[:n]) for n in range(14)]
"""

PRECOMPUTED = """
import itertools
D = {"driver": "neuroglancer_precomputed", "kvstore": "memory://"}
def told(f):
    try: return f()
    except Exception as e: return isinstance(e, ValueError), str(e).split(" [tensorstore_spec")[0]
def stored(found, **k):
    c = ts.Context(); ts.KvStore.open("memory://", context=c).result()["info"] = json.dumps(found).encode()
    return told(lambda: ts.open({**D, **k}, context=c).result().spec().to_json())
def made(m, s, **k): return told(lambda: ts.open({**D, "multiscale_metadata": m, "scale_metadata": s, **k}, context=ts.Context(), create=True).result().kvstore["info"])
volume = {"data_type": "uint8", "num_channels": 1, "type": "image"}
fine = {"size": [100, 80, 60], "resolution": [4, 4, 40], "encoding": "raw", "chunk_size": [64, 64, 64]}
scale = {"key": "4_4_40", "size": [100, 80, 60], "resolution": [4, 4, 40], "encoding": "raw", "chunk_sizes": [[64, 64, 64]], "voxel_offset": [1, 2, 3]}
doc = {"@type": "neuroglancer_multiscale_volume", **volume, "scales": [scale]}
shards = {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 2, "shard_bits": 3, "hash": "identity"}
bad = {"@type": "q", "data_type": "q", "num_channels": "q", "type": 5, "scales": "q"}
odd = {"key": 5, "size": "q", "resolution": "q", "encoding": "q", "chunk_sizes": "q", "voxel_offset": "q", "sharding": "q", "jpeg_quality": 500}
without = lambda found, *names: {k: v for k, v in found.items() if k not in names}
[stored({**doc, a: bad[a], b: bad[b]}) for a, b in itertools.combinations(bad, 2)]
[stored(without(doc, a, b)) for a, b in itertools.combinations(doc, 2)]
[stored({**doc, "scales": [{**scale, a: odd[a], b: odd[b]}]}) for a, b in itertools.combinations(odd, 2)]
[stored({**doc, "scales": [without(scale, a, b)]}) for a, b in itertools.combinations(scale, 2)]
[stored({**doc, "scales": [{**scale, "sharding": without(shards, a, b)}]}) for a, b in itertools.combinations(shards, 2)]
[stored({**doc, "scales": [{**scale, a: v}]}) for a in ("jpeg_quality", "png_level", "compressed_segmentation_block_size", "chunk_sizes") for v in (None, "x", 7, [], [1, 2], [1, 2, 3])]
asked = {"chunk_size": "q", **without(odd, "chunk_sizes")}
[told(lambda: ts.Spec({**D, "scale_metadata": {a: asked[a], b: asked[b]}})) for a, b in itertools.combinations(asked, 2)]
other = {"key": "8_8_40", "size": [9, 9, 9], "resolution": [8, 8, 40], "encoding": "jpeg", "chunk_size": [5, 5, 5], "sharding": {**shards, "data_encoding": "raw", "minishard_index_encoding": "raw"}}
[stored(doc, scale_index=0, scale_metadata={a: other[a], b: other[b]}) for a, b in itertools.combinations(other, 2)]
whole = {"data_type": "uint16", "num_channels": 2, "type": "segmentation"}
[stored(doc, scale_index=0, multiscale_metadata={a: whole[a]}, scale_metadata={b: other[b]}) for a in whole for b in other]
schema = {"domain": {"shape": [9, 9, 9, 1]}, "chunk_layout": {"chunk": {"shape": [5, 5, 5, 1]}}, "codec": {"driver": D["driver"], "encoding": "jpeg"}, "fill_value": 5, "dimension_units": ["3nm", "3nm", "3nm", None]}
[stored(doc, scale_index=0, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2)]
[made(volume, fine, schema={a: schema[a], b: schema[b]}) for a, b in itertools.combinations(schema, 2)]
[made({**volume, "data_type": t, "num_channels": n}, {**fine, "encoding": e}) for t in ("uint8", "uint16", "float32") for n in (1, 2, 5) for e in ("jpeg", "png", "compressed_segmentation")]
[made({**volume, "data_type": "uint32"}, {**fine, "encoding": "compressed_segmentation", "compressed_segmentation_block_size": [n, 1, 1]}) for n in (0, 1, 2**31 - 1, 2**31)]
[told(lambda: ts.Spec({**D, "dtype": t}).dtype) for t in ("int64", "bool", "uint16")]
made(volume, fine, scale_index=1)
big = {"read_chunk": {"shape": [64, 64, 64, 1]}, "write_chunk": {"shape": [512, 512, 512, 1]}}
told(lambda: ts.open({**D, "schema": {"dtype": "uint8", "domain": {"shape": [2**30, 2**30, 2**30, 1]}, "chunk_layout": big}}, create=True).result())
"""

SEPARATORS = """
def stored(found, **k):
    c = ts.Context(); kv = ts.KvStore.open("memory://", context=c).result()
    kv[".zarray"] = json.dumps({"zarr_format": 2, "shape": [4, 6], "dtype": "|u1", "chunks": [2, 3], "compressor": None, "fill_value": 0, "filters": None, "order": "C", **found}).encode()
    try: s = ts.open({"driver": "zarr", "kvstore": "memory://", **k}, context=c).result()
    except ValueError as e: return str(e).split(" [tensorstore_spec")[0]
    s[3, 4] = 5
    s = s.resize(exclusive_max=[5, 6]).result()
    s[4, 0] = 6
    return s.spec(), sorted(kv.list().result()), kv[".zarray"], s.read().result().sum(), ts.open(s.spec(), context=c).result().spec() == s.spec()
[stored({}, key_encoding=e) for e in "./"]
[stored({}, metadata={"dimension_separator": e}) for e in "./"]
[stored({"dimension_separator": f}, key_encoding=e) for e in "./" for f in "./"]
stored({})
"""

PROGRAMS = {"zarr3": ZARR3, "zarr2": ZARR2, "n5": N5, "precomputed": PRECOMPUTED, "separators": SEPARATORS}


@pytest.mark.parametrize("source", PROGRAMS.values(), ids=PROGRAMS)
def test_what_is_told_is_the_same(source: str) -> None:
    assert_same(source)


def test_what_contradicts_itself_is_refused_before_it_is_written() -> None:
    transposed = {"name": "transpose", "configuration": {"order": [0, 1]}}
    requests: list[dict[str, Any]] = [
        {
            "driver": "n5",
            "metadata": {"dimensions": [4, 6], "dataType": "int8", "axes": ["x", ""]},
            "schema": {"domain": {"labels": ["x", "y"], "shape": [4, 6]}},
        },
        {
            "driver": "zarr3",
            "metadata": {"shape": [4, 6], "data_type": "int8", "codecs": [transposed]},
            "schema": {"chunk_layout": {"inner_order": [1, 0]}},
        },
    ]
    for request in requests:
        left = []
        for library in (tensorstore, tegula):
            context = library.Context()
            with pytest.raises(ValueError, match=r"^FAILED_PRECONDITION: .*(\"axes\"|\"codecs\")"):
                library.open({**request, "kvstore": "memory://"}, create=True, context=context).result()
            left.append(len(library.KvStore.open("memory://", context=context).result().list().result()))
        assert left == [1, 0]
