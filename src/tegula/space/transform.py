"""Index transforms: a domain, and for each output coordinate where it comes from.

What this file knows: that a transform is an `IndexDomain` and a row of output index maps that fit it, how
one is built, evaluated at a point, printed and compared.  What it must not know: how indexing expressions
work (`slicing`, `dimops`), only that they exist.

A transform keeps its maps as columns (`columns.py`): one tuple for the input dimensions, one for the
offsets, one for the strides, and one for the index arrays where there are any.  An operation then makes a
few tuples, or shares them, where a row of map objects would cost an object an output.  `maps` are the
same facts as `OutputIndexMap` values, made when somebody looks.

Invariants, kept by every maker in this package: a stride of 0 is written as a constant; an array map depends
(extent other than 1) only on dimensions with explicit, finite bounds; over a domain that is explicitly empty
an array map is the constant 0; no finite number leaves 64 bits.
A transform may be `deferred`: its columns are then made when somebody looks, as `maps` are (`LateTransform`).

Laws: `compose(f, g)(x) == f(g(x))`, `IndexTransform(json=t.to_json()) == t`, and
`transform(t.domain, t.maps) == t`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import lt
from typing import TYPE_CHECKING, Any, SupportsIndex

from tegula.binding import ABSENT
from tegula.errors import InvalidArgument
from tegula.late import Late
from tegula.public import public
from tegula.space.arguments import is_whole, row
from tegula.space.columns import COUNT, ONES, ZEROS, Looked
from tegula.space.components import of_components
from tegula.space.dim import Dim, Frozen, dim
from tegula.space.domain import IndexDomain, of_dims, plainly, unbounded
from tegula.space.image import AT, image, of_rank
from tegula.space.indexable import Indexable, Operations
from tegula.space.inputs import Inputs
from tegula.space.interval import END, INF, MAX_RANK
from tegula.space.maps import (
    IDENTITY,
    IDENTITY_MAPS,
    UNBOUNDED,
    OutputIndexMap,
    OutputIndexMaps,
    array_map,
    constant_map,
    same_arrays,
    single_map,
)
from tegula.space.text import plain_text, text

if TYPE_CHECKING:
    from tegula.space.keys import IndexKey


class _RawTransform:
    __slots__ = {
        "_arrays": None,
        "_box": None,
        "_dims": None,
        "_late": None,
        "_maps": None,
        "_near": None,
        "_offsets": None,
        "_reversed": None,
        "_strides": None,
        "domain": """The input domain: the coordinates that the transform takes.

        >>> IndexTransform(input_shape=[5, 6])[1:3].domain
        { [1, 3), [0, 6) }
        """,
    }

    domain: IndexDomain
    _dims: tuple[int, ...]
    """For each output the input dimension it follows; -1 for none."""
    _offsets: tuple[int, ...]
    """For each output what is added."""
    _strides: tuple[int, ...]
    """For each output what multiplies the input coordinate or the array's value; 0 for a constant."""
    _arrays: tuple[Looked | None, ...] | None
    """For each output its index array and index range, None for none; None altogether where all are."""
    # worked out when somebody looks, and remembered
    _maps: tuple[OutputIndexMap, ...]
    _near: bool | None
    """What `is_near` says, once it was asked."""
    _box: tuple[tuple[int, int, int], ...] | bool | None
    """What `compose` knows of the image, once it was asked."""
    _reversed: IndexTransform | None
    """The transform with its dimensions in reverse order, once somebody asked."""
    _late: tuple[Callable[..., IndexTransform], tuple[Any, ...]] | None


ONES_LIST = [list(row) for row in ONES]
SMALL = 2**40
_STEP = 2**20


def columns(
    domain: IndexDomain,
    dims: tuple[int, ...],
    offsets: tuple[int, ...],
    strides: tuple[int, ...],
    arrays: tuple[Looked | None, ...] | None = None,
    near: bool | None = None,
) -> IndexTransform:
    """Return the transform of columns that are known to fit; the cheapest way to make one.

    `near` is what `is_near` will say, where that is known.

    >>> from tegula.space.domain import domain
    >>> columns(domain((0,), (3,)), (0, -1), (5, 7), (2, 0)).maps
    (OutputIndexMap(offset=5, stride=2, input_dimension=0), OutputIndexMap(offset=7))
    """
    raw = _RawTransform()
    raw.domain = domain
    raw._dims = dims
    raw._offsets = offsets
    raw._strides = strides
    raw._arrays = arrays
    raw._near = near
    raw._box = raw._reversed = None
    raw.__class__ = IndexTransform
    return raw  # type: ignore[return-value]


