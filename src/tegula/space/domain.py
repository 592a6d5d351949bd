"""Domains: what coordinates a thing has, and what its dimensions are called.

What this file knows: `Dim` (one interval, its label, whether each edge is implicit) and `IndexDomain` (a row
of them).  What it must not know: where the elements come from; that is a transform.

Both are immutable values: they print, compare, hash, pickle and round-trip through JSON.  An *implicit* edge
(printed `*`) is a present fact, not a promise: it may be resized, and indexing does not enforce it.
Law: `IndexDomain(list(domain)) == domain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter, index, mul, sub
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from tegula.errors import IndexingError, InvalidArgument
from tegula.space.indexable import Movable
from tegula.space.interval import (
    END,
    INF,
    MAX_INT64,
    MAX_RANK,
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

if TYPE_CHECKING:
    from tegula.space.transform import IndexTransform

NO_LABELS = tuple(("",) * rank for rank in range(MAX_RANK + 1))


def int64(value: Any, what: str) -> int:
    """Return `value` as an int of 64 bits; raise `TypeError` for anything else (floats included)."""
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}") from None
    if not MIN_INT64 <= number <= MAX_INT64:
        raise TypeError(f"{what} {number} does not fit into 64 bits")
    return number


class _Frozen:
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
    __slots__ = ("exclusive_max", "implicit_lower", "implicit_upper", "inclusive_min", "label")

    inclusive_min: int
    """The least index (`-inf` where unbounded)."""
    exclusive_max: int
    """One more than the greatest index (`inf + 1` where unbounded)."""
    label: str
    """The label; empty for none."""
    implicit_lower: bool
    """Whether the lower bound may move."""
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


class Dim(_Frozen, _RawDim):
    """One dimension: an interval whose edges may be implicit, and a label.

    `Dim(label)`, `Dim(size, label)`, `Dim(inclusive_min, exclusive_max)` or by keywords.  A flag defaults to
    implicit where the bound was not given.  Raise `ValueError` for bounds that form no interval and
    `TypeError` for arguments that fit no form.

    >>> Dim(5)
    Dim(inclusive_min=0, exclusive_max=5)
    >>> print(Dim("x", implicit_upper=False))
    "x": (-inf*, +inf)
    >>> Dim(inclusive_min=3, inclusive_max=7, label="y").size
    5
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

    def __new__(cls, *args: Any, **kwargs: Any) -> Dim:
        """Match the arguments against the four forms, in order."""
        given = dict(kwargs)
        implicit_lower = _optional_flag(given.pop("implicit_lower", None))
        implicit_upper = _optional_flag(given.pop("implicit_upper", None))
        first = args[0] if args else None
        if len(args) <= 1 and (first is None or isinstance(first, str)) and given.keys() <= {"label"}:
            if not (args and "label" in given):
                label = _label(first if args else given.get("label"))
                return dim(-INF, END, label, implicit_lower is not False, implicit_upper is not False)
        elif (len(args) == 1 or (len(args) == 2 and (args[1] is None or isinstance(args[1], str)))) and not (
            given.keys() - ({"inclusive_min", "label"} if len(args) == 1 else {"inclusive_min"})
        ):
            label = _label(args[1] if len(args) == 2 else given.get("label"))
            return _sized(first, given.get("inclusive_min"), label, bool(implicit_lower), implicit_upper)
        elif not args and "size" in given and given.keys() <= {"size", "label", "inclusive_min"}:
            label = _label(given.get("label"))
            lower = bool(implicit_lower)
            return _sized(given["size"], given.get("inclusive_min"), label, lower, implicit_upper)
        else:
            names = ("inclusive_min", "exclusive_max")[: len(args)]
            if len(args) <= 2 and not (given.keys() & set(names)):
                given.update(zip(names, args, strict=True))
                last = "inclusive_max" if not args and "inclusive_max" in given else "exclusive_max"
                if given.keys() <= {"inclusive_min", last, "label"}:
                    label = _label(given.get("label"))
                    lo, hi = given.get("inclusive_min"), given.get(last)
                    return _bounded(lo, hi, last, label, implicit_lower, implicit_upper)
        shown = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
        raise TypeError(f"incompatible arguments for Dim: ({shown})")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    @property
    def inclusive_max(self) -> int:
        """The greatest index (`inf` where unbounded)."""
        return self.exclusive_max - 1

    @property
    def exclusive_min(self) -> int:
        """One less than the least index (`-inf - 1` where unbounded)."""
        return self.inclusive_min - 1

    @property
    def size(self) -> int:
        """The number of indices; not meaningful where unbounded."""
        return self.exclusive_max - self.inclusive_min

    @property
    def empty(self) -> bool:
        """Whether there is no index."""
        return self.exclusive_max == self.inclusive_min

    @property
    def finite(self) -> bool:
        """Whether both edges are bounded."""
        return self.inclusive_min != -INF and self.exclusive_max != END

    def __len__(self) -> int:
        return self.exclusive_max - self.inclusive_min

    def __iter__(self) -> Iterator[int]:
        if not self.finite:
            raise InvalidArgument("Cannot iterate over infinite interval")
        return iter(range(self.inclusive_min, self.exclusive_max))

    def __contains__(self, other: SupportsIndex | Dim) -> bool:
        if isinstance(other, Dim):
            return contains(self.inclusive_min, self.exclusive_max, other.inclusive_min, other.exclusive_max)
        number = int64(other, "index")
        return self.inclusive_min <= number < self.exclusive_max and -INF < number < INF

    def hull(self, other: Dim) -> Dim:
        """Return the least interval that holds both; labels must agree or one be empty.

        >>> Dim(inclusive_min=1, exclusive_max=5, label="x").hull(Dim(3))
        Dim(inclusive_min=0, exclusive_max=5, label="x")
        """
        lo, hi, lower, upper = hull(_fields(self), _fields(other))
        return dim(lo, hi, merged_label(self.label, other.label), lower, upper)

    def intersect(self, other: Dim) -> Dim:
        """Return the common part; labels must agree or one be empty.

        >>> Dim(1, 5).intersect(Dim(3))
        Dim(inclusive_min=1, exclusive_max=3)
        """
        lo, hi, lower, upper = intersect(_fields(self), _fields(other))
        return dim(lo, hi, merged_label(self.label, other.label), lower, upper)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dim):
            return NotImplemented
        return _fields(self) == _fields(other) and self.label == other.label

    def __hash__(self) -> int:
        return hash((_fields(self), self.label))

    def __str__(self) -> str:
        text = interval_text(*_fields(self))
        return f"{quoted(self.label)}: {text}" if self.label else text

    def __repr__(self) -> str:
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


