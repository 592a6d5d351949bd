"""Attributes are kept in JSON documents and changed by pointers."""

import json

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

loc = {"driver": "file", "path": "arr"}
a = ts.open({"driver": "zarr", "kvstore": loc}, create=True, dtype="uint8", shape=[4]).result()
at = ts.open(
    {"driver": "json", "recheck_cached_data": True, "kvstore": {"driver": "file", "path": "arr/.zattrs"}}
).result()
print(err(lambda: at.read().result()))
at.write({"units": "nm", "n": [1, 2]}).result()
print(at.read().result(), at.read().result().item(), at.dtype, at.shape, at.rank)
u = ts.open(
    {
        "driver": "json",
        "recheck_cached_data": True,
        "kvstore": {"driver": "file", "path": "arr/.zattrs"},
        "json_pointer": "/units",
    }
).result()
print(u.read().result().item())
u.write("um").result()
print(at.read().result().item())
fs = [
    ts.open(
        {
            "driver": "json",
            "recheck_cached_data": True,
            "kvstore": {"driver": "file", "path": "arr/.zattrs"},
            "json_pointer": f"/k{i}",
        }
    )
    .result()
    .write(i)
    for i in range(8)
]
[f.result() for f in fs]
print(json.dumps(at.read().result().item(), sort_keys=True))
print(
    open("arr/.zattrs").read()
    == json.dumps(json.load(open("arr/.zattrs")), separators=(",", ":"), sort_keys=True)
)
for p, v in (
    ("/n/0", 9),
    ("/n/-", 3),
    ("/n/2", 7),
    ("/n/9", 1),
    ("/new/deep", 1),
    ("/units/x", 1),
    ("", 5),
    ("/a", 1),
):
    s = err(
        lambda: ts.open(
            {
                "driver": "json",
                "recheck_cached_data": True,
                "kvstore": {"driver": "file", "path": "arr/.zattrs"},
                "json_pointer": p,
            }
        ).result()
    )
    print(
        p,
        err(lambda: s.write(v).result()),
        err(lambda: s.read().result().item()),
        err(lambda: at.read().result().item()),
    )
at.write(None).result()
print(err(lambda: at.read().result().item()), open("arr/.zattrs").read())
at.write({"x": float(1), "y": 2**63, "z": "é", "t": True}).result()
print(open("arr/.zattrs").read(), at.read().result().item())
print(
    err(lambda: at.write(np.array({"q": 1}, object)).result()),
    err(lambda: at.write(object()).result()),
    err(lambda: at.write([1, 2]).result()),
    err(lambda: at.read().result()),
    err(lambda: at[0]),
    at[...].domain,
)
print(
    err(lambda: at.write(b"x").result()),
    err(lambda: at.write(ts.array(np.array("s", object), dtype=ts.json)).result()),
    at.read().result(),
)
print(
    at.spec(),
    err(lambda: at.url),
    u.spec().to_json(),
    err(lambda: at.resize(exclusive_max=[]).result().domain),
    at.schema,
)
print(
    err(lambda: ts.open({"driver": "json", "kvstore": "memory://", "json_pointer": "bad"}).result()),
    err(lambda: ts.open({"driver": "json", "kvstore": "memory://x"}).result().read().result()),
)
open("bad.json", "w").write("{x")
print(
    err(
        lambda: (
            ts.open(
                {
                    "driver": "json",
                    "recheck_cached_data": True,
                    "kvstore": {"driver": "file", "path": "bad.json"},
                }
            )
            .result()
            .read()
            .result()
        )
    )
)
open("dup.json", "w").write('{"a":1,"a":2}')
print(
    ts.open({"driver": "json", "kvstore": {"driver": "file", "path": "dup.json"}})
    .result()
    .read()
    .result()
    .item()
)
num = ts.open(
    {"driver": "json", "recheck_cached_data": True, "kvstore": {"driver": "file", "path": "num.json"}}
).result()
num.write(3).result()
print(
    ts.cast(num, "int32").read().result(),
    ts.cast(num, "ustring").read().result()
    if not isinstance(err(lambda: ts.cast(num, "ustring").read().result()), str)
    else err(lambda: ts.cast(num, "ustring").read().result()),
)
ts.cast(num, "float32").write(2.5).result() if not isinstance(
    err(lambda: ts.cast(num, "float32")), str
) else None
print(num.read().result())
