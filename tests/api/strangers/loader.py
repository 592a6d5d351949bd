"""Batches, crops and flips of a data set of images."""

import asyncio

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

rng = np.random.default_rng(3)
t = ts.open(
    {"driver": "zarr3", "kvstore": "memory://"},
    create=True,
    dtype="uint8",
    shape=[100, 32, 32, 3],
    chunk_layout=ts.ChunkLayout(chunk_shape=[10, 16, 16, 3]),
).result()
t.write(rng.integers(0, 255, (100, 32, 32, 3), dtype=np.uint8)).result()
labels = ts.open(
    {"driver": "zarr3", "kvstore": "memory://l/"}, create=True, dtype="int64", shape=[100]
).result()
labels.write(rng.integers(0, 10, 100)).result()
order = rng.permutation(100)
with ts.Batch() as b:
    futs = [(t[int(i)].read(batch=b), labels[int(i)].read(batch=b)) for i in order[:16]]
    print(futs[0][0].done() in (True, False))
xs = np.stack([f.result() for f, _ in futs])
ys = np.stack([g.result() for _, g in futs])
print(xs.shape, xs.dtype, int(xs.sum()), ys.tolist())
print(t[order[:8]].read().result().sum(), t[order[:8]].domain, t[order[:8], 4:20, 4:20].read().result().shape)
crops = []
for i in range(5):
    y, x = rng.integers(0, 16, 2)
    v = t[int(i), int(y) : int(y) + 16, int(x) : int(x) + 16, ::-1]
    crops.append(v[ts.d[:].translate_to[0]].read().result())
print(np.stack(crops).sum(axis=(1, 2, 3)))
gray = ts.cast(t, "float32")
print(float(gray[3].read().result().mean()))
flip = t[:, :, ::-1]
print(flip.domain, np.array_equal(flip[5].read().result(), t[5].read().result()[:, ::-1]))
v = t[ts.d[1, 2].translate_by[100]]
print(v.domain, v[0, 100, 100:105, 0].read().result())


async def main():
    rs = await asyncio.gather(*[t[int(i)].read() for i in order])
    print(len(rs), sum(int(r.sum()) for r in rs))
    with ts.Batch() as b:
        fs = [t[int(i)].read(batch=b) for i in order[:10]]
    print(sum([int((await f).sum()) for f in fs]))


asyncio.run(main())
b = ts.Batch()
f = t[0].read(batch=b)
b.submit()
print(f.result().shape, err(b.submit), err(lambda: t[0].read(batch=b).result().shape))
mask = labels.read().result() == 3
print(t[mask].domain, int(t[mask].read().result().sum()), mask.sum())
print(err(lambda: t[np.array([True] * 99)]))
print(err(lambda: t[[100]].read()), err(lambda: t[100]), err(lambda: t[-1]))
print(err(lambda: iter(t)), err(lambda: next(iter(labels))))
out = np.zeros((4, 32, 32, 3), np.uint8)
ts.array(out).write(t[ts.d[:].translate_to[0]][10:14][ts.d[0].translate_to[0]]).result()
print(out.sum(), np.array_equal(out, t[10:14].read().result()))
