"""Keyword arguments that apply one after the other, each with its name on its errors.

Option bags (a layout, a schema) are flat: every keyword is one more constraint, merged in a fixed
order whatever order the call has.  What this file must not know: any keyword.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from tegula.errors import TegulaError, annotated

__all__ = ["Naming", "given"]


def given(options: Mapping[str, Any], setters: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return the options that are not None, in the order of `setters`; raise TypeError for unknown ones."""
    for name in options:
        if name not in setters:
            raise TypeError(f"unexpected keyword argument: {name!r}")
    return [(name, options[name]) for name in setters if options.get(name) is not None]


class Naming:
    """A context in which errors are said to be about one argument."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, TegulaError):
            raise annotated(error, f"Invalid {self._name}: ") from None
        if isinstance(error, (TypeError, AttributeError, ValueError, OverflowError)):
            raise TypeError(f"Invalid {self._name}") from error
