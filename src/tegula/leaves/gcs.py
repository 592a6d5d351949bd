"""A store in Google Cloud Storage: a key is the name of an object in a bucket.

Knows how storage effects become exchanges, and which of them belong together.  `wire.gcs` says what is asked
and what answers mean, `connections` sends, `gcs_access` knows where and as whom.  Must not know retries,
waits or caches: whatever may be asked again is raised as `Unavailable` or `Indeterminate`.

`perform` answers in the calling thread; `begin` starts and comes back, so that a thread can look after more
requests than one.  A block is one hand-over to the connections and one back, however many rows it has.

Laws.  Native equals expanded, row by row.  A conditional write is atomic: the service checks the condition.
A value is sent with its crc32c, and a whole value that comes is checked against it.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any, ClassVar, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from tegula.effects.effect import Effect
from tegula.effects.storage import (
    UNCHANGED,
    Buffer,
    DeleteRange,
    List,
    Listing,
    ListPage,
    Origin,
    Page,
    Read,
    ReadColumns,
    ReadMany,
    ReadOutcome,
    Tried,
    TriedColumns,
    Unchanged,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
)
from tegula.errors import Indeterminate, TegulaError, Unavailable
from tegula.kv.gcs_names import check_object
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, StoreRef, describe, from_key
from tegula.leaves import connections
from tegula.leaves.exchange import Exchange, Limit, NoReply, Pace
from tegula.leaves.gcs_access import Access, endpoint, origin_of
from tegula.leaves.leaf import span
from tegula.leaves.wire import gcs as wire
from tegula.leaves.wire.http1 import Reply, head

__all__ = ["GcsLeaf"]

Answer: TypeAlias = "Reply | NoReply | TegulaError"

BASE = 32  # requests at once before latency is considered: TensorStore's limit
MOST = 512  # and half of the files that the process may have open
QUICK_BYTES = 256 << 10  # so much is copied and checked in a moment
QUICK_PAGE = 8 << 10  # so much of a listing is parsed in a moment
_PLAIN = frozenset({200, 204, 206, 304, 404, 412})

_NOTHING: Answer = Unavailable("no answer")
_Task: TypeAlias = "tuple[Sequence[str], Callable[[int], wire.Request], Callable[[list[Answer]], Any]]"

_shared: dict[int, Limit] = {}
_limits: WeakKeyDictionary[Any, Limit] = WeakKeyDictionary()
_paces: WeakKeyDictionary[Any, tuple[Pace | None, Pace | None]] = WeakKeyDictionary()
_accesses: dict[str, Access] = {}
_unique = count()
_process = ""


class _Size(Effect[Any]):
    """Ask how long a value is: (size, generation), or None where there is none."""

    store: StoreRef
    key: str


def _shared_limit() -> Limit:
    """Return the limit that stores share which have none of their own."""
    try:
        asked = int(os.environ.get("TENSORSTORE_GCS_REQUEST_CONCURRENCY", "0"))
    except ValueError:
        asked = 0
    found = _shared.get(asked)
    if found is None:
        made = Limit(asked) if asked > 0 else Limit(BASE, min(MOST, _files() // 2))
        found = _shared.setdefault(asked, made)
    return found


def _files() -> int:
    """Return how many files the process may have open, connections among them."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return 2 * MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2 * MOST if soft == resource.RLIM_INFINITY else soft


def limit_of(store: StoreRef) -> Limit:
    """Return what counts the requests of a store: one for all stores with the same resource."""
    resource: Any = store.limit
    if resource is None:
        return _shared_limit()
    found = _limits.get(resource)
    return found if found is not None else _limits.setdefault(resource, Limit(resource.limit))


def paces_of(store: StoreRef) -> tuple[Pace | None, Pace | None]:
    """Return when reads and writes of a store may start: the same for all with the same resource."""
    resource: Any = store.pace
    if resource is None:
        return None, None
    found = _paces.get(resource)
    if found is None:
        rates, doubling = resource.value, (resource.value["doubling_time"] or 0) / 1e9
        read, write = (Pace(rates[name], doubling) if rates[name] else None for name in _RATES)
        found = _paces.setdefault(resource, (read, write))
    return found


_RATES = ("read_rate", "write_rate")


