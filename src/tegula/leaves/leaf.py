"""The leaf: what a store must be able to do, and the rules of bytes that every store shares.

Knows: the four storage effects, what a leaf may do natively, and how a byte range fits a value.
Must not know: any store, any interpreter, any cache.

A leaf answers `Read`, `Write`, `List` and `DeleteRange`, in the calling thread and to the end; it
may be called from many threads at once.  A leaf that has `read_many`, `write_many` or `children` answers
those natively (`reads_many`, `writes_many` find them).  Law: native equals expanded, row by row; and the
error of a block is the error of its lowest failing row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from tegula.effects.effect import Effect
from tegula.effects.storage import (
    DeleteRange,
    List,
    Listing,
    Read,
    ReadColumns,
    ReadMany,
    ReadOutcome,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
    outside,
)
from tegula.kv.spec import ByteRange, KeyRange

__all__ = ["Leaf", "Single", "reads_many", "span", "writes_many"]


class Leaf(Protocol):
    """A store that answers single-key effects by touching the world."""

    local: bool
    """Whether reading a value or a listing is cheap enough for the caller's own thread."""

    local_writes: bool
    """Whether writing is, too: false where a write waits for a disk or a network."""

    conditional_writes: bool
    """Whether `Write.if_equal` is atomic: no other writer can come between check and write."""

    def perform(self, effect: Effect[Any], /) -> Any:
        """Answer a `Read`, `Write`, `List` or `DeleteRange`.

        Raises:
            TegulaError: as the effect's own documentation says.
            TypeError: the effect is none of the four.
        """
        ...

    def describe(self, key: str, /) -> str:
        """Return how an error names the value of `key`, e.g. ``local file "/tmp/x/zarr.json"``."""
        ...


class Single:
    """What leaves share that have a method for each effect of one key, and of a range of keys.

    >>> from tegula.leaves.memory import MemoryLeaf
    >>> issubclass(MemoryLeaf, Single)
    True
    """

    def perform(self, effect: Effect[Any]) -> Any:
        """Answer a single-key or range effect.

        Raises:
            TypeError: it is none.
        """
        if isinstance(effect, Read):
            return self._answer_read(effect)
        if isinstance(effect, Write):
            return self._answer_write(effect)
        if isinstance(effect, List):
            return self._list(effect.range)
        if isinstance(effect, DeleteRange):
            return self._delete_range(effect.range)
        raise TypeError(f"a store cannot answer {effect!r}")

    if TYPE_CHECKING:

        def _answer_read(self, effect: Read) -> ReadOutcome: ...
        def _answer_write(self, effect: Write) -> WriteOutcome: ...
        def _list(self, wanted: KeyRange) -> Listing: ...
        def _delete_range(self, wanted: KeyRange) -> None: ...


def reads_many(leaf: Leaf) -> Callable[[ReadMany], ReadColumns] | None:
    """Return the leaf's native `ReadMany`, or None where it has none."""
    return cast("Callable[[ReadMany], ReadColumns] | None", getattr(leaf, "read_many", None))


def writes_many(leaf: Leaf) -> Callable[[WriteMany], WriteColumns] | None:
    """Return the leaf's native `WriteMany`, or None where it has none."""
    return cast("Callable[[WriteMany], WriteColumns] | None", getattr(leaf, "write_many", None))


def span(wanted: ByteRange, size: int) -> tuple[int, int]:
    """Return the start and stop in bytes of a range of a value of `size` bytes; nothing is clamped.

    Raises:
        OutOfRange: the range does not fit the value.

    >>> span(ByteRange(-4), 10)
    (6, 10)
    >>> span(ByteRange(5, 50), 10)
    Traceback (most recent call last):
        ...
    tegula.errors.OutOfRange: OUT_OF_RANGE: Requested byte range [5, 50) is not valid for value of size 10
    """
    start, stop = wanted
    first = start + size if start < 0 else start
    last = size if stop is None else stop
    if 0 <= first <= last <= size:
        return first, last
    raise outside(wanted, size)
