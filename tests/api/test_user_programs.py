"""Programs of the kinds that users of TensorStore write, beside tensorstore 0.1.86: each says the same.

Tutorials and volumes, checkpoints in the manner of training libraries, loaders, key-value caches, asyncio.
"""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
import tensorstore

import tegula
from tests.api.both import said

VOLUME_OF_BLOCKS = """
made_of = {"driver": "n5", "kvstore": {"driver": "file", "path": folder + "/scans/one/"}, "create": True}
made_of["metadata"] = {"compression": {"type": "gzip"}, "dataType": "uint32", "dimensions": [600, 9000]}
made_of["metadata"]["blockSize"] = [100, 100]
scan = ts.open({**made_of, "delete_existing": True}).result()
done = scan[80:82, 99:102].write([[1, 2, 3], [4, 5, 6]])
done.result()
scan.domain, scan[80:83, 99:102].read().result(), scan.fill_value, scan.dimension_units, scan.codec
scan.spec().to_json(), scan[80:82, 99:102].spec().to_json(), scan.chunk_layout
sorted(os.listdir(folder + "/scans/one/0"))
"""

GATHERED = """
async def gathered():
    described = {"shape": [64, 32], "chunks": [8, 32], "dtype": "<f4"}
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": folder + "/g"}, "metadata": described}
    t = await ts.open(spec, create=True, open=True)
    await asyncio.gather(*(t[i * 8:(i + 1) * 8].write(np.full((8, 32), i, "float32")) for i in range(8)))
    with ts.Batch() as batch:
        reads = [t[i].read(batch=batch) for i in range(0, 64, 9)]
    return [float((await r).sum()) for r in reads], (await t[3:5, ::8].read()).tolist(), t.dtype, t.domain
asyncio.run(gathered())
async def two_stages():
    t = await ts.open(zarr3(), create=True, dtype=ts.bfloat16, shape=[10], fill_value=1.5)
    w = t[2:4].write([2, 3])
    await w.copy
    await w.commit
    await w
    return w.done(), w.exception(), w.result(), t.fill_value, (await t.read()).astype("float32")
asyncio.run(two_stages())
async def elements():
    t = await ts.open(zarr3(), create=True, dtype="int32", shape=[60], chunk_layout=chunks)
    await asyncio.gather(*[t[i].write(i) for i in range(60)])
    tasks = [asyncio.ensure_future(t[i:i + 10].read()) for i in range(0, 60, 10)]
    done, left = await asyncio.wait(tasks)
    return int((await t.read()).sum()), len(left), sorted(int(d.result().sum()) for d in done)
chunks = ts.ChunkLayout(chunk_shape=[10])
asyncio.run(elements())
async def missing():
    await ts.open({"driver": "zarr", "kvstore": "memory://missing/"})
asyncio.run(missing())
"""

