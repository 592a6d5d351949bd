"""Meets changed metadata documents in a process of its own: ``python documents_child.py SEED COUNT KIND...``.

Each of COUNT arrays or groups has one document changed (a member, several, or bytes), and is then opened,
read, written, resized, listed and said things of.  What ends otherwise than in a typed error or in elements
of the array's shape, takes longer than a second of the process's time, or much memory (beyond twice a chunk
as it is declared), is told as JSON.
"""

from __future__ import annotations

import json
import math
import random
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

import tegula as ts
from tegula.errors import TegulaError

SECONDS = 1.0
MEBIBYTES = 64

ODD: list[Any] = [
    None, True, False, -1, 0, 1, 2, 3, 255, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62 - 2, 2**62, 2**63 - 1,
    2**63, 2**64, -(2**63), 10**30, 1.0, 1.5, -0.0, 1e300, 1e-300, "", "x", "x" * 1000, "..", "../..", "/",
    "a/b", "\0", "\ud800", "NaN", "Infinity", "0x7fc00000", "0xff", "AAAA", "|O", "|O8", "<f4", ">c16", "<U4",
    "|S0", "|V0", "<M8[ns]", "|b1", "int4", "r8", "r0", "string", "bfloat16", "float8_e8m0fnu", "pickle",
    [], {}, [[]], [{}], [None], [0], [1], [-1], [2**62] * 3, [1] * 33, [0] * 40, [2**31] * 2, [1.5], ["x"],
    [["a", "<i4"]], [["a", "<i4", [2]], ["a", "|S3"]], {"name": "x"}, {"id": "pickle"},
    {"id": "zstd", "level": "a"}, {"name": "bytes"}, {"name": "crc32c"},
    {"name": "zstd", "configuration": None}, {"type": "gzip", "level": 99}, {"must_understand": False},
    {"name": "transpose", "configuration": {"order": [0, 0]}},
    {"must_understand": True},
]  # fmt: skip


