"""Arrays are opened and printed by URL."""

import os

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

root = "file://" + os.getcwd() + "/"
a = ts.open(root + "a.zarr|zarr3:", create=True, dtype="int16", shape=[5, 6]).result()
a[...] = np.arange(30, dtype="int16").reshape(5, 6)
b = ts.open(root + "b.zarr/|zarr2:", create=True, dtype="int16", shape=[5]).result()
b[:] = 3
n = ts.open(root + "c.n5|n5", create=True, dtype="int16", shape=[5]).result()
n[:] = 4
kv = ts.KvStore.open(root).result()
kv["x.json"] = b'{"a":{"b":[1,2,{"c":null}]},"~":1}'
for u in (
    "a.zarr",
    "a.zarr/",
    "a.zarr|zarr3",
    "a.zarr|zarr3:",
    "a.zarr|auto:",
    "a.zarr|auto",
    "b.zarr",
    "b.zarr|zarr:",
    "b.zarr|zarr2",
    "c.n5",
    "a.zarr|cast:float32",
    "a.zarr|auto|cast:float32",
    "a.zarr|zarr3:|cast:nope",
    "x.json|json",
    "x.json|json:",
    "x.json|json:/a/b/2",
    "x.json|json:/~0",
    "x.json|json:/nope",
    "x.json|json:nope",
    "none",
    "a.zarr|n5",
    "a.zarr|zarr2",
    "a.zarr|zarr3:sub",
    "a.zarr|nope:",
    "|zarr3",
    "a.zarr|",
    "a.zarr||zarr3",
    "a.zarr|zarr3?x=1",
    "a.zarr?x#y",
    "a%2Ezarr",
):
    print(
        u,
        err(
            lambda: (lambda s: (s.url, s.shape, s.dtype.name, s.spec().to_json()["driver"]))(
                ts.open(root + u).result()
            )
        ),
    )
for u in (
    "memory://",
    "memory://a/b",
    "memory:a",
    "file:a",
    "file:///",
    "file://host/a",
    "gs://",
    "gs://b",
    "gs://bucket/x y",
    "gs://bucket/x%20y",
    "zarr3:",
    "memory://|memory://",
    "MEMORY://a",
    "memory://a|ZARR3:",
    "memory://%00",
):
    print(u, err(lambda: ts.KvStore.Spec(u).to_json()), err(lambda: ts.Spec(u).to_json()))
for p in ("a", "a b", "a%b", "a/b/", "ü", "a|b", "a?b", "a#b", "a:b", ""):
    print(
        p,
        err(lambda: ts.KvStore.Spec({"driver": "memory", "path": p}).url),
        err(lambda: ts.KvStore.Spec({"driver": "file", "path": "/" + p}).url),
        err(lambda: ts.KvStore.Spec(ts.KvStore.Spec({"driver": "memory", "path": p}).url).path == p),
    )
print(
    ts.open(a.url).result().url == a.url,
    ts.open(a[1:3].spec()).result().domain,
    err(lambda: a[1:3].url),
    err(lambda: a.T.url),
    ts.cast(a, "float64").url,
    err(lambda: ts.downsample(a, [2, 2], "mean").url),
)
print(ts.Spec(a.url), ts.Spec(root + "a.zarr|zarr3").kvstore.url)
