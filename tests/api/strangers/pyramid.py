"""An OME-Zarr pyramid is made, described and read again."""

import json
import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

base = "ome.zarr"
img = (np.arange(2 * 96 * 80).reshape(2, 96, 80) % 4096).astype("uint16")


def level(i, shape):
    return {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{base}/{i}/"},
        "metadata": {
            "shape": list(shape),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 32, 32]}},
            "data_type": "uint16",
            "dimension_names": ["c", "y", "x"],
            "codecs": [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 1}}],
        },
    }


s0 = ts.open(level(0, img.shape), create=True).result()
s0.write(img).result()
stores = [s0]
for i in range(1, 4):
    down = ts.downsample(stores[-1], [1, 2, 2], "mean")
    s = ts.open(level(i, down.shape), create=True, delete_existing=True).result()
    s.write(down).result()
    stores.append(s)
    print(i, s.domain, down.domain, int(s.read().result().astype(int).sum()))
attrs = {
    "ome": {
        "version": "0.5",
        "multiscales": [
            {
                "axes": [{"name": n, "type": "space"} for n in "cyx"],
                "datasets": [
                    {
                        "path": str(i),
                        "coordinateTransformations": [{"type": "scale", "scale": [1, 2**i, 2**i]}],
                    }
                    for i in range(4)
                ],
            }
        ],
    }
}
kv = ts.KvStore.open({"driver": "file", "path": base + "/"}).result()
kv["zarr.json"] = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attrs}).encode()
doc = ts.open({"driver": "json", "kvstore": {"driver": "file", "path": base + "/zarr.json"}}).result()
print(doc.read().result().item()["attributes"]["ome"]["version"])
ver = ts.open(
    {
        "driver": "json",
        "kvstore": {"driver": "file", "path": base + "/zarr.json"},
        "json_pointer": "/attributes/ome/multiscales/0/datasets",
    }
).result()
for d in ver.read().result().item():
    lv = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{base}/{d['path']}/"}}).result()
    v = lv[ts.d["c"][0]]
    print(d["path"], v.domain, v[ts.d["y", "x"][2:6, 3:5]].read().result().tolist())
print(s0[ts.d["x"][::2]].domain, s0[ts.d["x", "y"].transpose[0, 1]].domain)
print(stores[2].spec().to_json())
print(stores[3].chunk_layout)
print(
    [
        m
        for m in ("mean", "median", "mode", "min", "max", "stride")
        if err(lambda: ts.downsample(s0, [1, 3, 3], m).read().result().shape)
    ]
)
for m in ("mean", "median", "mode", "min", "max", "stride"):
    print(m, int(ts.downsample(s0, [1, 3, 3], m)[:, 3:9, 4:8].read().result().astype(int).sum()))
print(err(ts.open, {"driver": "zarr3", "kvstore": {"driver": "file", "path": base + "/"}}))
print(err(ts.open, {"driver": "auto", "kvstore": {"driver": "file", "path": base + "/"}}))
print(err(ts.open, "file://" + os.getcwd() + "/" + base + "/1/"))
for i in range(2):
    z = ts.open(
        {
            "driver": "zarr",
            "kvstore": {"driver": "file", "path": f"v2/{i}"},
            "key_encoding": "/",
            "metadata": {"shape": [64 >> i, 64 >> i], "chunks": [16, 16], "dtype": "|u1", "compressor": None},
        },
        create=True,
    ).result()
    z[:] = i + 1
print(sorted(os.listdir("v2/1")), open("v2/0/.zarray").read())
