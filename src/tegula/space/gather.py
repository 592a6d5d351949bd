"""Index arrays and masks: what an array-like term of an indexing expression means.

What this file knows: which Python and NumPy objects are index arrays or masks, and that a mask stands for the
positions of its true elements.  What it must not know: where the dimensions they make are placed (`slicing`).

Positions in a mask count from 0, not from the origin of the domain, and neither array is checked
against the domain here: that happens when elements are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tegula.errors import IndexingError
from tegula.space.maps import IndexArray, frozen

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]
else:
    Mask = np.ndarray

_INT64 = np.dtype(np.int64)
_ONLY = (
    "Only integers, slices (`:`), ellipsis (`...`), tensorstore.newaxis (`None`) "
    "and integer or boolean arrays are valid indices"
)


def as_index(term: Any) -> IndexArray | Mask:
    """Return a term that is no integer, slice, ellipsis or None as a frozen int64 array or mask.

    Raise `IndexingError` for an array of another type, `TypeError` for integers that do not fit.

    >>> as_index([2, 3])
    array([2, 3])
    """
    given = isinstance(term, np.ndarray)
    if given and term.dtype is _INT64:
        copy: IndexArray = term.copy()
        copy.setflags(write=False)
        return copy
    array = term if given else np.asarray(term)
    kind = array.dtype.kind
    if kind == "i" and array.dtype is _INT64 and type(term) is list:
        array.setflags(write=False)
        return array
    if kind in "iu":
        if kind == "u" and array.dtype.itemsize == 8:
            raise TypeError(
                "Cannot cast array data from dtype('uint64') to dtype('int64') according to the rule 'safe'"
            )
        return frozen(array)
    if kind == "b":
        mask = np.array(array)
        mask.flags.writeable = False
        return mask
    if not given and array.size == 0:
        return frozen(array)
    if given:
        raise IndexingError("Arrays used as indices must be of integer (or boolean) type")
    raise IndexingError(_ONLY)


def trimmed(mask: Mask) -> Mask:
    """Return the mask without what lies beyond its last true position on each axis (what it is printed as).

    >>> trimmed(np.array([True, False, True, False]))
    array([ True, False,  True])
    """
    if mask.ndim == 0:
        return mask
    hits = np.nonzero(mask)
    return mask[tuple([slice(0, int(h.max()) + 1 if len(h) else 1) for h in hits])]


def positions(mask: Mask) -> tuple[IndexArray, ...]:
    """Return, for each axis of a mask, the coordinates of its true elements, in C order."""
    if mask.ndim < 2:
        return tuple([frozen(h) for h in np.nonzero(mask)])
    # far faster than NumPy's way for several axes, where few are true
    found = np.unravel_index(np.flatnonzero(mask), mask.shape)
    return tuple([frozen(h) for h in found])


def joint_shape(shape: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape to which two index arrays broadcast; raise `IndexingError` where they do not.

    >>> joint_shape((3, 1), (4,))
    (3, 4)
    """
    if shape == more or not shape:
        return more
    rank = max(len(shape), len(more))
    out = [1] * (rank - len(shape)) + list(shape)
    for k, extent in enumerate(more, rank - len(more)):
        if extent == 1:
            continue
        if out[k] not in (1, extent):
            texts = [f"{{{', '.join(map(str, s))}}}" for s in (more, tuple(out))]
            raise IndexingError(f"Incompatible index array shapes: {texts[0]} vs {texts[1]}")
        out[k] = extent
    return tuple(out)


def spread(array: IndexArray, dims: list[int], rank: int) -> IndexArray:
    """Return the private index array over `rank` dimensions whose axis `k` lies along `dims[k]`, frozen."""
    if array.ndim == rank and dims == list(range(rank)):
        array.flags.writeable = False
        return array
    order = sorted(range(array.ndim), key=dims.__getitem__)
    shape = [1] * rank
    for k, i in enumerate(dims):
        shape[i] = array.shape[k]
    view = array.transpose(order).reshape(shape)
    view.flags.writeable = False
    return view
