"""A view of a chunked array in the coordinates of its chunk grid, which begins at 0.

What this file knows: that a grid begins at the array's origin.  What it must not know: chunks.

Law: coordinate c of the array is c - origin of the grid.
"""

from __future__ import annotations

from operator import sub

from tegula.source import Chunked
from tegula.space.transform import IndexTransform, columns
from tegula.view import View

__all__ = ["on_grid"]


def on_grid(view: View) -> IndexTransform:
    """Return the transform of a view of a chunked array to its grid's coordinates.

    Where the array begins at 0 that is the view's own.
    """
    source, t = view.source, view.transform
    if not (isinstance(source, Chunked) and any(source.layout.origin)):
        return t
    offsets = tuple(map(sub, t._offsets, source.layout.origin))
    return columns(t.domain, t._dims, offsets, t._strides, t._arrays)
