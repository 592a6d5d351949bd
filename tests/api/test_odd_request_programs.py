"""Requests that say too much, or say it oddly: each is answered as by tensorstore 0.1.86."""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import pytest

import tegula
from tests.api.both import assert_same

TOLD = """
def told(function, *arguments):
    try:
        return function(*arguments)
    except (ValueError, IndexError) as error:
        return str(error).split(" [tensorstore_spec")[0]
"""

N5_BESIDE_A_SCHEMA = """
def n5(metadata, **members): return ts.Spec({"driver": "n5", "kvstore": "memory://", "metadata": metadata, **members})
n5({"dataType": "uint8"}, dtype="uint16")
n5({"dataType": "uint8", "dimensions": [2, 3]}, schema={"dtype": "uint16"})
n5({"dimensions": [2, 3]}, schema={"domain": {"shape": [2]}})
n5({"dimensions": [2, 3]}, rank=3)
n5({"blockSize": [2, 3], "dataType": "uint8"}, transform={"input_rank": 3})
n5({"dimensions": [2, 3], "dataType": "uint8"}, dtype="uint16", rank=3)
n5({"dataType": "uint8"}, dtype="bool")
n5({"dataType": 5}, dtype="bool")
spec = n5({"dataType": "uint8", "dimensions": [2, 3]})
spec.update(dtype="int8")
spec.update(shape=[2, 5])
"""

VOLUMES_BESIDE_A_SCHEMA = """
def volume(many=None, one=None, **members):
    metadata = {"multiscale_metadata": many, "scale_metadata": one}
    metadata = {name: value for name, value in metadata.items() if value is not None}
    return {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/v", **metadata, **members}
info = {"data_type": "uint8", "type": "image", "num_channels": 1}
scale = {"size": [4, 4, 4], "resolution": [1, 1, 1], "encoding": "raw", "chunk_size": [4, 4, 4]}
created = ts.open(volume(info, scale), create=True).result()
told(lambda: ts.open(volume(dtype="uint16")).result())
told(lambda: ts.open(volume(schema={"dtype": "uint16"})).result())
told(lambda: ts.open(volume(), dtype="uint16").result())
told(lambda: ts.open(volume({"num_channels": 2}, dtype="uint16")).result())
told(lambda: ts.open(volume(None, {"size": [2, 2, 3]}, dtype="uint16")).result())
told(lambda: ts.open(volume(dtype="uint16"), create=True).result())
told(lambda: ts.open(volume(dtype="uint8", rank=4)).result().spec().to_json())
[told(ts.Spec, volume({}, {"encoding": e}, dtype=t)) for e in ("jpeg", "png", "compressed_segmentation") for t in ("uint16", "float32")]
[told(ts.Spec, volume({"data_type": a}, dtype=b)) for a in ("bool", "uint8", "x", 5) for b in ("uint16", "bool")]
told(ts.Spec, volume({"type": 5}, dtype="bool"))
told(ts.Spec, volume({"data_type": "uint8", "num_channels": "s"}, dtype="uint16"))
told(ts.Spec, volume({"data_type": "uint8"}, {"size": 5}, dtype="uint16"))
told(ts.Spec, volume({}, {"size": 5}, dtype="bool"))
spec = ts.Spec(volume(dtype="uint16"))
spec.to_json(), spec.to_json(include_defaults=True)["multiscale_metadata"], spec == pickle.loads(pickle.dumps(spec))
spec == ts.Spec(volume({"data_type": "uint16"})), told(lambda: spec.update(dtype="uint8"))
"""

