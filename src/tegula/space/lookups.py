"""Index arrays and nothing else: several of them, or of several axes, the other dimensions whole.

What this file knows: what becomes of a transform when some of its dimensions are replaced by the axes of
index arrays, each by its own ('oindex') or all by joint ones.  What it must not know: other terms (`plain`),
and the text of any error; whatever is not plainly right is left to those.

Where each dimension goes depends on how many axes the arrays have, not on what they hold: it is worked out
once for each such layout, and applied by picking from rows.

Law: where a function here answers, the answer is `compose(t, Expression(terms).transform(t.domain))`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tegula.errors import IndexingError
from tegula.space.columns import COUNT, ONES, ZEROS, Looked
from tegula.space.direct import private
from tegula.space.domain import NO_LABELS, domain
from tegula.space.gather import joint_shape
from tegula.space.interval import END, INF, MAX_RANK
from tegula.space.maps import IndexArray
from tegula.space.regather import may_be_cut, still_looked_up
from tegula.space.transform import IndexTransform, columns, is_near

_ARRAY = np.ndarray
_INT64 = np.dtype(np.int64)
Arrays = Sequence[IndexArray]
"""Index arrays, private and of two or more elements, in the order of the dimensions they replace."""
Rows = tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...] | None, tuple[Looked | None, ...] | None]
"""Lower bounds, upper bounds, labels (None for none), and for each output what is looked up."""
Layout = tuple[Callable[..., Rows], tuple[int, ...], tuple[int, ...], int, int]
"""A function of `(los, his, labels, joint, arrays)`, written out as those of `image.py`.

