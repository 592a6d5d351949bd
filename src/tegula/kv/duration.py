"""Durations as text: ``"1h30m0.5s"`` to integer nanoseconds and back.

Knows the notation of the drop-in's configuration.  Law: ``parse(format(d)) == d``.
"""

from __future__ import annotations

import re

__all__ = ["INFINITE", "format_duration", "parse_duration"]

INFINITE = float("inf")

_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_TERM = re.compile(r"(?=\.?\d)(\d*)(?:\.(\d*))?(ns|us|ms|s|m|h)")


def parse_duration(text: str) -> int | float | None:
    """Return nanoseconds (an int, or an infinity), or None where `text` is not a duration.

    >>> parse_duration("1.5h30ms"), parse_duration("0"), parse_duration("-inf"), parse_duration("5")
    (5400030000000, 0, -inf, None)
    """
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return 0
    if body == "inf":
        return sign * INFINITE
    total = position = 0
    while position < len(body):
        term = _TERM.match(body, position)
        if term is None:
            return None
        whole, fraction, unit = term[1] or "0", term[2] or "0", _UNITS[term[3]]
        total += int(whole) * unit + int(fraction) * unit // 10 ** len(fraction)
        position = term.end()
    return sign * total if position else None


def format_duration(duration: float) -> str:
    """Return the text of a duration in nanoseconds, as short as it gets.

    >>> [format_duration(n) for n in (0, 1500, 250_000_000, 5_400_030_000_000, 3_600_000_000_000)]
    ['0', '1.5us', '250ms', '1h30m0.03s', '1h']
    """
    if abs(duration) == INFINITE:
        return "inf" if duration > 0 else "-inf"
    if not duration:
        return "0"
    sign, rest = "-" if duration < 0 else "", abs(int(duration))
    if rest < 10**9:
        unit = "ms" if rest >= 10**6 else "us" if rest >= 10**3 else "ns"
        return sign + _decimal(rest, _UNITS[unit]) + unit
    hours, rest = divmod(rest, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    parts = [f"{hours}h"] * bool(hours) + [f"{minutes}m"] * bool(minutes)
    parts += [_decimal(rest, _UNITS["s"]) + "s"] * bool(rest)
    return sign + "".join(parts)


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    fraction = str(rest).zfill(len(str(unit)) - 1).rstrip("0")
    return f"{whole}.{fraction}" if fraction else str(whole)
