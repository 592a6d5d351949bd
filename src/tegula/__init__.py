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
    "api.context": "Context",
    "api.kvstore": "KvStore",
    "api.spec": "Spec",
    "api.openmode": "OpenMode",
    "api.store": "TensorStore",
    "api.opening": "open",
    "api.functions": "array at cast downsample explain pipe read write",
    "runtime.future": "Future Promise WriteFutures",
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
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_WHERE, "__version__"])


if TYPE_CHECKING:
    from tegula.api.context import Context as Context
    from tegula.api.functions import array as array
    from tegula.api.functions import at as at
    from tegula.api.functions import cast as cast
    from tegula.api.functions import downsample as downsample
    from tegula.api.functions import explain as explain
    from tegula.api.functions import pipe as pipe
    from tegula.api.functions import read as read
    from tegula.api.functions import write as write
    from tegula.api.kvstore import KvStore as KvStore
    from tegula.api.opening import open as open
    from tegula.api.spec import Spec as Spec
    from tegula.api.store import TensorStore as TensorStore
    from tegula.runtime.future import Future as Future
    from tegula.runtime.future import Promise as Promise
    from tegula.runtime.future import WriteFutures as WriteFutures
    from tegula.schema.layout import ChunkLayout as ChunkLayout
    from tegula.schema.units import Unit as Unit
    from tegula.space.dim import Dim as Dim
    from tegula.space.domain import IndexDomain as IndexDomain
    from tegula.space.transform import IndexTransform as IndexTransform
