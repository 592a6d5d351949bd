"""Timeouts, semaphores, producers and consumers."""

import asyncio
import threading

import numpy as np
import tensorstore as ts


async def main():
    s = await ts.open(
        {"driver": "zarr3", "kvstore": {"driver": "file", "path": "c"}},
        create=True,
        dtype="int64",
        shape=[200, 200],
        chunk_layout=ts.ChunkLayout(chunk_shape=[10, 10]),
    )
    await s.write(np.ones((200, 200), np.int64))

    async def r(i):
        try:
            return int((await s[i].read()).sum())
        except asyncio.CancelledError:
            return "c"

    ts_ = [asyncio.create_task(r(i)) for i in range(50)]
    await asyncio.sleep(0)
    [t.cancel() for t in ts_[25:]]
    out = await asyncio.gather(*ts_, return_exceptions=True)
    print([x for x in out[:25] if x != 200])
    try:
        async with asyncio.timeout(0.0):
            await asyncio.sleep(0.1)
            await s.read()
    except TimeoutError:
        print("timeout")
    try:
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(s.read())), 10)
        print("ok")
    except Exception as e:
        print(type(e))
    sem = asyncio.Semaphore(4)
    n = 0

    async def lim(i):
        nonlocal n
        async with sem:
            k = int((await s[i, :10].read()).sum())
            n += k

    await asyncio.gather(*[lim(i) for i in range(100)])
    print(n)
    q = asyncio.Queue(maxsize=4)

    async def prod():
        for i in range(20):
            await q.put(s[i * 10 : (i + 1) * 10].read())
        await q.put(None)

    async def cons():
        tot = 0
        while (f := (await q.get())) is not None:
            tot += int((await f).sum())
        return tot

    _, tot = await asyncio.gather(prod(), cons())
    print(tot)
    try:
        await asyncio.gather(
            s[0].read(), ts.open({"driver": "zarr3", "kvstore": "memory://none/"}), s[1].read()
        )
    except ValueError as e:
        print("VE")
    res = await asyncio.gather(
        s[0, 0].read(), ts.open({"driver": "zarr3", "kvstore": "memory://none/"}), return_exceptions=True
    )
    print(int(res[0]), isinstance(res[1], ValueError))
    loop = asyncio.get_running_loop()
    f = s.read()
    f2 = asyncio.ensure_future(f)
    print(type(f2).__name__ in ("Task", "Future"), (await f2).shape)
    print(asyncio.iscoroutine(f), asyncio.isfuture(f), hasattr(f, "__await__"))
    w = s[0].write(5)

    async def aw(x):
        return await x

    print(await asyncio.gather(aw(w), aw(w.copy), aw(w.commit)))
    print(
        (await (await ts.open(s.spec())).resize(exclusive_max=[100, 200])).shape,
        (await s.kvstore.read("zarr.json")).state,
        await s.storage_statistics(query_not_stored=True),
    )


asyncio.run(main())
asyncio.run(main.__wrapped__() if hasattr(main, "__wrapped__") else asyncio.sleep(0))


async def two():
    x = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": "c"}})
    return (await x).shape


print(asyncio.run(two()), asyncio.run(two()))
loop = asyncio.new_event_loop()
print(loop.run_until_complete(two()))
loop.close()


def th():
    o.append(asyncio.run(two()))


o = []
a = [threading.Thread(target=th) for _ in range(3)]
[x.start() for x in a]
[x.join() for x in a]
print(o)
