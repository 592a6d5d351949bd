"""Chunk layouts against tensorstore 0.1.86: every case runs on both, texts and all."""

from __future__ import annotations

import contextlib
import copy
import pickle

import pytest

from tegula.schema.layout import ChunkLayout

nan, inf = float("nan"), float("inf")

KEYWORDS = [
    {}, {"rank": 2}, {"chunk_shape": [2, 3]}, {"inner_order": [0, 1]}, {"inner_order": [0, 2]},
    {"inner_order": [1, 0], "rank": 3}, {"inner_order_soft_constraint": [1, 0]},
    {"inner_order": [0, 1], "inner_order_soft_constraint": [1, 0]}, {"grid_origin": [1, None]},
    {"grid_origin": [None, None]}, {"grid_origin": [1, 2], "grid_origin_soft_constraint": [3, None]},
    {"grid_origin_soft_constraint": [3, None]}, {"chunk_shape": [-1, 3]}, {"chunk_shape": [0, 3]},
    {"chunk_shape": [None, 3]}, {"chunk_shape": [-2, 3]}, {"chunk_shape": [2.5]}, {"chunk_elements": 10},
    {"chunk_elements": 0}, {"chunk_elements": -1}, {"chunk_aspect_ratio": [1, 2.5]},
    {"chunk_aspect_ratio": [1, None]}, {"chunk_aspect_ratio": [1, 0]}, {"chunk_aspect_ratio": [1, -1]},
    {"chunk_aspect_ratio": [inf]}, {"chunk_aspect_ratio": [nan]},
    {"write_chunk_shape": [4], "chunk_shape": [2]}, {"chunk_shape": [2], "write_chunk_shape": [2]},
    {"chunk_shape_soft_constraint": [2], "write_chunk_shape": [4]}, {"codec_chunk_elements": 3},
    {"chunk_shape": [2], "write_chunk_shape": [2, 2]}, {"foo": 1}, {"rank": 33}, {"rank": -1},
    {"finalize": True}, {"rank": 1, "finalize": True}, {"grid_origin": [0], "finalize": True},
    {"grid_origin": [0], "chunk_shape": [4], "finalize": True},
    {"grid_origin": [0], "write_chunk_shape": [4], "finalize": True},
    {"grid_origin": [0], "write_chunk_shape": [4], "read_chunk_shape": [3], "finalize": True},
    {"grid_origin": [0], "read_chunk_shape": [3], "finalize": True},
    {"grid_origin": [0, None], "write_chunk_shape": [4, 4], "finalize": True},
    {"grid_origin": [0], "write_chunk_shape": [4], "chunk_elements": 3, "chunk_aspect_ratio": [1],
     "inner_order_soft_constraint": [0], "finalize": True},
    {"grid_origin": [0], "chunk_shape_soft_constraint": [4], "finalize": True},
    {"grid_origin": [2**62], "chunk_shape": [4], "finalize": True}, {"chunk_shape": [2**62]},
    {"chunk_elements_soft_constraint": 3, "chunk_elements": 4}, {"chunk_shape": []}, {"inner_order": []},
    {"rank": 0}, {"chunk_shape_soft_constraint": [2, None], "chunk_aspect_ratio_soft_constraint": [1, 2]},
    {"write_chunk_elements": 3, "rank": 2}, {"chunk_shape": [-1, -1]}, {"read_chunk_aspect_ratio": [1.5]},
    {"inner_order": [0, 1], "inner_order_soft_constraint": [0, 1, 2]}, {"chunk_elements": 1.5},
    {"grid_origin": [-5], "write_chunk_shape": [4]}, {"rank": "x"}, {"chunk_shape": 3},
]  # fmt: skip

