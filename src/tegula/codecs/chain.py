"""The chain: how the elements of one chunk become the bytes of one stored value, and back.

What this file knows: the chunk's shape, its element type, in which order and byte order its elements
are laid down, and which byte codecs follow.  What it must not know: metadata documents, keys, fill
values, views.

A chain is three things in a row, whatever a document calls them: a permutation of dimensions
(`order`), a layout of elements (`stored_dtype`), and byte codecs (`steps`).  Where the chunk is a shard
(`shard`), the layout is a table of inner chunks, each with a chain of its own; then `order` is only how
the decoded chunk lies in memory, and `steps` apply to the shard as a whole.

Of a chunk that reaches over the edge of its array, some formats store only what lies inside: then `corner`
is the chain of that, and what is not stored reads as zero.

`finest` is the chain of the smallest chunks that can be read without their neighbours: the chain itself,
or that of the inner chunks of a shard that no byte codec is wrapped around; `levels` are the shardings
on the way there.

Laws:
    decode(encode(a)) == a
    the result of decode_bytes is exactly `nbytes` long
    decode is decode_bytes and then a view: elements are copied only where the byte order is not native
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tegula.codecs.codec import SLACK, Buffer, ByteCodec, Take, destination, not_enough, too_much
from tegula.codecs.field import FieldStep
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.record import Record, derived

if TYPE_CHECKING:
    from tegula.codecs.shard import Level, Sharding

__all__ = ["CodecChain"]

_BOOL = np.dtype(np.bool_)
_UINT8 = np.dtype(np.uint8)
_WORDS = {1: "u1", 2: "u2", 4: "u4", 8: "u8", 16: "c16"}


class CodecChain(Record):
    """How one chunk is stored.

    chunk_shape     shape of the decoded chunk
    dtype           native element type of the decoded chunk
    stored_dtype    the same with the byte order of the stored elements
    order           the stored elements are the C-contiguous array of shape `chunk_shape` permuted by
                    `order`: the identity for C, reversed for Fortran
    steps           byte codecs, in the order of encoding
    shard           how the chunk is cut into inner chunks, None where it is not
    corner          how the chunk's lower corner is stored, where nothing else is; then there are no `steps`
    nbytes          size of the decoded chunk in bytes
    raw             neither byte codec, shard nor corner: the stored bytes are the elements
    light           decoding takes about as long as copying
    whole           the index of all elements, as `plan.gather` has it, where they are decoded in that order;
                    None where they are not, or not decoded at all
    swap            the stored byte order is not the native one

    >>> import numpy as np
    >>> chain = CodecChain((2, 3), np.dtype("int16"), np.dtype(">i2"), (1, 0))
    >>> chain.encode(np.arange(6, dtype="int16").reshape(2, 3)).hex(" ", 2)
    '0000 0003 0001 0004 0002 0005'
    >>> chain.decode(bytes(range(12)))[1, 0]
    np.int16(515)
    """

    chunk_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stored_dtype: np.dtype[Any]
    order: tuple[int, ...]
    steps: tuple[ByteCodec, ...] = ()
    shard: Sharding | None = None
    corner: CodecChain | None = None
    nbytes: int = derived()
    raw: bool = derived()
    light: bool = derived()
    swap: bool = derived()
    finest: CodecChain = derived()
    levels: tuple[Level, ...] = derived()
    whole: tuple[Any, ...] | None = derived()
    _stored_shape: tuple[int, ...] = derived()
    _axes: tuple[int, ...] | None = derived()
    _sizes: tuple[int | None, ...] = derived()
    _word: np.dtype[Any] = derived()
    _part: np.dtype[Any] = derived()
    _boolean: bool = derived()

    def __post_init__(self) -> None:
        put = object.__setattr__
        nbytes = prod(self.chunk_shape) * self.stored_dtype.itemsize
        put(self, "nbytes", nbytes)
        shard = self.shard
        put(self, "raw", not self.steps and shard is None and self.corner is None)
        put(self, "finest", self if shard is None or self.steps else shard.inner.finest)
        put(self, "levels", () if shard is None else _levels(self))
        in_order = self.order == tuple(range(len(self.order))) and len(self.order) > 0
        every = (*(slice(0, side, 1) for side in self.chunk_shape), ...)
        put(self, "whole", every if in_order and not self.raw else None)
        put(self, "swap", not self.stored_dtype.isnative)
        put(self, "_stored_shape", tuple(self.chunk_shape[axis] for axis in self.order))
        identity = self.order == tuple(range(len(self.order)))
        inverse = tuple(sorted(range(len(self.order)), key=self.order.__getitem__))
        put(self, "_axes", None if identity else inverse)
        size = self.stored_dtype.itemsize
        word = np.dtype(_WORDS[size])
        put(self, "_word", word)  # what moves an element whole
        part = np.dtype(_WORDS[size // 2]) if self.dtype.kind == "c" else word
        put(self, "_part", part)  # what has a byte order: the halves of a complex number
        sizes: list[int | None] = [nbytes if shard is None else None]
        if self.corner is not None:
            sizes = [self.corner.stored_size]
        for step in self.steps:
            previous = sizes[-1]
            sizes.append(None if previous is None else step.encoded_size(previous))
        put(self, "_sizes", tuple(sizes))
        quick = all(
            size is not None or getattr(step, "light", False)
            for step, size in zip(self.steps, sizes[1:], strict=True)
        )
        put(self, "light", quick and shard is None and (self.corner is None or self.corner.light))
        put(self, "_boolean", self.dtype == _BOOL)

    @property
    def field(self) -> FieldStep | None:
        """The step of a chunk that holds more than its elements, None where it holds nothing else."""
        if self.shard is not None:
            return self.shard.inner.field
        return self.steps[0] if self.steps and isinstance(self.steps[0], FieldStep) else None

    def encode_into(self, words: NDArray[Any], stored: Buffer | None, drop: bool) -> Buffer | None:
        """Return the stored bytes of a chunk whose elements are one `field` of what it holds.

        The rest stays as in `stored` (None: blank).  None where all is blank and `drop` allows it.
        """
        if self.shard is not None:
            return self._shard_into(words, stored, drop)
        field = self.field
        assert field is not None
        flat = words.view(self._part)
        data = (flat.byteswap() if self.swap else flat).view(_UINT8).data
        blank = field.blank * (self.nbytes // field.size)
        items: Buffer = blank
        if stored is not None:
            items = self._decode_steps(stored, None, 1)
        made: Buffer = field.over(data, items)
        if drop and made == blank:
            return None
        for step in self.steps[1:]:
            made = step.encode(made)
        return made

    def _shard_into(self, words: NDArray[Any], stored: Buffer | None, drop: bool) -> Buffer | None:
        """Do what `encode_into` does to each inner chunk of a shard."""
        assert self.shard is not None
        if stored is not None and self.steps:
            stored = self._decode_steps(stored, None)
        made = self.shard.merged(self.array_of(words), stored, drop)
        for step in self.steps if made is not None else ():
            assert made is not None
            made = step.encode(made)
        return made

    @property
    def foreign(self) -> bool:
        """Whether a user has written any of the codecs."""
        if any(getattr(step, "foreign", False) for step in self.steps):
            return True
        within = self.corner if self.shard is None else self.shard.inner
        return within is not None and within.foreign

    @property
    def joint(self) -> bool:
        """Whether several chunks may be decoded together: `slab`."""
        return self._alone and hasattr(self.steps[0], "decode_all")

    @property
    def direct(self) -> bool:
        """Whether several chunks may be decoded to where they belong: `decode_rows`."""
        plain = self._alone and not self.swap and not self._boolean
        return plain and hasattr(self.steps[0], "decode_rows")

    @property
    def joint_encoding(self) -> bool:
        """Whether several chunks may be encoded by one call: `encode_all`."""
        return self._alone and hasattr(self.steps[0], "encode_all")

    @property
    def _alone(self) -> bool:
        """Whether one byte codec makes the stored bytes of the elements."""
        return len(self.steps) == 1 and self.shard is None and self.corner is None

    @property
    def word(self) -> np.dtype[Any]:
        """The type of the words that a transfer moves."""
        return self._word

    @property
    def stored_size(self) -> int | None:
        """The exact size of every stored chunk in bytes, None where it depends on the elements."""
        return self._sizes[-1]

    @property
    def most(self) -> int:
        """How many bytes a stored chunk may have before it is refused without being read."""
        size = self.stored_size
        if size is not None:
            return size
        if self.corner is not None:
            return self.corner.most
        return 2 * max(each or 0 for each in (self.nbytes, *self._sizes)) + SLACK + self._tables

    @property
    def _tables(self) -> int:
        """How many bytes the indices of the shards in a chunk have."""
        shard = self.shard
        return 0 if shard is None else shard.index_bytes + shard.entries * shard.inner._tables

    def decode_bytes(self, data: Buffer, out: memoryview | None = None) -> Buffer:
        """Undo the byte codecs: return the stored elements, exactly `nbytes` bytes.

        `out`, where given, must be writable, contiguous and `nbytes` long.  Where the last codec can
        decode in place it is filled and returned; otherwise the result is another buffer (for a raw
        chain, `data` itself).

        Raises:
            FailedPrecondition: the bytes are not a valid encoding of one chunk.
            DataLoss: a checksum does not match.
        """
        steps = self.steps
        if self.shard is not None:
            return self._decode_shard(data, out)
        if self.corner is not None:
            return self._decode_corner(data, out)
        if not steps:
            if len(data) != self.nbytes:
                raise self._wrong_size(len(data))
        elif len(steps) == 1:
            data = steps[0].decode(data, self.nbytes, True, out)
        else:
            data = self._decode_steps(data, out)
        if self._boolean:
            _check_bools(data)
        return data

    def _decode_shard(self, data: Buffer, out: memoryview | None) -> Buffer:
        assert self.shard is not None
        if self.steps:
            data = self._decode_steps(data, None)
        if out is None:
            out = destination(self.nbytes)
        self.shard.assemble(data, self.array_of(np.frombuffer(out, self._word)))
        return out

    def _decode_corner(self, data: Buffer, out: memoryview | None) -> Buffer:
        assert self.corner is not None
        kept = self.corner.array_of(np.frombuffer(self.corner.decode_bytes(data), self._word))
        if out is None:
            out = destination(self.nbytes)
        chunk = self.array_of(np.frombuffer(out, self._word))
        chunk[...] = np.zeros((), chunk.dtype)
        chunk[self._kept] = kept  # in the stored byte order, both
        return out

    @property
    def _kept(self) -> tuple[slice, ...]:
        assert self.corner is not None
        return tuple(map(slice, self.corner.chunk_shape))

    def _wrong_size(self, length: int) -> FailedPrecondition:
        if length < self.nbytes:
            return not_enough(self.nbytes, length, f"; at byte {length}")
        return too_much(length - self.nbytes, f"; at byte {self.nbytes}")

    def _decode_steps(self, data: Buffer, out: memoryview | None, first: int = 0) -> Buffer:
        """Undo the byte codecs from the last to the one numbered `first`."""
        for index in range(len(self.steps) - 1, first - 1, -1):
            size = self._sizes[index]
            if size is None:
                # a field's chunk holds more than its elements
                most = max(each or 0 for each in (self.nbytes, *self._sizes))
                data = self.steps[index].decode(data, most + self._tables + SLACK, False, None)
            else:
                data = self.steps[index].decode(data, size, True, None if index else out)
        return data

    def decode(self, data: Buffer, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the chunk as an array of `chunk_shape` and native `dtype`.

        The array may be read-only, may share memory with `data` and need not be C-contiguous.  `out`, which
        is C-contiguous and `nbytes` long, is spoilt: where the codec can decode into it, the result is there.

        Raises:
            FailedPrecondition: the bytes are not a valid encoding of one chunk.
            DataLoss: a checksum does not match.
        """
        room = None if out is None else out.reshape(-1).view(_UINT8).data
        array = np.frombuffer(self.decode_bytes(data, room), _UINT8).view(self.stored_dtype)
        if self.swap:
            array = array.astype(self.stored_dtype.newbyteorder("="))
        array = array.view(self.dtype)
        array = array.reshape(self._stored_shape)
        return array if self._axes is None else array.transpose(self._axes)

    def words(self, data: Buffer, scratch: NDArray[np.uint8] | None = None) -> NDArray[Any]:
        """Return the elements as stored, one native word each: what a transfer moves; shape (elements,).

        `scratch` (uint8, at least `nbytes` long) may be used for the result, which then lasts until its
        next use.  The result may also share memory with `data`.
        """
        out = None if scratch is None or self.raw else scratch.data
        flat = np.frombuffer(self.decode_bytes(data, out), self._part)
        if self.swap:
            flat = flat.byteswap()
        return flat if self._part is self._word else flat.view(self._word)

    def slab(self, values: Sequence[Buffer]) -> NDArray[Any] | None:
        """Return the words of several chunks, shape (chunks, elements), decoded by one call of the codec.

        None where the codec has no such call, or cannot do it here: then each is decoded by itself, which
        also finds what is wrong with one.
        """
        found = self.steps[0].decode_all(values, self.nbytes) if self.joint else None  # type: ignore[attr-defined]
        if found is None:
            return None
        if self._boolean and found.max() > 1:
            return None
        flat = found.view(self._part)
        if self.swap:
            flat = flat.byteswap()
        words: NDArray[Any] = flat.view(self._word).reshape(len(values), -1)
        return words

    def decode_rows(self, values: Sequence[Buffer], targets: NDArray[np.int64]) -> bool:
        """Decode several chunks, each to an address of its own, as the words that `words` returns.

        False, with what is there spoilt, where the codec has no call for that, or cannot do it here.
        """
        if not self.direct:
            return False
        found: bool = self.steps[0].decode_rows(values, self.nbytes, targets)  # type: ignore[attr-defined]
        return found

    def array_of(self, words: NDArray[Any]) -> NDArray[Any]:
        """Return the chunk, shape `chunk_shape`, as a view of its words."""
        array = words.view(self.dtype).reshape(self._stored_shape)
        return array if self._axes is None else array.transpose(self._axes)

    def words_of(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the words of a chunk given as an array of its shape: the inverse of `array_of`."""
        if self._axes is not None:
            array = array.transpose(self.order)
        return np.ascontiguousarray(array).reshape(-1).view(self._word)

    def encode_words(self, words: NDArray[Any], keep: bool = False, take: Take | None = None) -> Buffer:
        """Return the stored bytes of a chunk given as its words: the inverse of `words`.

        Of a shard, unless `keep`, the inner chunks that equal the fill value are left out.  The bytes may lie
        in memory that `take` gives.
        """
        data: Buffer
        if self.corner is not None:
            return self.corner.encode_words(self.kept(words), keep, take)
        if self.shard is not None:
            data = self.shard.disassemble(self.array_of(words), keep)
        else:
            flat = words.view(self._part)
            if self.swap:
                flat = flat.byteswap()
            data = flat.view(_UINT8).data
        last = len(self.steps) - 1
        for number, step in enumerate(self.steps):
            into = getattr(step, "encode_into", None) if take is not None and number == last else None
            data = step.encode(data) if into is None else into(data, take)
        return data

    def encode_all(
        self,
        slab: NDArray[Any],
        unit: NDArray[Any] | None = None,
        keep: bool = False,
        take: Take | None = None,
    ) -> list[Buffer | None]:
        """Return the stored bytes of several chunks given as their words, shape (chunks, elements).

        None for a chunk of which every word is the one of `unit`, if given.  By one call of the codec where
        it has one; `keep` and `take` as for `encode_words`.
        """
        rows = self._others(slab, unit) if unit is not None else range(len(slab))
        made: Sequence[Buffer] | None = None
        if self.joint_encoding and slab.flags.c_contiguous:
            some = slab if len(rows) == len(slab) else slab[list(rows)]
            flat = some.view(self._part)
            if self.swap:
                flat = flat.byteswap()
            made = self.steps[0].encode_all(flat.view(_UINT8))  # type: ignore[attr-defined]
        if made is None:
            made = [self.encode_words(slab[row], keep, take) for row in rows]
        if len(rows) == len(slab):
            return list(made)
        found: list[Buffer | None] = [None] * len(slab)
        for row, value in zip(rows, made, strict=True):
            found[row] = value
        return found

    @staticmethod
    def _others(slab: NDArray[Any], unit: NDArray[Any]) -> Sequence[int]:
        """Return the rows that are not all `unit`."""
        from tegula.kernels.fill import all_equal

        size = slab.itemsize
        first, word = slab[:, :1].tobytes(), unit.tobytes()
        if word not in first:
            return range(len(slab))
        return [
            row
            for row in range(len(slab))
            if first[row * size : (row + 1) * size] != word or not all_equal(slab[row], unit)
        ]

    def kept(self, words: NDArray[Any]) -> NDArray[Any]:
        """Return those words of a chunk that are stored: all, or those of its corner."""
        if self.corner is None:
            return words
        return self.corner.words_of(self.array_of(words)[self._kept])

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the stored bytes of a chunk of `chunk_shape`, of any strides and byte order.

        Raises:
            InvalidArgument: `array` has another shape.
        """
        if array.shape != self.chunk_shape:
            raise InvalidArgument(f"Chunk of shape {array.shape} given where {self.chunk_shape} is stored")
        if self.corner is not None:
            return self.corner.encode(array[self._kept])
        if self.shard is not None:
            return self.encode_words(self.words_of(np.asarray(array, self.dtype)))
        if self._axes is not None:
            array = array.transpose(self.order)
        array = np.asarray(array, dtype=self.dtype, order="C")
        if self.swap:
            array = array.view(self.stored_dtype.newbyteorder("=")).astype(self.stored_dtype)
        if not self.steps:
            return array.tobytes()
        data: Buffer = array.reshape(-1).view(_UINT8).data
        for step in self.steps:
            data = step.encode(data)
        return data


def _levels(chain: CodecChain) -> tuple[Level, ...]:
    from tegula.codecs.shard import levels

    return levels(chain)


def _check_bools(data: Buffer) -> None:
    values = np.frombuffer(data, _UINT8)
    if values.size and values.max() > 1:
        where = int((values > 1).argmax())
        raise FailedPrecondition(f"Invalid bool value: {values[where]}; at byte {where}")
