"""Intervals of indices: the numbers, their limits, and the arithmetic that never wraps.

What this file knows: which integers are indices, when two numbers form an interval, how an interval is
printed, shifted, cut by a strided slice and carried through `offset + stride * i`.  What it must not know:
domains, transforms, arrays.

An interval is two Python integers, `lo` (inclusive) and `hi` (exclusive).  An unbounded edge is `-INF` or
`INF + 1`, so `hi - lo` is the size everywhere.  Law: no function returns a finite bound outside
`[MIN_FINITE, MAX_FINITE]`; it raises instead.
"""

from __future__ import annotations

from functools import lru_cache

from tegula.errors import InvalidArgument, OutOfRange

INF = 2**62 - 1
inf = INF
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


@lru_cache(1024)
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
        lo = a[0] if a[0] < b[0] else b[0]
        hi = a[1] if a[1] > b[1] else b[1]
    if not (a[2] or a[3] or b[2] or b[3]):
        return lo, hi, False, False
    return _flagged(lo, hi, a, b)


def intersect(a: tuple[int, int, bool, bool], b: tuple[int, int, bool, bool]) -> tuple[int, int, bool, bool]:
    """Return the common part (empty at the greater lower bound where there is none); flags as in `hull`."""
    lo = a[0] if a[0] > b[0] else b[0]
    hi = a[1] if a[1] < b[1] else b[1]
    if not (a[2] or a[3] or b[2] or b[3]):
        return lo, hi if hi > lo else lo, False, False
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
    """Return the interval moved by `offset`; unbounded edges stay.  Raise `InvalidArgument` outside the
    range.

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


def affine_domain(lo: int, hi: int, offset: int, stride: int) -> tuple[int, int]:
    """Return the indices `i` for which `offset + stride * i` lies in `[lo, hi)`; `stride` is not 0.

    Raise `InvalidArgument` where a finite bound leaves the finite range.

    >>> affine_domain(1, 11, 0, 3)
    (1, 4)
    """
    if lo == -INF and hi == END:
        return lo, hi
    shown = (lo, hi, offset, abs(stride) if stride != MIN_INT64 else stride)
    first, last = lo, hi - 1
    if stride < 0:
        if MIN_INT64 in (stride, offset):
            raise _domain_overflow(*shown)
        shown = (lo, hi, -offset, -stride)
        first, last = -last, -first
        offset, stride = -offset, -stride
        if lo == hi:
            first, last = first - 1, last - 1
    if first == -INF:
        new_lo = -INF
    else:
        moved = first - offset
        new_lo = -(-moved // stride)
        if not MIN_INT64 <= moved <= MAX_INT64 or not MIN_FINITE <= new_lo <= MAX_FINITE:
            raise _domain_overflow(*shown)
    if lo == hi:
        return new_lo, new_lo
    if last == INF:
        return new_lo, END
    moved = last - offset
    new_last = moved // stride
    if not MIN_INT64 <= moved <= MAX_INT64 or not MIN_FINITE <= new_last <= MAX_FINITE:
        raise _domain_overflow(*shown)
    return new_lo, new_last + 1


def _domain_overflow(lo: int, hi: int, offset: int, stride: int) -> InvalidArgument:
    return InvalidArgument(
        f"Integer overflow propagating range {interval_text(lo, hi)} through inverse affine transform "
        f"with offset {offset} and multiplier {stride}"
    )


def affine_range(lo: int, hi: int, offset: int, stride: int) -> tuple[int, int]:
    """Return the least interval that holds `offset + stride * i` for `i` in `[lo, hi)`.

    Raise `InvalidArgument` where a finite bound leaves the finite range.

    >>> affine_range(1, 4, 0, 3)
    (3, 10)
    """
    ends = []
    for bound in (lo, hi - 1):
        if bound in (-INF, INF):
            ends.append(-bound if stride < 0 else bound)
            continue
        moved = bound * stride + offset
        if not MIN_FINITE <= moved <= MAX_FINITE:
            raise InvalidArgument(
                f"Integer overflow computing affine transform of domain {interval_text(lo, hi)} "
                f"with offset {offset} and multiplier {stride}"
            )
        ends.append(moved)
    first, last = ends
    if lo == hi:
        return first, first
    if stride == 0:
        return first, first + 1
    return (last, first + 1) if stride < 0 else (first, last + 1)


def wrapped(value: int) -> int:
    """Return `value` reduced to 64 bits, as C++ does; what is built and checked never needs it."""
    if MIN_INT64 <= value <= MAX_INT64:
        return value
    return (value - MIN_INT64) % 2**64 + MIN_INT64


def fits(number: int) -> bool:
    """Tell whether `number` is an int64."""
    return MIN_INT64 <= number <= MAX_INT64


def strided_slice(
    lo: int,
    hi: int,
    implicit_lower: bool,
    implicit_upper: bool,
    start: int | None,
    stop: int | None,
    step: int,
) -> tuple[int, int, bool, bool, int]:
    """Return `(lo, hi, implicit_lower, implicit_upper, offset)` of `start:stop:step` of the interval.

    Index `i` of the result is index `offset + step * i` of the interval; the result's origin is `start /
    step`
    rounded toward zero.  An edge of the result is implicit if the edge it comes from is and the slice did not
    give it.  Raise `InvalidArgument` for a malformed slice, `OutOfRange` where explicit bounds do not
    contain it.

    >>> strided_slice(0, 10, False, False, 9, 2, -3)
    (-3, 0, False, False, 0)
    """
    inner_lo = -INF if implicit_lower else lo
    inner_hi = END if implicit_upper else hi
    if step == 0 or step == MIN_INT64:
        raise InvalidArgument(f"Invalid stride {step}")
    forward = step > 0
    if start is None:
        first = lo if forward else hi - 1
    elif not -INF <= start <= INF:
        raise InvalidArgument(f"Invalid start index {start}")
    else:
        first = start
    if stop is None:
        last = hi - 1 if forward else lo
    elif not MIN_FINITE <= stop <= MAX_FINITE:
        last = stop
    else:
        last = stop - 1 if forward else stop + 1
    if abs(step) != 1 and not is_finite(first):
        raise InvalidArgument(f"Slicing with non-unit stride of {step} requires a finite start index")
    a, b = (first, last) if forward else (last, first)
    check_closed(a, b)
    if not contains(inner_lo, inner_hi, a, b + 1):
        raise OutOfRange(
            f"Slice interval {interval_text(a, b + 1)} is not contained within domain "
            f"{interval_text(inner_lo, inner_hi)}"
        )
    new_lo = first // step if (first >= 0) == forward else -(-first // step)
    if abs(last) == INF:
        new_hi = END
    else:
        new_hi = new_lo - ((a - b - 1) // abs(step))
    lower, upper = (implicit_lower, implicit_upper) if forward else (implicit_upper, implicit_lower)
    return new_lo, new_hi, lower and start is None, upper and stop is None, first - new_lo * step
