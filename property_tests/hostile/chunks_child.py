"""Meets damaged values of chunks in a process of its own: ``python chunks_child.py SEED COUNT KIND...``.

One stored value of an array (a chunk, a shard) is damaged: bits flipped, cut, spliced, words set to numbers
that lie; then the array is read as a whole and in part.  What ends otherwise than in a typed error or in
elements of the array's shape, takes longer than a second of the process's time, or much memory, is told as
JSON; so are errors, right reads, and wrong ones, which a checksum would have told.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
import traceback
from collections import Counter
from typing import Any

import numpy as np

import tegula as ts
from tegula.errors import TegulaError

SECONDS = 1.0
MEBIBYTES = 64
SHAPE = (20, 12)

KINDS: dict[str, dict[str, Any]] = {}
CHECKED: set[str] = set()
"""Kinds whose every bit is under a checksum, so that no read may be wrong."""


def _bytes(*more: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "bytes", "configuration": {"endian": "little"}}, *more]


def _add(name: str, spec: dict[str, Any], checked: bool = False) -> None:
    KINDS[name] = spec
    if checked:
        CHECKED.add(name)


def _zarr3(name: str, codecs: list[dict[str, Any]], checked: bool = False) -> None:
    grid = {"name": "regular", "configuration": {"chunk_shape": [8, 8]}}
    metadata = {"shape": SHAPE, "chunk_grid": grid, "data_type": "uint16", "codecs": codecs}
    _add(f"zarr3 {name}", {"driver": "zarr3", "metadata": metadata}, checked)


def _blosc(cname: str, shuffle: str = "shuffle") -> dict[str, Any]:
    configuration = {"cname": cname, "clevel": 5, "shuffle": shuffle, "typesize": 2, "blocksize": 0}
    return {"name": "blosc", "configuration": configuration}


def _shards(codecs: list[dict[str, Any]], index: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    inner = {"chunk_shape": [4, 4], "codecs": codecs, "index_codecs": index, **more}
    return [{"name": "sharding_indexed", "configuration": inner}]


CRC = {"name": "crc32c"}
GZIP = {"name": "gzip", "configuration": {"level": 5}}
ZSTD = {"name": "zstd", "configuration": {"level": 3, "checksum": True}}
_zarr3("raw", _bytes())
_zarr3("crc32c", _bytes(CRC), True)
_zarr3("gzip", _bytes(GZIP))
_zarr3("gzip, checked", _bytes(GZIP, CRC), True)
_zarr3("zstd", _bytes({"name": "zstd", "configuration": {"level": 3, "checksum": False}}))
_zarr3("zstd checked", _bytes(ZSTD, CRC), True)
for cname in ("lz4", "lz4hc", "zstd", "zlib", "blosclz"):
    _zarr3(f"blosc {cname}", _bytes(_blosc(cname)))
_zarr3("blosc bitshuffle", _bytes(_blosc("lz4", "bitshuffle")))
_zarr3("shards", _shards(_bytes(), _bytes(CRC)))
_zarr3("shards, checked", _shards(_bytes(CRC), _bytes(CRC)), True)
_zarr3("shards, index unchecked", _shards(_bytes(GZIP, CRC), _bytes(), index_location="start"))
INNER = _shards(_bytes(CRC), _bytes(CRC), chunk_shape=[2, 2])
_zarr3("nested shards", _shards(INNER, _bytes(CRC)), True)
for name, compressor in {
    "zlib": {"id": "zlib", "level": 5},
    "bz2": {"id": "bz2", "level": 5},
    "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
    "zstd": {"id": "zstd", "level": 3},
}.items():
    metadata = {"shape": SHAPE, "chunks": [8, 8], "dtype": ">u2", "compressor": compressor}
    _add(f"zarr2 {name}", {"driver": "zarr", "metadata": metadata})
for name, compression in {
    "raw": {"type": "raw"},
    "gzip": {"type": "gzip"},
    "bzip2": {"type": "bzip2"},
    "xz": {"type": "xz"},
    "blosc": {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
}.items():
    members = {"dimensions": SHAPE, "blockSize": [8, 8], "dataType": "uint16", "compression": compression}
    _add(f"n5 {name}", {"driver": "n5", "metadata": members})


def _volume(name: str, dtype: str, channels: int = 1, **scale: Any) -> None:
    members = {"size": [*SHAPE, 1], "chunk_size": [8, 8, 1], **scale}
    volume = {"data_type": dtype, "num_channels": channels}
    spec = {"driver": "neuroglancer_precomputed", "multiscale_metadata": volume, "scale_metadata": members}
    _add(f"precomputed {name}", spec)


BITS = {"hash": "murmurhash3_x86_128", "preshift_bits": 1, "minishard_bits": 1, "shard_bits": 0}
SHARDING = {"@type": "neuroglancer_uint64_sharded_v1", **BITS}
BLOCKS = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [4, 4, 1]}
_volume("raw", "uint16", encoding="raw")
_volume("png", "uint16", 3, encoding="png")
_volume("jpeg", "uint8", encoding="jpeg")
_volume("segmentation", "uint64", 2, **BLOCKS)
_volume("shards", "uint16", encoding="raw", sharding=SHARDING)
_volume(
    "segmentation in shards",
    "uint32",
    **BLOCKS,
    sharding={**SHARDING, "minishard_index_encoding": "gzip", "data_encoding": "gzip"},
)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with some damage, never the same."""
    out = bytearray(data)
    kind = rng.randrange(7)
    if kind == 0:
        out = out[: rng.randrange(len(out))]
    elif kind in (1, 2):
        for _ in range(rng.choice([1, 1, 2, 5])):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == 3:
        at = rng.randrange(len(out))
        out[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
    elif kind == 4:
        out += rng.randbytes(rng.randrange(1, 30))
    elif kind == 5:
        number = rng.choice([0, 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1, len(out)])
        at, size = rng.randrange(len(out)), rng.choice([2, 4, 8])
        out[at : at + size] = (number % 2 ** (8 * size)).to_bytes(size, rng.choice(["little", "big"]))
    else:
        out = bytearray(rng.randbytes(rng.randrange(60)))
    return bytes(out) if bytes(out) != data else bytes(out) + b"\0"


def met(name: str, seed: int, count: int) -> dict[str, Any]:
    """Return what came of the damages of a kind."""
    context = ts.Context()
    spec = {**KINDS[name], "kvstore": "memory://a/"}
    store = ts.open(spec, create=True, context=context).result()
    values = (np.arange(store.size) // 5 * 7 % 251).reshape(store.shape).astype(store.dtype.numpy_dtype)
    store.write(values).result()
    right = store.read().result()
    low = store.domain.inclusive_min
    views = [store, store[low[0] + 3], store[low[0] + 2 : low[0] + 15 : 3]]
    rights = [view.read().result() for view in views]
    kvstore = store.kvstore
    documents = (b"zarr.json", b".zarray", b"attributes.json", b"info")
    keys = [key for key in sorted(kvstore.list().result()) if key not in documents]
    held = {key: kvstore[key] for key in keys}
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done: Counter[str] = Counter()
    failures: list[Any] = []
    longest = 0.0
    for number in range(seed, seed + count):
        rng = random.Random(f"{name} {number}")
        key = rng.choice(keys)
        value = damaged(rng, held[key])
        kvstore[key] = value
        loaded = "numba" in sys.modules
        start = time.process_time()
        for view, wanted in zip(views, rights, strict=True):
            try:
                found = view.read().result()
                assert found.shape == wanted.shape
                assert found.dtype == wanted.dtype
                done["right" if np.array_equal(found, wanted) else "wrong"] += 1
            except TegulaError as error:
                done[type(error).__name__] += 1
            except BaseException:
                failures.append([number, key.decode(), value.hex()[:2000], traceback.format_exc()[-3000:]])
        try:
            store[low].write(right.flat[0]).result()
        except TegulaError:
            pass
        except BaseException:
            failures.append([number, key.decode(), value.hex()[:2000], traceback.format_exc()[-3000:]])
        taken = time.process_time() - start
        if not loaded and "numba" in sys.modules:  # after many reads the compiler is worth its while
            base, taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0
        longest = max(longest, taken)
        if taken > SECONDS:
            failures.append([number, key.decode(), value.hex()[:2000], f"took {taken} s"])
        rose = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024
        if rose > MEBIBYTES:
            failures.append([number, key.decode(), value.hex()[:2000], f"took {rose} MiB"])
            base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for each in keys:
            kvstore[each] = held[each]
    return {"failures": failures, "done": done, "longest": longest, "count": count}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    for kind in sys.argv[3:]:
        print("now", kind, file=sys.stderr, flush=True)
        print(json.dumps({kind: met(kind, int(sys.argv[1]), int(sys.argv[2]))}), flush=True)