RANKS_OF_CHUNKS = """
def grid(chunks, dtype, **members):
    described = {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}}, **dtype}
    return ts.Spec({"driver": "zarr3", "kvstore": "memory://", "metadata": described, **members})
def facts(spec): return spec.rank, spec.domain, spec.to_json()
def changed(spec, **options):
    spec.update(**options)
    return facts(spec)
cases = [(c, k) for c in ([2], [2, 3, 4], []) for k in ({}, {"data_type": "uint8"})]
[told(lambda: facts(grid(*case))) for case in cases]
[told(lambda: facts(grid(*case, rank=2))) for case in cases]
[told(lambda: facts(grid(*case, schema={"domain": {"shape": [2, 3]}}))) for case in cases]
[told(lambda: changed(grid(*case), shape=[2, 3])) for case in cases]
[told(lambda: changed(grid(*case), rank=2)) for case in cases]
[told(lambda: changed(grid(*case), dimension_units=["nm", "m"])) for case in cases]
[told(lambda: ts.open(grid(*case), create=True, dtype="uint8", shape=[2, 3]).result()) for case in cases if case[0]]
"""

PATHS = """
paths = ("", "/", "//", "/a", "a/", "a//", "/a/")
drivers = ("zarr", "zarr3", "n5", "neuroglancer_precomputed")
def at(driver, path, **members): return {"driver": driver, "kvstore": {"driver": "memory", "path": path}, **members}
[(ts.Spec(at(d, p)).to_json(), ts.Spec(at(d, p)).url) for d in (*drivers, "json") for p in paths]
[ts.Spec({"driver": d, "kvstore": "memory://a/", "path": p}).to_json() for d in drivers for p in paths]
def keys(driver, path):
    shared = ts.Context()
    made = ts.open(at(driver, path), create=True, dtype="uint8", shape=[2, 2, 2, 1], context=shared).result()
    made[0].write(1).result()
    found = told(lambda: ts.open(at("auto", path), context=shared).result().spec().to_json()["driver"])
    return made.kvstore.path, sorted(ts.KvStore.open("memory://", context=shared).result().list().result()), found
[keys(d, p) for d in drivers for p in paths]
[ts.Spec({"driver": "zarr3", "kvstore": url}).to_json() for url in ("gs://bucket/", "gs://bucket//", "memory:///")]
ts.Spec("memory:///|zarr3").to_json(), ts.Spec("memory:////|zarr3").to_json()
"""

CONTEXTS_OF_ARRAYS = """
limited = ts.Context({"data_copy_concurrency": {"limit": 3}})
array = ts.array([1, 2], context=limited)
array, array[0], ts.array([3])
array.spec(), array.spec(retain_context=True), array.spec(unbind_context=True)
ts.cast(array, "int8").spec(unbind_context=True), ts.downsample(array, [2], "max").spec(retain_context=True)
pickle.loads(pickle.dumps(array)), copy.copy(array), ts.open(array.spec(retain_context=True)).result()
given = {"driver": "array", "array": [1, 2], "dtype": "int8"}
ts.open({**given, "context": {"data_copy_concurrency": {"limit": 2}}}).result()
ts.open({**given, "data_copy_concurrency": {"limit": 2}}).result()
ts.open(given, context=limited).result(), ts.open(given).result()
"""

NO_NUMBERS = """
schema = ts.Schema({"dtype": "bfloat16", "fill_value": "NaN"})
schema.to_json(), schema.fill_value.tobytes(), ts.Schema(dtype="bfloat16", fill_value=np.nan).fill_value.tobytes()
ts.array(np.array(["NaN", "-NaN", float("nan"), "1"], object), dtype=ts.json).astype("bfloat16").read().result().tobytes()
made(dtype=None, schema=schema).spec().to_json()["metadata"]["fill_value"]
def filled(value):
    spec = zarr3(metadata={"data_type": "bfloat16", "fill_value": value})
    return ts.open(spec, create=True, shape=[1]).result().fill_value.tobytes()
[filled(value) for value in ("NaN", "0x7fc0", "0x7fe0", "0xffc0", "Infinity", 1.5)]
"""

