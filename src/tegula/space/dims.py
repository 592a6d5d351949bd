"""Dimension expressions: `d['x', 0].translate_to[5][3:7]`, as values.

What this file knows: how dimensions are selected (numbers, labels, ranges), how operations chain, and how
an expression is printed, compared, pickled and applied.  What it must not know: what the
operations do (`dimops`, `slicing`).

An expression is a selection and a row of `(name, argument)`; nothing happens until it meets something that
has a transform: `x[expression]` or `expression(x)`.
Law: `eval(repr(e)) == e`, and `x[e1][e2]` is what the operations do one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tegula.errors import InvalidArgument, OutOfRange
from tegula.space import dimops
from tegula.space.align import restricted
from tegula.space.arguments import flag, int64, label_of, row
from tegula.space.columns import COUNT
from tegula.space.compose import compose, indexing, propagated
from tegula.space.dim import Frozen
from tegula.space.direct import directly, true_positions
from tegula.space.domain import IndexDomain, check_rank, dimension_of_label
from tegula.space.indexable import HasTransform, Operations
from tegula.space.interval import MAX_INT64, MIN_INT64
from tegula.space.selection import (
    Spec,
    in_range,
    label_text,
    listed,
    new_dims,
    numbered,
    selected,
    specs_of,
    specs_text,
)
from tegula.space.slicing import Expression, apply_terms
from tegula.space.transform import IndexTransform, nowhere

if TYPE_CHECKING:
    from tegula.space.keys import DimSelectionLike, NumpyIndexingSpec


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


def _plainly(
    t: IndexTransform, dims: Sequence[int], expression: Expression, rank: int
) -> dimops.Result | None:
    """Return the result of an expression of one term for each of `dims`, by the direct path, or None.

    `rank` counts the dimensions with the new ones in place.
    """
    given = expression.terms
    count = len(dims)
    if len(given) == 1 and dims:
        if not expression.plain:
            return _masked(t, dims, given[0], expression.mode)
        if count != 1:
            return None
        only = directly(t, (_WHOLE,) * dims[0] + given, expression.mode)
        return None if only is None else (only, [] if type(given[0]) is int else dims)
    if not expression.plain or len(given) != count or len(set(dims)) != count:
        return None
    terms: list[Any] = [_WHOLE] * rank
    for k, i in enumerate(dims):
        terms[i] = given[k]
    view = directly(t, tuple(terms), expression.mode)
    if view is None:
        return None
    gone = [i for i in dims if type(terms[i]) is int]
    if not gone:
        return view, dims
    return view, [i - sum([j < i for j in gone]) for i in dims if i not in gone]


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
    view = directly(t, (*(_WHOLE,) * first, *rows), "default" if mode == "oindex" else mode)
    return None if view is None else (view, [first])


def _index_first(t: IndexTransform, specs: tuple[Spec, ...], expression: Expression) -> dimops.Result:
    """Apply the first indexing operation of an expression, whose selection may name new dimensions."""
    source = t.domain
    if expression.scalar and expression.new_dims == 1:
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
        direct = _plainly(t, [i if i >= 0 else ~i for i in dims], expression, rank)
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


def _index_next(t: IndexTransform, dims: Sequence[int], expression: Expression) -> dimops.Result:
    """Apply a later indexing operation of an expression to the current selection."""
    expression = expression.repeated(len(dims))
    direct = _plainly(t, dims, expression, t.domain.rank)
    if direct is not None:
        return direct
    free = _taking(expression, len(dims))
    made, passing = _layout(expression, t.domain.rank, dims, free)
    check_rank(len(passing))
    return compose(t, expression.placed(t.domain, dims, made, passing)), made


def _transpose(t: IndexTransform, dims: Sequence[int], targets: tuple[Spec, ...]) -> dimops.Result:
    if len(targets) == 1 and isinstance(targets[0], int):
        return dimops.move_to(t, dims, targets[0])
    places: list[int] = []
    for spec in targets:
        if isinstance(spec, str):
            raise InvalidArgument("Target dimensions cannot be specified by label")
        places.extend(in_range(spec, t.domain.rank) if isinstance(spec, slice) else (spec,))
    return dimops.transpose(t, dims, places)


_OPERATIONS: dict[str, Any] = {
    "translate_to": dimops.translate_to,
    "translate_by": dimops.translate_by,
    "translate_backward_by": dimops.translate_backward_by,
    "stride": dimops.stride,
    "label": dimops.label,
    "mark_bounds_implicit": dimops.mark_bounds_implicit,
    "transpose": _transpose,
    "diagonal": dimops.diagonal,
}
_TRANSLATIONS = {"translate_to", "translate_by", "translate_backward_by"}
_INDEXING = {"": "default", ".oindex": "oindex", ".vindex": "vindex"}


_INTEGERS = {int}
_STRINGS = {str}


def _vector(argument: Any, name: str) -> dimops.Vector:
    if argument is None or (type(argument) is int and MIN_INT64 < argument <= MAX_INT64):
        return argument
    if (
        type(argument) is tuple
        and set(map(type, argument)) == _INTEGERS
        and MIN_INT64 < min(argument) <= max(argument) <= MAX_INT64
    ):
        return argument
    if hasattr(argument, "__index__") and not getattr(argument, "ndim", 0):
        return _entry(argument, name)
    return tuple([_entry(item, name) for item in row(argument, name)])


def _entry(item: Any, name: str) -> int | None:
    if type(item) is int and MIN_INT64 < item <= MAX_INT64:
        return item
    number = None if item is None else int64(item, name)
    return None if number == MIN_INT64 else number


def _names(argument: Any, name: str = "label") -> tuple[str, ...]:
    if isinstance(argument, (str, bytes)):
        return (label_of(argument),)
    if type(argument) is tuple and set(map(type, argument)) == _STRINGS and "".join(argument).isascii():
        return argument
    names = row(argument, name)
    if type(None) in map(type, names):
        raise TypeError("label takes strings, not None")
    return tuple(map(label_of, names))


def _flags(argument: Any, _name: str = "mark_bounds_implicit") -> tuple[bool | None, bool | None]:
    if isinstance(argument, slice):
        if argument.step is not None:
            raise TypeError("mark_bounds_implicit takes a slice without a step")
        lower, upper = argument.start, argument.stop
        return _optional(lower), _optional(upper)
    both = None if argument is None else flag(argument, "mark_bounds_implicit")
    return both, both


def _optional(value: object) -> bool | None:
    return None if value is None else flag(value, "mark_bounds_implicit")


def _targets(argument: Any, _name: str = "transpose") -> tuple[Spec, ...]:
    return specs_of(argument)


_READ: dict[str, Callable[[Any, str], Any]] = {
    "translate_to": _vector,
    "translate_by": _vector,
    "translate_backward_by": _vector,
    "stride": _vector,
    "label": _names,
    "mark_bounds_implicit": _flags,
    "transpose": _targets,
    "diagonal": _vector,
}


def argument_of(name: str, given: Any) -> Any:
    """Return the argument of an operation in its one form; raise `TypeError` for a wrong one."""
    return _READ[name](given, name)


def argument_text(name: str, argument: Any) -> str:
    """Return the argument of an operation as it is printed between brackets."""
    if name == "label":
        return ",".join(map(label_text, argument))
    if name == "mark_bounds_implicit":
        lower, upper = argument
        if lower == upper and lower is not None:
            return str(lower)
        return f"{'' if lower is None else lower}:{'' if upper is None else upper}"
    if name == "transpose":
        return specs_text(argument)
    if not isinstance(argument, tuple):
        return str(argument)
    if not argument:
        return "()"
    return ",".join(map(str, argument)) + ("," if len(argument) == 1 else "")


def applied(t: IndexTransform, expression: DimExpression) -> IndexTransform:
    """Return `t` after the operations of `expression`; raise `InvalidArgument` or `OutOfRange`."""
    steps = expression._steps
    if not steps:
        raise InvalidArgument("Must specify at least one operation in dimension expression")
    dims: Sequence[int] | None = None
    for name, argument in steps:
        if name in _INDEXING:
            if dims is None:
                t, dims = _index_first(t, expression._specs, argument)
            else:
                t, dims = _index_next(t, dims, argument)
            continue
        if dims is None:
            dims = selected(expression._specs, t.domain.labels)
        t, dims = _OPERATIONS[name](t, dims, argument)
    return t


T = TypeVar("T", bound=HasTransform)


class _Operation:
    """`expression.op`: waits for its argument in brackets."""

    __slots__ = ("_name", "_owner")
    __iter__ = None

    def __init__(self, owner: DimExpression, name: str) -> None:
        self._owner = owner
        self._name = name

    def __getitem__(self, argument: object) -> DimExpression:
        """Return the expression with this operation added."""
        owner, name = self._owner, self._name
        if name in ("oindex", "vindex"):
            return owner._indexed(argument, f".{name}")
        return owner._then(name, argument_of(name, argument))

    def __repr__(self) -> str:
        return f"{self._owner!r}.{self._name}"


class _RawExpression:
    __slots__ = ("_specs", "_steps")

    _specs: tuple[Spec, ...]
    _steps: tuple[tuple[str, Any], ...]


class DimExpression(Frozen, _RawExpression):
    """A selection of dimensions and operations to apply to them, one after the other.

    Start with `d[...]`; apply with `x[expression]` or `expression(x)`.

    >>> d["x"].translate_to[5][7:9]
    d['x'].translate_to[5][7:9]
    """

    __slots__ = ()
    __iter__ = None

    def _then(self, name: str, argument: Any) -> DimExpression:
        return _expression(self._specs, (*self._steps, (name, argument)))

    def _indexed(self, terms: Any, prefix: str) -> DimExpression:
        place = "chained" if self._steps else "initial"
        return self._then(prefix, Expression(terms, _INDEXING[prefix], place))

    def __getitem__(self, terms: NumpyIndexingSpec) -> DimExpression:
        """Add an indexing operation; it must take all selected dimensions."""
        return self._indexed(terms, "")

    @property
    def oindex(self) -> _Operation:
        """Add an indexing operation with outer index arrays."""
        return _Operation(self, "oindex")

    @property
    def vindex(self) -> _Operation:
        """Add an indexing operation with joint index arrays, their dimensions first."""
        return _Operation(self, "vindex")

    @property
    def translate_to(self) -> _Operation:
        """Move the selected dimensions to the given origins."""
        return _Operation(self, "translate_to")

    @property
    def translate_by(self) -> _Operation:
        """Move the selected dimensions forward."""
        return _Operation(self, "translate_by")

    @property
    def translate_backward_by(self) -> _Operation:
        """Move the selected dimensions backward."""
        return _Operation(self, "translate_backward_by")

    @property
    def stride(self) -> _Operation:
        """Keep the multiples of the given strides, counted from 0."""
        return _Operation(self, "stride")

    @property
    def label(self) -> _Operation:
        """Call the selected dimensions so."""
        return _Operation(self, "label")

    @property
    def transpose(self) -> _Operation:
        """Put the selected dimensions at the given places."""
        return _Operation(self, "transpose")

    @property
    def mark_bounds_implicit(self) -> _Operation:
        """Make bounds of the selected dimensions implicit or explicit."""
        return _Operation(self, "mark_bounds_implicit")

    @property
    def diagonal(self) -> DimExpression:
        """Join the selected dimensions into a new first one."""
        return self._then("diagonal", None)

    def __call__(self, x: T) -> T:
        """Return `x[self]`; raise `IndexingError`."""
        seen: T = x[self]  # type: ignore[index]
        return seen

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DimExpression):
            return NotImplemented
        return self._specs == other._specs and self._steps == other._steps

    def __hash__(self) -> int:
        return hash((str(self._specs), self._steps))

    def __repr__(self) -> str:
        text = f"d[{specs_text(self._specs)}]"
        for name, argument in self._steps:
            if name in _INDEXING:
                text += f"{name}[{argument!r}]"
            elif name == "diagonal":
                text += ".diagonal"
            else:
                text += f".{name}[{argument_text(name, argument)}]"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        return _expression, (self._specs, self._steps)


class DimSelection(DimExpression):
    """A selection of dimensions, by number, label or range; the start of an expression.

    >>> d["x", 0:2, -1]
    d['x',0:2,-1]
    """

    __slots__ = ()

    @property
    def _selected(self) -> tuple[Spec, ...]:
        return self._specs


def _expression(specs: tuple[Spec, ...], steps: tuple[tuple[str, Any], ...]) -> DimExpression:
    raw = _RawExpression()
    raw._specs = specs
    raw._steps = steps
    raw.__class__ = DimExpression if steps else DimSelection
    return raw  # type: ignore[return-value]


class _Start:
    """`d`: what a dimension expression begins with: ``d[dimensions]``, then operations on those dimensions.

    Dimensions are labels, integers (from the end where negative), slices, or several of these.  An
    expression is applied by indexing, ``view[expression]``, or by calling it with a view.

    Raises:
        IndexError: when it is applied, a label or number that the view does not have.

    >>> from tegula import IndexDomain, d
    >>> IndexDomain(labels=["x", "y"], shape=[4, 6])[d["y", "x"].transpose[:].translate_to[10]]
    { "y": [10, 16), "x": [10, 14) }
    """

    __slots__ = ()
    __iter__ = None

    def __getitem__(self, selection: DimSelectionLike) -> DimSelection:
        """Return the selection of the given dimensions."""
        return _expression(specs_of(selection), ())  # type: ignore[return-value]

    def __repr__(self) -> str:
        return "d"

    def __reduce__(self) -> str:
        return "d"


d = _Start()
"""`d[...]` selects dimensions and begins a dimension expression."""


def apply_to_all(t: IndexTransform, name: str, given: Any) -> IndexTransform:
    """Return `t` after the operation `name`, applied to all its dimensions."""
    if name == "oindex" or name == "vindex":
        return apply_terms(t, given, name)
    if name in _TRANSLATIONS:
        whole = dimops.translated_whole(t, name, given)
        if whole is not None:
            return whole
    seen: IndexTransform = _OPERATIONS[name](t, COUNT[t.domain.rank], _READ[name](given, name))[0]
    return seen


def transposed(t: IndexTransform, axes: Any) -> IndexTransform:
    """Return the view whose dimension `k` is the one that `axes[k]` names; reversed where `axes` is None."""
    if axes is None:
        return dimops.reversed_dimensions(t)
    rank = t.domain.rank
    if type(axes) in (list, tuple) and len(axes) == rank:
        seen = 0
        for i in axes:
            if type(i) is not int or not 0 <= i < rank:
                break
            seen |= 1 << i
        if seen == (1 << rank) - 1:
            return dimops.permuted(t, tuple(axes))
    order = listed(specs_of(axes), t.domain.labels)
    if sorted(order) != list(range(rank)):
        raise InvalidArgument(
            f"Source dimension list {{{', '.join(map(str, order))}}} is not a valid dimension permutation "
            f"for rank {rank}"
        )
    return dimops.permuted(t, order)


def index_transform(t: IndexTransform, key: Any) -> IndexTransform:
    """Return `t[key]` for any kind of key; raise `IndexingError`."""
    apply = _APPLY.get(type(key))
    if apply is None:
        return apply_terms(t, key)
    try:
        return apply(t, key)
    except (InvalidArgument, OutOfRange) as error:
        raise indexing(error) from None


_APPLY: dict[type, Callable[[IndexTransform, Any], IndexTransform]] = {
    IndexTransform: compose,
    IndexDomain: restricted,
    DimExpression: applied,
    DimSelection: applied,
}
"""What to do with a key that is no NumPy-style expression, by its type (none of which has a subclass)."""


def index_domain(over: IndexDomain, key: Any) -> IndexDomain:
    """Return `over[key]` for a key that is more than one number or label.

    Raise `IndexingError`; `InvalidArgument` for a selection.
    """
    if isinstance(key, IndexTransform):
        try:
            if over.rank != len(key.maps):
                raise InvalidArgument(
                    f"Rank {over.rank} -> 0 transform cannot be composed with "
                    f"rank {key.domain.rank} -> {len(key.maps)} transform."
                )
            return propagated(over, key)
        except (InvalidArgument, OutOfRange) as error:
            raise indexing(error) from None
    if isinstance(key, IndexDomain) or (isinstance(key, DimExpression) and key._steps):
        return index_transform(over._transform, key).domain
    return over.take(selected(specs_of(key), over.labels))


Operations.index = index_transform
Operations.on_all = apply_to_all
Operations.over = nowhere
Operations.transposed = transposed
Operations.reversed = dimops.reversed_dimensions
