"""Find out the format of what is stored under a path: one batch of reads, then a decision.

Knows which document shows which format, and what goes before what.  Must not know how a format is read.
A path that is empty or ends in a slash is a directory; any other may be a file, told by its first bytes,
or a directory.
"""

from __future__ import annotations

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.effects.storage import Read
from tegula.errors import FailedPrecondition, OutOfRange, TegulaError, Unimplemented, annotated
from tegula.formats.whole import SIGNED_BYTES, signed
from tegula.kv.spec import ByteRange, StoreRef, describe
from tegula.programs.documents import of_reading
from tegula.registry import kind_of

__all__ = ["chosen", "detect"]

DOCUMENTS = {
    "zarr.json": ("zarr3", "zarr3"),
    ".zarray": ("zarr2", "zarr"),
    "attributes.json": ("n5", "n5"),
    "info": ("neuroglancer-precomputed", "neuroglancer_precomputed"),
    "manifest.ocdbt": ("ocdbt", "ocdbt"),
}
"""The document that shows a format, how a URL calls the format, and the driver."""


async def detect(store: StoreRef, path: str) -> str:
    """Return the driver of the array under `path`.

    Raises:
        FailedPrecondition: no format is there, or several of which none goes before the others.
        Unimplemented: the format that is there cannot be read yet.
    """
    is_file = bool(path) and not path.endswith("/")
    folder = path + "/" if is_file else path
    calls = [Call(_there, store, folder + name) for name in DOCUMENTS]
    heads = [Call(_head, store, path)] if is_file else []
    try:
        head, *there = await All([*(heads or [Call(_nothing)]), *calls])
    except TegulaError as error:
        raise annotated(of_reading(error, store, path), "Format auto-detection failed: ") from error
    image = signed(head)
    if image is not None:
        return image
    names = [name for name, found in zip(DOCUMENTS, there, strict=True) if found]
    driver = chosen(names, describe(store, path))
    if kind_of(driver, "formats") is None:
        raise Unimplemented(f'"{driver}" is not a registered TensorStore driver')
    return driver


def chosen(names: list[str], where: str) -> str:
    """Return the driver of a directory with these documents; a zarr document goes before all others.

    >>> chosen([".zarray", "info"], "it"), chosen([".zarray", "zarr.json"], "it")
    ('zarr', 'zarr3')

    Raises:
        FailedPrecondition: there is none, or several.
    """
    for name in ("zarr.json", ".zarray"):
        if name in names:
            return DOCUMENTS[name][1]
    if not names:
        raise FailedPrecondition(f"Failed to detect format for {where}")
    if len(names) > 1:
        formats = ", ".join(sorted(DOCUMENTS[name][0] for name in names))
        raise FailedPrecondition(f"Multiple possible formats detected for {where}: {{{formats}}}")
    return DOCUMENTS[names[0]][1]


async def _there(store: StoreRef, key: str) -> bool:
    found = await Read(store, key, ByteRange(0, 0))
    return found.state == "value"


async def _head(store: StoreRef, key: str) -> bytes:
    """Return the first bytes of a value; empty where there is none."""
    try:
        found = await Read(store, key, ByteRange(0, SIGNED_BYTES))
    except OutOfRange:  # it is shorter than that
        found = await Read(store, key)
    return bytes(found.value)[:SIGNED_BYTES] if found.state == "value" else b""


async def _nothing() -> bytes:
    return b""
