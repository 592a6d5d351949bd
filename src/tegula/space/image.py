"""The image of one point under a transform.

What this file knows: how a point is checked against a domain and carried through the output maps (index
arrays among them), and the text of each complaint.  What it must not know: how transforms are made.

Law: `image(compose(f, g), x) == image(f, image(g, x))`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex

from tegula.errors import InvalidArgument, OutOfRange
from tegula.space.arguments import int64, number, row
from tegula.space.interval import END, INF, MAX_RANK, interval_text, wrapped

if TYPE_CHECKING:
    from tegula.space.maps import OutputIndexMap
    from tegula.space.transform import IndexTransform


def image(t: IndexTransform, indices: Iterable[SupportsIndex]) -> tuple[int, ...]:
    """Return the output coordinates of one point; the definition of calling a transform.

    Raise `InvalidArgument` for a point of another rank, `OutOfRange` outside explicit bounds.

    >>> from tegula.space.transform import IndexTransform
    >>> image(IndexTransform(input_shape=[9])[::2], [3])
    (6,)
    """
    given = indices if type(indices) is tuple else row(indices, "indices")
    point = tuple([i if type(i) is int else number(i, "index") for i in given])
    domain = t.domain
    if len(point) != domain.rank:
        raise InvalidArgument(
            f"input indices vector of length {len(point)} cannot be used with "
            f"index transform with input rank {domain.rank}"
        )
    los, his = domain.inclusive_min, domain.exclusive_max
    for i, x in enumerate(point):
        if los[i] <= x < his[i] and -INF < x < INF:  # within, whichever bounds are implicit
            continue
        lo = -INF if domain.lower_mask >> i & 1 else los[i]
        hi = END if domain.upper_mask >> i & 1 else his[i]
        if not (lo <= x < hi and -INF < x < INF):
            x = int64(x, "index")
            lower, upper = bool(domain.lower_mask >> i & 1), bool(domain.upper_mask >> i & 1)
            shown = interval_text(los[i], his[i], lower, upper)
            raise OutOfRange(f"Index {x} is not contained in the domain {shown} for input dimension {i}")
    if t._arrays is not None:
        return tuple([_looked_up(t, i, m, point) for i, m in enumerate(t.maps)])
    rows = zip(t._dims, t._offsets, t._strides, strict=True)
    found = tuple([offset + stride * point[i] if stride else offset for i, offset, stride in rows])
    if found and not -END < min(found) <= max(found) < END:
        return tuple(map(wrapped, found))
    return found


AT: list[Callable[..., tuple[int, ...] | None] | None] = [None] * (MAX_RANK + 1)
"""What `of_rank` returned, by rank."""


def of_rank(rank: int) -> Callable[..., tuple[int, ...] | None]:
    """Return a function of `(point, los, his, offsets, strides)`, rows of length `rank`.

    It gives `offset + stride * index` for each index if all are plain integers within the bounds, else None.
    Written out for the rank, as `record.py` writes constructors: a loop would take twice the time.

    >>> of_rank(2)((1, 2), (0, 0), (5, 5), (10, 20), (1, 3)), of_rank(1)((7,), (0,), (5,), (0,), (1,))
    ((11, 26), None)
    """
    known = AT[rank] = AT[rank] or (_at(rank) if rank else _nothing)
    return known


def _at(rank: int) -> Callable[..., tuple[int, ...] | None]:
    rows = [", ".join(f"{name}{i}" for i in range(rank)) + "," for name in "xabos"]
    unpacked = "\n".join(
        f"  {row} = {given}"
        for row, given in zip(rows, ("point", "los", "his", "offsets", "strides"), strict=True)
    )
    within = " and ".join(f"type(x{i}) is int and a{i} <= x{i} < b{i}" for i in range(rank))
    found = ", ".join(f"o{i} + s{i} * x{i}" for i in range(rank))
    scope: dict[str, Any] = {}
    exec(
        f"def at(point, los, his, offsets, strides):\n{unpacked}\n  if {within}:\n    return ({found},)",
        scope,
    )
    made: Callable[..., tuple[int, ...] | None] = scope["at"]
    return made


def _nothing(*_: object) -> tuple[int, ...]:
    return ()


def _looked_up(t: IndexTransform, output_dim: int, m: OutputIndexMap, point: tuple[int, ...]) -> int:
    if m.stride is None:
        return m.offset
    if m.input_dimension is not None:
        return wrapped(m.offset + m.stride * point[m.input_dimension])
    array, limits = m.index_array, m.index_range
    assert array is not None
    assert limits is not None
    los = t.domain.inclusive_min
    value = int(
        array[tuple([0 if n == 1 else x - lo for n, x, lo in zip(array.shape, point, los, strict=True)])]
    )
    if value not in limits:
        shown = interval_text(limits.inclusive_min, limits.exclusive_max)
        raise OutOfRange(
            f"Computing index for output dimension {output_dim}: Checking result of index array "
            f"output index map: Index {value} is outside valid range {shown}"
        )
    return wrapped(m.offset + m.stride * value)
