"""The signatures of the public names say what they take and give: no `Any`, but where JSON is meant."""

from __future__ import annotations

import inspect
import re
import typing

import pytest

import tegula
import tegula.api.typing
from tegula.schema.dtypes import DataType

# JSON: a parameter called so, and objects and arrays whose members are any JSON value
JSON = re.compile(r"\b(dict\[str, Any\]|Mapping\[str, Any\]|list\[Any\])")
SPECIAL = {"__init__", "__new__", "__getitem__", "__setitem__", "__call__", "__contains__", "__iter__"}

# what still says Any, by part of its name, and why
ELSEWHERE = {
    r"\.(batch|transaction)$": "there is no such class yet",
    r"^TensorStore\.storage_statistics\.return$": "there is no such class yet",
    r"^TensorStore\.__init__\.opened$": "not called by users: `open` makes handles",
    r"^register_store\.store$": "a class of the user, checked when it is registered",
    r"^(Future|Promise)\.": "coroutines of any kind; a promise of anything",
    r"^(Context|KvStore|Group|open_group)\b": "specifications are JSON, a URL or a value of their own",
    r"^(ChunkLayout|Schema|Unit|CodecSpec|dtype)\b": "keyword constraints, checked one by one at run time",
}


def _functions():
    for name in sorted(set(tegula.__all__) - set(tegula.api.typing.__all__)):
        value = getattr(tegula, name)
        if inspect.isclass(value):
            for kind in value.__mro__:
                if not kind.__module__.startswith("tegula."):
                    continue
                for member, found in vars(kind).items():
                    if member.startswith("_") and member not in SPECIAL:
                        continue
                    if member == "__init__" and "__new__" in vars(kind):
                        continue  # the maker has the signature
                    found = found.fget if isinstance(found, property) else found
                    found = getattr(found, "__func__", found)
                    if inspect.isfunction(found) and found.__module__.startswith("tegula."):
                        yield f"{name}.{member}", found
        elif not isinstance(value, DataType) and callable(value):
            plain = inspect.isfunction(value) or hasattr(value, "__wrapped__")
            yield name, value if plain else type(value).__call__
        elif hasattr(type(value), "__getitem__") and type(value).__module__.startswith("tegula."):
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
    found = sorted({name for name in _untyped() if not any(re.search(one, name) for one in ELSEWHERE)})
    assert not found


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
