"""One dimension: an interval whose edges may be implicit, and a label.

What this file knows: `Dim`, how it is built from its four forms, printed, joined and cut.  What it must
not know:
rows of dimensions (`domain`).

A `Dim` is a value: it prints, compares and pickles.  Its label and its two flags can be set, as the drop-in's
can; so it has no hash, and nobody keeps one that was given away.  An *implicit* edge (printed `*`) is a
present fact, not a promise: it may be resized, and indexing does not enforce it.
Law: `eval(repr(x)) == x`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex, overload

from tegula.errors import InvalidArgument
from tegula.public import public
from tegula.space.arguments import flag, int64, label_of, number
from tegula.space.interval import (
    END,
    INF,
    MAX_SIZE,
    MIN_INT64,
    check_closed,
    check_half_open,
    check_sized,
    contains,
    hull,
    intersect,
    interval_text,
    quoted,
)

_LEAST = 1 - INF


class Frozen:
    """A value whose attributes cannot be set; makers set them before the class is put on."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name!r}")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class _RawDim:
    __slots__ = {
        "exclusive_max": """One more than the greatest index (`inf + 1` where unbounded).

        >>> Dim(inclusive_min=3, inclusive_max=7).exclusive_max
        8
        """,
        "implicit_lower": """Whether the lower bound may move: indexing does not enforce it.

        >>> Dim(5).implicit_lower, Dim(exclusive_max=5).implicit_lower
        (False, True)
        """,
        "implicit_upper": """Whether the upper bound may move: indexing does not enforce it.

        >>> Dim(5).implicit_upper, Dim("x").implicit_upper
        (False, True)
        """,
        "inclusive_min": """The least index (`-inf` where unbounded).

        >>> Dim(5).inclusive_min, Dim("x").inclusive_min
        (0, -4611686018427387903)
        """,
        "label": """The label; empty for none.

        >>> Dim(5, "x").label, Dim(5).label
        ('x', '')
        """,
    }

    inclusive_min: int
    exclusive_max: int
    label: str
    implicit_lower: bool
    implicit_upper: bool
    """Whether the upper bound may move."""


def dim(lo: int, hi: int, label: str = "", implicit_lower: bool = False, implicit_upper: bool = False) -> Dim:
    """Return the `Dim` of fields that are known to be valid."""
    raw = _RawDim()
    raw.inclusive_min = lo
    raw.exclusive_max = hi
    raw.label = label
    raw.implicit_lower = implicit_lower
    raw.implicit_upper = implicit_upper
    raw.__class__ = Dim
    return raw  # type: ignore[return-value]