def deferred(
    make: Callable[..., IndexTransform], arguments: tuple[Any, ...], near: bool | None = None
) -> IndexTransform:
    """Return the transform `make(*arguments)`, which is made when somebody looks at it.

    `near` is what `is_near` will say, where that is known.

    For operations that are known not to fail: `make` must not raise, and its arguments must not change.
    Law: it cannot be told from `make(*arguments)` (`late.py`).
    """
    raw = _RawTransform()
    raw._late = (make, arguments)
    raw._near = near
    raw._box = raw._reversed = None
    raw.__class__ = LateTransform
    return raw  # type: ignore[return-value]


def transform(domain: IndexDomain, maps: tuple[OutputIndexMap, ...]) -> IndexTransform:
    """Return the transform of parts that are known to fit."""
    rank = len(maps)
    if maps is IDENTITY_MAPS[rank]:
        made = columns(domain, COUNT[rank], ZEROS[rank], ONES[rank])
    else:
        dims = tuple([-1 if m.input_dimension is None else m.input_dimension for m in maps])
        offsets = tuple([m.offset for m in maps])
        strides = tuple([m.stride or 0 for m in maps])
        arrays: list[Looked | None] = [
            None
            if m.index_array is None or m.index_range is None
            else (m.index_array, m.index_range.inclusive_min, m.index_range.exclusive_max)
            for m in maps
        ]
        made = columns(
            domain,
            dims,
            offsets,
            ONES[rank] if strides == ONES[rank] else strides,
            tuple(arrays) if any(arrays) else None,
        )
    _put_maps(made, maps)
    return made


def identity(domain: IndexDomain) -> IndexTransform:
    """Return the transform that changes nothing over `domain`.

    >>> identity(IndexDomain(shape=[3])).maps
    (OutputIndexMap(offset=0, stride=1, input_dimension=0),)
    """
    rank = domain.rank
    return columns(domain, COUNT[rank], ZEROS[rank], ONES[rank])


def is_identity(t: IndexTransform) -> bool:
    """Tell whether output `i` is known to be input `i`, all along; False may also mean: not known."""
    rank = len(t._dims)
    return t._strides is ONES[rank] and t._offsets is ZEROS[rank] and t._dims is COUNT[rank]


def nowhere(domain: IndexDomain) -> IndexTransform:
    """Return the transform with `domain` and no output dimension."""
    return columns(domain, (), (), ())