def _optional_flag(value: object) -> bool | None:
    return None if value is None else bool(value)


def _label(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"label must be a string, not {type(value).__name__}")
    return str(value)


def _fields(value: Dim) -> tuple[int, int, bool, bool]:
    return value.inclusive_min, value.exclusive_max, value.implicit_lower, value.implicit_upper


def _sized(size: Any, lo: Any, label: str, implicit_lower: bool, implicit_upper: bool | None) -> Dim:
    upper = (size is None) if implicit_upper is None else implicit_upper
    first = 0 if lo is None else int64(lo, "inclusive_min")
    if size is None:
        check_half_open(first, END)
        return dim(first, END, label, implicit_lower, upper)
    count = int64(size, "size")
    check_sized(first, count)
    return dim(first, first + count, label, implicit_lower, upper)


def _bounded(
    lo: Any, hi: Any, form: str, label: str, implicit_lower: bool | None, implicit_upper: bool | None
) -> Dim:
    lower = (lo is None) if implicit_lower is None else implicit_lower
    upper = (hi is None) if implicit_upper is None else implicit_upper
    first = -INF if lo is None else int64(lo, "inclusive_min")
    if form == "inclusive_max":
        last = INF if hi is None else int64(hi, "inclusive_max")
        check_closed(first, last)
        return dim(first, last + 1, label, lower, upper)
    end = END if hi is None else int64(hi, "exclusive_max")
    check_half_open(first, end)
    return dim(first, end, label, lower, upper)


def merged_label(a: str, b: str) -> str:
    """Return the label of a dimension that has both; raise `InvalidArgument` where they differ."""
    if a and b and a != b:
        raise InvalidArgument("Dimension labels do not match")
    return a or b


