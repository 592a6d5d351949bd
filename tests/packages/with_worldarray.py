"""Arrays in world coordinates, by worldarray: created, written in blocks, read, found again."""

import os
import pathlib
import pickle
import weakref

import numpy as np
import tensorstore as ts
import worldarray as wa
from worldarray.context import from_recipe, kick, recipe_of

d = os.getcwd()


def p(name, function):
    try:
        found = function()
    except Exception as error:
        found = f"{type(error).__name__}: {error}".split(" [tensorstore")[0]
    print(name, found)


rng = np.random.default_rng(0)
for fmt in ("zarr2", "zarr3"):
    root = f"{d}/{fmt}.zarr"
    a = wa.create(
        root + "/s0",
        (40, 50, 60),
        "uint8",
        (8, 8, 8),
        (0, 0, 0),
        units="nanometer",
        chunks=(16, 16, 16),
        format=fmt,
        **({"shards": (32, 32, 32)} if fmt == "zarr3" else {}),
    )
    p("write_shape", lambda: a.write_shape)
    data = rng.integers(0, 255, (40, 50, 60), dtype="u1")
    p("block0", lambda: next(iter(a.blocks())))
    p("write all", lambda: a.write_index((0, 0, 0), (40, 50, 60), data))
    p("unaligned", lambda: a.write_index((1, 0, 0), (40, 50, 60), data[1:]))
    p("partial", lambda: a.write_index((1, 2, 3), (4, 5, 6), np.uint8(7), partial=True))
    p("scalar", lambda: a.write_index((0, 0, 0), a.write_shape, 0))
    p("read", lambda: int(a.read_index((0, 0, 0), (40, 50, 60)).astype(int).sum()))
    p(
        "pad",
        lambda: (
            a.read_index((-2, -2, -2), (2, 2, 2), padding=9)
            if "padding" in wa.WorldArray.read_index.__code__.co_varnames
            else a.read_index((-2, -2, -2), (2, 2, 2))
        ),
    )
    p("meta", lambda: a.meta)
    p("grid", lambda: a.grid)
    p("list", lambda: (len(a.list_chunks()), a.list_chunks()[:3]))
    p("chunk_key", lambda: a.chunk_key((0, 0, 1)))
    p(
        "again",
        lambda: wa.create(
            root + "/s0",
            (40, 50, 60),
            "uint8",
            (8, 8, 8),
            (0, 0, 0),
            units="nanometer",
            chunks=(16, 16, 16),
            format=fmt,
        ),
    )
    p(
        "adopt",
        lambda: wa.create(
            root + "/s0",
            (40, 50, 60),
            "uint8",
            (8, 8, 8),
            (0, 0, 0),
            units="nanometer",
            chunks=(16, 16, 16),
            format=fmt,
            exists="adopt",
            **({"shards": (32, 32, 32)} if fmt == "zarr3" else {}),
        ),
    )
    p(
        "adopt other",
        lambda: wa.create(
            root + "/s0",
            (40, 50, 61),
            "uint8",
            (8, 8, 8),
            (0, 0, 0),
            units="nanometer",
            chunks=(16, 16, 16),
            format=fmt,
            exists="adopt",
        ),
    )
    p(
        "s1",
        lambda: wa.create(
            root + "/s1",
            (20, 25, 30),
            "uint8",
            (16, 16, 16),
            (4, 4, 4),
            units="nanometer",
            chunks=(16, 16, 16),
            format=fmt,
        ),
    )
    s1 = wa.open(root + "/s1", mode="r+")
    p("w s1", lambda: s1.write_index((0, 0, 0), (20, 25, 30), data[::2, ::2, ::2]))
    pyr = wa.open_pyramid(root)
    p("pyr", lambda: (pyr.names, pyr.voxel_sizes(), pyr.placements()))
    p("sel", lambda: pyr.select(16))
    p("open", lambda: wa.open(root, voxel_size=16))
    p("resample", lambda: wa.open(root, voxel_size=24).read_index((0, 0, 0), (5, 5, 5)).sum())
    p("world", lambda: wa.open(root + "/s0").read(wa.Box((0, 0, 0), (80, 80, 80))).shape)
    p("ts", lambda: wa.open(root + "/s0").ts.domain)
    p(
        "pickle",
        lambda: pickle.loads(pickle.dumps(wa.open(root + "/s0"))).read_index((0, 0, 0), (4, 4, 4)).sum(),
    )
    p(
        "reopen",
        lambda: (
            wa.open(root + "/s0").reopen(context=wa.capped_context(1)).read_index((0, 0, 0), (4, 4, 4)).sum()
        ),
    )
    p("ro", lambda: wa.open(root + "/s0").write_index((0, 0, 0), (40, 50, 60), data))
    p("detect", lambda: wa.detect(root))
    p("keys", lambda: wa.list_chunk_keys(root + "/s0")[:3])
    p("metadata", lambda: wa.metadata(root + "/s0"))
    p(
        "docs",
        lambda: sorted(
            str(x.relative_to(root))
            for x in pathlib.Path(root).rglob("*")
            if x.is_file() and ("json" in x.name or x.name.startswith("."))
        ),
    )
    p("doc", lambda: (pathlib.Path(root) / ("zarr.json" if fmt == "zarr3" else ".zattrs")).read_text())
# other formats written with the library itself
n5 = ts.open(
    {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": d + "/n5/s0"},
        "metadata": {
            "compression": {"type": "gzip"},
            "blockSize": [16, 16, 16],
            "units": ["nm"] * 3,
            "resolution": [4, 4, 40],
            "axes": ["x", "y", "z"],
        },
    },
    create=True,
    dtype="uint16",
    shape=[30, 20, 10],
).result()
n5[...] = np.arange(6000, dtype="u2").reshape(30, 20, 10)
p(
    "n5",
    lambda: (lambda w: (w, w.meta, int(w.read_index((0, 0, 0), (10, 20, 30)).astype(int).sum()), w.axes))(
        wa.open(d + "/n5/s0")
    ),
)
ng = ts.open(
    {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": d + "/ng"},
        "scale_metadata": {
            "resolution": [4, 4, 40],
            "voxel_offset": [10, 20, 30],
            "size": [30, 20, 10],
            "encoding": "raw",
            "chunk_size": [16, 16, 16],
        },
        "multiscale_metadata": {"data_type": "uint64", "type": "segmentation", "num_channels": 1},
    },
    create=True,
).result()
ng[..., 0] = np.arange(6000, dtype="u8").reshape(30, 20, 10)
p(
    "ng",
    lambda: (
        lambda w: (
            w,
            w.meta,
            int(w.read_index((0, 0, 0), (10, 20, 30)).astype(int).sum()),
            w.axes,
            w.translation,
        )
    )(wa.open(d + "/ng")),
)
p("ng pyr", lambda: wa.open_pyramid(d + "/ng").placements())
p("ots", lambda: wa.open_tensorstore(d + "/ng").domain)
p(
    "ctx",
    lambda: (
        wa.shared_context(10**6).spec,
        wa.capped_context_spec(2),
        wa.shared_context(10**6) is wa.shared_context(10**6),
    ),
)
c = wa.capped_context(2)
p("kick", lambda: [f.result().__class__.__name__ for f in kick(c)])
p("recipe", lambda: recipe_of(c))
p("from", lambda: from_recipe(recipe_of(c)).spec)
p("missing", lambda: wa.open(d + "/nothing"))
p("group", lambda: wa.open(d + "/zarr2.zarr/nope"))
p("weak", lambda: weakref.ref(c)() is c)
