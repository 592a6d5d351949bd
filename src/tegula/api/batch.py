"""Batches: reads that wait for each other, so that what they need is asked for together.

A handle on deferred programs; how they are joined is `tegula.runtime.together`'s.
"""

from __future__ import annotations

import sys
from typing import Any, Self

from tegula.effects.effect import Program
from tegula.errors import InvalidArgument
from tegula.programs.jointly import Want
from tegula.public import public
from tegula.runtime.future import Future, pending
from tegula.runtime.session import JOINED, submit
from tegula.runtime.together import Reader, together
from tegula.view import View

__all__ = ["Batch", "required"]


@public("Batch")
class Batch:
    """Collects reads, and asks for what they need together when it is submitted.

    Submitted by `submit`, at the end of a ``with`` block, or when the last reference to it is dropped.  Until
    then the futures of its operations are pending: waiting for one of them before would never end.

    >>> import tegula
    >>> store = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
    ...                     dtype="uint8", shape=[4], fill_value=7).result()
    >>> with tegula.Batch() as batch:
    ...     first, last = store[0].read(batch=batch), store[3].read(batch=batch)
    >>> first.result(), last.result()
    (array(7, dtype=uint8), array(7, dtype=uint8))
    """

    __slots__ = ("__weakref__", "_alone", "_deferred", "_reads", "_submitted")

    _alone: list[tuple[Program[Any], Future[Any]]]
    _reads: list[Reader]
    _deferred: list[tuple[Program[Any], Future[Any]]]
    _submitted: bool

    def __init__(self) -> None:
        self._alone = []
        self._deferred = []
        self._reads = []
        self._submitted = False

    def submit(self) -> None:
        """Start what was collected; nothing may be added any more.  A second time it does nothing.

        >>> import tegula
        >>> store, batch = tegula.array([1, 2, 3]), tegula.Batch()
        >>> future = store[1].read(batch=batch)
        >>> batch.submit()
        >>> future.result()
        array(2)
        """
        self._submitted = True
        deferred, self._deferred = self._deferred, []
        alone, self._alone = self._alone, []
        reads, self._reads = self._reads, []
        if reads:
            from tegula.api.joined import start_jointly

            start_jointly(reads)
        if deferred or alone:
            for jobs in [deferred, *[[one] for one in alone]]:
                if jobs:
                    submit(together(jobs, JOINED))

    def _defer_read(self, view: View, wanted: Want) -> Future[Any]:
        """Collect the reading of a view, taken apart; return the future of its elements.

        Raises:
            InvalidArgument: the batch was submitted.
        """
        if self._submitted:
            raise InvalidArgument("batch was already submitted")
        future: Future[Any] = pending()
        self._reads.append(Reader(view, wanted, future))
        return future

    def _defer(self, program: Program[Any], alone: bool = False) -> Future[Any]:
        """Collect a program; return the future of its answer.

        One that is `alone` is only deferred: it counts memory, and could wait for what another one holds.

        Raises:
            InvalidArgument: the batch was submitted.
        """
        if self._submitted:
            program.close()
            raise InvalidArgument("batch was already submitted")
        future: Future[Any] = pending()
        (self._alone if alone else self._deferred).append((program, future))
        return future

    def __enter__(self) -> Self:
        """Return the batch, which the end of the block submits.

        >>> with Batch() as batch:
        ...     type(batch).__name__
        'Batch'
        """
        return self

    def __exit__(self, *_: object) -> None:
        """Submit the batch, also where the block failed.

        >>> import tegula
        >>> with Batch() as batch:
        ...     future = tegula.array([1, 2]).read(batch=batch)
        >>> future.result()
        array([1, 2])
        """
        self.submit()

    def __del__(self) -> None:
        if not getattr(self, "_submitted", True) and not sys.is_finalizing():
            self.submit()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("cannot pickle 'Batch' object")


def still(batch: object) -> Batch | None:
    """Return what was given as `batch`, None where it was submitted: what is asked for starts now then.

    Raises:
        TypeError: it is no batch.
    """
    return None if isinstance(batch, Batch) and batch._submitted else required(batch)


def required(batch: object) -> Batch:
    """Return what was given as `batch`.

    Raises:
        TypeError: it is no batch.
        InvalidArgument: it was submitted.
    """
    if not isinstance(batch, Batch):
        raise TypeError(f"batch is a Batch or None, not {type(batch).__name__}")
    if batch._submitted:
        raise InvalidArgument("batch was already submitted")
    return batch
