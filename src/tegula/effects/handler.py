"""Handlers: effects answered by programs over other effects; and the definition of every fast path.

`expansion` says what each optimisation effect *means*: `ReadMany` is all of its `Read`s, `WriteMany` all of
its `Write`s, `Splice` a `Read` and a `Write`, `Children` a `List`, `Decoded` is loading, nothing is
`Remembered`, `Compute` and `Memo` are calls. An interpreter, leaf or cache may answer them natively; the
law "native equals expanded" is tested for each that does.

A handler is a function: effect -> program that answers it, or None where the effect is not its
concern.  `handled` runs a program under a handler; the effects that the handler's own programs await
go outward, to the next handler of the stack.  Fixed order, outermost first: transaction, cache,
adapter, retry, limit, leaf.

Must not know any interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from types import coroutine
from typing import Any, TypeAlias, TypeVar, cast

from tegula.effects.control import All, Compute, Held, Memo, Room
from tegula.effects.effect import Call, Effect, Program
from tegula.effects.storage import (
    UNCHANGED,
    Buffer,
    Children,
    Decoded,
    List,
    ListPage,
    Loaded,
    Origin,
    Page,
    Provenance,
    Read,
    ReadColumns,
    ReadMany,
    ReadOutcome,
    Remembered,
    Splice,
    Tried,
    TriedColumns,
    Unchanged,
    Write,
    WriteColumns,
    WriteMany,
    WriteOutcome,
    spliced,
)
from tegula.effects.world import Now
from tegula.errors import TegulaError
from tegula.kv.generation import UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, from_key

__all__ = [
    "Handler",
    "children_of",
    "decode_each",
    "expanded",
    "expansion",
    "handled",
    "origin_of",
    "page_of",
    "read_each",
    "remember_nothing",
    "splice_of",
    "stacked",
    "try_each",
    "write_each",
]

T = TypeVar("T")
Handler: TypeAlias = Callable[[Effect[Any]], "Program[Any] | None"]


def expansion(effect: Effect[Any]) -> Program[Any] | None:
    """Return the program that defines an optimisation effect; None where `effect` is not one."""
    make = _DEFINITIONS.get(type(effect))
    return None if make is None else make(effect)


def expanded(program: Program[T]) -> Program[T]:
    """Return `program` with every optimisation effect replaced by its definition, to any depth."""
    return handled(expansion, program, deep=True)


def stacked(program: Program[T], *handlers: Handler) -> Program[T]:
    """Return `program` under `handlers`, the outermost (the last to see an effect) first."""
    for handler in reversed(handlers):
        program = handled(handler, program)
    return program


async def handled(handler: Handler, program: Program[T], deep: bool = False) -> T:
    """Run `program`, answering by `handler` each effect that is its concern; the others pass through.

    The children of an `All` run under the same handler.  What the handler's programs await passes
    outward, or with `deep` is offered to the same handler again.
    """
    value: Any = None
    error: BaseException | None = None
    try:
        while True:
            try:
                effect = program.send(value) if error is None else program.throw(error)
            except StopIteration as stop:
                return cast("T", stop.value)
            value = error = None
            try:
                value = await _answer(handler, effect, deep)
            except GeneratorExit:
                raise
            except BaseException as caught:
                error = caught
    finally:
        program.close()


async def _answer(handler: Handler, effect: Any, deep: bool) -> Any:
    if isinstance(effect, All):
        calls = [Call(_child, handler, call, deep) for call in effect.calls]
        return await All(calls, effect.limit)
    answer = handler(effect) if isinstance(effect, Effect) else None
    if answer is None:
        return await _pass(effect)
    return await (handled(handler, answer, deep) if deep else answer)


async def _child(handler: Handler, call: Call[Program[Any]], deep: bool) -> Any:
    return await handled(handler, call(), deep)


@coroutine
def _pass(effect: Any) -> Generator[Any, Any, Any]:
    return (yield effect)


def _reads(block: ReadMany) -> Iterator[Read]:
    ranges, if_not_equal = block.ranges, block.if_not_equal
    for row, key in enumerate(block.keys):
        if ranges is None and if_not_equal is None:
            yield Read(block.store, key)
        else:
            known = b"" if if_not_equal is None else if_not_equal[row]
            yield Read(block.store, key, None if ranges is None else ranges[row], known)


def _writes(block: WriteMany) -> Iterator[Write]:
    conditions, stamps = block.if_equal, block.stamps
    for row, (key, value) in enumerate(zip(block.keys, block.values, strict=True)):
        condition = b"" if conditions is None else conditions[row]
        yield Write(block.store, key, value, condition, b"" if stamps is None else stamps[row])


async def read_each(effect: ReadMany) -> ReadColumns:
    """What `ReadMany` means: every `Read`, in any order; the error of the lowest row."""
    time = await Now()
    outcomes: list[ReadOutcome] = await All(
        [Call(_ask, row, read) for row, read in enumerate(_reads(effect))]
    )
    return ReadColumns(
        [_row(outcome) for outcome in outcomes], [outcome.generation for outcome in outcomes], time
    )


async def write_each(effect: WriteMany) -> WriteColumns:
    """What `WriteMany` means: every `Write`, in any order; the error of the lowest row."""
    time = await Now()
    outcomes: list[WriteOutcome] = await All(
        [Call(_ask, row, write) for row, write in enumerate(_writes(effect))]
    )
    return WriteColumns([outcome.generation for outcome in outcomes], time)


async def splice_of(effect: Splice) -> WriteOutcome:
    """What `Splice` means: read the value that is meant, and write the new one if it still is that one."""
    seen = await Read(effect.store, effect.key, if_equal=effect.if_equal)
    if seen.state != "value":
        return WriteOutcome(UNKNOWN, seen.time)
    return await Write(effect.store, effect.key, spliced(effect.parts, seen.value), effect.if_equal)


async def children_of(effect: Children) -> list[str]:
    """What `Children` means: every key below the prefix, cut behind its next slash."""
    listing = await List(effect.store, KeyRange.prefix(effect.prefix))
    start = len(effect.prefix)
    found = set()
    for key in listing.keys:
        name, slash, _ = key[start:].partition("/")
        found.add(name + slash)
    return sorted(found - {""}, key=from_key)


async def try_each(effect: Tried) -> TriedColumns:
    """What `Tried` means: every row of the block, and the errors of those that have one."""
    time = await Now()
    block = effect.block
    reads = isinstance(block, ReadMany)
    rows: list[Effect[Any]] = list(_reads(block)) if isinstance(block, ReadMany) else list(_writes(block))
    outcomes = await All([Call(_attempt, row) for row in rows])
    errors = {row: outcome for row, outcome in enumerate(outcomes) if isinstance(outcome, TegulaError)}
    generations = [b"" if isinstance(outcome, TegulaError) else outcome.generation for outcome in outcomes]
    if not reads:
        return TriedColumns(WriteColumns(generations, time), errors)
    values = [None if isinstance(outcome, TegulaError) else _row(outcome) for outcome in outcomes]
    return TriedColumns(ReadColumns(values, generations, time), errors)


async def _attempt(effect: Effect[T]) -> T | TegulaError:
    try:
        return await effect
    except TegulaError as error:
        return error


async def origin_of(effect: Origin) -> Provenance:
    """What to answer to `Origin` where nobody keeps stamps: the generation, and no more."""
    found = await Read(effect.store, effect.key, ByteRange(0, 0))
    return Provenance(found.generation)


async def page_of(effect: ListPage) -> Page:
    """What `ListPage` means where there are no pages: everything is on the first."""
    return Page(await List(effect.store, effect.range), "")


async def _ask(row: int, effect: Effect[T]) -> T:
    try:
        return await effect
    except TegulaError as error:
        error.row = row
        raise


def _row(outcome: ReadOutcome) -> Buffer | Unchanged | None:
    if outcome.state == "value":
        return outcome.value
    return None if outcome.state == "missing" else UNCHANGED


async def decode_each(effect: Decoded) -> list[Any]:
    """What `Decoded` means: load all of the cells."""
    loaded: Loaded = await effect.load.function(*effect.load.arguments, effect.cells, None)
    return loaded.words


async def remember_nothing(effect: Remembered) -> list[tuple[Any, bytes] | None]:
    """What `Remembered` means: that nothing is known."""
    return [None] * len(effect.cells)


async def _compute(effect: Compute[T]) -> T:
    return effect.call()


async def _memo(effect: Memo[T]) -> T:
    return await effect.call()


async def _room(effect: Room) -> Held:
    del effect
    return Held()


_DEFINITIONS: dict[type[Effect[Any]], Callable[[Any], Program[Any]]] = {
    ReadMany: read_each,
    WriteMany: write_each,
    Splice: splice_of,
    Children: children_of,
    Decoded: decode_each,
    Remembered: remember_nothing,
    Tried: try_each,
    ListPage: page_of,
    Compute: _compute,
    Memo: _memo,
    Room: _room,
}
