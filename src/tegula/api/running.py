"""Start programs for handles: which thread runs them, and what the caller gets back.

A view that is small and on a store of this machine is read in the caller's thread, before the future is
returned: no thread, no lock that anyone waits for, no compiled code.  Everything else goes to the
shared threads.  Which of the two is a matter of speed only: the program is the same.
"""

from __future__ import annotations

import os
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tegula.api.lately import queued, queues, several, several_written, started, written
from tegula.api.newest import now
from tegula.binding import as_json
from tegula.errors import InvalidArgument, OutOfRange
from tegula.plan.blocks import CODED, MANY_INNER
from tegula.plan.gather import Pieces, Spot, locate
from tegula.plan.grid import on_grid
from tegula.programs.chunked import one, read_one
from tegula.programs.reading import blank, read
from tegula.programs.reading_few import known
from tegula.runtime.future import Future, pending, ready, settle
from tegula.runtime.live import leaf
from tegula.runtime.session import is_ours, recall, recall_one, run, submit
from tegula.source import ALWAYS, Cast, Chunked, Downsample, InMemory, Source, Whole
from tegula.space.bounds import check_bounds, propagate_bounds
from tegula.space.domain import IndexDomain
from tegula.view import View, part_below

if TYPE_CHECKING:
    from tegula.api.store import TensorStore
    from tegula.runtime.writefutures import WriteFutures
    from tegula.schema.dtypes import DataType

__all__ = ["failed", "resolve", "start", "start_write"]

LIGHT_BYTES = 1 << 20  # a read that touches no more than this is not worth a thread
LIGHT_CHUNKS = 128
LET_GO = 500  # from so many elements on NumPy lets go of the interpreter while it copies
COPIED_BYTES = 64 << 10  # what is copied in less time than it would take to say when it has been
HEAVY_BYTES = 16 << 10  # decoding so much takes longer than handing it to another thread
WIDTH = max(2, (os.cpu_count() or 1) + 1)  # one more than computes, so that a disk does not idle


def failed(error: BaseException) -> Future[Any]:
    """Return a future that has failed already."""
    future: Future[Any] = pending()
    settle(future, None, error)
    return future


def start(store: TensorStore, order: str, batch: Any = None) -> Future[NDArray[Any]]:
    """Start reading a handle's view, now or with its batch; return a future of a new array."""
    if order not in ("C", "F"):
        raise TypeError("`order` must be specified as 'C' or 'F'")
    if not store._readable:
        return failed(InvalidArgument("Source does not support reading."))
    try:
        view = now(store)._view
    except ValueError as error:
        return failed(error)
    source = view.source
    if batch is not None:
        return _deferred(view, order, batch)
    try:
        if isinstance(source, Chunked):
            layout = source.layout
            finest = layout.chain.finest
            spot = locate(on_grid(view), layout.shape, finest.chunk_shape)
            if source.chunks is not None:
                found = _recalled(view, source, spot, order)
                if found is not None:
                    return ready(found)
            if spot is not None and finest.nbytes <= LIGHT_BYTES and leaf(source.store).local:
                if finest.raw or finest.nbytes < HEAVY_BYTES:
                    return ready(run(read_one(source, spot, view.transform.input_shape, order)))
                return _decoded_here(view, source, spot, order)
        _check(view)
        light = _light(view)
        if isinstance(source, Chunked) and leaf(source.store).local:
            future = _joined(view, source, order, light)
            if future is not None:
                return future
        if light:
            return ready(run(read(view, order)))
    except ValueError as error:
        return failed(error)
    try:
        out = blank(view, order)
    except MemoryError as error:
        return failed(error)
    ours = isinstance(source, Chunked) and is_ours(source)
    return submit(read(view, order, WIDTH, out), abandon=True, ours=ours)


def _joined(view: View, source: Chunked, order: str, light: bool) -> Future[NDArray[Any]] | None:
    """Start a read together with others of its array, None where it is better read alone."""
    if light and not several():
        future = ready(run(read(view, order)))
        started(future)
        return future
    from tegula.api.joined import little, piled

    wanted = little(view, order)
    if wanted is None:
        return None
    future = piled(view, source, wanted)
    started(future)
    return future


def _decoded_here(view: View, source: Chunked, spot: Spot, order: str) -> Future[NDArray[Any]]:
    """Read from one chunk in the caller's thread, unless the caller starts several reads at once."""
    future: Future[NDArray[Any]] | None = None
    if several():
        from tegula.api.joined import gathered

        future = gathered(view, source, spot, order)
    if future is None:
        future = ready(run(read_one(source, spot, view.transform.input_shape, order)))
        started(future)
    return future


