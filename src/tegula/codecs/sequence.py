"""The codecs of a zarr v3 array: which may follow which, how two lists merge, and the chain they make.

What this file knows: array -> array codecs come first, then one array -> bytes codec, then
bytes -> bytes codecs.  What it must not know: any one codec's members.

Laws: parse(s.to_json()) == s; merge(s, s) == s; resolving twice gives the same sequence.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from tegula import binding
from tegula.codecs.chain import CodecChain
from tegula.codecs.codec import ByteCodec
from tegula.codecs.declare import ARRAY, BYTES, LAYOUT, Constraint, Declaration, merged
from tegula.codecs.transpose import aligned, braced
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError, annotated
from tegula.registry import lookup

__all__ = ["Sequence3", "parse"]


class Sequence3(NamedTuple):
    """The constraints on each stage; `layout` None leaves the array -> bytes codec open."""

    array: tuple[Constraint, ...] = ()
    layout: Constraint | None = None
    bytes: tuple[Constraint, ...] = ()

    def to_json(self) -> list[Any]:
        """Return the JSON form.

        >>> parse(["gzip"]).to_json()
        [{'name': 'gzip'}]
        """
        layout = () if self.layout is None else (self.layout,)
        return [constraint.to_json() for constraint in (*self.array, *layout, *self.bytes)]

    def merge(self, other: Sequence3, strict: bool = False) -> Sequence3:
        """Return both in one; unless `strict`, no array -> array codecs go with any.

        Raises:
            FailedPrecondition: they contradict each other.
        """
        if not strict and not (self.array and other.array):
            array = self.array or other.array
        else:
            array = _merged_stage(self.array, other.array, ARRAY)
        layout = self.layout or other.layout
        if self.layout and other.layout:
            layout = merged(self.layout, other.layout)
        return Sequence3(array, layout, _merged_stage(self.bytes, other.bytes, BYTES))

    def resolve(self, dtype: np.dtype[Any], chunk_shape: tuple[int, ...]) -> tuple[Sequence3, CodecChain]:
        """Return the sequence with nothing left open, and the chain for chunks of a shape and type.

        Raises:
            InvalidArgument: a codec cannot take its input, or a chunk has more than 2**63 bytes.
        """
        rank = len(chunk_shape)
        order: tuple[int, ...] = tuple(range(rank))
        array = []
        for constraint in self.array:
            settled, permutation = _resolved(constraint, rank)
            array.append(settled)
            order = tuple(order[axis] for axis in permutation)
        layout, stored_dtype = _resolved(self.layout or Constraint("bytes"), dtype)
        if prod(chunk_shape) * dtype.itemsize > 2**63 - 1:
            raise InvalidArgument(
                f"Integer overflow computing encoded size of array of shape {braced(chunk_shape)}"
            )
        last, steps = [], []
        itemsize: int | None = dtype.itemsize
        for constraint in self.bytes:
            settled, step = _resolved(constraint, itemsize)
            last.append(settled)
            steps.append(step)
            itemsize = None
        made: tuple[ByteCodec, ...] = tuple(steps)
        chain = CodecChain(chunk_shape, dtype, stored_dtype, order, made)
        return Sequence3(tuple(array), layout, tuple(last)), chain


def parse(value: Any, stored: bool = False) -> Sequence3:
    """Return the sequence that a JSON array states.

    In a stored document codecs are objects, nothing is left to defaults, and an array -> bytes codec
    is named.

    Raises:
        InvalidArgument: a codec is unknown, malformed, or out of place.
    """
    array: list[Constraint] = []
    layout: Constraint | None = None
    last: list[Constraint] = []
    for index, item in enumerate(binding.array(value)):
        with binding.at_position(index):
            declaration, constraint = _parse_one(item, stored)
        if declaration.stage == BYTES:
            last.append(constraint)
        elif last or layout is not None:
            raise binding.expected("bytes -> bytes codec", constraint.to_json())
        elif declaration.stage == LAYOUT:
            layout = constraint
        else:
            array.append(constraint)
    if stored and layout is None:
        raise InvalidArgument("array -> bytes codec must be specified")
    return Sequence3(tuple(array), layout, tuple(last))


def _parse_one(item: Any, stored: bool) -> tuple[Declaration, Constraint]:
    if isinstance(item, str) and not stored:
        item = {"name": item}
    found = binding.mapping(item)
    with binding.at_member("name"):
        if "name" not in found:
            raise InvalidArgument("Expected string, but member is missing")
        name = binding.text(found["name"])
        declaration = _declaration(name)
    with binding.at_member("configuration"):
        constraint = declaration.parse(binding.mapping(found.get("configuration", {})), stored)
        if stored and name == "blosc":
            members = dict(constraint.members)
            if members["shuffle"] != "noshuffle" and "typesize" not in members:
                with binding.at_member("typesize"):
                    raise InvalidArgument("Expected integer in the range [1, 255], but received: <discarded>")
    binding.members(found, ("name", "configuration"))
    return declaration, constraint


def _declaration(name: str) -> Declaration:
    try:
        found: Declaration = lookup("codecs.zarr3", name)
    except KeyError:
        raise InvalidArgument(f"{binding.quoted(name)} is not registered") from None
    return found


def _resolved(constraint: Constraint, given: Any) -> tuple[Constraint, Any]:
    try:
        return _declaration(constraint.name).resolve(constraint, given)
    except TegulaError as error:
        shown = binding.dumps(constraint.to_json())
        raise annotated(error, f"Error resolving codec spec through codec {shown}: ") from None


def _merged_stage(a: tuple[Constraint, ...], b: tuple[Constraint, ...], stage: str) -> tuple[Constraint, ...]:
    if len(a) != len(b):
        first, second = (binding.dumps([constraint.to_json() for constraint in side]) for side in (a, b))
        raise FailedPrecondition(
            f"Cannot merge zarr codec constraints {first} and {second}: "
            f"Mismatch in number of {stage} codecs ({len(a)} vs {len(b)})"
        )
    pairs = zip(a, b, strict=True)
    return tuple(merged(*(aligned(x, y) if stage == ARRAY else (x, y))) for x, y in pairs)
