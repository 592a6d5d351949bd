"""Experiments are tracked in a key-value store."""

import asyncio
import copy
import json
import os
import pickle
import time

import tensorstore as ts

from tests.api.strangers.told import err

kv = ts.KvStore.open("file://" + os.getcwd() + "/exp/").result()


async def main():
    await asyncio.gather(
        *[
            kv.write(f"run{r}/metrics/{s:05d}", json.dumps({"loss": 1 / (s + 1)}).encode())
            for r in range(3)
            for s in range(10)
        ]
    )
    ks = await kv.list()
    print(len(ks), ks[0] if sorted(ks) == ks else sorted(ks)[0])
    b = ts.Batch()
    fs = [kv.read(k, batch=b) for k in sorted(ks)[:5]]
    b.submit()
    print([json.loads((await f).value) for f in fs])
    r = await kv.read("run0/metrics/00003")
    print(r.state, type(r).__name__, r.stamp.__class__.__name__, repr(r.value))
    for k in sorted(await (kv / "run1").list()):
        await kv.write("moved" + k.decode(), (await (kv / "run1").read(k)).value)
    await kv.delete_range(ts.KvStore.KeyRange("run1/", "run10"))
    print(sorted(await kv.list())[:3], len(await kv.list()))
    r = await kv.read(
        "run0/metrics/00001", if_not_equal=(await kv.read("run0/metrics/00001")).stamp.generation
    )
    print(r.state, r.value)
    pass
    r = await kv.read("zz", staleness_bound=0.0)
    print(r.state, r.value, r.stamp.generation)
    w = await kv.write("new", b"1", if_equal=b"")
    print(bool(w.generation), w.time <= time.time())
    w = await kv.write("new", b"2", if_equal=b"")
    print(w.generation != b"")
    ns = (
        await kv.read("run0/metrics/00001", byte_range=ts.KvStore.ByteRange(1, 3))
        if hasattr(ts.KvStore, "ByteRange")
        else None
    )
    print(ns)


asyncio.run(main())
S = ts.KvStore.TimestampedStorageGeneration
g = S()
print(
    g,
    g.generation,
    g.time,
    S(b"x", 5.0) == S(b"x", 5.0),
    S(generation=b"", time=1),
    ts.KvStore.ReadResult(),
    ts.KvStore.ReadResult(state="value", value=b"x", stamp=g)
    if not isinstance(err(lambda: ts.KvStore.ReadResult(state="value", value=b"x", stamp=g)), str)
    else err(lambda: ts.KvStore.ReadResult(state="value", value=b"x", stamp=g)),
    bool(g),
)
K = ts.KvStore.KeyRange
for e in (
    "K()",
    "K('a')",
    "K('a','c')",
    "K(inclusive_min='b')",
    "K(exclusive_max='b')",
    "K(b'a',b'\\xff')",
    "K('b','a')",
    "K('a','a')",
):
    x = eval(e)
    print(
        e,
        x,
        x.inclusive_min,
        x.exclusive_max,
        x.empty,
        x == eval(e),
        copy.copy(x) == x,
        pickle.loads(pickle.dumps(x)) == x,
        sorted(kv.list(x).result())[:2],
    )
print(
    sorted(kv.list(K("run0/metrics/00003", "run0/metrics/00005"), strip_prefix_length=5).result()),
    err(lambda: kv.list("run0")),
    err(lambda: kv.list(strip_prefix_length=-1)),
)
a = kv / "a"
b = kv + "a"
print(
    a.path == b.path,
    (kv / "a" / "b").path[-3:],
    (kv / "a/").path[-2:],
    (kv / "/a").path[-2:],
    (kv + "/a").path[-3:],
    err(lambda: kv / 5),
    err(lambda: kv + b"x").__class__.__name__,
    (kv / b"x").path[-1:],
)
s = kv.spec()
print(
    s / "x" == (kv / "x").spec(),
    s.copy() == s,
    s.to_json()["path"] == s.path,
    s.base,
    err(lambda: hash(s)),
    kv.copy().path == kv.path,
    repr(kv) == str(kv),
)
s.path = "/tmp/other/"
print(s, s.url)
m = ts.KvStore.open(
    {
        "driver": "memory",
        "memory_key_value_store": "memory_key_value_store#a",
        "context": {"memory_key_value_store#a": {}},
    }
).result()
m["x"] = b"y"
print(m.spec(retain_context=True), m.spec(unbind_context=True), m.spec())
print(
    err(lambda: ts.KvStore.open({"driver": "file", "path": "x", "file_io_sync": "maybe"})),
    err(lambda: ts.KvStore.open({"driver": "file"}).result().spec()),
    err(lambda: ts.KvStore.open({"path": "x"})),
    err(lambda: ts.KvStore.open(5)),
    err(lambda: ts.KvStore("memory://")),
    err(lambda: ts.KvStore.open({"driver": "zarr", "kvstore": "memory://"})),
)
