"""A key-value store as a data base: counters, listings, keys that are none."""

import json
import pickle
import threading
import time

import tensorstore as ts

from tests.api.strangers.told import err

kv = ts.KvStore.open({"driver": "file", "path": "db/"}).result()


def put(k, v):
    return kv.write(k, json.dumps(v).encode()).result()


def get(k):
    r = kv.read(k).result()
    return None if r.state == "missing" else json.loads(r.value)


for i in range(20):
    put(f"user/{i:04d}", {"id": i, "name": "n" * i})
print(get("user/0003"), get("user/9999"), len(kv.list().result()))
print(sorted(kv.list(ts.KvStore.KeyRange("user/0005", "user/0008")).result()))
for k in sorted(kv.list().result())[:3]:
    print(type(k), k)


def cas(k, f, tries=1000):
    for _ in range(tries):
        r = kv.read(k).result()
        new = f(None if r.state == "missing" else r.value)
        w = kv.write(k, new, if_equal=r.stamp.generation).result()
        if w.generation:
            return w
    raise RuntimeError


def inc(v):
    return str(int(v or b"0") + 1).encode()


ths = [threading.Thread(target=lambda: [cas("counter", inc) for _ in range(10)]) for _ in range(4)]
[t.start() for t in ths]
[t.join() for t in ths]
print(kv["counter"])
r = kv.read("user/0003").result()
print(r.state, r.value, r.stamp.generation != b"", r.stamp.time <= time.time(), bool(r.stamp))
print(
    err(lambda: kv["nope"])[:8],
    "nope" in kv,
    b"counter" in kv,
    kv.get("nope") if hasattr(kv, "get") else "no get",
    len(kv) if hasattr(kv, "__len__") else "no len",
)
kv["x"] = b"text"
print(kv["x"], kv[b"x"])
print(err(lambda: kv.__setitem__("x", "str")))
print(err(lambda: kv.write("x", 5)))
print(kv.write("x", None).result().generation, "x" in kv)
kv["y"] = b"1"
print("y" in kv)
print(err(lambda: kv.__delitem__("zz")))
kv.delete_range(ts.KvStore.KeyRange("user/0010", "user/0015")).result()
print(len(kv.list().result()))
sub = kv / "user"
print(sub, sub.path, len(sub.list().result()), min(sub.list().result()))
tr = (
    ts.KvStore.KeyRange(prefix="a") if err(lambda: ts.KvStore.KeyRange(prefix="a")) != "TypeError: " else None
)
print(
    tr,
    ts.KvStore.KeyRange("a", "b"),
    ts.KvStore.KeyRange("a").empty,
    ts.KvStore.KeyRange("b", "a").empty,
    ts.KvStore.KeyRange("a", "b") == ts.KvStore.KeyRange("a", "b"),
)
m = ts.KvStore.open("memory://").result()
fs = [m.write(str(i), bytes([i]) * i) for i in range(50)]
[f.result() for f in fs]
print(
    sum(len(m[str(i)]) for i in range(50)),
    m.list().result()[:4],
    [k for k in m.list(ts.KvStore.KeyRange("3", "4")).result()],
)
print(err(lambda: kv.experimental_copy_range_to(m).result()))
print(err(lambda: m.experimental_copy_range_to(m).result()))
print(kv.spec().to_json(), m.spec(retain_context=True), kv.base)
print(sorted(pickle.loads(pickle.dumps(kv)).list().result()) == sorted(kv.list().result()))
for bad in ("", "/a", "a//b", "..", "a/../b", "a/./b", "a\x00b", "ü", b"\xff", "a" * 300, "lock.__lock"):
    print(repr(bad)[:20], err(lambda: kv.write(bad, b"v").result().generation != b""))
