"""Many threads on one array."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorstore as ts

ctx = ts.Context({"cache_pool": {"total_bytes_limit": 200000}, "data_copy_concurrency": {"limit": 3}})
t = ts.open(
    {"driver": "zarr", "kvstore": {"driver": "file", "path": "t"}},
    create=True,
    dtype="int32",
    shape=[64, 64],
    chunk_layout=ts.ChunkLayout(chunk_shape=[8, 8]),
    context=ctx,
).result()


def w(i):
    t[i].write(np.full(64, i, "int32")).result()
    return i


with ThreadPoolExecutor(16) as ex:
    print(sum(ex.map(w, range(64))))
with ThreadPoolExecutor(16) as ex:
    print(sum(int(x) for x in ex.map(lambda i: t[i].read().result().sum(), range(64))), 64 * sum(range(64)))


def tile(k):
    y, x = divmod(k, 8)
    v = t[y * 8 : (y + 1) * 8, x * 8 : (x + 1) * 8]
    v.write(v.read().result() * 2).result()


with ThreadPoolExecutor(8) as ex:
    list(ex.map(tile, range(64)))
print(int(t.read().result().sum()))
errs = []


def mixed(k):
    try:
        if k % 5 == 0:
            return t[k % 64, :10].read().result().sum()
        if k % 5 == 1:
            t[k % 64, 40:50] = k
            return 0
        if k % 5 == 2:
            return ts.open(t.spec()).result().shape[0]
        if k % 5 == 3:
            return len(t.kvstore.list().result())
        return ts.downsample(t, [4, 4], "mean")[:2, :2].read().result().sum()
    except Exception as e:
        errs.append(e)


with ThreadPoolExecutor(12) as ex:
    list(ex.map(mixed, range(100)))
print(errs)
fs = [t[i : i + 8].read() for i in range(0, 64, 8)]
print(sum(f.result().size for f in fs))
del fs
import gc

for _ in range(50):
    t[:64].read()
gc.collect()
print("dropped")
st = [
    ts.open(
        {"driver": "zarr", "kvstore": {"driver": "file", "path": f"m{i}"}},
        create=True,
        dtype="uint8",
        shape=[10],
    )
    for i in range(10)
]
print(len({s.result().kvstore.path for s in st}))
l = threading.Lock()
n = [0]


def cb(f):
    with l:
        n[0] += 1


fs = [t[i % 64].read() for i in range(100)]
[f.add_done_callback(cb) for f in fs]
[f.result() for f in fs]
while n[0] < 100:
    time.sleep(0.01)
print(n)
