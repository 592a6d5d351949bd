"""Steps: the operations of handles as functions of whatever they are applied to, for `tegula.pipe`.

What this file knows: for each indexing method of the handle, the value of the same name that is spelled with
brackets and is a function.  What it must not know: how an operation works; a step calls the method.

A step is a value: it prints as it is written, compares, pickles, and may be applied any number of times.
Law: ``name[key](x) == x.name[key]``, for everything `x` that has the method (a store, `Spec`, `Schema`,
`IndexTransform`, `IndexDomain`); ``eval(repr(step)) == step``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence  # noqa: F401 - named in the brackets of `Brackets`
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import numpy as np

from tegula.record import Record
from tegula.space.dims import DimExpression, argument_of, argument_text
from tegula.space.domain import IndexDomain
from tegula.space.indexable import HasTransform
from tegula.space.slicing import Expression
from tegula.space.transform import IndexTransform

if TYPE_CHECKING:
    # named in the brackets of `Brackets`
    from tegula.space.keys import DimSelectionLike, IndexKey, Vector  # noqa: F401

__all__ = [
    "Applied",
    "Brackets",
    "Operation",
    "at",
    "diagonal",
    "label",
    "mark_bounds_implicit",
    "named",
    "oindex",
    "stride",
    "translate_backward_by",
    "translate_by",
    "translate_to",
    "transpose",
    "vindex",
]

T = TypeVar("T", bound=HasTransform)
K = TypeVar("K")
F = TypeVar("F", bound=Callable[..., object])


# ---------------------------------------------------------------- functions that print as their names


class Named:
    """A function that prints and pickles as its public name, and compares by identity."""

    def __init__(self, function: Callable[..., object]) -> None:
        update_wrapper(self, function)
        self._function = function

    def __call__(self, *arguments: object, **options: object) -> object:
        return self._function(*arguments, **options)

    def __repr__(self) -> str:
        return cast("str", self.__name__)  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        return repr(self)


def named(function: F) -> F:
    """Return `function` as a value that prints as its name."""
    return cast("F", Named(function))


class Applied(Record):
    """A function of a view with its other arguments given: what ``cast("float32")`` returns."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def __call__(self, view: Any) -> Any:
        """Return the function's result for `view`."""
        return self.function(view, *self.arguments, **dict(self.options))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Applied):
            return NotImplemented
        return self.function is other.function and _same(
            (self.arguments, self.options), (other.arguments, other.options)
        )

    def __hash__(self) -> int:
        return hash((repr(self.function), len(self.arguments), tuple([name for name, _ in self.options])))

    def __repr__(self) -> str:
        given = [*map(repr, self.arguments), *[f"{name}={value!r}" for name, value in self.options]]
        return f"{self.function!r}({', '.join(given)})"