CHECKPOINT = """
def saved(array, name):
    shape = np.array(np.maximum(1, array.shape)).tolist()
    described = {"compressor": {"id": "gzip"}, "shape": array.shape, "chunks": shape}
    described["dtype"] = np.dtype(array.dtype).str
    where = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{folder}/ckpt/{name}"}}
    spec = ts.Spec({**where, "metadata": described})
    t = ts.open(spec, create=True, open=True, context=shared).result()
    origin = tuple([0] * array.ndim)
    w = t[ts.d[:].translate_to[origin]].write(array, can_reference_source_data_indefinitely=True)
    w.copy.result(), w.commit.result()
    again = ts.open(ts.Spec(where), open=True, context=shared).result()
    wanted = ts.IndexDomain(shape=array.shape)
    both = again.domain.intersect(wanted)
    out = np.zeros(wanted.shape, array.dtype)
    ts.array(out)[ts.d[:].translate_to[wanted.origin]][both].write(again[both]).result()
    return out.sum(), both, again.shape, again.dtype.numpy_dtype
limits = {"file_io_concurrency": {"limit": 128}, "data_copy_concurrency": {"limit": 128}}
pools = {"cache_pool": {"total_bytes_limit": 0}, "cache_pool#far": {"total_bytes_limit": 10**8}}
shared = ts.Context({**limits, **pools})
saved(np.arange(12, dtype="float32").reshape(3, 4), "params.dense.kernel")
saved(np.arange(5, dtype="int64"), "step")
saved(np.array(3.5), "scalar")
shared["cache_pool#far"], shared["file_io_concurrency"]
little = {"name": "bytes", "configuration": {"endian": "little"}}
packed = {"chunk_shape": [4, 4], "codecs": [little, {"name": "zstd", "configuration": {"level": 1}}]}
packed |= {"index_codecs": [{"name": "bytes"}, {"name": "crc32c"}], "index_location": "end"}
grid = {"name": "regular", "configuration": {"chunk_shape": [8, 8]}}
described = {"shape": [16, 16], "data_type": "float32", "chunk_grid": grid, "fill_value": 0}
described["codecs"] = [{"name": "sharding_indexed", "configuration": packed}]
shards = {"driver": "zarr3", "kvstore": {"driver": "file", "path": folder + "/sh"}, "metadata": described}
shards |= {"recheck_cached_data": False, "recheck_cached_metadata": False, "create": True, "open": True}
t = ts.open(shards).result()
t.write(np.arange(256, dtype="float32").reshape(16, 16)).result()
t.chunk_layout.read_chunk.shape, t.chunk_layout.write_chunk.shape, t[5:7, 3:9].read().result()
t.schema, t.codec.to_json(), sorted(os.listdir(folder + "/sh/c"))
"""

SEGMENTATION = """
place = {"driver": "neuroglancer_precomputed", "kvstore": "file://" + folder + "/vol/"}
whole = {"type": "segmentation", "data_type": "uint64", "num_channels": 1}
fine = {"size": [20, 12, 10], "encoding": "compressed_segmentation", "chunk_size": [8, 8, 8]}
fine |= {"compressed_segmentation_block_size": [8, 8, 8], "resolution": [4, 4, 40], "voxel_offset": [5, 6, 7]}
volume = {**place, "multiscale_metadata": whole, "scale_metadata": fine}
ds = ts.open(volume, create=True, delete_existing=True).result()
ds[..., 0].write((np.indices((20, 12, 10)).sum(0) // 9).astype("uint64")).result()
lower = ts.downsample(ds, [2, 2, 1, 1], "mode")
coarse = {"size": [*lower.shape[:2], 10], "encoding": "raw", "chunk_size": [8, 8, 8]}
coarse |= {"resolution": [8, 8, 40], "voxel_offset": list(lower.origin[:3])}
out = ts.open({**place, "multiscale_metadata": whole, "scale_metadata": coarse}, create=True).result()
out.write(lower).result()
again = ts.open({**place, "scale_index": 1}).result()
np.array_equal(again.read().result(), lower.read().result()), int(again.read().result().sum())
ds.domain, ds.dimension_units, lower.domain, out.domain, ds.schema
ds.spec(minimal_spec=True).to_json(), json.loads(pathlib.Path(folder, "vol", "info").read_bytes())
ts.open("file://" + folder + "/vol/|neuroglancer-precomputed").result().shape
bounds = ts.IndexDomain(labels=["x", "y", "z", "channel"], shape=[10, 11, 12, 3], inclusive_min=[1, 2, 3, 0])
nm = ["8nm", "8nm", "30nm", None]
image = {"driver": "neuroglancer_precomputed", "kvstore": "memory://x/"}
ds = ts.open(image, create=True, dtype="uint8", domain=bounds, dimension_units=nm).result()
v = ds[ts.d["channel"][0]][ts.d["x", "y"].translate_to[0]].transpose(["z", "y", "x"])
v[...] = 5
v.domain, v.dimension_units, v[ts.d["z"][4]].read().result().shape
ds[ts.d["channel"][0]].read().result().mean()
"""