SPECS_OF_WHAT_WAS_RESIZED = """
def seen(driver):
    shared, spec = ts.Context(), {"driver": driver, "kvstore": f"file://{folder}/{driver}/"}
    one = ts.open(spec, create=True, dtype="uint8", shape=[4, 4], context=shared).result()
    other, view = ts.open(spec, context=shared).result(), one[:2]
    one.resize(exclusive_max=[8, 6]).result()
    return [(x.domain, x.spec().to_json(), x.schema, repr(x), x.resolve().result().domain) for x in (one, other, view)]
[seen(driver) for driver in ("zarr", "zarr3", "n5")]
"""

FILL_VALUES_OF_VIEWS = """
row = ts.Schema(rank=3, fill_value=[1, 2])
keys = ((..., 0), 0, ts.d[2][0], ts.d[2][0:1], ts.d[2][0:2], ts.d[2][0:3], (..., ts.newaxis), ts.d[2].stride[2])
[told(lambda: row[key]) for key in (*keys, ts.d[2].stride[-1], ts.d[1, 2].diagonal, (..., [0, 1]), (slice(0, 5), ..., 0))]
square = ts.Schema(rank=2, fill_value=[[1, 2], [3, 4]])
[told(lambda: square[key]) for key in (0, (..., 0), (slice(0, 2), 0), (slice(0, 3), slice(0, 2)), ts.d[0].stride[2], ts.d[0, 1].diagonal)]
"""

INDEX_ARRAYS_OF_NOTHING = """
def looked(shape, array_shape=None, **bounds):
    maps = [ts.OutputIndexMap(index_array=np.zeros(array_shape or shape, np.int64))]
    return ts.IndexTransform(input_shape=shape, output=maps, **bounds)
looked([3, 0], implicit_upper_bounds=[True, False])
looked([3, 0], implicit_upper_bounds=[False, True])
looked([3, 0], implicit_lower_bounds=[True, True])
looked([3, 0, 2], implicit_upper_bounds=[True, False, False])
looked([3, 0, 2], implicit_upper_bounds=[False, False, True])
looked([3, 0, 2], (3, 1, 2), implicit_upper_bounds=[False, True, False])
looked([0, 3], implicit_upper_bounds=[False, True])
ts.IndexTransform(json={"input_shape": [[3], 0], "output": [{"index_array": [[], [], []]}]}).to_json()
"""

VALUES_WITHIN_JSON = """
kv=ts.KvStore.Spec("file://"+folder+"/x.json")
ts.open(dict(driver="json",kvstore=kv),context=ts.Context()).result().write({"a":[1,"b",None]}).result()
ts.open(dict(driver="json",kvstore=kv)).result().read().result()
str(ts.open(dict(driver="json",kvstore=kv)).result().read().result())
ts.open({"driver":"array","dtype":"uint8","array":np.zeros((2,3),"uint8")}).result().spec()
ts.open({"driver":"array","dtype":"float32","array":np.zeros((2,3),"float32")}).result().spec()
ts.open({"driver":"array","dtype":str(np.dtype("int64")),"array":np.arange(3)}).result().read().result()
ts.Spec({"driver":"zarr3","kvstore":ts.KvStore.Spec("memory://a/"),"metadata":{"shape":np.array([2,3]),"data_type":"uint8"}}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","schema":ts.Schema(dtype="uint8",shape=[2])}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","schema":{"domain":ts.IndexDomain(shape=[2,3])}}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","schema":{"chunk_layout":ts.ChunkLayout(chunk_shape=[2,3])}}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","schema":{"codec":ts.CodecSpec({"driver":"zarr3"})}}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","transform":ts.IndexTransform(input_shape=[2,3])}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","dtype":ts.uint8}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","dtype":np.uint8}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","dtype":np.dtype("uint8")}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","context":ts.Context.Spec({"cache_pool":{"total_bytes_limit":5}})}).to_json()
ts.Spec({"driver":"cast","base":ts.Spec("memory://a/|zarr3:"),"dtype":"int8"}).to_json()
ts.Spec({"driver":"cast","base":"memory://a/|zarr3:","dtype":"int8"}).to_json()
ts.Spec({"driver":"downsample","base":ts.Spec("memory://a/|zarr3:"),"downsample_factors":np.array([2,2]),"downsample_method":"mean"}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","rank":np.int64(3)}).to_json()
ts.Spec({"driver":"zarr","kvstore":"memory://a/","metadata":{"shape":[np.int32(3)],"fill_value":np.float32(1.5),"dtype":"<f4"}}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","schema":{"dimension_units":[ts.Unit("4nm"),None]}}).to_json()
ts.Spec({"driver":"zarr3","kvstore":"memory://a/","recheck_cached_data":np.float64(5)}).to_json()
import collections
ts.Spec(collections.OrderedDict(driver="zarr3",kvstore="memory://a/")).to_json()
ts.Schema({"dtype":ts.uint8,"domain":ts.IndexDomain(shape=[2])}).to_json()
ts.Context({"cache_pool":{"total_bytes_limit":np.int64(5)}}).spec
ts.KvStore.Spec({"driver":"file","path":np.str_("x")}).to_json()
ts.IndexTransform(json={"input_shape":(2,np.int64(3))}).to_json()
"""

