"""The keywords of layouts, grids and schemas, for who writes typed programs: read by type checkers alone.

What this file knows: each keyword and the type of its value; None leaves a constraint out.  What it must not
know: what a keyword does.
Law: the names are those that the setters of `layout.py`, `chunkgrid.py` and `schema.py` know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsIndex, TypedDict

if TYPE_CHECKING:
    import numpy.typing as npt

    from tegula.schema.chunkgrid import ChunkGrid
    from tegula.schema.codecspec import CodecSpec
    from tegula.schema.keys import DTypeLike
    from tegula.schema.layout import ChunkLayout
    from tegula.schema.schema import Schema
    from tegula.schema.units import Unit
    from tegula.space.domain import IndexDomain

__all__ = ["GridKeywords", "LayoutKeywords", "SchemaKeywords"]


class GridKeywords(TypedDict, total=False):
    """The keywords of `ChunkLayout.Grid`."""

    rank: SupportsIndex | None
    shape: Iterable[SupportsIndex | None] | None
    shape_soft_constraint: Iterable[SupportsIndex | None] | None
    aspect_ratio: Iterable[float | None] | None
    aspect_ratio_soft_constraint: Iterable[float | None] | None
    elements: SupportsIndex | None
    elements_soft_constraint: SupportsIndex | None
    grid: ChunkGrid | None
    grid_soft_constraint: ChunkGrid | None


class LayoutKeywords(TypedDict, total=False):
    """The keywords of `ChunkLayout`."""

    rank: SupportsIndex | None
    inner_order: Iterable[SupportsIndex] | None
    inner_order_soft_constraint: Iterable[SupportsIndex] | None
    grid_origin: Iterable[SupportsIndex | None] | None
    grid_origin_soft_constraint: Iterable[SupportsIndex | None] | None
    chunk: ChunkGrid | None
    write_chunk: ChunkGrid | None
    read_chunk: ChunkGrid | None
    codec_chunk: ChunkGrid | None
    chunk_shape: Iterable[SupportsIndex | None] | None
    chunk_shape_soft_constraint: Iterable[SupportsIndex | None] | None
    chunk_aspect_ratio: Iterable[float | None] | None
    chunk_aspect_ratio_soft_constraint: Iterable[float | None] | None
    chunk_elements: SupportsIndex | None
    chunk_elements_soft_constraint: SupportsIndex | None
    write_chunk_shape: Iterable[SupportsIndex | None] | None
    write_chunk_shape_soft_constraint: Iterable[SupportsIndex | None] | None
    write_chunk_aspect_ratio: Iterable[float | None] | None
    write_chunk_aspect_ratio_soft_constraint: Iterable[float | None] | None
    write_chunk_elements: SupportsIndex | None
    write_chunk_elements_soft_constraint: SupportsIndex | None
    read_chunk_shape: Iterable[SupportsIndex | None] | None
    read_chunk_shape_soft_constraint: Iterable[SupportsIndex | None] | None
    read_chunk_aspect_ratio: Iterable[float | None] | None
    read_chunk_aspect_ratio_soft_constraint: Iterable[float | None] | None
    read_chunk_elements: SupportsIndex | None
    read_chunk_elements_soft_constraint: SupportsIndex | None
    codec_chunk_shape: Iterable[SupportsIndex | None] | None
    codec_chunk_shape_soft_constraint: Iterable[SupportsIndex | None] | None
    codec_chunk_aspect_ratio: Iterable[float | None] | None
    codec_chunk_aspect_ratio_soft_constraint: Iterable[float | None] | None
    codec_chunk_elements: SupportsIndex | None
    codec_chunk_elements_soft_constraint: SupportsIndex | None
    finalize: bool | None


class SchemaKeywords(TypedDict, total=False):
    """The keywords of `Schema`."""

    rank: SupportsIndex | None
    dtype: DTypeLike | None
    domain: IndexDomain | None
    shape: Iterable[SupportsIndex] | None
    chunk_layout: ChunkLayout | None
    codec: CodecSpec | None
    fill_value: npt.ArrayLike | None
    dimension_units: Iterable[Unit | str | float | None] | None
    schema: Schema | None
