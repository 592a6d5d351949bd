"""An OME-Zarr image of several channels, and labels of it."""

import json
import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

root = "img.zarr"
kv = ts.KvStore.open({"driver": "file", "path": root + "/"}).result()
kv[".zgroup"] = b'{"zarr_format": 2}'
kv[".zattrs"] = json.dumps(
    {
        "multiscales": [
            {
                "version": "0.4",
                "axes": [{"name": n} for n in "czyx"],
                "datasets": [{"path": "0"}, {"path": "1"}],
            }
        ],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]},
    }
).encode()
at = json.loads(kv[".zattrs"])
lv = []
for i, d in enumerate(at["multiscales"][0]["datasets"]):
    lv.append(
        ts.open(
            {
                "driver": "zarr",
                "kvstore": {"driver": "file", "path": f"{root}/{d['path']}"},
                "metadata": {
                    "dtype": "<u2",
                    "shape": [2, 4, 64 >> i, 64 >> i],
                    "chunks": [1, 1, 32, 32],
                    "dimension_separator": "/",
                    "compressor": {"id": "zlib", "level": 1},
                    "fill_value": 0,
                    "order": "C",
                },
            },
            create=True,
        ).result()
    )
ax = [a["name"] for a in at["multiscales"][0]["axes"]]
l0 = lv[0][ts.d[:].label[ax[0], ax[1], ax[2], ax[3]]]
print(l0.domain, lv[0].spec().to_json()["metadata"])
for roi in ((0, 0), (0, 32), (32, 0), (32, 32)):
    reg = l0[ts.d["y", "x"][roi[0] : roi[0] + 32, roi[1] : roi[1] + 32]]
    reg[...] = np.full((2, 4, 32, 32), roi[0] + roi[1] + 1, "uint16")
lv[1][...] = ts.downsample(lv[0], [1, 1, 2, 2], "mean")
print(
    int(lv[1].read().result().astype(int).sum()),
    sorted(os.listdir(root + "/0/1/2")),
    sorted(os.listdir(root)),
)
lab = ts.open(
    {
        "driver": "zarr",
        "kvstore": {"driver": "file", "path": root + "/labels/nuclei/0"},
        "metadata": {"dimension_separator": "/", "chunks": [1, 64, 64]},
    },
    create=True,
    dtype="uint32",
    shape=[4, 64, 64],
).result()
nuc = l0[ts.d["c"][0]]
for z in range(4):
    lab[z] = (nuc[ts.d["z"][z]].read().result() > 32).astype("uint32") * (z + 1)
print(np.unique(lab.read().result(), return_counts=True), lab.spec().to_json()["metadata"]["chunks"])
print(int(nuc[lab.read().result() == 2].read().result().astype(int).sum()))
props = [(int(v), *[int(x.min()) for x in np.nonzero(lab.read().result() == v)]) for v in (1, 2, 3, 4)]
print(props)
print(kv.list(ts.KvStore.KeyRange(".z", ".zz")).result(), len(kv.list().result()))
print(
    err(
        lambda: ts.open(
            {
                "driver": "zarr",
                "kvstore": {"driver": "file", "path": root + "/0"},
                "metadata": {"dimension_separator": "."},
            }
        ).result()
    ),
    err(
        lambda: ts.open(
            {"driver": "zarr", "kvstore": {"driver": "file", "path": root + "/0"}, "key_encoding": "."}
        ).result()
    ),
    ts.open({"driver": "zarr", "kvstore": {"driver": "file", "path": root + "/0"}, "key_encoding": "/"})
    .result()
    .shape,
)
print(
    err(
        lambda: (
            ts.open(
                {
                    "driver": "zarr",
                    "kvstore": {"driver": "file", "path": root + "/0"},
                    "metadata": {"chunks": [1, 1, 32, 32], "compressor": {"id": "zlib", "level": 1}},
                }
            )
            .result()
            .shape
        )
    ),
    err(
        lambda: ts.open(
            {
                "driver": "zarr",
                "kvstore": {"driver": "file", "path": root + "/0"},
                "metadata": {"compressor": None},
            }
        ).result()
    ),
    err(
        lambda: ts.open(
            {
                "driver": "zarr",
                "kvstore": {"driver": "file", "path": root + "/0"},
                "metadata": {"chunks": [1, 1, 16, 16]},
            }
        ).result()
    ),
    err(
        lambda: ts.open(
            {
                "driver": "zarr",
                "kvstore": {"driver": "file", "path": root + "/0"},
                "metadata": {"fill_value": 5},
            }
        ).result()
    ),
    err(
        lambda: (
            ts.open(
                {
                    "driver": "zarr",
                    "kvstore": {"driver": "file", "path": root + "/0"},
                    "metadata": {"shape": [2, 4, 64, 64], "zarr_format": 2},
                }
            )
            .result()
            .shape
        )
    ),
)
