"""Indexing rules and texts of the specification, pinned against tensorstore 0.1.86."""

from __future__ import annotations

import numpy as np
import pytest

from tegula.space import Dim, Indexable, IndexDomain, IndexTransform, OutputIndexMap, d, newaxis


def over(*dims):
    return IndexTransform(IndexDomain([x if isinstance(x, Dim) else Dim(*x) for x in dims]))


def image(t):
    """The source indices, in order, of a transform from one dimension to one."""
    return [t([i])[0] for i in t.domain[0]]


@pytest.mark.parametrize(
    ("lo", "hi", "key", "domain", "indices"),
    [
        (0, 10, slice(None, None, -1), (-9, 1), list(range(9, -1, -1))),
        (0, 10, slice(9, 2, -3), (-3, 0), [9, 6, 3]),
        (-5, 5, slice(-5, None, 2), (-2, 3), [-5, -3, -1, 1, 3]),
        (-5, 5, slice(-5, 5, 3), (-1, 3), [-5, -2, 1, 4]),
        (1, 11, slice(None, None, 3), (0, 4), [1, 4, 7, 10]),
        (1, 11, d[:].stride[3], (1, 4), [3, 6, 9]),
        (-5, 5, d[:].stride[2], (-2, 3), [-4, -2, 0, 2, 4]),
        (0, 10, slice(12, 12), (12, 12), []),
        (0, 10, slice(3, 7), (3, 7), [3, 4, 5, 6]),
    ],
)
def test_slice_table(lo, hi, key, domain, indices):
    t = over((lo, hi))[key]
    assert t.domain == IndexDomain([Dim(*domain)])
    assert image(t) == indices


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (
            slice(5, 3),
            "Computing interval slice for dimension 0: (5, 2) do not specify a valid closed index interval",
        ),
        (
            slice(5, 12),
            "OUT_OF_RANGE: Computing interval slice for dimension 0: Slice interval [5, 12) is not contained within domain [0, 10)",  # noqa: E501
        ),
        (slice(None, None, 0), "Computing interval slice for dimension 0: Invalid stride 0"),
        (
            -1,
            "OUT_OF_RANGE: Checking bounds of constant output index map for dimension 0: Index -1 is outside valid range [0, 10)",  # noqa: E501
        ),
        ((1, 2), "Indexing expression requires 2 dimensions, and cannot be applied to a domain of rank 1"),
        (
            1.5,
            "Only integers, slices (`:`), ellipsis (`...`), tensorstore.newaxis (`None`) and integer or boolean arrays are valid indices",  # noqa: E501
        ),
        (np.array([1.5]), "Arrays used as indices must be of integer (or boolean) type"),
        ((..., ...), "An index can only have a single ellipsis (`...`)"),
        ([100], "OUT_OF_RANGE: Index 100 is outside valid range [0, 10)"),
        (d[0], "Must specify at least one operation in dimension expression"),
        (d[0, 0].translate_to[1], "Number of dimensions (2) exceeds input rank (1)."),
        (d["x"][3], 'Label "x" does not match one of {""}'),
        (d[0].stride[0], "Applying stride to input dimension 0: Stride must be non-zero"),
        (d[0][1, 2], "Indexing expression requires 2 dimensions but selection has 1 dimensions"),
        (d[:][newaxis], "`:` is not a valid specification for new dimensions"),
    ],
)
def test_errors(key, text):
    with pytest.raises(IndexError) as error:
        over((0, 10))[key]
    assert str(error.value) == text


def test_errors_of_parsing():
    with pytest.raises(TypeError, match="slice indices must be integers or None or have an __index__ method"):
        d[0][1.5:]
    with pytest.raises(
        IndexError, match=r"stop=\[0,1\] \(rank 2\) is incompatible with start=\[2,2,2\] \(rank 3\)"
    ):
        d[:2][[2, 2, 2] : (0, 1)]
    with pytest.raises(IndexError, match="not valid in chained indexing"):
        d[0][1:2][newaxis]


def test_implicit_bounds_do_not_restrict():
    t = over(Dim(10, implicit_upper=True))
    assert repr(t.domain) == "{ [0, 10*) }"
    assert repr(t[100:200].domain) == "{ [100, 200) }"
    assert repr(t[0:].domain) == "{ [0, 10*) }"
    with pytest.raises(IndexError):
        t[-3:5]


