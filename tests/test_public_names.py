"""Every public name of `tegula` says what it is and shows it in an example that runs (--doctest-modules)."""

from __future__ import annotations

import doctest
import inspect
import sys

import pytest

import tegula
import tegula.api.typing
import tegula.errors
from tegula.api.attributes import Attributes
from tegula.api.tree import Tree
from tegula.late import Late
from tegula.record import Record
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


# ---------------------------------------------------------------- the members of the public classes

# what these do is said by their class
OBVIOUS = {
    *("__init__", "__new__", "__init_subclass__", "__del__", "__setattr__", "__delattr__"),  # making
    *("__eq__", "__hash__", "__repr__", "__str__"),  # comparing, printing
    "__class_getitem__",  # the type of a future in an annotation
    *("__copy__", "__deepcopy__", "__reduce__", "__setstate__", "__weakref__"),  # copying, pickling
}
# how values are made late and records are made at all: no business of users
HIDDEN = {Late, Record}
# what methods give, and is not named in the package
GIVEN = {"Attributes": Attributes, "Tree": Tree}


def _classes():
    """The public classes by name: of the package, of its errors, within classes, and what methods give."""
    found = {name: getattr(tegula, name) for name in NAMES if isinstance(getattr(tegula, name), type)}
    found |= {name: getattr(tegula.errors, name) for name in tegula.errors.__all__} | GIVEN
    found = {name: kind for name, kind in found.items() if isinstance(kind, type)}
    for name, kind in list(found.items()):
        within = {member: value for member, value in vars(kind).items() if isinstance(value, type)}
        found |= {f"{name}.{member}": value for member, value in within.items() if member[0] != "_"}
    return {**found, "dtype": DataType}


CLASSES = _classes()


def _members():
    """Each public member of a class with where it is defined; those that are inherited, once."""
    seen = set()
    for name, kind in CLASSES.items():
        for owner in kind.__mro__:
            if owner.__module__.partition(".")[0] != "tegula" or owner in HIDDEN:
                continue
            for member, value in vars(owner).items():
                if member in OBVIOUS or (member.startswith("_") and not member.endswith("__")):
                    continue
                described = inspect.isfunction(value) or inspect.isdatadescriptor(value)
                described = described or isinstance(value, staticmethod | classmethod)
                if described and (owner, member) not in seen:
                    seen.add((owner, member))
                    yield pytest.param(owner, member, id=f"{name}.{member}")


def _text(owner, member):
    value = inspect.getattr_static(owner, member)
    slot = inspect.ismemberdescriptor(value)  # what `__slots__` says of it, where that is a mapping
    return (inspect.getdoc(value) if slot else inspect.cleandoc(value.__doc__ or "")) or ""


def _slot_of_a_record(owner, member):
    return issubclass(owner, Record) and member in owner.__slots__


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_public_class_has_a_docstring_with_an_example(name):
    assert ">>> " in _said(CLASSES[name])


@pytest.mark.parametrize(("owner", "member"), list(_members()))
def test_a_public_member_has_a_docstring_with_an_example(owner, member):
    if _slot_of_a_record(owner, member):
        assert member in _said(owner)
        return
    said = _text(owner, member)
    assert len(said.splitlines()[0]) > 15
    assert ">>> " in said


def _home(kind):
    """The module in which a class is written down; a public one says `tegula` (`public.py`)."""
    if kind.__module__ != "tegula":
        return sys.modules[kind.__module__]
    modules = [module for name, module in sys.modules.items() if name.startswith("tegula.")]
    (home,) = [module for module in modules if kind in getattr(module, "__test__", {}).values()]
    return home


MEMBERS = list(_members())
SLOTS = [one for one in MEMBERS if inspect.ismemberdescriptor(inspect.getattr_static(*one.values))]


@pytest.mark.parametrize(("owner", "member"), SLOTS)
def test_the_example_of_a_slot_runs(owner, member):
    """doctest looks for examples in functions and properties; those of slots are run here."""
    names = dict(vars(_home(owner)))
    text = _text(owner, member)
    test = doctest.DocTestParser().get_doctest(text, names, f"{owner.__name__}.{member}", None, None)
    reports: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=reports.append)
    assert not reports, "".join(reports)


def test_members_are_found():
    found = {one.id for one in MEMBERS}
    assert len(found) > 300
    for name in ("TensorStore.read", "TensorStore.shape", "Spec.update", "Dim.label", "dtype.name"):
        assert name in found
    assert {"ChunkLayout.Grid.shape", "KvStore.KeyRange.empty", "Context.Resource.limit"} <= found
    assert {"DimExpression.stride", "IndexTransform.input_shape", "Group.tree", "Attributes.put"} <= found
    assert "TensorStore.StorageStatistics.not_stored" in found


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
