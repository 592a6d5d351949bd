"""Groups: hierarchies of arrays beside zarr-python, both ways, and the rules that are ours."""

from __future__ import annotations

import json
import pickle
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr

import tegula as ts

FORMATS = [("zarr3", 3), ("zarr", 2)]


def _url(path: Path) -> str:
    return f"file://{path}/"


def _spec(path: Path, driver: str) -> dict[str, object]:
    return {"driver": driver, "kvstore": _url(path)}


def _fill(group: ts.Group) -> np.ndarray:
    data = np.arange(12, dtype="i4").reshape(3, 4)
    raw = group.create_array("raw", dtype="int32", shape=[3, 4], attributes={"scale": [1.5, 2]}).result()
    raw.write(data).result()
    group.create_group("a/b", attributes={"deep": True}).result()
    group.create_array("a/b/c", dtype="float32", shape=[2], chunks=[2]).result()
    return data


@pytest.mark.parametrize(("driver", "version"), FORMATS)
@pytest.mark.parametrize("consolidated", [False, True])
def test_zarr_reads_what_was_made_here(tmp_path: Path, driver: str, version: int, consolidated: bool) -> None:
    group = ts.open_group(_spec(tmp_path, driver), create=True, attributes={"title": "x", "n": [1]}).result()
    data = _fill(group)
    if consolidated:
        group = group.consolidate().result()
        assert group.consolidated
    theirs = zarr.open_group(tmp_path, mode="r", use_consolidated=consolidated)
    assert theirs.metadata.zarr_format == version
    assert dict(theirs.attrs) == {"title": "x", "n": [1]}
    assert sorted(name for name, _ in theirs.members(max_depth=None)) == ["a", "a/b", "a/b/c", "raw"]
    np.testing.assert_array_equal(theirs["raw"][...], data)
    assert dict(theirs["raw"].attrs) == {"scale": [1.5, 2]}
    assert dict(theirs["a/b"].attrs) == {"deep": True}


@pytest.mark.parametrize(("driver", "version"), FORMATS)
@pytest.mark.parametrize("consolidated", [False, True])
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_what_zarr_made_is_read_here(tmp_path: Path, driver: str, version: int, consolidated: bool) -> None:
    theirs = zarr.create_group(tmp_path, zarr_format=version, attributes={"nan": float("nan"), "by": "zarr"})
    theirs.create_array("x/y", shape=(5, 6), dtype="u2", chunks=(5, 3), attributes={"k": {"l": None}})
    theirs["x/y"][...] = 7
    if consolidated:
        zarr.consolidate_metadata(tmp_path, zarr_format=version)
    group = ts.open_group(_url(tmp_path)).result()
    assert (group.driver, group.consolidated) == (driver, consolidated)
    assert list(group) == ["x"]
    assert "x/y" in group
    assert "x/z" not in group
    assert repr(group.attrs) == "{'nan': nan, 'by': 'zarr'}"
    store = group["x"]["y"]
    assert isinstance(store, ts.TensorStore)
    assert (store.read().result() == 7).all()
    assert group.tree().nodes["x/y"].attributes == {"k": {"l": None}}
    assert str(group.tree()) == "/\n└── x\n    └── y (5, 6) uint16"
    # a change keeps what is there, NaN and the consolidated metadata of the others included
    group.attrs["more"] = 1
    again = zarr.open_group(tmp_path, mode="r", use_consolidated=consolidated)
    assert repr(dict(again.attrs)) == "{'nan': nan, 'by': 'zarr', 'more': 1}"
    np.testing.assert_array_equal(again["x/y"][...], np.full((5, 6), 7))


