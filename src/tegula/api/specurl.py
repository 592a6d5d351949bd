"""URL pipelines such as ``file:///tmp/a/|zarr3:`` and the JSON that they stand for.

The first component names a key-value store, the next a format (left out: found out by opening), the rest
views of it.
"""

from __future__ import annotations

from typing import Any

from tegula.api.kvspec import is_store
from tegula.binding import at, quoted
from tegula.errors import InvalidArgument
from tegula.formats.json_pointer import checked
from tegula.kv.url import SCHEMES, decoded_path, split_pipeline

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
        url = "|".join([first, *later])
    if ":" not in first:
        raise InvalidArgument(f"unsupported URL scheme: {quoted(first)}")
    (scheme, _), *rest = split_pipeline(url)
    if _ends(scheme):
        raise _misplaced(first, "as the first URL pipeline component")
    if scheme not in SCHEMES and not is_store(scheme):
        raise InvalidArgument(f"unsupported URL scheme: {quoted(scheme)}")
    found: dict[str, Any] | None = None
    for (scheme, path), component in zip(rest, later, strict=True):
        if _ends(scheme):
            if found is not None:
                raise _misplaced(component, "following a TensorStore URL pipeline component")
            found = _ended(scheme, path, component, first)
        elif scheme == "cast":
            found = {"driver": "cast", "base": found or _detected(first), "dtype": path}
        else:
            raise InvalidArgument(f"unsupported URL scheme: {quoted(scheme)}")
    return found or _detected(first)


def _ends(scheme: str) -> bool:
    return scheme in FORMATS or scheme in PATHLESS or scheme == "json"


def _ended(scheme: str, path: str, component: str, kvstore: str) -> dict[str, Any]:
    """Return the JSON form of a component that is an array on a key-value store."""
    if scheme in FORMATS and scheme not in PATHLESS:
        return {"driver": FORMATS[scheme], "kvstore": kvstore, **({"path": path} if path else {})}
    with at(f"Invalid TensorStore URL component {quoted(component)}: "):
        inner = decoded_path(path)
        if scheme != "json":
            if inner:
                raise InvalidArgument("Path not supported")
            return {"driver": FORMATS.get(scheme, scheme), "kvstore": kvstore}
        pointer = {"json_pointer": checked(inner)} if inner else {}
    return {"driver": "json", "kvstore": kvstore, **pointer}


def _detected(kvstore: str) -> dict[str, Any]:
    return {"driver": "auto", "kvstore": kvstore}


def _misplaced(component: str, where: str) -> InvalidArgument:
    return InvalidArgument(
        f"kvstore-based TensorStore URL scheme in {quoted(component)} is not valid {where}"
    )
