"""Storage effects: one key (`Read`, `Write`, `List`, `DeleteRange`) and blocks of keys.

`Origin`, `ListPage` and `Tried` are for stores that are far away: they let a program settle a write whose
answer was lost, list by pages, and ask again for the rows of a block that failed.

`ReadMany` and `WriteMany` mean *all of the single effects, in any order*, `Splice` a `Read` and a `Write`;
a leaf may answer them natively, and the law "native equals expanded" is tested for each that does. Expected
outcomes are values: a missing key, an unchanged value and a refused condition are answers, not exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from tegula.effects.effect import Call, Effect, Program
from tegula.errors import OutOfRange, TegulaError
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, StoreRef
from tegula.record import Record

__all__ = [
    "UNCHANGED",
    "Buffer",
    "Children",
    "Decoded",
    "DecodedColumns",
    "DeleteRange",
    "List",
    "ListPage",
    "Listing",
    "Loaded",
    "Once",
    "Origin",
    "Page",
    "Provenance",
    "Read",
    "ReadColumns",
    "ReadMany",
    "ReadOutcome",
    "Remembered",
    "Splice",
    "Tried",
    "TriedColumns",
    "Unchanged",
    "Write",
    "WriteColumns",
    "WriteMany",
    "WriteOutcome",
    "outcome",
    "outside",
    "spliced",
]

Buffer: TypeAlias = bytes | bytearray | memoryview


class Unchanged:
    """The answer of a conditional read whose value is still the one the reader has."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNCHANGED"

    def __reduce__(self) -> str:
        return "UNCHANGED"


UNCHANGED = Unchanged()


class ReadOutcome(Record):
    """Answer of `Read`: the value, or that there is none, or that the condition did not hold.

    `state` is ``"value"``, ``"missing"`` (generation `NO_VALUE`) or ``"unspecified"`` (the
    condition failed; `generation` is the current one).  `time` is when the answer was current.
    """

    state: Literal["value", "missing", "unspecified"]
    value: Buffer
    generation: bytes
    time: float


def outcome(value: Buffer | Unchanged | None, generation: bytes, time: float) -> ReadOutcome:
    """Return the answer of a `Read` that a row of `ReadColumns` is.

    >>> outcome(b"abc", b"g", 0.0).state, outcome(None, b"", 0.0).state, outcome(UNCHANGED, b"g", 0.0).state
    ('value', 'missing', 'unspecified')
    """
    if value is None:
        return ReadOutcome("missing", b"", generation, time)
    if isinstance(value, Unchanged):
        return ReadOutcome("unspecified", b"", generation, time)
    return ReadOutcome("value", value, generation, time)


class WriteOutcome(Record):
    """Answer of `Write`: the new generation, or `UNKNOWN` where the condition was refused."""

    generation: bytes
    time: float

    @property
    def applied(self) -> bool:
        """Whether the write took place."""
        return self.generation != UNKNOWN


class Listing(Record):
    """Answer of `List`: columns of whole keys and of value sizes in bytes (-1 where unknown)."""

    keys: list[str]
    sizes: list[int]


class ReadColumns(Record):
    """Answer of `ReadMany`: a value (None where missing, `UNCHANGED`) and a generation a row.

    `time` is a moment at which every row was current: the start of the block.
    """

    values: list[Buffer | Unchanged | None]
    generations: list[bytes]
    time: float


class WriteColumns(Record):
    """Answer of `WriteMany`: a generation a row, `UNKNOWN` where the condition was refused.

    `waited`: most of the time went by while no processor was at work, as it does for a disk.
    """

    generations: list[bytes]
    time: float
    waited: bool = False


class Read(Effect[ReadOutcome]):
    """Read the value of one key, or a byte range of it.

    With `if_not_equal`, the value is only wanted if its generation differs from that; with
    `if_equal`, only if it is that.
    """

    store: StoreRef
    key: str
    byte_range: ByteRange | None = None
    if_not_equal: bytes = UNKNOWN
    if_equal: bytes = UNKNOWN


class Write(Effect[WriteOutcome]):
    """Write the value of one key (None deletes it), only if its generation is `if_equal` where given.

    A store whose answers can get lost keeps `stamp` beside the value, so that `Origin` tells this write
    from every other; the others ignore it.
    """

    store: StoreRef
    key: str
    value: Buffer | None
    if_equal: bytes = UNKNOWN
    stamp: bytes = b""


class Splice(Effect[WriteOutcome]):
    """Write a value made of bytes and of ranges of the one that the key has now, of generation `if_equal`.

    Refused where the key has another by now.  `parts` follow each other; a `ByteRange` has both ends and
    lies in the value.  Nobody need hold what is only moved.
    """

    store: StoreRef
    key: str
    parts: Sequence[Buffer | ByteRange]
    if_equal: bytes


def spliced(parts: Sequence[Buffer | ByteRange], value: Buffer) -> bytes:
    """Return the value that a `Splice` writes over `value`.

    Raises:
        OutOfRange: a range does not lie in it.

    >>> spliced([b"<", ByteRange(1, 3), b">"], b"0123")
    b'<12>'
    """
    view = memoryview(value)
    found: list[Buffer] = []
    for part in parts:
        if isinstance(part, ByteRange):
            start, stop = part
            if stop is None or not 0 <= start <= stop <= len(view):
                raise outside(part, len(view))
            found.append(view[start:stop])
        else:
            found.append(part)
    return b"".join(found)


