"""Key-value store URLs: ``root|adapter:path|driver:path``.

Knows: how a URL is cut into components, percent encoding, and the two local root schemes.  Must not
know: any live store, and what the later components mean.

Law: for every path that has a URL, parsing the URL gives the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tegula.errors import InvalidArgument
from tegula.kv.paths import quoted as shown
from tegula.kv.spec import from_key

__all__ = [
    "DRIVERS",
    "ROOT",
    "SCHEMES",
    "after_slashes",
    "decoded_path",
    "file_path",
    "file_url",
    "memory_path",
    "memory_url",
    "plain",
    "quoted_path",
    "split_pipeline",
]

ROOT = "root kvstore URL scheme"
_ADAPTER = "kvstore adapter URL scheme"
_FORMAT = "kvstore-based TensorStore URL scheme"

_KINDS = {
    ROOT: "file memory gs gcs_grpc s3 http https",
    _ADAPTER: "zip ocdbt",
    _FORMAT: "zarr2 zarr3 n5 neuroglancer-precomputed json auto avif bmp jpeg png tiff webp",
    "TensorStore adapter URL scheme": "cast",
}
SCHEMES: dict[str, str] = {scheme: kind for kind, schemes in _KINDS.items() for scheme in schemes.split()}
"""What each known scheme is, as errors say it."""

DRIVERS: dict[str, str] = {"gs": "gcs"}
"""The driver of a root scheme that has another name."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
_TO_ESCAPE = re.compile(rb"[^A-Za-z0-9~!$&'()*+,;=:/\-._]")


def split_pipeline(url: str) -> Iterator[tuple[str, str]]:
    """Give the scheme and the rest of each component, one after the other; the rest is still percent-encoded.

    >>> list(split_pipeline("file:///tmp/x.zip|zip:a/b|zarr3"))
    [('file', '///tmp/x.zip'), ('zip', 'a/b'), ('zarr3', '')]

    Raises:
        InvalidArgument: the component that is next is empty, or is the first and has no scheme.
    """
    for number, component in enumerate(url.split("|")):
        if not component:
            raise InvalidArgument("URL must be non-empty")
        scheme, colon, rest = component.partition(":")
        if not colon and not number:
            raise InvalidArgument(f"URL scheme must be specified in {shown(component)}")
        yield scheme, rest


def quoted_path(path: str) -> str:
    """Return a path with everything percent-encoded that a URL path may not hold.

    >>> quoted_path("a b/?|é")
    'a%20b/%3F%7C%C3%A9'
    """
    return _TO_ESCAPE.sub(lambda found: b"%%%02X" % ord(found[0]), from_key(path)).decode("ascii")


def plain(text: str) -> str:
    """Return the rest of a component, which must have neither query nor fragment but empty ones.

    Raises:
        InvalidArgument: it has.
    """
    text, _, fragment = text.partition("#")
    text, _, query = text.partition("?")
    if query:
        raise InvalidArgument("Query string not supported")
    if fragment:
        raise InvalidArgument("Fragment identifier not supported")
    return text


def decoded_path(text: str) -> str:
    """Return the path that the rest of a component encodes.

    Raises:
        InvalidArgument: it has a query or fragment, or is badly encoded.
    """
    text = plain(text)
    if "%" not in text:
        return text
    bad = _BAD_ESCAPE.search(text)
    if bad is not None:
        raise InvalidArgument(f"Invalid percent-encoding at position {bad.start()}: {shown(text)}")
    try:
        return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), from_key(text)).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidArgument(f"Invalid UTF-8 percent-encoding sequence: {shown(text)}") from None


def memory_path(rest: str) -> str:
    """Return the path of ``memory:`` + `rest`.

    >>> memory_path("//a%20b")
    'a b'
    """
    return decoded_path(after_slashes("memory", rest))


def memory_url(path: str) -> str:
    """Return the URL of a path in memory.

    >>> memory_url("a b")
    'memory://a%20b'
    """
    return "memory://" + quoted_path(path)


def file_path(rest: str) -> str:
    """Return the path of ``file:`` + `rest`, without ``.``, ``..`` and empty components.

    >>> file_path("///a/./b/../c//d/")
    '/a/c/d/'
    """
    authority, slash, path = after_slashes("file", rest).partition("/")
    if authority not in ("", "localhost"):
        raise InvalidArgument(f"file: URIs do not support authority: {shown(authority)}")
    if not slash:
        raise InvalidArgument('file: URIs do not support relative paths: ""')
    kept: list[str] = []
    components = decoded_path(path).split("/")
    for component in components:
        if component == "..":
            del kept[-1:]
        elif component not in ("", "."):
            kept.append(component)
    if kept and components[-1] in ("", ".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def file_url(path: str) -> str:
    """Return the URL of an absolute path, also of one that no key can follow: using it is refused.

    >>> file_url("/a b/")
    'file:///a%20b/'

    Raises:
        InvalidArgument: the path is relative.
    """
    if not path.startswith("/"):
        raise InvalidArgument(f"file: URIs do not support relative paths: {shown(path)}")
    return "file://" + quoted_path(path)


def after_slashes(scheme: str, rest: str) -> str:
    """Return the rest of a component behind ``//``, which the scheme needs."""
    if not rest.startswith("//"):
        raise InvalidArgument(f'Scheme "{scheme}://" not present in url')
    return rest[2:]
