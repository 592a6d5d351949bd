"""Physical units of a dimension: a multiplier and the name of a base unit.

A unit is exact text, not physics: "4 nm" and "0.004 um" differ.  What this file must not know:
which format keeps units where.  Law: ``Unit(str(u)) == u`` where six digits hold the multiplier
and the base unit does not start with a number; ``Unit(json=u.to_json()) == u``.
"""

from __future__ import annotations

import math
import re
from typing import Any, SupportsFloat, overload

from tegula import binding
from tegula.public import public

__all__ = ["Unit"]

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*", re.ASCII)


@public("Unit")
class Unit:
    """`multiplier` times `base_unit`; the base unit ``""`` makes it dimensionless.

    Made from text, a number, a number and a base unit, such a pair, or `json`.

    >>> Unit("4nm"), Unit(3.5), Unit(4, "nm") * 2, Unit((4, "nm")) / 8
    (Unit(4, "nm"), Unit(3.5, ""), Unit(8, "nm"), Unit(0.5, "nm"))

    Raises:
        TypeError: the arguments are of other types.
        InvalidArgument: `json` is not a unit.
    """

    __slots__ = {
        "base_unit": """The name of the unit, as it was written; empty for a number alone.

        >>> Unit("4 nm").base_unit, Unit(3).base_unit
        ('nm', '')
        """,
        "multiplier": """How many base units it is.

        >>> Unit("4 nm").multiplier, Unit("nm").multiplier
        (4.0, 1.0)
        """,
    }

    multiplier: float
    base_unit: str

    @overload
    def __init__(self, unit: str | float | tuple[float, str] = 1.0) -> None: ...

    @overload
    def __init__(self, multiplier: float, base_unit: str = "") -> None: ...

    @overload
    def __init__(self, *, json: Any) -> None: ...

    def __init__(self, *args: object, **kwargs: object) -> None:
        number, base = _parts(args, kwargs)
        object.__setattr__(self, "multiplier", number)
        object.__setattr__(self, "base_unit", base)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"property of 'Unit' object has no setter: {name!r}")

    def to_json(self) -> list[Any]:
        """Return ``[multiplier, base_unit]``.

        >>> Unit("0.5 um").to_json(), Unit(3).to_json()
        ([0.5, 'um'], [3.0, ''])
        """
        return [self.multiplier, self.base_unit]

    def __mul__(self, factor: SupportsFloat) -> Unit:
        """Return the unit with its multiplier multiplied by a number.

        >>> Unit("4nm") * 2.5
        Unit(10, "nm")
        """
        number = _number(factor)
        return NotImplemented if number is None else Unit(self.multiplier * number, self.base_unit)

    def __truediv__(self, divisor: SupportsFloat) -> Unit:
        """Return the unit with its multiplier divided by a number; by zero it is infinite.

        >>> Unit("4nm") / 8, (Unit("4nm") / -0.0).multiplier
        (Unit(0.5, "nm"), -inf)
        """
        number = _number(divisor)
        if number is None:
            return NotImplemented
        if number == 0:
            return Unit(self.multiplier * math.copysign(math.inf, number), self.base_unit)
        return Unit(self.multiplier / number, self.base_unit)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Unit):
            return NotImplemented
        return self.multiplier == other.multiplier and self.base_unit == other.base_unit

    def __hash__(self) -> int:
        return hash((self.multiplier, self.base_unit))

    def __str__(self) -> str:
        if not self.base_unit:
            return f"{self.multiplier:g}"
        return self.base_unit if self.multiplier == 1 else f"{self.multiplier:g} {self.base_unit}"

    def __repr__(self) -> str:
        return f"Unit({self.multiplier:g}, {binding.quoted(self.base_unit)})"

    def __reduce__(self) -> tuple[type, tuple[float, str]]:
        return Unit, (self.multiplier, self.base_unit)


def parse(text: str) -> tuple[float, str]:
    """Split text into its leading number (1 where there is none) and the rest, stripped.

    >>> parse(" 4 nm "), parse("nm"), parse("1.e2 x")
    ((4.0, 'nm'), (1.0, 'nm'), (100.0, 'x'))
    """
    found = _NUMBER.match(text)
    if found is None or abs(float(found[1])) == float("inf"):
        return 1.0, text.strip()
    return float(found[1]), text[found.end() :].strip()


def of_json(value: Any) -> tuple[float, str]:
    """Return the multiplier and base unit of a JSON value: a string, a number, or a pair.

    Raises:
        InvalidArgument: it is none of these.
    """
    if isinstance(value, str):
        return parse(value)
    number = _number(value) if not isinstance(value, bool) else None
    if number is not None:
        return number, ""
    pair = binding.array(value, 2)
    with binding.at_position(0):
        multiplier = binding.number(pair[0])
    with binding.at_position(1):
        return multiplier, binding.text(pair[1])


def _parts(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[float, str]:
    given = dict(kwargs)
    if len(args) <= 2:
        if "json" in given and len(given) == 1 and not args:
            return of_json(binding.as_json(given["json"]))
        first = [*args[:1], *([given.pop("multiplier")] if "multiplier" in given else [])]
        if "unit" in given and _number(given["unit"]) is None:  # which is text, or a pair
            first.append(given.pop("unit"))
        base = [*args[1:], *(given.pop(key) for key in ("base_unit",) if key in given)]
        if not given and len(first) <= 1 and len(base) <= len(first):
            unit = first[0] if first else 1.0
            if not base:
                if isinstance(unit, bytes):
                    unit = unit.decode()
                if isinstance(unit, str):
                    return parse(unit)
                if isinstance(unit, (tuple, list)) and len(unit) == 2:
                    unit, base = unit[0], [unit[1]]
            number = _number(unit)
            if number is not None and (not base or isinstance(base[0], str)):
                return number, base[0] if base else ""
    shown = ", ".join([*(repr(value) for value in args), *(f"{key}={kwargs[key]!r}" for key in kwargs)])
    raise TypeError(
        "Unit(): expected text, a number, a number and a base unit, such a pair, or json=, "
        f"but received: {shown}"
    )


def _number(value: Any) -> float | None:
    if isinstance(value, (str, bytes, Unit)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
