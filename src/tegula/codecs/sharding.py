"""The sharding_indexed codec: chunks within a chunk, found by an index.

What this file knows: how a zarr v3 document declares a sharding, how two declarations merge, and the
layout that one means.  What it must not know: how a shard is packed (`shard.py`), keys, stores.

The sizes of a document are those of the array as the codecs before have left it; the layout made of it
speaks of the array's own dimensions (`Given.order` says which is which).

Law: as of `declare.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tegula import binding
from tegula.codecs import sequence
from tegula.codecs.declare import LAYOUT, Constraint, Declaration, Member, Unfit, merged
from tegula.codecs.sequence import SHARDING, Given, Sequence3
from tegula.codecs.shard import MAX_ENTRIES, Sharding
from tegula.codecs.transpose import braced
from tegula.errors import InvalidArgument, TegulaError, annotated

__all__ = ["ZARR3"]

MAX_RANK = 31
"""The index of a shard has one dimension more than the array."""
_INDEX = sequence.parse([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}])
_UINT64 = np.dtype(np.uint64)


def _shape(value: Any, stored: bool) -> tuple[int, ...]:  # noqa: ARG001
    items = binding.array(value)
    if len(items) > 32:
        raise InvalidArgument(f"Rank {len(items)} is outside valid range [0, 32]")
    found = []
    for index, item in enumerate(items):
        with binding.at_position(index):
            found.append(binding.integer(item, 1, 2**63 - 1))
    return tuple(found)


def _location(value: Any, stored: bool) -> str:  # noqa: ARG001
    if value in ("start", "end") and isinstance(value, str):
        return str(value)
    raise binding.expected('one of "start", "end"', value)


def _settle(members: dict[str, Any], given: Given) -> tuple[dict[str, Any], Sharding]:
    order, rank = given.order, len(given.shape)
    outer = tuple(given.shape[axis] for axis in order)
    inner = members["chunk_shape"]
    if inner is None:
        inner = outer if given.read is None else tuple(given.read[axis] for axis in order)
    if len(inner) != rank:
        raise InvalidArgument(
            f"sharding_indexed sub-chunk shape of {braced(inner)} is not compatible with array of rank {rank}"
        )
    if any(size % part for size, part in zip(outer, inner, strict=True)):
        raise Unfit(
            f"sharding_indexed sub-chunk shape of {braced(inner)} does not evenly divide chunk shape of "
            f"{braced(outer)}"
        )
    grid = tuple(size // part for size, part in zip(outer, inner, strict=True))
    entries = 1
    for size in grid:
        entries *= size
        if entries > MAX_ENTRIES:
            raise Unfit(f"grid shape of {braced(grid)} has more than {MAX_ENTRIES} entries")
    with _resolving("Error resolving index_codecs: "):
        if rank > MAX_RANK:
            raise InvalidArgument(
                f"Rank of {rank} exceeds maximum ran of {MAX_RANK} supported for sharding_indexed"
            )
        plain = Given(_UINT64, (*grid, 2), tuple(range(rank + 1)), bytes(8), None, given.stored)
        index_codecs, index = (members["index_codecs"] or _INDEX).resolved(plain)
    if index.stored_size is None:
        raise Unfit("Invalid index_codecs specified: only fixed-size encodings are supported")
    shape, along = [0] * rank, [0] * rank
    for axis, part, count in zip(order, inner, grid, strict=True):
        shape[axis], along[axis] = part, count
    with _resolving("Error resolving sub-chunk codecs: "):
        within = given._replace(shape=tuple(shape))
        codecs, chain = (members["codecs"] or Sequence3()).resolved(within)
    location = members["index_location"] or "end"
    settled = {
        "chunk_shape": inner,
        "codecs": codecs,
        "index_codecs": index_codecs,
        "index_location": location,
    }
    return settled, Sharding(tuple(along), order, index, location == "start", chain, given.fill)


@contextmanager
def _resolving(prefix: str) -> Iterator[None]:
    try:
        yield
    except Unfit:
        raise
    except TegulaError as error:
        raise annotated(error, prefix) from None


def _merge(a: Constraint, b: Constraint, strict: bool) -> Constraint:
    """Return two shardings in one: their codecs are merged, not compared."""
    both = (dict(a.members), dict(b.members))
    made = {}
    for name, label in (("codecs", 'sub-chunk "codecs"'), ("index_codecs", '"index_codecs"')):
        left, right = (members.pop(name, None) for members in both)
        if left is not None and right is not None:
            try:
                made[name] = left.merge(right, strict)
            except TegulaError as error:
                shown = " and ".join(binding.dumps(each.to_json(brief=True)) for each in (a, b))
                prefix = f"Cannot merge zarr codec constraints {shown}: Incompatible {label}: "
                raise annotated(error, prefix) from None
        elif left is not None or right is not None:
            made[name] = right if left is None else left
    mine, theirs = (Constraint(a.name, tuple(sorted(members.items()))) for members in both)
    rest = merged(mine, theirs, shown=(a, b))
    return Constraint(a.name, tuple(sorted([*rest.members, *made.items()])))


_CODECS = "Expected array, but member is missing"

ZARR3 = Declaration(
    SHARDING,
    LAYOUT,
    (
        Member("chunk_shape", _shape, None, _CODECS, nested=True),
        Member("index_codecs", sequence.parse, None, _CODECS, nested=True),
        Member("codecs", sequence.parse, None, _CODECS, nested=True),
        Member("index_location", _location, "end", nested=True),
    ),
    _settle,
    _merge,
)