def _deferred(view: View, order: str, batch: Any) -> Future[NDArray[Any]]:
    from tegula.api.batch import required
    from tegula.api.joined import wanted_of

    collected = required(batch)
    wanted = wanted_of(view, order)
    if wanted is not None:
        return collected._defer_read(view, wanted)
    try:
        _check(view)
    except ValueError as error:
        return failed(error)
    return collected._defer(read(view, order, WIDTH), alone=_counted(view))


def _counted(view: View) -> bool:
    """Whether reading a view counts memory under a limit."""
    source = view.source
    if isinstance(source, Chunked):
        return source.memory is not None
    return not isinstance(source, InMemory | Whole) and _counted(source.base)


def _recalled(view: View, source: Chunked, spot: Spot | None, order: str) -> NDArray[Any] | None:
    """Return the elements of a view if the cache may answer for all of its chunks."""
    chunks, bound = source.chunks, source.recheck_before
    if chunks is None or bound == ALWAYS:
        return None
    if spot is not None:
        words = recall_one(source.cache, chunks, spot.cell, bound)
        return None if words is None else one(source, spot, view.transform.input_shape, order, words[0])
    _check(view)
    return known(source, view, order, partial(_recall, source))


def _recall(source: Chunked, cells: NDArray[np.int64], shaped: bool = False) -> list[Any] | None:
    assert source.chunks is not None
    return recall(source.cache, source.chunks, cells, source.recheck_before, shaped)


def _check(view: View) -> None:
    """Raise OutOfRange unless every element of the view lies in its source.

    Where it has no elements its explicit bounds must lie in it, unless an explicit one says that it has none.
    """
    transform, source = view.transform, view.source
    lower, upper = source.bounds
    try:
        check_bounds(transform, lower, upper, partial(_told, source))
        if any(map(int.__eq__, transform.input_origin, transform.input_exclusive_max)):
            propagate_bounds(IndexDomain(inclusive_min=lower, exclusive_max=upper), transform)
    except OutOfRange:
        bounds = IndexDomain(inclusive_min=lower, exclusive_max=upper)
        propagate_bounds(bounds, transform)  # says it in terms of bounds, where it can
        raise
    if isinstance(source, Cast | Downsample) and _looks_up(source.base):
        _check(part_below(view))


def _told(source: Source, dim: int) -> str:
    """Return what an error says first of an index array for a dimension of a source."""
    if isinstance(source, InMemory):
        return f"In index array map for output dimension {dim}: "
    if isinstance(source, Downsample):
        return f"Propagating downsampling factor {source.factors[dim]} through output dimension {dim}: "
    if isinstance(source, Cast):
        below = [m.input_dimension for m in source.base.transform.maps]
        return _told(source.base.source, below.index(dim)) if dim in below else ""
    return ""


def _looks_up(view: View) -> bool:
    """Tell whether there are index arrays in a view or below it: nothing else is left to be checked."""
    source = view.source
    return any(m.index_array is not None for m in view.transform.maps) or (
        isinstance(source, Cast | Downsample) and _looks_up(source.base)
    )


def _light(view: View) -> bool:
    """Whether reading a view touches little, all of it on this machine."""
    source = view.source
    if isinstance(source, Chunked):
        finest = source.layout.chain.finest
        taken = finest.nbytes if finest.light else CODED * finest.nbytes
        return _touched(view, finest.chunk_shape, taken) <= LIGHT_BYTES and leaf(source.store).local
    if isinstance(source, InMemory):
        return prod(view.shape) * source.array.itemsize <= LIGHT_BYTES
    if isinstance(source, Whole):
        return leaf(source.store).local
    scale = prod(source.factors) if isinstance(source, Downsample) else 1
    return prod(view.shape) * scale <= 4096 and _light(source.base)


