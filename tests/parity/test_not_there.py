"""What TensorStore has and tegula does not have yet is refused by name, never ignored and never half done."""

from __future__ import annotations

import json
from typing import Any

import pytest

import tegula as ts
from tegula.errors import FailedPrecondition, InvalidArgument, Unimplemented

DRIVERS = [
    "stack",
    "virtual_chunked",
]
STORES = [
    "s3",
    "http",
    "zip",
    "ocdbt",
    "kvstack",
    "neuroglancer_uint64_sharded",
    "zarr3_sharding_indexed",
    "gcs_grpc",
]
NAMES = [
    "Transaction",
    "concat",
    "experimental_collect_matching_metrics",
    "ocdbt",
    "overlay",
    "parse_tensorstore_flags",
    "stack",
    "virtual_chunked",
]


def opened(driver: str, metadata: dict[str, Any], **options: Any) -> Any:
    """Create an array in memory."""
    spec = {"driver": driver, "kvstore": "memory://", "metadata": metadata}
    return ts.open(spec, create=True, **options).result()


@pytest.mark.parametrize("driver", DRIVERS)
def test_array_drivers_are_named(driver: str) -> None:
    with pytest.raises(InvalidArgument, match=f'"{driver}" is not a registered TensorStore driver'):
        ts.open({"driver": driver, "kvstore": "memory://"})


@pytest.mark.parametrize("driver", STORES)
def test_store_drivers_are_named(driver: str) -> None:
    with pytest.raises(InvalidArgument, match=f'"{driver}" is not a registered KvStore driver'):
        ts.KvStore.open({"driver": driver})


@pytest.mark.parametrize("url", ["gcs_grpc://bucket/a", "s3://bucket/a", "https://host/a", "memory://a|zip:"])
def test_urls_name_the_scheme(url: str) -> None:
    with pytest.raises(InvalidArgument, match="unsupported URL scheme"):
        ts.KvStore.open(url)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_missing_not_empty(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(ts, name)


def test_zarr2_types() -> None:
    for kind in ("|S0", "|V0"):
        with pytest.raises(Unimplemented, match="it has no bytes"):
            opened("zarr", {"dtype": kind, "shape": [3]})


@pytest.mark.parametrize("kind", ["string", "variable_length_bytes"])
def test_zarr3_types(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"{kind} data type is not one of the supported data types"):
        opened("zarr3", {"data_type": kind, "shape": [3]})
    inside = {"name": "struct", "configuration": {"fields": [{"name": "a", "data_type": "int8"}]}}
    nested = {"name": "struct", "configuration": {"fields": [{"name": "b", "data_type": inside}]}}
    with pytest.raises(Unimplemented, match="structures in structures"):
        opened("zarr3", {"data_type": nested, "shape": [3]})


def test_rectilinear_chunk_grids_are_named() -> None:
    grid = {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [[2, 4], [[1, 5]]]}}
    with pytest.raises(
        InvalidArgument, match=r'"chunk_grid".*Expected "regular", but received: "rectilinear"'
    ):
        opened("zarr3", {"data_type": "int16", "shape": [6, 5], "chunk_grid": grid})
    # as in a stored document, where nothing is read by the wrong grid
    context = ts.Context()
    ts.open(
        {"driver": "zarr3", "kvstore": "memory://a/"},
        create=True,
        context=context,
        dtype="int16",
        shape=[6, 5],
    ).result().write(1).result()
    store = ts.KvStore.open("memory://a/", context=context).result()
    store["zarr.json"] = json.dumps({**json.loads(store["zarr.json"]), "chunk_grid": grid})
    with pytest.raises(FailedPrecondition, match='Expected "regular", but received: "rectilinear"'):
        ts.open("memory://a/", context=context).result()


def test_transactions() -> None:
    store = ts.array([1, 2])
    with pytest.raises(TypeError, match="Invalid transaction"):
        ts.open({"driver": "zarr3", "kvstore": "memory://"}, transaction=object())
    with pytest.raises(TypeError, match="Invalid transaction"):
        store.with_transaction(object())
    with pytest.raises(TypeError, match="transaction must be None"):
        ts.KvStore.open("memory://", transaction=object())  # type: ignore[arg-type]
    assert store.with_transaction(None) is store
