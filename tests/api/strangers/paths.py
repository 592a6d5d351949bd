"""Other processes, paths of all kinds, permissions."""

import json
import os
import pathlib
import subprocess
import sys

import tensorstore as ts

from tests.api.strangers.told import err

z = ts.open(
    {"driver": "zarr", "kvstore": {"driver": "file", "path": "job/arr"}},
    create=True,
    dtype="int16",
    shape=[4, 4],
).result()
z[:] = 3
lib = ts.__name__
env = {**os.environ, "PYTHONPATH": str(pathlib.Path(ts.__file__).parent.parent)}
code = f"import {lib} as ts, json, sys; s=ts.open(json.loads(sys.argv[1])).result(); s[1]=int(sys.argv[2]); print(s.shape, s.read().result().sum())"
print(
    subprocess.run(
        [sys.executable, "-c", code, json.dumps(z.spec().to_json()), "7"],
        capture_output=True,
        text=True,
        env=env,
    ).stdout,
    z.read().result().sum(),
)
os.makedirs("sub")
os.chdir("sub")
print(err(lambda: z.read().result().sum()), err(lambda: ts.open(z.spec()).result()))
os.chdir("..")
for p in (
    "./job/arr",
    "job//arr",
    "job/../job/arr",
    "job/arr/",
    "job/./arr",
    os.getcwd() + "/job/arr",
    "~/x",
    "$HOME/x",
    "job/arr//",
):
    print(
        p.replace(os.getcwd(), ""),
        str(
            err(lambda: ts.open({"driver": "zarr", "kvstore": {"driver": "file", "path": p}}).result().shape)
        ).replace(os.getcwd(), "")[:120],
        err(lambda: ts.KvStore.Spec({"driver": "file", "path": p}).path).replace(os.getcwd(), ""),
    )
os.symlink("job", "link")
print(ts.open({"driver": "zarr", "kvstore": {"driver": "file", "path": "link/arr"}}).result().shape)
l = ts.open({"driver": "zarr", "kvstore": {"driver": "file", "path": "link/arr"}}).result()
l[0] = 9
print(z[0].read().result())
os.symlink("/nowhere", "job/arr/0.9")
print(err(lambda: z.kvstore.read("0.9").result().state), sorted(z.kvstore.list().result()))
os.chmod("job/arr/.zarray", 0o444)
print(err(lambda: z.resize(exclusive_max=[5, 4]).result().shape))
print(oct(os.stat("job/arr/.zarray").st_mode), oct(os.stat("job/arr/0.0").st_mode))
w = ts.open(
    {"driver": "zarr", "kvstore": {"driver": "file", "path": "priv"}}, create=True, dtype="int8", shape=[1]
).result()
w[0] = 1
print(oct(os.stat("priv/0").st_mode), oct(os.stat("priv").st_mode))
m = ts.open(
    {"driver": "zarr", "kvstore": {"driver": "file", "path": "mode", "file_io_mode": {}}},
    create=True,
    dtype="int8",
    shape=[1],
).result()
print(oct(os.stat("mode/.zarray").st_mode))
for n in ("ünï", "a b", "a%20b", "a\nb", "日本", " lead", "trail ", "a'b", 'a"b'):
    t = err(
        lambda: ts.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": n}},
            create=True,
            dtype="int8",
            shape=[1],
        ).result()
    )
    print(
        repr(n),
        t
        if isinstance(t, str)
        else (t.kvstore.path, t.spec().to_json()["kvstore"], os.path.exists(n + "/zarr.json")),
    )
print(
    err(
        lambda: ts.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": "n\x00x"}},
            create=True,
            dtype="int8",
            shape=[1],
        ).result()
    ),
    err(
        lambda: ts.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": pathlib.Path("p")}},
            create=True,
            dtype="int8",
            shape=[1],
        ).result()
    ),
    err(
        lambda: ts.open(
            {"driver": "zarr3", "kvstore": pathlib.Path("p")}, create=True, dtype="int8", shape=[1]
        ).result()
    ),
    err(lambda: ts.open(pathlib.Path("p"))),
    err(lambda: ts.open("plain/path")),
    err(lambda: ts.open("/abs/path")),
    err(lambda: ts.KvStore.open("x").result()),
)
