"""Domains: rules and texts pinned against tensorstore 0.1.86."""

from __future__ import annotations

import copy
import pickle

import pytest

from tegula.errors import InvalidArgument
from tegula.space import Dim, IndexDomain, inf


def test_limits():
    assert inf == 4611686018427387903
    assert Dim().inclusive_min == -inf
    assert Dim().exclusive_max == inf + 1
    assert Dim().size == 2**63 - 1
    assert Dim(inclusive_min=2**62 - 2).inclusive_min == inf - 1
    with pytest.raises(ValueError, match="do not specify a valid half-open index interval"):
        Dim(inclusive_min=2**62 - 1)


@pytest.mark.parametrize(
    ("made", "text", "printed"),
    [
        (Dim(), "Dim()", "(-inf*, +inf*)"),
        (Dim(5), "Dim(inclusive_min=0, exclusive_max=5)", "[0, 5)"),
        (Dim("x"), 'Dim(label="x")', '"x": (-inf*, +inf*)'),
        (Dim(None, "x"), 'Dim(inclusive_min=0, label="x")', '"x": [0, +inf*)'),
        (Dim(None, 5), "Dim(exclusive_max=5)", "(-inf*, 5)"),
        (Dim(3, 7), "Dim(inclusive_min=3, exclusive_max=7)", "[3, 7)"),
        (Dim(inclusive_min=3, inclusive_max=7), "Dim(inclusive_min=3, exclusive_max=8)", "[3, 8)"),
        (Dim(size=3, inclusive_min=3), "Dim(inclusive_min=3, exclusive_max=6)", "[3, 6)"),
        (
            Dim(5, implicit_upper=True),
            "Dim(inclusive_min=0, exclusive_max=5, implicit_upper=True)",
            "[0, 5*)",
        ),
        (Dim(implicit_lower=False), "Dim(implicit_lower=False)", "(-inf, +inf*)"),
        (Dim(label='a"\n\u00e9'), 'Dim(label="a\\"\\n\\xc3\\xa9")', '"a\\"\\n\\xc3\\xa9": (-inf*, +inf*)'),
    ],
)
def test_dim_forms_print(made, text, printed):
    assert repr(made) == text
    assert str(made) == printed
    if made.label.isascii():
        assert eval(text) == made


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"size": -1}, "(0, -1) do not specify a valid sized index interval"),
        ({"inclusive_min": 5, "exclusive_max": 4}, "(5, 4) do not specify a valid half-open index interval"),
        ({"inclusive_min": 5, "inclusive_max": 3}, "(5, 3) do not specify a valid closed index interval"),
    ],
)
def test_dim_errors(arguments, text):
    with pytest.raises(ValueError) as error:
        Dim(**arguments)
    assert str(error.value) == text


@pytest.mark.parametrize("arguments", [(3.0,), ("x", "y"), (5, 6, 7), (2**63,)])
def test_dim_refuses_other_forms(arguments):
    with pytest.raises(TypeError):
        Dim(*arguments)


def test_dim_contains_iterates_and_combines():
    assert 3 in Dim(5)
    assert inf not in Dim()
    assert Dim(7, 7) in Dim(5)
    assert Dim(3, 8) not in Dim(5)
    assert list(Dim(1, 4)) == [1, 2, 3]
    with pytest.raises(ValueError, match="Cannot iterate over infinite interval"):
        iter(Dim(inclusive_min=3))
    assert Dim(5).hull(Dim(9, 9)) == Dim(5)
    assert Dim(5).intersect(Dim(7, 9)) == Dim(7, 7)
    assert Dim(5, implicit_upper=True).intersect(Dim(5)) == Dim(5)
    assert Dim(5, implicit_upper=True).intersect(Dim(6)) == Dim(5, implicit_upper=True)
    with pytest.raises(ValueError, match="Dimension labels do not match"):
        Dim(5, "x").hull(Dim(5, "y"))


def test_values_are_frozen_and_travel():
    for value in (Dim(5, "x"), IndexDomain([Dim(5, "x"), Dim()])):
        assert pickle.loads(pickle.dumps(value)) == value
        assert copy.deepcopy(value) == value
        with pytest.raises(AttributeError):
            value.inclusive_min = 1
    assert hash(copy.copy(value)) == hash(value)


