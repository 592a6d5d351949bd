"""What is said where the members of a specification and a schema contradict, as tensorstore 0.1.86 says it."""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import pytest

from tests.api.both import assert_same

FILLS = """
def filled(driver, fill_value, metadata={}, shape=[2]):
    spec = {"driver": driver, "kvstore": "memory://", "metadata": metadata}
    return ts.open(spec, create=True, fill_value=fill_value, dtype="uint8", shape=shape).result().fill_value
def agreed(driver, fill_value):
    K = ts.Context()
    spec = {"driver": driver, "kvstore": "memory://a/"}
    value = {} if driver == "n5" else {"fill_value": 3}
    ts.open(spec, create=True, context=K, dtype="uint8", shape=[2], **value).result()
    return ts.open(spec, context=K, fill_value=fill_value).result().fill_value
filled("zarr", [1, 2]), filled("zarr3", [1, 1])
filled("zarr", [1, 2])
filled("zarr3", [1, 2])
filled("zarr3", [[1, 2], [3, 4]], shape=[2, 2])
filled("zarr", [1.5, 2.5])
filled("n5", [1, 2])
filled("n5", 0)
filled("neuroglancer_precomputed", [1, 2], shape=[2, 2, 2, 1])
filled("zarr", [1, 2], {"fill_value": 5})
filled("zarr3", [1, 2], {"fill_value": 5})
filled("zarr3", 6, {"fill_value": 5})
filled("zarr", [1]), filled("zarr3", [1]), filled("zarr3", [[1]]), filled("zarr3", [1, 1])
agreed("zarr", [3, 3])
agreed("zarr3", [3, 3])
agreed("n5", [3, 3])
agreed("zarr3", 4)
agreed("zarr", 3), agreed("zarr3", 3), agreed("zarr", [3])
"""

DOMAINS = """
def made(driver, metadata={}, **schema):
    spec = {"driver": driver, "kvstore": "memory://", "metadata": metadata}
    return ts.open(spec, create=True, **{"dtype": "uint8", **schema}).result().domain
def named(*labels, shape=[2, 2], lower=None):
    return ts.IndexDomain(inclusive_min=lower or [0] * len(shape), shape=shape, labels=labels or None)
made("zarr3", {"shape": [3]}, shape=[2])
made("zarr3", {"shape": [3]}, shape=[2], open=True)
made("zarr3", {"shape": [3]}, shape=[2], delete_existing=True)
made("zarr", {"shape": [3]}, shape=[2])
made("n5", {"dimensions": [3]}, shape=[2])
made("zarr3", {"shape": [3]}, shape=[2, 2])
made("zarr3", {"dimension_names": ["a", "b"]}, domain=named("x", "y"))
made("zarr3", {"shape": [2, 2], "dimension_names": ["a", "b"]}, domain=named("x", "y", shape=[2, 3]))
made("n5", {"dimensions": [3], "axes": ["a"]}, domain=named("b", shape=[3]))
made("zarr3", domain=named(lower=[1, 1]))
made("zarr", domain=named(lower=[1, 1]))
made("n5", domain=named(lower=[1, 1]))
made("zarr3", rank=2)
made("zarr3", {"data_type": "uint8"}, dtype="uint16", shape=[2])
"""

TYPES = """
def made(driver, metadata={}, **schema):
    spec = {"driver": driver, "kvstore": "memory://", "metadata": metadata}
    return ts.open(spec, create=True, **{"shape": [2], **schema}).result().domain
made("zarr3", dtype="json")
made("zarr3", dtype="ustring")
made("zarr3", {"shape": [2]}, dtype="string")
made("zarr", dtype="json")
made("n5", dtype="json")
made("n5", dtype="bool")
made("n5", {"dimensions": [2]}, dtype="json")
made("zarr3", {"data_type": "uint8"}, dtype="json")
ts.Spec({"driver": "n5", "kvstore": "memory://", "dtype": "json", "schema": {"domain": {"shape": [1]}}})
ts.Spec({"driver": "zarr3", "kvstore": "memory://", "dtype": "json"}).domain
ts.Spec({"driver": "n5", "kvstore": "memory://", "dtype": "json", "schema": {"rank": 1}}).schema
S = ts.Spec({"driver": "n5", "kvstore": "memory://"})
S.update(dtype="json", shape=[2])
S.dtype, S.domain
S.update(rank=2)
S.update(schema=ts.Schema(dtype="json", shape=[2]))
S.update(schema=ts.Schema(dtype="int8"))
ts.open({"driver": "n5", "kvstore": "memory://", "dtype": "json"}, shape=[2], create=True).result()
"""


@pytest.mark.parametrize("program", [FILLS, DOMAINS, TYPES])
def test_what_contradicts_is_told_as_by_tensorstore(program: str) -> None:
    assert_same(program)
