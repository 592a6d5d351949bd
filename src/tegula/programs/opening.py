"""Open or create an array: the protocol on its metadata document.

Open reads the document and checks it against what was asked for.  Create derives a document and
writes it on the condition that there is none; a lost race is an open after all where opening was
allowed, and an error where it was not; so is one in doubt (`Indeterminate`).  Nothing else
is written before it, so a failed creation leaves nothing; names of dimensions, where a format keeps them in a
second document (`Beside`), are written after it.

Law: of any number of concurrent creators exactly one writes the document, and all of them end with
that document or with `AlreadyExists`.
"""

from __future__ import annotations

from typing import Any

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.effects.storage import DeleteRange, Read, Write
from tegula.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    Indeterminate,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    TegulaError,
    annotated,
)
from tegula.kv.generation import NO_VALUE
from tegula.kv.spec import KeyRange, StoreRef, describe, is_far
from tegula.programs.documents import read_document
from tegula.record import Record
from tegula.source import ALWAYS

__all__ = ["OpenFlags", "open_metadata"]

RACES = 16  # creators that lose a race against a deleter this often give up


class OpenFlags(Record):
    """What opening may do: open what exists, create what does not, delete first, or trust the caller."""

    open: bool = True
    create: bool = False
    delete_existing: bool = False
    assume_metadata: bool = False
    assume_cached_metadata: bool = False

    def validate(self) -> None:
        """Raise InvalidArgument for combinations that contradict themselves."""
        if self.delete_existing:
            if not self.create:
                raise InvalidArgument("Cannot specify an open mode of `delete_existing` without `create`")
            for name in ("open", "assume_metadata", "assume_cached_metadata"):
                if getattr(self, name):
                    raise InvalidArgument(f"Cannot specify an open mode of `delete_existing` with `{name}`")
        for name in ("assume_metadata", "assume_cached_metadata"):
            if getattr(self, name) and not self.open:
                raise InvalidArgument(f"Cannot specify an open mode of `{name}` without `open`")
        if not (self.open or self.create):
            raise InvalidArgument("Cannot specify an open mode of neither `open` nor `create`")


async def _described(
    form: Any, store: StoreRef, path: str, key: str, cache: object, recheck_before: float
) -> Any:
    """Return the metadata of an array with all that its documents say, None where there is none."""
    own = Call(read_document, form, store, key, cache, recheck_before)
    if form.beside is None:
        return await own()
    names = Call(_named, form.beside, store, path, cache, recheck_before)
    if is_far(store):  # asked for at once
        found, named = await All([own, names])
    else:
        found = await own()
        named = None if found is None else await names()
    return None if found is None else form.beside.named(found, named)


async def _named(beside: Any, store: StoreRef, path: str, cache: object, recheck_before: float) -> Any:
    """Return what the document of names says, None where it is not there or may not be read."""
    try:
        return await read_document(beside, store, path + beside.key, cache, recheck_before)
    except (FailedPrecondition, PermissionDenied):
        return None


async def open_metadata(
    form: Any,
    store: StoreRef,
    path: str,
    members: Any,
    schema: Any,
    flags: OpenFlags,
    cache: object = None,
    recheck_before: float = ALWAYS,
    begun: float = ALWAYS,
) -> Any:
    """Return the metadata of the array of format `form` under the prefix `path`, as `flags` allow.

    What is stored may be answered by the pool that `cache` stands for, if it was current at
    `recheck_before` or later; that there is nothing must have been seen since `begun`, when opening began.

    Raises:
        NotFound: there is none, and `create` was not asked for.
        AlreadyExists: there is one, and `open` was not allowed.
        FailedPrecondition: what is stored does not fit `members` or `schema`.
        InvalidArgument: what is asked for cannot be created.
    """
    key = path + form.metadata_key(members)
    if form.several is not None and not (flags.assume_metadata or flags.assume_cached_metadata):
        from tegula.programs.several import open_one

        return await open_one(form, store, path, members, schema, flags)
    if flags.assume_metadata or flags.assume_cached_metadata:
        return form.create(members, schema)
    made, encoded = None, b""
    if flags.create:
        # described before anything is deleted, so that a request that cannot be met destroys nothing
        try:
            made = form.create(members, schema)
            encoded = form.encode_metadata(made)
        except TegulaError as error:
            if flags.delete_existing:
                raise annotated(error, f"Error writing {describe(store, key)}: ") from None
            made = error
    if flags.delete_existing:
        await DeleteRange(store, KeyRange.prefix(path))
    for _ in range(RACES):
        if flags.open:
            found = await _described(form, store, path, key, cache, recheck_before)
            if found is None and cache is not None and recheck_before < begun:
                found = await _described(form, store, path, key, cache, ALWAYS)
            if found is not None:
                form.check(found, members, schema)
                return found
            if not flags.create:
                raise NotFound(f"Metadata at {describe(store, key)} does not exist")
            recheck_before = ALWAYS  # after a lost race what was seen is too old
        if isinstance(made, TegulaError):
            if not flags.open and (await Read(store, key)).state != "missing":
                raise AlreadyExists(f"Error writing {describe(store, key)}")
            raise annotated(made, f"Error writing {describe(store, key)}: ")
        try:
            outcome = await Write(store, key, encoded, if_equal=NO_VALUE)
        except Indeterminate:
            if not flags.open:
                raise  # whether the document is ours can not be told: another may have written the same
            continue  # whoever wrote it: if it is there it is opened
        except TegulaError as error:
            raise annotated(error, f"Error writing {describe(store, key)}: ") from error
        if outcome.applied:
            data = None if form.beside is None else form.beside.made(made, schema)
            if data is not None:  # attributes that are there already stay
                await Write(store, path + form.beside.key, data, if_equal=NO_VALUE)
            return made
        if not flags.open:
            raise AlreadyExists(f"Error writing {describe(store, key)}")
    raise Aborted(f"Error writing {describe(store, key)}: created and deleted too often by others")
