"""An image is worked on block by block, with halos; masks and histograms."""

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

src = ts.open(
    {
        "driver": "zarr",
        "kvstore": {"driver": "file", "path": "raw"},
        "metadata": {"chunks": [16, 16, 16], "dtype": "<f4"},
    },
    create=True,
    shape=[40, 40, 40],
).result()
rng = np.random.default_rng(0)
src.write(rng.random((40, 40, 40), dtype=np.float32)).result()
dst = ts.open(
    {"driver": "zarr", "kvstore": {"driver": "file", "path": "out"}}, create=True, schema=src.schema
).result()
print(dst.schema == src.schema, dst.spec() == src.spec(), dst.chunk_layout)
halo = 2
futs = []
for z in range(0, 40, 16):
    for y in range(0, 40, 16):
        for x in range(0, 40, 16):
            core = ts.IndexDomain(inclusive_min=[z, y, x], shape=[16] * 3).intersect(src.domain)
            big = core.hull(
                ts.IndexDomain(
                    inclusive_min=[v - halo for v in core.inclusive_min],
                    exclusive_max=[v + halo for v in core.exclusive_max],
                )
            ).intersect(src.domain)
            block = src[big].read().result()
            sl = tuple(
                (
                    slice(a - b, a - b + n)
                    for a, b, n in zip(core.inclusive_min, big.inclusive_min, core.shape)
                )
            )
            futs.append(dst[core].write((block * 2)[sl]))
for f in futs:
    f.result()
print(np.allclose(dst.read().result(), src.read().result() * 2), core, big, len(futs))
mx = ts.open(
    {"driver": "zarr", "kvstore": {"driver": "file", "path": "mip"}},
    create=True,
    dtype="float32",
    shape=src.shape[1:],
).result()
acc = np.zeros(mx.shape, np.float32)
for z in range(src.shape[0]):
    acc = np.maximum(acc, src[z].read().result())
mx[:] = acc
print(float(mx.read().result().sum()) == float(src.read().result().max(0).sum()))
hist = np.zeros(10, int)
for c in range(0, 40, 8):
    hist += np.histogram(src[c : c + 8].read().result(), 10, (0, 1))[0]
print(hist.sum())
lab = ts.open(
    {"driver": "zarr3", "kvstore": "memory://"},
    create=True,
    dtype="uint32",
    shape=[40, 40, 40],
    chunk_layout=ts.ChunkLayout(chunk_shape=[20, 20, 20]),
    fill_value=2**32 - 1,
).result()
m = src.read().result() > 0.9
lab[m] = np.arange(m.sum(), dtype="uint32")
print(
    int(lab[m].read().result().astype(int).sum()) == m.sum() * (m.sum() - 1) // 2,
    int((lab.read().result() == 2**32 - 1).sum()) == (~m).sum(),
)
lut = ts.array(np.arange(100)[::-1].copy())
idx = np.array([[3, 4], [99, 0]])
print(lut[idx].read().result(), lut[idx].domain)
print(
    src.vindex[np.array([1, 2]), :, np.array([3, 4])].domain,
    src.oindex[[1, 2], :, [3, 4]].domain,
    src[[1, 2], :, [3, 4]].domain,
)
print(
    err(lambda: src + 1),
    err(lambda: src == src),
    np.add(src[0, 0, :3], 1),
    np.asarray(src[0, 0], dtype="float64").dtype,
    src[0, 0, 0].read().result().dtype,
    err(lambda: int(src[0])),
    err(lambda: bool(src[0, 0, 0])),
    err(lambda: src.__array__(copy=False).shape),
    np.array(src[:2, :2, :2], copy=True).shape,
    src[0].__array__().shape,
)
src[0:2, 0, 0] = src[2:4, 0, 0] = 1.5
print(src[:4, 0, 0].read().result())
src[1:3] = src[0:2][ts.d[0].translate_by[1]]
print(np.array_equal(src[1].read().result(), src[0].read().result()))
