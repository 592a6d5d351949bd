"""Contexts: shared pools and stores, bound and unbound."""

import pickle

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

ctx = ts.Context(
    {
        "cache_pool": {"total_bytes_limit": 1000000},
        "cache_pool#meta": {"total_bytes_limit": 10000},
        "data_copy_concurrency": {"limit": 2},
        "file_io_concurrency": {"limit": 4},
    }
)
print(
    ctx.spec,
    ctx["cache_pool"],
    ctx["cache_pool#meta"].to_json(),
    ctx["data_copy_concurrency"] == ctx["data_copy_concurrency"],
)
a = ts.open(
    {"driver": "zarr3", "kvstore": {"driver": "file", "path": "a"}, "recheck_cached_data": "open"},
    create=True,
    dtype="int32",
    shape=[100],
    chunk_layout=ts.ChunkLayout(chunk_shape=[10]),
    context=ctx,
).result()
b = ts.open(
    {"driver": "zarr3", "kvstore": {"driver": "file", "path": "a"}, "recheck_cached_data": "open"},
    context=ctx,
).result()
a.write(np.arange(100, dtype="int32")).result()
print(b.read().result().sum())
print(a.spec(retain_context=True))
print(a.spec(unbind_context=True))
print(a)
c = ts.open(
    {"driver": "zarr3", "kvstore": {"driver": "file", "path": "a"}, "cache_pool": "cache_pool#meta"},
    context=ctx,
).result()
print(
    c.spec(retain_context=True).to_json()["cache_pool"]
    if "cache_pool" in c.spec(retain_context=True).to_json()
    else c.spec(retain_context=True).to_json()
)
child = ts.Context({"cache_pool": {"total_bytes_limit": 5}}, ctx)
print(
    child.parent is ctx, child.parent == ctx, child["cache_pool"], child["data_copy_concurrency"], child.spec
)
print(
    err(lambda: ctx["nope"]),
    err(lambda: ts.Context({"nope": 1})),
    err(lambda: ts.Context({"cache_pool": 5})),
    err(lambda: ts.Context({"cache_pool": "cache_pool"})["cache_pool"]),
)
m1 = ts.KvStore.open("memory://", context=ctx).result()
m2 = ts.KvStore.open("memory://", context=ctx).result()
m3 = ts.KvStore.open("memory://").result()
m1["k"] = b"v"
print("k" in m2, "k" in m3, "k" in ts.KvStore.open("memory://", context=child).result())
p = pickle.loads(pickle.dumps((a, b, ctx)))
print(p[0].read().result().sum(), p[2].spec)
sp = ts.Spec(
    {
        "driver": "zarr3",
        "kvstore": "memory://x/",
        "context": {"memory_key_value_store#q": {}, "cache_pool": {"total_bytes_limit": 7}},
    }
)
print(sp, err(lambda: sp.to_json()))
s1 = ts.open(sp, create=True, dtype="uint8", shape=[2]).result()
print(s1.spec(retain_context=True).to_json())
print(err(lambda: ts.open(sp).result().shape))
s = ts.Spec("memory://y/|zarr3:")
s.update(context=ctx)
print(s.to_json())
s.update(strip_context=True)
print(s.to_json())
s.update(context=ctx)
s.update(unbind_context=True)
print(s.to_json())
print(
    ts.Context.Spec({"cache_pool": {"total_bytes_limit": 1}}),
    ts.Context.Spec({}).to_json(),
    ts.Context(ts.Context.Spec({"file_io_sync": False}))["file_io_sync"],
)
f = ts.open(
    {
        "driver": "zarr3",
        "kvstore": {
            "driver": "file",
            "path": "sync",
            "file_io_sync": False,
            "file_io_locking": {"mode": "none"},
        },
    },
    create=True,
    dtype="uint8",
    shape=[2],
).result()
f[0] = 1
print(f.spec(retain_context=True).to_json(), f.kvstore.spec(retain_context=True), f.kvstore.spec())