def test_reversed_slices_of_implicit_bounds_keep_the_given_edge():
    """The wheel clears the flag of the wrong edge here; each edge is explicit iff the slice gave it."""
    t = over(Dim(10, implicit_upper=True))
    assert repr(t[5::-1].domain) == "{ [-5, 1) }"
    assert image(t[5::-1]) == [5, 4, 3, 2, 1, 0]
    assert repr(t[:2:-1].domain) == "{ [-9*, -2) }"
    assert repr(t[::-1].domain) == "{ [-9*, 1) }"
    empty = over(Dim(0, implicit_upper=True))
    assert empty[::-1].domain.shape == (0,)
    assert empty.vindex[::-1] == empty[::-1]


def test_newaxis_and_bools():
    t = over((0, 3))
    assert repr(t[newaxis].domain) == "{ [0*, 1*), [0, 3) }"
    assert repr(t[True].domain) == "{ [0, 1), [0, 3) }"
    assert repr(t[False].domain) == "{ [0, 0), [0, 3) }"


def test_masks_are_positional_from_zero():
    t = over((10, 15))
    assert t[[True, False, True, True, False]].maps[0].index_array.tolist() == [0, 2, 3]
    assert over((0, 5))[[True, False, True]].domain.shape == (2,)


def test_dimension_placement_of_index_arrays():
    t = over((0, 2), (0, 3), (0, 4))
    # integers are not counted as index arrays: NumPy gives (2, 3) for the first
    assert t[0, :, [0, 1]].domain.shape == (3, 2)
    assert t[[0, 1], :, [0, 1]].domain.shape == (2, 3)
    assert t[:, [0, 1], [0, 1]].domain.shape == (2, 2)
    assert t.vindex[:, [0, 1], [0, 1]].domain.shape == (2, 2)
    assert t.vindex[:, [0, 1, 2]].domain.shape == (3, 2, 4)
    assert t.oindex[[0, 1], :, [0, 1, 2]].domain.shape == (2, 3, 3)
    assert t.oindex[[[0, 1], [1, 0]]].domain.shape == (2, 2, 3, 4)
    assert t.oindex[np.ones((2, 3), bool)].domain.shape == (6, 4)
    with pytest.raises(IndexError, match=r"Incompatible index array shapes: \{3\} vs \{2\}"):
        t[[0, 1], [0, 1, 2]]


def test_index_arrays_are_private_copies_and_lazily_bound():
    a = np.array([0, 100])
    t = over((0, 10))[a]
    a[:] = 7
    (m,) = t.maps
    assert m.index_array.tolist() == [0, 100]
    assert not m.index_array.flags.writeable
    assert m.index_range == Dim(10)
    assert t.domain == IndexDomain(shape=[2])
    with pytest.raises(ValueError, match="Index 100 is outside valid range"):
        t([1])


def test_index_arrays_need_explicit_bounds():
    t = over((0, 10))[[1, 2, 3]]
    with pytest.raises(
        ValueError, match="Cannot mark input dimension 0 as having implicit bounds because it indexes"
    ):
        t.mark_bounds_implicit[True]
    with pytest.raises(ValueError, match="depends on input dimension 0 with implicit bounds"):
        IndexTransform(
            input_shape=[2], implicit_upper_bounds=[True], output=[OutputIndexMap(index_array=[1, 2])]
        )


def test_vector_slices():
    t = over((0, 10), (0, 10))
    assert repr(t[d[:2][(1, 2) : (5, 6) : (1, 2)]].domain) == "{ [1, 5), [1, 3) }"


def test_dimension_expressions():
    t = IndexTransform(input_shape=[2, 3, 4], input_labels=["x", "y", "z"])
    assert repr(t[d["y", "x"].transpose[0, 1]].domain) == '{ "y": [0, 3), "x": [0, 2), "z": [0, 4) }'
    assert repr(t[d["z"].transpose[0]].domain) == '{ "z": [0, 4), "x": [0, 2), "y": [0, 3) }'
    assert repr(t[d["x", "y"].diagonal].domain) == '{ [0, 2), "z": [0, 4) }'
    assert repr(t[d["x"].label[""]].domain) == '{ [0, 2), "y": [0, 3), "z": [0, 4) }'
    assert repr(t[d["y"].translate_to[5][6:8]].domain) == '{ "x": [0, 2), "y": [6, 8), "z": [0, 4) }'
    assert repr(t[d[0, 2][newaxis]].domain) == '{ [0*, 1*), "x": [0, 2), [0*, 1*), "y": [0, 3), "z": [0, 4) }'
    assert d["y"].translate_to[5](t) == t[d["y"].translate_to[5]]
    with pytest.raises(IndexError, match="Dimension 0 specified more than once"):
        t[d[0, 0][1:2]]


