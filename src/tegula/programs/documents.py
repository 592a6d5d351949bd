"""Read a metadata document: from the pool that remembers it, or once for all who ask together.

Knows that a document is one key whose parsed form may be shared, since metadata are values.  Must not know
any format's document, nor when an answer is too old: that is `recheck_before`, as for chunks.

Law: with `recheck_before` at infinity, reading through a pool equals reading without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Decoded, Loaded, Read, ReadMany
from tegula.errors import TegulaError, annotated
from tegula.kv.spec import StoreRef, describe
from tegula.record import Record

__all__ = ["DocumentKey", "of_reading", "read_document"]

WEIGHT = 16  # bytes in memory for each byte of a document, about
_ONLY = np.zeros((1, 1), np.int64)


class DocumentKey(Record):
    """A document as caches name it: the only "chunk", number 0, of a set of its own.

    >>> from tegula.kv.spec import StoreRef
    >>> document = DocumentKey(StoreRef("memory"), "a/zarr.json", "zarr3")
    >>> document.numbers_of("a/zarr.json"), document.numbers_of("a/c/0")
    ([0], None)
    """

    store: StoreRef
    path: str
    format: str

    def numbers(self, cells: Any) -> list[int]:
        """Return the number of each cell: zero."""
        return [0] * len(cells)

    def numbers_of(self, key: str) -> list[int] | None:
        """Return the numbers of what a key holds, None where it is another key."""
        return [0] if key == self.path else None


class Parsed(Record, eq=False):
    """Metadata as a pool keeps them: `nbytes` is about what they take."""

    metadata: Any
    nbytes: int


async def read_document(
    form: Any, store: StoreRef, key: str, cache: object = None, recheck_before: float = float("inf")
) -> Any:
    """Return the metadata that the document `key` of a format says, or None where there is none.

    `cache` stands for the pool that may have it (None: there is no pool), if it was current at
    `recheck_before` or later.

    Raises:
        TegulaError: the document is malformed; the error names it.
    """
    try:
        if cache is None:
            found = await Read(store, key)
            return parsed(form, store, key, found.value) if found.state == "value" else None
        name = DocumentKey(store, key, form.name)
        (held,) = await Decoded(name, _ONLY, Call(_load, form, store, key), cache, recheck_before)
    except TegulaError as error:
        raise of_reading(error, store, key) from error
    return None if held is None else held.metadata


async def _load(form: Any, store: StoreRef, key: str, cells: Any, known: Sequence[bytes] | None) -> Loaded:
    del cells  # there is one
    columns = await ReadMany(store, [key], None, known)
    (value,) = columns.values
    if value is not None and value is not UNCHANGED:
        return Loaded(
            [Parsed(parsed(form, store, key, value), WEIGHT * len(value))],  # type: ignore[arg-type]
            columns.generations,
            columns.time,
        )
    return Loaded([value], columns.generations, columns.time)


def parsed(form: Any, store: StoreRef, key: str, value: Any) -> Any:
    """Return the metadata of a stored document; an error names it.

    Raises:
        TegulaError: the document is malformed.
    """
    try:
        return form.decode_metadata(bytes(value), describe(store, key))
    except TegulaError as error:
        raise of_reading(error, store, key) from None


def of_reading(error: TegulaError, store: StoreRef, key: str) -> TegulaError:
    """Return an error of reading a value with the name of the value, unless it is said already."""
    where = describe(store, key)
    return error if where in error.message else annotated(error, f"Error reading {where}: ")
