"""The one registry: (kind, name) to the import string of a record.

Nothing is imported until it is named; a plug-in adds a name through an entry point in the group
``tegula.<kind>`` (``tegula.codecs`` for classes of `codecs/plugin.py`, ``tegula.formats``,
``tegula.stores``, and for those who write a leaf ``tegula.kvstores`` with ``tegula.leaves``), or for this
process by `register`.  Names come from specs and metadata, import strings never do: an unknown name is an
error, not an import.
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["kind_of", "lookup", "names", "register"]

_BUILT_IN: dict[str, dict[str, str]] = {
    "formats": {
        "n5": "tegula.formats.n5:N5",
        "zarr": "tegula.formats.zarr2:ZARR2",
        "zarr2": "tegula.formats.zarr2:ZARR2",
        "zarr3": "tegula.formats.zarr3:ZARR3",
        "neuroglancer_precomputed": "tegula.formats.precomputed:PRECOMPUTED",
        "neuroglancer-precomputed": "tegula.formats.precomputed:PRECOMPUTED",
    },
    "codecs.n5": {
        "blosc": "tegula.codecs.blosc:N5",
        "bzip2": "tegula.codecs.bz2:N5",
        "gzip": "tegula.codecs.gzip:N5",
        "lz4": "tegula.codecs.lz4_stream:N5",
        "raw": "tegula.codecs.n5_block:RAW",
        "xz": "tegula.codecs.xz:N5",
        "zstd": "tegula.codecs.zstd:N5",
    },
    "codecs.zarr2": {
        "adler32": "tegula.codecs.checksums:ZARR2:adler32",
        "astype": "tegula.codecs.filters:ZARR2:astype",
        "base64": "tegula.codecs.base64:ZARR2",
        "bitround": "tegula.codecs.filters:ZARR2:bitround",
        "blosc": "tegula.codecs.blosc:ZARR2",
        "bz2": "tegula.codecs.bz2:ZARR2",
        "crc32": "tegula.codecs.checksums:ZARR2:crc32",
        "crc32c": "tegula.codecs.checksums:ZARR2:crc32c",
        "delta": "tegula.codecs.filters:ZARR2:delta",
        "fixedscaleoffset": "tegula.codecs.filters:ZARR2:fixedscaleoffset",
        "fletcher32": "tegula.codecs.checksums:ZARR2:fletcher32",
        "gzip": "tegula.codecs.gzip:ZARR2",
        "jenkins_lookup3": "tegula.codecs.checksums:ZARR2:jenkins_lookup3",
        "lz4": "tegula.codecs.lz4:ZARR2",
        "lzma": "tegula.codecs.lzma:ZARR2",
        "packbits": "tegula.codecs.filters:ZARR2:packbits",
        "pcodec": "tegula.codecs.pcodec:ZARR2",
        "quantize": "tegula.codecs.filters:ZARR2:quantize",
        "shuffle": "tegula.codecs.shuffle:ZARR2",
        "zfpy": "tegula.codecs.zfp:ZARR2",
        "zlib": "tegula.codecs.zlib:ZARR2",
        "zstd": "tegula.codecs.zstd:ZARR2",
    },
    "codecs.zarr3": {
        "blosc": "tegula.codecs.blosc:ZARR3",
        "bytes": "tegula.codecs.bytes:ZARR3",
        "crc32c": "tegula.codecs.crc32c:ZARR3",
        "gzip": "tegula.codecs.gzip:ZARR3",
        "numcodecs.adler32": "tegula.codecs.checksums:ZARR3:adler32",
        "numcodecs.astype": "tegula.codecs.filters:ZARR3:astype",
        "numcodecs.base64": "tegula.codecs.base64:ZARR3",
        "numcodecs.bitround": "tegula.codecs.filters:ZARR3:bitround",
        "numcodecs.blosc": "tegula.codecs.blosc:NUMCODECS",
        "numcodecs.bz2": "tegula.codecs.bz2:NUMCODECS",
        "numcodecs.crc32": "tegula.codecs.checksums:ZARR3:crc32",
        "numcodecs.crc32c": "tegula.codecs.checksums:ZARR3:crc32c",
        "numcodecs.delta": "tegula.codecs.filters:ZARR3:delta",
        "numcodecs.fixedscaleoffset": "tegula.codecs.filters:ZARR3:fixedscaleoffset",
        "numcodecs.fletcher32": "tegula.codecs.checksums:ZARR3:fletcher32",
        "numcodecs.gzip": "tegula.codecs.gzip:NUMCODECS",
        "numcodecs.jenkins_lookup3": "tegula.codecs.checksums:ZARR3:jenkins_lookup3",
        "numcodecs.lz4": "tegula.codecs.lz4:ZARR3",
        "numcodecs.lzma": "tegula.codecs.lzma:ZARR3",
        "numcodecs.packbits": "tegula.codecs.filters:ZARR3:packbits",
        "numcodecs.pcodec": "tegula.codecs.pcodec:ZARR3",
        "numcodecs.quantize": "tegula.codecs.filters:ZARR3:quantize",
        "numcodecs.shuffle": "tegula.codecs.shuffle:ZARR3",
        "numcodecs.zfpy": "tegula.codecs.zfp:ZARR3",
        "numcodecs.zlib": "tegula.codecs.zlib:NUMCODECS",
        "numcodecs.zstd": "tegula.codecs.zstd:NUMCODECS",
        "sharding_indexed": "tegula.codecs.sharding:ZARR3",
        "transpose": "tegula.codecs.transpose:ZARR3",
        "zstd": "tegula.codecs.zstd:ZARR3",
    },
    "groups": {
        "n5": "tegula.formats.groups.n5:N5",
        "neuroglancer-precomputed": "tegula.formats.groups.precomputed:PRECOMPUTED",
        "neuroglancer_precomputed": "tegula.formats.groups.precomputed:PRECOMPUTED",
        "zarr": "tegula.formats.groups.zarr2:ZARR2",
        "zarr2": "tegula.formats.groups.zarr2:ZARR2",
        "zarr3": "tegula.formats.groups.zarr3:ZARR3",
    },
    "wholes": {
        "avif": "tegula.formats.whole:AVIF",
        "bmp": "tegula.formats.whole:BMP",
        "jpeg": "tegula.formats.whole:JPEG",
        "json": "tegula.formats.whole:JSON",
        "png": "tegula.formats.whole:PNG",
        "tiff": "tegula.formats.whole:TIFF",
        "webp": "tegula.formats.whole:WEBP",
    },
    "kvstores": {
        "memory": "tegula.kv.drivers:MEMORY",
        "file": "tegula.kv.drivers:FILE",
        "gcs": "tegula.kv.drivers:GCS",
    },
    "leaves": {
        "memory": "tegula.leaves.memory:MemoryLeaf",
        "file": "tegula.leaves.file:FileLeaf",
        "gcs": "tegula.leaves.gcs:GcsLeaf",
    },
    "stores": {
        "fsspec": "tegula.leaves.fsspec:FsspecStore",
        "obstore": "tegula.leaves.obstore:ObstoreStore",
    },
}
_added: dict[tuple[str, str], Any] = {}


@cache
def _plugins(kind: str) -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"tegula.{kind}")}


def lookup(kind: str, name: str) -> Any:
    """Return the object registered as `name` of `kind`.

    Raises:
        KeyError: no such name is registered.
    """
    found = _added.get((kind, name))
    return _found(kind, name) if found is None else found


@cache
def _found(kind: str, name: str) -> Any:
    target = _BUILT_IN.get(kind, {}).get(name)
    if target is not None:
        from importlib import import_module

        module, attribute, *key = target.split(":")
        value = getattr(import_module(module), attribute)
        return value[key[0]] if key else value
    return _plugins(kind)[name].load()


def register(kind: str, name: str, value: Any) -> None:
    """Add `value` as `name` of `kind` for this process; a second one of the same name takes its place."""
    _added[kind, name] = value


def kind_of(name: str, *kinds: str) -> str | None:
    """Return the first of `kinds` that has `name`, without importing it; what is built in comes first.

    >>> kind_of("memory", "formats", "kvstores"), kind_of("nothing", "kvstores")
    ('kvstores', None)
    """
    for kind in kinds:
        if (kind, name) in _added or name in _BUILT_IN.get(kind, {}):
            return kind
    return next((kind for kind in kinds if name in _plugins(kind)), None)


def names(kind: str) -> list[str]:
    """Return every registered name of `kind`, sorted, without importing any."""
    added = {name for of, name in _added if of == kind}
    return sorted({*_BUILT_IN.get(kind, {}), *_plugins(kind), *added})
