"""tegula: read and write large multi-dimensional arrays.

A drop-in for TensorStore's Python API (``import tegula as ts``), and a functional pipe over the same
algebra.  Names are bound when they are first used: importing this package imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_TYPES = (
    "bool char byte int2 int4 int8 uint8 int16 uint16 int32 uint32 int64 uint64 float8_e3m4 float8_e4m3fn "
    "float8_e4m3fnuz float8_e4m3b11fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn float16 "
    "bfloat16 float32 float64 complex64 complex128 string ustring json dtype"
)

_HOMES = {
    "space.dim": "Dim",
    "space.domain": "IndexDomain",
    "space.interval": "inf",
    "space.transform": "IndexTransform",
    "space.maps": "OutputIndexMap OutputIndexMaps OutputIndexMethod",
    "space.dims": "DimExpression DimSelection d",
    "space.slicing": "newaxis",
    "schema.dtypes": _TYPES,
    "schema.units": "Unit",
    "schema.layout": "ChunkLayout",
    "schema.codecspec": "CodecSpec",
    "schema.schema": "Schema",
    "api.batch": "Batch",
    "api.context": "Context",
    "api.kvstore": "KvStore",
    "api.codecs": "register_codec",
    "api.stores": "LostUpdates register_store",
    "api.spec": "Spec",
    "api.openmode": "OpenMode",
    "api.store": "TensorStore",
    "api.group": "Group",
    "api.opengroup": "open_group",
    "api.opening": "open",
    "api.functions": "array cast downsample explain",
    "api.actions": "pipe read resize resolve spec storage_statistics write",
    "api.steps": "at diagonal label mark_bounds_implicit oindex stride translate_backward_by translate_by "
    "translate_to transpose vindex",
    "api.accessors": "base_of chunk_layout_of codec_of dimension_units_of domain_of dtype_of fill_value_of "
    "kvstore_of mode_of nbytes_of origin_of rank_of schema_of shape_of size_of url_of",
    "api.typing": "DTypeLike DimSelectionLike DownsampleMethod FutureLike NumpyIndexTerm NumpyIndexingSpec "
    "RecheckCacheOption",
    "space.indexable": "Indexable",
    "runtime.future": "Future Promise",
    "runtime.writefutures": "WriteFutures",
    "errors": "TegulaError",
}

_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_WHERE)  # noqa: PLE0605 - the table is the list


def __getattr__(name: str) -> Any:
    home = _WHERE.get(name)
    if home is None:
        raise AttributeError(f"module 'tegula' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"tegula.{home}"), name)
    if hasattr(value, "__code__") or hasattr(value, "__wrapped__"):
        value.__module__ = __name__  # a function is called by its public name; classes are marked (`public`)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_WHERE, "__version__"])


if TYPE_CHECKING:
    from tegula.api.accessors import base_of as base_of
    from tegula.api.accessors import chunk_layout_of as chunk_layout_of
    from tegula.api.accessors import codec_of as codec_of
    from tegula.api.accessors import dimension_units_of as dimension_units_of
    from tegula.api.accessors import domain_of as domain_of
    from tegula.api.accessors import dtype_of as dtype_of
    from tegula.api.accessors import fill_value_of as fill_value_of
    from tegula.api.accessors import kvstore_of as kvstore_of
    from tegula.api.accessors import mode_of as mode_of
    from tegula.api.accessors import nbytes_of as nbytes_of
    from tegula.api.accessors import origin_of as origin_of
    from tegula.api.accessors import rank_of as rank_of
    from tegula.api.accessors import schema_of as schema_of
    from tegula.api.accessors import shape_of as shape_of
    from tegula.api.accessors import size_of as size_of
    from tegula.api.accessors import url_of as url_of
    from tegula.api.actions import pipe as pipe
    from tegula.api.actions import read as read
    from tegula.api.actions import resize as resize
    from tegula.api.actions import resolve as resolve
    from tegula.api.actions import spec as spec
    from tegula.api.actions import storage_statistics as storage_statistics
    from tegula.api.actions import write as write
    from tegula.api.codecs import register_codec as register_codec
    from tegula.api.context import Context as Context
    from tegula.api.functions import array as array
    from tegula.api.functions import cast as cast
    from tegula.api.functions import downsample as downsample
    from tegula.api.functions import explain as explain
    from tegula.api.group import Group as Group
    from tegula.api.kvstore import KvStore as KvStore
    from tegula.api.opengroup import open_group as open_group
    from tegula.api.opening import open as open
    from tegula.api.spec import Spec as Spec
    from tegula.api.steps import at as at
    from tegula.api.steps import diagonal as diagonal
    from tegula.api.steps import label as label
    from tegula.api.steps import mark_bounds_implicit as mark_bounds_implicit
    from tegula.api.steps import oindex as oindex
    from tegula.api.steps import stride as stride
    from tegula.api.steps import translate_backward_by as translate_backward_by
    from tegula.api.steps import translate_by as translate_by
    from tegula.api.steps import translate_to as translate_to
    from tegula.api.steps import transpose as transpose
    from tegula.api.steps import vindex as vindex
    from tegula.api.store import TensorStore as TensorStore
    from tegula.api.stores import LostUpdates as LostUpdates
    from tegula.api.stores import register_store as register_store
    from tegula.api.typing import DimSelectionLike as DimSelectionLike
    from tegula.api.typing import DownsampleMethod as DownsampleMethod
    from tegula.api.typing import DTypeLike as DTypeLike
    from tegula.api.typing import FutureLike as FutureLike
    from tegula.api.typing import NumpyIndexingSpec as NumpyIndexingSpec
    from tegula.api.typing import NumpyIndexTerm as NumpyIndexTerm
    from tegula.api.typing import RecheckCacheOption as RecheckCacheOption
    from tegula.runtime.future import Future as Future
    from tegula.runtime.future import Promise as Promise
    from tegula.runtime.writefutures import WriteFutures as WriteFutures
    from tegula.schema.layout import ChunkLayout as ChunkLayout
    from tegula.schema.units import Unit as Unit
    from tegula.space.dim import Dim as Dim
    from tegula.space.dims import DimExpression as DimExpression
    from tegula.space.dims import DimSelection as DimSelection
    from tegula.space.dims import d as d
    from tegula.space.domain import IndexDomain as IndexDomain
    from tegula.space.indexable import Indexable as Indexable
    from tegula.space.interval import inf as inf
    from tegula.space.maps import OutputIndexMap as OutputIndexMap
    from tegula.space.maps import OutputIndexMaps as OutputIndexMaps
    from tegula.space.maps import OutputIndexMethod as OutputIndexMethod
    from tegula.space.slicing import newaxis as newaxis
    from tegula.space.transform import IndexTransform as IndexTransform
