"""What may stand between brackets: the types of indexing keys, for signatures.

What this file knows: names for the unions that the drop-in's own annotations use.  What it must not know:
how a key is read (`slicing`, `selection`).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, SupportsIndex, TypeAlias, Union

import numpy.typing as npt

if TYPE_CHECKING:
    from tegula.space.dims import DimExpression, DimSelection
    from tegula.space.domain import IndexDomain
    from tegula.space.transform import IndexTransform

__all__ = ["DimSelectionLike", "IndexKey", "NumpyIndexTerm", "NumpyIndexingSpec", "Vector"]

Vector: TypeAlias = "SupportsIndex | Sequence[SupportsIndex | None] | None"
"""One integer for all dimensions, or one (or None: leave it) for each."""

DimSelectionLike: TypeAlias = Union[
    "DimSelection", SupportsIndex, str, bytes, slice, Sequence["DimSelectionLike"]
]
"""Dimensions: numbers, labels, ranges, `d[...]`, or sequences of these."""

NumpyIndexTerm: TypeAlias = SupportsIndex | slice | EllipsisType | npt.ArrayLike | None
"""One term of an indexing expression."""

NumpyIndexingSpec: TypeAlias = NumpyIndexTerm | tuple[NumpyIndexTerm, ...]
"""An indexing expression: a term, or a tuple of terms."""

IndexKey: TypeAlias = Union[NumpyIndexingSpec, "DimExpression", "IndexDomain", "IndexTransform"]
"""Whatever indexes a view."""
