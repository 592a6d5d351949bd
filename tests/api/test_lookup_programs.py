"""Programs that look elements up out of bounds, and other corners, under both libraries (0.1.86)."""

from __future__ import annotations

import numpy as np
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
    "codec chunks of a specification": """
layout = {"codec_chunk": {"shape": [2, 2]}, "read_chunk": {"shape": [4, 4]}}
ts.Spec({"driver": "zarr3", "kvstore": "memory://", "schema": {"chunk_layout": layout}}).schema
ts.Spec(zarr2(schema={"dtype": "int8", "domain": {"shape": [8, 8]}, "chunk_layout": layout})).chunk_layout
ts.Spec({"driver": "n5", "kvstore": "memory://", "schema": {"chunk_layout": layout}}).chunk_layout
ts.open(zarr2(schema={"chunk_layout": layout}), create=True, dtype="int8", shape=[8, 8]).result()
ts.open(zarr3(schema={"chunk_layout": layout}), create=True, dtype="int8", shape=[8, 8]).result()
ts.ChunkLayout(chunk_shape=[4, 2], grid_origin=[2**62 - 3, 0]).read_chunk_template
""",
    "arguments of computed views and of resizing": """
ts.downsample(m, [2, 1], "mean").domain
ts.downsample(m, [np.int8(2), True], "mean").domain
ts.downsample(m, (one for one in (2, 1)), "mean").domain
ts.downsample(m, [0, 1], "mean")
ts.downsample(m, [2, 1], "MEAN")
ts.downsample(m.spec(), [2, 1], "mean").domain
m.resize(exclusive_max=[]).result()
m.resize(exclusive_max=[3, 3, 3]).result()
m.resize(exclusive_max=np.array([3, 4])).result().domain
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


@pytest.mark.peers
@pytest.mark.parametrize(
    "call",
    [
        lambda ts, x: ts.downsample(x, [2.0, 1], "mean"),
        lambda ts, x: ts.downsample(x.spec(), [2.0, 1], "mean"),
        lambda ts, x: ts.downsample(x, ["2", 1], "mean"),
        lambda ts, x: ts.downsample(x, "21", "mean"),
        lambda ts, x: ts.downsample(x, {2: 3, 1: 1}, "mean"),
        lambda ts, x: ts.downsample(x, [2**63, 1], "mean"),
        lambda ts, x: ts.downsample(x, [2, 1], None),
        lambda ts, x: ts.downsample(x, [2, 1], b"mean"),
        lambda ts, x: x.resize(exclusive_max={3: 4, 5: 6}),
        lambda ts, x: x.resize(exclusive_max=[2**63, 4]),
        lambda ts, x: x.resize(exclusive_max=[3.0, 4]),
        lambda ts, x: x.resize(exclusive_max=[3, 4], expand_only="x"),
        lambda ts, x: x.resolve(fix_resizable_bounds="x"),
        lambda ts, x: x.write(1, batch=3),
        lambda ts, x: x.read(batch=3),
    ],
)
def test_arguments_of_another_type_are_type_errors_as_in_tensorstore_0_1_86(call):
    for library in (tegula, pytest.importorskip("tensorstore")):
        spec = {"driver": "zarr3", "kvstore": "memory://"}
        array = library.open(spec, create=True, dtype="int16", shape=[2, 3]).result()
        with pytest.raises(TypeError):
            call(library, array)


@pytest.mark.parametrize("key", [slice([], []), slice([], None), slice(2, [])])
def test_an_empty_vector_in_a_slice_stands_for_no_dimensions(key):
    """tensorstore 0.1.86 takes it for the number 0, of one dimension."""
    t = tegula.IndexTransform(input_shape=[5, 6])
    assert t[key] == t
    assert t[2, key] == t[2]


@pytest.mark.peers
def test_what_is_written_into_one_element_must_be_one_as_in_tensorstore_0_1_86():
    assert_same(
        ARRAYS
        + """
i = ts.array(np.array([1, 2], "int8"))
i[0] = np.array([1], "int8")
i[0] = np.array([[1]], "int8")
i[0] = [1]
i[:] = np.array([[1, 2]], "int8")
m[0, 0] = np.array([1], "int16")
m[0, 0] = np.array([1], "int8")
m[0, 0] = np.array(9, "int8")
m.read().result()
"""
    )


@pytest.mark.peers
@pytest.mark.parametrize("name", ["open", "create", "delete_existing", "assume_metadata"])
def test_flags_are_what_has_a_truth_value_as_in_tensorstore_0_1_86(name):
    for library in (tegula, pytest.importorskip("tensorstore")):
        spec = library.Spec({"driver": "zarr3", "kvstore": "memory://"})
        spec.update(**{name: 1})
        with pytest.raises(TypeError):
            spec.update(**{name: "yes"})


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["u8", "f4", "f8", "M8[s]", "O"])
def test_an_index_array_is_not_cast_unsafely_as_in_tensorstore_0_1_86(kind):
    for library in (tegula, pytest.importorskip("tensorstore")):
        with pytest.raises(TypeError):
            library.OutputIndexMap(index_array=np.array([1, 2]).astype(kind))
        assert library.OutputIndexMap(index_array=np.array([1], "i2")).index_array == [1]
        assert library.OutputIndexMap(index_array=[1.5]).index_array == [1]