DOCUMENTS = [
    {"chunk": {"shape": [2]}}, {"chunk": 3}, {"write_chunk": {"shape": 3}}, {"write_chunk": {"shape": ["x"]}},
    {"write_chunk": {"shape": [1.5]}}, {"write_chunk": {"shape": [2], "shape_soft_constraint": [3]}},
    {"inner_order": [0, 0]}, {"inner_order": ["x"]}, {"inner_order": 3}, {"rank": 2, "inner_order": [0]},
    {"grid_origin": ["x"]}, {"grid_origin": [1, None]}, {"write_chunk": {"elements": "x"}},
    {"write_chunk": {"elements": None}}, {"write_chunk": {"elements": 0}}, {"write_chunk": {"elements": -3}},
    {"write_chunk": {"aspect_ratio": [0, 1, None]}}, {"write_chunk": {"aspect_ratio": ["x"]}},
    {"write_chunk": {"aspect_ratio": [-1]}}, {"write_chunk": {"shape": [-2]}},
    {"codec_chunk": {"elements": 3, "shape": [1], "aspect_ratio": [3]}},
    {"chunk": {"elements": 3, "shape": [1], "aspect_ratio": [3]}}, {"grid_origin_soft_constraint": [3]},
    {"chunk": {"shape_soft_constraint": [-1]}}, {"grid_origin": [2**62]}, {"rank": 3}, {"chunk": {},
    "rank": 2},
    {"chunk": None}, {"grid_origin": None}, {"inner_order": None}, {"grid_origin": [1], "inner_order": [0,
    1]},
    {"chunk": {"shape": [2, 3]}, "write_chunk": {"shape": [2, 4]}},
    {"chunk": {"shape": [1]}, "codec_chunk": {"shape": [2]}}, 3, "x", [], {"foo": 1, "bar": 2},
    {"foo": 1, "rank": "x"}, {"rank": 33}, {"chunk": {"foo": 1}}, {"chunk": {"shape": [1] * 33}},
    {"rank": 2, "chunk": {"shape": [1]}}, {"inner_order": [1]}, {"inner_order": [0, 32]},
    {"chunk": {"shape": [1], "aspect_ratio": [1, 2]}}, {"write_chunk": {"shape": [None]}},
    {"write_chunk": {"shape": [None, None], "elements": 3}},
]  # fmt: skip

PARTS = [
    "rank", "ndim", "inner_order", "inner_order_soft_constraint", "grid_origin",
    "grid_origin_soft_constraint",
    "write_chunk_template", "read_chunk_template",
]  # fmt: skip
GRID_PARTS = [
    "rank", "ndim", "shape", "shape_soft_constraint", "aspect_ratio", "aspect_ratio_soft_constraint",
    "elements", "elements_soft_constraint",
]  # fmt: skip

GRIDS = [
    {"shape": [2, -1, None], "elements": 3, "aspect_ratio": [1, 2, None],
    "aspect_ratio_soft_constraint": [3, 4, 5],
     "shape_soft_constraint": [7, 8, 9], "elements_soft_constraint": 8},
    {"elements_soft_constraint": 8}, {"rank": 2}, {}, {"shape": [1], "rank": 2}, {"shape": [2]},
    {"shape": [-1]},
    {"shape_soft_constraint": [-1]}, {"shape": [0]}, {"shape": [-5]}, {"elements": -4}, {"rank": 33},
    {"elements": 3, "elements_soft_constraint": 4}, {"aspect_ratio": [nan]},
]  # fmt: skip


@pytest.fixture
def wheel():
    return pytest.importorskip("tensorstore").ChunkLayout


def both(wheel, make, outcome, shown=repr):
    ours, theirs = outcome(lambda: make(ChunkLayout), shown), outcome(lambda: make(wheel), shown)
    assert ours == theirs


@pytest.fixture
def outcome():
    def run(make, shown=repr):
        try:
            return shown(make())
        except ValueError as error:
            return f"ValueError: {error}"
        except TypeError:
            return "TypeError"

    return run