def _same(a: Any, b: Any) -> bool:
    """Tell whether two arguments are equal; arrays, element by element and of one type."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
            return False
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, (tuple, list)) and type(a) is type(b):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and bool(a == b)


# ---------------------------------------------------------------- operations spelled with brackets


class Operation(Record):
    """An operation with its argument given: what ``translate_to[3]`` is.

    `argument` is what was between the brackets, in its one form: numbers and tuples of them, labels, flags,
    an `Expression`, or a domain, transform or dimension expression.

    >>> from tegula import IndexDomain
    >>> translate_to[3](IndexDomain(shape=[4]))
    { [3, 7) }
    >>> translate_to[3] == translate_to[3], translate_to[3] == translate_by[3]
    (True, False)
    """

    name: str
    argument: Any

    def __call__(self, view: T) -> T:
        """Return `view` seen through the operation; raise what the method of `view` raises."""
        name, given, x = self.name, self.argument, cast("Any", view)
        if isinstance(given, Expression):
            given = given.terms[0] if given.scalar else given.terms
        if name == "at":
            seen = x[given]
        elif name == "transpose":
            seen = x.transpose(given)
        else:
            seen = getattr(x, name)[slice(*given) if name == "mark_bounds_implicit" else given]
        return cast("T", seen)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operation):
            return NotImplemented
        return self.name == other.name and _same(self.argument, other.argument)

    def __hash__(self) -> int:
        return hash((self.name, repr(self.argument)))

    def __repr__(self) -> str:
        if self.name in _KEYED:
            shown = repr(self.argument)
            if isinstance(self.argument, tuple):
                shown = shown[1:-1]
        else:
            shown = argument_text(self.name, self.argument)
        return f"{self.name}[{shown or '()'}]"


_KEYED = {"at": "default", "oindex": "oindex", "vindex": "vindex"}


def _key(name: str, given: Any) -> Any:
    """Return an indexing expression as a value; what is not one (a label, a domain) is kept."""
    if name == "at":
        if isinstance(given, (bool, np.bool_)):
            return bool(given)
        items = given if isinstance(given, tuple) else (given,)
        if any(isinstance(item, (str, bytes, DimExpression, IndexDomain, IndexTransform)) for item in items):
            return given
    return Expression(given, _KEYED[name])


class Brackets(Generic[K]):
    """A name that waits for its argument in brackets, which is one of `K`."""

    __slots__ = ()
    __iter__ = None
    _name = ""

    def __getitem__(self, given: K) -> Operation:
        name = self._name
        return Operation(name, _key(name, given) if name in _KEYED else argument_of(name, given))

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> str:
        return self._name


class _At(Brackets["IndexKey"]):
    """Makes functions that index: ``at[2:5]`` is the function of a view ``v`` that gives ``v[2:5]``.

    Between the brackets goes whatever a view takes: numbers, slices, `newaxis`, lists, masks, domains,
    transforms and dimension expressions; a domain also takes labels.

    Raises:
        IndexError: for a malformed expression at once; out of bounds when it is applied.

    >>> import tegula
    >>> tegula.pipe(tegula.array([1, 2, 3]), tegula.at[1:], tegula.read)
    array([2, 3])
    """

    __slots__ = ()
    _name = "at"


class _OIndex(Brackets["IndexKey"]):
    """``oindex[...]``: the function of a view ``v`` that gives ``v.oindex[...]``, an outer product.

    Raises:
        IndexError: for a malformed expression at once; out of bounds when it is applied.

    >>> import tegula
    >>> grid = tegula.array([[1, 2, 3], [4, 5, 6]])
    >>> tegula.pipe(grid, tegula.oindex[[1, 0], [0, 2]], tegula.read)
    array([[4, 6],
           [1, 3]])
    """

    __slots__ = ()
    _name = "oindex"


class _VIndex(Brackets["IndexKey"]):
    """``vindex[...]``: the function of a view ``v`` that gives ``v.vindex[...]``, points taken jointly.

    Raises:
        IndexError: for a malformed expression at once; out of bounds when it is applied.

    >>> import tegula
    >>> grid = tegula.array([[1, 2, 3], [4, 5, 6]])
    >>> tegula.pipe(grid, tegula.vindex[[1, 0], [0, 2]], tegula.read)
    array([4, 3])
    """

    __slots__ = ()
    _name = "vindex"


class _TranslateTo(Brackets["Vector"]):
    """``translate_to[origins]``: the same elements, each lower bound moved to the given origin.

    One integer for all dimensions, or one (or None: leave it) for each.

    Raises, when it is applied:
        ValueError: the number of origins is not the rank, or a dimension has no lower bound.

    >>> import tegula
    >>> tegula.pipe(tegula.IndexDomain(shape=[3, 4]), tegula.translate_to[10, None])
    { [10, 13), [0, 4) }
    """

    __slots__ = ()
    _name = "translate_to"


class _TranslateBy(Brackets["Vector"]):
    """``translate_by[offsets]``: the same elements, the domain moved forward.

    One integer for all dimensions, or one (or None: leave it) for each.

    Raises, when it is applied:
        ValueError: the number of offsets is not the rank, or a bound would leave the 62 bits it may have.

    >>> import tegula
    >>> tegula.pipe(tegula.IndexDomain(shape=[3, 4]), tegula.translate_by[1, 2])
    { [1, 4), [2, 6) }
    """

    __slots__ = ()
    _name = "translate_by"


class _TranslateBackwardBy(Brackets["Vector"]):
    """``translate_backward_by[offsets]``: the same elements, the domain moved backward.

    One integer for all dimensions, or one (or None: leave it) for each.

    Raises, when it is applied:
        ValueError: the number of offsets is not the rank, or a bound would leave the 62 bits it may have.

    >>> import tegula
    >>> tegula.pipe(tegula.IndexDomain(shape=[3, 4]), tegula.translate_backward_by[1])
    { [-1, 2), [-1, 3) }
    """

    __slots__ = ()
    _name = "translate_backward_by"


class _Stride(Brackets["Vector"]):
    """``stride[strides]``: the multiples of the given strides, counted from coordinate 0, divided by them.

    One integer for all dimensions, or one for each; unlike ``at[::n]``, which counts from the lower bound.

    Raises, when it is applied:
        ValueError: a stride is 0, or the number of strides is not the rank.

    >>> import tegula
    >>> image = tegula.IndexTransform(tegula.IndexDomain([tegula.Dim(1, 11)]))
    >>> seen = tegula.pipe(image, tegula.stride[3])
    >>> seen.domain, [seen([i])[0] for i in seen.domain[0]]
    ({ [1, 4) }, [3, 6, 9])
    """

    __slots__ = ()
    _name = "stride"


class _Label(Brackets["str | Sequence[str]"]):
    """``label["x", "y"]``: the same elements, the dimensions called so; an empty label removes one.

    Raises, when it is applied:
        ValueError: the number of labels is not the rank, or one is used twice.

    >>> import tegula
    >>> tegula.pipe(tegula.IndexDomain(shape=[3, 4]), tegula.label["x", "y"])
    { "x": [0, 3), "y": [0, 4) }
    """

    __slots__ = ()
    _name = "label"


class _MarkBoundsImplicit(Brackets["bool | slice"]):
    """``mark_bounds_implicit[flag]`` or ``[lower:upper]``: bounds made implicit (True) or explicit (False).

    Raises, when it is applied:
        ValueError: a dimension that indexes an array would become implicit.

    >>> import tegula
    >>> tegula.pipe(tegula.IndexDomain(shape=[3]), tegula.mark_bounds_implicit[:True])
    { [0, 3*) }
    """

    __slots__ = ()
    _name = "mark_bounds_implicit"


class _Transpose(Brackets["DimSelectionLike"]):
    """``transpose[axes]``: dimension `i` of the result is dimension ``axes[i]``; without brackets, reversed.

    Axes are numbers (from the end where negative), labels and ranges; each dimension once.

    Raises, when it is applied:
        ValueError: `axes` does not name every dimension once.

    >>> import tegula
    >>> domain = tegula.IndexDomain(shape=[2, 3, 4], labels=["x", "y", "z"])
    >>> tegula.pipe(domain, tegula.transpose["z", 0, 1])
    { "z": [0, 4), "x": [0, 2), "y": [0, 3) }
    >>> tegula.pipe(domain, tegula.transpose)
    { "z": [0, 4), "y": [0, 3), "x": [0, 2) }
    """

    __slots__ = ()
    _name = "transpose"

    def __call__(self, view: T, axes: DimSelectionLike | None = None) -> T:
        """Return ``view.transpose(axes)``: the dimensions reversed where `axes` is None."""
        return cast("T", cast("Any", view).transpose(axes))


at = _At()
oindex = _OIndex()
vindex = _VIndex()
translate_to = _TranslateTo()
translate_by = _TranslateBy()
translate_backward_by = _TranslateBackwardBy()
stride = _Stride()
label = _Label()
mark_bounds_implicit = _MarkBoundsImplicit()
transpose = _Transpose()


@named
def diagonal(view: T) -> T:
    """Return a view whose first dimension runs along all dimensions at once, over their common indices.

    >>> import tegula
    >>> tegula.pipe(tegula.array([[1, 2, 3], [4, 5, 6]]), tegula.diagonal, tegula.read)
    array([1, 5])
    """
    return cast("T", cast("Any", view).diagonal)
