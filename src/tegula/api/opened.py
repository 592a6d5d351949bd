"""What a handle remembers of how it was opened, and its JSON: the record behind a chunked array.

Knows formats, stores and contexts as values; does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tegula.api.stores import deletes_chunks
from tegula.kernels._jit import spare
from tegula.leaves import buffers
from tegula.record import Record
from tegula.runtime.limits import keep_little
from tegula.runtime.live import leaf
from tegula.source import ALWAYS, Chunked, MemoryLimit
from tegula.space.transform import IndexTransform
from tegula.view import View

if TYPE_CHECKING:
    from tegula.api.kvstore import KvStore
    from tegula.kv.spec import StoreRef
    from tegula.schema.schema import Schema

__all__ = ["Opened", "Options", "before", "cache_of", "metadata_before", "metadata_cache", "view_of"]


class Options(Record):
    """How a chunked array is read and written: staleness bounds and the rules of the fill value.

    The bounds are as in JSON: True, False, ``"open"`` or seconds since the epoch; None is the default.
    """

    recheck_cached_metadata: Any = None
    recheck_cached_data: Any = None
    fill_missing_data_reads: bool = True
    store_data_equal_to_fill_value: bool = False

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:
        """Return the members that differ from the defaults, or all of them."""
        if include_defaults:
            metadata, data = self.recheck_cached_metadata, self.recheck_cached_data
            return {
                "recheck_cached_metadata": "open" if metadata is None else metadata,
                "recheck_cached_data": True if data is None else data,
                "fill_missing_data_reads": self.fill_missing_data_reads,
                "store_data_equal_to_fill_value": self.store_data_equal_to_fill_value,
            }
        found: dict[str, Any] = {}
        if self.recheck_cached_metadata not in (None, "open"):
            found["recheck_cached_metadata"] = self.recheck_cached_metadata
        if self.recheck_cached_data is not None and self.recheck_cached_data is not True:
            found["recheck_cached_data"] = self.recheck_cached_data
        if not self.fill_missing_data_reads:
            found["fill_missing_data_reads"] = False
        if self.store_data_equal_to_fill_value:
            found["store_data_equal_to_fill_value"] = True
        return found


def before(bound: Any, opened_at: float) -> float:
    """Return the time before which a cached value must be rechecked; None is the default of data.

    >>> before(True, 5.0), before(False, 5.0), before("open", 5.0), before(7, 5.0)
    (inf, -inf, 5.0, 7.0)
    """
    if bound is None or bound is True:
        return ALWAYS
    if bound is False:
        return -ALWAYS
    return opened_at if bound == "open" else float(bound)


def metadata_before(options: Options, opened_at: float) -> float:
    """Return the time before which cached metadata must be rechecked.

    >>> metadata_before(Options(), 5.0), metadata_before(Options(recheck_cached_metadata=False), 5.0)
    (5.0, -inf)
    """
    bound = options.recheck_cached_metadata
    return before("open" if bound is None else bound, opened_at)


class Opened(Record, eq=False):
    """A chunked array as it was found or made: its format, metadata, store and options.

    `assumed`: the metadata was not read, and is not to be.
    """

    form: Any
    members: Any
    metadata: Any
    kvstore: KvStore
    options: Options
    opened_at: float
    layout: Any
    resources: dict[str, Any]
    assumed: bool = False

    def schema(self) -> Schema:
        """Return the schema of the whole array."""
        found: Schema = self.form.schema(self.metadata, self.members)
        return found


COMPILER = 256 << 20
"""Bytes of a memory limit below which what the compiler would take is not small beside it."""


def _memory(resource: Any) -> MemoryLimit | None:
    limit = None if resource is None else resource.value["limit"]
    if limit is None:
        return None
    if limit < COMPILER:
        spare()
        buffers.keep_little()
    keep_little(limit)
    return MemoryLimit(limit, resource)


def _numbered(resource: Any) -> Any:
    return None if resource is None or resource.limit is None else resource


def cache_of(store: StoreRef, pool: Any) -> Any:
    """Return the pool that stands between readers and a store, None where there is none worth asking.

    One without room keeps nothing; but readers of a store far away who ask together share a request.
    """
    return None if pool is None or (pool.total_bytes_limit == 0 and leaf(store).local) else pool


def metadata_cache(store: StoreRef, resources: Mapping[str, Any]) -> Any:
    """Return the pool that keeps metadata: its own, or the one of chunks, or None."""
    pool = resources.get("metadata_cache_pool")
    return cache_of(store, resources.get("cache_pool") if pool is None else pool)


def view_of(opened: Opened) -> View:
    """Return the view of the whole array."""
    store = opened.kvstore._ref
    source = Chunked(
        store,
        opened.kvstore._path,
        opened.layout,
        cache_of(store, opened.resources.get("cache_pool")),
        before(opened.options.recheck_cached_data, opened.opened_at),
        opened.options.fill_missing_data_reads,
        opened.options.store_data_equal_to_fill_value or not deletes_chunks(opened.kvstore._ref),
        _memory(opened.resources.get("memory_limit")),
        _numbered(opened.resources.get("data_copy_concurrency")),
    )
    return View(source, IndexTransform(opened.layout.domain))
