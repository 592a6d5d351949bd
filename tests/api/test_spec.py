"""Specifications: parsed, merged, indexed, printed, pickled and bound.

Each program runs under tensorstore 0.1.86 and under tegula; every statement must say the same: the same
value, or the same error.
"""

from __future__ import annotations

import pytest

from tests.api.both import assert_same

pytestmark = pytest.mark.peers

PROGRAMS = {
    "a spec of an array": r"""
s = ts.Spec({"driver": "array", "array": [[1, 2], [3, 4]], "dtype": "int32"})
s
s.rank
s.ndim
s.dtype
s.transform
s.domain
s.shape
s.origin
s.size
s.schema
s.chunk_layout
s.codec
s.fill_value
s.dimension_units
s.kvstore
s.base
s.url
s.open_mode
s[0]
s.T
s.to_json()
s.to_json(include_defaults=True)
s.copy() == s
copy.deepcopy(s) == s
pickle.loads(pickle.dumps(s)) == s
""",
    "a spec of an array with an infinite transform": r"""
s = ts.Spec(
    {"driver": "array", "array": [[1, 2], [3, 4]], "dtype": "int32", "transform": {"input_rank": 2}}
)
s
s.T
s[..., ts.newaxis]
s.rank
s.domain
s.transform
s[1, :]
s[0:1, 0:1]
s.label["x", "y"]
s.translate_to[5]
s.shape
s.origin
s.size
ts.open(s).result()
ts.open(s.T).result()
ts.open(s.T).result().read().result()
""",
    "constraints merge into a spec": r"""
s = ts.Spec(zarr2(dtype="int32"))
s
s.rank
s[..., ts.newaxis]
s.T
s[0]
s.domain
s.schema
s.chunk_layout
s.codec
s.fill_value
s.dimension_units
s.shape
s.origin
s.size
s.kvstore
s.url
s.base
s.open_mode
s.transform
s.to_json(include_defaults=True)
s.update(shape=[10, 20])
s
s.domain
s.transform
s.schema
s.shape
s.origin
s.size
s.rank
s.dimension_units
s[1:3]
s[1:3].to_json()
s.T
s.update(dtype="int16")
s.update(dtype="int32", fill_value=3)
s
s.update(shape=[10, 21])
s.update(rank=3)
s.update(create=True)
s
s.open_mode
s.update(open=True)
s.open_mode
s.update(create=False)
s.open_mode
s.update(delete_existing=True)
s.open_mode
s.update(open_mode=ts.OpenMode(open=True))
s.open_mode
s
s.update(schema=ts.Schema(dimension_units=["nm", None]))
s
s.dimension_units
s.update(chunk_layout={"chunk": {"shape": [5, 5]}})
s
s.chunk_layout
s.update(codec={"driver": "zarr", "compressor": None})
s.codec
s.update(recheck_cached_data=False)
s.update(recheck_cached_metadata="open")
s.update(recheck_cached=5.5)
s
s.update(recheck_cached="x")
s.update(kvstore="memory://x/")
s.update(kvstore=ts.KvStore.Spec("memory://y/"))
s
""",
    "members are checked and shown": r"""
s = ts.Spec(zarr3())
s
s.update(kvstore=ts.KvStore.Spec("memory://y/"))
s
s = ts.Spec({"driver": "zarr3"})
s
s.kvstore
s.url
s.update(kvstore=ts.KvStore.Spec("memory://y/"))
s.url
s.update(kvstore={"driver": "memory", "path": "q/"})
s
s.update(minimal_spec=True)
s
s == ts.Spec(s.to_json())
s != ts.Spec(s.to_json())
ts.Spec(3)
ts.Spec({"invalid": "key"})
ts.Spec({"driver": "nope"})
ts.Spec({"driver": 3})
ts.Spec({"driver": "zarr3", "bogus": 1})
ts.Spec({"driver": "zarr3", "kvstore": 5})
ts.Spec({"driver": "zarr3", "kvstore": {"driver": "nope"}})
ts.Spec({"driver": "zarr3", "kvstore": {"driver": "file"}})
ts.Spec({"driver": "zarr3", "dtype": "foo"})
ts.Spec({"driver": "zarr3", "rank": -1})
ts.Spec({"driver": "zarr3", "rank": "a"})
ts.Spec({"driver": "zarr3", "rank": 33})
ts.Spec({"driver": "zarr3", "rank": 2, "transform": {"input_rank": 3}})
ts.Spec({"driver": "zarr3", "schema": {"rank": 2}, "transform": {"input_rank": 3}})
ts.Spec({"driver": "zarr3", "dtype": "int8", "schema": {"dtype": "int16"}})
ts.Spec({"driver": "zarr3", "schema": {"dtype": "int16", "foo": 1}})
ts.Spec({"driver": "zarr3", "open": 1})
ts.Spec({"driver": "zarr3", "open": True, "create": True, "delete_existing": True})
ts.Spec({"driver": "zarr3", "delete_existing": True})
ts.Spec({"driver": "zarr3", "recheck_cached_data": "xx"})
ts.Spec({"driver": "zarr3", "recheck_cached_data": "open"})
ts.Spec({"driver": "zarr3", "recheck_cached_metadata": "open"})
ts.Spec({"driver": "zarr3", "recheck_cached_metadata": True})
ts.Spec({"driver": "zarr3", "recheck_cached_data": True})
ts.Spec({"driver": "zarr3", "recheck_cached_data": 12.5})
ts.Spec({"driver": "zarr3", "recheck_cached": False})
ts.Spec({"driver": "zarr3", "fill_missing_data_reads": False})
ts.Spec({"driver": "zarr3", "fill_missing_data_reads": 3})
ts.Spec({"driver": "zarr3", "store_data_equal_to_fill_value": True})
ts.Spec({"driver": "zarr3", "context": {"cache_pool": {"total_bytes_limit": 10}}})
ts.Spec({"driver": "zarr3", "cache_pool": {"total_bytes_limit": 10}})
ts.Spec({"driver": "zarr3", "cache_pool": "cache_pool#x"})
ts.Spec({"driver": "zarr3", "cache_pool": 3})
ts.Spec({"driver": "zarr3", "context": 3})
ts.Spec({"driver": "zarr3", "metadata": 3})
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3]}})
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8"}})
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8"}}).rank
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8"}}).dtype
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8"}}).domain
ts.Spec(
    {"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8", "dimension_names": ["a", "b"]}}
).domain
ts.Spec(
    {"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8", "fill_value": 3}}
).fill_value
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8", "fill_value": 3}}).schema
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8"}})[1]
ts.Spec({"driver": "zarr3", "metadata": {"shape": [2, 3], "data_type": "int8"}}).shape
ts.Spec({"driver": "zarr", "metadata": {"shape": [2, 3], "dtype": "<i2"}}).domain
ts.Spec({"driver": "zarr", "metadata": {"shape": [2, 3], "dtype": "<i2"}}).dtype
ts.Spec({"driver": "zarr", "metadata": {"shape": [2, 3], "dtype": "<i2", "chunks": [1, 1]}}).schema
ts.Spec({"driver": "zarr", "metadata": {"shape": [2, 3], "dtype": "<i2", "chunks": [1, 1]}}).codec
ts.Spec({"driver": "zarr", "metadata": {"compressor": None}}).codec
ts.Spec({"driver": "zarr", "metadata": {"compressor": None}}).to_json(include_defaults=True)
ts.Spec({"driver": "array", "array": [1], "dtype": "int8"}).to_json(include_defaults=True)
ts.Spec({"driver": "zarr3", "path": "a", "kvstore": "memory://x"})
ts.Spec({"driver": "zarr", "path": "a", "kvstore": "memory://x"})
ts.Spec({"driver": "zarr", "path": "a"})
ts.Spec({"driver": "zarr", "path": "a", "kvstore": "memory://x"}).url
ts.Spec({"driver": "zarr3", "kvstore": "memory://x/y"}).url
ts.Spec("memory://x/|zarr3")
ts.Spec("memory://x/|zarr3:")
ts.Spec("memory://x/|zarr3:y/z")
ts.Spec("memory://x/|zarr2:y/z")
ts.Spec("memory://x/|zarr:y/z")
ts.Spec("memory://x/|bogus:y/z")
ts.Spec("memory://x/")
ts.Spec("memory://x/").url
ts.Spec("zarr3:")
ts.Spec("bogus")
ts.Spec("")
ts.Spec("memory://x/|zarr3|cast:int8")
ts.Spec("memory://x/|zarr3|cast:int8").url
ts.Spec("memory://x/|zarr3|bogus:int8")
ts.Spec("memory://x/|cast:int8")
ts.Spec("memory://x/|zarr3|zarr3")
ts.Spec({"kvstore": "memory://x/"})
ts.Spec({"driver": "auto", "kvstore": "memory://x/"})
ts.Spec({"driver": "memory", "path": "x/"})
ts.Spec({"driver": "file", "path": "/x/"})
""",
    "specs of computed arrays": r"""
b = {"driver": "array", "array": [1, 2, 3], "dtype": "int32"}
s = ts.Spec({"driver": "cast", "base": b, "dtype": "float32"})
s
s.base
s.dtype
s.rank
s.domain
s.transform
s.url
s.schema
s[0]
ts.open(s).result()
ts.open(s).result().spec()
s = ts.Spec({"driver": "downsample", "base": b, "downsample_factors": [2], "downsample_method": "mean"})
s
s.base
s.dtype
s.rank
s.domain
s.transform
s.url
s.schema
s.kvstore
ts.open(s).result()
ts.open(s).result().spec()
ts.open(s).result().base
ts.open(s).result().base.spec()
s[0]
ts.Spec({"driver": "downsample", "base": b, "downsample_factors": [2]})
ts.Spec({"driver": "downsample", "base": b, "downsample_method": "mean"})
ts.Spec({"driver": "downsample", "base": b, "downsample_factors": [0], "downsample_method": "mean"})
ts.Spec({"driver": "downsample", "base": b, "downsample_factors": [2, 2], "downsample_method": "mean"})
ts.Spec({"driver": "downsample", "base": b, "downsample_factors": [2], "downsample_method": "foo"})
ts.Spec({"driver": "downsample", "downsample_factors": [2], "downsample_method": "foo"})
ts.Spec({"driver": "cast", "dtype": "int8"})
ts.Spec({"driver": "cast", "base": b})
ts.open({"driver": "cast", "base": b}).result()
ts.Spec({"driver": "array", "array": [1]})
ts.Spec({"driver": "array", "array": [1, "a"], "dtype": "int8"})
ts.Spec({"driver": "array", "array": [1, [2]], "dtype": "int8"})
ts.Spec({"driver": "array", "array": [1, 300], "dtype": "int8"})
ts.Spec({"driver": "array", "array": [1, 3], "dtype": "int8", "rank": 2})
ts.Spec({"driver": "array", "array": [1, 3], "dtype": "int8", "rank": 1})
ts.Spec({"driver": "array", "array": ["a", "b"], "dtype": "ustring"})
ts.Spec({"driver": "array", "array": [[1, 2], [3, 4]], "dtype": "json", "rank": 1})
ts.open(ts.Spec({"driver": "array", "array": [[1, 2], [3, 4]], "dtype": "json", "rank": 1})).result()
ts.open(
    ts.Spec({"driver": "array", "array": [[1, 2], [3, 4]], "dtype": "json", "rank": 1})
).result().read().result()
ts.open(
    {"driver": "array", "array": [1, {"a": 2}, 3], "dtype": "json", "rank": 1}
).result().read().result()
ts.open({"driver": "array", "array": [1, {"a": 2}, 3], "dtype": "json", "rank": 1}).result()[
    1
].read().result()
ts.open({"driver": "array", "array": ["a", "b"], "dtype": "ustring"}).result().read().result()
ts.open({"driver": "array", "array": ["a", "b"], "dtype": "string"}).result().read().result()
ts.open({"driver": "array", "array": [True, False], "dtype": "bool"}).result().read().result()
ts.open({"driver": "array", "array": [1.5, "NaN"], "dtype": "float32"}).result().read().result()
ts.open({"driver": "array", "array": [[1.5, 2]], "dtype": "complex64"}).result().read().result()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_a_specification_says_what_tensorstore_0_1_86_says(name):
    assert_same(PROGRAMS[name])
