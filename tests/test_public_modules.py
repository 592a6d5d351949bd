"""Public names say `tegula`, where TensorStore's say `tensorstore`: in reprs, in pickles, to `inspect`."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pickle
import pkgutil
import pydoc
import subprocess
import sys
from operator import attrgetter

import pytest

import tegula
import tegula.api.typing

OTHER = {"T", *tegula.api.typing.__all__}  # a type variable of the wheel, and unions


def _told(library):
    """What each public class and function, and each class within one, says of itself."""
    found = {}

    def look(path, value):
        if isinstance(value, type):
            found[path] = (value.__module__, value.__qualname__, value.__name__, repr(value))
            for name in dir(value):
                member = inspect.getattr_static(value, name)
                if name[0] != "_" and isinstance(member, type):
                    look(f"{path}.{name}", member)
        elif callable(value) and hasattr(value, "__name__"):
            found[path] = (value.__module__, value.__name__)

    for name in dir(library):
        if name[0] != "_" and name not in OTHER and not inspect.ismodule(getattr(library, name)):
            look(name, getattr(library, name))
    return found


HERE = {path: told for path, told in _told(tegula).items() if not path.startswith("TegulaError")}


@pytest.mark.peers
def test_classes_and_functions_are_called_as_in_tensorstore_0_1_86():
    wheel = _told(importlib.import_module("tensorstore"))
    both = set(wheel) & set(HERE)
    assert len(both) >= 35
    assert {"KvStore.Spec", "ChunkLayout.Grid", "Context.Resource", "TensorStore.StorageStatistics"} <= both
    assert {"open", "cast", "downsample", "array", "Future", "WriteFutures", "Indexable"} <= both
    differing = {
        path: HERE[path]
        for path in both
        if HERE[path] != tuple([text.replace("tensorstore", "tegula") for text in wheel[path]])
    }
    # an enumeration of Python's own prints itself so
    assert differing.pop("OutputIndexMethod")[3] == "<enum 'OutputIndexMethod'>"
    assert differing == {}


@pytest.mark.parametrize("path", sorted(HERE))
def test_a_public_name_is_where_it_says(path):
    module, *names = HERE[path]
    assert module == "tegula"
    assert attrgetter(names[0])(tegula) is attrgetter(path)(tegula)
    assert pickle.loads(pickle.dumps(attrgetter(path)(tegula))) is attrgetter(path)(tegula)


def _homes():
    """The module in which each public class is written down."""
    for found in pkgutil.walk_packages(tegula.__path__, "tegula."):
        if found.name.split(".")[1] in ("space", "schema", "api", "runtime"):
            module = importlib.import_module(found.name)
            for name, kind in getattr(module, "__test__", {}).items():
                yield module, name, kind


HOMES = list(_homes())


def test_all_public_classes_are_marked_where_they_are_written():
    classes = {path for path, told in HERE.items() if len(told) == 4}
    assert {kind.__qualname__ for _, _, kind in HOMES} == classes


@pytest.mark.parametrize(("module", "name", "kind"), HOMES, ids=[kind.__qualname__ for _, _, kind in HOMES])
def test_a_pickle_that_names_the_old_module_loads(module, name, kind):
    assert pickle.loads(f"c{module.__name__}\n{name}\n.".encode()) is kind


@pytest.mark.parametrize(("module", "name", "kind"), HOMES, ids=[kind.__qualname__ for _, _, kind in HOMES])
def test_the_examples_of_a_public_class_are_found(module, name, kind):
    found = {test.name: test for test in doctest.DocTestFinder().find(module)}
    assert found[f"{module.__name__}.__test__.{name}"].examples
    examples = [value for value in vars(kind).values() if ">>> " in (getattr(value, "__doc__", None) or "")]
    properties = [value for value in examples if isinstance(value, property)]
    assert sum(name in path for path in found) >= len(properties)


@pytest.mark.parametrize("name", ["IndexTransform", "TensorStore", "KvStore"])
def test_help_and_signatures_work(name):
    kind = getattr(tegula, name)
    assert f"class {name}" in pydoc.plain(pydoc.render_doc(kind))
    assert inspect.signature(kind)


def test_a_pickle_loads_where_nothing_was_imported():
    transform = tegula.IndexTransform(input_shape=[3])[1:]
    program = f"import pickle; print(pickle.loads({pickle.dumps(transform)!r}))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == f"{transform}\n"


def test_what_is_made_later_says_the_same():
    late = tegula.IndexTransform(input_shape=[3, 4]).T
    assert repr(type(late)) == "<class 'tegula.IndexTransform'>"
