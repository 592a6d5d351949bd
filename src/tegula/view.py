"""A view is a value: a source seen through a transform; and the pure functions from view to view.

Nothing here reads.  Every operation of the index space acts on the transform alone, so views compose
without touching the source; a computed view (`downsample`, `cast`) wraps its base in a new source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, SupportsIndex

from tegula.errors import InvalidArgument
from tegula.kernels.methods import METHODS
from tegula.record import Record, replace
from tegula.schema.dtypes import DataType
from tegula.source import Cast, Downsample, Source
from tegula.space.arguments import number, row
from tegula.space.compose import compose
from tegula.space.indexable import Indexable
from tegula.space.maps import OutputIndexMap
from tegula.space.transform import IndexTransform

if TYPE_CHECKING:
    from tegula.space.domain import IndexDomain

__all__ = ["View", "cast", "downsample"]


class View(Indexable, Record, eq=False):
    """A source and the transform from the view's domain to the source's coordinates."""

    source: Source
    transform: IndexTransform

    @property
    def dtype(self) -> DataType:
        """The data type of the elements."""
        return self.source.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents of the domain."""
        return self.transform.domain.shape

    @property
    def _transform(self) -> IndexTransform:
        return self.transform

    def _with_transform(self, transform: IndexTransform) -> View:
        return replace(self, transform=transform)


def downsample(view: View, factors: Iterable[SupportsIndex], method: str) -> View:
    """Return the view reduced by one integer factor (>= 1) a dimension.

    Blocks are aligned to coordinate zero, so the first and last may be partial.

    Raises:
        InvalidArgument: wrong number of factors, a factor below one, an unknown method, or one that does not
            support the data type.
    """
    factors = factors_of(factors)
    transform = view.transform
    if len(factors) != transform.input_rank:
        raise InvalidArgument(
            f"Number of downsample factors ({len(factors)}) does not match TensorStore rank "
            f"({transform.input_rank})"
        )
    if any(factor < 1 for factor in factors):
        shown = ", ".join(map(str, factors))
        raise InvalidArgument(f"Downsample factors {{{shown}}} are not all positive")
    check_named(method)
    check_method(view.dtype, method)
    reduced = reduced_domain(transform.domain, factors, method)
    return View(Downsample(view, factors, method), IndexTransform(reduced))


def blocks_of(transform: IndexTransform, factors: Sequence[int], base: IndexDomain) -> IndexTransform:
    """Return the transform into `base` that sees the blocks of a reduced view, `transform` being the view's.

    A dimension runs through its blocks one after the other; a constant coordinate becomes a last dimension,
    along its block.  Bounds are explicit.  All of `base` where the view goes in any other way.
    """
    from tegula.space.domain import IndexDomain

    lows, highs = list(transform.domain.inclusive_min), list(transform.domain.exclusive_max)
    labels = list(transform.domain.labels)
    used: set[int] = set()
    maps = []
    for k, (m, factor) in enumerate(zip(transform.maps, factors, strict=True)):
        lo, hi = base.inclusive_min[k], base.exclusive_max[k]
        i = m.input_dimension
        if factor == 1 and (i is None or i not in used):
            maps.append(m)
        elif m.stride is None:
            start, stop = max(lo, m.offset * factor), min(hi, (m.offset + 1) * factor)
            maps.append(OutputIndexMap(len(lows), start))
            lows, highs, labels = [*lows, 0], [*highs, max(stop - start, 0)], [*labels, ""]
        elif i is not None and m.stride == 1 and i not in used:
            moved = m.offset * factor
            lows[i] = max(lo, (lows[i] + m.offset) * factor) - moved
            highs[i] = max(lows[i], min(hi, (highs[i] + m.offset) * factor) - moved)
            maps.append(OutputIndexMap(i, moved))
        else:
            return IndexTransform(
                IndexDomain(inclusive_min=base.inclusive_min, exclusive_max=base.exclusive_max)
            )
        if i is not None:
            used.add(i)
    return IndexTransform(IndexDomain(inclusive_min=lows, exclusive_max=highs, labels=labels), maps)


def reduced_domain(base: IndexDomain, factors: Sequence[int], method: str) -> IndexDomain:
    """Return the domain of the reduced view of `base`: labels and implicit bounds stay."""
    from tegula.kernels.downsample import domain
    from tegula.space.domain import IndexDomain

    lower, upper = domain(base.inclusive_min, base.exclusive_max, tuple(factors), method)
    return IndexDomain(
        inclusive_min=lower,
        exclusive_max=upper,
        labels=base.labels,
        implicit_lower_bounds=base.implicit_lower_bounds,
        implicit_upper_bounds=base.implicit_upper_bounds,
    )


def part_of_base(
    transform: IndexTransform, factors: Sequence[int], method: str, base: IndexDomain
) -> IndexTransform:
    """Return the transform into `base` of what a view of a computed array is made of.

    `transform` is the view's; no `factors`: the array has the coordinates of its base.
    """
    if not factors:
        return transform
    if method != "stride":
        return blocks_of(transform, factors, base)
    strided = [OutputIndexMap(i, 0, factor) for i, factor in enumerate(factors)]
    return compose(IndexTransform(reduced_domain(base, factors, method), strided), transform)


def part_below(view: View) -> View:
    """Return the part of the base that a view of a computed array is made of; more, where that is no box."""
    source = view.source
    assert isinstance(source, Cast | Downsample)
    factors, method = (source.factors, source.method) if isinstance(source, Downsample) else ((), "")
    base = source.base
    return base._with_transform(
        compose(base.transform, part_of_base(view.transform, factors, method, base.transform.domain))
    )


def factors_of(given: Iterable[SupportsIndex]) -> tuple[int, ...]:
    """Return the factors of a reduced view; raise TypeError for what are no integers."""
    return tuple([number(factor, "downsample_factors") for factor in row(given, "downsample_factors")])


def check_named(method: str) -> None:
    """Raise InvalidArgument where there is no such method, TypeError for what is no name."""
    if not isinstance(method, str):
        raise TypeError(f"method must be a string, not {type(method).__name__}")
    if method not in METHODS:
        known = ", ".join(f'"{name}"' for name in METHODS)
        raise InvalidArgument(f'Expected one of {known}, but received: "{method}"')


def check_method(dtype: DataType, method: str) -> None:
    """Raise InvalidArgument where `method` cannot reduce elements of `dtype`."""
    name = dtype.name
    if method in ("stride", "mode"):
        return
    plain = name == "bool" or name.startswith(("int", "uint", "float", "bfloat"))
    if plain or (method == "mean" and name.startswith("complex")):
        return
    raise InvalidArgument(f'Downsample method "{method}" does not support data type "{name}"')


def cast(view: View, dtype: DataType) -> View:
    """Return the view with its elements converted to `dtype` as they are read."""
    return View(Cast(view, dtype), IndexTransform(view.transform.domain))