@public("Dim")
class Dim(_RawDim):
    """One dimension: an interval whose edges may be implicit, and a label.

    `Dim(label)`, `Dim(size, label)`, `Dim(inclusive_min, exclusive_max)` or by keywords.  A flag defaults to
    implicit where the bound was not given.  Raise `ValueError` for bounds that form no interval and
    `TypeError` for arguments that fit no form.

    >>> Dim(5)
    Dim(inclusive_min=0, exclusive_max=5)
    >>> print(Dim("x", implicit_upper=False))
    "x": (-inf*, +inf)
    >>> dim = Dim(inclusive_min=3, inclusive_max=7, label="y")
    >>> dim.label = "z"
    >>> dim, dim.size
    (Dim(inclusive_min=3, exclusive_max=8, label="z"), 5)
    """

    __slots__ = ()

    @overload
    def __new__(
        cls, label: str | None = None, *, implicit_lower: bool = True, implicit_upper: bool = True
    ) -> Dim: ...

    @overload
    def __new__(
        cls,
        size: SupportsIndex | None,
        label: str | None = None,
        *,
        inclusive_min: SupportsIndex | None = None,
        implicit_lower: bool = False,
        implicit_upper: bool | None = None,
    ) -> Dim: ...

    @overload
    def __new__(
        cls,
        inclusive_min: SupportsIndex | None = None,
        exclusive_max: SupportsIndex | None = None,
        *,
        label: str | None = None,
        implicit_lower: bool | None = None,
        implicit_upper: bool | None = None,
    ) -> Dim: ...

    @overload
    def __new__(
        cls,
        *,
        inclusive_min: SupportsIndex | None = None,
        inclusive_max: SupportsIndex | None = None,
        label: str | None = None,
        implicit_lower: bool | None = None,
        implicit_upper: bool | None = None,
    ) -> Dim: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> Dim:  # noqa: PYI034 - the maker sets the class
        """Match the arguments against the four forms, in order: what `_matched` does."""
        # the forms of every day: one or two integers, a label, or two integers and a label by keywords
        count = len(args)
        if not kwargs:
            if count == 1:
                only = args[0]
                if type(only) is int:
                    if 0 <= only < INF:
                        return dim(0, only)
                elif type(only) is str and only.isascii():
                    return dim(-INF, END, only, True, True)
            elif count == 2:
                lo, hi = args
                if type(lo) is int and type(hi) is int and _LEAST < lo <= hi < INF:
                    return dim(lo, hi)
        elif not count:
            lo, hi, label = kwargs.get("inclusive_min"), kwargs.get("exclusive_max"), kwargs.get("label", "")
            if (
                type(lo) is int
                and type(hi) is int
                and type(label) is str
                and _LEAST < lo <= hi < INF
                and len(kwargs) == 2 + ("label" in kwargs)
                and label.isascii()
            ):
                return dim(lo, hi, label)
        return _matched(args, kwargs)

    def __setattr__(self, name: str, value: object) -> None:
        """Set the label or a flag; the bounds stay what they are."""
        if name in ("implicit_lower", "implicit_upper"):
            value = flag(value, name)
        elif name != "label":
            raise AttributeError(f"{name!r} of a Dim cannot be set")
        elif value is None:
            raise TypeError("label must be a string, not NoneType")
        else:
            value = label_of(value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name!r} of a Dim cannot be deleted")

    @property
    def inclusive_max(self) -> int:
        """The greatest index (`inf` where unbounded).

        >>> Dim(2, 5).inclusive_max
        4
        """
        return self.exclusive_max - 1

    @property
    def exclusive_min(self) -> int:
        """One less than the least index (`-inf - 1` where unbounded).

        >>> Dim(2, 5).exclusive_min
        1
        """
        return self.inclusive_min - 1

    @property
    def size(self) -> int:
        """The number of indices; not meaningful where unbounded.

        >>> Dim(2, 5).size
        3
        """
        return self.exclusive_max - self.inclusive_min

    @property
    def empty(self) -> bool:
        """Whether there is no index.

        >>> Dim(2, 2).empty
        True
        """
        return self.exclusive_max == self.inclusive_min

    @property
    def finite(self) -> bool:
        """Whether both edges are bounded.

        >>> Dim(2).finite, Dim(inclusive_min=2).finite
        (True, False)
        """
        return self.inclusive_min != -INF and self.exclusive_max != END

    def __len__(self) -> int:
        """Return the number of indices.

        >>> len(Dim(2, 7))
        5
        """
        return self.exclusive_max - self.inclusive_min

    def __iter__(self) -> Iterator[int]:
        """Return an iterator of the indices.

        Raises:
            ValueError: an edge is unbounded.

        >>> list(Dim(-1, 3, label="x"))
        [-1, 0, 1, 2]
        """
        if not self.finite:
            raise InvalidArgument("Cannot iterate over infinite interval")
        return iter(range(self.inclusive_min, self.exclusive_max))

    def __contains__(self, other: SupportsIndex | Dim) -> bool:
        """Tell whether an index, or every index of another dimension, lies within; labels do not matter.

        >>> 3 in Dim(3), -1 in Dim(3), Dim(1, 2) in Dim(3), Dim() in Dim(3)
        (False, False, True, False)
        """
        if type(other) is int and -END < other < END:
            return self.inclusive_min <= other < self.exclusive_max and -INF < other < INF
        if isinstance(other, Dim):
            return contains(self.inclusive_min, self.exclusive_max, other.inclusive_min, other.exclusive_max)
        i = number(other, "index")
        return self.inclusive_min <= i < self.exclusive_max and -INF < i < INF

    def hull(self, other: Dim) -> Dim:
        """Return the least interval that holds both; labels must agree or one be empty.

        >>> Dim(inclusive_min=1, exclusive_max=5, label="x").hull(Dim(3))
        Dim(inclusive_min=0, exclusive_max=5, label="x")
        """
        lo, hi, lower, upper = hull(_fields(self), _fields(_checked(other)))
        return dim(lo, hi, merged_label(self.label, other.label), lower, upper)

    def intersect(self, other: Dim) -> Dim:
        """Return the common part; labels must agree or one be empty.

        >>> Dim(1, 5).intersect(Dim(3))
        Dim(inclusive_min=1, exclusive_max=3)
        """
        lo, hi, lower, upper = intersect(_fields(self), _fields(_checked(other)))
        return dim(lo, hi, merged_label(self.label, other.label), lower, upper)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dim):
            return NotImplemented
        return (
            self.inclusive_min == other.inclusive_min
            and self.exclusive_max == other.exclusive_max
            and self.label == other.label
            and self.implicit_lower == other.implicit_lower
            and self.implicit_upper == other.implicit_upper
        )

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        text = interval_text(*_fields(self))
        return f"{quoted(self.label)}: {text}" if self.label else text

    def __repr__(self) -> str:
        if not (self.label or self.implicit_lower or self.implicit_upper):
            lo, hi = self.inclusive_min, self.exclusive_max
            if lo != -INF and hi != END:
                return f"Dim(inclusive_min={lo}, exclusive_max={hi})"
        pieces = []
        bounded_below, bounded_above = self.inclusive_min != -INF, self.exclusive_max != END
        if bounded_below:
            pieces.append(f"inclusive_min={self.inclusive_min}")
        if self.implicit_lower == bounded_below:
            pieces.append(f"implicit_lower={self.implicit_lower}")
        if bounded_above:
            pieces.append(f"exclusive_max={self.exclusive_max}")
        if self.implicit_upper == bounded_above:
            pieces.append(f"implicit_upper={self.implicit_upper}")
        if self.label:
            pieces.append(f"label={quoted(self.label)}")
        return f"Dim({', '.join(pieces)})"

    def __reduce__(self) -> tuple[Any, ...]:
        lo, hi, lower, upper = _fields(self)
        return dim, (lo, hi, self.label, lower, upper)