def _touched(view: View, chunk_shape: tuple[int, ...], chunk_bytes: int) -> int:
    """Return an upper bound of the bytes of the chunks that a view touches."""
    origin, shape = view.transform.input_origin, view.transform.input_shape
    cells = 1
    for output, chunk in zip(view.transform.output, chunk_shape, strict=True):
        if output.index_array is not None:
            cells *= output.index_array.size
        elif output.input_dimension is not None:
            dim = output.input_dimension
            stride = output.stride or 0
            first = output.offset + stride * origin[dim]
            last = first + stride * (shape[dim] - 1)
            cells *= min(shape[dim], abs(last // chunk - first // chunk) + 1)
    if cells > LIGHT_CHUNKS:
        return LIGHT_BYTES + 1
    return cells * max(chunk_bytes, 2048)


def start_write(store: TensorStore, source: Any, batch: Any = None) -> WriteFutures:
    """Start writing into a handle's view; return the futures of copy and commit."""
    from tegula.api.store import TensorStore
    from tegula.runtime.writefutures import WriteFutures

    collected = None
    if batch is not None:
        from tegula.api.batch import still

        collected = still(batch)
        if not isinstance(source, TensorStore):
            raise InvalidArgument(
                "Invalid batch: batch can only be specified when copying from a TensorStore source"
            )
    data: Any = None
    if not isinstance(source, TensorStore):
        data = _array(source, store.dtype, store.rank)
    if not store._writable:
        done: Future[None] = failed(InvalidArgument("Destination does not support writing."))
        return WriteFutures(done, done)
    try:
        store = now(store)
        view = store._view
        if data is None:
            source = now(source)
        parts = None if data is None else _few(view)
        if parts is None:
            _check(view)
        light = False
        if parts is not None:
            light = not (id(view.source) in queues or several_written()) and _light_write(view, parts)
            found = None if light else _joined_write(view, parts, data, _theirs(source, data))
            if found is not None:
                return found
        if data is not None and not light:
            light = _light_write(view, parts)
        program = _copying(source, store) if data is None else _writing(view, data, parts)
    except ValueError as error:
        done = failed(error)
    else:
        if collected is not None:
            done = collected._defer(program, alone=True)
        else:
            done = _begun(view, program, light, data is not None)
    try:
        return WriteFutures(done, done)
    finally:
        del done  # the traceback of an error holds this frame


def _joined_write(view: View, parts: Pieces, data: NDArray[Any], theirs: bool) -> WriteFutures | None:
    """Start a write together with others to its array, None where that is too large.

    `theirs`: the caller may change `data` once it was copied.
    """
    source = view.source
    assert isinstance(source, Chunked)
    from tegula.api.joined_writes import little, piled
    from tegula.runtime.writefutures import WriteFutures

    if not little(source, parts):
        return None
    own = theirs and data.nbytes <= COPIED_BYTES
    if own:
        data, theirs = _copied(data), False
    if data.ndim and data.shape != view.transform.input_shape:
        data = _broadcast(view, data)
    done = piled(view, source, parts, data, own)
    queued(done)
    return WriteFutures(done if theirs else ready(None), done)


def _copied(data: NDArray[Any]) -> NDArray[Any]:
    """Return a copy: of much that lies together without letting go of the interpreter."""
    if data.nbytes < LET_GO or not data.flags.c_contiguous or data.dtype.hasobject:
        return data.copy("K")
    return np.frombuffer(bytearray(data.reshape(-1).view(np.uint8)), data.dtype).reshape(data.shape)


def _theirs(source: Any, data: NDArray[Any]) -> bool:
    """Whether an array made of `source` may share its memory."""
    if isinstance(source, np.ndarray | np.generic):
        return data is source
    return hasattr(source, "__array__")


def _begun(view: View, program: Any, light: bool, alone: bool) -> Future[None]:
    """Start a program that writes into a view: now, or when those are done that write there before it.

    `alone`: it reads no other handle.
    """
    target = view
    while isinstance(target.source, Cast):
        target = View(target.source.base.source, target.source.base.transform[target.transform])
    source = target.source
    if isinstance(source, Chunked) and not (light and id(source) not in queues):
        from tegula.api.joined_writes import in_turn

        return in_turn(source, target, program, alone and is_ours(source))
    if not light:
        return submit(program)
    try:
        found = ready(run(program))
    except ValueError as error:
        return failed(error)
    written(found)
    return found


def _few(view: View) -> Pieces | None:
    """Return the pieces of a view that is written piece by piece: then it lies in its array, too."""
    if not isinstance(view.source, Chunked):
        return None
    from tegula.programs.writing_few import few_writes

    return few_writes(view.source, view)


def _writing(view: View, data: NDArray[Any], parts: Pieces | None) -> Any:
    if data.shape != view.transform.input_shape and (data.ndim or parts is None or _many(view, parts)):
        data = _broadcast(view, data)
    if parts is None or _many(view, parts):
        from tegula.programs.writing import write

        return write(view, data, WIDTH)
    from tegula.programs.writing_few import write_few

    assert isinstance(view.source, Chunked)
    return write_few(view.source, parts, data, WIDTH)


def _many(view: View, parts: Pieces) -> bool:
    """Whether pieces of shards are so many that columns are quicker, for one write."""
    assert isinstance(view.source, Chunked)
    return len(parts.cells) > MANY_INNER and not parts.entire and bool(view.source.layout.chain.levels)


def _broadcast(view: View, data: NDArray[Any]) -> NDArray[Any]:
    if not data.ndim:
        return np.broadcast_to(data, view.transform.input_shape)
    from tegula.plan.gather import pick
    from tegula.space.align import align

    return pick(align(IndexDomain(shape=data.shape), _resolved(view)), data)


def _resolved(view: View) -> IndexDomain:
    """Return the domain of a view to align to: errors show its bounds as resolved."""
    found: IndexDomain = view.transform.domain.mark_bounds_implicit[False]
    return found


def _copying(source: TensorStore, store: TensorStore) -> Any:
    from tegula.programs.copying import copy
    from tegula.schema.dtypes import can_convert, is_safe
    from tegula.space.align import align
    from tegula.view import cast

    if not source._readable:
        raise InvalidArgument("Source does not support reading.")
    view, target = source._view, store._view
    if view.dtype is not target.dtype:
        if not can_convert(view.dtype, target.dtype):
            raise InvalidArgument(f"Cannot convert {view.dtype.name} -> {target.dtype.name}")
        if not is_safe(view.dtype, target.dtype):
            raise InvalidArgument(
                f"Explicit data type conversion required to convert {view.dtype.name} -> {target.dtype.name}"
            )
        view = cast(view, target.dtype)
    _check(view)
    # errors show the bounds as resolved
    seen, wanted = view.transform.domain, target.transform.domain
    align(seen.mark_bounds_implicit[False], wanted.mark_bounds_implicit[False])
    aligned: View = view[align(seen, wanted)]
    return copy(aligned, target, WIDTH)


def _light_write(view: View, parts: Pieces | None) -> bool:
    source = view.source
    if isinstance(source, Chunked):
        chain = source.layout.chain
        taken = chain.nbytes if chain.light else CODED * chain.nbytes
        if parts is not None and not chain.levels:
            touched = len(parts.cells) * max(taken, 2048)
            few = len(parts.cells) == 1 and chain.nbytes <= LIGHT_BYTES  # there is nothing to be shared
        else:
            touched, few = _touched(view, source.layout.chunk_shape, taken), False
        return (few or touched <= LIGHT_BYTES) and leaf(source.store).local_writes
    if isinstance(source, Whole):
        return leaf(source.store).local_writes
    return isinstance(source, InMemory) and prod(view.shape) * source.array.itemsize <= LIGHT_BYTES


def _array(source: Any, dtype: DataType, rank: int) -> NDArray[Any]:
    """Return `source` as an array of `dtype`: arrays by the rule ``safe``, all else as NumPy makes it."""
    from tegula.schema.fill import checked

    kind = dtype.array_dtype
    if rank == 0 and dtype.name == "json":
        data = np.empty((), kind)
        data[()] = as_json(source)
        return data
    if rank and isinstance(source, np.ndarray) and source.ndim > rank:
        raise InvalidArgument("object too deep for desired array")
    if isinstance(source, np.ndarray):
        data = source if source.dtype == kind else source.astype(kind, casting="safe")
    elif hasattr(source, "__array__") and not isinstance(source, np.generic):
        data = np.asarray(source).astype(kind, casting="safe", copy=False)
    else:
        data = np.array(source, kind)
        if rank and data.ndim > rank:
            raise InvalidArgument(
                "setting an array element with a sequence. The requested array would exceed the maximum "
                f"number of dimension of {rank}."
            )
    if data.ndim > rank:
        raise InvalidArgument(
            "object too deep for desired array"
            if rank
            else f"Expected array of rank 0, but received array of rank {data.ndim}"
        )
    return checked(data, dtype) if dtype.kind == "o" else data


def resolve(store: TensorStore, fix_resizable_bounds: bool, batch: Any = None) -> Future[TensorStore]:
    """Start resolving: return a future of the view with its implicit bounds as they are stored now."""
    from tegula.api.opened import Opened
    from tegula.api.opening import reopened

    collected = None
    if batch is not None:
        from tegula.api.batch import required

        collected = required(batch)
    if not isinstance(store._opened, Opened):
        return ready(store)
    if collected is not None:
        return collected._defer(reopened(store, fix_resizable_bounds))
    return submit(reopened(store, fix_resizable_bounds))
