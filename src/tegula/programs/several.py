"""Open or create one array of a document that describes several: the scales of a volume.

Creating adds to the document on the condition that it is still what was read, and starts again where it is
not: of several creators none loses another's array.  Deleting removes what belongs to the one array that is
addressed, and puts the new one into its place in the document; the others are never touched.

A write in doubt is settled as in `update.py`: sent again while the document is what it was; else, where
opening was allowed, opened if it is there; else `Indeterminate`, for another may have made the same.

Law: however many create at once, the document holds every array whose creation has succeeded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tegula.effects.storage import List, Read, Write, WriteMany
from tegula.errors import Aborted, Indeterminate, NotFound, TegulaError, annotated
from tegula.kv.spec import KeyRange, StoreRef, describe
from tegula.programs.documents import of_reading
from tegula.programs.retry import pause
from tegula.programs.update import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE

__all__ = ["delete_parts", "open_one"]

DELETED = 1024  # keys that are deleted at once


async def open_one(form: Any, store: StoreRef, path: str, members: Any, schema: Any, flags: Any) -> Any:
    """Return the metadata of the array that members and schema name, as the flags (`OpenFlags`) allow.

    Raises:
        NotFound: there is none, and `create` was not asked for.
        AlreadyExists: there is one, and `open` was not allowed.
        FailedPrecondition: what is stored does not fit.
        InvalidArgument: what is asked for cannot be created.
        Indeterminate: whether it was created can not be told.
    """
    key = path + form.metadata_key(members)
    where = describe(store, key)
    several = form.several
    doubt: Write | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            await pause(attempt, FIRST_PAUSE, LONGEST_PAUSE)
        try:
            found = await Read(store, key)
        except TegulaError as error:
            if doubt is None:
                raise of_reading(error, store, key) from error
            raise _in_doubt(where) from error
        held = form.decode_metadata(bytes(found.value), where) if found.state == "value" else None
        if doubt is not None and found.generation != doubt.if_equal:
            if not flags.open:
                raise _in_doubt(where)
            doubt = None
        if flags.open and doubt is None:
            if held is None and not flags.create:
                raise NotFound(f"Metadata at {where} does not exist")
            if held is not None:
                try:
                    return several.found(held, members, schema)
                except NotFound:
                    if not flags.create:
                        raise
        if doubt is None:
            # before anything is deleted: what cannot be made destroys nothing
            made = _described(form, where, held, members, schema)
            if flags.delete_existing and not attempt:
                for prefix in several.owned(held, made, members, path):
                    await delete_parts(store, prefix, several.part)
            try:
                new = (several.put if flags.delete_existing else several.added)(held, made, members)
            except TegulaError as error:
                raise annotated(error, f"Error writing {where}: ") from None
        write = doubt or Write(store, key, form.encode_metadata(new), found.generation)
        try:
            outcome = await write
        except Indeterminate:
            doubt = write
            continue
        except TegulaError as error:
            if doubt is None:
                raise annotated(error, f"Error writing {where}: ") from error
            raise _in_doubt(where) from error
        if outcome.applied:
            return new
    if doubt is not None:
        raise _in_doubt(where)
    raise Aborted(f"Error writing {where}: lost the race against others {ATTEMPTS} times")


def _described(form: Any, where: str, held: Any, members: Any, schema: Any) -> Any:
    try:
        return form.create(form.several.beside(held, members, schema.dtype), schema)
    except TegulaError as error:
        raise annotated(error, f"Error writing {where}: ") from None


def _in_doubt(where: str) -> Indeterminate:
    return Indeterminate(f"Error writing {where}: whether it took place can not be told")


async def delete_parts(store: StoreRef, prefix: str, part: Callable[[str], bool]) -> None:
    """Delete the chunks of one array (`part` of the rest of a key), nothing beside or below them."""
    listing = await List(store, KeyRange.prefix(prefix))
    keys = [key for key in listing.keys if part(key[len(prefix) :])]
    for at in range(0, len(keys), DELETED):
        some = keys[at : at + DELETED]
        await WriteMany(store, some, [None] * len(some))
