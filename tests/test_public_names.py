"""Every public name of `tegula` says what it is and shows it in an example that runs (--doctest-modules)."""

from __future__ import annotations

import inspect

import pytest

import tegula
import tegula.api.typing
from tegula.schema.dtypes import DataType

# without docstrings of their own: the data types (one class), None, a number, and what is in every module
CONSTANTS = {name for name in dir(tegula) if isinstance(getattr(tegula, name, None), DataType)}
PLAIN = {"newaxis", "inf", "Any", "TYPE_CHECKING", "annotations"}
# types of arguments, which only annotations name: unions have no docstring
TYPES = set(tegula.api.typing.__all__)
NAMES = [
    name
    for name in dir(tegula)
    if not name.startswith("_")
    and name not in CONSTANTS | PLAIN | TYPES
    and not inspect.ismodule(getattr(tegula, name))  # a part of the package that was imported already
]


def _said(value: object) -> str:
    return inspect.cleandoc(value.__doc__ or "")


def test_the_data_types_are_left_out_and_little_else():
    assert len(CONSTANTS) == 30
    assert {"TensorStore", "open", "d", "pipe", "explain", "Schema"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_a_docstring_with_an_example(name):
    value = getattr(tegula, name)
    assert ">>> " in _said(value)
    assert len(_said(value).splitlines()[0]) > 20


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(getattr(tegula, name), type)])
def test_every_method_and_property_of_a_public_class_has_a_docstring(name):
    for member, value in vars(getattr(tegula, name)).items():
        if not member.startswith("_") and isinstance(value, property | staticmethod | classmethod):
            assert inspect.getdoc(getattr(getattr(tegula, name), member)), member
        elif not member.startswith("_") and inspect.isfunction(value):
            assert inspect.getdoc(value), member


@pytest.mark.parametrize(
    "name", ["open", "array", "explain", "pipe", "read", "resolve", "resize", "spec", "write"]
)
def test_a_public_function_names_each_of_its_parameters(name):
    function = getattr(tegula, name)
    for parameter in inspect.signature(function).parameters:
        assert parameter in _said(function), parameter


@pytest.mark.parametrize("name", ["open", "array", "cast", "downsample", "read", "write"])
def test_what_can_fail_says_how(name):
    assert "Raises" in _said(getattr(tegula, name))


@pytest.mark.parametrize("name", sorted(tegula.__all__))
def test_what_is_listed_is_there(name):
    getattr(tegula, name)