def test_composition_of_index_arrays():
    t = over((0, 10))[[3, 1, 4, 1, 5]][1:4][::-1]
    assert image(t) == [1, 4, 1]
    assert image(over((0, 10))[[3, 1, 4]][[2, 0]]) == [4, 3]
    with pytest.raises(
        IndexError, match="In index array map for output dimension 0: Index 9 is outside valid range"
    ):
        over((0, 10))[[3, 1, 4]][[2, 9]]


@pytest.mark.parametrize(
    ("view", "shape"),
    [
        (lambda x: x[newaxis][6:8][[4, 7]], (2, 5, 6)),
        (lambda x: x[newaxis][6:8].oindex[[4, 7]], (2, 5, 6)),
        (lambda x: x[newaxis][6:8].vindex[[4, 7]], (2, 5, 6)),
        (lambda x: x[newaxis][6:8][d[0][[4, 7]]], (2, 5, 6)),
        (lambda x: x[newaxis][6:8][d[0].oindex[[[4], [7]]]], (2, 1, 5, 6)),
        (lambda x: x[newaxis][6:8][d[0, 1].vindex[[4, 7], [1, 2]]], (2, 6)),
        (lambda x: x[d[0][newaxis]][6:8][[4]], (1, 5, 6)),
        (lambda x: x[newaxis][6:8][[False, True, True]], (2, 5, 6)),
        (lambda x: x[newaxis][6:8:2][[4, 17]], (2, 5, 6)),
        (lambda x: x[newaxis][6:6][[4, 7]], (2, 5, 6)),
        (lambda x: x[newaxis][6:8][[4, 7], [1, 20]], (2, 6)),
        (lambda x: x[newaxis][6:8][[4, 7]][[0, 5]], (2, 5, 6)),
        (lambda x: x[newaxis][6:8].translate_by[3][[4, 17]], (2, 5, 6)),
        (lambda x: x[newaxis].mark_bounds_implicit[False][[4, 17]], (2, 5, 6)),
        (lambda x: x[:, [1, 2]][newaxis][5:9][[4, 11]], (2, 5, 2)),
        (lambda x: x[:, [2]][:, [0, 3]], (5, 2)),
        (lambda x: x[newaxis][5:9][IndexTransform(1, output=[OutputIndexMap(7)])[[4]]], None),
        (lambda x: x[3][d[0][newaxis]][2:3][[1, 5]], (2, 6)),
    ],
)
def test_index_arrays_over_a_dimension_that_no_output_follows_are_not_checked(view, shape):
    """As in tensorstore 0.1.86: there is no element that could be another one."""
    t = over((0, 5), (0, 6))
    if shape is None:
        with pytest.raises(IndexError, match="cannot be composed"):
            view(t)
    else:
        assert view(t).domain.shape == shape


def test_index_arrays_over_one_that_some_output_follows_are():
    """Array through array at once, others when elements are read, a single value at once."""
    t = over((0, 5), (0, 6))
    with pytest.raises(IndexError, match="In index array map for output dimension 0: Index 5 is outside"):
        t[[1, 2]][[0, 5]]
    assert t[newaxis][6:8][:, [1, 20]].domain.shape == (2, 2, 6)
    wide = over((0, 5))[[[3, 4], [1, 2]]]
    for one in (wide[:1], wide[d[0][:1]], wide[IndexDomain(shape=[1, 2])]):
        assert one[[0, 0]].domain.shape == (2, 2)
        for view in (lambda x: x[[0, 5]], lambda x: x.oindex[[0, 5], [0, 1]], lambda x: x[True, [0, 5]]):
            with pytest.raises(IndexError, match="Index 5 is outside valid range"):
                view(one)
    with pytest.raises(IndexError, match="Index 20 is outside valid range"):
        t[newaxis][6:8][:, [20]]
    with pytest.raises(IndexError, match="Index 4 is outside valid range"):
        t[newaxis][6:8][4]


def test_transform_prints():
    t = over((0, 3), (0, 4))[[0, 2], 1:]
    assert repr(t) == (
        "Rank 2 -> 2 index space transform:\n"
        "  Input domain:\n"
        "    0: [0, 2)\n"
        "    1: [1, 4)\n"
        "  Output index maps:\n"
        "    out[0] = 0 + 1 * bounded([0, 3), array(in)), where array =\n"
        "      {{0}, {2}}\n"
        "    out[1] = 0 + 1 * in[1]\n"
    )


