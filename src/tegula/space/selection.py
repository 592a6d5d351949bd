"""Selections of dimensions: numbers, labels and ranges.

What this file knows: what `d[...]` may hold, and which dimensions of a domain that is, existing or new.
What it must not know: what is done to them.

Unlike Python's, a range of dimensions must lie within the rank.
Law: `selected` returns numbers within the rank, none twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

from tegula.errors import InvalidArgument
from tegula.space.arguments import int64, label_of
from tegula.space.interval import MAX_INT64, MIN_INT64, quoted
from tegula.space.labels import dimension_of_label

Spec = int | str | slice


def specs_of(selection: Any) -> tuple[Spec, ...]:
    """Return a selection (number, label, slice, `d[...]`, or a sequence of these) as a flat tuple.

    Raise `TypeError` for anything else.
    """
    kind = type(selection)
    if kind is str and selection.isascii():
        return (selection,)
    if kind is int and MIN_INT64 <= selection <= MAX_INT64:
        return (selection,)
    if kind is tuple:
        for one in selection:
            if not _is_spec(one):
                break
        else:
            return selection  # type: ignore[no-any-return]
    chosen = getattr(selection, "_selected", None)
    if chosen is not None:
        return chosen  # type: ignore[no-any-return]
    if isinstance(selection, str):
        return (label_of(selection),)
    if isinstance(selection, slice):
        return (_range(selection),)
    if hasattr(selection, "__index__") and not getattr(selection, "ndim", 0):
        return (int64(selection, "dimension"),)
    if not isinstance(selection, Iterable) or hasattr(selection, "_transform"):
        raise TypeError(f"{type(selection).__name__} does not select dimensions")
    return tuple([spec for item in selection for spec in specs_of(item)])


def _is_spec(one: Spec) -> bool:
    """Tell whether what was given for a dimension stands for itself."""
    if type(one) is str:
        return one.isascii()
    if type(one) is int:
        return MIN_INT64 <= one <= MAX_INT64
    if type(one) is not slice or one.step is not None:
        return False
    start, stop = one.start, one.stop
    return (start is None or (type(start) is int and MIN_INT64 <= start <= MAX_INT64)) and (
        stop is None or (type(stop) is int and MIN_INT64 <= stop <= MAX_INT64)
    )


def _range(given: slice) -> slice:
    parts = []
    for part in (given.start, given.stop, given.step):
        try:
            parts.append(None if part is None else max(-MAX_INT64 - 1, min(index(part), MAX_INT64)))
        except TypeError:
            raise TypeError("a range of dimensions needs integers or None") from None
    if parts[2] == 1:
        parts[2] = None
    return slice(*parts)


def range_text(spec: slice) -> str:
    """Return a range as it is printed."""
    start, stop = ("" if part is None else str(part) for part in (spec.start, spec.stop))
    return f"{start}:{stop}" if spec.step is None else f"{start}:{stop}:{spec.step}"


def in_range(spec: slice, rank: int) -> range:
    """Return the dimensions of a range; unlike Python's it must lie within the rank."""
    step = 1 if spec.step is None else spec.step
    if step == 0:
        raise InvalidArgument("step must not be 0")
    start, stop = spec.start, spec.stop
    if start is None:
        start = 0 if step > 0 else rank - 1
    else:
        start = numbered(start, rank)
    if stop is None:
        stop = rank if step > 0 else -1
    else:
        if not -rank - 1 <= stop <= rank:
            raise InvalidArgument(
                f"Dimension exclusive stop index {stop} is outside valid range [-{rank + 1}, {rank}]"
            )
        stop = stop if stop >= 0 else stop + rank
        if (stop < start) if step > 0 else (stop > start):
            raise InvalidArgument(f"{range_text(spec)} is not a valid range")
    return range(start, stop, step)


def numbered(spec: int, rank: int) -> int:
    """Return a dimension number counted from the front; raise `InvalidArgument` outside the rank."""
    if not -rank <= spec < rank:
        raise InvalidArgument(f"Dimension index {spec} is outside valid range [-{rank}, {rank})")
    return spec % rank


def listed(specs: tuple[Spec, ...], labels: tuple[str, ...]) -> list[int]:
    """Return the dimensions that `specs` select, duplicates kept."""
    dims: list[int] = []
    for spec in specs:
        if isinstance(spec, str):
            dims.append(dimension_of_label(labels, spec))
        elif isinstance(spec, slice):
            dims.extend(in_range(spec, len(labels)))
        else:
            dims.append(numbered(spec, len(labels)))
    return dims


def selected(specs: tuple[Spec, ...], labels: tuple[str, ...]) -> list[int]:
    """Return the dimensions that `specs` select of those with `labels`; raise `InvalidArgument` for
    duplicates.

    >>> selected(("y", 0), ("x", "y"))
    [1, 0]
    """
    dims = listed(specs, labels)
    return _unique(dims, len(labels))


def _unique(dims: list[int], rank: int) -> list[int]:
    if len(dims) > rank:
        raise InvalidArgument(f"Number of dimensions ({len(dims)}) exceeds input rank ({rank}).")
    if len(set(dims)) != len(dims):
        twice = [d for k, d in enumerate(dims) for _ in range(dims[:k].count(d))]
        raise InvalidArgument(f"Input dimensions {{{', '.join(map(str, twice))}}} specified more than once")
    return dims


def _new_count(spec: slice) -> int:
    """Return how many new dimensions a range names; both of its ends must be countable from one side."""
    step: int = 1 if spec.step is None else spec.step
    if step == 0:
        raise InvalidArgument("step must not be 0")
    start: int | None = spec.start
    stop: int | None = spec.stop
    if start is not None and stop is not None:
        if (start < 0) == (stop < 0) and (stop >= start if step > 0 else stop <= start):
            return -(-(stop - start) // step)
    elif start is not None:
        if step > 0 and start < 0:
            return -(start // step)
        if step < 0 and start >= 0:
            return -(-(start + 1) // -step)
    elif stop is not None:
        if step > 0 and stop >= 0:
            return -(-stop // step)
        if step < 0 and stop < 0:
            return -((stop + 1) // -step)
    raise InvalidArgument(f"`{range_text(spec)}` is not a valid specification for new dimensions")


def new_dims(specs: tuple[Spec, ...], rank: int) -> list[int]:
    """Return the places of the new dimensions that `specs` name, within the rank that results."""
    total = rank + sum(_new_count(spec) if isinstance(spec, slice) else 1 for spec in specs)
    dims: list[int] = []
    for spec in specs:
        if isinstance(spec, str):
            raise InvalidArgument("New dimensions cannot be specified by label")
        dims.extend(in_range(spec, total) if isinstance(spec, slice) else (numbered(spec, total),))
    return _unique(dims, total)


def label_text(label: str) -> str:
    """Return a label in single quotes, escaped."""
    return f"'{quoted(label)[1:-1]}'"


def specs_text(specs: tuple[Spec, ...]) -> str:
    """Return a selection as it is printed between brackets."""
    if not specs:
        return "()"
    texts = [
        label_text(s) if isinstance(s, str) else range_text(s) if isinstance(s, slice) else str(s)
        for s in specs
    ]
    return ",".join(texts)
