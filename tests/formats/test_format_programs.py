"""Programs about what formats hold at their edges: each runs under tensorstore 0.1.86 and under tegula.

Every statement must say the same, documents and bytes included.
"""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import numpy as np
import pytest

import tegula as ts
from tests.api.both import assert_same

pytestmark = pytest.mark.peers

DOCUMENTS = """
def part(pointer, document, *values, **more):
    c = ts.Context()
    kv = ts.KvStore.open("memory://", context=c).result()
    if document is not None: kv["a.json"] = document
    spec = {"driver": "json", "kvstore": "memory://a.json", **more}
    if pointer is not None: spec["json_pointer"] = pointer
    found = []
    for ask in [lambda s: s.read().result().item(), *((lambda s, value=value: s.write(value).result()) for value in values), lambda s: s.read().result().item(), lambda s: s.url, lambda s: s.spec()]:
        try: found.append(repr(ask(ts.open(spec, context=c).result())))
        except Exception as error: found.append(str(error).split(" [")[0])
    return found, kv.read("a.json").result().value
given = b'{"b": [1, 2, {"z": 1, "a": null}], "~x/y":5, "":7}'
[part(pointer, given) for pointer in (None, "", "/", "/b", "/b/0", "/b/2", "/b/2/a", "/b/-", "/b/3", "/b/01", "/b/x", "/~0x~1y", "/~2", "b", "/c", "/c/d", "/b/-1")]
[part(pointer, given, value) for pointer in ("", "/", "/b", "/b/0", "/b/2/a", "/b/-", "/b/3", "/~0x~1y", "/c", "/c/d") for value in (1, None, "x", [1], {"z": [], "a": 1}, True)]
[part(pointer, document, 5) for document in (None, b"", b"{", b"null", b"1", b"[]", b" {} ", b"{}x", b"{'a': 1}") for pointer in (None, "/a", "/0")]
m = ts.array(np.zeros((0, 2))).storage_statistics(query_not_stored=True, query_fully_stored=True).result()
m
"""

URLS = """
files = "file:///tmp/a/"
ts.Spec({"driver": "zarr", "kvstore": files, "metadata_key": ".zarray"}).url
ts.Spec({"driver": "zarr", "kvstore": files, "metadata_key": "k"}).url
ts.Spec({"driver": "zarr", "kvstore": files, "metadata_key": "k", "field": "x"}).url
ts.Spec({"driver": "zarr", "kvstore": files, "field": "x"}).url
ts.Spec({"driver": "zarr", "kvstore": files, "open_as_void": True}).url
ts.Spec({"driver": "zarr3", "kvstore": files, "field": "x"}).url
ts.Spec({"driver": "zarr3", "kvstore": files, "open_as_void": True}).url
ts.Spec({"driver": "cast", "dtype": "int8", "base": {"driver": "zarr3", "kvstore": files, "field": "x"}}).url
two = [["x", "|i1"], ["y", "<i2"]]
ts.open(zarr2(metadata={"shape": [2], "chunks": [2], "dtype": two}, field="y"), create=True).result().url
"""

SMALL_NUMBERS = """
def grid(n): return {"name": "regular", "configuration": {"chunk_shape": [n]}}
def kept(s): return [(k, s.kvstore[k]) for k in s.kvstore.list().result() if k[:1] in b"c01"]
def shown(spec, fill, **more):
    s = ts.open({**spec, "context": {}}, create=True).result()
    before = s.fill_value.tobytes(), s.read().result().tobytes()
    s[1] = 1
    return before, s.kvstore["zarr.json" if spec["driver"] == "zarr3" else ".zarray"], kept(s), s.read().result().tobytes()
[shown(zarr3(metadata={"shape": [4], "data_type": t, "chunk_grid": grid(2), "fill_value": f}), f) for t in ("int2", "int4") for f in (1, -1, -2, 0)]
[shown(zarr2(metadata={"shape": [4], "chunks": [2], "dtype": t, "compressor": None, "fill_value": f}), f) for t in ("int2", "int4") for f in (1, -1, -2, 0)]
[shown(zarr2(metadata={"shape": [4], "chunks": [2], "dtype": "float4_e2m1fn", "compressor": None, "fill_value": f}), f) for f in ("AA==", "Dw==", "/w==")]
shown(zarr2(metadata={"shape": [4], "chunks": [2], "dtype": "float4_e2m1fn", "compressor": None, "fill_value": 1}), 1)
shown(zarr2(metadata={"shape": [4], "chunks": [2], "dtype": "float4_e2m1fn", "compressor": None, "fill_value": "AAA="}), 1)
"""