def test_domain_components():
    domain = IndexDomain(inclusive_min=[1, 2, 3], shape=[3, 4, 5], labels=["x", "y", None])
    assert repr(domain) == '{ "x": [1, 4), "y": [2, 6), [3, 8) }'
    assert domain.exclusive_max == (4, 6, 8)
    assert domain.inclusive_max == (3, 5, 7)
    assert domain.origin == domain.inclusive_min == (1, 2, 3)
    assert domain.shape == (3, 4, 5)
    assert domain.size == 60
    assert domain.rank == domain.ndim == len(domain) == 3
    assert domain.implicit_lower_bounds == (False, False, False)
    assert domain.index_exp == (slice(1, 4), slice(2, 6), slice(3, 8))
    assert IndexDomain(list(domain)) == domain
    assert IndexDomain(exclusive_max=[2]).implicit_lower_bounds == (True,)
    assert IndexDomain(2).size == 2**63 - 1
    assert IndexDomain(shape=[2**40, 2**40, 0]).size == 0
    assert IndexDomain(0).size == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "Must specify `rank`"),
        ({"rank": 33}, "Invalid rank: 33"),
        ({"shape": [1] * 33}, "Rank specified by `shape` (33) exceeds maximum rank of 32"),
        (
            {"shape": [1, 2], "labels": ["x"]},
            "Rank specified by `labels` (1) does not match rank specified by `shape` (2)",
        ),
        ({"shape": [3], "exclusive_max": [3]}, "Cannot specify both `exclusive_max` and `shape`"),
        ({"labels": ["x", "x", "y", "y"]}, 'Dimension label(s) "x", "y" not unique'),
        ({"json": {}}, "Error parsing index domain from JSON: At least one of "),
        (
            {"json": {"inclusive_min": [3, "x"]}},
            'Error parsing index domain from JSON: Error parsing object member "inclusive_min": ',
        ),
        (
            {"json": {"shape": [1], "foo": 1}},
            'Error parsing index domain from JSON: Object includes extra members: "foo"',
        ),
    ],
)
def test_domain_errors(arguments, text):
    with pytest.raises(InvalidArgument) as error:
        IndexDomain(**arguments)
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    ("domain", "document"),
    [
        (IndexDomain(0), {"rank": 0}),
        (IndexDomain(3), {"rank": 3}),
        (IndexDomain(shape=[3, 4]), {"inclusive_min": [0, 0], "exclusive_max": [3, 4]}),
        (IndexDomain(2, labels=["x", ""]), {"labels": ["x", ""]}),
        (IndexDomain(inclusive_min=[3], implicit_lower_bounds=[True]), {"inclusive_min": [[3]]}),
        (IndexDomain(2, implicit_lower_bounds=[0, 1]), {"inclusive_min": ["-inf", ["-inf"]]}),
        (IndexDomain(2, implicit_upper_bounds=[0, 1]), {"exclusive_max": ["+inf", ["+inf"]]}),
    ],
)
def test_domain_json(domain, document):
    assert domain.to_json() == document
    assert IndexDomain(json=document) == domain


def test_domain_indexing():
    a = IndexDomain(inclusive_min=[1, 2, 3], exclusive_max=[4, 5, 6], labels=["x", "y", "z"])
    assert a[0] == Dim(1, 4, label="x")
    assert a["y"] == Dim(2, 5, label="y")
    assert a[-1] == Dim(3, 6, label="z")
    assert repr(a[:2]) == '{ "x": [1, 4), "y": [2, 5) }'
    assert repr(a["y", "x"]) == '{ "y": [2, 5), "x": [1, 4) }'
    with pytest.raises(ValueError, match=r"Input dimensions \{1\} specified more than once"):
        a["y", 1]
    with pytest.raises(IndexError, match=r"Dimension index 3 is outside valid range \[-3, 3\)"):
        a[3]
    with pytest.raises(IndexError, match=r'Label "w" does not match one of \{"x", "y", "z"\}'):
        a["w"]


def test_domain_by_domain_matches_labels():
    a = IndexDomain(inclusive_min=[0] * 4, exclusive_max=[10] * 4, labels=["x", "", "", "y"])
    b = IndexDomain(inclusive_min=[1, 2, 3, 4], exclusive_max=[6, 7, 8, 9], labels=["y", "", "x", ""])
    assert repr(a[b]) == '{ "x": [3, 8), [2, 7), [4, 9), "y": [1, 6) }'
    with pytest.raises(
        IndexError, match=r'OUT_OF_RANGE: Cannot slice target dimension 0 \{"x": \[0, 5\)\} with'
    ):
        IndexDomain([Dim(5, "x")])[IndexDomain([Dim(7, "x")])]


def test_domain_operations():
    a = IndexDomain(shape=[2, 3])
    assert repr(a.T) == "{ [0, 3), [0, 2) }"
    assert repr(a.label["x", "y"]) == '{ "x": [0, 2), "y": [0, 3) }'
    assert repr(a.translate_to[1]) == "{ [1, 3), [1, 4) }"
    assert repr(a.translate_by[1, None]) == "{ [1, 3), [0, 3) }"
    assert repr(a.mark_bounds_implicit[True:False]) == "{ [0*, 2), [0*, 3) }"
    with pytest.raises(
        ValueError, match=r"Number of dimensions \(2\) does not match number of indices \(3\)"
    ):
        a.translate_to[1, 2, 3]
    with pytest.raises(
        ValueError, match=r"Source dimension list \{1\} is not a valid dimension permutation for rank 2"
    ):
        a.transpose([1])
    with pytest.raises(ValueError, match="Mismatch in dimension 0: Dimension labels do not match"):
        IndexDomain([Dim("x")]).hull(IndexDomain([Dim("y")]))
