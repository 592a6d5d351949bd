"""A lazily indexed data set of named dimensions."""

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err


class Lazy:
    def __init__(s, store):
        s.store = store

    shape = property(lambda s: s.store.shape)
    dtype = property(lambda s: s.store.dtype.numpy_dtype)
    ndim = property(lambda s: s.store.rank)

    def __getitem__(s, k):
        return Lazy(s.store[k])

    def __array__(s, dtype=None, copy=None):
        return np.asarray(s.store.read().result(), dtype)

    def sel(s, **kw):
        return Lazy(s.store[ts.d[tuple(kw)][tuple(kw.values())]])


t = ts.open(
    {"driver": "zarr3", "kvstore": "memory://"},
    create=True,
    dtype="float32",
    domain=ts.IndexDomain(labels=["time", "lat", "lon"], shape=[12, 18, 36]),
    dimension_units=["month", "10deg", "10deg"],
).result()
t[...] = np.random.default_rng(0).random((12, 18, 36), dtype="f4")
x = Lazy(t)
print(
    x.shape,
    x.dtype,
    np.asarray(x[3]).shape,
    np.asarray(x.sel(time=3)).mean() == np.asarray(x[3]).mean(),
    np.asarray(x.sel(time=slice(1, 4), lon=5)).shape,
    np.asarray(x.sel(lat=[1, 3, 5], time=2)).shape,
)
print(
    x.sel(time=3).store.domain,
    x.sel(time=slice(2, 8, 2)).store.domain,
    x.sel(lat=[1, 2], lon=[3, 4]).store.domain,
    x.sel(lon=slice(None, None, -1)).store.domain,
    err(lambda: x.sel(foo=1)),
    err(lambda: x.sel(time=12)),
    err(lambda: x.sel(time=[0, 50]).store.read().result()),
)
clim = np.stack([np.asarray(x.sel(time=m)).mean() for m in range(12)])
print(clim.shape, float(clim.sum()) > 0)
roll = ts.open(
    {"driver": "zarr3", "kvstore": "memory://"},
    create=True,
    dtype="float32",
    domain=t.domain,
    chunk_layout=t.chunk_layout,
    dimension_units=t.dimension_units,
    codec=t.codec,
).result()
n = t.shape[2]
sh = 5
roll[ts.d["lon"][sh:n]] = t[ts.d["lon"][0 : n - sh]][ts.d["lon"].translate_by[sh]]
roll[ts.d["lon"][0:sh]] = t[ts.d["lon"][n - sh : n]][ts.d["lon"].translate_to[0]]
print(
    np.array_equal(roll.read().result(), np.roll(t.read().result(), sh, 2)),
    roll.schema == t.schema,
    roll.chunk_layout == t.chunk_layout,
)
coarse = ts.downsample(t, [1, 3, 3], "mean")
print(
    coarse.domain,
    coarse.dimension_units,
    np.allclose(coarse.read().result(), t.read().result().reshape(12, 6, 3, 12, 3).mean((2, 4)), rtol=1e-05),
)
anom = ts.array(t.read().result() - t.read().result().mean(0))
print(anom.domain, float(abs(anom.read().result().mean())) < 1e-06)
T = t[ts.d["lat", "lon"].transpose[0, 1]]
print(T.domain, T.dimension_units)
st = t[ts.d["lat", "lon"].diagonal]
print(st.domain, st.dimension_units)
h = t[ts.d["time"].translate_to[1]]
print(h.domain, np.array_equal(h[ts.d["time"][1]].read().result(), t[0].read().result()))
pts = t[ts.d["lat", "lon"].vindex[[1, 2, 3], [4, 5, 6]]]
print(
    pts.domain,
    pts.read().result().shape,
    t[ts.d["lat", "lon"].oindex[[1, 2, 3], [4, 5]]].domain,
    t[ts.d["lat", "time"][[1, 2], [3, 4]]].domain,
)