@pytest.mark.parametrize(("driver", "version"), FORMATS)
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_consolidated_metadata_is_kept_up_to_date(tmp_path: Path, driver: str, version: int) -> None:
    group = ts.open_group(_spec(tmp_path, driver), create=True).result()
    _fill(group)
    group = group.consolidate().result()
    group.create_array("late/array", dtype="uint8", shape=[1]).result()
    group["a"].attrs["said"] = "later"
    del group["a/b/c"]
    assert "late/array" in group
    assert "a/b/c" not in group
    theirs = zarr.open_group(tmp_path, mode="r", use_consolidated=True)
    names = sorted(name for name, _ in theirs.members(max_depth=None))
    assert names == ["a", "a/b", "late", "late/array", "raw"]
    assert dict(theirs["a"].attrs) == {"said": "later"}
    assert theirs.metadata.zarr_format == version
    fresh = ts.open_group(_url(tmp_path), consolidated=False).result()
    assert sorted(fresh.tree().nodes) == names


def test_a_consolidated_group_lists_nothing(tmp_path: Path) -> None:
    group = ts.open_group(_spec(tmp_path, "zarr3"), create=True).result()
    group.create_group("there").result()
    kept = group.consolidate().result()
    # a node that the consolidated metadata does not name is not seen, and one that is gone is
    ts.open_group(f"file://{tmp_path}/unseen/", create=True).result()
    assert list(kept) == ["there"]
    assert list(kept.resolve().result()) == ["there"]
    assert list(ts.open_group(_url(tmp_path), consolidated=False).result()) == ["there", "unseen"]


def test_open_and_create(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="NOT_FOUND: There is no group at"):
        ts.open_group(_url(tmp_path)).result()
    group = ts.open_group(_url(tmp_path), create=True, attributes={"a": 1}).result()
    assert group.driver == "zarr3"
    with pytest.raises(ValueError, match="ALREADY_EXISTS: There is a group"):
        ts.open_group(_url(tmp_path), create=True).result()
    again = ts.open_group(_url(tmp_path), create=True, open=True, attributes={"a": 2}).result()
    assert again.attrs == {"a": 1}
    group.create_array("x", dtype="uint8", shape=[1]).result()
    with pytest.raises(ValueError, match="ALREADY_EXISTS"):
        group.create_array("x", dtype="uint8", shape=[1]).result()
    with pytest.raises(ValueError, match="ALREADY_EXISTS: There is an array"):
        group.create_group("x", open=True).result()
    with pytest.raises(ValueError, match="is an array, not a group"):
        group.create_group("x/y").result()
    with pytest.raises(ValueError, match="FAILED_PRECONDITION: There is an array"):
        ts.open_group(f"{_url(tmp_path)}x/").result()
    fresh = ts.open_group(_url(tmp_path), create=True, delete_existing=True).result()
    assert (len(fresh), dict(fresh.attrs)) == (0, {})


@pytest.mark.parametrize("name", ["", "/", "../x", "a/../b", "__x", ".", 3, "a\0"])
def test_names_that_are_none(tmp_path: Path, name: object) -> None:
    group = ts.open_group(_url(tmp_path), create=True).result()
    with pytest.raises((ValueError, TypeError)):
        group.create_group(name)  # type: ignore[arg-type]
    assert name not in group
    assert sorted(each.name for each in tmp_path.iterdir()) == ["zarr.json"]


def test_a_group_is_no_array(tmp_path: Path) -> None:
    ts.open_group(_url(tmp_path), create=True).result()
    with pytest.raises(ValueError, match=r'Expected "array", but received: "group"'):
        ts.open({"driver": "zarr3", "kvstore": _url(tmp_path)}).result()


def test_missing_names_are_key_errors(tmp_path: Path) -> None:
    group = ts.open_group(_url(tmp_path), create=True).result()
    with pytest.raises(KeyError):
        group["x"]
    with pytest.raises(KeyError):
        del group["x"]
    assert group.get("x") is None
    with pytest.raises(ValueError, match="NOT_FOUND"):
        group.open("x").result()


