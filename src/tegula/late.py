"""Values that are made when somebody looks.

What this file knows: how a value fills its empty slots on the first look.  What it must not know: which
values those are.

A class lists in `_parts` the slots that make up its value, and in `_derived` facts that follow from them.
A value whose `_late` is `(make, arguments)` has the parts of `make(*arguments)`, and nothing is called until
one is asked for.  It is for work that is known not to fail: `make` must not raise, and its arguments must
not change.  A derived fact is worked out once and remembered.  Two threads that look at once do the work
twice, and find the same.

Law: a value made later cannot be told from `make(*arguments)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

__all__ = ["Late"]

_set = object.__setattr__


class Late:
    """A value whose slots are filled on the first look; it needs a slot `_late`.

    >>> class Square(Late):
    ...     __slots__ = ("_late", "area", "edge")
    ...     _parts = ("edge",)
    ...     _derived = {"area": lambda square: square.edge**2}
    >>> def made(edge):
    ...     square = Square()
    ...     square.edge = edge
    ...     return square
    >>> late = Square()
    >>> late._late = (made, (3,))
    >>> late.area, late.edge, late._late
    (9, 3, None)
    """

    __slots__ = ()
    _parts: ClassVar[tuple[str, ...]] = ()
    """The slots that make up the value."""
    _derived: ClassVar[dict[str, Callable[[Any], Any]]] = {}
    """How each fact that follows from the parts is worked out."""
    _late: tuple[Callable[..., Any], tuple[Any, ...]] | None
    """Of a value made later: what makes it, and of what; None once that was done."""

    def __getattr__(self, name: str) -> Any:
        """Return what is not there yet; called only where a slot is empty."""
        if name not in self._parts:
            work = self._derived.get(name)
            if work is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            value = work(self)
            _set(self, name, value)
            return value
        late = self._late
        if late is not None:
            make, arguments = late
            made = make(*arguments)
            self._take(made)
            return getattr(made, name)
        return object.__getattribute__(self, name)

    def _take(self, made: Any) -> None:
        """Fill the slots with the parts of `made`, and be late no more."""
        for part in self._parts:
            _set(self, part, getattr(made, part))
        _set(self, "_late", None)
