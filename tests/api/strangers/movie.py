"""Frames of a movie come in, are cropped, reduced and converted."""

import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

spec = {
    "driver": "zarr3",
    "kvstore": {"driver": "file", "path": "movie"},
    "create": True,
    "open": True,
    "schema": {
        "dtype": "uint16",
        "domain": {
            "labels": ["t", "y", "x"],
            "inclusive_min": [0, 0, 0],
            "exclusive_max": [[10], [64], [48]],
        },
        "chunk_layout": {"chunk": {"shape": [1, 32, 32]}},
        "dimension_units": ["0.1s", "0.5um", "0.5um"],
        "fill_value": 100,
    },
}
m = ts.open(spec).result()
print(m.domain, m.dimension_units, m.chunk_layout.read_chunk.shape, m.spec().to_json())
rng = np.random.default_rng(1)
for k in (0, 3, 7):
    m[ts.d["t"][k]] = rng.integers(0, 4096, (64, 48)).astype("uint16")
print([int(m[k].read().result().astype(int).sum()) for k in range(10)])
crop = m[ts.d["y", "x"][10:42, 8:40]]
small = ts.downsample(crop, [1, 4, 4], "mean")
u8 = ts.cast(small, "uint8")
print(small.domain, u8.domain, u8[3].read().result()[:2], small.dimension_units, u8.dtype)
r = crop[ts.d["t"][::3]]
print(r.domain, r.dimension_units, r.read().result().shape)
print(crop[ts.d["y", "x"].translate_to[0]].domain, crop[ts.d["t"].label["time"]].domain)
print(
    err(lambda: m[ts.d["t"][10]]), err(lambda: m[ts.d["z"][0]]), m[ts.d["x", "t"][5, 7]].read().result()[:3]
)
m[ts.d["t"][9]].write(m[ts.d["t"][0]]).result()
print(np.array_equal(m[9].read().result(), m[0].read().result()))
for k in range(10, 13):
    m = m.resize(exclusive_max=[k + 1, None, None]).result()
    m[k] = k
print(m.domain, [int(m[k, 0, 0].read().result()) for k in (2, 10, 11, 12)])
avg = np.mean([m[k].read().result() for k in range(m.shape[0])], 0)
print(float(avg.mean()))
proj = ts.array(avg.astype("float32"))
print(
    ts.cast(proj, "uint16")[:1, :3].read().result(),
    ts.downsample(proj, [32, 24], "max").read().result().shape,
)
diff = m[1:].read().result().astype(int) - m[: m.shape[0] - 1].read().result().astype(int)
print(diff.shape, int(np.abs(diff).sum()))
mm = m[ts.d["t", "y", "x"].transpose[2, 1, 0]]
print(mm.domain, mm.dimension_units, mm.chunk_layout)
print(
    sorted(os.listdir("movie/c"))[:4],
    m.fill_value,
    err(lambda: m.schema.fill_value),
    m[5, 5, 5].read().result(),
    m.codec,
)
print(ts.open("file://" + os.getcwd() + "/movie/|zarr3:").result()[ts.d["t"][::-1]].domain)