def check_rank(rank: int) -> None:
    """Raise `InvalidArgument` unless `rank` is within [0, 32]."""
    if not 0 <= rank <= MAX_RANK:
        raise InvalidArgument(f"Rank {rank} is outside valid range [0, {MAX_RANK}]")


def check_labels(labels: tuple[str, ...]) -> None:
    """Raise `InvalidArgument` if a label, other than the empty one, is used twice."""
    if not any(labels):
        return
    named = sorted(label for label in labels if label)
    if len(set(named)) != len(named):
        twice = sorted({a for a, b in zip(named, named[1:], strict=False) if a == b})
        raise InvalidArgument(f"Dimension label(s) {', '.join(map(quoted, twice))} not unique")


class _RawDomain:
    __slots__ = ("_shape", "exclusive_max", "inclusive_min", "labels", "lower_mask", "rank", "upper_mask")

    rank: int
    """The number of dimensions."""
    inclusive_min: tuple[int, ...]
    """The lower bounds (`-inf` where unbounded)."""
    exclusive_max: tuple[int, ...]
    """The upper bounds, exclusive (`inf + 1` where unbounded)."""
    labels: tuple[str, ...]
    """The labels; empty for none."""
    lower_mask: int
    """Bit `i` is set where lower bound `i` is implicit."""
    upper_mask: int
    """Bit `i` is set where upper bound `i` is implicit."""
    _shape: tuple[int, ...]


def domain(
    inclusive_min: tuple[int, ...],
    exclusive_max: tuple[int, ...],
    labels: tuple[str, ...] | None = None,
    lower_mask: int = 0,
    upper_mask: int = 0,
) -> IndexDomain:
    """Return the domain of fields that are known to be valid; the cheapest way to make one.

    >>> domain((0, 1), (2, 3), ("x", ""), 0, 0b10)
    { "x": [0, 2), [1, 3*) }
    """
    raw = _RawDomain()
    raw.rank = rank = len(inclusive_min)
    raw.inclusive_min = inclusive_min
    raw.exclusive_max = exclusive_max
    raw.labels = NO_LABELS[rank] if labels is None else labels
    raw.lower_mask = lower_mask
    raw.upper_mask = upper_mask
    raw.__class__ = IndexDomain
    return raw  # type: ignore[return-value]


