"""Programs that look elements up out of bounds, and other corners, under both libraries (0.1.86)."""

from __future__ import annotations

import pytest

import tegula
from tests.api.both import assert_same

ARRAYS = """
m = made(shape=[2, 3])
m[...] = [[1, 2, 3], [4, 5, 6]]
a = ts.array([[1, 2, 3], [4, 5, 6]])
"""

PROGRAMS = {
    "an index array leaves a stored array": """
m[[5, 0]].read().result()
m[0, [5, 0]].read().result()
m[[1, 0], [5, 0]].read().result()
m[[5, 0]].write(3).result()
m[[-1, 0]].read().result()
ts.open(m[[5, 0]].spec()).result().read().result()
""",
    "an index array leaves an array in memory": """
a[[5, 0]].read().result()
a[[5, 0]]
a[[5, 0]].spec()
a[[5, 0]].schema
a[[5, 0]].write(3).result()
a[:, [0, 3]].read().result()
ts.array([1, 2])[[3, 0]].write([1, 2]).result()
""",
    "an index array leaves what is below a cast": """
ts.cast(m[[5, 0]], "float32").read().result()
ts.cast(m[[5, 0]], "float32")[1:].read().result()
ts.cast(m[[5, 0]], "float32").write(3).result()
ts.cast(a[[5, 0]], "float32")
ts.cast(a[[5, 0]], "float32").read().result()
ts.cast(a[[5, 0]], "float32").write(3).result()
ts.cast(a, "float32")[[5, 0]].read().result()
ts.cast(a.T, "float32")[:, [5, 0]].read().result()
ts.cast(ts.cast(a[[5, 0]], "float32"), "int8").read().result()
m.read().result()
a.read().result()
""",
    "an index array leaves what is below a downsampled view": """
ts.downsample(m[[5, 0, 1]], [2, 1], "mean").read().result()
ts.downsample(m[[5, 0, 1]], [2, 1], "mean")[1:].read().result()
ts.downsample(a[[5, 0, 1]], [2, 1], "stride").read().result()
ts.downsample(a, [2, 1], "mean")[[0, 5]].read().result()
ts.downsample(a, [1, 2], "mean").T[[0, 5]].read().result()
ts.downsample(m[[1, 0, 1]], [2, 2], "mean")[[1, 0, 1]].read().result()
ts.cast(ts.downsample(m[[1, 0, 1]], [2, 2], "mean")[[1, 0, 1]], "int32").read().result()
""",
    "what is copied leaves its array": """
b = ts.array([[0, 0, 0], [0, 0, 0]], dtype="float64")
b.write(a[[5, 0]]).result()
b.write(ts.cast(a, "float64")[[5, 0]]).result()
b.write(m[[5, 0]]).result()
b.write(ts.cast(m[[5, 0]], "float64")).result()
b.read().result()
batch = ts.Batch()
future = ts.cast(m[[5, 0]], "float32").read(batch=batch)
batch.submit()
future.result()
""",
    "implicit bounds of a schema": """
s = ts.Schema(dtype="uint16", domain=ts.IndexDomain(inclusive_min=[1, 2], shape=[30, 40], labels=["x", "y"]))
s[ts.d["x"].mark_bounds_implicit[True]]
s.mark_bounds_implicit[True]
s[ts.d["x"].mark_bounds_implicit[True].translate_to[5]]
s[ts.d["x"].mark_bounds_implicit[True]][0:5]
i = ts.Schema(domain=ts.IndexDomain(shape=[3, 4], implicit_upper_bounds=[1, 0], implicit_lower_bounds=[0, 1]))
i[ts.d[0].mark_bounds_implicit[False]]
i[ts.d[1].mark_bounds_implicit[True]]
i.mark_bounds_implicit[:False]
i[None][:, 2]
""",
    "codec chunks of a specification": """
layout = {"codec_chunk": {"shape": [2, 2]}, "read_chunk": {"shape": [4, 4]}}
ts.Spec({"driver": "zarr3", "kvstore": "memory://", "schema": {"chunk_layout": layout}}).schema
ts.Spec(zarr2(schema={"dtype": "int8", "domain": {"shape": [8, 8]}, "chunk_layout": layout})).chunk_layout
ts.Spec({"driver": "n5", "kvstore": "memory://", "schema": {"chunk_layout": layout}}).chunk_layout
ts.open(zarr2(schema={"chunk_layout": layout}), create=True, dtype="int8", shape=[8, 8]).result()
ts.open(zarr3(schema={"chunk_layout": layout}), create=True, dtype="int8", shape=[8, 8]).result()
ts.ChunkLayout(chunk_shape=[4, 2], grid_origin=[2**62 - 3, 0]).read_chunk_template
""",
    "the domain in the schema of an array in memory": """
def array(**schema):
    return {"driver": "array", "array": [1, 2], "dtype": "int8", "schema": schema}

wrong = ts.Spec(array(domain={"shape": [3]}))
wrong, wrong.domain, wrong.schema, wrong.rank
named = ts.Spec(array(domain={"shape": [2], "labels": ["x"]}))
named, named.domain
ts.open(named).result().domain
""",
}


@pytest.mark.peers
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_says_what_tensorstore_0_1_86_says(name):
    assert_same(ARRAYS + PROGRAMS[name])


@pytest.mark.parametrize("domain", [{"shape": [3]}, {"inclusive_min": [1], "shape": [2]}])
def test_an_array_in_memory_of_another_domain_does_not_open(domain):
    spec = {"driver": "array", "array": [1, 2], "dtype": "int8", "schema": {"domain": domain}}
    with pytest.raises(ValueError, match=r"Mismatch between domain in schema .* and array"):
        tegula.open(spec).result()


def test_a_strided_view_of_what_is_not_there_is_an_error():
    """tensorstore 0.1.86 answers with what a stored array is filled with, or whatever there is."""
    stored = tegula.open(
        {"driver": "zarr3", "kvstore": "memory://"}, create=True, dtype="int16", shape=[2, 3], fill_value=9
    ).result()
    view = tegula.downsample(stored[[5, 0, 1]], [2, 1], "stride")
    with pytest.raises(ValueError, match="Index 5 is outside valid range"):
        view.read().result()


@pytest.mark.parametrize("key", [slice([], []), slice([], None), slice(2, [])])
def test_an_empty_vector_in_a_slice_stands_for_no_dimensions(key):
    """tensorstore 0.1.86 takes it for the number 0, of one dimension."""
    t = tegula.IndexTransform(input_shape=[5, 6])
    assert t[key] == t
    assert t[2, key] == t[2]