@public("IndexTransform")
class IndexTransform(Inputs, Indexable, Frozen, _RawTransform):
    """A function from the coordinates of an input domain to output coordinates.

    `IndexTransform(input_rank, output=...)`, by component vectors (`input_inclusive_min=`, `input_shape=`,
    ...),
    `IndexTransform(domain, output=...)` or `IndexTransform(json=...)`.  Without `output` it is the identity.

    >>> t = IndexTransform(input_shape=[5], output=[OutputIndexMap(input_dimension=0, offset=1, stride=2)])
    >>> t([3])
    (7,)
    """

    __slots__ = ()

    def __new__(  # noqa: PYI034 - the maker sets the class
        cls,
        input_rank: SupportsIndex | IndexDomain | None = None,
        output: Iterable[OutputIndexMap] | None = None,
        *,
        domain: IndexDomain | Iterable[Dim] | None = None,
        input_inclusive_min: Iterable[SupportsIndex] | None = None,
        implicit_lower_bounds: Iterable[bool] | None = None,
        input_exclusive_max: Iterable[SupportsIndex] | None = None,
        input_inclusive_max: Iterable[SupportsIndex] | None = None,
        input_shape: Iterable[SupportsIndex] | None = None,
        implicit_upper_bounds: Iterable[bool] | None = None,
        input_labels: Iterable[str | None] | None = None,
        json: Any = ABSENT,
    ) -> IndexTransform:
        """Build from whichever form was given."""
        bare = (  # nothing but a domain, a rank or JSON
            input_inclusive_min is input_exclusive_max is input_inclusive_max is input_shape is None
            and implicit_lower_bounds is implicit_upper_bounds is None
            and input_labels is None
        )
        if json is not ABSENT:
            if not bare or input_rank is not None or output is not None or domain is not None:
                raise TypeError("incompatible arguments for IndexTransform: json stands alone")
            from tegula.space.wire import transform_from_json

            return transform_from_json(json)
        if bare and domain is None and input_rank is not None:
            kind = type(input_rank)
            if kind is IndexDomain:
                domain = input_rank  # type: ignore[assignment]
            elif kind is int and 0 <= input_rank <= MAX_RANK:  # type: ignore[operator]
                domain = unbounded(input_rank)  # type: ignore[arg-type]
            if domain is not None:
                return identity(domain) if output is None else fitted(domain, _maps(output))
        rank: Any = None
        if input_rank is not None and not is_whole(input_rank):
            if domain is not None:
                raise TypeError("incompatible arguments for IndexTransform: two domains")
            domain = input_rank  # type: ignore[assignment]
        else:
            rank = input_rank
        if domain is not None and not isinstance(domain, IndexDomain):
            domain = of_dims(domain)
        if domain is not None:
            if rank is not None or not bare:
                raise TypeError("incompatible arguments for IndexTransform: domain stands for all bounds")
        else:
            if rank is implicit_lower_bounds is implicit_upper_bounds is input_inclusive_max is None:
                domain = plainly(None, input_inclusive_min, input_exclusive_max, input_shape, input_labels)
            if domain is None:
                domain = of_components(
                    rank,
                    input_inclusive_min,
                    implicit_lower_bounds,
                    input_exclusive_max,
                    input_inclusive_max,
                    input_shape,
                    implicit_upper_bounds,
                    input_labels,
                    "input_",
                )
        return identity(domain) if output is None else fitted(domain, _maps(output))

    @property
    def maps(self) -> tuple[OutputIndexMap, ...]:
        """The output index maps as a tuple: what `output` wraps, without the wrapping.

        >>> IndexTransform(input_shape=[5])[::2].maps
        (OutputIndexMap(offset=0, stride=2, input_dimension=0),)
        """
        try:
            return self._maps
        except AttributeError:
            maps = _maps_of(self)
            _put_maps(self, maps)
            return maps

    @property
    def output_rank(self) -> int:
        """The number of output dimensions.

        >>> IndexTransform(3)[1].output_rank
        3
        """
        return len(self._dims)

    @property
    def output(self) -> OutputIndexMaps:
        """The output index maps.

        >>> IndexTransform(2)[:, 5].output
        [OutputIndexMap(offset=0, stride=1, input_dimension=0), OutputIndexMap(offset=5)]
        """
        return OutputIndexMaps(self.maps)

    @property
    def _transform(self) -> IndexTransform:
        return self

    def _with_transform(self, new: IndexTransform) -> IndexTransform:
        return new

    def _on_all(self, name: str, argument: object) -> IndexTransform:
        return Operations.on_all(self, name, argument)

    def __getitem__(self, key: IndexKey) -> IndexTransform:
        """Return the transform through a NumPy-style expression, domain, transform or dimension expression.

        Raise `IndexingError` for an expression that is wrong or leaves the explicit bounds.

        >>> IndexTransform(input_shape=[5, 6])[2, ::3].domain
        { [0, 2) }
        """
        return Operations.index(self, key)

    def __call__(self, indices: Iterable[SupportsIndex]) -> tuple[int, ...]:
        """Return the output coordinates of one point; raise `OutOfRange` outside explicit bounds.

        >>> IndexTransform(input_shape=[2, 3])([1, 2])
        (1, 2)
        """
        kind = type(indices)
        if (kind is tuple or kind is list) and (self._near or is_near(self)):
            source, dims, rank = self.domain, self._dims, len(indices)  # type: ignore[arg-type]
            los, his = source.inclusive_min, source.exclusive_max
            if rank == len(los) and dims is COUNT[rank]:
                found = (AT[rank] or of_rank(rank))(indices, los, his, self._offsets, self._strides)
                if found is not None:
                    return found
            elif rank == len(los) and self._arrays is None:
                point = of_rank(rank)(indices, los, his, ZEROS[rank], ONES[rank])
                if point is not None:
                    rows = zip(dims, self._offsets, self._strides, strict=True)
                    return tuple([a + s * point[i] if s else a for i, a, s in rows])
        return image(self, indices)

    def inverse(self) -> IndexTransform:
        """Return the transform that undoes this one: from its output coordinates to its input coordinates.

        TensorStore has it in C++ alone.  Raise `InvalidArgument` where there is none: for an index array, a
        stride other than 1 and -1, an input dimension used twice, or one not used that has not one index.

        >>> moved = IndexTransform(input_shape=[5]).translate_by[7]
        >>> moved.inverse().domain, moved.inverse()([2])
        ({ [0, 5) }, (9,))
        """
        from tegula.space.compose import inverse

        return inverse(self)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, defaults left out.

        >>> IndexTransform(input_shape=[2]).to_json()
        {'input_exclusive_max': [2], 'input_inclusive_min': [0]}
        """
        from tegula.space.wire import transform_to_json

        return transform_to_json(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, IndexTransform):
            return NotImplemented
        mine, theirs = self.domain, other.domain
        return (
            self._dims == other._dims
            and self._offsets == other._offsets
            and self._strides == other._strides
            and (mine is theirs or mine.same(theirs))
            and (self._arrays is other._arrays or same_arrays(self._arrays, other._arrays))
        )

    def __hash__(self) -> int:
        return hash((self.domain, self._dims, self._offsets, self._strides))

    def __repr__(self) -> str:
        source = self.domain
        if self._arrays is None and not (source.lower_mask or source.upper_mask) and is_near(self):
            return plain_text(self)
        return text(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return transform, (self.domain, self.maps)


class LateTransform(Late, IndexTransform):
    """A transform whose parts are made when somebody looks; from then on it is an `IndexTransform`.

    A class of its own, since one that fills slots on demand pays for it with each attribute that is read.
    """

    __slots__ = ()
    _parts = ("domain", "_dims", "_offsets", "_strides", "_arrays")

    @property  # type: ignore[misc]
    def __class__(self) -> type[IndexTransform]:  # type: ignore[override]
        return IndexTransform

    def _take(self, made: IndexTransform) -> None:
        """Fill the slots of `_parts`; each by its own setter, since half the cost of a first look is here."""
        _put_domain(self, made.domain)
        _put_dims(self, made._dims)
        _put_offsets(self, made._offsets)
        _put_strides(self, made._strides)
        _put_arrays(self, made._arrays)
        _put_late(self, None)
        _put_class(self, IndexTransform)


LateTransform.__name__, LateTransform.__qualname__ = IndexTransform.__name__, IndexTransform.__qualname__
LateTransform.__module__ = IndexTransform.__module__


def explicitly_empty(domain: IndexDomain) -> bool:
    """Tell whether some dimension has no index, with both bounds explicit."""
    los, his = domain.inclusive_min, domain.exclusive_max
    if los == his == () or not any(map(int.__eq__, los, his)):
        return False
    implicit = domain.lower_mask | domain.upper_mask
    return any(lo == hi and not implicit >> i & 1 for i, (lo, hi) in enumerate(zip(los, his, strict=True)))


def _maps(output: Iterable[OutputIndexMap]) -> tuple[OutputIndexMap, ...]:
    maps = tuple(output) if type(output) is list else row(output, "output")
    for m in maps:
        if not isinstance(m, OutputIndexMap):
            raise TypeError(f"output must hold OutputIndexMap values, not {type(m).__name__}")
    if len(maps) > MAX_RANK:
        raise InvalidArgument(f"Number of output dimensions ({len(maps)}) exceeds maximum rank of {MAX_RANK}")
    return maps


def _braced(numbers: Iterable[int]) -> str:
    return f"{{{', '.join(map(str, numbers))}}}"


def fitted(domain: IndexDomain, maps: tuple[OutputIndexMap, ...]) -> IndexTransform:
    """Return the transform of parts that come from outside, checked and normalised.

    Raise `InvalidArgument` for a map that does not fit the domain.
    """
    rank = domain.rank
    dims, offsets, strides = [], [], []
    for m in maps:
        along, stride = m.input_dimension, m.stride
        if stride is None:
            along = -1
        elif along is None or not 0 <= along < rank:
            return checked(domain, maps)
        elif not stride:
            along = -1
        dims.append(along)
        offsets.append(m.offset)
        strides.append(stride or 0)
    return settled(domain, dims, offsets, strides)


def settled(domain: IndexDomain, dims: list[int], offsets: list[int], strides: list[int]) -> IndexTransform:
    """Return the transform of columns that are known to fit, sharing those of the identity."""
    rank = len(dims)
    if strides == ONES_LIST[rank]:
        a, b = tuple(dims), tuple(offsets)
        a = COUNT[rank] if a == COUNT[rank] else a
        return columns(domain, a, ZEROS[rank] if b == ZEROS[rank] else b, ONES[rank])
    return columns(domain, tuple(dims), tuple(offsets), tuple(strides))


def checked(domain: IndexDomain, maps: tuple[OutputIndexMap, ...]) -> IndexTransform:
    """Return the transform of any parts from outside; the definition of `fitted`."""
    empty = explicitly_empty(domain)
    out = tuple([_fitted(domain, i, m, empty) for i, m in enumerate(maps)])
    shared = IDENTITY_MAPS[len(out)]
    return transform(domain, shared if all(map(_is, out, shared)) and domain.rank >= len(out) else out)


def _is(a: object, b: object) -> bool:
    return a is b


def _fitted(domain: IndexDomain, i: int, m: OutputIndexMap, empty: bool) -> OutputIndexMap:
    if m.stride is None:
        return m
    if m.input_dimension is not None:
        if not 0 <= m.input_dimension < domain.rank:
            raise InvalidArgument(
                f"Input dimension {m.input_dimension} specified for output dimension {i} "
                f"is outside valid range [0, {domain.rank})"
            )
        if m.stride == 0:
            return constant_map(m.offset)
        return IDENTITY[m.input_dimension] if m.offset == 0 and m.stride == 1 else m
    array = m.index_array
    assert array is not None
    assert m.index_range is not None
    if array.ndim != domain.rank:
        raise InvalidArgument(
            f"Index array for output dimension {i} has rank {array.ndim} but must have rank {domain.rank}"
        )
    shape = domain.shape
    implicit = domain.lower_mask | domain.upper_mask
    for k, extent in enumerate(array.shape):
        if extent == 1 or (extent and not array.size):
            continue  # what has no elements is the same along all dimensions but those that are empty
        if extent != shape[k]:
            raise InvalidArgument(
                f"Index array for output dimension {i} has shape {_braced(array.shape)} "
                f"which does not match input_shape {_braced(shape)}"
            )
        if implicit >> k & 1:
            raise InvalidArgument(
                f"Index array for output dimension {i} depends on input dimension {k} with implicit bounds"
            )
        if domain.inclusive_min[k] == -INF or domain.exclusive_max[k] == END:
            raise InvalidArgument(
                f"Index array for output dimension {i} depends on input dimension {k} with infinite bounds"
            )
    if empty:
        return constant_map(0)
    if m.stride == 0:
        return constant_map(m.offset)
    return m if not array.flags.writeable else array_map(array.copy(), m.offset, m.stride, m.index_range)


def _map(along: int, offset: int, stride: int, looked: Looked | None) -> OutputIndexMap:
    """Return a row of the columns as a map."""
    if along >= 0:
        return IDENTITY[along] if stride == 1 and not offset else single_map(along, offset, stride)
    if looked is None:
        return constant_map(offset)
    array, lo, hi = looked
    array.setflags(write=False)  # private until now
    return array_map(array, offset, stride, UNBOUNDED if lo == -INF and hi == END else dim(lo, hi))


def _maps_of(t: IndexTransform) -> tuple[OutputIndexMap, ...]:
    looked = t._arrays or (None,) * len(t._dims)
    return tuple([_map(*row) for row in zip(t._dims, t._offsets, t._strides, looked, strict=True)])


def _within(numbers: tuple[int, ...], limit: int) -> bool:
    return not numbers or (min(numbers) > -limit and max(numbers) < limit)


def is_small(t: IndexTransform) -> bool:
    """Tell whether offsets are below `SMALL` and strides below 2**20: two such rows join within 64 bits."""
    rank = len(t._dims)
    return (t._strides is ONES[rank] or _within(t._strides, _STEP)) and (
        t._offsets is ZEROS[rank] or _within(t._offsets, SMALL)
    )


def is_near(t: IndexTransform) -> bool:
    """Tell whether `is_small`, constants aside, the bounds are finite and below `SMALL`, and none is empty.

    False may also mean: not known.  `t` remembers the answer.
    """
    near = t._near
    if near is None:
        source = t.domain
        los, his = source.inclusive_min, source.exclusive_max
        near = not los or (min(los) > -SMALL and max(his) < SMALL and all(map(lt, los, his)))
        near = near and is_small(t)
        _put_near(t, near)
    return near


_put_class: Callable[[object, type], None] = object.__dict__["__class__"].__set__
_put_domain, _put_dims, _put_offsets, _put_strides, _put_arrays, _put_near, _put_late, _put_maps = (
    getattr(_RawTransform, slot).__set__
    for slot in ("domain", "_dims", "_offsets", "_strides", "_arrays", "_near", "_late", "_maps")
)
