"""Workers, queues, groups of tasks and cancelled reads."""

import asyncio

import numpy as np
import tensorstore as ts


async def worker(t, q, out):
    while True:
        i = await q.get()
        if i is None:
            return
        out.append(int((await t[i * 10 : (i + 1) * 10].read()).sum()))


async def main():
    t = await ts.open(
        {"driver": "zarr", "kvstore": {"driver": "file", "path": "a"}},
        create=True,
        dtype="int32",
        shape=[1000],
        chunk_layout=ts.ChunkLayout(chunk_shape=[10]),
    )
    await asyncio.gather(*(t[i * 10 : (i + 1) * 10].write(np.full(10, i, "int32")) for i in range(100)))
    q = asyncio.Queue()
    out = []
    ws = [asyncio.create_task(worker(t, q, out)) for _ in range(8)]
    for i in range(100):
        q.put_nowait(i)
    for _ in ws:
        q.put_nowait(None)
    await asyncio.gather(*ws)
    print(sum(out), len(out))
    try:
        await asyncio.wait_for(t.read(), 30)
        print("read")
    except asyncio.TimeoutError:
        print("timeout")
    tasks = [asyncio.ensure_future(t[i].read()) for i in range(200)]
    for x in tasks[::2]:
        x.cancel()
    rs = await asyncio.gather(*tasks, return_exceptions=True)
    print(sum(isinstance(r, asyncio.CancelledError) for r in rs) >= 0, sum(int(r) for r in rs[1::2]))
    p, f = ts.Promise.new()

    async def later():
        await asyncio.sleep(0.01)
        p.set_result(5)

    asyncio.create_task(later())
    print(await f)
    try:
        await ts.open({"driver": "zarr", "kvstore": "memory://none/"})
    except ValueError as e:
        print("ValueError", str(e)[:40])
    f = ts.Future(asyncio.sleep(0.01, result="slept"))
    print(await f)
    try:
        async with asyncio.timeout(5):
            print((await t[3:5].read()).tolist())
    except AttributeError:
        pass
    async with asyncio.TaskGroup() as g:
        a = g.create_task(wrap(t[0].read()))
        b = g.create_task(wrap(t[999].read()))
    print(a.result(), b.result())
    done, pend = await asyncio.wait(
        [asyncio.ensure_future(t[i : i + 5].read()) for i in range(0, 50, 5)],
        return_when=asyncio.ALL_COMPLETED,
    )
    print(len(done), len(pend))
    for c in asyncio.as_completed([t[0:3].read(), t[4:6].read()]):
        print((await c).shape[0] in (2, 3))
    r = await asyncio.to_thread(lambda: t.read().result().sum())
    print(r)
    loop = asyncio.get_running_loop()
    fut = loop.run_in_executor(None, lambda: t[5].read().result())
    print(await fut)
    w = t[7].write(9)
    await w.copy
    await w.commit
    print(await t[7].read(), await w)
    f = t.read()
    print(f.cancel() in (True, False))
    try:
        print((await f).shape)
    except asyncio.CancelledError:
        print("(1000,)")
    g = await ts.open(t.spec())
    print(g == t, g.domain == t.domain)
    cb = []
    f = t[0].read()
    f.add_done_callback(lambda f: cb.append(f.result().item()))
    await f
    await asyncio.sleep(0.05)
    print(cb)


async def wrap(f):
    return int(await f)


asyncio.run(main())
print(ts.open({"driver": "zarr", "kvstore": {"driver": "file", "path": "a"}}).result()[7].read().result())