RANK_0 = """
blosc = lambda shuffle: {"name": "blosc", "configuration": {"typesize": 4, "shuffle": shuffle}}
[ts.CodecSpec({"driver": "zarr3", "codecs": [blosc(shuffle)]}) for shuffle in ("noshuffle", "shuffle", "bitshuffle")]
ts.open(zarr3(metadata={"codecs": [blosc("noshuffle")]}), create=True, dtype="int8", shape=[2]).result().codec
ts.open(zarr2(), create=True, dtype="int8", shape=[2, 3]).result().spec().to_json(include_defaults=True)
ts.open({"driver": "n5", "kvstore": "memory://n/"}, create=True, dtype="int8", shape=[2, 3]).result()[1].spec(minimal_spec=True).to_json(include_defaults=True)
a = ts.open(zarr3(metadata={"shape": [], "data_type": "int8"}), create=True).result()
a.chunk_layout, a.chunk_layout.read_chunk.shape, a.chunk_layout.write_chunk.rank, a.chunk_layout.grid_origin
n5 = {"driver": "n5", "kvstore": "memory://", "metadata": {"dimensions": [], "blockSize": [], "dataType": "int8", "units": []}}
n = ts.open(n5, create=True).result()
n.kvstore["attributes.json"], n.spec(), n.dimension_units
ts.ChunkLayout(rank=0).read_chunk.shape, ts.ChunkLayout(rank=0, read_chunk_elements=5).read_chunk.elements
"""

FIELDS = """
two = [["a", "<u2", [2]], ["b", "|i1"]]
c = ts.Context()
a = ts.open(zarr2(metadata={"shape": [5], "chunks": [2], "dtype": two}, field="a"), create=True, context=c).result()
b = ts.open(zarr2(field="b"), context=c).result()
a.write(np.arange(10, dtype=np.uint16).reshape(5, 2)).result(), b.write(np.arange(5, dtype=np.int8)).result()
a.resize(exclusive_max=[None, None]).result().domain
a.resize(exclusive_max=[3, None]).result()
b.resize(exclusive_max=[3]).result()
a.resize(exclusive_max=[3, 2], resize_tied_bounds=True).result()
a.resize(exclusive_max=[None, 3], resize_tied_bounds=True).result()
a.resize(exclusive_max=[7, None], shrink_only=True, resize_tied_bounds=True).result()
a.resize(exclusive_max=[3, None], expand_only=True, resize_tied_bounds=True).result()
a.resize(exclusive_max=[4, None], resize_tied_bounds=True).result().read().result().tolist()
b.resolve().result().read().result()
[k for k in a.kvstore.list().result() if k[:1] != b"."]
b.resize(exclusive_max=[6], resize_tied_bounds=True).result().read().result()
ts.open(zarr2(open_as_void=True), context=c).result().resize(exclusive_max=[2, None]).result().domain
one = ts.open(zarr2(metadata={"shape": [5], "chunks": [2], "dtype": [["b", "|i1"]]}, field="b"), create=True, context=ts.Context()).result()
one.resize(exclusive_max=[3]).result().domain
"""


ARRAYS = """
kinds = ["bool", "int8", "uint8", "int32", "uint64", "float32", "float64", "complex64", "bfloat16", "int4"]
def told(x, kind):
    try: return ts.array(x, dtype=kind).read().result().tolist()
    except Exception as error: return type(error).__name__, str(error)
[[told(np.array([1, 2], a), b) for b in kinds] for a in kinds[:8]]
[[told(np.array(1, a), b) for b in kinds] for a in kinds[:8]]
[[told([0, 1], b), told(np.float64(1.5), b), told([1.0], b)] for b in kinds]
told(np.array(["a"]), "ustring"), told(np.array([1], ">i4"), "int64")
ts.array(np.array([1.5]), dtype="int32", copy=False)
"""


SHARDS = """
def made(shape, shard, inner, **more):
    codecs = [{"name": "sharding_indexed", "configuration": {"chunk_shape": inner, "codecs": ["bytes"]}}]
    grid = {"name": "regular", "configuration": {"chunk_shape": shard}}
    return ts.open(zarr3(metadata={"shape": shape, "data_type": "uint8", "chunk_grid": grid, "codecs": codecs}, **more), create=True, context=ts.Context()).result()
def stored(*views):
    found = [view.storage_statistics(query_not_stored=True, query_fully_stored=True).result() for view in views]
    return [(each.not_stored, each.fully_stored) for each in found]
a = made([5], [4], [2])
a[0:2].write(1).result()
stored(a, *(a[i] for i in range(5)), a[0:2], a[0:4], a[2:4], a[1:3], a[4:])
a[2:4].write(1).result()
stored(a, a[:4], a[4:])
a[4:].write(1).result()
stored(a, a[4:])
a.write(0).result()
stored(a)
b = made([8, 8], [4, 8], [2, 2])
b[0:2].write(1).result()
stored(b, b[:2], b[:4, :2], b[:, [0, 7]], b[4:], b[[0, 1], [0, 1]], b[::4], b[::2], b[2:4], b.T[0], b[3:3])
b[...] = 1
stored(b, b[::3, ::3], b[5, 5])
b[4:6, 4:6] = 0
stored(b, b[4, 4], b[3:5, 3:5])
b.storage_statistics(query_not_stored=True).result(), b.storage_statistics(query_fully_stored=True).result()
c = made([8], [4], [2], store_data_equal_to_fill_value=True)
c.write(0).result()
stored(c)
"""


