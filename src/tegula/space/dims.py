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

from tegula.errors import InvalidArgument, OutOfRange
from tegula.public import public
from tegula.space import dimops
from tegula.space.align import restricted
from tegula.space.arguments import flag, int64, label_of, row
from tegula.space.columns import COUNT
from tegula.space.compose import compose, indexing, propagated
from tegula.space.dim import Frozen
from tegula.space.dimterms import index_first, index_next
from tegula.space.domain import IndexDomain
from tegula.space.indexable import HasTransform, Operations, filled
from tegula.space.interval import MAX_INT64, MIN_INT64
from tegula.space.plain import indexed
from tegula.space.selection import (
    Spec,
    in_range,
    label_text,
    listed,
    selected,
    specs_of,
    specs_text,
)
from tegula.space.slicing import Expression, composed_terms
from tegula.space.transform import IndexTransform, LateTransform, nowhere

if TYPE_CHECKING:
    from tegula.space.keys import DimSelectionLike, NumpyIndexingSpec


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
_INDEXING = {"": "default", ".oindex": "oindex", ".vindex": "vindex"}
_MODES = ("oindex", "vindex")
_MOVING = {"translate_to", "translate_by", "translate_backward_by"}
_new = object.__new__
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
    left = len(steps)
    for name, argument in steps:
        left -= 1
        if name in _INDEXING:
            if dims is None:
                t, dims = index_first(t, expression._specs, argument, not left)
            else:
                t, dims = index_next(t, dims, argument, not left)
            continue
        if dims is None:
            dims = selected(expression._specs, t.domain.labels)
        operation = _OPERATIONS[name]
        if left and name in _MOVING:
            t, dims = operation(t, dims, argument, False)  # the next step looks at it
        else:
            t, dims = operation(t, dims, argument)
    return t


T = TypeVar("T", bound=HasTransform)


class _Operation:
    """`expression.op`: waits for its argument in brackets."""

    __slots__ = ("_name", "_owner")
    __iter__ = None

    _owner: DimExpression
    _name: str

    def __getitem__(self, argument: object) -> DimExpression:
        """Return the expression with this operation added."""
        owner, name = self._owner, self._name
        if name in _MODES:
            return owner._indexed(argument, f".{name}")
        return owner._then(name, argument_of(name, argument))

    def __repr__(self) -> str:
        return f"{self._owner!r}.{self._name}"


def _operation(owner: DimExpression, name: str) -> _Operation:
    made: _Operation = _new(_Operation)
    made._owner = owner
    made._name = name
    return made


class _RawExpression:
    __slots__ = ("_specs", "_steps")

    _specs: tuple[Spec, ...]
    _steps: tuple[tuple[str, Any], ...]


@public("DimExpression")
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
        """Add an indexing operation of NumPy's kind; it must take all selected dimensions.

        Raises:
            IndexError: for a malformed expression at once; out of bounds when it is applied.

        >>> from tegula import IndexDomain
        >>> volume = IndexDomain(shape=[9, 8, 7], labels=["z", "y", "x"])
        >>> volume[d["x", "z"][2:4, 5]]
        { "y": [0, 8), "x": [2, 4) }
        """
        return self._indexed(terms, "")

    @property
    def oindex(self) -> _Operation:
        """Add an indexing operation in which each list or mask picks along its own dimension.

        >>> from tegula import IndexTransform
        >>> volume = IndexTransform(input_shape=[9, 8, 7], input_labels=["z", "y", "x"])
        >>> volume[d["x", "z"].oindex[[0, 6], [1, 2, 3]]].shape
        (3, 8, 2)
        """
        return _operation(self, "oindex")

    @property
    def vindex(self) -> _Operation:
        """Add an indexing operation in which lists are taken together, as points; their dimension is first.

        >>> from tegula import IndexTransform
        >>> volume = IndexTransform(input_shape=[9, 8, 7], input_labels=["z", "y", "x"])
        >>> volume[d["x", "z"].vindex[[0, 6, 6], [1, 2, 3]]].shape
        (3, 8)
        """
        return _operation(self, "vindex")

    @property
    def translate_to(self) -> _Operation:
        """Move the selected dimensions, so that each lower bound becomes the given origin; None leaves one.

        Raises, when it is applied:
            IndexError: a dimension has no lower bound, or there are not as many origins as dimensions.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[9, 8], labels=["y", "x"])[d["x", "y"].translate_to[100, None]]
        { "y": [0, 9), "x": [100, 108) }
        """
        return _operation(self, "translate_to")

    @property
    def translate_by(self) -> _Operation:
        """Move the selected dimensions forward by the given offsets, one for all or one for each.

        Raises, when it is applied:
            IndexError: a bound would leave its 62 bits, or there are not as many offsets as dimensions.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[9, 8], labels=["y", "x"])[d[:].translate_by[-1]]
        { "y": [-1, 8), "x": [-1, 7) }
        """
        return _operation(self, "translate_by")

    @property
    def translate_backward_by(self) -> _Operation:
        """Move the selected dimensions backward by the given offsets, one for all or one for each.

        Raises, when it is applied:
            IndexError: a bound would leave its 62 bits, or there are not as many offsets as dimensions.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[9, 8], labels=["y", "x"])[d["x"].translate_backward_by[10]]
        { "y": [0, 9), "x": [-10, -2) }
        """
        return _operation(self, "translate_backward_by")

    @property
    def stride(self) -> _Operation:
        """Keep the multiples of the given strides, counted from coordinate 0, and divide coordinates by them.

        Unlike a slice ``[::n]``, which counts from the lower bound.

        Raises, when it is applied:
            IndexError: a stride is 0, or there are not as many strides as dimensions.

        >>> from tegula import IndexDomain
        >>> IndexDomain(inclusive_min=[1, 1], shape=[9, 9], labels=["y", "x"])[d["x"].stride[4]]
        { "y": [1, 10), "x": [1, 3) }
        """
        return _operation(self, "stride")

    @property
    def label(self) -> _Operation:
        """Call the selected dimensions so; an empty label takes the old one away.

        Raises, when it is applied:
            IndexError: a label is used twice, or there are not as many labels as dimensions.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[9, 8, 7])[d[2, 0].label["x", "z"]]
        { "z": [0, 9), [0, 8), "x": [0, 7) }
        """
        return _operation(self, "label")

    @property
    def transpose(self) -> _Operation:
        """Put the selected dimensions at the given places of the result; the others keep their order.

        One number puts them there together, ``[:]`` at the front, in the order of the selection.

        Raises, when it is applied:
            IndexError: a place is named twice or does not exist, or there are not as many as dimensions.

        >>> from tegula import IndexDomain
        >>> volume = IndexDomain(shape=[9, 8, 7], labels=["z", "y", "x"])
        >>> volume[d["x", "y"].transpose[0]]
        { "x": [0, 7), "y": [0, 8), "z": [0, 9) }
        >>> volume[d["z"].transpose[-1]]
        { "y": [0, 8), "x": [0, 7), "z": [0, 9) }
        """
        return _operation(self, "transpose")

    @property
    def mark_bounds_implicit(self) -> _Operation:
        """Make bounds of the selected dimensions implicit (True) or explicit (False); ``[lower:upper]``.

        Raises, when it is applied:
            IndexError: a dimension that an index array depends on would become implicit.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[9, 8], labels=["y", "x"])[d["x"].mark_bounds_implicit[:True]]
        { "y": [0, 9), "x": [0, 8*) }
        """
        return _operation(self, "mark_bounds_implicit")

    @property
    def diagonal(self) -> DimExpression:
        """Join the selected dimensions into a new first one, over the indices that all of them have.

        >>> from tegula import IndexDomain
        >>> volume = IndexDomain(shape=[9, 8, 7], labels=["z", "y", "x"])
        >>> volume[d["z", "x"].diagonal.label["zx"]]
        { "zx": [0, 7), "y": [0, 8) }
        """
        return self._then("diagonal", None)

    def __call__(self, x: T) -> T:
        """Return ``x[self]``: an expression is a function on whatever has a transform.

        Raises:
            IndexError: a dimension is not there, or an operation does not fit it.

        >>> from tegula import IndexDomain
        >>> d["x"].translate_to[5](IndexDomain(shape=[3], labels=["x"]))
        { "x": [5, 8) }
        """
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