CACHE = """
kv = ts.KvStore.open({"driver": "file", "path": folder + "/kv/"}).result()
for i in range(5):
    kv[f"step_{i:03d}/state.json"] = json.dumps({"step": i}).encode()
sorted(kv.list().result())
sorted(kv.list(ts.KvStore.KeyRange("step_001", "step_003")).result())
sorted(kv.list(strip_prefix_length=5).result())
kv.read("step_002/state.json").result().value, kv.read("nope").result().state
seen = kv.read("step_002/state.json").result().stamp.generation
kv.write("step_002/state.json", b"{}", if_equal=seen).result().generation != seen
kv.write("step_002/state.json", b"[]", if_equal=seen).result().generation
kv.delete_range(ts.KvStore.KeyRange("step_003")).result()
"step_001/state.json" in kv, "step_004/state.json" in kv
del kv["step_001/state.json"]
sub = kv / "sub"
sub["x"] = b"1"
sub.path, sorted(kv.list().result()), (kv + "pre").path, kv.copy().url
"""

LOADER = """
layout = {"chunk": {"shape_soft_constraint": [64, 64]}, "read_chunk": {"elements": 1024}}
schema = {"chunk_layout": layout, "dtype": "uint16", "domain": {"shape": [300, 200], "labels": ["y", "x"]}}
schema |= {"dimension_units": ["4 nm", [8, "nm"]], "fill_value": 3}
spec = ts.Spec(zarr3(schema=schema))
spec.update(create=True, open=True)
spec, spec.schema, spec.domain, spec.dimension_units, spec.fill_value, spec.open_mode
copy.deepcopy(spec) == spec, pickle.loads(pickle.dumps(spec)) == spec, spec.copy() == spec
t = ts.open(spec).result()
t.schema, t.chunk_layout, t.codec
t[ts.d["x"][10:20]].read().result().shape, t[ts.d["y", "x"].translate_by[5, 6]].domain
t[ts.d["x"].label["z"]][ts.d["z"][3]].domain, t.label["a", "b"].domain
class Loader:
    def __init__(self, t, batch):
        self.t, self.batch = t, batch
    def __len__(self):
        return -(-self.t.shape[0] // self.batch)
    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError
        return self.t[i * self.batch:min((i + 1) * self.batch, self.t.shape[0])].read().result()
t[...] = np.arange(300 * 200, dtype="uint16").reshape(300, 200)
[b.shape for b in Loader(t, 128)], [int(b.sum()) for b in Loader(t, 128)]
rows = np.random.default_rng(0).permutation(300)[:7]
int(t[rows].read().result().sum()), int(t.oindex[rows, [3, 1, 1]].read().result().sum())
int(t.vindex[rows, rows % 200].read().result().sum())
mask = np.isin(np.arange(300), [5, 250])
t[mask].read().result().shape, t[mask, 3:9].domain, t[None, mask, ..., 2].domain
t[mask] = 0
int(t[mask].read().result().sum()), np.asarray(t[:3, :3]), np.array(t[0, 0]), float(np.mean(t[:10]))
t.size, t.ndim, t.origin, t.dtype == np.uint16, t.dtype.name, t.dtype.numpy_dtype, t.mode, t.readable
t[0, 0].read().result().item(), t[0].T.shape, t.T.domain
x = ts.array(np.arange(6).reshape(2, 3))
x[0, :] = [7, 8, 9]
x.read().result(), x[ts.d[1].stride[2]].read().result(), x[:, ::-1].read().result(), x[1, -1:].read().result()
x[5]
x[:, 7:9]
x["a"]
x[1.5]
x[0, 0, 0]
x[ts.d["q"]]
"""

