"""Codecs that users write: what one has to offer, and how a document names one.

What this file knows: the protocol, and that the members of a document's configuration are the keywords of the
class.  What it must not know: any codec, any format.

A codec is a class that is registered by a name (an entry point in the group ``tegula.codecs``, or
`tegula.register_codec`).  A document names it, ``{"id": name, ...}`` in zarr v2, ``{"type": name, ...}`` in
N5, ``{"name": name, "configuration": {...}}`` in zarr v3; what is not registered is refused, never
imported.  The codecs of tegula itself come first.  A class of numcodecs (or like one: it has a
``codec_id``) is a codec, too.

Law: as of `codec.py` but for memory, which is the class's own affair: what it returns is checked, what it
takes meanwhile is not.
"""

from __future__ import annotations

import json
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from tegula.codecs.codec import Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, Member
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError
from tegula.record import Record
from tegula.registry import lookup
from tegula.row import NamedTuple

__all__ = ["Codec", "Foreign", "declaration"]


class Codec(Protocol):
    """What a codec of a user has to offer; both methods are called from several threads at once.

    The keywords of the class are what a document may say; values of JSON.  ``encoded_size(size)`` may be
    there, too, for codecs that make the same number of bytes of the same number of bytes, whatever they
    are: only such a codec may store the index of a shard.
    """

    def encode(self, data: bytes) -> bytes:
        """Return the encoded form of a chunk."""
        ...

    def decode(self, data: bytes, size: int) -> bytes:
        """Return what was encoded: not more than `size` bytes are of use, and none need be made."""
        ...


class Options(NamedTuple):
    """A JSON value that is a list or an object, as text."""

    text: str

    def to_json(self, brief: bool = False) -> Any:
        """Return the JSON form."""
        del brief
        return json.loads(self.text)


class Foreign(Record):
    """The codec registered as `name`, made with `options`."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def foreign(self) -> bool:
        """Tell that a user has written what this calls."""
        return True

    def encoded_size(self, size: int) -> int | None:
        """Return what the codec says, None where it says nothing."""
        found = getattr(_made(self), "encoded_size", None)
        return None if found is None else int(found(size))

    def encode(self, data: Buffer) -> bytes:
        """Return the encoded form of `data`.

        Raises:
            InvalidArgument: the codec does not take it.
        """
        codec = _made(self)
        plain: Any = bytes(data)
        if hasattr(codec, "codec_id"):
            plain = np.frombuffer(data, np.uint8)
        try:
            return _bytes(codec.encode(plain))
        except TegulaError:
            raise
        except Exception as error:
            raise InvalidArgument(f'Codec "{self.name}" did not encode: {error!r}') from error

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> bytes:  # noqa: ARG002
        """Return the decoded bytes; see `ByteCodec.decode`."""
        codec = _made(self)
        try:
            found = _bytes(
                codec.decode(bytes(data)) if hasattr(codec, "codec_id") else codec.decode(bytes(data), size)
            )
        except TegulaError:
            raise
        except Exception as error:
            raise FailedPrecondition(f'Codec "{self.name}" did not decode: {error!r}') from error
        if exact and len(found) < size:
            raise not_enough(size, len(found))
        if len(found) > size:
            raise too_much(len(found) - size)
        return found


def _bytes(found: Any) -> bytes:
    return found.tobytes() if isinstance(found, np.ndarray) else bytes(found)


@lru_cache(maxsize=64)
def _made(one: Foreign) -> Any:
    options = {name: _plain(value) for name, value in one.options}
    return lookup("codecs", one.name)(**options)


def _plain(value: Any) -> Any:
    return value.to_json() if isinstance(value, Options) else value


def declaration(family: str, name: str) -> Declaration:
    """Return what may be said of the codec called `name` in documents of a family ("codecs.zarr3", ...).

    Raises:
        KeyError: there is none.
    """
    try:
        found: Declaration = lookup(family, name)
    except KeyError:
        return _declared(name, lookup("codecs", name))
    return found


@lru_cache(maxsize=64)
def _declared(name: str, kind: Any) -> Declaration:
    from inspect import Parameter, signature

    members = []
    for each in signature(kind).parameters.values():
        if each.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL):
            continue
        if each.default is Parameter.empty:
            members.append(
                Member(each.name, _hashable, None, "Expected a value, but member is missing", True)
            )
        else:
            members.append(Member(each.name, _hashable, _hashable(each.default)))
    return Declaration(name, BYTES, tuple(members), partial(_settle, name))


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return Options(json.dumps(value, sort_keys=True))
    return value


def _settle(name: str, members: dict[str, Any], given: object) -> tuple[dict[str, Any], Foreign]:  # noqa: ARG001
    made = Foreign(name, tuple(sorted(members.items())))
    try:
        _made(made)
    except TegulaError:
        raise
    except Exception as error:
        raise InvalidArgument(f'Codec "{name}" does not take what is said of it: {error}') from error
    return members, made


def forget() -> None:
    """Forget what was made of registered classes: one of them is another now."""
    _made.cache_clear()
    _declared.cache_clear()
