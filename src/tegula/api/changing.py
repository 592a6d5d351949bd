"""Resizing and statistics of a handle: from the arguments of its methods to programs.

Knows: what the arguments mean and which handle comes back.  Must not know: how it is done.

Law: resizing a view of a cast is resizing what it is cast from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex

from tegula.api.newest import note, now, shown
from tegula.api.opened import Opened, view_of
from tegula.api.opening import reopened
from tegula.api.running import failed
from tegula.api.statistics import StorageStatistics
from tegula.effects.effect import Program
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError, Unimplemented
from tegula.plan.bounds import Resizing, check_direction, output_bounds
from tegula.programs import stats
from tegula.programs.resizing import resize as resizing
from tegula.record import Record, replace
from tegula.runtime.future import Future
from tegula.runtime.session import submit
from tegula.source import Cast, Chunked
from tegula.space.arguments import int64, row

if TYPE_CHECKING:
    from tegula.api.store import TensorStore

__all__ = ["Way", "resize", "statistics"]

UNCHANGED = -(2**63)


class Way(Record):
    """How an array is resized: which of its parts, and in which direction only."""

    metadata_only: bool = False
    tied_bounds: bool = False
    expand_only: bool = False
    shrink_only: bool = False


def resize(
    store: TensorStore,
    inclusive_min: Iterable[SupportsIndex | None] | None,
    exclusive_max: Iterable[SupportsIndex | None] | None,
    way: Way,
) -> Future[TensorStore]:
    """Start resizing: return a future of the view with the bounds that it has then.

    Raises (at once):
        TypeError: a bound is no number.

    Raises (from the future):
        InvalidArgument, FailedPrecondition, Unimplemented: it can not be resized so.
    """
    low, high = _bounds(inclusive_min), _bounds(exclusive_max)
    try:
        rank = store.rank
        return submit(
            _resizing(
                store, [None] * rank if low is None else low, [None] * rank if high is None else high, way
            )
        )
    except TegulaError as error:
        return failed(error)


def _resizing(
    store: TensorStore, low: list[int | None], high: list[int | None], way: Way
) -> Program[TensorStore]:
    """Return the program that resizes; what can be refused without looking at the store is refused here."""
    if not store._writable:
        raise InvalidArgument("Destination does not support writing.")
    if len(low) != store.rank or len(high) != store.rank:
        raise InvalidArgument(f"inclusive_min and exclusive_max must have rank {store.rank}")
    if isinstance(store._view.source, Cast):
        return _cast(_resizing(store._opened[store._view.transform], low, high, way), store.dtype)
    if not isinstance(store._opened, Opened):
        raise Unimplemented("Resize not supported")
    if store._opened.assumed:
        raise InvalidArgument("Resize not supported because assume_metadata was specified")
    store = shown(store)
    asked = output_bounds(store._view.transform, low, high, way.tied_bounds)
    if asked is None:
        return reopened(store, False)
    field = store._opened.layout.chain.field
    if field is not None and len(field.blank) > field.size and not way.tied_bounds:
        raise FailedPrecondition(
            "Resize operation would affect other fields but `resize_tied_bounds` was not specified"
        )
    asked = asked._replace(expand_only=way.expand_only, shrink_only=way.shrink_only)
    if way.shrink_only and not (way.expand_only or way.metadata_only):
        shape = store._opened.layout.shape
        wanted = tuple(size if end is None else end for size, end in zip(shape, asked.ends, strict=True))
        check_direction(asked._replace(expand_only=False), shape, wanted)
    return _resized(store, asked, way.metadata_only)


def _bounds(given: Any) -> list[int | None] | None:
    if given is None:
        return None
    bounds = row(given, "bounds")
    found = [None if bound is None else int64(bound, "bound") for bound in bounds]
    return [None if bound == UNCHANGED else bound for bound in found]


async def _resized(store: TensorStore, asked: Resizing, metadata_only: bool) -> TensorStore:
    from tegula.api.store import TensorStore

    opened: Opened = store._opened
    source = store._view.source
    assert isinstance(source, Chunked)
    metadata = await resizing(opened.form, source, opened.members, opened.metadata, asked, metadata_only)
    fresh = replace(opened, metadata=metadata, layout=opened.form.layout(metadata, opened.members))
    view = view_of(fresh)
    note(opened, metadata)
    view = view._with_transform(view.transform[store._view.transform])
    return TensorStore(view, fresh, store._readable, store._writable)


async def _cast(inner: Program[TensorStore], dtype: Any) -> TensorStore:
    from tegula.api.functions import cast

    made: TensorStore = cast(await inner, dtype)
    return made


def statistics(
    store: TensorStore, query_not_stored: bool, query_fully_stored: bool
) -> Future[StorageStatistics]:
    """Start asking what of a view is stored."""
    try:
        return submit(_statistics(now(store), query_not_stored, query_fully_stored))
    except TegulaError as error:
        return failed(error)


async def _statistics(store: TensorStore, missing: bool, there: bool) -> StorageStatistics:
    not_stored, fully_stored = await stats.stored(store._view, missing, there)
    return StorageStatistics(not_stored=not_stored, fully_stored=fully_stored)