def outside(wanted: ByteRange, size: int) -> OutOfRange:
    """Return the error of a range that does not fit a value of `size` bytes."""
    shown = "?" if wanted.stop is None else str(wanted.stop)
    return OutOfRange(f"Requested byte range [{wanted.start}, {shown}) is not valid for value of size {size}")


class Provenance(Record):
    """Answer of `Origin`: the current generation, the stamp of the write that made it (empty: unknown), and
    the condition of that write (`UNKNOWN`: it had none, or nobody knows).
    """

    generation: bytes
    stamp: bytes = b""
    condition: bytes = UNKNOWN


class Origin(Effect[Provenance]):
    """Ask which write made the value that a key has now."""

    store: StoreRef
    key: str


class List(Effect[Listing]):
    """List the keys in a range, in no particular order."""

    store: StoreRef
    range: KeyRange


class Children(Effect[list[str]]):
    """Name what is directly below `prefix` (which ends in a slash, or is empty), in byte order.

    Means: of every key that `List` finds below the prefix, what comes before its next slash, with that
    slash.  So a name that ends in a slash is one that keys lie below.
    """

    store: StoreRef
    prefix: str


class Page(Record):
    """Answer of `ListPage`: some keys, and the token of the page that follows (empty: none does).

    `folders` are what keys begin with that were not listed each, up to their next delimiter and with it.
    """

    listing: Listing
    token: str
    folders: Sequence[str] = ()


class ListPage(Effect[Page]):
    """List one page of the keys in a range; `token` is empty, or what the page before says.

    With a `delimiter`, the range is that of a prefix, and keys that have the delimiter behind the prefix may
    be answered as a folder.
    """

    store: StoreRef
    range: KeyRange
    token: str = ""
    delimiter: str = ""


class DeleteRange(Effect[None]):
    """Delete all keys in a range; neither atomic nor ordered."""

    store: StoreRef
    range: KeyRange


class ReadMany(Effect[ReadColumns]):
    """Read a block of keys of one store: all of the `Read`s, in any order.

    `ranges` and `if_not_equal` are columns as long as `keys`, or None for none.
    """

    store: StoreRef
    keys: Sequence[str]
    ranges: Sequence[ByteRange | None] | None = None
    if_not_equal: Sequence[bytes] | None = None


class WriteMany(Effect[WriteColumns]):
    """Write a block of keys of one store: all of the `Write`s, in any order.

    `if_equal` is a column as long as `keys`, or None for unconditional writes; `stamps` is one, or None.
    `decoded` tells a cache what the values mean, so that it need not read them back; it changes nothing else.
    """

    store: StoreRef
    keys: Sequence[str]
    values: Sequence[Buffer | None]
    if_equal: Sequence[bytes] | None = None
    stamps: Sequence[bytes] | None = None
    decoded: DecodedColumns | None = None


class Once(Effect[Any]):
    """Do a storage effect as the store itself does it: once, without what a session puts in front."""

    effect: Effect[Any]


class TriedColumns(Record):
    """Answer of `Tried`: the columns, and the errors of the rows that have no answer, by row number."""

    columns: Any
    errors: Mapping[int, TegulaError]


class Tried(Effect[TriedColumns]):
    """Do a block (`ReadMany` or `WriteMany`) whose rows may fail one by one."""

    block: ReadMany | WriteMany


class DecodedColumns(Record, eq=False):
    """What the values of a `WriteMany` are as chunks: row i is the cell ``cells[i]`` of `array`.

    `words` are its elements as stored (None: there is no chunk), not to be written to; `cache` stands for
    the pool that may keep them.
    """

    array: Any
    cells: Any
    words: Sequence[Any]
    cache: object


class Loaded(Record, eq=False):
    """A block of chunks as a `Decoded.load` answers: words (None: missing; `UNCHANGED`) and generations.

    `time` is a moment at which every row was current.
    """

    words: list[Any]
    generations: list[bytes]
    time: float


class Decoded(Effect[list[Any]], eq=False):
    """The decoded chunks of a block of cells, shared with whoever asks for the same.

    `array` names the chunks: it is hashable, compares by value and numbers cells (`numbers`).  `cells`
    int64[n, rank].  ``load.function(*load.arguments, cells, known)`` is a program that reads and decodes
    some of the cells; `known` is a column of generations that the asker has (or None), and the words of a row
    that is still of that generation are `UNCHANGED`.

    Means: the words of ``load(cells, None)``; None for a missing chunk.  A chunk known to be current at
    `recheck_before` or later may be answered from the pool that `cache` stands for.  The answer is shared: it
    must not be written to.
    """

    array: Any
    cells: Any
    load: Call[Program[Loaded]]
    cache: object
    recheck_before: float


class Remembered(Effect[list[tuple[Any, bytes] | None]], eq=False):
    """What the pool that `cache` stands for knows of some cells, however old: words and a generation each.

    `array` and `cells` are as of `Decoded`.  The words (None: no chunk) were the chunk's at that generation,
    so whoever writes on condition of it may start from them unread; they must not be written to.

    Means: nothing is known, None for each.
    """

    array: Any
    cells: Any
    cache: object
