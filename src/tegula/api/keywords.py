"""Keywords that several functions share, for who writes typed programs: read by type checkers alone.

Knows: each keyword and its type.  Must not know: what a keyword does.
Law: the names are those of the functions; of `open`, but for `kvstore` and `context`, which a group gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, SupportsIndex, TypeAlias, TypedDict

from tegula.schema.keywords import SchemaKeywords

if TYPE_CHECKING:
    from tegula.api.batch import Batch
    from tegula.api.openmode import OpenMode
    from tegula.api.typing import RecheckCacheOption

__all__ = ["Bounds", "OpenKeywords", "ResizeFlags", "SpecKeywords"]

Bounds: TypeAlias = Sequence[SupportsIndex | None]
"""New bounds, one for each dimension; None leaves one as it is."""


class RecheckKeywords(TypedDict, total=False):
    """How old an answer may be."""

    recheck_cached_metadata: RecheckCacheOption | None
    recheck_cached_data: RecheckCacheOption | None
    recheck_cached: RecheckCacheOption | None


class OpenKeywords(SchemaKeywords, RecheckKeywords, total=False):
    """The keywords of `tegula.open`, but for the place and the context."""

    read: bool | None
    write: bool | None
    open_mode: OpenMode | None
    open: bool | None
    create: bool | None
    delete_existing: bool | None
    assume_metadata: bool | None
    assume_cached_metadata: bool | None
    transaction: None
    batch: Batch | None


class SpecKeywords(RecheckKeywords, total=False):
    """The keywords of `tegula.spec`."""

    open_mode: OpenMode | None
    minimal_spec: bool | None
    retain_context: bool | None
    unbind_context: bool | None


class ResizeFlags(TypedDict, total=False):
    """The keywords of `tegula.resize` but for the bounds."""

    resize_metadata_only: bool
    resize_tied_bounds: bool
    expand_only: bool
    shrink_only: bool
