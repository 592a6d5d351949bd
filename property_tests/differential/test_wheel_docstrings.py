"""The examples in the docstrings of the tensorstore 0.1.86 wheel hold here, output and errors.

Left out: what needs a store (`ts.array`, `await ts.open`).
"""

from __future__ import annotations

import doctest
import sys
import traceback

import numpy as np
import pytest

import tegula.space as space

tensorstore = pytest.importorskip("tensorstore")

_CLASSES = (
    "Dim",
    "IndexDomain",
    "IndexTransform",
    "OutputIndexMap",
    "OutputIndexMaps",
    "OutputIndexMethod",
    "DimExpression",
    "DimSelection",
)


def _docstrings():
    seen = set()
    for name in _CLASSES:
        cls = getattr(tensorstore, name)
        members = [(name, cls)]
        for key in dir(cls):
            member = getattr(cls, key)
            members.append((f"{name}.{key}", member))
            if isinstance(member, type) and key.startswith("_") and hasattr(member, "__getitem__"):
                members.append((f"{name}.{key}.__getitem__", member.__getitem__))
        for key, member in members:
            text = getattr(member, "__doc__", None)
            if isinstance(text, str) and ">>>" in text and text not in seen:
                seen.add(text)
                yield pytest.param(text, id=key)


def _same(got, want):
    return doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


@pytest.mark.peers
@pytest.mark.parametrize("text", list(_docstrings()))
def test_docstring_examples(text):
    names = {"ts": space, "np": np}
    checked = 0
    for example in doctest.DocTestParser().get_examples(text):
        if "await" in example.source or "ts.array" in example.source:
            break
        shown, raised = [], None
        names["print"] = lambda x, shown=shown: shown.append(str(x))
        hook, sys.displayhook = sys.displayhook, lambda x, shown=shown: shown.append(repr(x))
        try:
            exec(compile(example.source, "<example>", "single", dont_inherit=True), names)
        except (ValueError, IndexError, TypeError) as error:
            raised = error
        except NameError:
            assert "transform" not in names  # one example uses a name that it never makes
            break
        finally:
            sys.displayhook = hook
        if raised is None:
            assert _same("".join(f"{line}\n" for line in shown if line != "None"), example.want), (
                example.source
            )
        else:
            assert example.exc_msg is not None, "".join(traceback.format_exception(raised))
            kind, _, message = example.exc_msg.partition(": ")
            assert kind in [base.__name__ for base in type(raised).__mro__]
            assert _same(f"{raised}\n", message) or kind == "TypeError", (raised, message)
        checked += 1
    assert checked or "ts.array" in text or "await" in text
