"""The index space: domains, transforms, indexing, dimension expressions.  Pure."""

from tegula.space.align import align, align_transform
from tegula.space.bounds import check_bounds, output_range, propagate_bounds
from tegula.space.compose import compose, inverse
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
    "align",
    "align_transform",
    "apply_terms",
    "check_bounds",
    "compose",
    "d",
    "identity",
    "inf",
    "inverse",
    "newaxis",
    "output_range",
    "propagate_bounds",
]
