"""Domains: what coordinates a thing has, and what its dimensions are called.

What this file knows: `IndexDomain`, a row of `Dim`.  What it must not know: where the elements come from;
that is
a transform.

Domains are immutable values: they print, compare, hash, pickle and round-trip through JSON.  Bounds are
tuples of
Python integers, implicit flags are bit masks.  Law: `IndexDomain(list(domain)) == domain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from operator import attrgetter, itemgetter, sub
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from tegula.binding import ABSENT
from tegula.errors import IndexingError, InvalidArgument
from tegula.public import public
from tegula.space.arguments import int64, is_whole, label_of, row
from tegula.space.dim import Dim, Frozen, dim
from tegula.space.indexable import Movable, Operations
from tegula.space.interval import END, INF, MAX_RANK, MAX_SIZE, quoted
from tegula.space.labels import check_labels, dimension_of_label
from tegula.space.parts import plain_parts
from tegula.space.unrolled import common, hulls, shown

if TYPE_CHECKING:
    from tegula.space.keys import DimSelectionLike, IndexKey
    from tegula.space.transform import IndexTransform

NO_LABELS = tuple(("",) * rank for rank in range(MAX_RANK + 1))
_unbounded: dict[int, IndexDomain] = {}


def check_rank(rank: int) -> None:
    """Raise `InvalidArgument` unless `rank` is within [0, 32]."""
    if not 0 <= rank <= MAX_RANK:
        raise InvalidArgument(f"Rank {rank} is outside valid range [0, {MAX_RANK}]")


class _RawDomain:
    __slots__ = {
        "_shape": None,
        "_size": None,
        "exclusive_max": """The upper bound of each dimension, exclusive (`inf + 1` where unbounded).

        >>> IndexDomain(inclusive_min=[1, 2], shape=[3, 4]).exclusive_max
        (4, 6)
        """,
        "inclusive_min": """The lower bound of each dimension (`-inf` where unbounded).

        >>> IndexDomain(shape=[3, 4]).translate_to[10, -5].inclusive_min
        (10, -5)
        """,
        "labels": """The label of each dimension; empty for none.

        >>> IndexDomain([Dim(3, "x"), Dim(4)]).labels
        ('x', '')
        """,
        "lower_mask": """The implicit lower bounds as a number: bit `i` is that of dimension `i`.

        >>> bin(IndexDomain([Dim(3), Dim("x")]).lower_mask)
        '0b10'
        """,
        "rank": """The number of dimensions, at most 32.

        >>> IndexDomain(shape=[3, 4]).rank
        2
        """,
        "upper_mask": """The implicit upper bounds as a number: bit `i` is that of dimension `i`.

        >>> IndexDomain(shape=[3, 4]).mark_bounds_implicit[:True].upper_mask
        3
        """,
    }

    rank: int
    inclusive_min: tuple[int, ...]
    exclusive_max: tuple[int, ...]
    labels: tuple[str, ...]
    lower_mask: int
    upper_mask: int
    _shape: tuple[int, ...]
    _size: int


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


def unbounded(rank: int) -> IndexDomain:
    """Return the domain of which nothing but the rank, within [0, 32], is known; a shared value.

    >>> unbounded(2)
    { (-inf*, +inf*), (-inf*, +inf*) }
    """
    known = _unbounded.get(rank)
    if known is None:
        every = (1 << rank) - 1
        known = _unbounded[rank] = domain((-INF,) * rank, (END,) * rank, None, every, every)
    return known


@public("IndexDomain")
class IndexDomain(Movable, Frozen, _RawDomain):
    """A row of dimensions: bounds, which of them are implicit, and labels.

    `IndexDomain(rank)`, by component vectors (at most one of `exclusive_max`, `inclusive_max`, `shape`),
    `IndexDomain([Dim, ...])` or `IndexDomain(json=...)`.  At most 32 dimensions.  Raise `ValueError` for
    parts
    that do not fit each other.

    >>> IndexDomain(shape=[2, 3], labels=["x", ""])
    { "x": [0, 2), [0, 3) }
    >>> IndexDomain([Dim(5), Dim("y")])
    { [0, 5), "y": (-inf*, +inf*) }
    """

    __slots__ = ()

    def __new__(  # noqa: PYI034 - the maker sets the class
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
        json: Any = ABSENT,
    ) -> IndexDomain:
        """Build from whichever form was given."""
        if (
            json is ABSENT
            and dimensions is None
            and implicit_lower_bounds is implicit_upper_bounds is inclusive_max is None
        ):
            plain = plainly(rank, inclusive_min, exclusive_max, shape, labels)
            if plain is not None:
                return plain
        bare = (
            inclusive_min is exclusive_max is inclusive_max is shape is None
            and implicit_lower_bounds is implicit_upper_bounds is None
            and labels is None
        )
        if json is not ABSENT:
            if rank is not None or dimensions is not None or not bare:
                raise TypeError("incompatible arguments for IndexDomain: json stands alone")
            from tegula.space.wire import domain_from_json

            return domain_from_json(json)
        if dimensions is None and rank is not None and not is_whole(rank):
            rank, dimensions = None, rank
        if dimensions is not None:
            if rank is not None or not bare:
                raise TypeError("incompatible arguments for IndexDomain: dimensions stand alone")
            return of_dims(dimensions)
        from tegula.space.components import of_components

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

    if TYPE_CHECKING:

        @property
        def origin(self) -> tuple[int, ...]: ...
        @property
        def ndim(self) -> int: ...

    else:  # in C: looking at a view is what programs do most
        origin = property(
            attrgetter("inclusive_min"),
            doc="""The lower bound of each dimension: `inclusive_min`.

            >>> IndexDomain(shape=[3, 4]).translate_by[5, -1].origin
            (5, -1)
            """,
        )
        ndim = property(
            attrgetter("rank"),
            doc="""The number of dimensions, as NumPy calls it: `rank`.

            >>> IndexDomain(shape=[3, 4], labels=["x", "y"]).ndim
            2
            """,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension.

        >>> IndexDomain(inclusive_min=[1, 2], exclusive_max=[3, 7]).shape
        (2, 5)
        """
        try:
            return self._shape
        except AttributeError:
            shape = tuple(map(sub, self.exclusive_max, self.inclusive_min))
            object.__setattr__(self, "_shape", shape)
            return shape

    @property
    def inclusive_max(self) -> tuple[int, ...]:
        """The upper bounds, inclusive (`inf` where unbounded).

        >>> IndexDomain(shape=[3, 4]).inclusive_max
        (2, 3)
        """
        return tuple([hi - 1 for hi in self.exclusive_max])

    @property
    def implicit_lower_bounds(self) -> tuple[bool, ...]:
        """Whether each lower bound may move.

        >>> IndexDomain(2).implicit_lower_bounds
        (True, True)
        """
        return _flags(self.lower_mask, self.rank)

    @property
    def implicit_upper_bounds(self) -> tuple[bool, ...]:
        """Whether each upper bound may move.

        >>> IndexDomain(shape=[3, 4]).implicit_upper_bounds
        (False, False)
        """
        return _flags(self.upper_mask, self.rank)

    @property
    def size(self) -> int:
        """The number of elements; 2**63 - 1 where that is too many to count.

        >>> IndexDomain(shape=[3, 4]).size
        12
        """
        try:
            return self._size
        except AttributeError:
            size = min(prod(self.shape), MAX_SIZE)
            object.__setattr__(self, "_size", size)
            return size

    @property
    def index_exp(self) -> tuple[slice, ...]:
        """The slices with which NumPy would cut out this domain; raise `ValueError` for negative bounds.

        >>> IndexDomain(inclusive_min=[1, 2], exclusive_max=[3, 7]).index_exp
        (slice(1, 3, None), slice(2, 7, None))
        """
        slices = []
        for lo, hi in zip(self.inclusive_min, self.exclusive_max, strict=True):
            if (lo < 0 and lo != -INF) or hi < 0:
                raise InvalidArgument(
                    f"Cannot convert domain {self} with negative bounds to index expression"
                )
            slices.append(slice(None if lo == -INF else lo, None if hi == END else hi))
        return tuple(slices)

    def __len__(self) -> int:
        """Return the number of dimensions.

        >>> len(IndexDomain(shape=[3, 4]))
        2
        """
        return self.rank

    def __iter__(self) -> Iterator[Dim]:
        """Return an iterator of the dimensions, as `Dim` values.

        >>> [str(one) for one in IndexDomain(shape=[3, 4], labels=["x", ""])]
        ['"x": [0, 3)', '[0, 4)']
        """
        return map(self.dim, range(self.rank))

    def dim(self, i: int) -> Dim:
        """Return dimension `i`, `0 <= i < rank`.

        >>> IndexDomain(shape=[3, 4], labels=["x", "y"]).dim(1)
        Dim(inclusive_min=0, exclusive_max=4, label="y")
        """
        if not (self.lower_mask or self.upper_mask):
            return dim(self.inclusive_min[i], self.exclusive_max[i], self.labels[i])
        lower, upper = self.lower_mask >> i & 1 == 1, self.upper_mask >> i & 1 == 1
        return dim(self.inclusive_min[i], self.exclusive_max[i], self.labels[i], lower, upper)

    def take(self, dims: Iterable[int]) -> IndexDomain:
        """Return the domain of the given dimensions (each `0 <= i < rank`, no duplicates).

        >>> IndexDomain(shape=[3, 4, 5]).take([2, 0])
        { [0, 5), [0, 3) }
        """
        chosen = tuple(dims)
        los, his, labels = self.inclusive_min, self.exclusive_max, self.labels
        lowers, uppers = self.lower_mask, self.upper_mask
        if lowers:
            lowers = _taken(lowers, chosen)
        if uppers:
            uppers = _taken(uppers, chosen)
        if len(chosen) < 2:
            los, his = tuple([los[i] for i in chosen]), tuple([his[i] for i in chosen])
            labels = tuple([labels[i] for i in chosen])
        else:
            pick = itemgetter(*chosen)
            los, his = pick(los), pick(his)
            labels = NO_LABELS[len(chosen)] if labels is NO_LABELS[self.rank] else pick(labels)
        return domain(los, his, labels, lowers, uppers)

    def hull(self, other: IndexDomain) -> IndexDomain:
        """Return the least domain that holds both; ranks must agree, labels agree or be empty.

        >>> IndexDomain(shape=[3]).hull(IndexDomain([Dim(7, 9)]))
        { [0, 9) }
        """
        return self._joined(other, hulls, Dim.hull, "hull")

    def intersect(self, other: IndexDomain) -> IndexDomain:
        """Return the common part; ranks must agree, labels agree or be empty.

        >>> IndexDomain(shape=[3]).intersect(IndexDomain([Dim(1, 9)]))
        { [1, 3) }
        """
        return self._joined(other, common, Dim.intersect, "intersect")

    def _joined(self, other: IndexDomain, plain: Any, combine: Any, verb: str) -> IndexDomain:
        """Return the domain that `combine` makes of each two dimensions.

        By `plain` where labels are the same, no bound is implicit, and it answers.
        """
        rank, labels = self.rank, self.labels
        if (
            other.__class__ is IndexDomain
            and not (self.lower_mask or self.upper_mask or other.lower_mask or other.upper_mask)
            and labels == other.labels
            and rank
        ):
            bounds = plain(rank)(
                self.inclusive_min, self.exclusive_max, other.inclusive_min, other.exclusive_max
            )
            if bounds is not None:
                return domain(bounds[0], bounds[1], labels)
        return self._combined(other, combine, verb)

    def _combined(self, other: IndexDomain, combine: Any, verb: str) -> IndexDomain:
        if not isinstance(other, IndexDomain):
            raise TypeError(f"an IndexDomain is required, not {type(other).__name__}")
        if self.rank != other.rank:
            raise InvalidArgument(f"{self._unlike(other, verb)}Ranks do not match")
        dims = []
        for i, (mine, theirs) in enumerate(zip(self, other, strict=True)):
            try:
                dims.append(combine(mine, theirs))
            except InvalidArgument as error:
                prefix = self._unlike(other, verb)
                raise InvalidArgument(f"{prefix}Mismatch in dimension {i}: {error.message}") from None
        return of_dims(dims)

    def _unlike(self, other: IndexDomain, verb: str) -> str:
        return f"Cannot {verb} index domain {self} with index domain {other}: "

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, defaults left out.

        >>> IndexDomain(shape=[3]).to_json()
        {'exclusive_max': [3], 'inclusive_min': [0]}
        """
        from tegula.space.wire import domain_to_json

        return domain_to_json(self)

    @property
    def _transform(self) -> IndexTransform:
        return Operations.over(self)

    def _with_transform(self, new: IndexTransform) -> IndexDomain:
        return new.domain

    def _on_all(self, name: str, argument: object) -> IndexDomain:
        plain = Operations.on_domain(self, name, argument)
        return Operations.on_all(Operations.over(self), name, argument).domain if plain is None else plain

    @property
    def T(self) -> IndexDomain:  # noqa: N802 - the name in NumPy and the drop-in
        """The domain with its dimensions in reverse order.

        >>> IndexDomain(shape=[3, 4], labels=["x", "y"]).T
        { "y": [0, 4), "x": [0, 3) }
        """
        if self.lower_mask or self.upper_mask:
            return self.take(range(self.rank - 1, -1, -1))
        labels = self.labels
        return domain(
            self.inclusive_min[::-1],
            self.exclusive_max[::-1],
            None if labels is NO_LABELS[self.rank] else labels[::-1],
        )

    @overload
    def __getitem__(self, key: int | str) -> Dim: ...  # type: ignore[overload-overlap]

    @overload
    def __getitem__(self, key: IndexKey | DimSelectionLike) -> IndexDomain: ...

    def __getitem__(self, key: IndexKey | DimSelectionLike) -> Dim | IndexDomain:
        """Return one dimension (by number or label), several, or this domain indexed by another value.

        A number from the end may be negative.  A range, list or tuple of numbers and labels gives a domain of
        those dimensions; a domain restricts by its labels; a transform or dimension expression moves
        the bounds.

        Raises:
            IndexError: there is no such dimension, or the other value leaves this domain.

        >>> volume = IndexDomain(shape=[3, 4, 5], labels=["z", "y", "x"])
        >>> volume["y"], volume[-1]
        (Dim(inclusive_min=0, exclusive_max=4, label="y"), Dim(inclusive_min=0, exclusive_max=5, label="x"))
        >>> volume["x", 0]
        { "x": [0, 5), "z": [0, 3) }
        >>> volume[IndexDomain(inclusive_min=[1], shape=[2], labels=["y"])]
        { "z": [0, 3), "y": [1, 3), "x": [0, 5) }
        """
        if type(key) is int and 0 <= key < self.rank:
            return self.dim(key)
        if isinstance(key, (str, bytes)):
            try:
                return self.dim(dimension_of_label(self.labels, label_of(key)))
            except InvalidArgument as error:
                raise IndexingError(error.message, error.code) from None
        if type(key) is int or (hasattr(key, "__index__") and not getattr(key, "ndim", 0)):
            i = int64(key, "dimension")
            rank = self.rank
            if not -rank <= i < rank:
                text = f"Dimension index {i} is outside valid range [-{rank}, {rank})"
                raise IndexingError(text)
            return self.dim(i % rank)
        return Operations.index_domain(self, key)

    def __eq__(self, other: object) -> bool:
        return self.same(other) if isinstance(other, IndexDomain) else NotImplemented

    def same(self, other: IndexDomain) -> bool:
        """Tell whether another domain equals this one.

        >>> IndexDomain(shape=[3]).same(IndexDomain([Dim(3)]))
        True
        """
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
        los, his = self.inclusive_min, self.exclusive_max
        if self.lower_mask or self.upper_mask or not los or -INF in los or END in his:
            return f"{{ {', '.join(map(str, self))} }}"
        if self.labels is NO_LABELS[self.rank]:
            return shown(self.rank)(los, his)
        text = "{"
        for lo, hi, name in zip(los, his, self.labels):  # noqa: B905 - of one length
            text += f" {quoted(name)}: [{lo}, {hi})," if name else f" [{lo}, {hi}),"
        return text[:-1] + " }"

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.inclusive_min, self.exclusive_max, self.labels, self.lower_mask, self.upper_mask)
        return domain, fields


def plainly(rank: Any, inclusive_min: Any, exclusive_max: Any, shape: Any, labels: Any) -> IndexDomain | None:
    """Return the domain of the forms of every day, None where `of_components` or `of_dims` must decide.

    Those are: a rank alone; a row of dimensions alone; lower bounds (or none) with upper bounds or sizes,
    all of them small lists or tuples of Python integers, with or without labels.
    """
    if rank is not None:
        if not (inclusive_min is exclusive_max is shape is labels is None):
            return None
        if type(rank) is int:
            return unbounded(rank) if 0 <= rank <= MAX_RANK else None
        return of_dims(rank) if type(rank) is list else None
    parts = plain_parts(inclusive_min, exclusive_max, shape, labels)
    return None if parts is None else domain(*parts)


def _flags(mask: int, rank: int) -> tuple[bool, ...]:
    return tuple([bool(mask >> i & 1) for i in range(rank)])


def _taken(mask: int, dims: tuple[int, ...]) -> int:
    found = 0
    for k, i in enumerate(dims):
        if mask >> i & 1:
            found |= 1 << k
    return found


def mask_of(flags: Iterable[bool]) -> int:
    """Return the bit mask of a row of flags.

    >>> bin(mask_of([True, False, True]))
    '0b101'
    """
    return sum(bool(flag) << i for i, flag in enumerate(flags))


def of_dims(dimensions: Iterable[Dim]) -> IndexDomain:
    """Return the checked domain of a row of dimensions."""
    dims = dimensions if type(dimensions) is list else row(dimensions, "dimensions")
    los, his, labels, lowers, uppers = [], [], [], 0, 0
    named = False
    bit = 1
    for item in dims:
        if not isinstance(item, Dim):
            raise TypeError(f"dimensions must be Dim values, not {type(item).__name__}")
        los.append(item.inclusive_min)
        his.append(item.exclusive_max)
        label = item.label
        labels.append(label)
        if label:
            named = True
        if item.implicit_lower:
            lowers |= bit
        if item.implicit_upper:
            uppers |= bit
        bit <<= 1
    check_rank(len(dims))
    names = None
    if named:
        names = tuple(labels)
        check_labels(names)
    return domain(tuple(los), tuple(his), names, lowers, uppers)
