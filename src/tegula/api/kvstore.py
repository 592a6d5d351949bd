"""Key-value stores as handles: ``KvStore`` and the values that its operations answer with.

Knows: which effect each method asks for, and how the path stands in front of keys.  Must not know:
any store.  Handles hold no logic: a method is one program over one effect.

Law: operations on a store whose leaf is local are done when the method returns; on others they run on
the shared threads.  Errors of an operation are in its future; only a wrong call raises at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import index
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tegula.api.context import Collector, Context, ContextResource, or_context
from tegula.api.kvspec import KvStoreSpec, bind, joined
from tegula.api.kvvalues import KvKeyRange, KvReadResult, KvStamp, key_text, raw, read_result
from tegula.binding import pretty
from tegula.effects.effect import Effect
from tegula.effects.storage import DeleteRange, List, Listing, Read, Write, WriteOutcome
from tegula.errors import InvalidArgument, TegulaError, Unimplemented
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import ByteRange, StoreRef, from_key
from tegula.public import public
from tegula.runtime import session
from tegula.runtime.future import Future, pending, ready, settle
from tegula.runtime.live import leaf
from tegula.space.arguments import option

if TYPE_CHECKING:
    from tegula.api.batch import Batch

__all__ = ["KvKeyRange", "KvReadResult", "KvStamp", "KvStore", "kv_open"]

A = TypeVar("A")
T = TypeVar("T")
Keys: TypeAlias = "list[bytes]"


@public("KvStore")
class KvStore:
    """A store that maps keys to values, both byte strings; opened by `KvStore.open`.

    >>> store = KvStore.open("memory://").result()
    >>> store["a"] = b"value"
    >>> store["a"], "b" in store
    (b'value', False)
    >>> store.list().result()
    [b'a']
    """

    __slots__ = ("_context", "_path", "_ref", "_resources", "_spec")

    Spec = KvStoreSpec
    KeyRange = KvKeyRange
    ReadResult = KvReadResult
    TimestampedStorageGeneration = KvStamp

    _ref: StoreRef
    _path: str
    _spec: KvStoreSpec
    _resources: dict[str, ContextResource]
    _context: Context | None

    def __init__(self) -> None:
        raise TypeError("use KvStore.open")

    @staticmethod
    def open(
        spec: KvStoreSpec | str | Mapping[str, Any],
        *,
        context: Context | None = None,
        transaction: None = None,
    ) -> Future[KvStore]:
        """Open a key-value store; no I/O is done, so the future is ready.

        Args:
            spec: a `KvStore.Spec`, its JSON, or a URL.
            context: where shared resources come from; without one the store shares with no other.
            transaction: None, the only one so far.

        Raises (from the future):
            InvalidArgument: the context lacks a resource that is referred to.

        Raises:
            InvalidArgument: it is no specification.

        >>> context = Context()
        >>> one, other = [KvStore.open("memory://", context=context).result() for _ in range(2)]
        >>> one["a"] = b"shared"
        >>> other["a"]
        b'shared'
        """
        _no_transaction(transaction)
        parsed = KvStoreSpec(spec)
        return _done(kv_open, parsed, or_context(context))

    @property
    def path(self) -> str:
        """The path, which stands in front of every key without a separator; it may be set.

        >>> store = KvStore.open("memory://a/").result()
        >>> store["b"] = b"1"
        >>> store.path = ""
        >>> store.list().result()
        [b'a/b']
        """
        return self._path

    @path.setter
    def path(self, path: str | bytes) -> None:
        self._spec = self._spec._with_path(key_text(path))
        self._path = self._spec._path

    @property
    def base(self) -> KvStore | None:
        """The store below, for an adapter; None for a store of its own.

        >>> KvStore.open("memory://").result().base is None
        True
        """
        return None

    @property
    def url(self) -> str:
        """The URL; what it cannot say is left out.

        >>> (KvStore.open("file:///tmp/scans/").result() / "left brain").url
        'file:///tmp/scans/left%20brain'
        """
        return self._spec.url

    @property
    def transaction(self) -> None:
        """The transaction that operations belong to: None, since there are none yet.

        >>> KvStore.open("memory://").result().transaction is None
        True
        """
        return

    @transaction.setter
    def transaction(self, transaction: None) -> None:
        _no_transaction(transaction)

    def with_transaction(self, transaction: None) -> KvStore:
        """Return the store with another transaction: a copy, since None is the only one so far.

        Raises:
            TypeError: it is not None.

        >>> store = KvStore.open("memory://").result()
        >>> store.with_transaction(None) == store
        True
        """
        _no_transaction(transaction)
        return self.copy()

    def copy(self) -> KvStore:
        """Return another handle on the same store: setting the path of one leaves the other.

        >>> store = KvStore.open("memory://a/").result()
        >>> other = store.copy()
        >>> other.path = "b/"
        >>> store.path, other.path
        ('a/', 'b/')
        """
        return self._with_path(self._path)

    def _with_path(self, path: str) -> KvStore:
        return _handle(self._spec._with_path(path), self._ref, self._resources, self._context)

    def spec(self, *, retain_context: bool | None = None, unbind_context: bool | None = None) -> KvStoreSpec:
        """Return a specification from which the store can be opened again.

        By default without any context resource; with `retain_context` bound to the same resources; with
        `unbind_context` specifying equal ones.

        >>> store = KvStore.open("memory://a/").result()
        >>> store["b"] = b"1"
        >>> again = KvStore.open(store.spec(retain_context=True)).result()
        >>> again["b"], store.spec()
        (b'1', KvStore.Spec({'driver': 'memory', 'path': 'a/'}))
        """
        made = self._spec.copy()
        unbind = option(unbind_context, "unbind_context")
        retain = option(retain_context, "retain_context")
        made.update(unbind_context=unbind, strip_context=not (unbind or retain))
        return made

    def _spec_json(
        self, collector: Collector | None = None, include_defaults: bool = False
    ) -> dict[str, Any]:
        """Return nested JSON; bound resources go to `collector`, or nowhere where there is none."""
        spec = self._spec if collector is not None else self.spec()
        return spec._json(collector or Collector(), include_defaults, nested=True)

    def read(
        self,
        key: str | bytes,
        *,
        if_not_equal: str | bytes | None = None,
        staleness_bound: float | None = None,
        batch: Batch | None = None,
        byte_range: slice | None = None,
    ) -> Future[KvReadResult]:
        """Read the value of a key, or a range of its bytes (which must fit the value).

        Args:
            key: text or bytes, behind the store's path.
            if_not_equal: a generation; where the value still has it, the state is ``"unspecified"``.
            staleness_bound: accepted; every read is fresh.
            batch: the `Batch` that starts it with others.
            byte_range: ``slice(start, stop)``; a negative start alone counts from the end.

        Returns:
            A future of a `KvStore.ReadResult`: a missing key is an answer, no error.

        Raises (from the future):
            OutOfRange: the range does not fit the value.

        >>> store = KvStore.open("memory://a/").result()
        >>> stamp = store.write("b", b"abcdef").result()
        >>> store.read("b", byte_range=slice(-2, None)).result().value
        b'ef'
        >>> store.read("b", if_not_equal=stamp.generation).result().state, store.read("c").result().state
        ('unspecified', 'missing')
        """
        if isinstance(staleness_bound, (str, bytes)):
            raise TypeError(f"staleness_bound is a number, not {staleness_bound!r}")
        known = UNKNOWN if if_not_equal is None else raw(if_not_equal)
        effect = Read(self._ref, self._path + key_text(key), _byte_range(byte_range), known)
        if batch is not None:
            from tegula.api.batch import required

            return required(batch)._defer(_ask(effect, read_result))
        return self._start(effect, read_result)

    def write(
        self, key: str | bytes, value: str | bytes | None, *, if_equal: str | bytes | None = None
    ) -> Future[KvStamp]:
        r"""Write the value of a key, or delete it (None), if its generation is `if_equal` where given.

        Returns:
            A future of the new generation and its time.  The generation is empty where the condition did not
            hold; ``b"\x02"`` stands for no value, in the condition too.

        >>> store = KvStore.open("memory://a/").result()
        >>> first = store.write("b", b"1", if_equal=b"\x02").result()
        >>> store.write("b", b"2", if_equal=b"\x02").result().generation
        b''
        >>> store.write("b", None, if_equal=first.generation).result().generation
        b'\x02'
        """
        condition = UNKNOWN if if_equal is None else raw(if_equal)
        effect = Write(self._ref, self._path + key_text(key), _value(value), condition)
        return self._start(effect, _written, writes=True)

    def list(
        self,
        range: KvKeyRange | None = None,
        strip_prefix_length: int = 0,
    ) -> Future[Keys]:
        """List the keys in a range, without their first `strip_prefix_length` bytes, in no order.

        Args:
            range: a `KvStore.KeyRange` behind the store's path; by default all.
            strip_prefix_length: a number of bytes.

        >>> store = KvStore.open("memory://a/").result()
        >>> for key in ("x/0", "x/1", "y"):
        ...     store[key] = b""
        >>> sorted(store.list(KvStore.KeyRange("x/", "x0"), strip_prefix_length=2).result())
        [b'0', b'1']
        """
        if not 0 <= index(strip_prefix_length) < 2**63:
            raise TypeError(f"strip_prefix_length is a number of bytes, not {strip_prefix_length!r}")
        effect = List(self._ref, _range(range)._below(self._path))
        return self._start(effect, partial(_keys, len(from_key(self._path)) + strip_prefix_length))

    def delete_range(self, range: KvKeyRange) -> Future[None]:
        """Delete all keys in a range; neither atomic nor ordered.

        >>> store = KvStore.open("memory://a/").result()
        >>> for key in ("x/0", "x/1", "y"):
        ...     store[key] = b""
        >>> store.delete_range(KvStore.KeyRange("x/", "x0")).result()
        >>> store.list().result()
        [b'y']
        """
        if range is None:
            raise TypeError("expected a KvStore.KeyRange, not None")
        effect = DeleteRange(self._ref, _range(range)._below(self._path))
        return self._start(effect, _nothing, writes=True)

    def experimental_copy_range_to(
        self,
        target: KvStore,
        source_range: KvKeyRange | None = None,
        source_staleness_bound: float | None = None,
    ) -> Future[None]:
        """Copy a range of keys by reference; no store here can.

        Raises (from the future):
            Unimplemented: always.

        >>> one, other = [KvStore.open("memory://").result() for _ in range(2)]
        >>> type(one.experimental_copy_range_to(other).exception()).__name__
        'Unimplemented'
        """
        if not isinstance(target, KvStore):
            raise TypeError(f"expected a KvStore, not {type(target).__name__}")
        _range(source_range)
        del source_staleness_bound
        return _failed(Unimplemented("CopyRange not supported"))

    def __getitem__(self, key: str | bytes) -> bytes:
        """Return the value of a key.

        Raises:
            KeyError: there is none.

        >>> store = KvStore.open("memory://a/").result()
        >>> store["b"] = "text is written as UTF-8"
        >>> store[b"b"][:4]
        b'text'
        """
        found = self.read(key).result()
        if found.state != "value":
            raise KeyError(key)
        return found.value

    def __setitem__(self, key: str | bytes, value: str | bytes | None) -> None:
        """Write the value of a key, and wait until it is stored; None deletes it.

        >>> store = KvStore.open("memory://a/").result()
        >>> store["b"] = b"1"
        >>> store["b"] = None
        >>> "b" in store
        False
        """
        self.write(key, value).result()

    def __delitem__(self, key: str | bytes) -> None:
        """Delete a key, and wait; a key that is not there is no error.

        >>> store = KvStore.open("memory://a/").result()
        >>> store["b"] = b"1"
        >>> del store["b"], store["b"]
        >>> store.list().result()
        []
        """
        self.write(key, None).result()

    def __contains__(self, key: str | bytes) -> bool:
        """Return whether a key has a value; none of its bytes is asked for.

        >>> store = KvStore.open("memory://a/").result()
        >>> store["b"] = b""
        >>> "b" in store, "" in store
        (True, False)
        """
        effect = Read(self._ref, self._path + key_text(key), ByteRange(0, 0))
        return self._start(effect, read_result).result().state == "value"

    __iter__ = None  # the keys of a store are listed, not iterated

    def __add__(self, suffix: str | bytes) -> KvStore:
        """Return the store with text behind its path, as it is.

        >>> store = KvStore.open("memory://a/").result()
        >>> (store + "b").path, (store + "b/").path
        ('a/b', 'a/b/')
        """
        return self._with_path(self._path + key_text(suffix))

    def __truediv__(self, component: str | bytes) -> KvStore:
        """Return the store with a component behind its path, and a slash between where there is none.

        >>> store = KvStore.open("memory://a/").result()
        >>> (store / "b").path, (store / "b" / "c/").path
        ('a/b', 'a/b/c/')
        """
        return self._with_path(joined(self._path, key_text(component)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KvStore):
            return NotImplemented
        return self._ref == other._ref and self._path == other._path

    def __hash__(self) -> int:
        return hash(self._ref)

    def __repr__(self) -> str:
        return f"KvStore({pretty(self._spec.to_json())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return kv_open, (self._spec, None)

    def _start(self, effect: Effect[A], answer: Callable[[A], T], writes: bool = False) -> Future[T]:
        live = leaf(self._ref)
        if live.local_writes if writes else live.local:
            return _done(_now, effect, answer)
        return session.ask(effect, answer, abandon=not writes)


def kv_open(spec: Any, context: Context | None = None) -> KvStore:
    """Return the key-value store that a `KvStore.Spec`, JSON or URL names in a context; does no I/O.

    Raises:
        InvalidArgument: it is no specification, or the context lacks a resource that it refers to.
    """
    parsed = spec if isinstance(spec, KvStoreSpec) else KvStoreSpec(spec)
    ref, resources = bind(parsed, context)
    bound = parsed
    if parsed._context is not None or parsed._members != resources:
        bound = parsed.copy()
        bound._members, bound._context = dict(resources), None
    return _handle(bound, ref, resources, context)


def _handle(
    spec: KvStoreSpec, ref: StoreRef, resources: dict[str, ContextResource], context: Context | None
) -> KvStore:
    made = object.__new__(KvStore)
    made._spec, made._path, made._ref = spec, spec._path, ref
    made._resources, made._context = resources, context
    return made


async def _ask(effect: Effect[A], answer: Callable[[A], T]) -> T:
    return answer(await effect)


def _now(effect: Effect[A], answer: Callable[[A], T]) -> T:
    """Do what the program `_ask` does, without a program: a local store answers where it is asked."""
    return answer(session.SESSION(effect))


def _written(outcome: WriteOutcome) -> KvStamp:
    return KvStamp(outcome.generation, outcome.time)


def _keys(strip: int, listing: Listing) -> Keys:
    return [from_key(key)[strip:] for key in listing.keys]


def _nothing(answer: None) -> None:
    return answer


def _done(function: Callable[..., T], *arguments: Any) -> Future[T]:
    try:
        return ready(function(*arguments))
    except TegulaError as error:
        return _failed(error)


def _failed(error: BaseException) -> Future[Any]:
    future = pending()
    settle(future, None, error)
    return future


def _value(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return raw(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"expected str, bytes or None, not {type(value).__name__}")


def _range(keys: object) -> KvKeyRange:
    if keys is None:
        return KvKeyRange()
    if isinstance(keys, KvKeyRange):
        return keys
    raise TypeError(f"expected a KvStore.KeyRange, not {type(keys).__name__}")


def _byte_range(wanted: object) -> ByteRange | None:
    if wanted is None:
        return None
    if not isinstance(wanted, slice) or wanted.step is not None:
        raise TypeError(f"byte_range is a slice without a step, not {wanted!r}")
    start = 0 if wanted.start is None else index(wanted.start)
    stop = None if wanted.stop is None else index(wanted.stop)
    if not -(2**63) <= min(start, stop or 0) <= max(start, stop or 0) < 2**63:
        raise TypeError(f"byte_range has bounds of 64 bits, not {wanted!r}")
    if (start < 0 and stop is not None) or (stop is not None and stop < start):
        raise InvalidArgument(f"Unsupported byte_range slice: {wanted.start}:{stop}")
    return ByteRange(start, stop)


def _no_transaction(transaction: object) -> None:
    if transaction is not None:
        raise TypeError(f"transaction must be None, not {type(transaction).__name__}")
