"""The lzma codec (zarr v2, and zarr v3 as numcodecs.lzma): the containers and filters of the standard
library.

What this file knows: how to hand one chunk to LZMA, how much it may return and what its dictionary may take.

Law: as of `codec.py`.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tegula import binding
from tegula.codecs.codec import SLACK, Buffer, not_enough, too_much
from tegula.codecs.declare import BYTES, Declaration, Member, integer_member
from tegula.codecs.xz import preset_bytes
from tegula.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from tegula.record import Record
from tegula.row import NamedTuple

__all__ = ["ZARR2", "ZARR3", "Filters", "Lzma"]

_XZ, _ALONE, _RAW = 1, 2, 3
_LARGEST = 64 << 20
"""The dictionary of the highest preset, whatever the chunk."""
_OPTIONS = (
    "id",
    "preset",
    "dict_size",
    "lc",
    "lp",
    "pb",
    "mode",
    "nice_len",
    "mf",
    "depth",
    "dist",
    "start_offset",
)


class Filters(NamedTuple):
    """A chain of the library's own filters, as canonical JSON."""

    text: str

    def to_json(self, brief: bool = False) -> Any:
        """Return the JSON form."""
        del brief
        return json.loads(self.text)


class Lzma(Record):
    """LZMA in a container (`format` 1 xz, 2 the older one, 3 none), with a `preset` or a chain of `filters`.

    >>> Lzma().decode(Lzma().encode(b"abc"), 3, True, None)
    b'abc'
    """

    format: int = _XZ
    check: int = -1
    preset: int | None = None
    filters: Filters | None = None

    @property
    def _chain(self) -> Any:
        return None if self.filters is None else self.filters.to_json()

    def encoded_size(self, size: int) -> int | None:  # noqa: ARG002
        """Return None: it depends on the bytes."""
        return None

    def working(self, size: int, encoding: bool) -> int:
        """Return about how many bytes the library works in: see `codec.working`."""
        return size + preset_bytes(6 if self.preset is None else self.preset, encoding)

    def encode(self, data: Buffer) -> bytes:
        """Return `data` as one stream.

        Raises:
            InvalidArgument: the library does not know the options.
        """
        import lzma

        try:
            return lzma.compress(
                data, format=self.format, check=self.check, preset=self.preset, filters=self._chain
            )
        except (lzma.LZMAError, ValueError, TypeError) as error:
            raise InvalidArgument(f"Cannot compress with lzma: {error}") from None

    def decode(self, data: Buffer, size: int, exact: bool, out: Buffer | None) -> bytes:  # noqa: ARG002
        """Return the bytes of one stream; see `ByteCodec.decode`.

        Raises:
            ResourceExhausted: its dictionary is larger than the chunk and than those of all presets.
        """
        import lzma

        limit = max(size, _LARGEST) + SLACK
        try:
            if self.format == _RAW:
                chain = self._chain
                if any(each.get("dict_size", 0) > limit for each in chain):
                    raise ResourceExhausted(f"lzma: a dictionary of more than {limit} bytes")
                stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain)
            else:
                stream = lzma.LZMADecompressor(self.format, memlimit=limit)
            result = stream.decompress(data, size + 1)
        except (lzma.LZMAError, ValueError, TypeError, EOFError, OverflowError) as error:
            raise FailedPrecondition(f"lzma_code() failed: {error}") from None
        except MemoryError:
            raise ResourceExhausted("lzma: there is no such memory") from None
        if len(result) > size:
            raise too_much(None, f"; at uncompressed byte {size}")
        at = f"; at uncompressed byte {len(result)}"
        # what has no container need not mark its end
        if not stream.eof and not (self.format == _RAW and exact and len(result) == size):
            raise FailedPrecondition(f"Truncated lzma-compressed stream{at}")
        if exact and len(result) < size:
            raise not_enough(size, len(result), at)
        if stream.unused_data:
            raise too_much(len(stream.unused_data), at)
        return result


def _filters(value: Any) -> Filters | None:
    if value is None:
        return None
    found = []
    for index, each in enumerate(binding.array(value)):
        with binding.at_position(index):
            members = binding.mapping(each)
            binding.members(members, _OPTIONS)
            found.append({name: binding.integer(option) for name, option in members.items()})
    return Filters(json.dumps(found, sort_keys=True))


def _preset(value: Any) -> int | None:
    return None if value is None else binding.integer(value, 0, 2**32 - 1)


def _settle(members: dict[str, Any], given: object) -> tuple[dict[str, Any], Lzma]:  # noqa: ARG001
    made = Lzma(**members)
    if made.format == _RAW and made.filters is None:
        raise InvalidArgument('"filters" must be specified for format 3')
    if made.preset is not None and made.filters is not None:
        raise InvalidArgument('"preset" and "filters" are mutually exclusive')
    return members, made


_MEMBERS = (
    integer_member("format", _XZ, _RAW, _XZ, stored=False),
    Member("check", partial(binding.integer, low=-1, high=15), -1),
    Member("preset", _preset),
    Member("filters", _filters),
)
ZARR2 = Declaration("lzma", BYTES, _MEMBERS, _settle)
ZARR3 = Declaration("numcodecs.lzma", BYTES, _MEMBERS, _settle)
