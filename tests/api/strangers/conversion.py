"""A volume goes from zarr v2 to zarr v3 to N5 to a precomputed volume."""

import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

src = ts.open(
    {
        "driver": "zarr",
        "kvstore": {"driver": "file", "path": "src.zarr"},
        "metadata": {
            "dtype": "<u2",
            "shape": [60, 50, 40],
            "chunks": [32, 32, 32],
            "dimension_separator": "/",
            "compressor": {"id": "zstd", "level": 3},
            "fill_value": 0,
        },
    },
    create=True,
    delete_existing=True,
).result()
src[...] = (np.indices((60, 50, 40)).sum(0) % 1000).astype("uint16")
print(src)
dst = ts.open(
    {"driver": "zarr3", "kvstore": "file://dst.zarr/".replace("file://", "file://" + os.getcwd() + "/")},
    create=True,
    dtype=src.dtype,
    shape=src.shape,
    chunk_layout=ts.ChunkLayout(write_chunk_shape=[64, 64, 64], read_chunk_shape=[16, 16, 16]),
    dimension_units=["4nm", "4nm", "40nm"],
    codec=ts.CodecSpec({"driver": "zarr3", "codecs": [{"name": "gzip", "configuration": {"level": 1}}]}),
).result()
print(dst.codec)
print(dst.chunk_layout)
reports = []
f = ts.copy(src, dst, progress_callback=lambda p: reports.append(p)) if hasattr(ts, "copy") else None
print(f)
w = dst.write(src)
w.copy.result()
w.commit.result()
print(w.done(), w.copy.done(), w.result(), w.commit.result())
print(np.array_equal(dst.read().result(), src.read().result()))
n5 = ts.open(
    {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": "n5/vol"},
        "metadata": {"compression": {"type": "raw"}, "blockSize": [20, 20, 20]},
    },
    create=True,
    dtype="uint16",
    shape=dst.shape,
    dimension_units=dst.dimension_units,
).result()
n5.write(dst).result()
print(n5.schema)
print(n5.spec().to_json())
ng = ts.open(
    {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": "ng"},
        "scale_metadata": {"encoding": "raw", "chunk_size": [20, 20, 20], "resolution": [4, 4, 40]},
    },
    create=True,
    dtype="uint16",
    domain=ts.IndexDomain(
        inclusive_min=[0, 0, 0, 0], shape=[60, 50, 40, 1], labels=["x", "y", "z", "channel"]
    ),
).result()
ng[..., 0] = n5
print(int(ng.read().result().astype(int).sum()), int(src.read().result().astype(int).sum()))
print(ng.spec().to_json()["scale_metadata"])
print(open("ng/info").read())
print(ng.dimension_units, err(lambda: ng.url), dst.url)
blocks = 0
for x in range(0, 60, 32):
    for y in range(0, 50, 32):
        sel = (slice(x, min(x + 32, 60)), slice(y, min(y + 32, 50)))
        out = ts.array(np.zeros((min(32, 60 - x), min(32, 50 - y), 40), "uint16"))
        out.write(src[sel].translate_to[0] if hasattr(src, "translate_to") else src[sel]).result()
        blocks += 1
print(blocks)
