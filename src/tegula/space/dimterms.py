"""Indexing on chosen dimensions: the terms of `d[...][terms]` against the dimensions they apply to.

What this file knows: which dimensions the terms of an indexing operation take and make when they apply to a
selection, new dimensions among it.  What it must not know: how an expression is written, printed or chained
(`dims`), or what a term does to a dimension (`slicing`).

Law: `plainly`, where it answers, is what composition with the placed expression gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tegula.errors import InvalidArgument
from tegula.space import dimops
from tegula.space.compose import compose
from tegula.space.direct import true_positions
from tegula.space.domain import check_rank
from tegula.space.labels import dimension_of_label
from tegula.space.lookups import looked_up_each
from tegula.space.plain import indexed, on_dimension, placed, widened
from tegula.space.selection import Spec, in_range, new_dims, numbered
from tegula.space.slicing import Expression
from tegula.space.transform import IndexTransform


def _taking(expression: Expression, count: int) -> int:
    """Return how many of the `count` selected dimensions the ellipsis stands for."""
    needed = expression.taken + expression.new_dims
    free = count - needed
    if free < 0 or (free and not expression.has_ellipsis):
        raise InvalidArgument(
            f"Indexing expression requires {needed} dimensions but selection has {count} dimensions"
        )
    return free


def _layout(
    expression: Expression, rank: int, chosen: Sequence[int], free: int
) -> tuple[list[int], list[int]]:
    """Return the dimensions that the terms make, in term order, and for each other one what it passes on.

    `rank` counts the dimensions with the new ones in place; `chosen` are those that the terms apply to.
    """
    width: list[int | None] = [None] * rank
    at = iter(chosen)
    joint = len(expression.joint)
    pending = expression.consecutive
    for term in expression.terms:
        if isinstance(term, int):
            width[next(at)] = 0
        elif term is None or isinstance(term, slice):
            width[next(at)] = 1
        elif term is Ellipsis:
            for _ in range(free):
                width[next(at)] = 1
        else:
            masked = term.dtype.kind == "b"
            if masked and not term.ndim:
                continue
            if expression.mode == "oindex":
                width[next(at)] = 1 if masked else term.ndim
            else:
                width[next(at)] = joint if pending else 0
                pending = False
            if masked:
                for _ in range(term.ndim - 1):
                    width[next(at)] = 0
    made: list[int] = []
    place = 0
    if not expression.consecutive:
        made.extend(range(joint))
        place = joint
    spans: list[range] = []
    passing = [-1] * place
    for i, extent in enumerate(width):
        spans.append(range(place, place + (1 if extent is None else extent)))
        passing.extend([i] if extent is None else [-1] * extent)
        place = len(passing)
    for i in chosen:
        made.extend(spans[i])
    return made, passing


_WHOLE = slice(None)
_ARRAY = np.ndarray


def plainly(
    t: IndexTransform, dims: Sequence[int], expression: Expression, rank: int, last: bool = False
) -> dimops.Result | None:
    """Return the result of an expression of one term for each of `dims`, by the direct path, or None.

    `rank` counts the dimensions with the new ones in place.  `last`: what is selected then does not matter.
    """
    given = expression.terms
    count = len(dims)
    if len(given) == 1 and count > 1:
        return None if expression.plain else _masked(t, dims, given[0], expression.mode)
    if len(given) != count or len(set(dims)) != count:
        return None
    if not expression.plain or any(map(_is_wide, given)):
        return _arrayed(t, dims, expression, last)
    if count == 1:
        only = indexed(t, (_WHOLE,) * dims[0] + given, expression.mode)
        return None if only is None else (only, [] if type(given[0]) is int else dims)
    terms: list[Any] = [_WHOLE] * rank
    for k, i in enumerate(dims):
        terms[i] = given[k]
    view = indexed(t, tuple(terms), expression.mode)
    if view is None:
        return None
    gone = [i for i in dims if type(terms[i]) is int]
    if not gone:
        return view, dims
    return view, [i - sum([j < i for j in gone]) for i in dims if i not in gone]


def _is_wide(term: Any) -> bool:
    """Tell whether a term that was read makes several dimensions, or none."""
    return type(term) is _ARRAY and term.ndim != 1


def _arrayed(
    t: IndexTransform, dims: Sequence[int], expression: Expression, last: bool
) -> dimops.Result | None:
    """Return the result of one term for each of `dims`, index arrays of any shape among them; else None."""
    given, mode = expression.terms, expression.mode
    if expression.new_dims or expression.has_ellipsis or expression.taken != len(given):
        return None
    rank = t.domain.rank
    if expression.axes is not None:
        view = _looked_up(t, dims, expression)
        if view is not None:
            return view, () if last else _layout(expression, rank, dims, 0)[0]
    terms: list[Any] = [_WHOLE] * rank
    places: list[int] = []
    for i, term in zip(dims, given, strict=True):
        terms[i] = term
        if type(term) is _ARRAY:
            places.append(i)
    if mode == "default" and len(places) > 1:
        if not expression.consecutive:
            mode = "vindex"
        elif max(places) - min(places) >= len(places):
            return None  # side by side as they are written, not where they are
    view = placed(t, tuple(terms), mode)
    if view is None:
        return None
    return view, () if last else _layout(expression, rank, dims, 0)[0]


def _looked_up(t: IndexTransform, dims: Sequence[int], expression: Expression) -> IndexTransform | None:
    """Return `t` with index arrays alone on `dims`, or None."""
    axes = [0] * t.domain.rank
    arrays: list[Any] = []
    at = last = -1
    straight = True
    for i, width, term in zip(dims, expression.axes, expression.terms):  # type: ignore[arg-type]  # noqa: B905
        if width:
            axes[i] = width
            arrays.append(term)  # nobody else's
            if at < 0:
                at = i
            if i < last:
                straight = False
            last = i
    if not straight:
        places = [i for i, width in zip(dims, expression.axes, strict=True) if width]  # type: ignore[arg-type]
        arrays = [arrays[places.index(i)] for i in sorted(places)]
    if expression.mode == "oindex":
        return looked_up_each(t, tuple(axes), arrays, None)
    at = axes[:at].count(0) if at and expression.consecutive else 0
    return looked_up_each(t, tuple(axes), arrays, expression.joint, at)


def _masked(t: IndexTransform, dims: Sequence[int], mask: Any, mode: str) -> dimops.Result | None:
    """Return the result of one mask of several axes over `dims`, which must be side by side; else None."""
    first = min(dims)
    order = [i - first for i in dims]
    if type(mask) is not np.ndarray or mask.ndim != len(dims) or sorted(order) != list(range(len(dims))):
        return None
    found = true_positions(mask)
    if found is None:
        return None
    rows = [found[order.index(k)] for k in range(len(dims))]
    view = indexed(t, (*(_WHOLE,) * first, *rows), "default" if mode == "oindex" else mode)
    return None if view is None else (view, [first])


def _on_one(
    t: IndexTransform, spec: Spec, expression: Expression, last: bool = False
) -> dimops.Result | None:
    """Return the result of one term on one dimension, None where the longer way must decide."""
    i = _place(spec, t.domain.labels)
    if i < 0:
        return None
    term = expression.terms[0]
    if not expression.plain or _is_wide(term):
        return _arrayed(t, (i,), expression, last)
    view = _at_dimension(t, i, term, expression.mode)
    return None if view is None else (view, () if type(term) is int else (i,))


def _at_dimension(t: IndexTransform, i: int, term: Any, mode: str) -> IndexTransform | None:
    """Return `t` with one term, which takes and makes one dimension, on its dimension `i`, or None."""
    view = on_dimension(t, i, term, mode, True)
    return placed(t, (*(_WHOLE,) * i, term), mode) if view is None else view


def _new_one(t: IndexTransform, specs: tuple[Spec, ...]) -> dimops.Result | None:
    """Return the result of one new dimension at a numbered place, None where the longer way must decide."""
    i = specs[0] if len(specs) == 1 else None
    if type(i) is not int:
        return None
    rank = t.domain.rank
    if i < 0:
        i += rank + 1
    view = widened(t, i) if 0 <= i <= rank else None
    return None if view is None else (view, (i,))


def _place(spec: Spec, labels: tuple[str, ...]) -> int:
    """Return the dimension of a number or label, -1 where the longer way must decide."""
    if type(spec) is int:
        rank = len(labels)
        return spec if 0 <= spec < rank else spec + rank if -rank <= spec < 0 else -1
    if type(spec) is not str or not spec:
        return -1
    try:
        return labels.index(spec)
    except ValueError:
        return -1


def _on_each(
    t: IndexTransform, specs: tuple[Spec, ...], expression: Expression, last: bool
) -> dimops.Result | None:
    """Return the result of one term on each of several dimensions, None where the longer way must decide."""
    labels = t.domain.labels
    order: list[int] = []
    for spec in specs:
        i = _place(spec, labels)
        if i < 0 or i in order:
            return None
        order.append(i)
    given = expression.terms
    if (
        expression.axes is not None
        or expression.arrays > 1
        or (expression.arrays and (not expression.plain or any(map(_is_wide, given))))
    ):
        return _arrayed(t, order, expression, last)
    terms: list[Any] = [_WHOLE] * len(labels)
    gone: list[int] = []
    dims: list[int] = []
    for i, term in zip(order, given, strict=True):
        terms[i] = term
        (gone if type(term) is int else dims).append(i)
    view = placed(t, tuple(terms), expression.mode)
    if view is None or not gone or last:
        return None if view is None else (view, dims)
    return view, [i - sum([j < i for j in gone]) for i in dims]


def index_first(
    t: IndexTransform, specs: tuple[Spec, ...], expression: Expression, last: bool = False
) -> dimops.Result:
    """Apply the first indexing operation of an expression, whose selection may name new dimensions.

    `last`: no operation follows, so what is then selected does not matter.
    """
    source = t.domain
    if not expression.new_dims and len(expression.terms) == len(specs) == expression.taken:
        one = len(specs) == 1
        direct = _on_one(t, specs[0], expression, last) if one else _on_each(t, specs, expression, last)
        if direct is not None:
            return direct
    if expression.scalar and expression.new_dims == 1:
        direct = _new_one(t, specs)
        if direct is not None:
            return direct
        dims = new_dims(specs, source.rank)
        rank = source.rank + len(dims)
        check_rank(rank)
    else:
        rank = source.rank + expression.new_dims
        check_rank(rank)
        dims = []
        for spec in specs:
            if type(spec) is str:
                dims.append(~dimension_of_label(source.labels, spec))
            elif type(spec) is int:
                dims.append(numbered(spec, rank))
            else:
                dims.extend(in_range(spec, rank))  # type: ignore[arg-type]
    expression = expression.repeated(len(dims))
    if not expression.new_dims or min(dims, default=0) >= 0:
        direct = plainly(t, [i if i >= 0 else ~i for i in dims], expression, rank, last)
        if direct is not None:
            return direct
    seen: set[int] = set()
    for i in dims:
        if i >= 0:
            _once(seen, i)
    free = _taking(expression, len(dims))
    fresh: set[int] = set()
    at = iter(dims)
    for term in expression.terms:
        if term is None:
            i = next(at)
            if i < 0:
                raise InvalidArgument("Dimensions specified by label cannot be used with newaxis")
            fresh.add(i)
            continue
        is_array = not (isinstance(term, int | slice) or term is Ellipsis)
        taken = free if term is Ellipsis else term.ndim if is_array and term.dtype.kind == "b" else 1
        for _ in range(taken):
            next(at)
    old = [i for i in range(rank) if i not in fresh]
    source_of = {i: j for j, i in enumerate(old)}
    for k, i in enumerate(dims):
        if i < 0:
            dims[k] = old[~i]
            _once(seen, dims[k])
    made, passing = _layout(expression, rank, dims, free)
    taken_dims = [source_of[i] for i in dims if i not in fresh]
    through = [-1 if i == -1 else source_of[i] for i in passing]
    check_rank(len(through))
    return compose(t, expression.placed(source, taken_dims, made, through)), made


def _once(seen: set[int], i: int) -> None:
    if i in seen:
        raise InvalidArgument(f"Dimension {i} specified more than once")
    seen.add(i)


def index_next(
    t: IndexTransform, dims: Sequence[int], expression: Expression, last: bool = False
) -> dimops.Result:
    """Apply a later indexing operation of an expression to the current selection; `last` as before."""
    if len(dims) == 1 and len(expression.terms) == 1 and expression.plain:
        term = expression.terms[0]
        if not _is_wide(term) and term is not None:
            view = _at_dimension(t, dims[0], term, expression.mode)
            if view is not None:
                return view, () if type(term) is int else dims
    expression = expression.repeated(len(dims))
    direct = plainly(t, dims, expression, t.domain.rank, last)
    if direct is not None:
        return direct
    free = _taking(expression, len(dims))
    made, passing = _layout(expression, t.domain.rank, dims, free)
    check_rank(len(passing))
    return compose(t, expression.placed(t.domain, dims, made, passing)), made