@pytest.mark.peers
@pytest.mark.parametrize("options", KEYWORDS, ids=repr)
def test_keywords(wheel, outcome, options):
    both(wheel, lambda cls: cls(**options), outcome)
    both(wheel, lambda cls: cls(**options).to_json(), outcome)
    if options.get("rank") == 0:
        return  # the wheel answers None or () part by part; here they are all ()
    for part in PARTS:
        both(wheel, lambda cls: getattr(cls(**options), part), outcome)  # noqa: B023
    for chunk in ("write_chunk", "read_chunk", "codec_chunk"):
        for part in GRID_PARTS:
            both(wheel, lambda cls: getattr(getattr(cls(**options), chunk), part), outcome)  # noqa: B023


@pytest.mark.peers
@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
def test_documents(wheel, outcome, document):
    both(wheel, lambda cls: cls(document), outcome)


@pytest.mark.peers
@pytest.mark.parametrize("options", GRIDS, ids=repr)
def test_grids(wheel, outcome, options):
    both(wheel, lambda cls: cls.Grid(**options).to_json(), outcome)
    for part in GRID_PARTS:
        both(wheel, lambda cls: getattr(cls.Grid(**options), part), outcome)  # noqa: B023


@pytest.mark.peers
@pytest.mark.parametrize("usage", ["chunk", "write_chunk", "read_chunk", "codec_chunk"])
def test_grids_as_arguments(wheel, outcome, usage):
    grid = {"shape": [2, 3], "elements": 10, "aspect_ratio": [1, 2]}
    both(wheel, lambda cls: cls(**{usage: cls.Grid(**grid)}), outcome)
    both(wheel, lambda cls: cls(**{usage: cls.Grid(rank=2)}), outcome)
    both(wheel, lambda cls: cls(chunk_shape=[2, 4], **{usage: cls.Grid(**grid)}), outcome)


@pytest.mark.peers
def test_grids_merge(wheel, outcome):
    both(wheel, lambda cls: cls.Grid(grid=cls.Grid(shape=[2])).to_json(), outcome)
    both(wheel, lambda cls: cls.Grid(shape=[3], grid=cls.Grid(shape=[2])).to_json(), outcome)


def test_soft_grids_are_soft():
    # tensorstore 0.1.86 takes grid_soft_constraint as hard, against its documentation
    grid = ChunkLayout.Grid(grid_soft_constraint=ChunkLayout.Grid(shape=[2], elements=3))
    assert grid.to_json() == {"shape_soft_constraint": [2], "elements_soft_constraint": 3}


def test_codec_chunk_shapes_are_for_codec_chunks():
    # tensorstore 0.1.86 applies the keyword codec_chunk_shape to read chunks, against its documentation
    layout = ChunkLayout(codec_chunk_shape=[8], read_chunk_shape=[2])
    assert layout.to_json() == {"codec_chunk": {"shape": [8]}, "read_chunk": {"shape": [2]}}


def test_update_is_in_place_and_all_or_nothing_for_each_keyword():
    layout = ChunkLayout(chunk_shape=[2, None])
    with pytest.raises(ValueError, match="New hard constraint"):
        layout.update(write_chunk_shape=[3, 5])
    assert layout == ChunkLayout(chunk_shape=[2, None])
    layout.update(write_chunk_shape=[2, 5])
    assert layout.write_chunk.shape == (2, 5)


def test_parts_are_copies():
    layout = ChunkLayout(chunk_shape=[2, None])
    part, other = layout.write_chunk, copy.copy(layout)
    part.update(shape=[2, 7])
    other.update(chunk_shape=[2, 9])
    assert layout.write_chunk.shape == (2, None)
    assert other.write_chunk.shape == (2, 9)


def layouts():
    for options in KEYWORDS:
        with contextlib.suppress(ValueError, TypeError):
            yield ChunkLayout(**options)


@pytest.mark.parametrize("layout", list(layouts()), ids=repr)
def test_layouts_survive_pickling(layout):
    assert pickle.loads(pickle.dumps(layout)) == layout
    assert pickle.loads(pickle.dumps(layout.write_chunk)) == layout.write_chunk
    assert copy.deepcopy(layout) == layout


def test_layouts_are_unhashable_because_they_change():
    with pytest.raises(TypeError, match="unhashable"):
        hash(ChunkLayout())
    assert ChunkLayout() != 3
