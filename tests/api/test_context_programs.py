"""Programs about contexts, resources and options that tensorstore 0.1.86 and tegula answer alike."""

from __future__ import annotations

import pytest

import tegula as ts
from tests.api.both import assert_same

pytestmark = pytest.mark.peers

RESOURCES = {
    "cache_pool": ["{}", '{"total_bytes_limit": 10}', '{"total_bytes_limit": null}', "true", "5"],
    "metadata_cache_pool": ["{}", '"cache_pool"', '"metadata_cache_pool#x"', '{"total_bytes_limit": 3}'],
    "data_copy_concurrency": ["{}", '{"limit": "shared"}', '{"limit": 0}', '{"limit": "3"}', '{"y": 1}'],
    "file_io_concurrency": ["{}", '{"limit": 3}', '{"limit": -1}', '{"limit": 2.0}', '{"limit": null}'],
    "file_io_sync": ["true", "false", "{}", "0", '"true"'],
    "file_io_mode": ["{}", '{"mode": "memmap"}', '{"mode": "direct"}', '{"mode": "x"}', '"direct"'],
    "file_io_locking": [
        *["{}", '{"mode": "none"}', '{"mode": "lockfile", "acquire_timeout": "5s"}', '{"mode": "x"}'],
        *['{"acquire_timeout": "5"}', '{"acquire_timeout": 5}', '{"acquire_timeout": "1h1m1.5s"}'],
    ],
    "file_io_retries": ["{}", '{"max_retries": 3}', '{"max_retries": -1}', '{"initial_delay": "-1s"}'],
    "memory_key_value_store": ["{}", "5", '{"x": 1}'],
    "gcs_user_project": ["{}", '{"project_id": "a"}', '{"project_id": null}', '{"project_id": ""}'],
    "gcs_request_concurrency": ["{}", '{"limit": 5}', '{"limit": "shared"}', '{"limit": 0}'],
    "gcs_request_retries": [
        *["{}", '{"max_retries": "5"}', '{"max_retries": 1.5}', '{"initial_delay": "1ns"}'],
        *['{"initial_delay": 1}', '{"initial_delay": "inf"}', '{"max_delay": "0.5s"}'],
    ],
    "experimental_gcs_rate_limiter": [
        *[
            "{}",
            '{"read_rate": 5}',
            '{"doubling_time": "1m"}',
            '{"read_rate": "5"}',
            '{"doubling_time": "0"}',
        ],
    ],
}

TELL = """
def tell(name, *value):
    try:
        found = ts.Context({name: json.loads(*value)} if value else {})[name]
        return found.to_json(), found.to_json(include_defaults=True), found
    except ValueError as error:
        return str(error)
"""

