"""The codecs of a zarr v3 array: which may follow which, how two lists merge, and the chain they make.

What this file knows: array -> array codecs come first, then one array -> bytes codec, then
bytes -> bytes codecs.  What it must not know: any one codec's members.

An array -> array codec either permutes dimensions, or is a filter: a step on the elements as they lie in the
order of the permutations before it.  So a filter that looks at neighbours bars those after it.

Laws: parse(s.to_json()) == s; merge(s, s) == s; resolving twice gives the same sequence.
"""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

import numpy as np

from tegula import binding
from tegula.codecs.bytes import Swap, in_byte_order
from tegula.codecs.chain import CodecChain
from tegula.codecs.codec import ByteCodec
from tegula.codecs.declare import ARRAY, BYTES, FILTER, LAYOUT, Constraint, Declaration, Unfit, merged
from tegula.codecs.field import FieldStep, Part
from tegula.codecs.plugin import declaration
from tegula.codecs.transpose import aligned, braced
from tegula.errors import FailedPrecondition, InvalidArgument, TegulaError, annotated
from tegula.record import replace
from tegula.row import NamedTuple

__all__ = ["SHARDING", "Given", "Sequence3", "parse"]

SHARDING = "sharding_indexed"


Element: TypeAlias = bytes
"""One native element."""


