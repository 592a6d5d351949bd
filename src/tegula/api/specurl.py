"""URL pipelines such as ``file:///tmp/a/|zarr3:`` and the JSON that they stand for.

The first component names a key-value store, the next a format (left out: found out by opening), the rest
views of it.
"""

from __future__ import annotations

from typing import Any

from tegula.api.kvspec import is_store
from tegula.binding import at, quoted
from tegula.errors import InvalidArgument
from tegula.kv.url import SCHEMES, split_pipeline

__all__ = ["from_url"]

FORMATS = {
    "zarr2": "zarr",
    "zarr3": "zarr3",
    "n5": "n5",
    "neuroglancer-precomputed": "neuroglancer_precomputed",
    "auto": "auto",
}


def from_url(url: str) -> dict[str, Any]:
    """Return the JSON form of a URL pipeline.

    >>> from_url("memory://a/|zarr3:b|cast:int8")["base"]
    {'driver': 'zarr3', 'kvstore': 'memory://a/', 'path': 'b'}

    Raises:
        InvalidArgument: a component is unknown or in the wrong place.
    """
    if not url:
        raise InvalidArgument("URL must be non-empty")
    with at(f"Parsing spec from url: {quoted(url)}: "):
        return _parsed(url)


def _parsed(url: str) -> dict[str, Any]:
    first, *later = url.split("|")
    if ":" not in first:
        raise InvalidArgument(f"unsupported URL scheme: {quoted(first)}")
    (scheme, _), *rest = split_pipeline(url)
    if scheme in FORMATS:
        raise _misplaced(first, "as the first URL pipeline component")
    if scheme not in SCHEMES and not is_store(scheme):
        raise InvalidArgument(f"unsupported URL scheme: {quoted(scheme)}")
    found: dict[str, Any] | None = None
    for (scheme, path), component in zip(rest, later, strict=True):
        if scheme in FORMATS:
            if found is not None:
                raise _misplaced(component, "following a TensorStore URL pipeline component")
            if path and scheme == "neuroglancer-precomputed":
                raise InvalidArgument(
                    f"Invalid TensorStore URL component {quoted(component)}: Path not supported"
                )
            found = {"driver": FORMATS[scheme], "kvstore": first, **({"path": path} if path else {})}
        elif scheme == "cast":
            found = {"driver": "cast", "base": found or _detected(first), "dtype": path}
        else:
            raise InvalidArgument(f"unsupported URL scheme: {quoted(scheme)}")
    return found or _detected(first)


def _detected(kvstore: str) -> dict[str, Any]:
    return {"driver": "auto", "kvstore": kvstore}


def _misplaced(component: str, where: str) -> InvalidArgument:
    return InvalidArgument(
        f"kvstore-based TensorStore URL scheme in {quoted(component)} is not valid {where}"
    )
