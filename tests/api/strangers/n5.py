"""N5: compressions, attributes, a pyramid."""

import json
import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err


def mk(path, comp, dt="uint16", bs=[7, 5], shape=[20, 13]):
    t = ts.open(
        {
            "driver": "n5",
            "kvstore": {"driver": "file", "path": path},
            "metadata": {
                "compression": comp,
                "blockSize": bs,
                "dataType": dt,
                "dimensions": shape,
                "axes": ["x", "y"],
                "units": ["nm", "nm"],
                "resolution": [4, 5],
            },
        },
        create=True,
    ).result()
    t[...] = np.arange(shape[0] * shape[1]).reshape(shape).astype(dt)
    return t


for i, c in enumerate(
    (
        {"type": "raw"},
        {"type": "gzip", "level": 1},
        {"type": "bzip2"},
        {"type": "xz"},
        {"type": "blosc", "cname": "lz4", "clevel": 3, "shuffle": 1},
        {"type": "zstd"},
        {"type": "nope"},
        {},
        {"type": "gzip", "level": 11},
    )
):
    r = err(lambda: mk(f"n{i}", c))
    print(
        r
        if isinstance(r, str)
        else (
            r.domain,
            r.dimension_units,
            r.codec.to_json(),
            int(r.read().result().astype(int).sum()),
            r.fill_value,
            r[3:5, 2].read().result(),
        )
    )
t = ts.open({"driver": "n5", "kvstore": {"driver": "file", "path": "n0"}}).result()
print(
    t.spec().to_json(),
    t.chunk_layout,
    sorted(os.listdir("n0")),
    sorted(os.listdir("n0/0")),
    open("n0/attributes.json").read(),
)
a = json.load(open("n0/attributes.json"))
a["pixelResolution"] = {"unit": "nm", "dimensions": [1, 2]}
json.dump(a, open("n0/attributes.json", "w"))
t = ts.open({"driver": "n5", "kvstore": {"driver": "file", "path": "n0"}}).result()
print(t.spec().to_json()["metadata"])
t2 = t.resize(exclusive_max=[25, 13]).result()
t = t2
print(t2.shape, json.load(open("n0/attributes.json")).get("pixelResolution"))
print(
    err(
        lambda: ts.open(
            {"driver": "n5", "kvstore": {"driver": "file", "path": "q"}},
            create=True,
            dtype="uint8",
            shape=[3],
            fill_value=1,
        ).result()
    ),
    err(
        lambda: ts.open(
            {"driver": "n5", "kvstore": {"driver": "file", "path": "q"}}, create=True, dtype="bool", shape=[3]
        ).result()
    ),
    err(
        lambda: ts.open(
            {"driver": "n5", "kvstore": {"driver": "file", "path": "q"}},
            create=True,
            dtype="uint8",
            shape=[3],
            chunk_layout=ts.ChunkLayout(inner_order=[0], grid_origin=[1]),
        ).result()
    ),
    err(
        lambda: ts.open(
            {"driver": "n5", "kvstore": {"driver": "file", "path": "q"}},
            create=True,
            dtype="uint8",
            domain=ts.IndexDomain(inclusive_min=[1], shape=[3]),
        ).result()
    ),
)
for i in range(3):
    s = ts.downsample(t, [2**i, 2**i], "mean")
    l = ts.open(
        {"driver": "n5", "kvstore": {"driver": "file", "path": f"pyr/s{i}"}},
        create=True,
        dtype="uint16",
        domain=s.domain,
        dimension_units=s.dimension_units,
    ).result()
    l[...] = s
    print(l.domain, l.dimension_units, int(l.read().result().astype(int).sum()))
root = ts.open({"driver": "json", "kvstore": {"driver": "file", "path": "pyr/attributes.json"}}).result()
root.write({"multiScale": True, "scales": [[2**i] * 2 for i in range(3)]}).result()
print(open("pyr/attributes.json").read())
print(err(lambda: ts.open({"driver": "n5", "kvstore": {"driver": "file", "path": "pyr"}}).result()))
print(err(lambda: ts.open({"driver": "auto", "kvstore": {"driver": "file", "path": "pyr/"}}).result()))