class Given(NamedTuple):
    """What a chain of codecs is given to store.

    `shape` is in the order of the array's dimensions, and `order` how what comes to the codecs is
    permuted.  `fill` is one element; `read`, where it is known, the shape of the smallest chunks wanted.
    `stored`: the codecs are those of a stored document, in which nothing is left open.  `part`: what is seen
    of items of `dtype`, where that is not one number; `fill` then is one such part.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: tuple[int, ...]
    fill: Element
    read: tuple[int, ...] | None = None
    stored: bool = False
    part: Part | None = None


class Sequence3(NamedTuple):
    """The constraints on each stage; `layout` None leaves the array -> bytes codec open."""

    array: tuple[Constraint, ...] = ()
    layout: Constraint | None = None
    bytes: tuple[Constraint, ...] = ()

    def to_json(self, brief: bool = False) -> list[Any]:
        """Return the JSON form; `brief` leaves out what a stored document leaves out.

        >>> parse(["gzip"]).to_json()
        [{'name': 'gzip'}]
        """
        layout = () if self.layout is None else (self.layout,)
        return [constraint.to_json(brief) for constraint in (*self.array, *layout, *self.bytes)]

    @property
    def inner(self) -> Sequence3 | None:
        """The codecs of the inner chunks, where these are sharded, as far as they are stated."""
        if self.layout is None or self.layout.name != SHARDING:
            return None
        found: Sequence3 = dict(self.layout.members).get("codecs", Sequence3())
        return found

    @property
    def innermost(self) -> Sequence3:
        """The codecs of the smallest chunks that can be read without their neighbours."""
        inner = None if self.bytes else self.inner
        return self if inner is None else inner.innermost

    def with_innermost(self, codecs: Sequence3) -> Sequence3:
        """Return these codecs with others for the smallest chunks."""
        inner = None if self.bytes else self.inner
        return codecs if inner is None else self.with_inner(inner.with_innermost(codecs))

    @property
    def _states_inner(self) -> bool:
        return self.layout is not None and "codecs" in dict(self.layout.members)

    @property
    def states_all(self) -> bool:
        """Whether the codecs of the inner chunks are stated, however deep these lie."""
        inner = self.inner
        return inner is None or (self._states_inner and inner.states_all)

    def with_inner(self, inner: Sequence3) -> Sequence3:
        """Return these sharded codecs with others for the inner chunks."""
        assert self.layout is not None
        members = {**dict(self.layout.members), "codecs": inner}
        return self._replace(layout=Constraint(SHARDING, tuple(sorted(members.items()))))

    @property
    def height(self) -> int:
        """How many shardings there are one in the other."""
        return 0 if self.inner is None else 1 + self.inner.height

    def _permutations(self, rank: int) -> list[tuple[int, ...]]:
        found = (each for each in self.array if _declaration(each.name).stage == ARRAY)
        return [_resolved(constraint, rank)[1] for constraint in found]

    def order(self, rank: int) -> tuple[int, ...]:
        """Return the order of the dimensions in the smallest chunks: all transposes, one after the other."""
        found = tuple(range(rank))
        part: Sequence3 | None = self
        while part is not None:
            for permutation in part._permutations(rank):
                found = tuple(found[axis] for axis in permutation)
            part = None if part.bytes else part.inner
        return found

    def check_rank(self, rank: int) -> None:
        """Raise InvalidArgument unless all that is stated fits arrays of that many dimensions."""
        for constraint in self.array:
            if _declaration(constraint.name).stage == ARRAY:
                _resolved(constraint, rank, "Error propagating data type and shape")
        inner = self.inner
        if inner is not None:
            assert self.layout is not None
            shape = dict(self.layout.members).get("chunk_shape")
            shown = binding.dumps(self.layout.to_json(brief=True))
            with binding.at(f"Error propagating chunk layout through codec {shown}: "):
                if shape is not None and len(shape) != rank:
                    raise InvalidArgument(
                        f"sharding_indexed sub-chunk shape of {braced(shape)} is not compatible with array "
                        f"of rank {rank}"
                    )
                inner.check_rank(rank)

    def read_shape(self, rank: int) -> tuple[int, ...] | None:
        """Return the shape of the smallest chunks, where that is stated: in the array's own dimensions.

        Raises:
            InvalidArgument: a chunk shape is of another rank.
        """
        found, order, part = None, tuple(range(rank)), self
        while part.inner is not None and not part.bytes:
            assert part.layout is not None
            for permutation in part._permutations(rank):
                order = tuple(order[axis] for axis in permutation)
            shape = dict(part.layout.members).get("chunk_shape")
            found = None
            if shape is not None:
                if len(shape) != rank:
                    shown = binding.dumps(part.layout.to_json(brief=True))
                    raise InvalidArgument(
                        f"Error propagating chunk layout through codec {shown}: sharding_indexed sub-chunk "
                        f"shape of {braced(shape)} is not compatible with array of rank {rank}"
                    )
                sizes = dict(zip(order, shape, strict=True))
                found = tuple(sizes[dim] for dim in range(rank))
            part = part.inner
        return found

    def merge(self, other: Sequence3, strict: bool = False) -> Sequence3:
        """Return both in one; unless `strict`, no array -> array codecs go with any.

        Unless `strict`, codecs without sharding also go with the inner chunks' of those that have it.

        Raises:
            FailedPrecondition: they contradict each other.
        """
        if not strict:
            mine, theirs = self.inner, other.inner
            if mine is not None and self.height > other.height and not (self.array or self.bytes):
                return self.with_inner(mine.merge(other) if self._states_inner else other)
            if theirs is not None and other.height > self.height and not (other.array or other.bytes):
                return other.with_inner(theirs.merge(self) if other._states_inner else self)
        if not strict and not (self.array and other.array):
            array = self.array or other.array
        else:
            array = _merged_stage(self.array, other.array, ARRAY)
        layout = self.layout or other.layout
        if self.layout and other.layout:
            merge = _declaration(self.layout.name).merge
            if merge is None or self.layout.name != other.layout.name:
                layout = merged(self.layout, other.layout)
            else:
                layout = merge(self.layout, other.layout, strict)
        return Sequence3(array, layout, _merged_stage(self.bytes, other.bytes, BYTES))

    def resolve(
        self,
        dtype: np.dtype[Any],
        chunk_shape: tuple[int, ...],
        fill: Element | None = None,
        read: tuple[int, ...] | None = None,
        stored: bool = False,
        part: Part | None = None,
    ) -> tuple[Sequence3, CodecChain]:
        """Return the sequence with nothing left open, and the chain for chunks of a shape and type.

        `fill` is one native element, that of which missing inner chunks are made (zeros where None);
        `read` the shape of inner chunks for which none is stated; `part` what is seen of each item.

        Raises:
            InvalidArgument: a codec cannot take its input, or a chunk has more than 2**63 bytes.
        """
        order = tuple(range(len(chunk_shape)))
        element = bytes(dtype.itemsize) if fill is None else fill
        return self.resolved(Given(dtype, chunk_shape, order, element, read, stored, part))

    def resolved(self, given: Given) -> tuple[Sequence3, CodecChain]:
        """Return what `resolve` does, for what comes from the codecs before."""
        dtype, chunk_shape, rank, order = given.dtype, given.shape, len(given.shape), given.order
        array, filters, kind = [], [], dtype
        for constraint in self.array:
            if _declaration(constraint.name).stage == FILTER:
                settled, made = _resolved(constraint, kind)
                filters.append(made)
                kind = np.dtype(made.encoded)
            else:
                if not all(each.alone for each in filters):
                    raise Unfit(f"no transpose may follow the {filters[-1].name} filter")
                settled, permutation = _resolved(constraint, rank)
                order = tuple(order[axis] for axis in permutation)
            array.append(settled)
        layout, made = _resolved(self.layout or Constraint("bytes"), given._replace(order=order, dtype=kind))
        if prod(chunk_shape) * dtype.itemsize > 2**63 - 1:
            raise InvalidArgument(
                f"Integer overflow computing encoded size of array of shape {braced(chunk_shape)}"
            )
        if filters and dtype.type is np.void:
            raise Unfit(f"the {filters[-1].name} filter applies to numbers, not to items of several")
        plain, packed = isinstance(made, np.dtype), hasattr(made, "encoded_size")
        if filters and not (plain or packed):
            raise Unfit(f"the {filters[-1].name} filter must be among the codecs of the inner chunks")
        last, steps = [], []
        itemsize: int | None = None if not plain else 1 if dtype.type is np.void else kind.itemsize
        for constraint in self.bytes:
            settled, step = _resolved(constraint, itemsize)
            last.append(settled)
            steps.append(step)
            itemsize = None
        byte_codecs: tuple[ByteCodec, ...] = tuple(steps)
        if packed or filters:
            if not packed and made.byteorder != kind.byteorder:
                filters.append(Swap(made.itemsize // (2 if made.kind == "c" else 1)))
            byte_codecs = (*filters, *((made,) if packed else ()), *byte_codecs)
            made = dtype
        if given.part is not None:
            chain = _partial(given._replace(order=order), layout, made, byte_codecs)
        elif isinstance(made, np.dtype):
            chain = CodecChain(chunk_shape, dtype, made, order, byte_codecs)
        else:
            chain = CodecChain(chunk_shape, dtype, dtype, order, byte_codecs, made)
        return Sequence3(tuple(array), layout, tuple(last)), chain


def _partial(given: Given, layout: Constraint, made: Any, steps: tuple[ByteCodec, ...]) -> CodecChain:
    """Return the chain of chunks of items of which a part is seen, and its dimensions after the others."""
    part, rank = given.part, len(given.shape)
    assert part is not None
    shape = (*given.shape, *part.inner)
    order = (*given.order, *range(rank, len(shape)))
    if not isinstance(made, np.dtype):
        one = (1,) * len(part.inner)
        sharding = replace(made, grid=(*made.grid, *one), order=(*made.order, *range(rank, len(shape))))
        return CodecChain(shape, part.dtype, part.dtype, order, steps, sharding)
    big = dict(layout.members).get("endian") == "big"
    if part.nbytes != made.itemsize:
        blank = np.frombuffer(part.blank, given.dtype).astype(made).tobytes()
        steps = (FieldStep(part.offset, part.nbytes, blank), *steps)
    return CodecChain(shape, part.dtype, in_byte_order(part.dtype, big), order, steps)


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
        declared = _declaration(name)
    with binding.at_member("configuration"):
        constraint = declared.parse(binding.mapping(found.get("configuration", {})), stored)
        members = dict(constraint.members)
        if name == "blosc" and members.get("shuffle") == "noshuffle":
            rest = tuple((member, value) for member, value in constraint.members if member != "typesize")
            constraint = Constraint(name, rest)  # nothing is shuffled, whatever the size of elements
        elif stored and name == "blosc" and "typesize" not in members:
            with binding.at_member("typesize"):
                raise InvalidArgument("Expected integer in the range [1, 255], but received: <discarded>")
    binding.members(found, ("name", "configuration"))
    return declared, constraint


def _declaration(name: str) -> Declaration:
    try:
        return declaration("codecs.zarr3", name)
    except KeyError:
        raise InvalidArgument(f"{binding.quoted(name)} is not registered") from None


def _resolved(
    constraint: Constraint, given: Any, failing: str = "Error resolving codec spec"
) -> tuple[Constraint, Any]:
    try:
        return _declaration(constraint.name).resolve(constraint, given)
    except Unfit:
        raise
    except TegulaError as error:
        shown = binding.dumps(constraint.to_json(brief=True))
        raise annotated(error, f"{failing} through codec {shown}: ") from None


def _merged_stage(a: tuple[Constraint, ...], b: tuple[Constraint, ...], stage: str) -> tuple[Constraint, ...]:
    if len(a) != len(b):
        first, second = (binding.dumps([constraint.to_json() for constraint in side]) for side in (a, b))
        raise FailedPrecondition(
            f"Cannot merge zarr codec constraints {first} and {second}: "
            f"Mismatch in number of {stage} codecs ({len(a)} vs {len(b)})"
        )
    pairs = zip(a, b, strict=True)
    return tuple(merged(*aligned(x, y), shown=(x, y)) if stage == ARRAY else merged(x, y) for x, y in pairs)
