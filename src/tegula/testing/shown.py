"""What an error says of values that are too large to be compared line by line.

Knows how to tell much in few words.  Must not know pytest, any check or any store.

pytest's own account of ``==`` is a difference line by line, whole where the environment says ``CI``: of some
megabytes it takes minutes, and fills the log.

Law: what is shown has at most some thousand characters, whatever the values.
"""

from __future__ import annotations

from typing import Any

__all__ = ["is_large", "parted", "shown"]

ITEMS, BYTES, DEPTH = 24, 64, 4
LARGE = 4096


def is_large(value: Any, depth: int = DEPTH) -> bool:
    """Whether a value is too large to be compared line by line.

    >>> is_large(b"x" * 10), is_large(("a", b"x" * 10_000)), is_large(list(range(10_000)))
    (False, True, True)
    """
    if isinstance(value, (bytes, bytearray, memoryview, str)):
        return len(value) > LARGE
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        if len(value) > LARGE // 16 or not depth:
            return bool(value)
        items = [*value, *value.values()] if isinstance(value, dict) else value
        return any(is_large(item, depth - 1) for item in items)
    return False


def shown(value: Any, depth: int = DEPTH) -> str:
    """Return a value in few words.

    >>> shown([b"ab" * 1000, 1])
    "[2000 bytes b'abababababab...', 1]"
    """
    if isinstance(value, (bytes, bytearray, memoryview, str)):
        if len(value) <= BYTES:
            return repr(value)
        what = "characters" if isinstance(value, str) else "bytes"
        start = value[:12] if isinstance(value, str) else bytes(value[:12])
        return f"{len(value)} {what} {repr(start)[:-1]}...{repr(start)[-1]}"
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        ends = "()" if isinstance(value, tuple) else "{}" if isinstance(value, (set, frozenset)) else "[]"
        if not depth:
            return f"{ends[0]}{len(value)} items{ends[1]}"
        some = [shown(item, depth - 1) for item, _ in zip(value, range(ITEMS), strict=False)]
        more = [f"... {len(value)} items"] if len(value) > ITEMS else []
        return f"{ends[0]}{', '.join([*some, *more])[:1000]}{ends[1]}"
    said = repr(value)
    return said if len(said) <= 200 else said[:200] + "..."


def parted(left: Any, right: Any) -> str:
    """Return where two values part, "" where that is not said.

    >>> parted(b"tile", b"tale"), parted([1, b"ab"], [1, b"ac"]), parted(1, 2)
    ('at 1: 105 and 97', 'at 1: at 1: 98 and 99', '')
    """
    kinds = (bytes, bytearray, str), (list, tuple)
    if not any(isinstance(left, kind) and isinstance(right, kind) for kind in kinds):
        return ""
    if len(left) != len(right):
        return f"lengths {len(left)} and {len(right)}"
    for place, (one, other) in enumerate(zip(left, right, strict=True)):
        if one != other:
            return f"at {place}: {parted(one, other) or f'{shown(one)} and {shown(other)}'}"
    return ""