class IndexDomain(Movable, _Frozen, _RawDomain):
    """A row of dimensions: bounds, which of them are implicit, and labels.

    `IndexDomain(rank)`, by component vectors (at most one of `exclusive_max`, `inclusive_max`, `shape`),
    `IndexDomain([Dim, ...])` or `IndexDomain(json=...)`.  At most 32 dimensions.  Raise `ValueError` for parts
    that do not fit each other.

    >>> IndexDomain(shape=[2, 3], labels=["x", ""])
    { "x": [0, 2), [0, 3) }
    >>> IndexDomain([Dim(5), Dim("y")])
    { [0, 5), "y": (-inf*, +inf*) }
    """

    __slots__ = ()

    def __new__(
        cls,
        rank: SupportsIndex | Iterable[Dim] | None = None,
        *,
        inclusive_min: Iterable[SupportsIndex] | None = None,
        implicit_lower_bounds: Iterable[bool] | None = None,
        exclusive_max: Iterable[SupportsIndex] | None = None,
        inclusive_max: Iterable[SupportsIndex] | None = None,
        shape: Iterable[SupportsIndex] | None = None,
        implicit_upper_bounds: Iterable[bool] | None = None,
        labels: Iterable[str | None] | None = None,
        dimensions: Iterable[Dim] | None = None,
        json: Any = None,
    ) -> IndexDomain:
        """Build from whichever form was given."""
        parts = (inclusive_min, implicit_lower_bounds, exclusive_max, inclusive_max)
        more = (shape, implicit_upper_bounds, labels)
        bare = all(part is None for part in (*parts, *more))
        if json is not None:
            if rank is not None or dimensions is not None or not bare:
                raise TypeError("incompatible arguments for IndexDomain: json stands alone")
            from tegula.space.wire import domain_from_json

            return domain_from_json(json)
        if dimensions is None and rank is not None and not hasattr(rank, "__index__"):
            rank, dimensions = None, rank  # type: ignore[assignment]
        if dimensions is not None:
            if rank is not None or not bare:
                raise TypeError("incompatible arguments for IndexDomain: dimensions stand alone")
            return _of_dims(dimensions)
        return of_components(
            rank,  # type: ignore[arg-type]
            inclusive_min,
            implicit_lower_bounds,
            exclusive_max,
            inclusive_max,
            shape,
            implicit_upper_bounds,
            labels,
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    origin = property(attrgetter("inclusive_min"), doc="The lower bounds; alias of `inclusive_min`.")
    ndim = property(attrgetter("rank"), doc="The number of dimensions; alias of `rank`.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        try:
            return self._shape
        except AttributeError:
            shape = tuple(map(sub, self.exclusive_max, self.inclusive_min))
            object.__setattr__(self, "_shape", shape)
            return shape

    @property
    def inclusive_max(self) -> tuple[int, ...]:
        """The upper bounds, inclusive (`inf` where unbounded)."""
        return tuple([hi - 1 for hi in self.exclusive_max])

    @property
    def implicit_lower_bounds(self) -> tuple[bool, ...]:
        """Whether each lower bound may move."""
        return _flags(self.lower_mask, self.rank)

    @property
    def implicit_upper_bounds(self) -> tuple[bool, ...]:
        """Whether each upper bound may move."""
        return _flags(self.upper_mask, self.rank)

    @property
    def size(self) -> int:
        """The number of elements; 2**63 - 1 where that is too many to count."""
        product = 1
        for extent in self.shape:
            product = mul(product, extent)
        return min(product, MAX_SIZE)

    @property
    def index_exp(self) -> tuple[slice, ...]:
        """The slices with which NumPy would cut out this domain; raise `ValueError` for negative bounds."""
        slices = []
        for lo, hi in zip(self.inclusive_min, self.exclusive_max, strict=True):
            if (lo < 0 and lo != -INF) or hi < 0:
                raise InvalidArgument(
                    f"Cannot convert domain {self} with negative bounds to index expression"
                )
            slices.append(slice(None if lo == -INF else lo, None if hi == END else hi))
        return tuple(slices)

    def __len__(self) -> int:
        return self.rank

    def __iter__(self) -> Iterator[Dim]:
        return map(self.dim, range(self.rank))

    def dim(self, i: int) -> Dim:
        """Return dimension `i`, `0 <= i < rank`."""
        lower, upper = bool(self.lower_mask >> i & 1), bool(self.upper_mask >> i & 1)
        return dim(self.inclusive_min[i], self.exclusive_max[i], self.labels[i], lower, upper)

    def take(self, dims: Iterable[int]) -> IndexDomain:
        """Return the domain of the given dimensions (each `0 <= i < rank`, no duplicates)."""
        chosen = tuple(dims)
        return domain(
            tuple([self.inclusive_min[i] for i in chosen]),
            tuple([self.exclusive_max[i] for i in chosen]),
            tuple([self.labels[i] for i in chosen]),
            sum((self.lower_mask >> i & 1) << k for k, i in enumerate(chosen)),
            sum((self.upper_mask >> i & 1) << k for k, i in enumerate(chosen)),
        )

    def hull(self, other: IndexDomain) -> IndexDomain:
        """Return the least domain that holds both; ranks must agree, labels agree or be empty.

        >>> IndexDomain(shape=[3]).hull(IndexDomain([Dim(7, 9)]))
        { [0, 9) }
        """
        return self._combined(other, Dim.hull, "hull")

    def intersect(self, other: IndexDomain) -> IndexDomain:
        """Return the common part; ranks must agree, labels agree or be empty.

        >>> IndexDomain(shape=[3]).intersect(IndexDomain([Dim(1, 9)]))
        { [1, 3) }
        """
        return self._combined(other, Dim.intersect, "intersect")

    def _combined(self, other: IndexDomain, combine: Any, verb: str) -> IndexDomain:
        prefix = f"Cannot {verb} index domain {self} with index domain {other}: "
        if self.rank != other.rank:
            raise InvalidArgument(f"{prefix}Ranks do not match")
        dims = []
        for i, (mine, theirs) in enumerate(zip(self, other, strict=True)):
            try:
                dims.append(combine(mine, theirs))
            except InvalidArgument as error:
                raise InvalidArgument(f"{prefix}Mismatch in dimension {i}: {error.message}") from None
        return _of_dims(dims)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, defaults left out.

        >>> IndexDomain(shape=[3]).to_json()
        {'exclusive_max': [3], 'inclusive_min': [0]}
        """
        from tegula.space.wire import domain_to_json

        return domain_to_json(self)

    @property
    def _transform(self) -> IndexTransform:
        from tegula.space.transform import transform

        return transform(self, ())

    def _with_transform(self, new: IndexTransform) -> IndexDomain:
        return new.domain

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> Dim: ...

    @overload
    def __getitem__(self, key: Any) -> IndexDomain: ...

    def __getitem__(self, key: Any) -> Dim | IndexDomain:
        """Return one dimension (by number or label), several, or this domain indexed by another value."""
        if isinstance(key, str):
            try:
                return self.dim(dimension_of_label(self.labels, key))
            except InvalidArgument as error:
                raise IndexingError(error.message, error.code) from None
        if isinstance(key, SupportsIndex) and not hasattr(key, "__len__"):
            i = index(key)
            rank = self.rank
            if not -rank <= i < rank:
                text = f"Dimension index {i} is outside valid range [{-rank}, {rank})"
                raise IndexingError(text)
            return self.dim(i % rank)
        from tegula.space.dims import index_domain

        return index_domain(self, key)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IndexDomain):
            return NotImplemented
        return (
            self.inclusive_min == other.inclusive_min
            and self.exclusive_max == other.exclusive_max
            and self.labels == other.labels
            and self.lower_mask == other.lower_mask
            and self.upper_mask == other.upper_mask
        )

    def __hash__(self) -> int:
        fields = (self.inclusive_min, self.exclusive_max, self.labels, self.lower_mask, self.upper_mask)
        return hash(fields)

    def __repr__(self) -> str:
        return f"{{ {', '.join(map(str, self))} }}"

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.inclusive_min, self.exclusive_max, self.labels, self.lower_mask, self.upper_mask)
        return domain, fields


def dimension_of_label(labels: tuple[str, ...], label: str) -> int:
    """Return the position of `label`; raise `InvalidArgument` for the empty or an unknown one."""
    if not label:
        raise InvalidArgument("Dimension cannot be specified by empty label")
    try:
        return labels.index(label)
    except ValueError:
        known = ", ".join(map(quoted, labels))
        raise InvalidArgument(f"Label {quoted(label)} does not match one of {{{known}}}") from None


def _flags(mask: int, rank: int) -> tuple[bool, ...]:
    return tuple([bool(mask >> i & 1) for i in range(rank)])


def mask_of(flags: Iterable[bool]) -> int:
    """Return the bit mask of a row of flags.

    >>> bin(mask_of([True, False, True]))
    '0b101'
    """
    return sum(bool(flag) << i for i, flag in enumerate(flags))


def _of_dims(dimensions: Iterable[Dim]) -> IndexDomain:
    dims = tuple(dimensions)
    for item in dims:
        if not isinstance(item, Dim):
            raise TypeError(f"dimensions must be Dim values, not {type(item).__name__}")
    check_rank(len(dims))
    labels = tuple([d.label for d in dims])
    check_labels(labels)
    return domain(
        tuple([d.inclusive_min for d in dims]),
        tuple([d.exclusive_max for d in dims]),
        labels,
        mask_of([d.implicit_lower for d in dims]),
        mask_of([d.implicit_upper for d in dims]),
    )


def _ints(values: Iterable[Any], what: str) -> tuple[int, ...]:
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise TypeError(f"{what} must be a sequence of integers, not {type(values).__name__}")
    return tuple([int64(value, what) for value in values])


def of_components(
    rank: SupportsIndex | None,
    inclusive_min: Iterable[SupportsIndex] | None,
    implicit_lower_bounds: Iterable[bool] | None,
    exclusive_max: Iterable[SupportsIndex] | None,
    inclusive_max: Iterable[SupportsIndex] | None,
    shape: Iterable[SupportsIndex] | None,
    implicit_upper_bounds: Iterable[bool] | None,
    labels: Iterable[str | None] | None,
    prefix: str = "",
) -> IndexDomain:
    """Return the domain of component vectors, of which any may be missing (but not all).

    `prefix` goes before the names of the vectors in error texts (``"input_"`` for transforms).
    """
    known: list[tuple[str, int]] = []
    if rank is not None:
        number = int64(rank, "rank")
        if not 0 <= number <= MAX_RANK:
            raise InvalidArgument(f"Invalid {prefix}rank: {number}")
        known.append((f"{prefix}rank", number))
    los = None if inclusive_min is None else _ints(inclusive_min, "inclusive_min")
    lower = None if implicit_lower_bounds is None else tuple(map(bool, implicit_lower_bounds))
    uppers = {"exclusive_max": exclusive_max, "inclusive_max": inclusive_max, "shape": shape}
    his = {name: _ints(values, name) for name, values in uppers.items() if values is not None}
    upper = None if implicit_upper_bounds is None else tuple(map(bool, implicit_upper_bounds))
    names = None if labels is None else _labels(labels)
    rows: list[tuple[str, tuple[Any, ...] | None]] = [
        (f"{prefix}inclusive_min", los),
        ("implicit_lower_bounds", lower),
        *((f"{prefix}{name}", values) for name, values in his.items()),
        ("implicit_upper_bounds", upper),
        (f"{prefix}labels", names),
    ]
    form = ""
    for name, values in rows:
        if values is None:
            continue
        if name.removeprefix(prefix) in his:
            if form:
                raise InvalidArgument(f"Cannot specify both `{form}` and `{name}`")
            form = name
        if not known:
            if len(values) > MAX_RANK:
                over = f"Rank specified by `{name}` ({len(values)}) exceeds maximum rank of {MAX_RANK}"
                raise InvalidArgument(over)
            known.append((name, len(values)))
        elif known[0][1] != len(values):
            raise InvalidArgument(
                f"Rank specified by `{name}` ({len(values)}) does not match "
                f"rank specified by `{known[0][0]}` ({known[0][1]})"
            )
    if not known:
        raise InvalidArgument(f"Must specify `{prefix}rank`")
    size = known[0][1]
    upper_form, ends = next(iter(his.items()), ("exclusive_max", None))
    return bounded(size, los, upper_form, ends, lower, upper, names or NO_LABELS[size])


def _labels(labels: Iterable[str | None]) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise TypeError("labels must be a sequence of strings, not a string")
    return tuple([_label(label) for label in labels])


def bounded(
    rank: int,
    los: tuple[int, ...] | None,
    form: str,
    ends: tuple[int, ...] | None,
    lower: tuple[bool, ...] | None,
    upper: tuple[bool, ...] | None,
    labels: tuple[str, ...],
) -> IndexDomain:
    """Return the checked domain of `rank` dimensions; `form` says what `ends` are.

    A missing lower bound is 0 where sizes are given, else unbounded; a missing flag is implicit where the
    bound is missing.
    """
    if lower is None:
        lower = (los is None and not (form == "shape" and ends is not None),) * rank
    if upper is None:
        upper = (ends is None,) * rank
    if los is None:
        los = ((0 if form == "shape" and ends is not None else -INF),) * rank
    if ends is None:
        form, ends = "exclusive_max", (END,) * rank
    for lo, end in zip(los, ends, strict=True):
        if form == "shape":
            check_sized(lo, end) if end != MAX_SIZE else check_half_open(lo, END)
        elif form == "inclusive_max":
            check_closed(lo, end)
        else:
            check_half_open(lo, end)
    if form == "shape":
        ends = tuple([END if n == MAX_SIZE else lo + n for lo, n in zip(los, ends, strict=True)])
    elif form == "inclusive_max":
        ends = tuple([last + 1 for last in ends])
    check_labels(labels)
    return domain(los, ends, labels, mask_of(lower), mask_of(upper))
