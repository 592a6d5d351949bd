"""Named tuples that are cheap to define: `NamedTuple` as `typing` has it, at a fifth of what one costs there.

At import `typing.NamedTuple` compiles a constructor and looks at every annotation, and opening an array in a
cold process defines some fifty of them.  Here a class has its fields as attributes at once, and its
constructor is made by the first call.  Type checkers see `typing.NamedTuple` itself.

Law: what one can do with a value is what one can with a `typing.NamedTuple` of the same declaration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import _tuplegetter

    __all__ = ["NamedTuple"]

    _new = tuple.__new__
    _UNEXPECTED = TypeError if sys.version_info >= (3, 13) else ValueError

    class _Naming(type):
        """Turns annotations into fields, and the first call of a class into its constructor."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            if any(getattr(base, "_fields", ()) for base in bases):
                return super().__new__(cls, name, bases, space)  # what derives from a row adds no fields
            fields = tuple(space.get("__annotations__", ()))
            defaults = {field: space[field] for field in fields if field in space}
            for number, field in enumerate(fields):
                space[field] = _tuplegetter(number, f"Alias for field number {number}")
            space |= {
                "__slots__": (),
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": defaults,
            }
            made = super().__new__(cls, name, bases, space)
            if fields and "__new__" not in space:
                made.__new__ = _first_call(made)
            return made

    def _first_call(made: type) -> Callable[..., Any]:
        """Return a constructor that replaces itself by the real one."""

        def first(cls: type, *arguments: Any, **named: Any) -> Any:
            made.__new__ = _constructor(made)
            return made.__new__(cls, *arguments, **named)

        return first

    def _constructor(made: Any) -> Callable[..., Any]:
        scope: dict[str, Any] = {"_new": _new}
        scope |= {f"_default_{field}": value for field, value in made._field_defaults.items()}
        taken = [
            f"{field}=_default_{field}" if field in made._field_defaults else field for field in made._fields
        ]
        values = "".join(f"{field}, " for field in made._fields)
        exec(f"def __new__(_cls, {', '.join(taken)}):\n  return _new(_cls, ({values}))", scope)
        found: Callable[..., Any] = scope["__new__"]
        found.__qualname__ = f"{made.__qualname__}.__new__"
        found.__module__ = made.__module__
        return found

    class NamedTuple(tuple, metaclass=_Naming):  # noqa: SLOT001 - the metaclass declares them
        """A tuple with named fields.

        >>> class Point(NamedTuple):
        ...     x: int
        ...     y: int = 0
        >>> Point(1), Point(1) == (1, 0), Point(1, 2)._replace(y=3), Point(y=5, x=4).y
        (Point(x=1, y=0), True, Point(x=1, y=3), 5)
        >>> Point()
        Traceback (most recent call last):
            ...
        TypeError: Point.__new__() missing 1 required positional argument: 'x'
        """

        @classmethod
        def _make(cls, values: Any) -> Any:
            made = _new(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changes: Any) -> Any:
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise _UNEXPECTED(f"Got unexpected field names: {list(changes)!r}")
            return made

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            fields = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({fields})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)