def _matched(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Dim:
    """Return the dimension of the first form that the arguments fit; the definition of `Dim(...)`."""
    given = dict(kwargs)
    implicit_lower = _optional_flag(given.pop("implicit_lower", None))
    implicit_upper = _optional_flag(given.pop("implicit_upper", None))
    first = args[0] if args else None
    # a flag that is given as None is none of the first forms, where the form of two bounds fits
    unsaid = {name for name in ("implicit_lower", "implicit_upper") if kwargs.get(name, 0) is None}
    if (
        len(args) <= 1
        and (isinstance(first, (str, bytes)) or (first is None and not unsaid))
        and given.keys() <= {"label"}
    ):
        if not (args and "label" in given):
            label = label_of(first if args else given.get("label"))
            lower, upper = (
                given_flag is not False and name not in unsaid
                for name, given_flag in (
                    ("implicit_lower", implicit_lower),
                    ("implicit_upper", implicit_upper),
                )
            )
            return dim(-INF, END, label, lower, upper)
    elif (
        (len(args) == 1 or (len(args) == 2 and (args[1] is None or isinstance(args[1], (str, bytes)))))
        and not (given.keys() - ({"inclusive_min", "label"} if len(args) == 1 else {"inclusive_min"}))
        and not ("implicit_lower" in unsaid and args[1:] in ((), (None,)) and given.keys() <= {"label"})
    ):
        label = label_of(args[1] if len(args) == 2 else given.get("label"))
        return _sized(first, given.get("inclusive_min"), label, bool(implicit_lower), implicit_upper)
    elif not args and "size" in given and given.keys() <= {"size", "label", "inclusive_min"}:
        label = label_of(given.get("label"))
        lower = bool(implicit_lower)
        return _sized(given["size"], given.get("inclusive_min"), label, lower, implicit_upper)
    else:
        names = ("inclusive_min", "exclusive_max")[: len(args)]
        if len(args) <= 2 and not (given.keys() & set(names)):
            given.update(zip(names, args, strict=True))
            last = "inclusive_max" if not args and "inclusive_max" in given else "exclusive_max"
            if given.keys() <= {"inclusive_min", last, "label"}:
                label = label_of(given.get("label"))
                lo, hi = given.get("inclusive_min"), given.get(last)
                return _bounded(lo, hi, last, label, implicit_lower, implicit_upper)
    shown = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
    raise TypeError(f"incompatible arguments for Dim: ({shown})")


def _optional_flag(value: object) -> bool | None:
    return None if value is None else flag(value, "an implicit bound")


def _bound(value: object, what: str) -> int | None:
    """Return a bound; the least int64 says that there is none, as None does."""
    if value is None:
        return None
    number = int64(value, what)
    return None if number == MIN_INT64 else number


def _checked(value: object) -> Dim:
    if not isinstance(value, Dim):
        raise TypeError(f"a Dim is required, not {type(value).__name__}")
    return value


def _fields(value: Dim) -> tuple[int, int, bool, bool]:
    return value.inclusive_min, value.exclusive_max, value.implicit_lower, value.implicit_upper


def _sized(size: Any, lo: Any, label: str, implicit_lower: bool, implicit_upper: bool | None) -> Dim:
    count = _bound(size, "size")
    upper = (count is None) if implicit_upper is None else implicit_upper
    first = _bound(lo, "inclusive_min") or 0
    if count is None or count == MAX_SIZE:
        check_half_open(first, END)
        return dim(first, END, label, implicit_lower, upper)
    check_sized(first, count)
    return dim(first, first + count, label, implicit_lower, upper)


def _bounded(
    lo: Any, hi: Any, form: str, label: str, implicit_lower: bool | None, implicit_upper: bool | None
) -> Dim:
    given, last = _bound(lo, "inclusive_min"), _bound(hi, form)
    lower = (given is None) if implicit_lower is None else implicit_lower
    upper = (last is None) if implicit_upper is None else implicit_upper
    first = -INF if given is None else given
    if form == "inclusive_max":
        last = INF if last is None else last
        check_closed(first, last)
        return dim(first, last + 1, label, lower, upper)
    end = END if last is None else last
    check_half_open(first, end)
    return dim(first, end, label, lower, upper)


def merged_label(a: str, b: str) -> str:
    """Return the label of a dimension that has both; raise `InvalidArgument` where they differ."""
    if a and b and a != b:
        raise InvalidArgument("Dimension labels do not match")
    return a or b
