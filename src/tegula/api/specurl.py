"""URL pipelines such as ``file:///tmp/a/|zarr3:`` and the JSON that they stand for.

The first component names a key-value store, the next a format (left out: found out by opening), the rest
views of it.
"""

from __future__ import annotations

from typing import Any

from tegula.api.kvspec import KvStoreSpec, is_store
from tegula.binding import at
from tegula.errors import InvalidArgument
from tegula.formats.json_pointer import checked
from tegula.kv.paths import quoted
from tegula.kv.url import ROOT, SCHEMES, decoded_path, plain
from tegula.schema.dtypes import NAMES

__all__ = ["from_url"]

FORMATS = {
    "zarr2": "zarr",
    "zarr3": "zarr3",
    "n5": "n5",
    "neuroglancer-precomputed": "neuroglancer_precomputed",
}
VIEWER = "precomputed://"
"""What Neuroglancer and its users write before the URL of a volume, in place of a component behind it."""
PATHLESS = ("auto", "avif", "bmp", "jpeg", "neuroglancer-precomputed", "png", "tiff", "webp")


def from_url(url: str) -> dict[str, Any]:
    """Return the JSON form of a URL pipeline.

    >>> from_url("memory://a/|zarr3:b|cast:int8")["base"]
    {'driver': 'zarr3', 'kvstore': 'memory://a/', 'path': 'b'}
    >>> from_url("precomputed://memory://a/")
    {'driver': 'neuroglancer_precomputed', 'kvstore': 'memory://a/'}

    Raises:
        InvalidArgument: a component is unknown or in the wrong place.
    """
    if not url:
        raise InvalidArgument("URL must be non-empty")
    with at(f"Parsing spec from url: {quoted(url)}: "):
        return _parsed(url)


def _parsed(url: str) -> dict[str, Any]:
    first, *later = url.split("|")
    if first.startswith(VIEWER):
        first, later = first.removeprefix(VIEWER), ["neuroglancer-precomputed:", *later]
    scheme, _, _ = first.partition(":")
    if SCHEMES.get(scheme, ROOT) != ROOT:
        raise _misplaced(scheme, first, "as the first URL pipeline component")
    if scheme not in SCHEMES and not is_store(scheme):
        raise InvalidArgument(f"unsupported URL scheme: {quoted(scheme)}")
    _check_store(first)
    found: dict[str, Any] | None = None
    for component in later:
        scheme, _, path = component.partition(":")
        if _ends(scheme) or (scheme in SCHEMES and SCHEMES[scheme] == ROOT):
            if found is not None or not _ends(scheme):
                kind = "KvStore" if found is None else "TensorStore"
                raise _misplaced(scheme, component, f"following a {kind} URL pipeline component")
            found = _ended(scheme, path, component, first)
        elif scheme == "cast":
            with at(f"Invalid TensorStore URL component {quoted(f'{scheme}:{path}')}: "):
                dtype = plain(path.removeprefix("//"))
                if dtype not in NAMES:
                    # the wheel's own spelling
                    raise InvalidArgument(f"Unsuppported data type: {quoted(dtype)}")
            found = {"driver": "cast", "base": found or _detected(first), "dtype": dtype}
        else:
            raise InvalidArgument(f"unsupported URL scheme: {quoted(scheme)}")
    return found or _detected(first)


def _check_store(first: str) -> None:
    """Raise, in the words of the whole URL, where the first component is no store's."""
    try:
        KvStoreSpec(first)
    except InvalidArgument as error:
        said = error.message.removeprefix(f"Parsing spec from url: {quoted(first)}: ")
        raise InvalidArgument(said) from None


def _ends(scheme: str) -> bool:
    return scheme in FORMATS or scheme in PATHLESS or scheme == "json"


def _ended(scheme: str, path: str, component: str, kvstore: str) -> dict[str, Any]:
    """Return the JSON form of a component that is an array on a key-value store."""
    with at(f"Invalid TensorStore URL component {quoted(component)}: "):
        inner = decoded_path(path.removeprefix("//"))
        if scheme in FORMATS and scheme not in PATHLESS:
            if inner.startswith("/") and not kvstore.endswith("/"):
                kvstore += "/"
            return {"driver": FORMATS[scheme], "kvstore": kvstore, **({"path": inner} if inner else {})}
        if scheme != "json":
            if inner:
                raise InvalidArgument("Path not supported")
            return {"driver": FORMATS.get(scheme, scheme), "kvstore": kvstore}
        pointer = {"json_pointer": checked(inner)} if inner else {}
    return {"driver": "json", "kvstore": kvstore, **pointer}


def _detected(kvstore: str) -> dict[str, Any]:
    return {"driver": "auto", "kvstore": kvstore}


def _misplaced(scheme: str, component: str, where: str) -> InvalidArgument:
    return InvalidArgument(f"{SCHEMES[scheme]} in {quoted(component)} is not valid {where}")
