"""Intervals of indices: the numbers, their limits, and the arithmetic that never wraps.

What this file knows: which integers are indices, when two numbers form an interval, how an interval is
printed, shifted, cut by a strided slice and carried through `offset + stride * i`.  What it must not know:
domains, transforms, arrays.

An interval is two Python integers, `lo` (inclusive) and `hi` (exclusive).  An unbounded edge is `-INF` or
`INF + 1`, so `hi - lo` is the size everywhere.  Law: no function returns a finite bound outside
`[MIN_FINITE, MAX_FINITE]`; it raises instead.
"""

from __future__ import annotations

from tegula.errors import InvalidArgument, OutOfRange

INF = 2**62 - 1
"""The index of an unbounded upper edge (inclusive form)."""
END = INF + 1
"""The exclusive form of an unbounded upper edge."""
MAX_FINITE = INF - 1
MIN_FINITE = -MAX_FINITE
MAX_SIZE = 2**63 - 1
MAX_RANK = 32
MIN_INT64 = -(2**63)
MAX_INT64 = 2**63 - 1


def interval_text(lo: int, hi: int, implicit_lower: bool = False, implicit_upper: bool = False) -> str:
    """Return the interval as it is printed everywhere; `*` marks an implicit edge.

    >>> interval_text(0, 10, False, True)
    '[0, 10*)'
    >>> interval_text(-INF, END)
    '(-inf, +inf)'
    """
    left = "(-inf" if lo == -INF else f"[{lo}"
    right = "+inf" if hi == END else str(hi)
    return f"{left}{'*' if implicit_lower else ''}, {right}{'*' if implicit_upper else ''})"


FINITE_TEXT = interval_text(MIN_FINITE, MAX_FINITE + 1)


def quoted(text: str) -> str:
    r"""Return `text` in double quotes, escaped byte by byte as C would.

    >>> print(quoted('x"\n\u00e9'))
    "x\"\n\xc3\xa9"
    """
    if text.isascii() and text.isprintable() and not ('"' in text or "'" in text or "\\" in text):
        return f'"{text}"'
    named = {9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 39: "\\'", 92: "\\\\"}
    pieces = []
    after_hex = False
    for byte in text.encode("utf-8", "surrogatepass"):
        known = named.get(byte)
        if known is not None:
            pieces.append(known)
            after_hex = False
        elif 32 <= byte < 127 and not (after_hex and chr(byte) in "0123456789abcdefABCDEF"):
            pieces.append(chr(byte))
            after_hex = False
        else:
            pieces.append(f"\\x{byte:02x}")
            after_hex = True
    return f'"{"".join(pieces)}"'


def is_finite(index: int) -> bool:
    """Tell whether `index` may name an element."""
    return MIN_FINITE <= index <= MAX_FINITE


def valid_closed(lo: int, last: int) -> bool:
    """Tell whether `[lo, last]`, both inclusive, is an interval (`last == lo - 1` is empty)."""
    return -INF <= lo < INF and -INF < last <= INF and last >= lo - 1


def check_half_open(lo: int, hi: int) -> None:
    """Raise `InvalidArgument` unless `[lo, hi)` is an interval."""
    if not (-INF <= lo < INF and 1 - INF < hi <= END and hi >= lo):
        raise InvalidArgument(f"({lo}, {hi}) do not specify a valid half-open index interval")


def check_closed(lo: int, last: int) -> None:
    """Raise `InvalidArgument` unless `[lo, last]` is an interval."""
    if not valid_closed(lo, last):
        raise InvalidArgument(f"({lo}, {last}) do not specify a valid closed index interval")


def check_sized(lo: int, size: int) -> None:
    """Raise `InvalidArgument` unless `size` elements from `lo` on are an interval."""
    if size < 0 or not valid_closed(lo, lo + size - 1):
        raise InvalidArgument(f"({lo}, {size}) do not specify a valid sized index interval")


def contains(outer_lo: int, outer_hi: int, lo: int, hi: int) -> bool:
    """Tell whether `[lo, hi)` lies within the outer interval; an empty one always does."""
    return lo >= hi or (outer_lo <= lo and hi <= outer_hi)


def check_index(lo: int, hi: int, index: int) -> None:
    """Raise `OutOfRange` unless `index` is an element of `[lo, hi)`."""
    if not (lo <= index < hi and -INF < index < INF):
        raise OutOfRange(f"Index {index} is outside valid range {interval_text(lo, hi)}")


def hull(a: tuple[int, int, bool, bool], b: tuple[int, int, bool, bool]) -> tuple[int, int, bool, bool]:
    """Return the least interval that holds both; an empty one counts for nothing.

    An interval here is `(lo, hi, implicit_lower, implicit_upper)`.  The flag of the edge that was chosen is
    kept; where both have the edge it is implicit if both are.
    """
    if a[0] >= a[1]:
        lo, hi = b[0], b[1]
    elif b[0] >= b[1]:
        lo, hi = a[0], a[1]
    else:
        lo, hi = min(a[0], b[0]), max(a[1], b[1])
    return _flagged(lo, hi, a, b)


def intersect(a: tuple[int, int, bool, bool], b: tuple[int, int, bool, bool]) -> tuple[int, int, bool, bool]:
    """Return the common part (empty at the greater lower bound where there is none); flags as in `hull`."""
    lo, hi = max(a[0], b[0]), min(a[1], b[1])
    upper = _flag(hi, a[1], a[3], b[1], b[3])
    return lo, max(lo, hi), _flag(lo, a[0], a[2], b[0], b[2]), upper


def _flag(edge: int, a_edge: int, a_flag: bool, b_edge: int, b_flag: bool) -> bool:
    if a_edge == b_edge:
        return a_flag and b_flag
    return a_flag if edge == a_edge else b_flag


def _flagged(
    lo: int, hi: int, a: tuple[int, int, bool, bool], b: tuple[int, int, bool, bool]
) -> tuple[int, int, bool, bool]:
    return lo, hi, _flag(lo, a[0], a[2], b[0], b[2]), _flag(hi, a[1], a[3], b[1], b[3])


def shifted(lo: int, hi: int, offset: int) -> tuple[int, int]:
    """Return the interval moved by `offset`; unbounded edges stay.  Raise `InvalidArgument` outside the range.

    >>> shifted(0, 10, 5)
    (5, 15)
    """
    new_lo, new_hi = lo, hi
    if lo != -INF:
        new_lo = lo + offset
        if not MIN_FINITE <= new_lo <= MAX_FINITE:
            raise InvalidArgument(f"{lo} + {offset} is outside valid range {FINITE_TEXT}")
    if hi != END:
        new_hi = hi + offset
        if not MIN_FINITE <= new_hi - 1 <= MAX_FINITE:
            raise InvalidArgument(f"{hi - 1} + {offset} is outside valid range {FINITE_TEXT}")
    return new_lo, new_hi


def shifted_to(lo: int, hi: int, origin: int) -> tuple[int, int]:
    """Return the interval moved so that it starts at `origin`; it must be bounded below."""
    if not MIN_FINITE <= origin <= MAX_FINITE:
        raise OutOfRange(f"Origin {origin} is outside valid range {FINITE_TEXT}")
    if lo == -INF:
        raise InvalidArgument(f"Interval {interval_text(lo, hi)} is not bounded below")
    return shifted(lo, hi, origin - lo)
