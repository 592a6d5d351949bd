"""Schemas through index transforms, against tensorstore 0.1.86: every case runs on both, texts and all."""

from __future__ import annotations

import numpy as np
import pytest

from tegula import space
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema
from tegula.schema.through import layout_back, layout_through, units_back, units_through
from tegula.schema.units import Unit
from tegula.space import Dim, IndexDomain, IndexTransform, OutputIndexMap


class Ours:
    S, C, D, d, newaxis = Schema, ChunkLayout, IndexDomain, space.d, None


FULL = (
    "S(rank=2, dtype='int32', shape=[3, 4], chunk_layout=C(chunk_shape=[2, 2]), fill_value=7, "
    "dimension_units=['4nm', None])"
)
LINE = "S(shape=[20], chunk_layout=C(chunk_shape=[6], grid_origin=[5]))"
SOFT = (
    "S(shape=[20], chunk_layout=C(chunk_shape_soft_constraint=[6], chunk_aspect_ratio=[3], chunk_elements=9, "
    "grid_origin_soft_constraint=[2]))"
)
PLANE = "S(shape=[20, 20], chunk_layout=C(chunk_shape=[6, 7], inner_order=[1, 0], grid_origin=[0, 0]))"
ORDER = "S(shape=[20, 20, 20], chunk_layout=C(inner_order=[2, 0, 1]))"
FILL = "S(shape=[2, 3], fill_value=[[1, 2, 3], [4, 5, 6]])"
ROW = "S(shape=[2, 3], fill_value=[1, 2, 3])"
FREE = "S(rank=2, fill_value=[1, 2, 3])"

# what is viewed, and the views of it
VIEWS = {
    FULL: "[1:2] | [0] | [d[0].translate_by[5]] | [::2] | .T | [[0, 2]] | [d[0].stride[2]] | [..., None]"
    " | .translate_to[1, 1] | .label['x', 'y'] | [0, 0] | [()]",
    LINE: "[::2] | [::-4] | [::-1] | [::3] | [[1, 2]] | [d[0].translate_by[7]] | [None]",
    SOFT: "[d[0].translate_by[7]] | [::-3] | [3]",
    PLANE: "[d[0, 1].diagonal] | [3] | [:, 3] | [None] | .T | [::-2, ::3] | [..., [1, 2]]",
    ORDER: "[:, 4, :] | [d[2, 0].transpose[0, 1]] | [4] | [d[0, 1].diagonal] | [None, ..., 3]",
    FILL: "[1:, ::2] | [0] | [[1, 0]] | .vindex[[1, 0], [2, 2]] | [::-1] | [:, 1] | [1, 2]"
    " | .oindex[[0, 0], [2]] | [d[0].translate_to[-9]] | .T | [None] | [:, None] | [::-1, ::-2]",
    ROW: "[None] | .T | [:, None] | [0] | [:, 1] | [..., [0, 0, 2]] | [d[1].translate_to[7]]",
    FREE: "[d[1].translate_by[7]] | [..., 1:4] | [0] | .T | [None]",
    "S(shape=[3, 3], fill_value=[[1, 2, 3], [4, 5, 6], [7, 8, 9]])": "[d[0, 1].diagonal]",
    "S(shape=[20], dimension_units=['4nm'])": "[::-3] | [[1, 2]]",
    "S(shape=[9, 9], dimension_units=['4nm', '5nm'])": "[d[0, 1].diagonal]",
    "S(rank=2)": "[0] | [1:3] | .label['a', 'b'] | [[1, 2]]",
    "S(dimension_units=['4nm', None])": "[0]",
    "S(chunk_layout=C(chunk_shape=[3, 4]))": "[0]",
    "S(rank=2, chunk_layout=C(chunk_elements=3))": "[0]",
    "S(rank=0)": "[...]",
    "S(shape=[20], chunk_layout=C(chunk_shape=[-1], chunk_aspect_ratio=[3]))": "[::3]",
    "S(shape=[20], chunk_layout=C(chunk_shape=[6], grid_origin=[2**61]))": "[d[0].translate_by[2**61]]",
}
CASES = [base + key for base, keys in VIEWS.items() for key in keys.split(" | ")]