PROGRAMS = {
    "members of resources": TELL
    + "\n".join(
        f"tell({name!r})\n" + "\n".join(f"tell({name!r}, {value!r})" for value in values)
        for name, values in RESOURCES.items()
    ),
    "bound resources in JSON": """
def bound(member):
    pools = {"cache_pool": {"total_bytes_limit": 7}, "cache_pool#a": {"total_bytes_limit": 8}}
    spec, context = zarr3(cache_pool=member), ts.Context(pools)
    store = ts.open(spec, create=True, dtype="int8", shape=[2], context=context).result()
    return store.spec(unbind_context=True).to_json()["context"]
bound(["cache_pool"])
bound(["cache_pool#a"])
bound(["cache_pool#b"])
bound([{"total_bytes_limit": 8}])
bound([])
bound(["cache_pool", "cache_pool"])
bound([5])
bound([None])
bound([["cache_pool"]])
ts.Spec(zarr3(cache_pool=["cache_pool#q"]))
ts.Context({"cache_pool": ["cache_pool#a"]})["cache_pool"]
store = made()
ts.open(store.spec(retain_context=True).to_json(), create=True).result().spec()
ts.KvStore.open(store.kvstore.spec(retain_context=True).to_json()).result()
ts.KvStore.Spec({"driver": "memory", "memory_key_value_store": ["memory_key_value_store"]}).to_json()
ts.KvStore.Spec({"driver": "memory", "memory_key_value_store": []})
""",
    "unbinding goes before retaining": """
store = made()
store.spec(retain_context=True, unbind_context=True)
store.spec(retain_context=True, unbind_context=False)
store.kvstore.spec(retain_context=True, unbind_context=True)
store.kvstore.spec(retain_context=None, unbind_context=None)
""",
    "how old an answer may be": """
def said(**options):
    spec = ts.Spec(zarr3())
    spec.update(**options)
    return {name: value for name, value in spec.to_json().items() if name.startswith("recheck")}
said(recheck_cached_data=False, recheck_cached=True)
said(recheck_cached=True, recheck_cached_metadata=False)
said(recheck_cached="open", recheck_cached_data=5)
said(recheck_cached=None, recheck_cached_data=5)
said(recheck_cached="x")
said(recheck_cached_data="x", recheck_cached=False)
""",
    "who shares what": """
context = ts.Context()
ts.KvStore.open("memory://", context=context).result()["a"] = b"1"
def sees(spec, context): return "a" in ts.KvStore.open(spec, context=context).result()
sees("memory://", context), sees("memory://", None), sees("memory://", ts.Context({}, context))
sees("memory://", ts.Context({"memory_key_value_store": {}}, context))
sees("memory://", ts.Context({"memory_key_value_store": None}, context))
sees({"driver": "memory", "context": {"memory_key_value_store": {}}}, context)
sees({"driver": "memory", "memory_key_value_store": {}}, context)
sees({"driver": "memory", "memory_key_value_store": "memory_key_value_store#x"}, context)
child = ts.Context({"memory_key_value_store#x": "memory_key_value_store"}, context)
sees({"driver": "memory", "memory_key_value_store": "memory_key_value_store#x"}, child)
store = ts.open(zarr3, create=True, dtype="int8", shape=[2], context=context).result()
specs = [store.spec(retain_context=True), store.kvstore.spec(retain_context=True)]
again, other = pickle.loads(pickle.dumps(specs))
ts.open(again, create=True, open=True, dtype="int8", shape=[2]).result().write(4).result()
sorted(ts.KvStore.open(other).result().list().result())
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_say_the_same(name: str) -> None:
    assert_same(PROGRAMS[name])


OPTIONS = """
store.spec(retain_context="x")
store.spec(minimal_spec="x")
store.kvstore.spec(unbind_context="x")
store.write(5, can_reference_source_data_indefinitely="x")
store.storage_statistics(query_not_stored="x")
ts.open(zarr3, read="x")
ts.open(zarr3, create=[])
ts.open(zarr3, context={"cache_pool": {}})
ts.KvStore.open("memory://", context={"cache_pool": {}})
ts.KvStore.Spec("memory://").update(context=3)
ts.Spec(zarr3).update(strip_context="x")
"""


@pytest.mark.parametrize("call", OPTIONS.split("\n")[1:-1])
def test_an_option_of_another_type_is_refused_at_once(call: str) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    spec = {"driver": "zarr3", "kvstore": "memory://"}
    for library in (tensorstore, ts):
        store = library.open(spec, create=True, dtype="int8", shape=[2]).result()
        with pytest.raises(TypeError):
            eval(call, {"ts": library, "store": store, "zarr3": spec})


def test_a_circle_of_references_is_told_from_where_it_was_met() -> None:
    """tensorstore 0.1.86 tells the same circle, from any of its members on."""
    pools = {"cache_pool": "cache_pool#a", "cache_pool#a": "cache_pool#b", "cache_pool#b": "cache_pool#a"}
    with pytest.raises(
        ValueError, match=r'^Context resource reference cycle: "cache_pool#a":"cache_pool#b" -> '
    ):
        ts.Context(pools)["cache_pool"]
