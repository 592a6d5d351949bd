"""The types of arguments that only annotations name: one place for those who write typed programs.

What this file knows: the names of the drop-in for unions of argument types.  What it must not know: anything
that runs.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, Union

from tegula.kernels.methods import DownsampleMethod as DownsampleMethod
from tegula.schema.keys import DTypeLike as DTypeLike
from tegula.space.keys import DimSelectionLike as DimSelectionLike
from tegula.space.keys import NumpyIndexingSpec as NumpyIndexingSpec
from tegula.space.keys import NumpyIndexTerm as NumpyIndexTerm

if TYPE_CHECKING:
    from tegula.runtime.future import Future

__all__ = [
    "DTypeLike",
    "DimSelectionLike",
    "DownsampleMethod",
    "FutureLike",
    "NumpyIndexTerm",
    "NumpyIndexingSpec",
    "RecheckCacheOption",
]

T = TypeVar("T")

RecheckCacheOption: TypeAlias = bool | Literal["open"] | float
"""How old a cached value may be: never used unasked, as old as the handle, or as old as a time."""

FutureLike: TypeAlias = Union["Future[T]", Awaitable[T], T]
"""A value, now or later."""
