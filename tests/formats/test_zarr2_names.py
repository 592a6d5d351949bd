"""Names of dimensions of zarr v2 arrays: `_ARRAY_DIMENSIONS`, as xarray writes and reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
import zarr

import tegula as ts

pytestmark = pytest.mark.peers


def spec(path: Path, **members: Any) -> dict[str, Any]:
    return {"driver": "zarr", "kvstore": f"file://{path}/", **members}


def made(path: Path, attributes: bytes | None) -> Path:
    theirs = zarr.create_array(path, shape=(3, 4), chunks=(2, 2), dtype="i4", zarr_format=2)
    theirs[...] = np.arange(12).reshape(3, 4)  # type: ignore[index]
    (path / ".zattrs").unlink(missing_ok=True)
    if attributes is not None:
        (path / ".zattrs").write_bytes(attributes)
    return path


def test_names_label_dimensions(tmp_path: Path) -> None:
    made(tmp_path, b'{"_ARRAY_DIMENSIONS": ["y", "x"], "units": "m"}')
    store = ts.open(spec(tmp_path)).result()
    assert store.domain.labels == ("y", "x")
    assert tensorstore.open(spec(tmp_path)).result().domain.labels == ("", "")  # 0.1.86
    assert store[ts.d["x"][1]].read().result().tolist() == [1, 5, 9]
    assert store.schema.domain is not None
    assert store.schema.domain.labels == ("y", "x")
    assert ts.open(store.spec()).result().domain.labels == ("y", "x")
    assert store.resolve().result().domain.labels == ("y", "x")
    grown = store.resize(exclusive_max=[5, 4]).result()
    assert grown.domain.labels == ("y", "x")
    assert grown.shape == (5, 4)
    assert dict(store.attrs) == {"_ARRAY_DIMENSIONS": ["y", "x"], "units": "m"}
    assert store.url is not None
    assert ts.open(store.url).result().domain.labels == ("y", "x")


def test_labels_of_a_request_come_first(tmp_path: Path) -> None:
    made(tmp_path, b'{"_ARRAY_DIMENSIONS": ["y", "x"]}')
    domain = ts.IndexDomain(labels=["a", ""], shape=[3, 4])
    assert ts.open(spec(tmp_path), domain=domain).result().domain.labels == ("a", "")
    assert ts.open(spec(tmp_path), shape=[3, 4]).result().domain.labels == ("", "")  # as in zarr v3


@pytest.mark.parametrize(
    ("attributes", "labels"),
    [
        (None, ("", "")),
        (b"", ("", "")),
        (b"{", ("", "")),
        (b"\xff\xfe", ("", "")),
        (b'["_ARRAY_DIMENSIONS"]', ("", "")),
        (b'{"_ARRAY_DIMENSIONS": "yx"}', ("", "")),
        (b'{"_ARRAY_DIMENSIONS": ["y"]}', ("", "")),
        (b'{"_ARRAY_DIMENSIONS": ["y", 5]}', ("", "")),
        (b'{"_ARRAY_DIMENSIONS": ["x", "x"]}', ("", "")),
        (b'{"_ARRAY_DIMENSIONS": ["", "x"]}', ("", "x")),
        (b'{"_ARRAY_DIMENSIONS": ' + b"[" * 5000, ("", "")),
        (b'{"a": NaN, "_ARRAY_DIMENSIONS": ["y", "x"]}', ("y", "x")),
    ],
)
def test_attributes_that_name_nothing_are_no_fault(tmp_path: Path, attributes: Any, labels: Any) -> None:
    made(tmp_path, attributes)
    store = ts.open(spec(tmp_path)).result()
    assert store.domain.labels == labels
    assert store[2, 3].read().result() == 11


def test_a_directory_in_the_place_of_attributes(tmp_path: Path) -> None:
    (made(tmp_path, None) / ".zattrs").mkdir()
    assert ts.open(spec(tmp_path)).result().domain.labels == ("", "")


def test_labels_of_a_new_array_are_written(tmp_path: Path) -> None:
    xarray_like = ts.IndexDomain(labels=["time", "x"], shape=[2, 3])
    ts.open(spec(tmp_path / "a"), create=True, dtype="int32", domain=xarray_like).result()
    assert json.loads((tmp_path / "a/.zattrs").read_text()) == {"_ARRAY_DIMENSIONS": ["time", "x"]}
    assert zarr.open_array(tmp_path / "a", mode="r").attrs["_ARRAY_DIMENSIONS"] == ["time", "x"]
    assert ts.open(spec(tmp_path / "a")).result().domain.labels == ("time", "x")
    half = ts.IndexDomain(labels=["time", ""], shape=[2, 3])
    found = ts.open(spec(tmp_path / "b"), create=True, dtype="int32", domain=half).result()
    assert found.domain.labels == ("time", "")
    assert not (tmp_path / "b/.zattrs").exists()  # xarray wants all or none
    (tmp_path / "c").mkdir()
    (tmp_path / "c/.zattrs").write_text('{"kept": 1}')
    ts.open(spec(tmp_path / "c"), create=True, dtype="int32", domain=xarray_like).result()
    assert (tmp_path / "c/.zattrs").read_text() == '{"kept": 1}'


def test_elements_with_dimensions_of_their_own(tmp_path: Path) -> None:
    domain = ts.IndexDomain(labels=["time", "letter"], shape=[2, 3])
    ts.open(spec(tmp_path, metadata={"dtype": "|S3"}), create=True, domain=domain).result()
    assert json.loads((tmp_path / ".zattrs").read_text()) == {"_ARRAY_DIMENSIONS": ["time"]}
    assert ts.open(spec(tmp_path)).result().domain.labels == ("time", "")


def test_a_metadata_cache(tmp_path: Path) -> None:
    made(tmp_path, b'{"_ARRAY_DIMENSIONS": ["y", "x"]}')
    context = ts.Context({"cache_pool": {"total_bytes_limit": 10**6}})
    for _ in range(2):
        assert ts.open(spec(tmp_path), context=context).result().domain.labels == ("y", "x")
    (tmp_path / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["a", "b"]}')
    assert ts.open(spec(tmp_path), context=context).result().domain.labels == ("a", "b")
