"""Codecs of users: giving one a name.

Knows: the registry, and which names are taken.  Must not know: any codec.
"""

from __future__ import annotations

from tegula.codecs.plugin import forget
from tegula.errors import InvalidArgument
from tegula.registry import kind_of, register

__all__ = ["register_codec"]


def register_codec(name: str, codec: type[object]) -> None:
    """Give a codec the name by which documents of zarr v2, zarr v3 and N5 call it, for this process.

    Args:
        name: the ``name`` of zarr v3, the ``id`` of zarr v2, the ``type`` of N5.
        codec: a class.  Its keywords are the members of the configuration; it has ``encode(data)`` and
            ``decode(data, size)``, from bytes to bytes, where `size` is how many are of use.  One of
            numcodecs, with a ``codec_id``, is such a class, too.

    A package registers a class for everybody by an entry point in the group ``tegula.codecs``.

    Raises:
        InvalidArgument: the name is empty, or that of a codec of tegula itself.
        TypeError: `codec` is no class with both methods.

    >>> class Reversed:
    ...     def encode(self, data):
    ...         return data[::-1]
    ...     def decode(self, data, size):
    ...         return data[::-1]
    >>> register_codec("reversed", Reversed)
    >>> import tegula
    >>> spec = {"driver": "zarr3", "kvstore": "memory://reversed/", "metadata": {"codecs": ["reversed"]}}
    >>> store = tegula.open(spec, create=True, dtype="uint8", shape=[3]).result()
    >>> store[...] = [1, 2, 3]
    >>> store.kvstore["c/0"]
    b'\\x03\\x02\\x01'
    """
    if not isinstance(name, str) or not name:
        raise InvalidArgument(f"a codec is named by a text, not by {name!r}")
    if kind_of(name, "codecs.zarr2", "codecs.zarr3", "codecs.n5") is not None:
        raise InvalidArgument(f"the name {name!r} is taken")
    methods = [callable(getattr(codec, each, None)) for each in ("encode", "decode")]
    if not isinstance(codec, type) or not all(methods):
        raise TypeError(f"a codec is a class with the methods `encode` and `decode`, and {codec!r} is not")
    register("codecs", name, codec)
    forget()