WRITING_WHERE_IT_IS_NOT_ALLOWED = """
store = made(dtype="int32", shape=[3])
views = (ts.downsample(store, [2], "max"), ts.cast(store, "string"))
def tried(view, value):
    try:
        return view.write(value).result()
    except (ValueError, TypeError) as error:
        return type(error).__mro__[-3] is TypeError or isinstance(error, TypeError), str(error)
[tried(view, value) for view in views for value in (1, "x", [1, 2], b"x", None, np.zeros(9), store)]
written = made(read=False, write=True)
ts.downsample(written, [2, 2], "mean")
ts.downsample(written, [2], "mean")
ts.downsample(written, [2, 2], "x")
written.mode, ts.cast(written, "json").mode
"""

TOO_MANY_DIMENSIONS = """
ts.Schema(shape=[1] * 33)
made(shape=[1] * 33)
ts.array(np.zeros((1,) * 33))
ts.Schema(fill_value=np.zeros((1,) * 33))
ts.Schema(fill_value=np.zeros((1,) * 32)).fill_value, ts.array(np.zeros((1,) * 32)).rank
"""

IMAGES_OF_A_DOMAIN = """
from PIL import Image
Image.fromarray(np.zeros((12, 10, 3), np.uint8)).save(folder + "/a.png")
image = {"driver": "png", "kvstore": f"file://{folder}/a.png"}
[told(lambda: ts.open(image, **k).result().domain) for k in ({"shape": [12, 10, 3]}, {"shape": [12, 10]}, {"rank": 2}, {"dtype": "int8"})]
[told(lambda: ts.open({**image, "schema": {"domain": {"shape": s}}}).result().domain) for s in ([12, 10, 3], [1, 1, 1], [12, 10])]
domains = (ts.IndexDomain(labels=["y", "x", "c"]), ts.IndexDomain(inclusive_min=[1, 1, 1], shape=[5, 5, 2]))
[told(lambda: ts.open(image, domain=d).result().domain) for d in domains]
"""

PROGRAMS = {name: text for name, text in globals().items() if name.isupper() and name != "TOLD"}


@pytest.mark.peers
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_answered_as_by_tensorstore_0_1_86(name: str) -> None:
    assert_same(TOLD + PROGRAMS[name])


def test_an_error_whose_request_has_no_json_is_told_without_it() -> None:
    spec = {"driver": "zarr3", "kvstore": "memory://"}
    with pytest.raises(ValueError, match=r"Data type not supported: char$"):
        tegula.open(spec, create=True, dtype="char", shape=[2], fill_value=b"a").result()