Then for each dimension, and for none, where it goes, -1 for nowhere; the same for each output; and the
implicit bounds of the result.
"""
_ALONE = [
    [[(*ZEROS[i], width, *ZEROS[rank - i - 1]) for i in range(rank)] for rank in range(MAX_RANK + 1)]
    for width in range(3)
]
"""By the axes of an array, the rank and the dimension: the axes of each dimension, of which one has any."""


@lru_cache(1024)
def _layout(
    axes: tuple[int, ...], joint: int, at: int, dims: tuple[int, ...], lowers: int, uppers: int
) -> Layout | None:
    """Return what becomes of dimensions whose arrays have so many axes, 0 where there is none.

    `~n` stands for an array of one value that has n axes: nothing is looked up there.
    `joint` is the number of joint axes, before which come `at` of the dimensions that stay; -1 for none.
    `dims` are the dimensions that outputs follow, `lowers` and `uppers` the implicit bounds.  None where
    there is no array, or too many axes.
    """
    rank = len(axes)
    if not any(axes):
        return None
    new: list[tuple[str, str, str]] = []  # bounds and label of each new dimension, or of several
    places, starts = [-1] * rank, [at] * rank
    made = 0
    for i, width in enumerate(axes):
        if not width:
            if made == at and joint > 0:
                made += joint
            places[i] = made
            new.append((f"a{i}", f"b{i}", f"n{i}"))
            made += 1
        elif joint < 0 and ~width:
            count = max(width, ~width)
            starts[i] = made
            ends = "1, " * count if width < 0 else f"x{i}.size" if width == 1 else f"*x{i}.shape"
            new.append(("0, " * count, ends, "'', " * count))
            made += count
    if joint > 0:
        new.insert(at, ("0, " * joint, "*joint" if joint > 1 else "joint[0]", "'', " * joint))
        made = len(new) - 1 + joint
    if made > MAX_RANK:
        return None
    held = []  # what is looked up for each dimension
    for i, (start, width) in enumerate(zip(starts, axes, strict=True)):
        if width <= 0:
            held.append("None")
            continue
        first = start + max(joint, width) - width
        after = ONES[made - first - width]
        shape = ", ".join(map(str, (*ONES[first], -1 if width == 1 else f"*x{i}.shape", *after)))
        array = f"x{i}" if width == made else f"x{i}.reshape(({shape},))"
        lo, hi = -INF if lowers >> i & 1 else f"a{i}", END if uppers >> i & 1 else f"b{i}"
        held.append(f"({array}, {lo}, {hi})")
    looked = "".join([f"{held[i] if i >= 0 else None}, " for i in dims])
    names = ["".join([f"{name}{i}, " for i in range(rank)]) for name in "abn"]
    arrays = "".join([f"x{i}, " for i, width in enumerate(axes) if width > 0])
    columns = ["".join([f"{row[k].rstrip(', ')}, " for row in new]) for k in range(3)]
    scope: dict[str, Any] = {}
    exec(
        "def laid(los, his, labels, joint, arrays):\n"
        f"  {names[0]}= los\n"
        f"  {names[1]}= his\n"
        f"  {arrays and f'{arrays}= arrays'}\n"
        "  if labels is not None:\n"
        f"    {names[2]}= labels\n"
        f"    labels = ({columns[2]})\n"
        f"  return ({columns[0]}), ({columns[1]}), labels, {f'({looked})' if 'x' in looked else None}",
        scope,
    )
    outer = (*places, -1)
    return (
        scope["laid"],
        outer,
        tuple([outer[i] for i in dims]),
        _moved(lowers, places),
        _moved(uppers, places),
    )


def _moved(mask: int, places: list[int]) -> int:
    """Return the bits of a mask where the dimensions that stay are afterwards."""
    return sum((mask >> i & 1) << place for i, place in enumerate(places) if place >= 0)


def looked_up_each(
    t: IndexTransform,
    axes: tuple[int, ...],
    arrays: Arrays,
    joint: tuple[int, ...] | None,
    at: int = 0,
    values: Sequence[tuple[int, int]] = (),
) -> IndexTransform | None:
    """Return `t` with the dimensions that have `axes` replaced by those of their index arrays, or None.

    By joint dimensions of shape `joint`, which come after `at` of those that stay; by its own where that is
    None.  `values` are `(dimension, index)` of the arrays that hold one: those with `~n` axes.

    >>> points, t = np.array([2, 0]), IndexTransform(input_shape=[3, 9, 4])
    >>> looked_up_each(t, (1, 0, 1), [points, np.array([1, 1, 3])], None).domain
    { [0, 2), [0, 9), [0, 3) }
    >>> looked_up_each(t, (1, 0, 1), [points, points], (2,), 1).domain
    { [0, 9), [0, 2) }
    """
    if not (t._near or is_near(t)):
        return None
    source, dims, known = t.domain, t._dims, t._arrays
    los, his, labels = source.inclusive_min, source.exclusive_max, source.labels
    rank = len(los)
    layout = _layout(
        axes,
        -1 if joint is None else len(joint),
        at,
        dims if known is None else COUNT[rank],
        source.lower_mask,
        source.upper_mask,
    )
    if layout is None:
        return None
    laid, places, new_dims, lowers, uppers = layout
    named = None if labels is NO_LABELS[rank] else labels
    new_los, new_his, named, along = laid(los, his, named, joint, arrays)
    space = domain(new_los, new_his, named, lowers, uppers)
    if known is None and not values:
        return columns(space, new_dims, t._offsets, t._strides, along, t._near)
    offsets, strides = list(t._offsets), list(t._strides)
    moves, steps = list(ZEROS[rank]), list(ONES[rank])
    for i, value in values:
        if not los[i] <= value < his[i]:
            return None
        moves[i], steps[i] = value, 0
    if values:
        for k, i in enumerate(dims):
            if i >= 0 and not steps[i]:
                offsets[k] += strides[k] * moves[i]
                strides[k] = 0
    if known is None:
        return columns(space, new_dims, tuple(offsets), tuple(strides), along, t._near)
    for i, width in enumerate(axes):
        if width > 0 and may_be_cut(t, i):
            return None
    held = [places[i] for i in dims]
    column: list[Looked | None] = [None] * len(dims)
    if along is not None:
        column = [along[i] if i >= 0 else None for i in dims]
    inner = (places, moves, steps)
    if not still_looked_up(t, space, inner, along, column, held, offsets, strides):
        return None
    looked = tuple(column) if any(column) else None
    return columns(space, tuple(held), tuple(offsets), tuple(strides), looked, t._near)


def looked_up(t: IndexTransform, i: int, array: IndexArray, at: int) -> IndexTransform | None:
    """Return `t` with dimension `i` replaced by the axes of an index array of two or more elements; or None.

    They come after `at` of the dimensions that stay.

    >>> looked_up(IndexTransform(input_shape=[3, 4]), 1, np.array([2, 0]), 1).domain
    { [0, 3), [0, 2) }
    """
    rank, shape = t.domain.rank, array.shape
    width = len(shape)
    if i >= rank:
        return None
    axes = _ALONE[width][rank][i] if width < 3 else (*ZEROS[i], width, *ZEROS[rank - i - 1])
    return looked_up_each(t, axes, (array,), shape, at)


def arrays_alone(t: IndexTransform, terms: Sequence[Any], mode: str) -> IndexTransform | None:
    """Return `t[terms]` for index arrays that are not empty, whole slices and an ellipsis; else None.

    >>> arrays_alone(IndexTransform(input_shape=[3, 9, 4]), ([[2, 0]], ..., [1, 3]), "default").domain
    { [0, 1), [0, 2), [0, 9) }
    """
    rank = t.domain.rank
    axes: list[int] = []
    arrays: list[IndexArray] = []
    values: list[tuple[int, int]] = []
    at, last, apart = 0, -1, mode == "vindex"
    joint: tuple[int, ...] | None = () if mode != "oindex" else None
    free = rank + 1 - len(terms)
    for term in terms:
        kind = type(term)
        if kind is _ARRAY or kind is list:
            if kind is _ARRAY and term.dtype is _INT64:
                array = term.copy()  # what `private` does
            else:
                array = private(term)
                if array is None:
                    return None
            k, shape = len(axes), array.shape
            if last < 0:
                at = k
            elif k != last:
                apart = True
            last = k + 1
            if array.size > 1:
                arrays.append(array)
                axes.append(len(shape))
            elif array.size:
                values.append((k, int(array.item())))
                axes.append(~len(shape))
            else:
                return None
            if shape != joint and joint is not None:
                try:
                    joint = joint_shape(joint, shape)
                except IndexingError:
                    return None
        elif kind is slice:
            if term.start is not None or term.stop is not None or term.step is not None:
                return None
            axes.append(0)
        elif term is ...:
            if free < 0 or (not free and last >= 0):
                return None
            axes += ZEROS[free]
            free = -1
        else:
            return None
    left = rank - len(axes)
    if left < 0 or last < 0:
        return None
    widths = (*axes, *ZEROS[left]) if left else tuple(axes)
    return looked_up_each(t, widths, arrays, joint, 0 if apart else at, values)
