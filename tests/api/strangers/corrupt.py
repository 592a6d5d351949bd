"""Damaged and missing chunks and documents."""

import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err


def mk(driver, path, **md):
    t = ts.open(
        {"driver": driver, "kvstore": {"driver": "file", "path": path}, **({"metadata": md} if md else {})},
        create=True,
        dtype="int32",
        shape=[20],
        chunk_layout=ts.ChunkLayout(chunk_shape=[5]),
    ).result()
    t.write(np.arange(20, dtype="int32")).result()
    return t


z = mk("zarr", "z", compressor={"id": "zlib", "level": 1})
open("z/1", "wb").write(b"garbage")
print(err(lambda: z[:5].read().result()), err(lambda: z[12:].read().result().sum()))
os.remove("z/2")
print(z[10:15].read().result())
z2 = ts.open(
    {"driver": "zarr", "kvstore": {"driver": "file", "path": "z"}, "fill_missing_data_reads": False}
).result()
print(err(lambda: z2[10:15].read().result()), err(lambda: z2[12:].read().result()))
os.truncate("z/3", 5)
print(err(lambda: z[15:].read().result()))
z[5:10] = 1
print(z[5:10].read().result())
print(err(lambda: z[16:18].write(5).result()))
z3 = mk("zarr3", "z3", codecs=[{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}])
b = bytearray(open("z3/c/0", "rb").read())
b[3] ^= 1
open("z3/c/0", "wb").write(b)
print(err(lambda: z3[:5].read().result()), z3[5:10].read().result())
open("z3/c/1", "wb").write(b"")
print(err(lambda: z3[5:10].read().result()))
n = mk("n5", "n5", compression={"type": "gzip"})
open("n5/0", "wb").write(b"\x00\x00\x00\x01\x00\x00\x00\x05xx")
open("n5/1", "wb").write(b"")
print(err(lambda: n[5:10].read().result()))
for name, body in (
    ("a", b"{"),
    ("b", b"[]"),
    ("c", b'{"zarr_format":2}'),
    ("d", b'{"zarr_format":3,"shape":[1]}'),
    ("e", b""),
    ("f", b"\xff\xfe"),
    (
        "g",
        b'{"zarr_format":2,"shape":[-1],"chunks":[1],"dtype":"<i4","compressor":null,"fill_value":0,"order":"C","filters":null}',
    ),
):
    os.makedirs("bad/" + name)
    open(f"bad/{name}/.zarray", "wb").write(body)
    open(f"bad/{name}/zarr.json", "wb").write(body)
    open(f"bad/{name}/attributes.json", "wb").write(body)
    open(f"bad/{name}/info", "wb").write(body)
    for d in ("zarr", "zarr3", "n5", "neuroglancer_precomputed"):
        print(
            name,
            d,
            err(
                lambda: ts.open({"driver": d, "kvstore": {"driver": "file", "path": "bad/" + name}}).result()
            ),
        )
os.makedirs("isdir/zarr.json")
print(err(lambda: ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "isdir"}}).result()))
open("afile", "w").write("x")
print(err(lambda: ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "afile"}}).result()))
print(
    err(
        lambda: ts.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": "z3"}}, dtype="float32"
        ).result()
    )
)
print(
    err(lambda: ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "z3"}}, shape=[7]).result())
)
print(
    err(
        lambda: ts.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": "z3"}},
            create=True,
            dtype="int32",
            shape=[20],
        ).result()
    )
)
print(
    err(
        lambda: (
            ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "z3"}}, write=False)
            .result()
            .write(1)
            .result()
        )
    )
)
print(
    err(
        lambda: (
            ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "z3"}}, read=False)
            .result()
            .read()
            .result()
        )
    )
)
