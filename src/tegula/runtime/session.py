"""The session of this process: who answers effects, and in which order handlers stand.

From the program to the world: transaction (later), cache, adapter (later), retry, limit, leaf.  Today the
cache answers `Decoded` and `Remembered`, and hears of every write, so that a read after a write of the same
process never sees
what was there before.  What a store far away is asked is asked again as often as its policy says: on the
shared threads as part of the program that asks, so that waiting holds no thread, elsewhere where it is
called.  Everything else goes to the performer.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, finalize

from tegula.chunkset import ChunkSet
from tegula.effects.effect import Call, Effect, Program
from tegula.effects.handler import handled
from tegula.effects.storage import (
    Children,
    Decoded,
    DeleteRange,
    List,
    ListPage,
    Once,
    Origin,
    Read,
    ReadMany,
    Remembered,
    Splice,
    Tried,
    Write,
    WriteMany,
)
from tegula.errors import TegulaError
from tegula.kv.spec import StoreRef
from tegula.programs.retry import Retry, far, policy
from tegula.runtime import inline
from tegula.runtime.future import Future
from tegula.runtime.live import leaf
from tegula.runtime.perform import Performer
from tegula.source import Shelf

if TYPE_CHECKING:
    from tegula.runtime.cache import ChunkPool
    from tegula.source import Chunked

__all__ = ["JOINED", "SESSION", "ask", "is_ours", "pool_of", "recall", "recall_one", "run", "submit"]

T = TypeVar("T")

_pools: WeakKeyDictionary[object, ChunkPool] = WeakKeyDictionary()
_alive: dict[int, ChunkPool] = {}  # the same by their identities: they are listed at every write
_shelves: WeakKeyDictionary[object, ChunkPool] = WeakKeyDictionary()  # these need not hear of writes
_lock = threading.Lock()


def pool_of(resource: Any) -> ChunkPool:
    """Return the live pool of a `cache_pool` resource, or of a shelf, made on first use."""
    pools = _shelves if type(resource) is Shelf else _pools
    found = pools.get(resource)
    if found is None:
        from tegula.runtime.cache import ChunkPool

        with _lock:
            found = pools.setdefault(resource, ChunkPool(resource.total_bytes_limit))
            if pools is _pools and id(found) not in _alive:
                _alive[id(found)] = found
                finalize(resource, _alive.pop, id(found), None).atexit = False
    return found


def recall_one(resource: Any, array: ChunkSet, cell: tuple[int, ...], bound: float) -> tuple[Any] | None:
    """Return the words of one chunk, in a tuple, if the pool may answer: `ChunkPool.recall_one`."""
    return pool_of(resource).recall_one(array, array.number(cell), bound)


def recall(resource: Any, array: ChunkSet, cells: Any, bound: float, shaped: bool) -> list[Any] | None:
    """Return the words of a block of chunks if the pool may answer all of it: `ChunkPool.recall`."""
    return pool_of(resource).recall(array, array.numbers(cells), bound, shaped)


class Session(Performer):
    """The performer with the cache in front of it.

    `programs` are the effects that may be answered by programs, which an interpreter may run as its own: each
    says which, or None where the effect is answered as others are; `begin` starts what holds no thread while
    it is under way.
    """

    __slots__ = ("programs",)

    def __init__(self, leaf_of: Callable[[StoreRef], Any]) -> None:
        super().__init__(leaf_of)
        bare = Performer(leaf_of)
        self._table[Once] = _Once(bare)
        for kind in _RETRIED:
            self._table[kind] = _Retried(self._table[kind], bare)
        self.programs: dict[type[Effect[Any]], Callable[[Any], Call[Program[Any]] | None]] = dict.fromkeys(
            _RETRIED, _asked_again
        )
        self.programs[Decoded] = _shared
        self._table[Decoded] = self._run_answer
        self._table[Remembered] = _remembered
        for heard in (Write, WriteMany, Splice, DeleteRange):
            self._table[heard] = _Heard(self._table[heard])

    def _run_answer(self, effect: Any) -> Any:
        return inline.run(_answered(effect), self)

    def begin(
        self,
        effect: Effect[Any],
        ended: Callable[[Callable[[], Any]], None],
        dropped: Callable[[], bool],
    ) -> bool:
        """Start an effect that holds no thread while it is under way; False where there is none such.

        `ended` is called once, on whatever thread, with a function that returns the answer or raises.  What
        was not sent when `dropped` answers true need not be sent any more.
        """
        if type(effect) is not Once:
            return False
        inner: Any = effect.effect
        live = self._leaf_of(inner.block.store if type(inner) is Tried else inner.store)
        start: Callable[..., bool] | None = getattr(live, "begin", None)
        return start is not None and start(inner, ended, dropped)


_RETRIED = (Read, ReadMany, Write, WriteMany, List, Children, DeleteRange)


class _Once:
    """What a store answers by itself."""

    __slots__ = ("bare",)

    def __init__(self, bare: Performer) -> None:
        self.bare = bare

    def __call__(self, effect: Once) -> Any:
        return self.bare(effect.effect)


class _Retried:
    """A storage effect, asked again as often as its store's policy says."""

    __slots__ = ("bare", "native")

    def __init__(self, native: Callable[[Any], Any], bare: Performer) -> None:
        self.native = native
        self.bare = bare

    def __call__(self, effect: Any) -> Any:
        retry = policy(effect.store)
        if retry is None:
            return self.native(effect)
        program = far(effect, retry)
        return inline.run(program, self.bare)