@pytest.mark.parametrize("program", [URLS, SMALL_NUMBERS, RANK_0, FIELDS, ARRAYS, SHARDS])
def test_programs_say_the_same_as_under_tensorstore_0_1_86(program: str) -> None:
    assert_same(program)


@pytest.mark.parametrize("driver", ["zarr", "zarr3", "shards"])
def test_a_field_that_is_cut_is_cut_with_the_others(driver: str) -> None:
    """Resizing through one field takes away what the others had outside, too."""
    spec: dict[str, object] = {"driver": driver[:5] if driver == "zarr3" else "zarr", "kvstore": "memory://"}
    if driver == "zarr":
        metadata: dict[str, object] = {
            "shape": [6, 5],
            "chunks": [4, 4],
            "dtype": [["a", "<i2"], ["b", "|i1"]],
        }
    else:
        fields = [{"name": "a", "data_type": "int16"}, {"name": "b", "data_type": "int8"}]
        shards = [{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 2], "codecs": ["bytes"]}}]
        metadata = {
            "shape": [6, 5],
            "data_type": {"name": "struct", "configuration": {"fields": fields}},
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 4]}},
            "codecs": shards if driver == "shards" else ["bytes"],
        }
        spec["driver"] = "zarr3"
    context = ts.Context()
    a = ts.open({**spec, "metadata": metadata, "field": "a"}, create=True, context=context).result()
    b = ts.open({**spec, "field": "b"}, context=context).result()
    first, second = (
        np.arange(1, 31, dtype=np.int16).reshape(6, 5),
        np.arange(1, 31, dtype=np.int8).reshape(6, 5),
    )
    a.write(first).result()
    b.write(second).result()
    before = a.kvstore.list().result()
    with pytest.raises(ValueError, match="would affect other fields"):
        a.resize(exclusive_max=[3, 5]).result()
    assert a.kvstore.list().result() == before
    a.resize(exclusive_max=[3, 5], resize_tied_bounds=True).result()
    b = b.resolve().result().resize(exclusive_max=[6, 5], resize_tied_bounds=True).result()
    first[3:], second[3:] = 0, 0
    assert (a.resolve().result().read().result() == first).all()
    assert (b.read().result() == second).all()


def test_what_is_stored_of_shards_in_shards_is_told_of_the_innermost_chunks() -> None:
    """As of one level of shards; tensorstore 0.1.86 crashes, or answers wrongly."""
    codecs: list[object] = ["bytes", "gzip"]
    for shape in ([2, 2], [4, 4]):
        codecs = [{"name": "sharding_indexed", "configuration": {"chunk_shape": shape, "codecs": codecs}}]
    grid = {"name": "regular", "configuration": {"chunk_shape": [8, 8]}}
    metadata = {"shape": [15, 9], "data_type": "uint16", "chunk_grid": grid, "codecs": codecs}
    store = ts.open({"driver": "zarr3", "kvstore": "memory://", "metadata": metadata}, create=True).result()
    kept = np.zeros((8, 5), bool)
    draw = np.random.default_rng(7)
    for _ in range(12):
        at = int(draw.integers(8)), int(draw.integers(5))
        store[2 * at[0] : min(2 * at[0] + 2, 15), 2 * at[1] : min(2 * at[1] + 2, 9)] = 1
        kept[at] = True
        for _ in range(4):
            low, left = int(draw.integers(15)), int(draw.integers(9))
            high, right = int(draw.integers(low + 1, 16)), int(draw.integers(left + 1, 10))
            part = kept[low // 2 : (high + 1) // 2, left // 2 : (right + 1) // 2]
            view = store[low:high, left:right]
            found = view.storage_statistics(query_not_stored=True, query_fully_stored=True).result()
            assert (found.not_stored, found.fully_stored) == (not part.any(), bool(part.all()))
