"""What a public class says of itself: `<class 'tegula.IndexDomain'>`, wherever it is written down.

What this file knows: how a class takes its public name, and how its examples are found all the same.  What
it must not know: which names are public (the table in `tegula/__init__.py`).

The name is where the class is found: pickles say `tegula`, and load through the table.  Pickles that name
the module in which the class is written down load too, since it is still there.

Law: `operator.attrgetter(c.__qualname__)(tegula) is c` for every class marked here, and its examples are in
`__test__` of the module that defines it, where `doctest` looks for what it would not find by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

__all__ = ["public"]

C = TypeVar("C", bound=type)


def public(path: str) -> Callable[[C], C]:
    """Mark a class as what users find at `path` in `tegula`.

    >>> from tegula import KvStore
    >>> KvStore.Spec, KvStore.Spec.__name__
    (<class 'tegula.KvStore.Spec'>, 'Spec')
    """

    def marked(kind: C) -> C:
        examples = vars(sys.modules[kind.__module__]).setdefault("__test__", {})
        examples[kind.__name__] = kind
        kind.__module__, kind.__qualname__, kind.__name__ = "tegula", path, path.rpartition(".")[2]
        return kind

    return marked
