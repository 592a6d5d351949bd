"""Runs one program under the drop-in and under tegula, and compares all that it says."""

from __future__ import annotations

import ast
import re
import tempfile
from asyncio import CancelledError
from pathlib import Path
from types import ModuleType
from typing import Any

FAMILIES = (
    NotImplementedError,
    IndexError,
    KeyError,
    TimeoutError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)
# what an error text ends with in the wheel alone: the transform it was looking at
PAYLOAD = re.compile(r" \[(?:transform|domain)='[^']*'\]")


def said(source: str, library: ModuleType, folder: str) -> list[str]:
    """Return what each statement of a program says: the repr of its value, or its error."""
    names: dict[str, Any] = {"ts": library, "folder": folder}
    exec(PRELUDE, names)
    found = []
    for statement in ast.parse(source).body:
        text = ast.get_source_segment(source, statement)
        try:
            if isinstance(statement, ast.Expr):
                shown = repr(eval(compile(ast.Expression(statement.value), "program", "eval"), names))
            else:
                exec(compile(ast.Module([statement], []), "program", "exec"), names)
                continue
        except (Exception, CancelledError) as error:
            kind = next(
                (family.__name__ for family in FAMILIES if isinstance(error, family)), type(error).__name__
            )
            shown = f"{kind}: {PAYLOAD.sub('', str(error))}"
        found.append(f"{text}\n    {shown.replace(folder, 'FOLDER').replace('tegula', 'tensorstore')}")
    return found


PRELUDE = """
import asyncio, copy, json, os, pathlib, pickle, threading
import numpy as np

def zarr3(**members):
    return {"driver": "zarr3", "kvstore": "memory://", **members}

def zarr2(**members):
    return {"driver": "zarr", "kvstore": "memory://", **members}

def made(**options):
    return ts.open(zarr3(), **{"create": True, "dtype": "int16", "shape": [4, 5], **options}).result()
"""


def assert_same(source: str) -> None:
    """Run a program under both libraries; every statement must say the same."""
    import tensorstore

    import tegula

    answers = []
    for library in (tensorstore, tegula):
        with tempfile.TemporaryDirectory() as folder:
            answers.append(said(source, library, folder))
            files = sorted(Path(folder).rglob("*"))
            answers[-1] += [
                f"{path.relative_to(folder)}: {path.read_bytes()!r}" for path in files if path.is_file()
            ]
    theirs, ours = answers
    assert ours == theirs
