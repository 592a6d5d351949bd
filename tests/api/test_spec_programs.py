"""Programs about specifications that are not open: what members and constraints imply of an array.

Each program runs under tensorstore 0.1.86 and under tegula; every statement must say the same: the same
value, or the same error.
"""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import pytest

from tests.api.both import assert_same

pytestmark = pytest.mark.peers

PROGRAMS = {
    "specifications of computed views, their flags and stores": r"""
def told(f, *a):
    try: return f(*a)
    except TypeError: return "TypeError"
    except Exception as e: return isinstance(e, ValueError), str(e).split(" [tensorstore_spec")[0]
def zs(**k): return {"driver":"zarr3","kvstore":"memory://",**k}
MD3 = {"shape":[4,6],"data_type":"uint8"}
def C(**k): return {"driver":"cast","base":zs(metadata=MD3),"dtype":"int16",**k}
def D(**k): return {"driver":"downsample","base":zs(metadata=MD3),"downsample_factors":[2,2],"downsample_method":"mean",**k}
[told(lambda: ts.Spec(X(**k)).to_json()) for X in (C,D) for k in ({"create":True},{"open":True},{"open":True,"create":True},{"delete_existing":True},{"assume_metadata":True},{"recheck_cached_data":False},{"context":{}},{"cache_pool":{}},{"kvstore":"memory://q/"})]
def up(X, **k):
    s = ts.Spec(X); r = told(lambda: s.update(**k)); return r, s.to_json(), s.open_mode
[up(X(), **k) for X in (C,D) for k in ({"create":True},{"open":True},{"open":True,"create":True},{"delete_existing":True},{"create":True,"delete_existing":True},{"assume_metadata":True},{"recheck_cached_data":False},{"recheck_cached":False},{"minimal_spec":True},{"kvstore":ts.KvStore.Spec("memory://q/")},{"unbind_context":True},{"context":ts.Context()},{"strip_context":True},{"open_mode":ts.OpenMode(create=True)})]
[up({"driver":"cast","base":{"driver":"zarr3"},"dtype":"int16"}, kvstore=ts.KvStore.Spec("memory://q/"))]
[up({"driver":"downsample","base":{"driver":"zarr3"},"downsample_factors":[2],"downsample_method":"mean"}, kvstore=ts.KvStore.Spec("memory://q/"))]
[up({"driver":"cast","base":{"driver":"cast","base":{"driver":"zarr3"},"dtype":"int8"},"dtype":"int16"}, create=True)]
[ts.Spec(X()).open_mode for X in (C,D)], [ts.Spec({**X(),"base":zs(metadata=MD3,create=True)}).open_mode for X in (C,D)]
c = ts.Context()
[told(lambda: ts.open(X(), context=ts.Context(), **k).result().spec().to_json()) for X in (C,D) for k in ({},{"create":True},{"open":True,"create":True})]
[told(lambda: ts.open(ts.Spec(C()), context=ts.Context(), create=True, dtype="int16").result().domain)]
def b():
    return ts.open(zs(metadata=MD3), create=True, context=ts.Context()).result()
[f(b()).spec(**k).to_json() for f in (lambda s: ts.cast(s,"float32"), lambda s: ts.downsample(s,[2,2],"mean"), lambda s: ts.cast(s[1:3,::2],"float32"), lambda s: ts.downsample(s[1:3],[2,2],"mean"), lambda s: ts.cast(ts.downsample(s,[2,2],"mean"),"int64")) for k in ({},{"minimal_spec":True},{"unbind_context":True},{"strip_context":True} if 0 else {"retain_context":True},{"open":True,"create":True},{"recheck_cached_data":False},{"assume_metadata":True,"open":True})]
[f(b()).spec(**k).to_json(include_defaults=True) for f in (lambda s: ts.cast(s,"float32"), lambda s: ts.downsample(s,[2,2],"mean"), lambda s: ts.cast(s[1:3,::2],"float32"), lambda s: ts.downsample(s[1:3],[2,2],"mean")) for k in ({},{"minimal_spec":True})]
[f(b()).spec(minimal_spec=True).schema for f in (lambda s: ts.cast(s,"float32"), lambda s: ts.downsample(s,[2,2],"mean"))]
[ts.Spec({"driver":d,"kvstore":"memory://","open_as_void":True}).to_json() for d in ("zarr","zarr3")]
[told(lambda: ts.Spec(zs(**{k:v})).to_json()) for k in ("cache_pool","data_copy_concurrency") for v in ([],[{}],["cache_pool"],[[{}]],[None],[{"total_bytes_limit":5}],[{"limit":3}],[{},{}])]
[told(lambda: ts.Spec(zs(context={k:v})).to_json()) for k in ("cache_pool","data_copy_concurrency") for v in ([],[{}],["cache_pool"],[[{}]],[None],[{"total_bytes_limit":5}],[{"limit":3}],[{},{}])]
[told(lambda: ts.Context({k:v}).spec.to_json()) for k in ("cache_pool",) for v in ([],[{}],["cache_pool"],[{"total_bytes_limit":5}],[1])]
[told(lambda: ts.KvStore.Spec({"driver":d}).to_json()) for d in ("zarr3","json","array","x","cast","png")]
[told(lambda: ts.Spec({"driver":"json","kvstore":"memory://a",**k}).open_mode) for k in ({},{"create":True},{"open":True},{"open":False},{"delete_existing":True},{"assume_metadata":True})]
[told(lambda: ts.Spec({"driver":"png","kvstore":"memory://a",**k}).open_mode) for k in ({},{"create":True},{"open":True})]
[told(lambda: ts.Spec({"driver":"array","array":[1],"dtype":"int8",**k}).open_mode) for k in ({},{"create":True},{"open":True})]
[told(lambda: ts.Spec(zs(recheck_cached_data=v)).to_json()) for v in (1, True, 0, False, "open")]
[told(lambda: ts.Spec(zs(rank=r, schema={"rank": 2})).to_json()) for r in (0, 2, 3)]
""",
    "a cache pool for metadata": r"""
ts.Spec(zarr3(metadata_cache_pool="cache_pool#a")).to_json()
ts.Spec(zarr2(metadata_cache_pool="cache_pool")).to_json()
ts.Spec(zarr3(metadata_cache_pool="cache_pool")).to_json(include_defaults=True)
ts.Spec(zarr3(metadata_cache_pool={"total_bytes_limit": 3}))
ts.Spec(zarr3(metadata_cache_pool="metadata_cache_pool"))
ts.Spec(zarr3(metadata_cache_pool=3))
ts.Spec(zarr3(metadata_cache_pool=None))
ts.Spec(zarr3(cache_pool=None))
pools = {"cache_pool#a": {}, "cache_pool#b": {"total_bytes_limit": 5}}
ts.Spec(zarr2(metadata_cache_pool="cache_pool#a", cache_pool="cache_pool#b", context=pools)).to_json(include_defaults=True)
ts.Context({"metadata_cache_pool": {}})
ts.Context()["metadata_cache_pool"]
store = made(context=None)
store = ts.open(zarr3(metadata_cache_pool={"total_bytes_limit": 3}), create=True, dtype="int8", shape=[3]).result()
store
store.spec()
store.spec(retain_context=True)
spec = ts.Spec(zarr3(metadata_cache_pool="cache_pool#a"))
spec.update(context=ts.Context({"cache_pool#a": {"total_bytes_limit": 7}}))
spec
spec.to_json(include_defaults=True)
spec == ts.Spec(zarr3())
pickle.loads(pickle.dumps(spec))
spec.update(unbind_context=True)
spec
spec.update(strip_context=True)
spec
""",
    "names and shapes in metadata": r"""
[ts.Spec(zarr3(metadata=m)) for m in [{"dimension_names": ["x", None]}, {"dimension_names": [None]}, {"dimension_names": []}]]
ts.Spec(zarr3(metadata={"dimension_names": ["x", None]})).domain
ts.Spec(zarr3(metadata={"dimension_names": ["x", "x"]}))
ts.Spec(zarr3(metadata={"dimension_names": ["x"]}, schema={"domain": {"shape": [5]}}))
ts.Spec(zarr3(metadata={"dimension_names": ["x"]}, schema={"domain": {"labels": ["y"]}}))
ts.Spec(zarr3(metadata={"dimension_names": [None]}, schema={"domain": {"labels": ["y"]}}))
[ts.Spec(zarr3(metadata={"shape": [5]})), ts.Spec(zarr3(metadata={"shape": []})), ts.Spec(zarr3(rank=0))]
[ts.Spec(zarr3(metadata={"shape": [5]})).schema, ts.Spec(zarr3(rank=2)).schema]
ts.Spec(zarr3(metadata={"shape": [2]}, schema={"domain": {"shape": [3]}}))
""",
    "chunks in metadata": r"""
grid = {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3]}}}
spec = ts.Spec(zarr3(metadata=grid))
spec.to_json(), spec.rank, spec.domain
spec.chunk_layout
spec.schema
ts.Spec(zarr3(metadata={**grid, "codecs": ["bytes"]})).chunk_layout
ts.Spec(zarr3(metadata={**grid, "shape": [5]})).chunk_layout
ts.Spec(zarr3(metadata=grid, rank=3))
spec = ts.Spec(zarr2(metadata={"chunks": [5]}))
spec.to_json(), spec.rank, spec.domain
spec.schema
ts.Spec(zarr2(metadata={"chunks": [5, 6], "order": "F"})).chunk_layout
ts.Spec(zarr2(metadata={"chunks": [5, 6], "order": "F", "dtype": "<i2"})).chunk_layout
ts.Spec(zarr2(metadata={"shape": [5]}))
ts.Spec(zarr2(metadata={"chunks": [2]}, dtype="int16")).schema
ts.Spec(zarr2(metadata={"shape": [2]}, dtype="int16", schema={"domain": {"shape": [2]}}))
ts.Spec(zarr2(metadata={"shape": [2]}, schema={"domain": {"shape": [3]}}))
ts.Spec(zarr2(metadata={"shape": [2]}, rank=3))
ts.Spec(zarr2(metadata={"shape": [2]}, rank=1)).schema
ts.Spec(zarr2(metadata={"shape": [2], "dtype": "<i2"}, rank=3))
ts.Spec(zarr2(metadata={"shape": [2]}, schema={"domain": {"labels": ["x"]}})).schema
""",
    "types, fill values and units in metadata": r"""
[ts.Spec(zarr3(metadata={"data_type": "int8"})), ts.Spec(zarr2(metadata={"dtype": "<i2"}))]
ts.Spec(zarr2(metadata={"dtype": "<i2"}, dtype="int32"))
ts.Spec(zarr3(metadata={"data_type": "int16"}, dtype="int32"))
spec = ts.Spec(zarr3(metadata={"shape": [2], "data_type": "int16", "fill_value": 3}, schema={"fill_value": 4}))
spec
spec.schema
spec.fill_value
ts.Spec(zarr3(metadata={"attributes": {"dimension_units": ["4nm"]}}))
ts.Spec(zarr3(metadata={"attributes": {"dimension_units": ["4nm"]}})).schema
ts.Spec(zarr3(metadata={"attributes": {"dimension_units": ["4nm"]}}, schema={"dimension_units": ["5nm"]})).schema
ts.Spec(zarr3(metadata={"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}]})).schema
ts.Spec(zarr3(metadata={"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}], "shape": [3]}))
""",
    "members of the automatic driver": r"""
def auto(**members): return ts.Spec({"driver": "auto", "kvstore": "memory://", **members})
auto().to_json(include_defaults=True)
auto(cache_pool={"total_bytes_limit": 4}, file_io_sync=True)
auto(cache_pool="cache_pool#a").to_json(include_defaults=True)
auto(**{"cache_pool#a": {}})
auto(foo=3)
auto(metadata={})
auto(recheck_cached=False)
auto(schema={"dtype": "int8", "domain": {"shape": [3]}}).to_json(include_defaults=True)
""",
    "defaults": r"""
ts.Spec(zarr3()).to_json(include_defaults=True)
ts.Spec(zarr2(metadata={"shape": [5]})).to_json(include_defaults=True)
ts.Spec({"driver": "array", "dtype": "int8", "array": [1, 2, 3]}).to_json(include_defaults=True)
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_say_the_same_as_under_tensorstore_0_1_86(name: str) -> None:
    assert_same(PROGRAMS[name])


def test_detection_does_not_create() -> None:
    """tensorstore 0.1.86 says the same, without the driver's name."""
    import tegula as ts

    with pytest.raises(ValueError, match="create mode not compatible with format auto-detection"):
        ts.open({"driver": "auto", "kvstore": "memory://"}, create=True, dtype="int8", shape=[1]).result()
