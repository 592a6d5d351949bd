"""R11 for the formats: no name that a document, a specification or a caller gives leads out of a store.

Outside of the store lie an array and a secret.  Whatever is asked by a hostile name, neither is read, nothing
outside is made, changed or deleted, and the answer is a typed error or "not there".
"""

# ruff: noqa: B023, PT017 - what is made in a loop is called at once
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.errors import TegulaError

UP = ["/".join([".."] * depth) for depth in (1, 2, 3, 9)]
NAMES = [
    *(f"{up}/outside" for up in UP),
    *(f"a/{up}/{up}/outside" for up in UP),
    *(f"./{up}/outside" for up in UP),
    *UP,
    ".",
    "./.",
    "a/..",
    "a/../../outside",
    "//outside",
    "a//../outside",
    "outside\0",
    "\0",
    "a\0/../../outside",
    "..\0/outside",
    "../outside/secret",
    "../outside/.zarray",
    "../outside/zarr.json",
    "../outside/attributes.json",
    "x.__lock",
    "../outside/secret.__lock",
]
GRID = {"name": "regular", "configuration": {"chunk_shape": [2]}}
SPECS: dict[str, dict[str, Any]] = {
    "zarr3": {"shape": [4], "data_type": "int8", "chunk_grid": GRID},
    "zarr": {"shape": [4], "chunks": [2], "dtype": "|i1"},
    "n5": {"dimensions": [4], "blockSize": [2], "dataType": "int8"},
}


def tree(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if not str(path.relative_to(root)).startswith("store")
    }


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Path]:
    """A folder with a store in it, and what lies outside; nothing outside may have changed afterwards."""
    for driver, metadata in SPECS.items():
        spec = {"driver": driver, "kvstore": f"file://{tmp_path}/outside/", "metadata": metadata}
        ts.open(spec, create=True).result().write(np.full(4, 77, np.int8)).result()
    (tmp_path / "outside" / "secret").write_text(json.dumps({"secret": 77}))
    (tmp_path / "store").mkdir()
    before = tree(tmp_path)
    yield tmp_path
    assert tree(tmp_path) == before


def refused(function: Any) -> Any:
    """Return what a call says, None where it is refused with a typed error."""
    try:
        return function()
    except (TegulaError, KeyError) as error:
        assert "77" not in str(error)
        return None


@pytest.mark.parametrize("driver", SPECS)
def test_no_path_of_an_array_leads_out(around: Path, driver: str) -> None:
    """The path of a specification, where a store has one, and what is asked of its key-value store."""
    base = ts.KvStore.open(f"file://{around}/store/").result()
    for name in NAMES:
        for more in ({"open": True}, {"create": True}, {"create": True, "delete_existing": True}):
            spec = {
                "driver": driver,
                "kvstore": base.spec().to_json(),
                "path": name,
                "metadata": SPECS[driver],
            }
            found = refused(lambda: ts.open(spec, **more).result())
            if found is not None:
                assert found.kvstore.path.startswith(f"{around}/store/")
                assert not found.read().result().any()
        for method in ("read", "list", "delete_range"):
            given = (ts.KvStore.KeyRange(name, name + "~"),) if method != "read" else (name,)
            answer = refused(lambda: getattr(base, method)(*given).result())
            if method == "read" and answer is not None:
                assert answer.state == "missing"
        refused(lambda: base.write(name, b"1").result())
        refused(lambda: base.write(name, None).result())


def test_no_metadata_key_leads_out(around: Path) -> None:
    for name in NAMES:
        spec = {"driver": "zarr", "kvstore": f"file://{around}/store/", "metadata_key": name}
        for more in ({"open": True}, {"create": True}):
            found = refused(lambda: ts.open({**spec, "metadata": SPECS["zarr"]}, **more).result())
            if found is not None:
                assert not found.read().result().any()
                refused(lambda: found.resize(exclusive_max=[2]).result())


def test_no_json_document_or_image_lies_outside(around: Path) -> None:
    for name in NAMES:
        for driver in ("json", "png", "tiff"):
            spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{around}/store/"}, "path": name}
            found = refused(lambda: ts.open(spec).result())
            if found is not None:
                assert refused(lambda: found.read().result()) is None
                refused(lambda: found.write({"written": 1}).result())


@pytest.mark.parametrize("driver", SPECS)
def test_no_member_of_a_group_lies_outside(around: Path, driver: str) -> None:
    group = ts.open_group({"driver": driver, "kvstore": f"file://{around}/store/"}, create=True).result()
    for name in NAMES:
        assert refused(lambda: group[name]) is None
        assert refused(lambda: name in group) in (None, False)
        assert refused(lambda: group.open(name).result()) is None
        refused(lambda: group.create_group(name).result())
        refused(lambda: group.create_array(name, shape=[2], dtype="int8").result())
        refused(lambda: group.delete(name).result())


def nodes() -> dict[str, Any]:
    document = {
        **SPECS["zarr3"],
        "zarr_format": 3,
        "node_type": "array",
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}],
    }
    return {**dict.fromkeys(NAMES, document), "good": document}


def test_consolidated_metadata_name_nothing_outside(around: Path) -> None:
    """Documents of groups are from others: what they call members is not believed."""
    old = {"zarr_format": 2, "compressor": None, "fill_value": 0, "order": "C", "filters": None}
    three = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    found = {"metadata": nodes(), "kind": "inline", "must_understand": False}
    (around / "store" / "three").mkdir()
    (around / "store" / "three" / "zarr.json").write_text(
        json.dumps({**three, "consolidated_metadata": found})
    )
    two = {f"{name}/.zarray": {**SPECS["zarr"], **old} for name in NAMES} | {".zgroup": {"zarr_format": 2}}
    (around / "store" / "two").mkdir()
    (around / "store" / "two" / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
    document = {"zarr_consolidated_format": 1, "metadata": two}
    (around / "store" / "two" / ".zmetadata").write_text(json.dumps(document))
    for name in ("three", "two"):
        group = refused(lambda: ts.open_group(f"file://{around}/store/{name}/").result())
        if group is None:
            continue
        refused(lambda: str(group.tree()))
        listed = refused(lambda: list(group)) or []
        for member in [*listed, *NAMES]:
            array = refused(lambda: group[member])
            if isinstance(array, ts.TensorStore):
                assert array.kvstore.path.startswith(f"{around}/store/{name}/")
                assert not refused(lambda: array.read().result().any())
                refused(lambda: array.write(1).result())


def test_no_scale_of_a_volume_lies_outside_of_the_store(around: Path) -> None:
    """A scale may lie beside its volume, as the format says; a store that is named ends there."""
    scale = {"size": [4, 1, 1], "resolution": [1, 1, 1], "encoding": "raw", "chunk_sizes": [[2, 1, 1]]}
    volume = {"type": "image", "data_type": "int8", "num_channels": 1}
    for name in NAMES:
        if name.startswith("../outside"):
            continue  # beside the volume
        document = {**volume, "scales": [{**scale, "key": name, "voxel_offset": [0, 0, 0]}]}
        (around / "store" / "info").write_text(json.dumps(document))
        spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{around}/store/"}
        found = refused(lambda: ts.open(spec).result())
        if found is not None:
            read = refused(lambda: found.read().result())
            assert read is None or not read.any()