def _asked_again(effect: Any) -> Call[Program[Any]] | None:
    """Return the program that answers an effect of a store far away."""
    retry = policy(effect.store)
    return None if retry is None else Call(_far, effect, retry)


async def _far(effect: Any, retry: Retry) -> Any:
    """Answer an effect of a store far away; every pool hears of what it writes."""
    heard = not isinstance(effect, (Read, ReadMany, List, Children)) and _heeded(effect)
    if retry.may_begin(effect) and not heard:
        try:
            return await Once(effect)
        except TegulaError as failed:
            return await handled(_once, retry.go_on(effect, failed))
    program = handled(_once, far(effect, retry))
    if not heard:
        return await program
    from tegula.runtime.cached import hearing

    ended = hearing(_live(), effect, pool_of)
    outcome = None
    try:
        outcome = await program
    finally:
        ended(outcome)
    return outcome


_ASKED = (Tried, Read, Write, Origin, ListPage, List, Children, DeleteRange)


def _once(effect: Effect[Any]) -> Program[Any] | None:
    return _ask_once(effect) if isinstance(effect, _ASKED) else None


async def _ask_once(effect: Effect[Any]) -> Any:
    return await Once(effect)


def _answered(effect: Decoded) -> Program[list[Any]]:
    from tegula.runtime.cached import answered

    return answered(pool_of(effect.cache), effect)


def _shared(effect: Decoded) -> Call[Program[list[Any]]]:
    return Call(_answered, effect)


def _remembered(effect: Remembered) -> list[tuple[Any, bytes] | None]:
    return pool_of(effect.cache).remembered(effect.array, effect.array.numbers(effect.cells))


JOINED: dict[type[Effect[Any]], Callable[[Any], Program[Any]]] = {Decoded: _answered}
"""The effects that are answered by programs, for who joins what these read."""


def _heeded(effect: Any) -> bool:
    """Whether there is a pool to tell of a write."""
    return bool(_alive) or getattr(effect, "decoded", None) is not None


class _Heard:
    """A writing effect, performed so that every pool hears of it."""

    __slots__ = ("perform",)

    def __init__(self, perform: Callable[[Any], Any]) -> None:
        self.perform = perform

    def __call__(self, effect: Any) -> Any:
        if not _heeded(effect):
            return self.perform(effect)
        from tegula.runtime.cached import hearing

        ended = hearing(_live(), effect, pool_of)
        outcome = None
        try:
            outcome = self.perform(effect)
        finally:
            ended(outcome)
        return outcome


def _live() -> Sequence[ChunkPool]:
    return list(_alive.values())


SESSION = Session(leaf)


def run(program: Program[T]) -> T:
    """Run a program in the caller's thread and return its answer."""
    return inline.run(program, SESSION)


def submit(program: Program[T], abandon: bool = False, ours: bool = False) -> Future[T]:
    """Run a program on the shared threads; one to `abandon` ends when nobody waits for it.

    `ours`: it calls nothing that a user has written.
    """
    from tegula.runtime import threads

    return threads.submit(program, SESSION, abandon=abandon, ours=ours)


def is_ours(source: Chunked) -> bool:
    """Whether reading and writing the chunks of an array calls nothing that a user has written."""
    return leaf(source.store).local and not source.layout.chain.foreign


def ask(effect: Any, answer: Callable[[Any], T], abandon: bool = False) -> Future[T]:
    """Start what asks for one storage effect, and return a future of what `answer` makes of it.

    It is ``submit`` of such a program.  What a store far away begins in a moment is begun by who asks.
    """
    from tegula.runtime import threads

    is_quick = getattr(leaf(effect.store), "is_quick", None)
    retry = policy(effect.store)
    return threads.submit(
        _answer(effect, answer) if retry is None else _far_answer(effect, retry, answer),
        SESSION,
        abandon=abandon,
        here=is_quick is not None and is_quick(effect),
    )


async def _answer(effect: Any, answer: Callable[[Any], T]) -> T:
    return answer(await effect)


async def _far_answer(effect: Any, retry: Retry, answer: Callable[[Any], T]) -> T:
    return answer(await _far(effect, retry))


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