MISTAKES = """
t = ts.open(zarr2(), create=True, dtype="float64", shape=[40]).result()
ts.open(zarr2(), create=True, dtype="float64").result()
ts.open(zarr2(), create=True, shape=[3]).result()
ts.open(zarr2(), dtype="float64", shape=[3]).result()
ts.open({"driver": "nope", "kvstore": "memory://"})
ts.open({"driver": "zarr", "kvstore": {"driver": "nope"}})
ts.open({"driver": "zarr"}).result()
ts.open("nope://x")
ts.open(zarr3(foo=1))
t.write(np.zeros(41)).result()
t.write("x")
ts.cast(t, "int8").write(np.zeros(40, "float32")).result()
deep = ts.CodecSpec({"driver": "zarr3", "codecs": [{"name": "gzip", "configuration": {"level": 20}}]})
plain = ts.CodecSpec({"driver": "zarr", "compressor": None})
ts.open(zarr2(), create=True, dtype="uint8", shape=[3], codec=plain).result().codec
ts.open(zarr2(), create=True, dtype="uint8", shape=[3], codec=ts.CodecSpec({"driver": "zarr3"})).result()
ts.open({"driver": "json", "kvstore": "memory://a.json"}, dtype="int8").result()
ts.open({"driver": "json", "kvstore": "memory://a.json"}).result().chunk_layout
p, f = ts.Promise.new()
f.done()
p.set_result({"a": 1})
f.result(), f.done(), f.cancelled(), f.exception(), f.cancel()
p2, f2 = ts.Promise.new()
f2.cancel(), f2.cancelled(), f2.done()
f2.result()
"""

BELOW = """
s = ts.Spec(zarr2(dtype="uint32", schema={"domain": {"shape": [90, 60]}}))
c = ts.cast(s, "float32")
c, c.base, c[30:40, 20:25].base, c.T.base, c[5].base, c[[1, 2]].base, c[::2].base, c.translate_to[5, 5].base
d = ts.downsample(s, [2, 4], "mean")
d, d.base, d[30:40, 2:5].base, d.T.base, d[5].base, d.translate_to[5, 5].base
ts.downsample(s, [2, 4], "stride")[30:40, 2:5].base
ts.downsample(s[10:50], [2, 4], "mean")[6:9].base, ts.cast(s[10:50], "int8")[20:30].base
ts.cast(d, "int8"), ts.cast(d, "int8")[3:4].base, ts.cast(d, "int8")[3:4].base.base
ts.cast(ts.Spec(zarr3(rank=2)), "int8"), ts.cast(ts.Spec(zarr3(rank=2)), "int8")[3].base
ts.downsample(ts.Spec(zarr3(rank=2)), [2, 1], "mean")[3].base
ts.downsample(ts.Spec(zarr3()), [2, 1], "mean")[3:5].base
ts.Spec(c.to_json()) == c, ts.Spec(d.to_json()) == d
"""

PROGRAMS = {
    "a volume of blocks": VOLUME_OF_BLOCKS,
    "gathered writes": GATHERED,
    "a checkpoint": CHECKPOINT,
    "a segmentation": SEGMENTATION,
    "a cache": CACHE,
    "a loader": LOADER,
    "mistakes": MISTAKES,
    "what is below a specification": BELOW,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_users_program_says_what_it_says_under_tensorstore_0_1_86(name: str) -> None:
    answers = []
    for library in (tensorstore, tegula):
        with tempfile.TemporaryDirectory() as folder:
            answers.append(said(PROGRAMS[name], library, folder))
    assert answers[1] == answers[0]


def test_an_array_that_is_changed_later_does_not_show() -> None:
    """The caller promised not to; the wheel's store in memory shows the 9."""
    shown = []
    for library in (tensorstore, tegula):
        spec = {"driver": "zarr3", "kvstore": "memory://"}
        store = library.open(spec, create=True, dtype="uint8", shape=[64]).result()
        data = np.full(64, 5, "uint8")
        store.write(data, can_reference_source_data_indefinitely=True).result()
        data[...] = 9
        shown.append(int(store[0].read().result()))
    assert shown == [9, 5]
