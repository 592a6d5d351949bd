"""The JSON and the schema of a handle: pure functions of its view and of what was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tegula.api.context import Collector, Context
from tegula.api.opened import Opened
from tegula.binding import pretty
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema
from tegula.source import Cast, Chunked, Downsample, InMemory
from tegula.view import View

if TYPE_CHECKING:
    from tegula.api.store import TensorStore

__all__ = ["bound_json", "resources", "schema", "show", "spec_json"]


def schema(view: View, opened: Any) -> Schema:
    """Return the schema of a view."""
    source = view.source
    transform = view.transform
    if isinstance(source, Chunked):
        assert isinstance(opened, Opened)
        found: Schema = opened.schema()[transform]
        found.update(domain=transform.domain)
        return found
    rank = transform.input_rank
    layout = ChunkLayout(rank=rank, inner_order=list(range(rank)), grid_origin=[0] * rank)
    return Schema(dtype=source.dtype, domain=transform.domain, rank=rank, chunk_layout=layout)


def spec_json(store: TensorStore, minimal: bool = False) -> dict[str, Any]:
    """Return the members by which `open` gives the view again, without its context."""
    view, opened = store._view, store._opened
    source = view.source
    found: dict[str, Any] = {"dtype": source.dtype.name, "transform": view.transform.to_json()}
    if isinstance(source, Chunked):
        assert isinstance(opened, Opened)
        found |= opened.form.members_json(opened.members)
        found |= {"driver": opened.form.name, "kvstore": opened.kvstore.spec().to_json()}
        found.pop("metadata", None)
        if not minimal:
            found["metadata"] = opened.form.metadata_json(opened.metadata)
        found |= opened.options.to_json()
    elif isinstance(source, InMemory):
        found |= {"driver": "array", "array": elements(source)}
    elif isinstance(source, Downsample):
        found |= {
            "driver": "downsample",
            "base": _inner(store, minimal),
            "downsample_factors": list(source.factors),
            "downsample_method": source.method,
        }
    elif isinstance(source, Cast):
        found |= {"driver": "cast", "base": {**_inner(store, minimal), "dtype": source.base.dtype.name}}
        found["base"].pop("transform", None)
    return found


def _inner(store: TensorStore, minimal: bool) -> dict[str, Any]:
    inner = spec_json(store._opened, minimal)
    if isinstance(store._view.source, Downsample):
        inner.pop("dtype", None)
    return inner


def elements(source: InMemory) -> Any:
    """Return the elements of an array in memory as nested lists of JSON values."""
    found = source.array
    if found.dtype.kind == "c":
        return _pairs(found.tolist())
    if found.dtype.kind == "V" or found.dtype.kind not in "biufO":
        found = found.astype("float64")
    return found.tolist()


def _pairs(value: Any) -> Any:
    return [value.real, value.imag] if isinstance(value, complex) else [_pairs(each) for each in value]


def bound_json(store: TensorStore) -> dict[str, Any]:
    """Return the members of the bound specification: with the context the handle lives in."""
    collector = Collector()
    found = spec_json(store)
    opened = store._opened
    if isinstance(opened, Opened):
        found["kvstore"] = opened.kvstore._spec_json(collector)
    for resource in resources(store):
        collector.member(resource)
    found["context"] = collector.context
    return found


def resources(store: TensorStore) -> list[Any]:
    """Return the context resources that a handle uses beside those of its key-value store."""
    opened = store._opened
    if isinstance(opened, Opened):
        return list(opened.resources.values())
    if opened is not None:
        return resources(opened)
    return [Context()["data_copy_concurrency"]]


def show(store: TensorStore) -> str:
    """Return the repr of a handle."""
    return f"TensorStore({pretty(bound_json(store))})"