def test_transform_json():
    t = IndexTransform(
        input_inclusive_min=[1, 2, -1],
        implicit_lower_bounds=[1, 0, 0],
        input_shape=[3, 2, 2],
        implicit_upper_bounds=[0, 1, 0],
        input_labels=["x", "y", "z"],
        output=[
            OutputIndexMap(offset=7, stride=13, input_dimension=1),
            OutputIndexMap(offset=8),
            OutputIndexMap(
                offset=1,
                stride=-2,
                index_array=[[[1, 2]]],
                index_range=Dim(inclusive_min=-3, exclusive_max=10),
            ),
        ],
    )
    document = {
        "input_exclusive_max": [4, [4], 1],
        "input_inclusive_min": [[1], 2, -1],
        "input_labels": ["x", "y", "z"],
        "output": [
            {"input_dimension": 1, "offset": 7, "stride": 13},
            {"offset": 8},
            {"index_array": [[[1, 2]]], "offset": 1, "stride": -2},
        ],
    }
    assert t.to_json() == document
    assert IndexTransform(json=document).maps[:2] == t.maps[:2]
    assert IndexTransform(3).to_json() == {"input_rank": 3}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"output": []}, "At least one of "),
        (
            {"input_rank": 1, "output": [{"stride": 2}]},
            'Error parsing object member "output": Error parsing value at position 0: Error parsing object member "stride": Either "input_dimension" or',  # noqa: E501
        ),
        (
            {"input_rank": 1, "output": [{"input_dimension": 1}]},
            "Input dimension 1 specified for output dimension 0 is outside valid range [0, 1)",
        ),
        (
            {"input_shape": [2], "output": [{"index_array": [1, [2]]}]},
            'Error parsing object member "output": Error parsing value at position 0: Error parsing object member "index_array": Expected rank-1 array, but found array element [2] at position {1}.',  # noqa: E501
        ),
        (
            {"input_shape": [3], "output": [{"index_array": [1, 2]}]},
            "Index array for output dimension 0 has shape {2} which does not match input_shape {3}",
        ),
    ],
)
def test_transform_json_errors(document, text):
    with pytest.raises(ValueError) as error:
        IndexTransform(json=document)
    assert str(error.value).startswith(f"Error parsing index transform from JSON: {text}")


@pytest.mark.parametrize(
    "text",
    [
        "d[()]",
        "d['x',1:2,::2,-1]",
        "d[0].translate_to[5]",
        "d[0].translate_to[5,]",
        "d[:].translate_by[1,None]",
        "d[0].translate_backward_by[3].stride[2].label['x'].transpose[:]",
        "d[0].diagonal.mark_bounds_implicit[True:False]",
        "d[0].mark_bounds_implicit[:True].mark_bounds_implicit[False]",
        "d[0][1:2,3,...,None]",
        "d[0][5,]",
        "d[0].oindex[array([1, 2]),3].vindex[::2]",
        "d[0][array([ True, False,  True]),]",
    ],
)
def test_expressions_print_as_the_code_that_makes_them(text):
    import pickle

    made = eval(text, {"d": d, "array": np.array})
    assert repr(made) == text
    assert eval(repr(made), {"d": d, "array": np.array}) == made
    assert pickle.loads(pickle.dumps(made)) == made
    assert made != d[1].translate_to[2]


class Shelf(Indexable):
    """The least that is indexable: a transform, and the same thing through another."""

    def __init__(self, transform):
        self._transform = transform

    def _with_transform(self, new):
        return Shelf(new)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[2:4, 1],
        lambda x: x[[0, 1], [1, 2]],
        lambda x: x.oindex[[0, 1], [1, 2]],
        lambda x: x.vindex[:, [1, 2]],
        lambda x: x[d["x"].translate_to[3]],
        lambda x: x[IndexDomain([Dim(2, "x"), Dim(1, 3, label="y")])],
        lambda x: x.translate_to[5, 6],
        lambda x: x.translate_by[5],
        lambda x: x.translate_backward_by[None, 6],
        lambda x: x.label["a", ""],
        lambda x: x.mark_bounds_implicit[:True],
        lambda x: x.T,
        lambda x: x.transpose(["y", 0]),
        lambda x: d["y"][2](x),
    ],
)
def test_anything_with_a_transform_is_indexable(view):
    """x.op[arg]._transform == x._transform.op[arg]"""
    t = IndexTransform(input_shape=[4, 5], input_labels=["x", "y"])
    assert isinstance(view(Shelf(t)), Shelf)
    assert view(Shelf(t))._transform == view(t)


def test_things_with_transforms_do_not_iterate():
    with pytest.raises(TypeError):
        iter(Shelf(IndexTransform(2)))
    with pytest.raises(TypeError):
        iter(d[0])
    assert repr(IndexTransform(0).oindex).endswith(".oindex")
