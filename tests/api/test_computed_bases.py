"""The base of a computed view, what downsampling refuses, units of arrays: as in tensorstore 0.1.86."""

from __future__ import annotations

import pytest

import tegula
from tests.api.both import assert_same

VIEWS = """d d[1:2] d[1] d.T d[None] d.translate_to[5] d.label['p','q'] d[...,0:1]
d[1:2].mark_bounds_implicit[True]"""

MADE = """
stored = made(shape=[6, 8])
stored[...] = np.arange(48).reshape(6, 8)
array = ts.array(np.arange(48).reshape(6, 8))
"""


@pytest.mark.parametrize(
    "base", ["stored", "array", "array.T", "stored[1:5, 2:].label['x', 'y'].translate_to[4, 6]"]
)
@pytest.mark.parametrize("method", ["mean", "stride"])
def test_the_base_of_a_downsampled_view_is_the_part_it_reads(base, method):
    program = MADE + f"d = ts.downsample({base}, [2, 3], {method!r})\n"
    for view in VIEWS.split():
        if "translate_to[4" in base and view in ("d[1:2]", "d[1]", "d[...,0:1]"):
            continue
        program += f"{view}.base.domain\n{view}.base.read().result().tolist()\n"
    assert_same(program)


@pytest.mark.parametrize("base", ["stored", "array"])
def test_the_base_of_a_cast_is_the_part_it_reads(base):
    program = MADE + f"d = ts.cast({base}, 'float32')\n"
    for view in [*VIEWS.split()[:-1], "d[::-1]", "d[::2]", "d[[0, 1]]", "d[ts.d[:].diagonal]"]:
        program += f"{view}.base.domain\n{view}.base.dtype\n{view}.base.read().result().tolist()\n"
    assert_same(program)


def test_a_view_that_steps_through_blocks_has_all_of_the_base():
    """The wheel adds a dimension for the elements of each block here, and none for reversed views."""
    view = tegula.downsample(tegula.array([[1, 2, 3, 4], [5, 6, 7, 8]]), [1, 2], "mean")
    for step in (view[:, ::-1], view[:, ::2], view[:, [1, 0]], view[tegula.d[:].diagonal]):
        assert step.base.domain == tegula.IndexDomain(shape=[2, 4])


def test_a_method_that_does_not_support_the_type():
    assert_same(
        """
text = ts.array(np.array(["a"], object), dtype=ts.ustring)
ts.downsample(text, [2], "mean")
ts.downsample(ts.array([1j]), [1], "median")
ts.downsample(ts.array([1j]), [1], "max")
ts.downsample(ts.array([1]), [1], "nothing")
ts.downsample(ts.Spec({"driver": "array", "array": ["a"], "dtype": "ustring"}), [2], "mean")
ts.downsample(ts.Spec({"driver": "zarr3", "kvstore": "memory://"}), [2], "nothing")
ts.Spec({"driver": "downsample", "base": {"driver": "array", "array": ["a"], "dtype": "ustring"},
         "downsample_factors": [2], "downsample_method": "mean"})
"""
    )


def test_units_of_arrays():
    assert_same(
        """
plain = {"driver": "array", "array": [[1, 2], [3, 4]], "dtype": "int32"}
spec = {**plain, "schema": {"dimension_units": ["4nm", "3m"]}}
array = ts.open(spec).result()
array.dimension_units
array
array[0].schema
array[0].spec()
array[1:].spec()
array.T.dimension_units
array[None].spec()
ts.cast(array, "int8").spec()
ts.downsample(array, [2, 1], "mean").dimension_units
pickle.loads(pickle.dumps(array)).dimension_units
ts.open(plain, dimension_units=["3nm", None]).result().dimension_units
ts.Spec({"driver": "array", "array": [1], "dtype": "int32", "schema": {"dimension_units": ["4nm", "m"]}})
"""
    )


def test_units_of_a_transposed_array_go_with_their_dimensions():
    """The wheel writes the transposed elements with the units in the old order."""
    units = {"dimension_units": ["nm", "s"]}
    plain = {"driver": "array", "array": [[1, 2], [3, 4]], "dtype": "int32", "schema": units}
    assert tegula.open(plain).result().T.spec().dimension_units == (tegula.Unit("s"), tegula.Unit("nm"))


def test_an_array_specification_without_its_array():
    with pytest.raises(ValueError, match='object member "array": Expected array, but member is missing'):
        tegula.Spec({"driver": "array", "dtype": "int32"})


def test_json_of_codecs_is_in_the_order_of_names():
    assert_same(
        """
print_ = lambda value: str(value)
store = made()
print_(store.codec.to_json())
print_(store.schema.to_json())
gzip = {"name": "gzip", "configuration": {"level": 3}}
print_(ts.CodecSpec({"driver": "zarr3", "codecs": [gzip]}).to_json())
"""
    )


def test_the_schema_of_an_indexed_specification_whose_rank_changed():
    """The wheel compares the rank of the view with that of the array, and raises."""
    spec = tegula.Spec({"driver": "zarr3", "kvstore": "memory://", "schema": {"domain": {"shape": [4, 5]}}})
    assert spec[1].schema.domain.shape == (5,)
