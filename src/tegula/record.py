"""Records: frozen values with named fields, cheap to define and cheap to make.

What `dataclasses` would do with ``frozen=True, slots=True``, without its half a millisecond a class at
import: opening an array in a cold process defines some fifty of them.  A subclass of `Record` declares its
fields as annotations; those with a default may be left out.  Records print, compare, hash and pickle by
their fields, and cannot be changed.  ``class X(Record, eq=False)`` compares by identity (for records
that hold arrays).

A field set to `derived()` is no argument: ``__post_init__`` sets it by ``object.__setattr__``, and it
takes no part in comparison and repr.

Law: ``replace(r) == r``; ``type(r)(*fields) == r``; a pickle of r equals r.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Literal, TypeVar, dataclass_transform

__all__ = ["Record", "derived", "replace"]

R = TypeVar("R", bound="Record")
_DERIVED: Any = object()


def derived(*, init: Literal[False] = False) -> Any:
    """Mark a field that ``__post_init__`` sets."""
    del init
    return _DERIVED


@dataclass_transform(frozen_default=True, field_specifiers=(derived,))
class _Recording(type):
    """Turns annotations into slots, and the first call of a class into its constructor."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], space: dict[str, Any], eq: bool = True, **options: Any
    ) -> _Recording:
        declared = [
            field
            for field, kind in space.get("__annotations__", {}).items()
            if not str(kind).startswith("ClassVar")
        ]
        defaults = {field: space.pop(field) for field in declared if field in space}
        own = [field for field in declared if defaults.get(field) is not _DERIVED]
        inherited = next((base for base in bases if getattr(base, "_fields", ())), None)
        if inherited is not None:
            defaults = {**inherited._defaults, **defaults}  # type: ignore[attr-defined]
        fields = (*getattr(inherited, "_fields", ()), *own)
        space |= {
            "__slots__": tuple(declared),
            "__match_args__": fields,
            "_fields": fields,
            "_defaults": {field: value for field, value in defaults.items() if value is not _DERIVED},
        }
        if not eq:
            space |= {"__eq__": object.__eq__, "__hash__": object.__hash__}
        made = super().__new__(cls, name, bases, space, **options)
        made._values = _getter(fields)  # type: ignore[attr-defined]
        if fields and "__init__" not in space:
            made.__init__ = _first_call(made)  # type: ignore[misc]
        return made


def _getter(fields: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(fields) > 1:
        return staticmethod(attrgetter(*fields))
    return staticmethod(lambda record: tuple(getattr(record, field) for field in fields))


def _first_call(made: Any) -> Callable[..., None]:
    """Return a constructor that replaces itself by the real one."""

    def first(self: Any, *arguments: Any, **named: Any) -> None:
        made.__init__ = _constructor(made)
        made.__init__(self, *arguments, **named)

    return first


def _constructor(made: Any) -> Callable[..., None]:
    scope: dict[str, Any] = {f"_set_{field}": getattr(made, field).__set__ for field in made._fields}
    scope |= {f"_default_{field}": value for field, value in made._defaults.items()}
    arguments = [f"{field}=_default_{field}" if field in made._defaults else field for field in made._fields]
    lines = [f"  _set_{field}(self, {field})" for field in made._fields]
    if hasattr(made, "__post_init__"):
        lines.append("  self.__post_init__()")
    exec(f"def __init__(self, {', '.join(arguments)}):\n" + "\n".join(lines), scope)
    found: Callable[..., None] = scope["__init__"]
    return found


class Record(metaclass=_Recording):
    """A frozen value with named fields.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(1), Point(1) == Point(1, 0), replace(Point(1), y=2)
    (Point(x=1, y=0), True, Point(x=1, y=2))
    >>> Point(1).x = 3
    Traceback (most recent call last):
        ...
    AttributeError: Point is immutable: cannot set 'x'
    """

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(self._values(self) == self._values(other))  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._values(self))  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        values = zip(self._fields, self._values(self), strict=True)  # type: ignore[attr-defined]
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in values)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values(self)  # type: ignore[attr-defined]


def replace(record: R, **changes: Any) -> R:
    """Return a record like `record` but for some fields."""
    fields = {name: getattr(record, name) for name in record._fields}  # type: ignore[attr-defined]
    return type(record)(**{**fields, **changes})
