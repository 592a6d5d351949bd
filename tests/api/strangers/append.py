"""A time series grows by appending, and is cut."""

import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

spec = {
    "driver": "zarr3",
    "kvstore": {"driver": "file", "path": "series"},
    "metadata": {
        "data_type": "float64",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 4]}},
        "fill_value": "NaN",
        "dimension_names": ["time", "sensor"],
    },
}
s = ts.open(spec, create=True, shape=[0, 4]).result()
print(s.domain, s.size, s.read().result())
n = 0
for step in range(5):
    k = 7 + step
    s = s.resize(exclusive_max=[n + k, 4], expand_only=True).result()
    s[n : n + k] = np.arange(k * 4, dtype=float).reshape(k, 4) + step
    n += k
    print(step, s.domain, s.shape, float(np.nansum(s.read().result())))
print(
    err(lambda: s.resize(exclusive_max=[5, 4], expand_only=True).result().shape),
    err(lambda: s.resize(exclusive_max=[500, 4], shrink_only=True).result().shape),
)
r = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "series"}}).result()
print(r.domain, r[ts.d["time"][30:33]].read().result())
t2 = s.resize(exclusive_max=[20, None]).result()
print(t2.domain, r.domain)
t3 = t2.resize(exclusive_max=[40, 6]).result()
print(t3.domain, t3.fill_value)
print(
    err(lambda: t3.resize(inclusive_min=[1, None]).result()),
    err(lambda: t3.resize(exclusive_max=[10]).result()),
    err(lambda: t3[:5].resize(exclusive_max=[3, None]).result().domain),
)
print(err(lambda: t3.resize(exclusive_max=[-(2**62), None]).result()))
print(
    err(lambda: t3[ts.d["time"].translate_by[100]].resize(exclusive_max=[150, None]).result().domain),
    ts.open(spec, open=True).result().domain,
)
print(
    err(lambda: t3.resize(exclusive_max=[10, None], resize_metadata_only=True).result().domain),
    len([1 for _, _, f in os.walk("series") for x in f]),
)
fixed = (
    ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "series"}})
    .result()
    .resolve(fix_resizable_bounds=True)
    .result()
)
print(fixed.domain, s[:, 0].domain)


def append(store, rows):
    n = store.shape[0]
    store = store.resize(exclusive_max=[n + len(rows), None]).result()
    store[n:] = rows
    return store


z = ts.open({"driver": "zarr", "kvstore": "memory://"}, create=True, dtype="int32", shape=[0, 2]).result()
for i in range(4):
    z = append(z, np.full((i + 1, 2), i, "int32"))
print(z.read().result().tolist(), z.domain, z.chunk_layout.read_chunk.shape)
