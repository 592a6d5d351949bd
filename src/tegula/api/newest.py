"""Bounds that changed: handles read, write and print by the newest that this process has seen.

A handle is made with the bounds that its array had then, and its `domain` keeps them.  What it does follows
the array: before it reads, writes or is printed its implicit bounds are resolved against the newest metadata
that the process knows, and its explicit ones are checked against them.  So rows can be appended by resizing
through one handle and writing through another.  Nothing is asked of a store for it: what is known comes from
resizing, resolving and opening.

Knows: which document each handle's array has, and what was last seen of those that changed.  Must not know:
how an array is resized or read.  Knows at most `LIMIT` arrays; of one that is forgotten old handles have old
bounds.

Laws: ``now(x) is x`` where no bound changed; ``now(now(x)) is now(x)``; ``now(x).domain`` is the domain of
``x.resolve()`` where this process was the last to resize.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tegula.api.opened import Opened, view_of
from tegula.errors import FailedPrecondition, OutOfRange
from tegula.record import replace
from tegula.source import Cast, Chunked, Downsample, Source
from tegula.space.bounds import propagate_bounds
from tegula.space.domain import IndexDomain
from tegula.space.transform import IndexTransform, is_identity
from tegula.view import cast, downsample

if TYPE_CHECKING:
    from tegula.api.store import TensorStore

__all__ = ["LIMIT", "epoch", "note", "now", "printed", "seen", "shown"]

LIMIT = 1 << 16

_noted: dict[Any, Any] = {}  # document of an array -> its newest metadata
_epoch = [0]


def epoch() -> int:
    """Return a number that grows whenever an array is noted to have other bounds."""
    return _epoch[0]


def _document(opened: Opened) -> Any:
    key = opened.form.metadata_key(opened.members)
    return opened.kvstore._ref, opened.kvstore._path + key, opened.form.name


def note(opened: Opened, metadata: Any) -> None:
    """Say that the array that was known as `opened` has the bounds of `metadata` now."""
    if opened.form.several is not None or opened.assumed:
        return  # of these none changes
    document = _document(opened)
    if document not in _noted:
        if opened.form.layout(metadata, opened.members).domain == opened.layout.domain:
            return
        while len(_noted) >= LIMIT:
            _noted.pop(next(iter(_noted)), None)
    _noted[document] = metadata
    _epoch[0] += 1


def seen(opened: Opened, before: int) -> int:
    """Say that an array was opened, and return the epoch of a handle on it; `before`: that of the reading."""
    if _noted and opened.form.several is None and not opened.assumed:
        document = _document(opened)
        if document in _noted:
            if before != _epoch[0]:
                return -1  # what was noted since may be newer
            _noted[document] = opened.metadata
            _epoch[0] += 1
    return _epoch[0]


def now(store: TensorStore) -> TensorStore:
    """Return a handle with its implicit bounds as they are now; the same where they have not changed.

    Raises:
        OutOfRange: an explicit bound lies outside of the array as it is now.
    """
    root, transform = store._root, store._transform
    if root.seen != _epoch[0]:
        _look(store)
    if root.fresh is None:
        if transform is root.settled:
            return store
        domain = transform.domain
        if not (domain.lower_mask or domain.upper_mask) or _is_settled(root.source, transform):
            return store
        resolved = propagate_bounds(_bounds(root.source), transform)
        return store if resolved.domain == domain else store._with_transform(resolved)
    fresh: TensorStore = root.fresh
    return fresh._with_transform(propagate_bounds(fresh._transform.domain, transform))


def shown(store: TensorStore) -> TensorStore:
    """Return the handle to specify and print.

    It is `now`'s; but explicit bounds outside of the array stay as they are, and so do marks on a view that
    is not a chunked array's, as in the drop-in.
    """
    root = store._root
    try:
        found = now(store)
    except OutOfRange:
        fresh: TensorStore | None = root.fresh
        return store if fresh is None else fresh._with_transform(store._transform)
    return found if root.fresh is not None or isinstance(root.source, Chunked) else store


def printed(store: TensorStore) -> TensorStore:
    """Return the handle to specify and print, as `shown`.

    Of zarr v2 it has the bounds that it had, beside the metadata as they are now, as in the drop-in.
    """
    found = shown(store)
    fresh: TensorStore | None = store._root.fresh
    if fresh is None or not isinstance(store._opened, Opened) or store._opened.form.name not in _STEADY:
        return found
    return fresh._with_transform(store._transform)


_STEADY = ("zarr",)


def _look(store: TensorStore) -> None:
    """Learn whether the array of a handle, and of all its views, is known with other bounds."""
    from tegula.api.store import TensorStore

    root, at = store._root, _epoch[0]
    opened, source = root.opened, root.source
    fresh = None
    if isinstance(opened, Opened):
        metadata = None if opened.assumed else _noted.get(_document(opened))
        if metadata is not None and metadata is not opened.metadata:
            fresh = _with_metadata(store, opened, metadata)
    elif isinstance(source, Downsample | Cast):
        base = now(opened)
        if base is not opened:
            view = (
                cast(base._view, source.dtype)
                if isinstance(source, Cast)
                else downsample(base._view, source.factors, source.method)
            )
            fresh = TensorStore(view, base, root.readable, root.writable)
    object.__setattr__(root, "fresh", fresh)
    object.__setattr__(root, "seen", at)


def _with_metadata(store: TensorStore, opened: Opened, metadata: Any) -> TensorStore | None:
    """Return a handle on the whole array as `metadata` describe it, None where it is the same or another."""
    from tegula.api.store import TensorStore
    from tegula.programs.resizing import check_compatible

    layout = opened.form.layout(metadata, opened.members)
    if layout.domain == opened.layout.domain:
        return None
    try:
        check_compatible(opened.form, opened.metadata, metadata, opened.members)
    except FailedPrecondition:
        return None
    fresh = replace(opened, metadata=metadata, layout=layout)
    return TensorStore(view_of(fresh), fresh, store._readable, store._writable)


def _bounds(source: Source) -> IndexDomain:
    if isinstance(source, Chunked):
        found: IndexDomain = source.layout.domain
        return found
    if isinstance(source, Cast):
        return source.base.transform.domain
    lower, upper = source.bounds
    if not isinstance(source, Downsample):
        return IndexDomain(inclusive_min=lower, exclusive_max=upper)
    below = source.base.transform.domain
    return IndexDomain(
        inclusive_min=lower,
        exclusive_max=upper,
        implicit_lower_bounds=below.implicit_lower_bounds,
        implicit_upper_bounds=below.implicit_upper_bounds,
    )


def _is_settled(source: Source, transform: IndexTransform) -> bool:
    """Whether each implicit bound is plainly what the source's bounds make of it."""
    domain, dims = transform.domain, transform._dims
    if transform._arrays is not None:
        return False
    upper = source.bounds[1]
    highs = domain.exclusive_max
    lowers, uppers = domain.lower_mask, domain.upper_mask
    if not lowers and highs == upper and is_identity(transform):
        return True
    for at, offset, stride, high in zip(dims, transform._offsets, transform._strides, upper, strict=True):
        if at >= 0 and (lowers | uppers) >> at & 1:
            if stride < 1 or lowers >> at & 1 or dims.count(at) > 1:
                return False
            if highs[at] != (high - 1 - offset) // stride + 1:
                return False
    return True
