"""The indexing methods that everything with a domain shares.

What this file knows: the spelling `x.translate_to[...]`, `x.label[...]`, `x.oindex[...]`, and that each
is one operation on the transform of `x`.  What it must not know: how any operation works; `dims` puts the
four functions that do into `Operations` when the package is loaded.

A class becomes indexable by two things only: `_transform`, the `IndexTransform` from its domain to what it
views, and `_with_transform(new)`, the same thing seen through another transform.
Law: `x.op[arg]._transform == x._transform.op[arg]` for every `op` here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from tegula.public import public

if TYPE_CHECKING:
    from tegula.space.domain import IndexDomain
    from tegula.space.keys import DimSelectionLike, IndexKey
    from tegula.space.transform import IndexTransform


class HasTransform(Protocol):
    """What the operations need of a thing."""

    @property
    def _transform(self) -> IndexTransform: ...

    def _with_transform(self, new: IndexTransform, /) -> Any: ...


class _Filled(type):
    """Loads `dims`, which fills `Operations`, when something of it is first asked for."""

    def __getattr__(cls, name: str) -> Any:
        if name in Operations.__annotations__:
            import tegula.space.dims  # noqa: F401 - it fills this class

            found = vars(cls).get(name)
            if found is not None:
                return found
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")


class Operations(metaclass=_Filled):
    """What the methods below call; filled by `dims` when it is loaded, on first use."""

    index: Callable[[IndexTransform, Any], IndexTransform]
    """`t[key]` for any kind of key."""
    on_all: Callable[[IndexTransform, str, Any], IndexTransform]
    """The named operation on all dimensions."""
    transposed: Callable[[IndexTransform, Any], IndexTransform]
    """The dimensions in the given order."""
    index_domain: Callable[[IndexDomain, Any], IndexDomain]
    """`domain[key]` for a key that is more than one number or label."""
    on_domain: Callable[[IndexDomain, str, Any], IndexDomain | None]
    """The named operation on all dimensions of a domain, None where a transform over it must decide."""
    over: Callable[[IndexDomain], IndexTransform]
    """The transform with the given domain and no output."""
    reversed: Callable[[IndexTransform], IndexTransform]
    """The dimensions in reverse order."""


def filled() -> None:
    """Look for nothing more: a class whose metaclass looks answers in six times the time."""
    if "__getattr__" in vars(_Filled):
        del _Filled.__getattr__


def _index(t: IndexTransform, key: Any) -> IndexTransform:
    """Return `t[key]` as long as `dims` is not loaded: for numbers and slices there is no need to."""
    if type(key) in _NUMBERS:
        from tegula.space.plain import indexed

        direct = indexed(t, key)
        if direct is not None:
            return direct
    from tegula.space import dims

    return dims.index_transform(t, key)


_NUMBERS = (int, slice, tuple)
Operations.index = _index

T = TypeVar("T")
_new = object.__new__


class Subscript(Generic[T]):
    """`x.op`: waits for the argument in brackets, then is `x` seen through the operation."""

    __slots__ = ("_name", "_owner")
    __iter__ = None

    _owner: T
    _name: str

    def __getitem__(self, argument: object) -> T:
        """Return the owner with the operation applied to all its dimensions."""
        owner: Any = self._owner
        seen: T = owner._on_all(self._name, argument)
        return seen

    def __setitem__(self, argument: object, source: object) -> None:
        """Write `source` into the owner so seen, and wait; for owners that can be written."""
        target: Any = self[argument]
        target.write(source).result()

    def __repr__(self) -> str:
        return f"{self._owner!r}.{self._name}"


def _subscript(owner: T, name: str) -> Subscript[T]:
    made: Subscript[T] = _new(Subscript)
    made._owner = owner
    made._name = name
    return made


class Movable:
    """The operations on bounds and labels, which even a bare domain has."""

    __slots__ = ()

    def _on_all(self, name: str, argument: object) -> Self:
        """Return this after the named operation on all its dimensions."""
        me: Any = self
        seen: Self = me._with_transform(Operations.on_all(me._transform, name, argument))
        return seen

    @property
    def translate_to(self) -> Subscript[Self]:
        """`x.translate_to[origins]`: the same elements, each lower bound moved to the given origin.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[3, 4]).translate_to[10, None]
        { [10, 13), [0, 4) }
        """
        return _subscript(self, "translate_to")

    @property
    def translate_by(self) -> Subscript[Self]:
        """`x.translate_by[offsets]`: the same elements, the domain moved forward.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[3, 4]).translate_by[5]
        { [5, 8), [5, 9) }
        """
        return _subscript(self, "translate_by")

    @property
    def translate_backward_by(self) -> Subscript[Self]:
        """`x.translate_backward_by[offsets]`: the same elements, the domain moved backward.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[3, 4]).translate_backward_by[5, 1]
        { [-5, -2), [-1, 3) }
        """
        return _subscript(self, "translate_backward_by")

    @property
    def stride(self) -> Subscript[Self]:
        """`x.stride[strides]`: the multiples of the given strides, counted from 0, divided by them.

        >>> from tegula import IndexDomain
        >>> IndexDomain(inclusive_min=[1], exclusive_max=[11]).stride[3]
        { [1, 4) }
        """
        return _subscript(self, "stride")

    @property
    def label(self) -> Subscript[Self]:
        """`x.label['a', 'b']`: the same elements, the dimensions called so.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[3, 4]).label['a', 'b']
        { "a": [0, 3), "b": [0, 4) }
        """
        return _subscript(self, "label")

    @property
    def mark_bounds_implicit(self) -> Subscript[Self]:
        """`x.mark_bounds_implicit[flag]` or `[lower:upper]`: bounds made implicit or explicit.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[3]).mark_bounds_implicit[False:True]
        { [0, 3*) }
        """
        return _subscript(self, "mark_bounds_implicit")

    @property
    def diagonal(self) -> Self:
        """The dimensions joined into one, over the indices common to all of them.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[3, 4]).diagonal
        { [0, 3) }
        """
        return self._on_all("diagonal", None)

    @property
    def T(self) -> Self:  # noqa: N802 - the name in NumPy and the drop-in
        """The view with the dimensions in reverse order.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[3, 4], labels=['x', 'y']).T
        { "y": [0, 4), "x": [0, 3) }
        """
        me: Any = self
        seen: Self = me._with_transform(Operations.reversed(me._transform))
        return seen

    def transpose(self, axes: DimSelectionLike | None = None) -> Self:
        """Return the view whose dimension `i` is dimension `axes[i]`; reversed where `axes` is None.

        Raise `InvalidArgument` unless `axes` names every dimension once.

        >>> from tegula import IndexDomain
        >>> IndexDomain(shape=[2, 3, 4]).transpose([2, 0, 1]).shape
        (4, 2, 3)
        """
        me: Any = self
        seen: Self = me._with_transform(Operations.transposed(me._transform, axes))
        return seen


@public("Indexable")
class Indexable(Movable):
    """The operations of everything that views elements: all of `Movable`, and indexing expressions.

    >>> from tegula import IndexTransform, Schema, Spec, TensorStore
    >>> [issubclass(kind, Indexable) for kind in (TensorStore, Spec, Schema, IndexTransform)]
    [True, True, True, True]
    """

    __slots__ = ()
    __iter__ = None

    def __getitem__(self, key: IndexKey) -> Self:
        """Return the view through a NumPy-style expression, domain, transform or dimension expression.

        Coordinates are kept: a slice does not start at 0 again, and a negative number is a coordinate.

        Raises:
            IndexError: the expression is malformed, or leaves the explicit bounds.

        >>> from tegula import IndexDomain, IndexTransform, d
        >>> image = IndexTransform(input_shape=[9, 7], input_labels=["y", "x"])
        >>> image[2:5, 3].domain
        { "y": [2, 5) }
        >>> image[IndexDomain(shape=[4], labels=["x"])].domain
        { "y": [0, 9), "x": [0, 4) }
        >>> image[d["x"].translate_to[100]].domain
        { "y": [0, 9), "x": [100, 107) }
        """
        me: Any = self
        seen: Self = me._with_transform(Operations.index(me._transform, key))
        return seen

    @property
    def oindex(self) -> Subscript[Self]:
        """`x.oindex[...]`: each index array or mask picks along its own dimension (outer product).

        >>> from tegula import IndexTransform
        >>> IndexTransform(input_shape=[5, 5]).oindex[[1, 2, 3], [0, 4]].shape
        (3, 2)
        """
        return _subscript(self, "oindex")

    @property
    def vindex(self) -> Subscript[Self]:
        """`x.vindex[...]`: index arrays broadcast together; their dimensions come first.

        >>> from tegula import IndexTransform
        >>> IndexTransform(input_shape=[5, 5, 7]).vindex[:, [1, 2, 3], [0, 4, 4]].shape
        (3, 5)
        """
        return _subscript(self, "vindex")
