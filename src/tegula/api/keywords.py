"""The keywords of `open` where a group gives the place, for who writes typed programs: read by type checkers.

Knows: each keyword and its type.  Must not know: what a keyword does.
Law: with `kvstore` and `context`, which the group gives, they are those of `open`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tegula.schema.keywords import SchemaKeywords

if TYPE_CHECKING:
    from tegula.api.batch import Batch
    from tegula.api.openmode import OpenMode
    from tegula.api.typing import RecheckCacheOption

__all__ = ["OpenKeywords"]


class OpenKeywords(SchemaKeywords, total=False):
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
    recheck_cached_metadata: RecheckCacheOption | None
    recheck_cached_data: RecheckCacheOption | None
    recheck_cached: RecheckCacheOption | None
