"""Programs that a user of the drop-in may have.

Each program runs under tensorstore 0.1.86 and under tegula; every statement must say the same: the same
value, or the same error.
"""

from __future__ import annotations

import pytest

from tests.api.both import assert_same

pytestmark = pytest.mark.peers

PROGRAMS = {
    "staleness bounds": r"""
inf = float("inf")
times = [inf, -inf, float("nan"), 1e300, -1e300, 9.3e18, 9.2e18, -1e19, 0, -1, 2.5, True, False, "open"]
names = ["recheck_cached_data", "recheck_cached_metadata", "recheck_cached"]
specs = [ts.Spec(zarr3()) for _ in names for _ in times]
pairs = [(name, value) for name in names for value in times]
[spec.update(**{name: value}) for spec, (name, value) in zip(specs, pairs)] and None
[spec.to_json() for spec in specs]
[ts.Spec(zarr3(**{name: value})).to_json() for name, value in pairs[:-len(times)]]
made(recheck_cached=float("inf")).spec(), made(recheck_cached_data=float("nan")).spec()
made(recheck_cached_data=float("inf"))[0, 0].read().result()
""",
    "layouts without dimensions": r"""
whole = ts.open(zarr3(), create=True, dtype="int8", shape=[]).result()
whole.chunk_layout, whole.chunk_layout.to_json(), whole.chunk_layout.rank
whole.schema, whole.spec().chunk_layout
ts.open(zarr2(), create=True, dtype="int8", shape=[]).result().chunk_layout
one = made()[1, 2]
one.chunk_layout, one.schema, ts.cast(one, "int16").chunk_layout, one.spec()
ts.array(3).chunk_layout, ts.array([[3]])[0, 0].chunk_layout, ts.ChunkLayout(inner_order=[]).to_json()
""",
    "an array in memory": r"""
a = ts.array(np.arange(12).reshape(3, 4))
[
    a.T.spec(),
    a[1].spec(),
    a[::2, 1:3].spec(),
    a.translate_to[5, 6].spec(),
    a[[0, 2], :].spec(),
    a.vindex[[0, 1], [2, 3]].spec(),
    a[0, 0].spec(),
    a.label["x", "y"].spec(),
    a[1:1].spec(),
    a.mark_bounds_implicit[True].spec(),
    a[::-1].spec(),
]
a[..., ts.newaxis].spec()
a
a.spec(retain_context=True)
a.kvstore
a.base
a.url
a.chunk_layout
a.T.chunk_layout
a[1:, ::2].schema
a.codec
a.fill_value
a.dimension_units
a.mode, a.readable, a.writable
a.origin, a.shape, a.size, a.ndim, a.rank, a.domain
a.read(order="F").result().flags.f_contiguous
a.read(order=None).result()
a.read(order="X").result()
np.asarray(a)
np.array(a, dtype="float32")
np.asarray(a, dtype="int8")
a[1, 1].read().result()
int(a[1, 1].read().result())
a[1, 1] = 77
a.read().result()
a[0] = [1, 2, 3]
a[0] = "x"
a[0] = [1.5, 2, 3, 4]
a[0] = np.array([1.5, 2, 3, 4])
a[0] = a[1]
a[:, 0:2] = a[:, 2:4]
a[:, 0:2] = a[:, 2:4].translate_to[0, 0]
a.read().result()
a[10]
a[0:10]
a["x"]
a.write(np.zeros((2, 2))).result()
a.write(5).copy.result()
a.write(5).commit.result()
a.write(5).result()
a == a
a == 3
bool(a)
a.astype("float32").read().result()
a.astype(float).dtype
a.astype("foo")
a.resolve().result()
a.resolve(fix_resizable_bounds=True).result().domain
a.transaction
copy.copy(a)
pickle.loads(pickle.dumps(a)).read().result()
ts.array([1, 2, 3])
ts.array([1, 2, 3], dtype=ts.float32)
ts.array([1, 2, 3], dtype="int4")
ts.array([1.5, 2], ts.int8)
ts.array(["a", "b"], dtype=ts.ustring)
ts.array(["a", "b"])
ts.array([b"a"], dtype=ts.string).read().result()
ts.array(np.array([1, 2], ">i4")).dtype
x = np.arange(3)
t = ts.array(x)
t[0] = 9
x
x = np.arange(3)
t = ts.array(x, copy=True)
t[0] = 9
x
x = np.arange(3)
x.flags.writeable = False
ts.array(x).mode
ts.array(x, write=True)
ts.array(x)[0].write(3).result()
ts.array(5)
ts.array(np.array([1 + 2j]))
ts.array(True)
ts.array(np.array(["a", 1], dtype=object))
ts.array({"a": 1}, dtype=ts.json).read().result()
ts.array([[1, 2], [3]])
ts.array(None)
ts.array(np.array(["2020-01-01"], "M8[s]"))
ts.array(np.array([True, False]))
""",
    "a chunked array and its specs": r"""
st = ts.open(
    zarr3(), create=True, dtype="int16", shape=[4, 5], chunk_layout=ts.ChunkLayout(chunk_shape=[2, 2])
).result()
st
st.spec()
st.spec(retain_context=True)
st.spec(minimal_spec=True)
st.spec(open_mode=ts.OpenMode(create=True, open=True))
st.spec(create=True)
st.spec(unbind_context=True)
st.spec(recheck_cached=False)
st[1:3].spec()
st.spec(retain_context=True).to_json()
st.spec(retain_context=True).kvstore
st.spec().kvstore
st.spec(minimal_spec=True).schema
st.spec().schema
st.spec().open_mode
st.spec(retain_context=True) == st.spec(retain_context=True)
st.spec(retain_context=True) == st.spec()
st.schema
st.codec
st.fill_value
st.chunk_layout
st.dimension_units
st.url
st.kvstore
st.kvstore.spec()
sorted(st.kvstore.list().result())
st[0, 0] = 3
sorted(st.kvstore.list().result())
st.kvstore["zarr.json"]
t2 = ts.open(st.spec(retain_context=True)).result()
t2[0, 0].read().result()
ts.open(st.spec()).result()
t3 = pickle.loads(pickle.dumps(st))
t3.shape
t3[0, 0].read().result()
a, b = pickle.loads(pickle.dumps([st, st[1:]]))
b.domain
b
s = pickle.loads(pickle.dumps(st.spec(retain_context=True)))
s
ts.open(s).result()
u = st.spec(retain_context=True)
u.update(unbind_context=True)
u
u = st.spec(retain_context=True)
u.update(strip_context=True)
u
u = st.spec()
u.update(context=ts.Context({"cache_pool": {"total_bytes_limit": 100}}))
u
u = ts.Spec(zarr3(context={"cache_pool": {"total_bytes_limit": 77}}))
u
u.update(context=ts.Context())
u
ts.open(
    zarr3(context={"cache_pool": {"total_bytes_limit": 77}}), create=True, dtype="int8", shape=[2]
).result()
ts.open(zarr3(cache_pool={"total_bytes_limit": 77}), create=True, dtype="int8", shape=[2]).result()
ts.open(zarr3(cache_pool="cache_pool#q"), create=True, dtype="int8", shape=[2]).result()
ts.open(
    zarr3(cache_pool="cache_pool#q"),
    create=True,
    dtype="int8",
    shape=[2],
    context=ts.Context({"cache_pool#q": {"total_bytes_limit": 5}}),
).result()
ts.open(
    zarr3(cache_pool="cache_pool#q"),
    create=True,
    dtype="int8",
    shape=[2],
    context=ts.Context({"cache_pool#q": {"total_bytes_limit": 5}}),
).result().spec(retain_context=True)
st.with_transaction(None).domain
""",
    "casts and reductions": r"""
c = ts.cast(made(fill_value=3), "float32")
c
c.spec()
c.base
c.base.base
c.kvstore
c.schema
c.fill_value
c.codec
c.chunk_layout
c.url
c.spec(retain_context=True)
c[1:3].spec(minimal_spec=True)
ts.cast(made()[1:3], "float32").spec(minimal_spec=True)
ts.cast(made()[1:3], "float32").base
ts.open(c.spec(retain_context=True)).result().read().result()
pickle.loads(pickle.dumps(c)).read().result()
d = ts.downsample(made(fill_value=3), [2, 1], "mean")
d
d.spec()
d.spec(minimal_spec=True)
d.schema
d.fill_value
d.codec
d.dimension_units
d.chunk_layout
d.url
d.kvstore
d.mode
d.domain
d[1].spec(minimal_spec=True)
d.write(3).result()
d.spec(retain_context=True)
ts.open(d.spec(retain_context=True)).result().read().result()
pickle.loads(pickle.dumps(d)).read().result()
ts.downsample(made().spec(), [2, 1], "mean")
ts.downsample(made(), [2], "mean")
ts.downsample(made(), [2, 0], "mean")
ts.downsample(made(), [2, 1], "foo")
ts.cast(made(), "foo")
ts.cast(made(), ts.string).read().result()[0]
ts.cast(made().spec(), "int8")
""",
    "opening": r"""
ctx = ts.Context()
mk = lambda **k: ts.open(
    zarr3(), create=True, delete_existing=True, context=ctx, dtype="int16", shape=[4, 5], **k
).result()
mk() and None
[
    ts.open(zarr3(**j), context=ctx, **k).result().mode
    for j, k in [
        ({}, {}),
        ({}, dict(read=True)),
        ({}, dict(write=True)),
        ({}, dict(read=False)),
        ({}, dict(write=False)),
        ({}, dict(read=True, write=True)),
        ({}, dict(read=False, write=False)),
        ({}, dict(read=True, write=False)),
    ]
]
ts.open(zarr3(create=True, delete_existing=True), context=ctx, open=True).result().shape
ts.open(zarr3(open=True), context=ctx, create=True, dtype="int16", shape=[4, 5]).result()
ts.open(zarr3(), context=ctx, delete_existing=True).result()
ts.open(
    zarr3(), context=ctx, open_mode=ts.OpenMode(create=True, open=True), dtype="int16", shape=[4, 5]
).result().shape
ts.open(zarr3(create=True), context=ctx, assume_metadata=True, dtype="int16", shape=[4, 5]).result()
ts.open(zarr3(), context=ctx, create=True, read=True).result()
ts.open(zarr3(), context=ctx, rank=3).result()
ts.open(zarr3(), context=ctx, shape=[4, 6]).result()
ts.open(zarr3(), context=ctx, dtype="int8").result()
ts.open(zarr3(), context=ctx, fill_value=9).result()
ts.open(zarr3(), context=ctx, domain=ts.IndexDomain(shape=[4, 5], labels=["x", "y"])).result()
ts.open(zarr3(), context=ctx, codec={"driver": "zarr3", "codecs": ["gzip"]}).result()
ts.open(zarr3(), context=ctx, codec=ts.CodecSpec({"driver": "zarr3", "codecs": ["gzip"]})).result()
ts.open(zarr3(), context=ctx, codec=ts.CodecSpec({"driver": "zarr"})).result()
ts.open(zarr3(), context=ctx, chunk_layout=ts.ChunkLayout(chunk_shape=[1, 1])).result()
ts.open(zarr3(), context=ctx, dimension_units=["nm", "nm"]).result()
ts.open(zarr3(), context=ctx, schema=ts.Schema(rank=2, dtype="int16")).result().shape
ts.open(zarr3(), context=ctx, schema=ts.Schema(rank=2, dtype="int8")).result().shape
ts.open(zarr3(dtype="int8"), context=ctx).result()
ts.open(zarr3(dtype="int8"), context=ctx, dtype="int16").result()
ts.open(zarr3(metadata={"shape": [1, 2]}), context=ctx).result()
ts.open(zarr3(transform={"input_rank": 2}), context=ctx).result().domain
ts.open(zarr3(transform={"input_shape": [2, 2]}), context=ctx).result().domain
ts.open(zarr3(transform={"input_shape": [9, 9]}), context=ctx).result().domain
ts.open(zarr3(transform={"input_rank": 3}), context=ctx).result().domain
ts.open(zarr3(transform={"input_shape": [3, 4]}), create=True, dtype="int8").result()
ts.open(zarr3()).result()
ts.open(zarr2()).result()
ts.open(zarr2(), create=True).result()
ts.open(zarr2(), create=True, dtype="int8").result()
ts.open(zarr2(), create=True, dtype="int8", shape=[2], dimension_units=["nm"]).result()
ts.open({"driver": "zarr3"}).result()
ts.open("memory://", context=ctx).result().url
ts.open("memory://|auto:", context=ctx).result().url
ts.open("memory://|zarr3:", context=ctx).result().url
ts.open("memory://|zarr2:", context=ctx).result().url
ts.open("memory://|zarr3|cast:float32", context=ctx).result()
ts.open("zzz").result()
ts.open("file:///nonexistent_dir_q/|zarr3").result()
ts.open({"driver": "zarr3"}, kvstore=mk().kvstore).result().shape
ts.open({"driver": "zarr3"}, kvstore=ts.KvStore.Spec("memory://"), context=ctx).result().shape
ts.open(
    {"driver": "downsample", "base": zarr3(), "downsample_factors": [2, 2], "downsample_method": "mean"},
    context=ctx,
).result()
ts.open({"driver": "cast", "base": zarr3(), "dtype": "int8"}, context=ctx).result()
ts.open({"driver": "cast", "base": zarr3(), "dtype": "int8"}, context=ctx, write=True).result().mode
ts.open(
    {"driver": "downsample", "base": zarr3(), "downsample_factors": [2, 2], "downsample_method": "mean"},
    context=ctx,
    write=True,
).result().mode
ts.open(zarr3(), rank="a")
ts.open(zarr3(), shape="a")
ts.open(zarr3(), domain=[1, 2])
ts.open(zarr3(), chunk_layout=3)
ts.open(zarr3(), dimension_units=3)
ts.open(zarr3(), context=3)
ts.open(zarr3(), open_mode=3)
ts.open(zarr3(), kvstore=3)
ts.open(zarr3(), transaction=3)
ts.open(zarr3(), schema=3)
ts.open(zarr3(), fill_value="a", dtype="int8", shape=[3])
ts.open(zarr3(), recheck_cached_data="foo")
ts.open(zarr3(), rank=2, shape=[1, 2, 3])
ts.open(zarr3(), dtype="int8", schema=ts.Schema(dtype="int16"))
""",
    "opening an array in memory": r"""
o = {"driver": "array", "array": [1, 2], "dtype": "int8"}
ts.open({**o, "create": True}).result()
ts.open(o, create=True).result()
ts.open(o, dtype="int16").result()
ts.open(o, shape=[2]).result()
ts.open(o, shape=[3]).result()
ts.open(o, rank=2).result()
ts.open(o, fill_value=2).result()
ts.open(o, write=True).result().mode
ts.open(o, read=True).result().mode
ts.open(o, chunk_layout=ts.ChunkLayout(chunk_shape=[2])).result()
ts.open(o).result()[0].write(5).result()
ts.open({**o, "transform": {"input_shape": [3]}}).result()
""",
    "files": r"""
p = {"driver": "zarr", "kvstore": {"driver": "file", "path": folder + "/a"}}
t = ts.open(
    p,
    create=True,
    dtype="<u2" if False else "uint16",
    shape=[5],
    chunk_layout=ts.ChunkLayout(chunk_shape=[2]),
).result()
t
t.url
t[1:4] = [1, 2, 3]
sorted(os.listdir(folder + "/a"))
pathlib.Path(folder + "/a/.zarray").read_text()
pathlib.Path(folder + "/a/0").read_bytes()
ts.open(folder + "/a")
ts.open("file://" + folder + "/a").result()
ts.open("file://" + folder + "/a/|zarr2").result()[1:3].read().result()
ts.open("file://" + folder + "/a/|zarr3").result()
ts.open(p, create=True, open=False, dtype="uint16", shape=[5]).result()
ts.open({"driver": "file", "path": folder + "/a"}).result().shape
t[7]
t[2:9].read().result()
t[4:].write([1, 2, 3]).result()
ts.KvStore.open("file://" + folder + "/a/").result().list().result()
os.remove(folder + "/a/.zarray")
ts.open(p).result()
pathlib.Path(folder + "/a/.zarray").write_text("{bad") and None
ts.open(p).result()
""",
    "futures": r"""
async def main(ts):
    s = await ts.open(zarr3(), create=True, dtype="int32", shape=[4, 4])
    w = s[1].write([1, 2, 3, 4])
    await w.copy
    await w.commit
    await w
    r = await asyncio.gather(s[0].read(), s[1].read())
    x = await asyncio.wait_for(s.read(), 5)
    f = s.read()
    fs = await asyncio.wait([asyncio.ensure_future(wrap(f))])
    return [r, x, len(fs[0])]


async def wrap(f):
    return await f


asyncio.run(main(ts))


async def bad(ts):
    try:
        await ts.open(zarr3())
    except ValueError as e:
        return str(e)[:40]


asyncio.run(bad(ts))
f = ts.open(zarr3(), create=True, dtype="int8", shape=[3])
f.result(timeout=5).shape
f.done(), f.cancelled()
f.exception()
f.cancel()
ts.open(zarr3()).exception() is not None
out = []
f.add_done_callback(lambda g: out.append(g is f))
out
p, q = ts.Promise.new()
q.done()
q.result(timeout=0.01)
q.result(timeout=0)
p.set_result(5)
q.result()
p, q = ts.Promise.new()
q.cancel(), q.cancelled()
q.result()
p, q = ts.Promise.new()
p.set_exception(KeyError("x"))
q.result()
ts.Future(3).result()
ts.Future(q).exception()


async def co():
    return 7


ts.Future(co()).result()


async def co2():
    return await ts.Future(co())


asyncio.run(co2())
t = ts.array(np.zeros(3))
w = t.write(3)
[w.copy.result(), w.commit.result(), w.result(), w.done(), w.cancelled(), w.exception()]


def th():
    t[0] = 5


ths = [threading.Thread(target=th) for _ in range(4)]
[x.start() for x in ths]
[x.join() for x in ths]
t[0].read().result()
""",
    "stores and contexts": r"""
ctx = ts.Context()
a = ts.KvStore.open("memory://x/", context=ctx).result()
a["k"] = b"v"
ts.KvStore.open("memory://", context=ctx).result().list().result()
ts.KvStore.open("memory://").result().list().result()
s = ts.open(
    {"driver": "zarr3", "kvstore": a.spec(retain_context=True).to_json()},
    create=True,
    dtype="int8",
    shape=[2],
).result()
sorted(a.list().result())
s = ts.open({"driver": "zarr3"}, kvstore=a, create=True, dtype="int8", shape=[2]).result()
sorted(a.list().result())
s = ts.open({"driver": "zarr3"}, kvstore=a.spec(), context=ctx).result()
s
s.kvstore
s.kvstore.url
s.kvstore.path
s.kvstore["zarr.json"]
(s.kvstore / "c" / "0")
c = ts.Context({"cache_pool": {"total_bytes_limit": 1000000}})
x = ts.open(
    {"driver": "zarr3", "kvstore": "memory://", "recheck_cached_data": False},
    context=c,
    create=True,
    dtype="int8",
    shape=[4],
).result()
x[0] = 5
y = ts.open({"driver": "zarr3", "kvstore": "memory://", "recheck_cached_data": False}, context=c).result()
y[0].read().result()
z = ts.KvStore.open("memory://", context=c).result()
z.delete_range(ts.KvStore.KeyRange("c", "d")).result()
ts.open({"driver": "zarr3", "kvstore": "memory://", "recheck_cached_data": True}, context=c).result()[
    0
].read().result()
x
ts.open(
    {"driver": "zarr3", "kvstore": "memory://", "recheck_cached_data": "open"}, context=c
).result().spec(minimal_spec=True)
ts.open("memory://|zarr3", context=c, recheck_cached=3).result().spec(minimal_spec=True)
n1, n2 = pickle.loads(pickle.dumps([x, y]))
n1.kvstore["q"] = b"1"
n2.kvstore["q"]
n1
""",
    "indexing and constraints through views": r"""
s = ts.open(
    zarr2(), create=True, dtype="float32", shape=[6, 8], chunk_layout=ts.ChunkLayout(chunk_shape=[3, 4])
).result()
s[...] = np.arange(48).reshape(6, 8)
s[ts.d["x"]]
s[ts.d[0].label["x"]]
v = s[ts.d[:].label["y", "x"]]
v[ts.d["x"][3]].domain
v[ts.d["y", "x"].translate_to[10, 20]][10, 20:23].read().result()
v.label["a", "b"].domain
s[ts.d[0, 1].transpose[1, 0]].domain
s.T.read().result()
s.transpose([1, 0]).domain
s[[1, 3], 2].read().result()
s.oindex[[0, 1], [2, 3]].read().result()
s.vindex[[0, 1], [2, 3]].read().result()
s.oindex[[0, 1], [2, 3]] = 99
s.vindex[[0, 1], [2, 3]] = [7, 8]
s[:2].read().result()
m = np.zeros((6, 8), bool)
m[2, 3] = True
m[4, 4] = True
s[m].read().result()
s[m] = -1
s[m].read().result()
s[..., np.newaxis, :].domain
s[None].domain
s[1:3][1]
s[1:3][0]
s[-1].read()
s[-1]
s[ts.d[0][-1]]
s[::2, ::3].domain
s[::2, ::3].read().result()
s.translate_by[3].domain
s.translate_backward_by[3].domain
s.mark_bounds_implicit[False].domain
s[ts.IndexDomain(shape=[2, 2])].read().result()
s[
    ts.IndexTransform(input_rank=1, output=[ts.OutputIndexMap(3), ts.OutputIndexMap(input_dimension=0)])
].domain
s[0, 0, 0]
s[0.5]
s["a"]
s[np.array([0, 100])]
s.write(s.astype("float32")).result()
s[0].write(s[1]).result()
s[0].write(s[:, 0]).result()
s[0, :6].write(s[:, 0]).result()
s[0].write(np.arange(3)).result()
s[0].write(np.arange(8, dtype="complex64")).result()
s[0] = "a"
s[0] = None
s.schema[1:3].domain
s.domain[1:3]
s.domain.intersect(ts.IndexDomain(shape=[3, 3]))
str(s.dtype), repr(s.dtype), s.dtype == np.float32, s.dtype.numpy_dtype
s.read().result().flags.writeable
s.read().result().dtype
s[1:3].resolve().result().domain
s[1:3].resolve(fix_resizable_bounds=True).result().domain
copy.copy(s).domain
ts.open(s[1:3].spec(retain_context=True)).result().domain
ts.open(s.T.spec(retain_context=True)).result()[0].read().result()
ts.open(s[[1, 2]].spec(retain_context=True)).result().read().result()
ts.open(s[1:3].translate_to[0, 0].spec(retain_context=True), shape=[9, 9]).result()
ts.open(s.T.spec(retain_context=True), shape=[8, 6]).result().shape
ts.open(s.T.spec(retain_context=True), shape=[8, 7]).result().shape
ts.open(s.T.spec(retain_context=True), dimension_units=["nm", "m"]).result().shape
u = s.T.spec()
u.update(fill_value=0, chunk_layout=ts.ChunkLayout(chunk_shape=[4, 3]))
u
u = s[::2, 1].spec(minimal_spec=True)
u.update(dimension_units=["4nm"])
u
u = s[2].spec(minimal_spec=True)
u.update(domain=ts.IndexDomain(shape=[8]))
u
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_a_program_says_what_tensorstore_0_1_86_says(name):
    assert_same(PROGRAMS[name])
