"""NumPy-style indexing: integers, slices, newaxis, ellipsis, arrays.

What this file knows: how the text between brackets is read (`Expression`) and which transform it denotes
over a
domain.  What it must not know: how that transform is joined to another (`compose`), or dimension
expressions' other operations.

Coordinates are literal: `x[-1]` is the element at -1, a slice keeps its origin, nothing is clipped.
Law: `apply_terms(t, terms, mode)` is `compose(t, expression(terms, mode).transform(t.domain))`; the direct
path
for integers and unit slices is that, computed without the detour.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from tegula.errors import IndexingError, InvalidArgument, OutOfRange, TegulaError, annotated
from tegula.space.arguments import is_row
from tegula.space.compose import compose, indexing
from tegula.space.domain import IndexDomain, check_rank, domain, mask_of
from tegula.space.gather import as_index, joint_shape, positions, spread, trimmed
from tegula.space.interval import INF, MAX_INT64, MIN_INT64, strided_slice
from tegula.space.maps import IDENTITY, OutputIndexMap, array_map, constant_map, single_map
from tegula.space.plain import indexed
from tegula.space.transform import IndexTransform, explicitly_empty, transform

newaxis = None
_INT64 = np.dtype(np.int64)


class Expression:
    """An indexing expression, read but not yet applied: a value.

    `terms` holds ints, slices of ints, None, Ellipsis, index arrays and masks.  `initial` and `chained`
    say where
    in a dimension expression it stands (neither: it applies to a whole domain).
    """

    __slots__ = (
        "arrays",
        "axes",
        "consecutive",
        "has_ellipsis",
        "joint",
        "mode",
        "new_dims",
        "place",
        "plain",
        "scalar",
        "taken",
        "terms",
    )

    mode: str
    place: str
    terms: tuple[Any, ...]
    scalar: bool
    has_ellipsis: bool
    consecutive: bool
    joint: tuple[int, ...]
    taken: int
    new_dims: int
    arrays: int
    """How many terms are index arrays or masks."""
    axes: tuple[int, ...] | None
    """The axes of each term, 0 of a slice; None unless all are whole or index arrays of several elements."""
    plain: bool
    """Whether each term takes or makes one dimension, and stands for itself wherever it is placed."""

    def __init__(self, given: Any, mode: str = "default", place: str = "direct") -> None:
        self.mode = mode
        self.place = place
        self.scalar = not isinstance(given, tuple)
        if not (self.scalar and self._of_one(given)):
            self._read(given)

    def _of_one(self, given: Any) -> bool:
        """Read a lone integer, slice, None or index array as `_read` would, else say no."""
        kind = type(given)
        self.new_dims, self.taken, self.joint, self.arrays, self.axes = 0, 1, (), 0, None
        self.consecutive = self.mode == "default"
        if kind is np.ndarray:
            if given.dtype is not _INT64 or not given.ndim:
                return False
            given = given.copy()
            self.scalar = False
            self.arrays = 1
            self.plain = self.mode != "vindex"
            shape = given.shape
            if given.size > 1:
                self.axes = (len(shape),)
            if self.mode != "oindex":
                self.joint = shape
        elif kind is int:
            if not -INF < given < INF:
                return False
            self.plain = True
        elif kind is slice:
            if not _is_plain(given):
                return False
            self.plain = True
        elif given is None and self.place != "chained":
            self.new_dims, self.taken = 1, 0
            self.plain = True
        else:
            return False
        self.has_ellipsis = False
        self.terms = (given,)
        return True

    def _read(self, given: Any) -> None:
        """Read what was given, term by term."""
        mode, place = self.mode, self.place
        self.has_ellipsis = False
        joint: tuple[int, ...] = ()
        taken = new_dims = arrays_given = 0
        consecutive = mode == "default"
        arrays = broken = False
        alone = True
        terms: list[Any] = []
        for raw in given if isinstance(given, tuple) else (given,):
            kind = type(raw)
            if kind is int and -INF < raw < INF:
                terms.append(raw)
                taken += 1
                alone = False
                continue
            if kind is slice and _is_plain(raw):
                terms.append(raw)
                taken += 1
                broken = arrays
                alone = alone and raw.start is raw.stop is raw.step is None
                continue
            term = raw.copy() if kind is np.ndarray and raw.dtype is _INT64 else _term(raw)
            if type(term) is np.ndarray:
                shape, width = term.shape, 1
                if term.dtype.kind == "b":
                    shape = (int(np.count_nonzero(term)),)
                    width = term.ndim
                    self.scalar = alone = False
                    if width == 0 and place != "direct":
                        if mode == "oindex":
                            raise IndexingError(
                                "Zero-rank bool array incompatible with outer indexing of a "
                                "dimension selection"
                            )
                        consecutive = False
                elif shape:
                    self.scalar = False
                alone = alone and term.size > 1
                taken += width
                terms.append(term)
                arrays_given += 1
                if mode != "oindex":
                    if shape != joint:
                        joint = joint_shape(joint, shape)
                    arrays = True
                    if broken:
                        consecutive = False
                continue
            alone = False
            if isinstance(term, int):
                terms.append(term)
                taken += 1
            elif term is Ellipsis:
                if self.has_ellipsis:
                    raise IndexingError("An index can only have a single ellipsis (`...`)")
                self.has_ellipsis = True
                self.scalar = False
                terms.append(term)
                broken = arrays
            elif term is None:
                if place == "chained":
                    raise IndexingError(
                        "tensorstore.newaxis (`None`) not valid in chained indexing operations"
                    )
                new_dims += 1
                terms.append(None)
                broken = arrays
            else:
                terms.extend(term)
                taken += len(term)
                broken = arrays
                if len(term) != 1 or is_row(raw.start) or is_row(raw.stop) or is_row(raw.step):
                    self.scalar = False
        self.terms = tuple(terms)
        self.joint = joint
        self.taken, self.new_dims, self.arrays = taken, new_dims, arrays_given
        self.axes = tuple(map(_axes, terms)) if alone and arrays_given else None
        self.plain = (
            not self.has_ellipsis
            and taken + new_dims == len(terms)
            and (mode == "oindex" or arrays_given <= (mode == "default"))
        )
        self.consecutive = consecutive

    def repeated(self, count: int) -> Expression:
        """Return the expression for `count` dimensions: a single scalar term applies to each of them."""
        if not self.scalar or count == 1:
            return self
        copy = Expression.__new__(Expression)
        copy.mode, copy.place, copy.scalar = self.mode, self.place, self.scalar
        copy.has_ellipsis, copy.consecutive, copy.joint = self.has_ellipsis, self.consecutive, self.joint
        copy.plain, copy.arrays, copy.axes = self.plain, self.arrays, None
        copy.terms = self.terms * count
        copy.taken = self.taken * count
        copy.new_dims = self.new_dims * count
        return copy

    def made(self) -> int:
        """Return the number of dimensions that the terms make, the ellipsis aside."""
        total = len(self.joint)
        for term in self.terms:
            if term is None or isinstance(term, slice):
                total += 1
            elif self.mode == "oindex" and isinstance(term, np.ndarray):
                total += 1 if term.dtype == np.bool_ else term.ndim
        return total

    def transform(self, over: IndexDomain) -> IndexTransform:
        """Return the transform into `over` that the expression denotes."""
        rank = over.rank
        if self.taken > rank:
            raise InvalidArgument(
                f"Indexing expression requires {self.taken} dimensions, "
                f"and cannot be applied to a domain of rank {rank}"
            )
        free = rank - self.taken
        made = self.made() + free
        check_rank(made)
        return self.placed(over, list(range(rank)), list(range(made)), [-1] * made)

    def placed(
        self, over: IndexDomain, taken: Sequence[int], made: Sequence[int], passing: Sequence[int]
    ) -> IndexTransform:
        """Return the transform into `over` whose terms take the dimensions `taken` and make those in `made`.

        `passing[i]` is the dimension of `over` that is dimension `i` of the result unchanged, or -1.
        """
        rank = len(passing)
        los, his, labels = [0] * rank, [0] * rank, [""] * rank
        lowers, uppers = [False] * rank, [False] * rank
        maps: list[OutputIndexMap] = [constant_map(0)] * over.rank
        free = len(taken) - self.taken
        next_made = next_taken = 0

        def same(i: int, j: int) -> None:
            los[i], his[i], labels[i] = over.inclusive_min[j], over.exclusive_max[j], over.labels[j]
            lowers[i], uppers[i] = bool(over.lower_mask >> j & 1), bool(over.upper_mask >> j & 1)
            maps[j] = IDENTITY[i]

        def new_dims(shape: tuple[int, ...]) -> list[int]:
            nonlocal next_made
            dims = list(made[next_made : next_made + len(shape)])
            next_made += len(shape)
            for i, extent in zip(dims, shape, strict=True):
                his[i] = extent
            return dims

        for i, j in enumerate(passing):
            if j != -1:
                same(i, j)
        joint_dims = None if self.consecutive else new_dims(self.joint)
        terms = self.terms if self.has_ellipsis else (*self.terms, Ellipsis)
        for term in terms:
            if term is Ellipsis:
                for _ in range(free):
                    same(made[next_made], taken[next_taken])
                    next_made += 1
                    next_taken += 1
            elif term is None:
                i = made[next_made]
                next_made += 1
                his[i], lowers[i], uppers[i] = 1, True, True
            elif isinstance(term, slice):
                i, j = made[next_made], taken[next_taken]
                next_made += 1
                next_taken += 1
                los[i], his[i], lowers[i], uppers[i], offset = _slice(over, j, term)
                labels[i] = over.labels[j]
                step = term.step or 1
                maps[j] = IDENTITY[i] if step == 1 and offset == 0 else single_map(i, offset, step)
            elif isinstance(term, int):
                maps[taken[next_taken]] = constant_map(term)
                next_taken += 1
            else:
                masked = term.dtype.kind == "b"
                arrays = positions(term) if masked and term.ndim else () if masked else (term,)
                shape = (int(np.count_nonzero(term)),) if masked else term.shape
                if self.mode == "oindex":
                    dims = new_dims(shape)
                else:
                    if joint_dims is None:
                        joint_dims = new_dims(self.joint)
                    dims = joint_dims[len(joint_dims) - len(shape) :]
                for array in arrays:
                    maps[taken[next_taken]] = array_map(spread(array, dims, rank))
                    next_taken += 1
        shown = tuple(labels)
        space = domain(tuple(los), tuple(his), shown, mask_of(lowers), mask_of(uppers))
        if explicitly_empty(space):
            maps = [constant_map(0) if m.index_array is not None else m for m in maps]
        return transform(space, tuple(maps))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return (
            self.mode == other.mode
            and self.place == other.place
            and self.scalar == other.scalar
            and len(self.terms) == len(other.terms)
            and all(map(_same_term, self.terms, other.terms))
        )

    def __hash__(self) -> int:
        return hash((self.mode, self.place, self.scalar, len(self.terms)))

    def __repr__(self) -> str:
        body = ",".join(map(_term_text, self.terms))
        return body + "," if not self.scalar and len(self.terms) == 1 else body


def _slice(over: IndexDomain, j: int, term: slice) -> tuple[int, int, bool, bool, int]:
    lower, upper = bool(over.lower_mask >> j & 1), bool(over.upper_mask >> j & 1)
    try:
        step = 1 if term.step is None else term.step
        return strided_slice(
            over.inclusive_min[j], over.exclusive_max[j], lower, upper, term.start, term.stop, step
        )
    except TegulaError as error:
        raise annotated(error, f"Computing interval slice for dimension {j}: ") from None


def _axes(term: Any) -> int:
    """Return the number of axes of an index array, 0 of a slice."""
    return term.ndim if type(term) is np.ndarray else 0


_NO_NUMBERS = (bool, np.ndarray)


def _term(raw: Any) -> Any:
    """Return one term as an int, None, Ellipsis, list of slices, index array or mask."""
    if raw is None or raw is Ellipsis:
        return raw
    if type(raw) is np.ndarray or type(raw) is list:
        return as_index(raw)
    if isinstance(raw, slice):
        return _slices(raw)
    if not isinstance(raw, _NO_NUMBERS):
        try:
            number = index(raw)
        except TypeError:
            pass
        else:
            if MIN_INT64 <= number <= MAX_INT64:
                return number
    return as_index(raw)


def _slices(raw: slice) -> list[slice]:
    """Return the slices of a slice whose parts may be vectors."""
    start, stop, step = raw.start, raw.stop, raw.step
    if not (is_row(start) or is_row(stop) or is_row(step)):
        return [slice(_part(start), _part(stop), _part(step))]
    known: tuple[str, list[Any]] | None = None
    parts: list[Any] = []
    for name, value in (("start", start), ("stop", stop), ("step", step)):
        if not is_row(value):
            parts.append(_part(value))
            continue
        items = [_part(v) for v in value]
        if known is not None and len(known[1]) != len(items):
            raise IndexingError(
                f"{name}={_vector(items)} (rank {len(items)}) is incompatible with "
                f"{known[0]}={_vector(known[1])} (rank {len(known[1])})"
            )
        known = (name, items)
        parts.append(items)
    assert known is not None
    count = len(known[1])
    rows = [part if isinstance(part, list) else [part] * count for part in parts]
    return [slice(*row) for row in zip(*rows, strict=True)]


def _is_plain(term: slice) -> bool:
    """Tell whether the parts of a slice are Python integers, or not given."""
    start, stop, step = term.start, term.stop, term.step
    return (
        (start is None or (type(start) is int and -INF < start < INF))
        and (stop is None or (type(stop) is int and -INF < stop < INF))
        and (step is None or (type(step) is int and -INF < step < INF))
    )


def _part(value: Any) -> int | None:
    if value is None:
        return None
    try:
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError
        number = index(value)
    except TypeError:
        number = MAX_INT64 + 1
    if not MIN_INT64 <= number <= MAX_INT64:
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return number if number != MIN_INT64 else None


def _vector(items: list[Any]) -> str:
    return f"[{','.join(map(str, items))}]"


def _term_text(term: Any) -> str:
    if term is Ellipsis:
        return "..."
    if isinstance(term, slice):
        start, stop = ("" if part is None else str(part) for part in (term.start, term.stop))
        return f"{start}:{stop}" if term.step in (None, 1) else f"{start}:{stop}:{term.step}"
    if isinstance(term, np.ndarray) and term.dtype == np.bool_:
        return repr(trimmed(term))
    return repr(term)


def _same_term(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.dtype != b.dtype:
            return False
        return np.array_equal(trimmed(a), trimmed(b)) if a.dtype == np.bool_ else np.array_equal(a, b)
    return type(a) is type(b) and bool(a == b)


def apply_terms(t: IndexTransform, terms: Any, mode: str = "default") -> IndexTransform:
    """Return `t` indexed by `terms`, a term or tuple of terms, in mode 'default', 'oindex' or 'vindex'.

    Raise `IndexingError` for a malformed expression or one that leaves the explicit bounds.

    >>> from tegula.space.transform import IndexTransform
    >>> apply_terms(IndexTransform(input_shape=[5, 5]), (2, slice(1, 4))).domain
    { [1, 4) }
    """
    direct = indexed(t, terms, mode)
    return composed_terms(t, terms, mode) if direct is None else direct


def composed_terms(t: IndexTransform, terms: Any, mode: str = "default") -> IndexTransform:
    """Return `t` indexed by `terms` the long way; the definition of `apply_terms`."""
    try:
        expression = Expression(terms, mode)
        return compose(t, expression.transform(t.domain))
    except (InvalidArgument, OutOfRange) as error:
        raise indexing(error) from None
