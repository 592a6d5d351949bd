"""The session of this process: who answers effects, and in which order handlers stand.

From the outside in: transaction (later), cache, adapter (later), retry, limit, leaf.  Today the cache
answers `Decoded` and hears of every write, so that a read after a write of the same process never sees
what was there before.  What a store far away is asked is asked again as often as its policy says: on the
shared threads by a handler around every program, so that waiting holds no thread, elsewhere where it is
called.  Everything else goes to the performer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from tegula.effects.effect import Effect, Program
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
    Tried,
    Write,
    WriteMany,
)
from tegula.kv.spec import StoreRef
from tegula.programs.retry import Retry, far, policy
from tegula.runtime import inline
from tegula.runtime.cache import ChunkPool, answer
from tegula.runtime.future import Future
from tegula.runtime.live import leaf
from tegula.runtime.perform import Performer

__all__ = ["SESSION", "pool_of", "run", "submit"]

T = TypeVar("T")

_pools: WeakKeyDictionary[object, ChunkPool] = WeakKeyDictionary()


def pool_of(resource: Any) -> ChunkPool:
    """Return the live pool of a `cache_pool` resource, made on first use."""
    found = _pools.get(resource)
    if found is None:
        found = _pools.setdefault(resource, ChunkPool(resource.total_bytes_limit))
    return found


class Session(Performer):
    """The performer with the cache in front of it.

    `begin` starts what holds no thread while it is under way.
    """

    __slots__ = ()

    def __init__(self, leaf_of: Callable[[StoreRef], Any]) -> None:
        super().__init__(leaf_of)
        bare = Performer(leaf_of)
        self._table[Once] = _Once(bare)
        for kind in _RETRIED:
            self._table[kind] = _Retried(self._table[kind], bare)
        written = {kind: self._table[kind] for kind in (Write, WriteMany, DeleteRange)}
        self._table[Decoded] = self._decoded
        self._table[Write] = lambda effect: _heard(effect, [effect.key], written[Write])
        self._table[WriteMany] = lambda effect: _heard(effect, effect.keys, written[WriteMany])
        self._table[DeleteRange] = lambda effect: _heard(effect, None, written[DeleteRange])

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

    def _decoded(self, effect: Decoded) -> list[Any]:
        return answer(pool_of(effect.cache), effect, self)


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


def _asked_again(effect: Effect[Any]) -> Program[Any] | None:
    """The handler of effects of stores far away."""
    if not isinstance(effect, _RETRIED):
        return None
    retry = policy(effect.store)
    return None if retry is None else _far(effect, retry)


async def _far(effect: Any, retry: Retry) -> Any:
    """Answer an effect of a store far away; every pool hears of what it writes."""
    program = handled(_once, far(effect, retry))
    pools = list(_pools.values())
    if not pools or isinstance(effect, (Read, ReadMany, List, Children)):
        return await program
    keys = None if isinstance(effect, DeleteRange) else getattr(effect, "keys", None) or [effect.key]
    _forget(pools, effect.store, keys)
    try:
        return await program
    finally:
        _forget(pools, effect.store, keys)


def _once(effect: Effect[Any]) -> Program[Any] | None:
    return _ask_once(effect) if isinstance(effect, (Tried, Read, Write, Origin, ListPage)) else None


async def _ask_once(effect: Effect[Any]) -> Any:
    return await Once(effect)


def _heard(effect: Any, keys: Any, perform: Callable[[Any], Any]) -> Any:
    pools = list(_pools.values())
    if not pools:
        return perform(effect)
    _forget(pools, effect.store, keys)
    try:
        return perform(effect)
    finally:
        _forget(pools, effect.store, keys)


def _forget(pools: list[ChunkPool], store: StoreRef, keys: Any) -> None:
    for pool in pools:
        if keys is None:
            pool.clear()
        else:
            pool.drop(store, keys)


SESSION = Session(leaf)


def run(program: Program[T]) -> T:
    """Run a program in the caller's thread and return its answer."""
    return inline.run(program, SESSION)


def submit(program: Program[T], abandon: bool = False) -> Future[T]:
    """Run a program on the shared threads; one to `abandon` ends when nobody waits for it."""
    from tegula.runtime import threads

    return threads.submit(handled(_asked_again, program), SESSION, abandon=abandon)
