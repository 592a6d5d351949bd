"""A JSON document as an array without dimensions: read whole, changed by conditional read-modify-write.

Knows the store, the key and the pointer.  Two writers of different pointers never lose each other's
values; of writers of one pointer the last one wins.  Nothing is kept: every read asks the store.
"""

from __future__ import annotations

from typing import Any

from tegula.binding import as_json, compact
from tegula.effects.effect import Call
from tegula.effects.storage import UNCHANGED, Buffer, Read, Unchanged
from tegula.errors import DataLoss, FailedPrecondition, NotFound, TegulaError, annotated
from tegula.formats.document import parse_json
from tegula.formats.json_pointer import MISSING, found, replaced
from tegula.kv.spec import describe
from tegula.programs.documents import of_reading
from tegula.programs.update import same, unknowable, update
from tegula.source import Whole

__all__ = ["read_value", "read_whole", "write_whole"]


async def read_value(store: Any, key: str) -> Buffer:
    """Return the value of a key.

    Raises:
        NotFound: there is none.
    """
    try:
        seen = await Read(store, key)
    except TegulaError as error:
        raise of_reading(error, store, key) from error
    if seen.state != "value":
        raise NotFound(f"Error reading {describe(store, key)}")
    return seen.value


async def read_whole(source: Whole) -> Any:
    """Return the JSON value that the pointer names.

    Raises:
        NotFound: there is no such document, or nothing of that name in it.
        FailedPrecondition: the document is no JSON, or there is no such way through it.
    """
    value = await read_value(source.store, source.key)
    where = describe(source.store, source.key)
    document = _parsed(value, where)
    try:
        return _ordered(found(document, source.pointer))
    except TegulaError as error:
        raise annotated(error, f"Error reading {where}: ") from None


async def write_whole(source: Whole, value: Any) -> None:
    """Replace the JSON value that the pointer names; a missing document and missing objects are made.

    Raises:
        FailedPrecondition: the pointer does not fit the document, or that is no JSON.
        TypeError, OverflowError: `value` has no JSON form.
    """
    edit: Call[Any] = Call(_edited, source.pointer, as_json(value), describe(source.store, source.key))
    # what is done twice does no harm, unless it appends
    landed = unknowable if "-" in source.pointer.split("/") else same
    await update(source.store, source.key, edit, landed=landed)


def _ordered(value: Any) -> Any:
    """Return a JSON value with the members of its objects by name, as the drop-in has them."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


def _edited(value: Buffer | None, pointer: str, new: Any, where: str) -> bytes | Unchanged:
    """Return the document with the value in it; all of it is replaced unread by an empty pointer.

    `UNCHANGED` where the value is in it already: who else laid the document out keeps the layout.
    """
    document = MISSING if value is None or not pointer else _parsed(value, where)
    before = None if document is MISSING else compact(document)
    try:
        after = compact(replaced(document, pointer, new))
        return UNCHANGED if after == before else after
    except TegulaError as error:
        raise annotated(error, f"Error writing {where}: ") from None


def _parsed(value: Buffer, where: str) -> Any:
    try:
        return parse_json(bytes(value))
    except DataLoss as error:
        raise FailedPrecondition(f"Error reading {where}: {error.message}") from None
