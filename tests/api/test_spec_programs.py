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
