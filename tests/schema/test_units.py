"""Units against tensorstore 0.1.86: parsing, text, JSON and arithmetic."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tegula.schema.units import Unit

ARGUMENTS = [
    ("4 nm",), ("4nm",), ("nm",), ("4",), ("",), (4,), (4.5,), ((4, "nm"),), ([4, "nm"],), ("  4  nm  ",),
    ("-4nm",), ("+4nm",), ("4e3um",), (".5m",), ("1.",), ("1.e2 x",), ("e3",), ("4e",), ("4 e3",), ("inf",),
    ("nan",), ("infm",), ("0x10m",), ("1 2 3",), (b"nm",), (True,), (np.float32(3.25),), (1e30,), (1e-7,),
    (123456789,), (1234567.0,), (0.1,), (1e16,), (-0.0,), (float("inf"),), ("1/2 m",), ("\t4\nnm",),
    ("4,5nm",),
    ("4_0nm",), ("--4",), ("- 4nm",), ("1e400m",), (4, "nm"), (4, " nm "), (), (None,), (("a", "b"),),
    ((1, 2),),
    ((4,),), ("nm", 4), ('a"b',),
]  # fmt: skip
DOCUMENTS = [[4, "nm"], "4nm", 4, None, [4], ["nm", 4], {"a": 1}, True, [4.5, ""], [1, 2], [[], "nm"]]


def outcome(make):
    try:
        unit = make()
    except ValueError as error:
        return f"ValueError: {error}"
    except TypeError:
        return "TypeError"
    return repr(unit), str(unit), unit.to_json(), unit.multiplier, unit.base_unit


@pytest.mark.peers
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=repr)
def test_arguments(arguments):
    wheel = pytest.importorskip("tensorstore").Unit
    assert outcome(lambda: Unit(*arguments)) == outcome(lambda: wheel(*arguments))


@pytest.mark.peers
@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
def test_documents(document):
    wheel = pytest.importorskip("tensorstore").Unit
    ours, theirs = outcome(lambda: Unit(json=document)), outcome(lambda: wheel(json=document))
    assert ours == theirs


@pytest.mark.peers
@pytest.mark.parametrize(
    "options",
    [{"multiplier": 4}, {"unit": "4nm"}, {"multiplier": 4, "base_unit": "x"}, {"unit": (3, "a")}, {"x": 1}],
)
def test_keywords(options):
    wheel = pytest.importorskip("tensorstore").Unit
    assert outcome(lambda: Unit(**options)) == outcome(lambda: wheel(**options))


def test_arithmetic():
    unit = Unit("4nm")
    assert unit * 2 == Unit(8, "nm")
    assert unit / 2 == Unit(2, "nm")
    assert unit / 0 == Unit(float("inf"), "nm")
    assert unit * np.float64(2.5) == Unit(10, "nm")
    for wrong in (lambda: 2 * unit, lambda: 2 / unit, lambda: unit * unit, lambda: unit * "a"):
        with pytest.raises(TypeError):
            wrong()


def test_units_are_values():
    unit = Unit("4nm")
    assert pickle.loads(pickle.dumps(unit)) == unit
    assert hash(unit) == hash(Unit(4, "nm"))
    assert unit != "4nm"
    with pytest.raises(AttributeError):
        unit.multiplier = 3


def test_units_have_no_algebra():
    assert Unit("4 nm") != Unit("0.004 um")


def test_names_are_printed_as_they_are():
    # tensorstore 0.1.86 prints the UTF-8 bytes in hexadecimal
    assert repr(Unit("µm")) == 'Unit(1, "µm")'
