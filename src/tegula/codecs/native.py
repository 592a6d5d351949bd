"""Functions of the C libraries that numcodecs is built with, called as they are.

What their wrappers add, a copy of each result and a turn of the interpreter for each, costs as much as small
chunks take to decode.

Knows: where an extension module lies, and what numbers are.  Must not know: any codec.

Law: a library that hides its functions, or is not there, is None: every codec has another way.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import Any

import numpy as np

from tegula.codecs.codec import Buffer

__all__ = ["INT", "SIZE", "WORD", "address", "functions"]

INT, SIZE, WORD = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p


def functions(
    module: str, takes: Mapping[str, tuple[Any, Sequence[Any]]], quick: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Return functions of an extension module of numcodecs, which is not imported.

    `takes` are types, of the result and of the arguments.  The `quick` ones keep the interpreter.
    """
    package = find_spec("numcodecs")
    inside = package.submodule_search_locations if package is not None else None
    spec = PathFinder.find_spec(module, inside) if inside else None
    if spec is None or spec.origin is None:
        return None
    try:
        free, kept = ctypes.CDLL(spec.origin), ctypes.PyDLL(spec.origin)
        found = {name: getattr(kept if name in quick else free, name) for name in takes}
    except (OSError, AttributeError):
        return None
    for name, (result, arguments) in takes.items():
        found[name].restype, found[name].argtypes = result, list(arguments)
    return found


def address(data: Buffer) -> tuple[int, int]:
    """Return where bytes are, and how many; whoever uses it holds `data`.

    >>> data = b"abc"
    >>> ctypes.string_at(*address(data))
    b'abc'
    """
    view = np.frombuffer(data, np.uint8)
    return view.__array_interface__["data"][0], view.size
