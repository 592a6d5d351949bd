"""The index space: domains, transforms, indexing, dimension expressions.  Pure.

Names are bound when they are first used: reading a stored array takes but a part of it.  What is called like
its module (`align`, `compose`) is to be taken from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tegula.space.align import align_transform
    from tegula.space.bounds import check_bounds, output_range, propagate_bounds
    from tegula.space.compose import inverse
    from tegula.space.dim import Dim
    from tegula.space.dims import DimExpression, DimSelection, d
    from tegula.space.domain import IndexDomain
    from tegula.space.indexable import HasTransform, Indexable, Movable
    from tegula.space.interval import INF as inf  # noqa: N811 - the drop-in's name
    from tegula.space.maps import OutputIndexMap, OutputIndexMaps, OutputIndexMethod
    from tegula.space.slicing import apply_terms, newaxis
    from tegula.space.transform import IndexTransform, identity

__all__ = [
    "Dim",
    "DimExpression",
    "DimSelection",
    "HasTransform",
    "IndexDomain",
    "IndexTransform",
    "Indexable",
    "Movable",
    "OutputIndexMap",
    "OutputIndexMaps",
    "OutputIndexMethod",
    "align_transform",
    "apply_terms",
    "check_bounds",
    "d",
    "identity",
    "inf",
    "inverse",
    "newaxis",
    "output_range",
    "propagate_bounds",
]

_HOMES = {
    "align": "align_transform",
    "bounds": "check_bounds output_range propagate_bounds",
    "compose": "inverse",
    "dim": "Dim",
    "dims": "DimExpression DimSelection d",
    "domain": "IndexDomain",
    "indexable": "HasTransform Indexable Movable",
    "interval": "inf",
    "maps": "OutputIndexMap OutputIndexMaps OutputIndexMethod",
    "slicing": "apply_terms newaxis",
    "transform": "IndexTransform identity",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _WHERE.get(name)
    if home is None:
        raise AttributeError(f"module 'tegula.space' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"tegula.space.{home}"), "INF" if name == "inf" else name)
    globals()[name] = value
    return value