@public("DimSelection")
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
        """Return the selection of these dimensions, in this order.

        >>> from tegula import IndexDomain, d
        >>> domain = IndexDomain(labels=["x", "y", "z"], shape=[4, 6, 8])
        >>> [domain[d[key].translate_to[1]].origin for key in (0, -1, slice(1, None), ("z", "x"))]
        [(1, 0, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1)]
        """
        return _expression(specs_of(selection), ())  # type: ignore[return-value]

    def __repr__(self) -> str:
        return "d"

    def __reduce__(self) -> str:
        return "d"


d = _Start()
"""`d[...]` selects dimensions and begins a dimension expression."""


def apply_to_all(t: IndexTransform, name: str, given: Any) -> IndexTransform:
    """Return `t` after the operation `name`, applied to all its dimensions."""
    if name in _MODES:
        direct = indexed(t, given, name)
        return composed_terms(t, given, name) if direct is None else direct
    quick = _ON_WHOLE.get(name)
    if quick is not None:
        whole = quick(t, name, given)
        if whole is not None:
            return whole
    seen: IndexTransform = _OPERATIONS[name](t, COUNT[t.domain.rank], _READ[name](given, name))[0]
    return seen


_ON_WHOLE: dict[str, Callable[[IndexTransform, str, Any], IndexTransform | None]] = {
    "translate_to": dimops.translated_whole,
    "translate_by": dimops.translated_whole,
    "translate_backward_by": dimops.translated_whole,
    "label": dimops.labelled_whole,
    "mark_bounds_implicit": dimops.marked_whole,
}
"""The operations that have a shorter way where they apply to all dimensions; it may answer None."""


def on_domain(source: IndexDomain, name: str, given: Any) -> IndexDomain | None:
    """Return a bare domain after the operation `name`, or None where a transform over it must decide."""
    quick = _ON_DOMAIN.get(name)
    return None if quick is None else quick(source, name, given)


_ON_DOMAIN: dict[str, Callable[[IndexDomain, str, Any], IndexDomain | None]] = {
    "translate_to": dimops.moved_domain,
    "translate_by": dimops.moved_domain,
    "translate_backward_by": dimops.moved_domain,
    "label": dimops.labelled_domain,
    "mark_bounds_implicit": dimops.marked_domain,
}


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
        direct = indexed(t, key)
        return composed_terms(t, key) if direct is None else direct
    try:
        return apply(t, key)
    except (InvalidArgument, OutOfRange) as error:
        raise indexing(error) from None


def check_key(key: Any) -> None:
    """Raise `IndexingError` for a key by which nothing can be indexed, whatever its rank."""
    if type(key) not in _APPLY:
        Expression(key)


_APPLY: dict[type, Callable[[IndexTransform, Any], IndexTransform]] = {
    IndexTransform: compose,
    LateTransform: compose,
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
Operations.index_domain = index_domain
Operations.on_domain = on_domain
Operations.over = nowhere
Operations.transposed = transposed
Operations.reversed = dimops.reversed_dimensions
filled()