@pytest.mark.parametrize("driver", ["zarr3", "zarr", "n5"])
def test_attributes_are_a_mapping(tmp_path: Path, driver: str) -> None:
    group = ts.open_group(
        _spec(tmp_path, driver), create=True, attributes={"z": 1, "a": [1, {"b": None}]}
    ).result()
    attrs = group.attrs
    assert list(attrs) == ["z", "a"]
    attrs["a"].append("a copy")
    assert attrs["a"] == [1, {"b": None}]
    del attrs["z"]
    attrs.update(x="ü", y=1e300)
    assert group.attrs == {"a": [1, {"b": None}], "x": "ü", "y": 1e300}
    assert ts.open_group(_spec(tmp_path, driver)).result().attrs == group.attrs
    attrs.put({"only": True})
    assert ts.open_group(_spec(tmp_path, driver)).result().attrs == {"only": True}
    attrs.clear()
    assert dict(group.attrs) == {}
    with pytest.raises(ValueError, match="Attributes must be JSON"):
        attrs["bad"] = object()
    assert dict(ts.open_group(_spec(tmp_path, driver)).result().attrs) == {}


def test_n5_members_are_no_attributes(tmp_path: Path) -> None:
    group = ts.open_group(_spec(tmp_path, "n5"), create=True).result()
    assert json.loads((tmp_path / "attributes.json").read_bytes()) == {"n5": "4.0.0"}
    with pytest.raises(ValueError, match='"dimensions" is a member of the format'):
        group.attrs["dimensions"] = [3]
    # any directory with something in it is a group
    (tmp_path / "plain" / "deeper").mkdir(parents=True)
    (tmp_path / "plain" / "deeper" / "attributes.json").write_text('{"k": 1}')
    assert str(ts.open_group(_spec(tmp_path, "n5")).result().tree()) == "/\n└── plain\n    └── deeper"
    assert ts.open_group(_spec(tmp_path / "plain", "n5")).result()["deeper"].attrs == {"k": 1}


@pytest.mark.parametrize("driver", ["zarr3", "zarr"])
def test_attributes_of_many_writers_are_all_kept(tmp_path: Path, driver: str) -> None:
    ts.open_group(_spec(tmp_path, driver), create=True).result()
    barrier = threading.Barrier(4)

    def write(number: int) -> None:
        group = ts.open_group(_spec(tmp_path, driver)).result()
        barrier.wait()
        for step in range(10):
            group.attrs[f"{number}.{step}"] = step

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ts.open_group(_spec(tmp_path, driver)).result().attrs) == 40


def test_one_of_many_creators_makes_it(tmp_path: Path) -> None:
    barrier, made, refused = threading.Barrier(8), [], []

    def create(number: int) -> None:
        barrier.wait()
        try:
            made.append(ts.open_group(_url(tmp_path), create=True, attributes={"by": number}).result())
        except ValueError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 7)
    assert ts.open_group(_url(tmp_path)).result().attrs == made[0].attrs


def test_groups_share_their_context_and_pickle(tmp_path: Path) -> None:
    context = ts.Context()
    group = ts.open_group("memory://g/", create=True, context=context).result()
    group.create_array("x", dtype="uint8", shape=[2]).result()[...] = 5
    again = ts.open_group("memory://g/", context=context).result()
    assert again == group
    assert again["x"].read().result().tolist() == [5, 5]
    files = ts.open_group(_url(tmp_path), create=True, attributes={"a": 1}).result()
    copy = pickle.loads(pickle.dumps(files))
    assert copy == files
    assert copy.attrs == {"a": 1}
    assert repr(copy) == f"Group('file://{tmp_path}/', driver='zarr3')"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("zarr.json", b"{"),
        ("zarr.json", b'{"zarr_format": 3, "node_type": "grp"}'),
        ("zarr.json", b'{"zarr_format": 2, "node_type": "group"}'),
        ("zarr.json", b"[" * 100_000),
        (".zgroup", b'{"zarr_format": 3}'),
        (".zgroup", b"\xff\xfe"),
        ("zarr.json", b'{"zarr_format":3,"node_type":"group","attributes":[]}'),
        (
            "zarr.json",
            b'{"zarr_format":3,"node_type":"group","consolidated_metadata":{"kind":"inline","metadata":{"a":3}}}',
        ),
    ],
)
def test_bad_documents_are_told(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match="FAILED_PRECONDITION: Error reading"):
        ts.open_group(_url(tmp_path)).result()