class GcsLeaf:
    """Objects of one bucket.

    Options: `bucket`, `project` (who pays).  How many requests may be under way, and how fast they may start,
    is said by the reference in the effect: stores that share the resource share the count.
    """

    local = False
    local_writes = False
    conditional_writes = True
    far = True

    def __init__(self, ref: StoreRef) -> None:
        self._ref = ref
        self._bucket = str(ref.option("bucket"))
        project = ref.option("project")
        self._project = None if project is None else str(project)
        self._url = ""
        self._find()

    def _find(self) -> None:
        """See where the service is: the environment may say something else than before."""
        url = endpoint()
        if url != self._url:
            self._origin = origin_of(url)
            self._told: tuple[Any, dict[str, str]] = (None, {})  # the headers of every request, and whose
            self._access = _accesses.setdefault(url, Access(url))
            self._url = url

    def describe(self, key: str) -> str:
        return describe(self._ref, key)

    # ------------------------------------------------------------ one effect

    def perform(self, effect: Effect[Any]) -> Any:
        """Answer a storage effect and wait for it."""
        if isinstance(effect, List):
            return self._list(effect)
        if isinstance(effect, DeleteRange):
            return self._delete_range(effect)
        lock = allocate_lock()
        lock.acquire()
        ends: list[Callable[[], Any]] = []

        def ended(end: Callable[[], Any], _: bool = False) -> None:
            ends.append(end)
            lock.release()

        if not self.begin(effect, ended):
            raise TypeError(f"a store cannot answer {effect!r}")
        lock.acquire()
        return ends[0]()

    def is_quick(self, effect: Effect[Any]) -> bool:
        """Return whether an effect is begun in a moment: nothing is looked up, and the value is small."""
        if type(effect) is Write:
            if effect.value is not None and len(effect.value) > QUICK_BYTES:
                return False
        elif type(effect) is not Read and type(effect) is not List:
            return False
        return self._access.is_at_hand and self._origin.is_at_hand

    def begin(
        self,
        effect: Effect[Any],
        ended: Callable[..., None],
        dropped: Callable[[], bool] | None = None,
    ) -> bool:
        """Start an effect; False where it has to be performed.

        `ended` is called once, on whatever thread, with a function that returns the answer or raises, and
        whether it does so in a moment.  What was not sent when `dropped` answers true is not sent any more.

        Raises:
            TegulaError: what can be told at once.
        """
        make = self._TASKS.get(type(effect))
        if make is None:
            return False
        self._find()
        headers = self._access.headers()
        keys, prepare, gather = make(self, effect, headers, time.time())
        answers: list[Answer] = [_NOTHING] * len(keys)
        left = count(len(keys) - 1, -1)  # next() of it is atomic
        most = QUICK_PAGE if type(effect) is ListPage else QUICK_BYTES

        def done(row: int, answer: Answer) -> None:
            answers[row] = answer
            if next(left) == 0:
                ended(partial(gather, answers), len(keys) == 1 and _is_quick(answer, most))

        asked: Any = effect.block if isinstance(effect, Tried) else effect
        store: StoreRef = asked.store
        limit, paces = limit_of(store), paces_of(store)
        exchanges = []
        for row in range(len(keys)):
            try:
                request = prepare(row)
            except TegulaError as error:
                done(row, error)
                continue
            exchanges.append(self._exchange(request, headers, limit, paces, partial(done, row), dropped))
        if not keys:
            ended(partial(gather, answers))
        try:
            connections.submit(exchanges)
        except OSError as error:
            raise Unavailable(f"cannot find {self._origin.host}: {error.strerror or error}") from None
        return True

    def _exchange(
        self,
        request: wire.Request,
        access: dict[str, str],
        limit: Limit,
        paces: tuple[Pace | None, Pace | None],
        done: Any,
        dropped: Callable[[], bool] | None,
    ) -> Exchange:
        method, target, more, body = request
        origin = self._origin
        if self._told[0] is not access:
            always = {"Host": origin.authority, "User-Agent": "tegula", **access, **origin.more_headers()}
            self._told = (access, always)
        headers = {**self._told[1], **more} if more else self._told[1]
        # whatever a condition guards may be sent twice only by those who can tell what became of it
        again = method == "GET" or "ifGenerationMatch" not in target
        pieces: list[Buffer] = [head(method, origin.target(target), headers), *body]
        pace = paces[method != "GET"]
        due = 0.0 if pace is None else pace.next()
        return Exchange(origin, limit, method, pieces, done, again=again, dropped=dropped, due=due)

    def _reply(self, answer: Answer, access: dict[str, str], acts: bool = False) -> Reply:
        """Return the reply, or raise why there is none."""
        if isinstance(answer, Reply):
            if answer.status == 401 and self._access.refused(access):
                raise Unavailable("the token was refused; there is a new one")
            return answer
        if isinstance(answer, TegulaError):
            raise answer
        raise (Indeterminate if acts and answer.sent else Unavailable)(f"{self._origin.host}: {answer}")

    # ------------------------------------------------------------ what each effect asks, and how it ends

    def _read_request(
        self, key: str, wanted: ByteRange | None, known: bytes, if_equal: bytes
    ) -> wire.Request:
        check_object(key)
        if wire.range_is_empty(wanted):
            return wire.stat_request(self._bucket, key, known, if_equal, self._project)
        unique = f"{_process_name()}{next(_unique):x}"
        return wire.read_request(self._bucket, key, wanted, known, if_equal, self._project, unique)

    def _read_end(
        self,
        store: StoreRef,
        key: str,
        wanted: ByteRange | None,
        known: bytes,
        if_equal: bytes,
        answer: Answer,
        access: dict[str, str],
        started: float,
    ) -> ReadOutcome:
        reply = self._reply(answer, access)
        if wire.range_is_empty(wanted):
            return wire.sized(reply, wanted, known, if_equal, started)
        if reply.status == 416:
            # the range may be empty and lie at the very end; the size decides
            size = self.perform(_Size(store, key))
            if size is None:
                return ReadOutcome("missing", b"", NO_VALUE, started)
            first, last = span(wanted or ByteRange(), size[0])
            if first != last:
                raise Unavailable("the value changed while it was read")
            return ReadOutcome("value", b"", size[1], started)
        return wire.found(reply, wanted, known, if_equal, _checksum, started)

    def _write_request(self, key: str, value: Buffer | None, if_equal: bytes, stamp: bytes) -> wire.Request:
        check_object(key)
        if value is None:
            return wire.delete_request(self._bucket, key, if_equal, self._project)
        return wire.upload_request(
            self._bucket, key, value, _checksum(value), _process_name(), if_equal, stamp, self._project
        )

    def _write_end(
        self, value: Buffer | None, if_equal: bytes, answer: Answer, access: dict[str, str], started: float
    ) -> WriteOutcome:
        reply = self._reply(answer, access, acts=True)
        return (wire.deleted if value is None else wire.written)(reply, if_equal, started)

    def _read(self, effect: Read, access: dict[str, str], started: float) -> _Task:
        key, wanted, known = effect.key, effect.byte_range, effect.if_not_equal
        return (
            (key,),
            lambda _: self._read_request(key, wanted, known, effect.if_equal),
            lambda answers: self._read_end(
                effect.store, key, wanted, known, effect.if_equal, answers[0], access, started
            ),
        )

    def _write(self, effect: Write, access: dict[str, str], started: float) -> _Task:
        return (
            (effect.key,),
            lambda _: self._write_request(effect.key, effect.value, effect.if_equal, effect.stamp),
            lambda answers: self._write_end(effect.value, effect.if_equal, answers[0], access, started),
        )

    def _origin_of(self, effect: Origin, access: dict[str, str], started: float) -> _Task:
        del started
        return (
            (effect.key,),
            lambda _: wire.origin_request(self._bucket, effect.key, self._project),
            lambda answers: wire.provenance(self._reply(answers[0], access)),
        )

    def _size(self, effect: _Size, access: dict[str, str], started: float) -> _Task:
        del started
        return (
            (effect.key,),
            lambda _: wire.stat_request(self._bucket, effect.key, project=self._project),
            lambda answers: wire.size_and_generation(self._reply(answers[0], access)),
        )

    def _page(self, effect: ListPage, access: dict[str, str], started: float) -> _Task:
        del started
        return (
            ("",),
            lambda _: wire.list_request(
                self._bucket, effect.range, effect.token, self._project, effect.delimiter
            ),
            lambda answers: wire.page(self._reply(answers[0], access), effect.range, effect.token),
        )

    def _read_many(self, effect: ReadMany, access: dict[str, str], started: float) -> _Task:
        keys, prepare, gather = self._try_reads(effect, access, started)
        return keys, prepare, lambda answers: _all(gather(answers))

    def _write_many(self, effect: WriteMany, access: dict[str, str], started: float) -> _Task:
        keys, prepare, gather = self._try_writes(effect, access, started)
        return keys, prepare, lambda answers: _all(gather(answers))

    def _tried(self, effect: Tried, access: dict[str, str], started: float) -> _Task:
        block = effect.block
        if isinstance(block, ReadMany):
            return self._try_reads(block, access, started)
        return self._try_writes(block, access, started)

    def _try_reads(self, block: ReadMany, access: dict[str, str], started: float) -> _Task:
        keys = block.keys
        ranges = block.ranges or (None,) * len(keys)
        known = block.if_not_equal or (UNKNOWN,) * len(keys)

        def gather(answers: list[Answer]) -> TriedColumns:
            values: list[Buffer | Unchanged | None] = [None] * len(keys)
            generations = [UNKNOWN] * len(keys)
            errors = {}
            for row, answer in enumerate(answers):
                answers[row] = (
                    _NOTHING  # so that what was received is not kept longer than what was made of it
                )
                try:
                    end = self._read_end(
                        block.store, keys[row], ranges[row], known[row], UNKNOWN, answer, access, started
                    )
                except TegulaError as error:
                    errors[row] = error
                    continue
                generations[row] = end.generation
                if end.state != "missing":
                    values[row] = end.value if end.state == "value" else UNCHANGED
            return TriedColumns(ReadColumns(values, generations, started), errors)

        return keys, lambda row: self._read_request(keys[row], ranges[row], known[row], UNKNOWN), gather

    def _try_writes(self, block: WriteMany, access: dict[str, str], started: float) -> _Task:
        keys, values = block.keys, block.values
        conditions = block.if_equal or (UNKNOWN,) * len(keys)
        stamps = block.stamps or (b"",) * len(keys)

        def gather(answers: list[Answer]) -> TriedColumns:
            generations = [UNKNOWN] * len(keys)
            errors = {}
            for row, answer in enumerate(answers):
                try:
                    generations[row] = self._write_end(
                        values[row], conditions[row], answer, access, started
                    ).generation
                except TegulaError as error:
                    errors[row] = error
            return TriedColumns(WriteColumns(generations, started), errors)

        return (
            keys,
            lambda row: self._write_request(keys[row], values[row], conditions[row], stamps[row]),
            gather,
        )

    # ------------------------------------------------------------ what takes several rounds

    def read_many(self, effect: ReadMany) -> ReadColumns:
        """Answer a block of reads, all under way at once."""
        columns: ReadColumns = self.perform(effect)
        return columns

    def write_many(self, effect: WriteMany) -> WriteColumns:
        """Answer a block of writes, all under way at once."""
        columns: WriteColumns = self.perform(effect)
        return columns

    def _pages(self, store: StoreRef, wanted: KeyRange) -> Iterator[Page]:
        if wanted.exclusive_max and from_key(wanted.inclusive_min) >= from_key(wanted.exclusive_max):
            return
        token = ""
        while True:
            page: Page = self.perform(ListPage(store, wanted, token))
            yield page
            token = page.token
            if not token:
                return

    def _list(self, effect: List) -> Listing:
        keys: list[str] = []
        sizes: list[int] = []
        for page in self._pages(effect.store, effect.range):
            keys += page.listing.keys
            sizes += page.listing.sizes
        return Listing(keys, sizes)

    def _delete_range(self, effect: DeleteRange) -> None:
        for page in self._pages(effect.store, effect.range):
            keys = page.listing.keys
            self.perform(WriteMany(effect.store, keys, [None] * len(keys)))

    _TASKS: ClassVar[dict[type[Any], Callable[..., _Task]]] = {
        Read: _read,
        Write: _write,
        Origin: _origin_of,
        ListPage: _page,
        ReadMany: _read_many,
        WriteMany: _write_many,
        Tried: _tried,
        _Size: _size,
    }


def _is_quick(answer: Answer, most: int) -> bool:
    """Whether what an answer of at most so many bytes means is found in a moment, without asking anybody."""
    return type(answer) is Reply and answer.status in _PLAIN and len(answer.body) <= most


def _all(tried: TriedColumns) -> Any:
    """Return the columns of a block, or raise the error of its lowest failing row."""
    if tried.errors:
        raise tried.errors[min(tried.errors)]
    return tried.columns


def _checksum(value: Buffer) -> str:
    import google_crc32c

    # the library refuses a memoryview but takes an array over the same memory
    data = value if isinstance(value, bytes) else np.frombuffer(value, np.uint8)
    return wire.crc32c_text(google_crc32c.value(data) if len(data) else 0)


def _process_name() -> str:
    """Return 32 hexadecimal digits that nobody can guess: new for each process."""
    global _process
    if not _process:
        _process = os.urandom(16).hex()
    return _process


def _after_fork() -> None:
    global _process
    _process = ""
    for access in _accesses.values():
        access._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
