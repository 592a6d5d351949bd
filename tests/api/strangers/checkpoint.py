"""A checkpoint of many arrays is saved and restored."""

import asyncio

import numpy as np
import tensorstore as ts

tree = {
    "params": {"w": np.arange(64 * 32, dtype=np.float32).reshape(64, 32), "b": np.zeros(32, np.float16)},
    "step": np.int32(7),
    "emb": np.arange(100, dtype=np.int64).reshape(10, 10),
}


def flat(t, p=""):
    for k, v in t.items():
        if isinstance(v, dict):
            yield from flat(v, p + k + ".")
        else:
            yield (p + k, np.asarray(v))


ctx = ts.Context({"file_io_concurrency": {"limit": 8}})


async def save():

    async def one(n, a):
        t = await ts.open(
            {
                "driver": "zarr3",
                "kvstore": {"driver": "file", "path": "ck/" + n},
                "metadata": {"codecs": [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 1}}]},
            },
            create=True,
            delete_existing=True,
            dtype=a.dtype,
            shape=a.shape,
            context=ctx,
            **{"chunk_layout": ts.ChunkLayout(chunk_shape=[max(1, s // 2) for s in a.shape])}
            if a.ndim
            else {},
        )
        h = (
            [
                t[
                    tuple(
                        (
                            slice(i * s // 2, (i + 1) * s // 2) if k == 0 else slice(None)
                            for k, s in enumerate(a.shape)
                        )
                    )
                ].write(
                    a[
                        tuple(
                            (
                                slice(i * s // 2, (i + 1) * s // 2) if k == 0 else slice(None)
                                for k, s in enumerate(a.shape)
                            )
                        )
                    ]
                )
                for i in range(2)
            ]
            if a.ndim
            else [t.write(a)]
        )
        await asyncio.gather(*[x.copy for x in h])
        await asyncio.gather(*[x.commit for x in h])
        return (n, t.domain, t.chunk_layout.read_chunk.shape)

    return await asyncio.gather(*[one(n, a) for n, a in flat(tree)])


for r in asyncio.run(save()):
    print(r)


async def restore():

    async def one(n):
        t = await ts.open(
            ts.Spec({"driver": "zarr3", "kvstore": {"driver": "file", "path": "ck/" + n}}),
            open=True,
            context=ctx,
        )
        return (n, t.dtype, t.shape, await t.read())

    return await asyncio.gather(*[one(n) for n, _ in flat(tree)])


for n, d, s, a in asyncio.run(restore()):
    print(n, d, s, a.dtype, a.sum(), np.array_equal(a, dict(flat(tree))[n]))
t = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "ck/params.w"}}).result()
dom = ts.IndexDomain(shape=(70, 32))
inter = t.domain.intersect(dom)
out = np.zeros((70, 32), np.float32)
ts.array(out)[inter].write(t[inter]).result()
print(out.sum(), inter)
sc = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "ck/step"}}).result()
print(
    sc.rank,
    sc.domain,
    sc.read().result(),
    sc.chunk_layout,
    sc.spec().to_json()["metadata"],
    int(sc.read().result()),
)
sc.write(8).result()
sc[...] = 9
print(sc[()].read().result(), sc[...].shape, sc.size)
print(ts.cast(t, ts.bfloat16)[0, :4].read().result(), ts.cast(t, "float16").dtype)


async def barrier():
    fs = [t[i].write(np.full(32, i, np.float32)) for i in range(64)]
    for f in fs:
        await f
    return float((await t.read()).sum())


print(asyncio.run(barrier()))
print(
    ts.Future.gather([t[0].read(), t[1].read()]).result()[0].shape
    if hasattr(ts.Future, "gather")
    else "no gather"
)
