"""The signatures of the public names say what they take and give: no `Any`, but where JSON is meant."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import tegula
import tegula.api.typing
from tegula.api.keywords import OpenKeywords
from tegula.schema import chunkgrid, keywords, layout, schema
from tegula.schema.dtypes import DataType

# JSON: a parameter called so, and objects and arrays whose members are any JSON value
JSON = re.compile(r"\b(dict\[str, Any\]|Mapping\[str, Any\]|list\[Any\])")
SPECIAL = {"__init__", "__new__", "__getitem__", "__setitem__", "__call__", "__contains__", "__iter__"}


def _is_ours(value):
    return value.__module__.partition(".")[0] == "tegula"


def _functions():
    for name in sorted(set(tegula.__all__) - set(tegula.api.typing.__all__)):
        value = getattr(tegula, name)
        if inspect.isclass(value):
            for kind in value.__mro__:
                if not _is_ours(kind):
                    continue
                for member, found in vars(kind).items():
                    if member.startswith("_") and member not in SPECIAL:
                        continue
                    if member == "__init__" and "__new__" in vars(kind):
                        continue  # the maker has the signature
                    found = found.fget if isinstance(found, property) else found
                    found = getattr(found, "__func__", found)
                    if inspect.isfunction(found) and _is_ours(found):
                        yield f"{name}.{member}", found
        elif not isinstance(value, DataType) and callable(value):
            plain = inspect.isfunction(value) or hasattr(value, "__wrapped__")
            yield name, value if plain else type(value).__call__
        elif hasattr(type(value), "__getitem__") and _is_ours(type(value)):
            yield f"{name}.__getitem__", type(value).__getitem__


def _untyped():
    for name, function in _functions():
        plain = inspect.unwrap(function)
        for one in typing.get_overloads(plain) or [plain]:
            for parameter, annotation in getattr(one, "__annotations__", {}).items():
                said = JSON.sub("JSON", str(annotation))
                if parameter != "json" and re.search(r"\bAny\b", said):
                    yield f"{name}.{parameter}"


def test_public_signatures_do_not_say_any():
    assert sorted(set(_untyped())) == []


def test_every_public_parameter_has_a_type():
    bare = []
    for name, function in _functions():
        plain = inspect.unwrap(function)
        for one in typing.get_overloads(plain) or [plain]:
            told = getattr(one, "__annotations__", {})
            bare += [
                f"{name}.{parameter}"
                for parameter in inspect.signature(one).parameters
                if parameter not in told and parameter not in ("self", "cls")
            ]
    assert not bare


@pytest.mark.parametrize(
    "name", ["open", "read", "at.__getitem__", "TensorStore.read", "IndexDomain.hull", "Spec.update"]
)
def test_the_names_are_seen(name):
    assert name in {found for found, _ in _functions()}


@pytest.mark.parametrize(
    ("keywords", "setters"),
    [
        (keywords.LayoutKeywords, layout._LAYOUT_OPTIONS),
        (keywords.GridKeywords, chunkgrid._GRID_OPTIONS),
        (keywords.SchemaKeywords, schema._OPTIONS),
    ],
)
def test_the_keywords_of_constraints_are_those_that_are_known(keywords, setters):
    assert set(keywords.__annotations__) == set(setters)


def test_a_group_takes_the_keywords_of_open_but_for_the_place():
    known = set(inspect.signature(tegula.open).parameters) - {"spec", "kvstore", "context"}
    assert set(OpenKeywords.__annotations__) == known


PROGRAM = """
import numpy as np
import tegula as ts

store = ts.open({"driver": "zarr3", "kvstore": "memory://"}, create=True, dtype="uint8", shape=[4]).result()
reveal_type(store.read().result())
reveal_type(store[1:].domain.shape)
reveal_type(ts.IndexTransform(2).input_labels)
reveal_type(ts.pipe(store, ts.at[1:], ts.read))
layout = ts.ChunkLayout(chunk_shape=[2, None], inner_order=[1, 0])
layout.update(read_chunk_elements=10)
ts.Schema(dtype=np.uint8, fill_value=3, dimension_units=["4nm", None], chunk_layout=layout)
reveal_type(ts.Unit(4, "nm") * 2)
promise, future = ts.Promise[int].new()
reveal_type(future)
reveal_type(ts.Future(3).result())
async def program() -> None:
    reveal_type(await store.read())
ts.ChunkLayout(chunk_shap=[2])
ts.open(3)
"""


SAID = """
6: note: Revealed type is "numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]"
7: note: Revealed type is "tuple[int, ...]"
8: note: Revealed type is "tuple[str, ...]"
9: note: Revealed type is "numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]"
13: note: Revealed type is "tegula.schema.units.Unit"
15: note: Revealed type is "tegula.runtime.future.Future[int]"
16: note: Revealed type is "int"
18: note: Revealed type is "numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]"
19: error: Unexpected keyword argument "chunk_shap" for "ChunkLayout"
20: error: Argument 1 to "open" has incompatible type "int"; expected "Spec | str | Mapping[str, Any]"
"""


def test_a_typed_program_is_understood(tmp_path):
    """What a strict type checker says of a user's program, whose last two lines are wrong."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    root = Path(__file__).parents[1]  # with the settings, and what was found out before, of the project
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, env={**os.environ, "MYPYPATH": "src"}
    )
    lines = [line.partition("program.py:")[2] for line in done.stdout.splitlines()]
    said = [line for line in lines if line and "defined in" not in line]
    expected = SAID.strip().splitlines()
    assert len(said) == len(expected), done.stdout + done.stderr
    assert [line[: len(wanted)] for line, wanted in zip(said, expected, strict=True)] == expected