def paths(value: Any, front: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where the members of a JSON value are."""
    found = [front] if front else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths(item, (*front, key))
    return found


def copied(value: Any) -> Any:
    """Return a copy of a JSON value that shares nothing with it."""
    return json.loads(json.dumps(value))


def changed(rng: random.Random, document: Any) -> bytes:
    """Return a document with something else in it."""
    document = copied(document)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        places = paths(document)
        if not places:
            break
        path = rng.choice(places)
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        key, kind = path[-1], rng.randrange(9)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] += rng.choice([-1, 1, 0.5, 2 ** rng.randrange(64)])
        elif kind == 2 and isinstance(holder[key], str) and holder[key]:
            holder[key] = holder[key][: rng.randrange(len(holder[key]))] + rng.choice(
                ["", "0", "é", "\0", "9" * 40]
            )
        elif kind == 3 and isinstance(holder[key], list):
            holder[key] = copied(holder[key] * rng.choice([0, 2, 3, 40]))
        elif kind == 4:
            holder[key] = copied([holder[key]] * rng.choice([1, 2, 40]))
        elif kind == 5:
            other = document
            for step in rng.choice(places):
                try:
                    other = other[step]
                except (KeyError, IndexError, TypeError):
                    break
            holder[key] = copied(other)
        elif kind == 6 and isinstance(holder, dict):
            holder[rng.choice(["", "more", "must_understand", "filters", "consolidated_metadata"])] = copied(
                rng.choice(ODD)
            )
        else:
            holder[key] = copied(rng.choice(ODD))
    data = bytearray(json.dumps(document).encode("utf-8", "surrogatepass"))
    kind = rng.randrange(12)
    if kind == 0:
        data = data[: rng.randrange(len(data) + 1)]
    elif kind == 1:
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:
        at = rng.randrange(len(data) + 1)
        data[at:at] = rng.choice(
            [b"[" * 300, b'{"a":' * 200, b"9" * 5000, b"\xff\xfe", b"\xef\xbb\xbf", b"1e999", b"\0"]
        )
    return bytes(data)


# ---------------------------------------------------------------- what is changed


def _zarr3(**more: Any) -> dict[str, Any]:
    return {"driver": "zarr3", "dtype": "int16", "shape": [6, 5], "chunks": [3, 2], **more}


# what soaks have found: chunks, items and blocks of petabytes that were written, cut or counted
FOUND = {
    "zarr3": (1001416,),
    "zarr3 sharded": (79000496,),
    "zarr2": (1000485, 1001481),
    "zarr2 structure": (1000515, 1001116),
    "n5": (1000109,),
    "precomputed": (1000077, 1000110, 1000410),
    "precomputed segmentation in shards": (1000204, 77001297),
}

KINDS: dict[str, tuple[str, Callable[[Any], None]]] = {}
"""The name of the document, and what makes a store with one."""


def kind(name: str, document: str) -> Any:
    def added(make: Callable[[Any], None]) -> Callable[[Any], None]:
        KINDS[name] = (document, make)
        return make

    return added


DATA = np.arange(30, dtype="i2").reshape(6, 5)


@kind("zarr3", "zarr.json")
def _(context: Any) -> None:
    codecs = [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 1}}, {"name": "crc32c"}]
    metadata = {"codecs": codecs, "attributes": {"a": 1}, "dimension_names": ["x", None]}
    spec = {"driver": "zarr3", "kvstore": "memory://a/", "metadata": metadata}
    layout = ts.ChunkLayout(chunk_shape=[3, 2])
    made = ts.open(spec, create=True, context=context, dtype="int16", shape=[6, 5], chunk_layout=layout)
    made.result().write(DATA).result()


@kind("zarr3 sharded", "zarr.json")
def _(context: Any) -> None:
    layout = ts.ChunkLayout(write_chunk_shape=[4, 4], read_chunk_shape=[2, 2])
    spec = {"driver": "zarr3", "kvstore": "memory://a/"}
    made = ts.open(spec, create=True, context=context, dtype="int16", shape=[6, 5], chunk_layout=layout)
    made.result().write(DATA).result()


@kind("zarr2", ".zarray")
def _(context: Any) -> None:
    compressor = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}
    spec = {
        "driver": "zarr",
        "kvstore": "memory://a/",
        "metadata": {"chunks": [3, 2], "compressor": compressor},
    }
    ts.open(spec, create=True, context=context, dtype="int16", shape=[6, 5]).result().write(DATA).result()


@kind("zarr2 structure", ".zarray")
def _(context: Any) -> None:
    metadata = {"dtype": [["a", "<i4"], ["b", "|S3"], ["c", "<f8", [2]]], "shape": [6, 5], "chunks": [3, 2]}
    spec = {"driver": "zarr", "kvstore": "memory://a/", "field": "a", "metadata": metadata}
    ts.open(spec, create=True, context=context).result().write(DATA.astype("i4")).result()


@kind("n5", "attributes.json")
def _(context: Any) -> None:
    members = {
        "blockSize": [3, 2],
        "axes": ["x", "y"],
        "units": ["nm", "s"],
        "resolution": [1, 2],
        "more": {"a": []},
    }
    spec = {
        "driver": "n5",
        "kvstore": "memory://a/",
        "metadata": {**members, "compression": {"type": "gzip"}},
    }
    ts.open(spec, create=True, context=context, dtype="int16", shape=[6, 5]).result().write(DATA).result()


def _volume(context: Any, scale: dict[str, Any]) -> None:
    scale = {"chunk_size": [3, 2, 2], "resolution": [4, 4, 40], **scale}
    spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://a/", "scale_metadata": scale}
    made = ts.open(spec, create=True, context=context, dtype="uint32", shape=[6, 5, 3, 1]).result()
    made.write(np.arange(90, dtype="u4").reshape(made.shape)).result()


@kind("precomputed", "info")
def _(context: Any) -> None:
    _volume(context, {"encoding": "raw"})
    _volume(context, {"key": "more", "resolution": [8, 8, 40]})


@kind("precomputed segmentation in shards", "info")
def _(context: Any) -> None:
    block = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [2, 2, 2]}
    bits = {"hash": "murmurhash3_x86_128", "preshift_bits": 1, "minishard_bits": 1, "shard_bits": 1}
    rest = {"minishard_index_encoding": "gzip", "data_encoding": "gzip"}
    _volume(context, {**block, "sharding": {"@type": "neuroglancer_uint64_sharded_v1", **bits, **rest}})


def _group(context: Any, driver: str, consolidated: bool) -> None:
    spec = {"driver": driver, "kvstore": "memory://a/"}
    group = ts.open_group(spec, create=True, context=context, attributes={"a": {"b": [1]}}).result()
    group.create_group("inner", attributes={"c": 1}).result()
    group.create_array("inner/raw", dtype="int16", shape=[6, 5], chunks=[3, 2], attributes={"d": 2}).result()
    if consolidated:
        group.consolidate().result()


@kind("zarr3 group", "zarr.json")
def _(context: Any) -> None:
    _group(context, "zarr3", False)


@kind("zarr3 consolidated", "zarr.json")
def _(context: Any) -> None:
    _group(context, "zarr3", True)


@kind("zarr2 group", ".zgroup")
def _(context: Any) -> None:
    _group(context, "zarr", False)


@kind("zarr2 attributes", ".zattrs")
def _(context: Any) -> None:
    _group(context, "zarr", False)


@kind("zarr2 consolidated", ".zmetadata")
def _(context: Any) -> None:
    _group(context, "zarr", True)


@kind("n5 group", "attributes.json")
def _(context: Any) -> None:
    _group(context, "n5", False)


# ---------------------------------------------------------------- what is done


def corner(store: Any) -> Any:
    """Return at most some 64 elements at the origin of an array."""
    terms = []
    for number, (low, high) in enumerate(
        zip(store.domain.inclusive_min, store.domain.exclusive_max, strict=True)
    ):
        terms.append(slice(low, min(high, low + (2 if number < 6 else 1))))
    return store[tuple(terms)] if terms else store


def exercised(context: Any, driver: str, done: Counter[str], right: Any) -> int:
    """Open and use what is there; raise what is no typed error.

    Return the bytes of the largest chunk that was opened, which whoever writes a part of it has to hold.
    """
    kvstore, declared = "memory://a/", 0

    def attempt(name: str, call: Callable[[], Any]) -> Any:
        try:
            found = call()
        except TegulaError as error:
            done[f"{name} {type(error).__name__}"] += 1
            return None
        done[name] += 1
        return found

    more = {"field": "a"} if right is None and driver == "zarr" else {}
    for spec in (kvstore, {"driver": driver, "kvstore": kvstore, **more}):
        store = attempt("open", lambda spec=spec: ts.open(spec, context=context).result())
        if store is None:
            continue
        part = corner(store)
        shape = store.chunk_layout.write_chunk.shape or ()
        declared = max(declared, math.prod(size or 1 for size in shape) * store.dtype.numpy_dtype.itemsize)
        found = attempt("read", lambda part=part: part.read().result())
        if found is not None:
            assert found.shape == part.shape, (found.shape, part.shape)
            told = attempt("spec", lambda store=store: store.spec().to_json())
            if right is not None and told == right[0]:  # the document says what it said
                np.testing.assert_array_equal(found, right[1])
        attempt(
            "print", lambda store=store: (repr(store), repr(store.schema), store.chunk_layout, store.codec)
        )
        if store.size < 10**6:
            attempt(
                "statistics", lambda store=store: store.storage_statistics(query_not_stored=True).result()
            )
        attempt("write", lambda part=part, found=found: part.write(part.read().result()).result())
        attempt(
            "resize",
            lambda store=store: store.resize(
                exclusive_max=[h - 1 for h in store.domain.exclusive_max]
            ).result(),
        )
        attempt("attributes", lambda store=store: store.attrs.update({"said": 1}))
    for given in (kvstore, {"driver": driver, "kvstore": kvstore}):
        group = attempt("group", lambda given=given: ts.open_group(given, context=context).result())
        if group is None:
            continue
        attempt("tree", lambda group=group: repr(group.tree()))
        for name in attempt("names", lambda group=group: list(group)) or ():
            attempt("member", lambda group=group, name=name: group.open(name).result())
        attempt("group attributes", lambda group=group: group.attrs.update({"said": 1}))
        attempt("create", lambda group=group: group.create_array("new", dtype="uint8", shape=[2]).result())
        attempt("consolidate", lambda group=group: group.consolidate().result())
    return declared


def met(name: str, seed: int, count: int) -> dict[str, Any]:
    """Return what came of the changes of a kind."""
    document, make = KINDS[name]
    context = ts.Context()
    make(context)
    whole = ts.KvStore.open("memory://a/", context=context).result()
    before = {key: whole[key] for key in whole.list().result()}
    driver = {"zarr2": "zarr", "precomputed": "neuroglancer_precomputed"}.get(
        name.split()[0], name.split()[0]
    )
    right = None
    if not name.endswith(("structure", "group", "consolidated", "attributes")):
        store = ts.open("memory://a/", context=context).result()
        right = (store.spec().to_json(), corner(store).read().result())
    exercised(context, driver, Counter(), right)  # what is loaded on first use is no part of what is measured
    text = json.loads(before[document.encode()])
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done: Counter[str] = Counter()
    failures: list[Any] = []
    longest = 0.0
    for number in (*range(seed, seed + count), *FOUND.get(name, ())):
        rng = random.Random(f"{name} {number}")
        data = changed(rng, text)
        context = ts.Context()
        store = ts.KvStore.open("memory://a/", context=context).result()
        for key, value in before.items():
            store[key] = value
        store[document] = data
        loaded = "numba" in sys.modules
        start = time.process_time()
        declared = 0
        try:
            declared = exercised(context, driver, done, right)
        except BaseException:
            failures.append([number, data.decode("utf-8", "replace")[:3000], traceback.format_exc()[-3000:]])
        taken = time.process_time() - start
        if not loaded and "numba" in sys.modules:  # after many reads the compiler is worth its while
            base, taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0
        longest = max(longest, taken)
        if taken > SECONDS:
            failures.append([number, data.decode("utf-8", "replace")[:3000], f"took {taken} s"])
        rose = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024
        if rose > MEBIBYTES + min(2 * declared >> 20, 4 * MEBIBYTES):
            failures.append([number, data.decode("utf-8", "replace")[:3000], f"took {rose} MiB"])
        if rose > MEBIBYTES:
            base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"failures": failures, "done": done, "longest": longest, "count": count}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    for name in sys.argv[3:]:
        print("now", name, file=sys.stderr, flush=True)
        print(json.dumps({name: met(name, int(sys.argv[1]), int(sys.argv[2]))}), flush=True)
