"""A segmentation in shards is edited, and gets a coarser scale."""

import json
import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

seg = {
    "driver": "neuroglancer_precomputed",
    "kvstore": {"driver": "file", "path": "seg/"},
    "multiscale_metadata": {"type": "segmentation", "data_type": "uint64", "num_channels": 1},
    "scale_metadata": {
        "size": [100, 90, 30],
        "resolution": [8, 8, 40],
        "encoding": "compressed_segmentation",
        "compressed_segmentation_block_size": [8, 8, 8],
        "chunk_size": [64, 64, 16],
        "voxel_offset": [10, 20, 5],
        "sharding": {
            "@type": "neuroglancer_uint64_sharded_v1",
            "preshift_bits": 1,
            "minishard_bits": 1,
            "shard_bits": 1,
            "hash": "identity",
            "data_encoding": "gzip",
            "minishard_index_encoding": "gzip",
        },
    },
}
ds = ts.open(seg, create=True).result()
vol = ds[ts.d["channel"][0]]
print(vol.domain, vol.dimension_units)
vol[10:60, 20:70, 5:20] = 7
vol[60:110, 20:110, 5:35] = np.uint64(2**40 + 3)
print(sorted(os.listdir("seg")), sorted(os.listdir("seg/8_8_40")))
data = vol.read().result()
print(np.unique(data, return_counts=True))
sub = vol[40:80, 30:60, 10:15]
x = sub.read().result()
x = x.copy()
x[x == 7] = 99
sub.write(x).result()
print(np.unique(vol.read().result(), return_counts=True))
lo = ts.open(
    {
        **{k: v for k, v in seg.items() if k not in ("scale_metadata",)},
        "scale_metadata": {
            "resolution": [16, 16, 40],
            "size": [50, 45, 30],
            "voxel_offset": [5, 10, 5],
            "encoding": "compressed_segmentation",
            "compressed_segmentation_block_size": [8, 8, 8],
            "chunk_size": [32, 32, 16],
        },
    },
    create=True,
).result()
lo.write(ts.downsample(ds, [2, 2, 1, 1], "mode")).result()
print(lo.domain, np.unique(lo.read().result()))
info = json.load(open("seg/info"))
print([s["key"] for s in info["scales"]], info["type"], info["scales"][1])
for i in range(3):
    print(
        i,
        err(
            lambda: (
                ts.open(
                    {
                        "driver": "neuroglancer_precomputed",
                        "kvstore": "file://" + os.getcwd() + "/seg/",
                        "scale_index": i,
                    }
                )
                .result()
                .domain
            )
        ),
    )
print(
    err(
        lambda: (
            ts.open(
                {
                    "driver": "neuroglancer_precomputed",
                    "kvstore": "file://" + os.getcwd() + "/seg/",
                    "scale_metadata": {"resolution": [16, 16, 40]},
                }
            )
            .result()
            .dimension_units
        )
    )
)
print(
    err(
        lambda: (
            ts.open(
                {
                    "driver": "neuroglancer_precomputed",
                    "kvstore": "file://" + os.getcwd() + "/seg/",
                    "scale_metadata": {"resolution": [3, 3, 3]},
                }
            )
            .result()
            .dimension_units
        )
    )
)
print(err(lambda: ts.open(seg, create=True).result()))
print(err(lambda: ts.open({**seg, "scale_metadata": {**seg["scale_metadata"], "encoding": "raw"}}).result()))
print(err(lambda: vol[0:10]), err(lambda: vol[10:2000]), err(lambda: vol[10, 20, 5].read().result()))
print(
    err(lambda: vol.write(-1).result()),
    err(lambda: vol[10, 20, 5].write(2.5)),
    err(lambda: vol[10, 20, 5].write("a")),
)
print(err(lambda: ds.resize(exclusive_max=[200, 200, 200, 1]).result()))
print(ds.spec().to_json())
print(ds.chunk_layout)
print(ds.codec, lo.codec)
print(ds.fill_value, ds.schema)
jpg = ts.open(
    {
        "driver": "neuroglancer_precomputed",
        "kvstore": "memory://",
        "multiscale_metadata": {"num_channels": 3},
        "scale_metadata": {"encoding": "jpeg", "jpeg_quality": 90, "resolution": [1, 1, 1]},
    },
    create=True,
    dtype="uint8",
    shape=[64, 64, 1, 3],
).result()
jpg.write(np.full((64, 64, 1, 3), 100, np.uint8)).result()
print(jpg.codec, int(jpg.read().result().mean()))