def outcome(expression, names):
    scope = {name: getattr(names, name) for name in ("S", "C", "D", "d", "newaxis")}
    try:
        return repr(eval(expression, scope))
    except (ValueError, IndexError) as error:
        return f"{'IndexError' if isinstance(error, IndexError) else 'ValueError'}: {error}"


@pytest.mark.peers
@pytest.mark.parametrize("expression", CASES)
def test_views_of_schemas(expression):
    wheel = pytest.importorskip("tensorstore")

    class Theirs:
        S, C, D, d, newaxis = wheel.Schema, wheel.ChunkLayout, wheel.IndexDomain, wheel.d, None

    assert outcome(expression, Ours) == outcome(expression, Theirs)


def test_marks_and_empty_views_keep_what_is_known():
    # tensorstore 0.1.86 ignores the mark, and forgets the fill value of an empty view
    schema = Schema(shape=[3], fill_value=7)
    assert schema.mark_bounds_implicit[True].domain == IndexDomain(
        [Dim(3, implicit_lower=True, implicit_upper=True)]
    )
    assert schema[3:3].fill_value == 7


def test_an_unknown_rank_cannot_be_indexed():
    # tensorstore 0.1.86 crashes here
    with pytest.raises(ValueError, match="unknown rank"):
        Schema()[0]


@pytest.mark.parametrize("key", ["[:, 0]", "[..., 1:2]", "[..., [0, 1]]"])
def test_a_varying_fill_value_needs_a_domain_to_be_cut(key):
    with pytest.raises(
        ValueError, match=r"^Error transforming fill_value: Cannot broadcast array of shape \{3\}"
    ):
        eval(f"s{key}", {"s": Schema(rank=2, fill_value=[1, 2, 3])})


def strided(offset, stride):
    return IndexTransform(
        input_rank=1, output=[OutputIndexMap(input_dimension=0, offset=offset, stride=stride)]
    )


@pytest.mark.parametrize(("offset", "stride"), [(0, 1), (7, 1), (-3, -1)])
def test_constraints_that_survive_both_ways_come_back(offset, stride):
    layout = ChunkLayout(
        chunk_shape=[6], grid_origin=[5], inner_order=[0], chunk_aspect_ratio=[2], chunk_elements=9
    )
    move = strided(offset, stride)
    assert layout_back(layout_through(layout, move), move) == layout
    assert layout_through(layout_back(layout, move), move) == layout
    assert units_back(units_through((Unit("4nm"),), move), move) == (Unit("4nm"),)


def test_back_is_coarser_by_the_stride():
    layout = layout_back(ChunkLayout(chunk_shape=[3], grid_origin=[1], chunk_aspect_ratio=[1]), strided(1, 2))
    assert layout == ChunkLayout(chunk_shape=[6], grid_origin=[3], chunk_aspect_ratio=[2])
    assert units_back((Unit("4nm"),), strided(1, 2)) == (Unit("2nm"),)


def test_a_hard_constraint_on_a_dimension_of_the_view_alone_is_refused():
    picked = IndexTransform(input_shape=[5], output=[OutputIndexMap(3)])
    with pytest.raises(ValueError, match="No output dimension corresponds to input dimension 0"):
        layout_back(ChunkLayout(chunk_shape=[2]), picked)
    assert layout_back(ChunkLayout(chunk_shape_soft_constraint=[2]), picked) == ChunkLayout(rank=1)
    with pytest.raises(
        ValueError, match="No output dimension corresponds to input dimension 0 with unit 4 nm"
    ):
        units_back((Unit("4nm"),), picked)


def test_a_view_has_its_part_of_the_fill_value():
    schema = Schema(shape=[2, 3], fill_value=[[1, 2, 3], [4, 5, 6]])
    assert np.array_equal(schema[1, ::-2].fill_value, [6, 4])
    assert np.array_equal(schema.vindex[[1, 0], [2, 2]].fill_value, [6, 3])
