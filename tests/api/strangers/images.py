"""Images are read, cut and copied."""

import pickle

import numpy as np
import tensorstore as ts
from PIL import Image

from tests.api.strangers.told import err

rgb = (np.arange(12 * 10 * 3) % 256).astype(np.uint8).reshape(12, 10, 3)
for fmt, kw in (
    ("png", {}),
    ("jpeg", {"quality": 95}),
    ("bmp", {}),
    ("tiff", {}),
    ("webp", {"lossless": True}),
):
    Image.fromarray(rgb).save("rgb." + fmt, fmt, **kw)
    Image.fromarray(rgb[..., 0]).save("gray." + fmt, fmt, **kw)
for name in ("rgb", "gray"):
    for fmt in ("png", "jpeg", "bmp", "tiff", "webp"):
        t = err(
            lambda: ts.open({"driver": fmt, "kvstore": {"driver": "file", "path": f"{name}.{fmt}"}}).result()
        )
        if isinstance(t, str):
            print(name, fmt, t)
            continue
        print(
            name,
            fmt,
            t.shape,
            t.dtype.name,
            t.domain,
            int(t.read().result().astype(int).sum()) if fmt != "jpeg" else "",
            t.schema.to_json(),
            t.chunk_layout,
            t.readable,
            t.writable,
        )
        a = ts.open({"driver": "auto", "kvstore": {"driver": "file", "path": f"{name}.{fmt}"}}).result()
        print(a.spec().to_json())
p = ts.open({"driver": "png", "kvstore": {"driver": "file", "path": "rgb.png"}}).result()
print(
    p[2:4, 3:5, 0].read().result().tolist(),
    p[..., ::-1][0, 0].read().result(),
    err(lambda: p.write(rgb).result()),
    err(lambda: p[0, 0, 0].write(1)),
    err(lambda: p.resize(exclusive_max=[1, 1, 1]).result()),
)
print(
    p.spec(retain_context=True),
    err(lambda: p.url),
    p.kvstore,
    p.fill_value,
    p.codec,
    p.dimension_units,
    p.origin,
    p.mode,
)
print(err(lambda: ts.open({"driver": "png", "kvstore": {"driver": "file", "path": "none.png"}}).result()))
print(err(lambda: ts.open({"driver": "png", "kvstore": {"driver": "file", "path": "rgb.bmp"}}).result()))
print(
    err(
        lambda: ts.open(
            {"driver": "png", "kvstore": {"driver": "file", "path": "new.png"}},
            create=True,
            dtype="uint8",
            shape=[3, 3, 1],
        ).result()
    )
)
im16 = (np.arange(20 * 10) * 300).astype(np.uint16).reshape(20, 10)
Image.fromarray(im16).save("d16.png")
Image.fromarray(im16).save("d16.tiff")
print(
    err(lambda: ts.open({"driver": "png", "kvstore": {"driver": "file", "path": "d16.png"}}).result().dtype),
    err(
        lambda: ts.open({"driver": "tiff", "kvstore": {"driver": "file", "path": "d16.tiff"}}).result().dtype
    ),
)
frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
frames[0].save("multi.tiff", save_all=True, append_images=frames[1:])
for pg in (0, 1, 2, -1, None):
    print(
        pg,
        err(
            lambda: int(
                ts.open(
                    {
                        "driver": "tiff",
                        "kvstore": {"driver": "file", "path": "multi.tiff"},
                        **({"page": pg} if pg is not None else {}),
                    }
                )
                .result()
                .read()
                .result()
                .astype(int)
                .sum()
            )
        ),
    )
z = ts.open({"driver": "zarr3", "kvstore": "memory://"}, create=True, dtype=p.dtype, shape=p.shape).result()
z.write(p).result()
print(np.array_equal(z.read().result(), rgb))
g = ts.downsample(p, [2, 2, 1], "mean")
print(g.shape, g.read().result()[0, 0], ts.cast(p, "float32")[0, 0].read().result())
print(pickle.loads(pickle.dumps(p)).shape)