def test_a_linked_array_is_a_child(tmp_path: Path) -> None:
    array = ts.open(
        {"driver": "zarr3", "kvstore": f"file://{tmp_path}/elsewhere/"}, create=True, dtype="uint8", shape=[3]
    ).result()
    array.write([1, 2, 3]).result()
    group = ts.open_group(f"file://{tmp_path}/g/", create=True).result()
    (tmp_path / "g" / "link").symlink_to(tmp_path / "elsewhere")
    assert list(group) == ["link"]
    assert group["link"].read().result().tolist() == [1, 2, 3]


def test_a_type_that_is_not_known_is_still_drawn(tmp_path: Path) -> None:
    theirs = zarr.create_group(tmp_path, zarr_format=2)
    theirs.create_array("text", shape=(2,), dtype=str)
    assert str(ts.open_group(_url(tmp_path)).result().tree()) == "/\n└── text (2,) |O"
    assert "text" in ts.open_group(_url(tmp_path)).result().tree()._repr_html_()


@pytest.mark.parametrize("driver", ["zarr3", "zarr", "n5"])
def test_arrays_have_attributes(driver: str) -> None:
    store = ts.open(
        {"driver": driver, "kvstore": "memory://"}, create=True, dtype="uint8", shape=[4]
    ).result()
    store.attrs.update(unit="m", valid=[0, {"to": 9}])
    assert store[1:].attrs == {"unit": "m", "valid": [0, {"to": 9}]}
    del store.attrs["unit"]
    assert dict(store.attrs) == {"valid": [0, {"to": 9}]}
    store.resize(exclusive_max=[6]).result()  # the document is written again, and keeps them
    assert dict(store.attrs) == {"valid": [0, {"to": 9}]}
    assert store.resolve().result().shape == (6,)
    with pytest.raises(NotImplementedError, match="This array has no attributes"):
        _ = ts.array([1, 2]).attrs


def test_arrays_that_cannot_be_opened_are_shown(tmp_path: Path) -> None:
    """Arrays of text of varying length, which zarr writes, are members that say why they do not open."""
    made = zarr.open_group(str(tmp_path), mode="w")
    made.create_array("numbers", shape=(2,), dtype="i4")[:] = [1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that these are not in its specification yet
        made.create_array("names", shape=(2,), dtype=str)[:] = np.array(["a", "bcé"], dtype=object)
        zarr.consolidate_metadata(str(tmp_path))
    group = ts.open_group(f"file://{tmp_path}/").result()
    assert list(group) == ["names", "numbers"]
    assert "names (2,) string" in str(group.tree())
    assert group["numbers"].read().result().tolist() == [1, 2]
    with pytest.raises(ValueError, match="string data type is not one of the supported data types"):
        group["names"]


@pytest.mark.parametrize("driver", ["zarr", "zarr3", "n5"])
def test_an_array_is_not_made_where_there_is_a_group(driver: str) -> None:
    group = ts.open_group({"driver": driver, "kvstore": "memory://a/"}, create=True).result()
    group.create_group("x", attributes={"k": 1}).result()
    with pytest.raises(ts.errors.AlreadyExists):
        group.create_array("x", dtype="int8", shape=[1]).result()
    assert group["x"].attrs == {"k": 1}
    assert group.array_names() == []
    made = group.create_array("x", dtype="int8", shape=[1], delete_existing=True).result()
    assert group.array_names() == ["x"]
    assert made.attrs == {}
    with pytest.raises(ts.errors.AlreadyExists):
        group.create_group("x").result()
