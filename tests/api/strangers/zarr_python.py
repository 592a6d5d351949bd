"""Arrays of zarr-python are read and changed, and the other way."""

import json
import os

import numpy as np
import tensorstore as ts
import zarr

from tests.api.strangers.told import err

g = zarr.open_group("g.zarr", mode="w", zarr_format=2)
a = g.create_array("a", shape=(10,), chunks=(3,), dtype="i4", attributes={"x": 1})
a[:] = np.arange(10)
zarr.consolidate_metadata("g.zarr", zarr_format=2)
t = ts.open({"driver": "zarr", "kvstore": {"driver": "file", "path": "g.zarr/a"}}).result()
print(t.read().result(), t.spec().to_json()["metadata"])
t.resize(exclusive_max=[12]).result()
print(json.load(open("g.zarr/a/.zattrs")), sorted(os.listdir("g.zarr/a")))
h = zarr.open_group("h.zarr", mode="w", zarr_format=3)
b = h.create_array(
    "b",
    shape=(10, 6),
    chunks=(5, 3),
    dtype="f8",
    attributes={"k": [1, {"z": None}]},
    dimension_names=("t", "x"),
    fill_value=np.nan,
)
b[:5] = 1.5
t = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "h.zarr/b"}}).result()
print(t, t.read().result()[:6, 0])
t2 = t.resize(exclusive_max=[11, 6]).result()
t2[10] = 2
print(
    json.load(open("h.zarr/b/zarr.json"))["attributes"],
    zarr.open_array("h.zarr/b", mode="r")[10],
    zarr.open_array("h.zarr/b", mode="r").shape,
)
c = h.create_array("c", shape=(16, 16), chunks=(4, 4), shards=(8, 8), dtype="u2")
c[:] = np.arange(256).reshape(16, 16)
s = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "h.zarr/c"}}).result()
print(s.chunk_layout, s[3:6, 7:9].read().result())
s[0, 0] = 999
print(zarr.open_array("h.zarr/c", mode="r")[0, :2])
d = ts.open(
    {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": "h.zarr/d"},
        "metadata": {"attributes": {"hello": "world"}, "dimension_names": ["p", None]},
    },
    create=True,
    dtype="int16",
    shape=[3, 3],
    fill_value=-5,
).result()
d[1] = 4
z = zarr.open_array("h.zarr/d", mode="r")
print(z[:], dict(z.attrs), z.metadata.dimension_names, z.fill_value)
for dt in ("bool", "int8", "uint64", "float16", "complex64"):
    q = ts.open(
        {"driver": "zarr3", "kvstore": {"driver": "file", "path": "h.zarr/q" + dt}},
        create=True,
        dtype=dt,
        shape=[2, 2],
    ).result()
    q[0, 1] = 1
    print(zarr.open_array("h.zarr/q" + dt, mode="r")[:].tolist())
    q = ts.open(
        {"driver": "zarr", "kvstore": {"driver": "file", "path": "g.zarr/q" + dt}},
        create=True,
        dtype=dt,
        shape=[2, 2],
    ).result()
    q[0, 1] = 1
    print(zarr.open_array("g.zarr/q" + dt, mode="r")[:].tolist())
print(err(lambda: ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "h.zarr"}}).result()))
print(err(lambda: ts.open({"driver": "zarr", "kvstore": {"driver": "file", "path": "g.zarr"}}).result()))
print(err(lambda: ts.open("file://" + os.getcwd() + "/h.zarr/").result()))
print(
    err(
        lambda: (
            ts.open(
                {
                    "driver": "zarr3",
                    "kvstore": {"driver": "file", "path": "h.zarr/b"},
                    "metadata": {"attributes": {"k": [1, {"z": None}]}},
                }
            )
            .result()
            .shape
        )
    ),
    err(
        lambda: (
            ts.open(
                {
                    "driver": "zarr3",
                    "kvstore": {"driver": "file", "path": "h.zarr/b"},
                    "metadata": {"attributes": {"k": 2}},
                }
            )
            .result()
            .shape
        )
    ),
    err(
        lambda: (
            ts.open(
                {
                    "driver": "zarr3",
                    "kvstore": {"driver": "file", "path": "h.zarr/b"},
                    "metadata": {"attributes": {"new": 2}},
                }
            )
            .result()
            .shape
        )
    ),
)
