"""Scales of precomputed volumes as a group: by key and by number, added, removed, beside the wheel."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unimplemented

DRIVER = "neuroglancer_precomputed"
NANOMETRES = ["4nm", "4nm", "40nm", None]


def volume(context: Any = None, url: str = "memory://v/", **attributes: Any) -> ts.Group:
    """Create a volume without scales."""
    spec = {"driver": DRIVER, "kvstore": url}
    attributes = {"data_type": "uint16", **attributes}
    return ts.open_group(spec, create=True, attributes=attributes, context=context or ts.Context()).result()


def pyramid(group: ts.Group) -> ts.Group:
    """Add three scales, each half as large as the one before."""
    data = np.arange(40 * 30 * 8, dtype="u2").reshape(40, 30, 8, 1)
    fine = group.create_array("4_4_40", shape=data.shape, dimension_units=NANOMETRES).result()
    fine.write(data).result()
    for key in ("8_8_40", "coarse/16"):
        smaller = ts.downsample(fine, [2, 2, 1, 1], "mean")
        fine = group.create_array(
            key, domain=smaller.domain, dimension_units=smaller.dimension_units, chunks=[8, 8, 8, 1]
        ).result()
        fine.write(smaller).result()
    return group


def test_scales_are_members_by_key_and_by_number() -> None:
    group = pyramid(volume(mesh="meshes"))
    assert list(group) == group.array_names() == ["4_4_40", "8_8_40", "coarse/16"]
    assert group.group_names() == []
    assert [group[number].shape for number in (0, 1, -1)] == [(40, 30, 8, 1), (20, 15, 8, 1), (10, 8, 8, 1)]
    for number, key in enumerate(group):
        assert group[key].spec() == group[number].spec()
        assert group[key].spec().to_json()["scale_index"] == number
    assert [str(group[key].dimension_units[0]) for key in group] == ["4 nm", "8 nm", "16 nm"]
    assert ("8_8_40" in group, 2 in group, 3 in group, "x" in group, 1.5 in group) == (
        True,
        True,
        False,
        False,
        False,
    )
    with pytest.raises(KeyError):
        group["x"]
    with pytest.raises(KeyError):
        group[3]
    with pytest.raises(NotFound, match='There is no node at "v/x/"'):
        group.open("x").result()
    np.testing.assert_array_equal(
        group[1].read().result(), ts.downsample(group[0], [2, 2, 1, 1], "mean").read().result()
    )


def test_a_volume_is_drawn() -> None:
    group = pyramid(volume())
    assert str(group.tree()) == (
        "/\n├── 4_4_40 (40, 30, 8, 1) uint16 4 nm x 4 nm x 40 nm\n"
        "├── 8_8_40 (20, 15, 8, 1) uint16 8 nm x 8 nm x 40 nm\n"
        "└── coarse/16 (10, 8, 8, 1) uint16 16 nm x 16 nm x 40 nm"
    )
    assert (
        "<li>coarse/16 <i>(10, 8, 8, 1) uint16 16 nm x 16 nm x 40 nm</i></li>" in group.tree()._repr_html_()
    )


@pytest.mark.parametrize("spec", ["memory://v/", "memory://v", "memory://v/|neuroglancer-precomputed:"])
def test_a_volume_is_found(spec: str) -> None:
    context = ts.Context()
    pyramid(volume(context))
    group = ts.open_group(spec, context=context).result()
    assert (group.driver, len(group), group.consolidated) == (DRIVER, 3, False)
    again = ts.open_group("precomputed://memory://v/", context=context).result()
    assert again == group
    assert ts.open("precomputed://memory://v/", context=context).result().shape == (40, 30, 8, 1)
    assert ts.open("memory://v/", context=context).result().spec().to_json()["driver"] == DRIVER


def test_members_of_the_document_are_attributes() -> None:
    context = ts.Context()
    group = pyramid(volume(context, mesh="meshes", num_channels=1))
    fixed = {"data_type": "uint16", "num_channels": 1, "type": "image"}
    assert dict(group.attrs) == {**fixed, "mesh": "meshes"}
    before = json.loads(group.kvstore["info"])
    group.attrs["skeletons"] = {"a": [1, 2.5]}
    assert json.loads(group.kvstore["info"]) == {**before, "skeletons": {"a": [1, 2.5]}}
    with pytest.raises(InvalidArgument, match='"data_type" is a member of the format'):
        group.attrs["data_type"] = "uint8"
    with pytest.raises(InvalidArgument, match='"scales" is a member of the format'):
        group.attrs["scales"] = []
    with pytest.raises(InvalidArgument, match="Attributes must be JSON"):
        group.attrs["x"] = object()
    group.attrs.put({"note": "x", "type": "image"})
    assert dict(ts.open_group("memory://v/", context=context).result().attrs) == {**fixed, "note": "x"}
    assert group[0].attrs == {**fixed, "note": "x"}
    assert json.loads(group.kvstore["info"])["scales"] == before["scales"]
    assert pickle.loads(pickle.dumps(group)).attrs == group.attrs


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"data_type": None}, "Unsupported data type: null"),
        ({"data_type": "int64"}, "int64 data type is not one of the supported"),
        ({"data_type": "nothing"}, 'Unsupported data type: "nothing"'),
        ({"num_channels": 0}, "num_channels"),
        ({"type": 3}, "type"),
        ({"scales": []}, "members of the format"),
    ],
)
def test_a_volume_that_is_none_is_not_created(attributes: dict[str, Any], error: str) -> None:
    context = ts.Context()
    with pytest.raises(InvalidArgument, match=error):
        volume(context, **attributes)
    assert ts.KvStore.open("memory://", context=context).result().list().result() == []


def test_what_a_volume_can_not_do_is_refused() -> None:
    group = pyramid(volume())
    with pytest.raises(InvalidArgument, match='"data_type" must be given'):
        ts.open_group({"driver": DRIVER, "kvstore": "memory://"}, create=True).result()
    with pytest.raises(Unimplemented, match="hold arrays, no groups"):
        group.create_group("a").result()
    with pytest.raises(Unimplemented, match="no consolidated metadata"):
        group.consolidate().result()
    with pytest.raises(AlreadyExists, match='Scale with key "8_8_40" already exists'):
        group.create_array("8_8_40", shape=[1, 1, 1, 1]).result()
    with pytest.raises(InvalidArgument, match="dtype"):
        group.create_array("x", shape=[1, 1, 1, 1], dtype="uint8").result()
    with pytest.raises(InvalidArgument, match="no attributes"):
        group.create_array("x", shape=[1, 1, 1, 1], attributes={"a": 1})
    with pytest.raises(TypeError, match="str or an int"):
        group[None]
    with pytest.raises(AlreadyExists):
        ts.open_group(group.kvstore.spec(), create=True, open=False, context=group._context).result()


def test_a_scale_is_removed_and_no_other(tmp_path: Path) -> None:
    group = pyramid(volume(url=f"file://{tmp_path}/"))
    (tmp_path / "8_8_40" / "note.txt").write_text("mine")
    group.create_array("8_8_40/below", shape=[3, 3, 3, 1], metadata={"resolution": [1, 1, 1]}).result().write(
        1
    ).result()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    del group["8_8_40"]
    gone = {path for path in before if path.parent.name == "8_8_40" and path.suffix != ".txt"}
    assert gone
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    info = tmp_path / "info"
    assert {**after, info: b""} == {
        path: data for path, data in {**before, info: b""}.items() if path not in gone
    }
    assert list(group) == ["4_4_40", "coarse/16", "8_8_40/below"]
    assert (group["8_8_40/below"].read().result() == 1).all()
    with pytest.raises(KeyError):
        del group["8_8_40"]
    # what is made by that name afterwards is empty
    assert not group.create_array("8_8_40", shape=[20, 15, 8, 1]).result().read().result().any()


def test_replacing_one_scale_of_many_leaves_the_others() -> None:
    group = pyramid(volume())
    store = group.kvstore
    before = {key: store[key] for key in store.list().result()}
    group.create_array("8_8_40", shape=[5, 5, 5, 1], delete_existing=True).result()
    after = {key: store[key] for key in store.list().result()}
    mine = {key for key in before if key.startswith(b"8_8_40/")}
    assert mine
    assert {**after, b"info": b""} == {k: v for k, v in {**before, b"info": b""}.items() if k not in mine}
    was, now = json.loads(before[b"info"]), json.loads(after[b"info"])
    assert [a for a, b in zip(was["scales"], now["scales"], strict=True) if a == b] == was["scales"][::2]
    assert group[1].shape == (5, 5, 5, 1)


def test_a_document_of_something_else_is_no_volume() -> None:
    context = ts.Context()
    store = ts.KvStore.open("memory://m/", context=context).result()
    for document in (b'{"@type": "neuroglancer_legacy_mesh"}', b"{}", b'{"scales": 3}'):
        store["info"] = document
        with pytest.raises(NotFound):
            ts.open_group("memory://m/", context=context).result()
    for document in (b"[]", b"{", b"[" * 9999):
        store["info"] = document
        with pytest.raises(FailedPrecondition, match="Error reading"):
            ts.open_group("memory://m/", context=context).result()
    for scales in ([3], [{}], [{"key": 4}]):
        store["info"] = json.dumps({"scales": scales})
        group = ts.open_group("memory://m/", context=context).result()
        with pytest.raises(FailedPrecondition, match="scales"):
            list(group)


@pytest.mark.peers
def test_tensorstore_adds_to_what_was_made_here_and_the_other_way_round(tmp_path: Path) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    group = volume(url=f"file://{tmp_path}/")
    spec = {"driver": DRIVER, "kvstore": f"file://{tmp_path}/"}
    options = {"create": True, "dtype": "uint16", "shape": [9, 8, 7, 1]}
    for number in range(4):
        scale = {"key": f"s{number}", "resolution": [2**number, 1, 1]}
        if number % 2:
            group.create_array(scale.pop("key"), shape=[9, 8, 7, 1], metadata=scale).result().write(
                number
            ).result()
        else:
            tensorstore.open({**spec, "scale_metadata": scale}, **options).result().write(number).result()
    assert list(group) == ["s0", "s1", "s2", "s3"]
    for number in range(4):
        theirs = tensorstore.open({**spec, "scale_index": number}).result()
        assert (theirs.read().result() == number).all()
        assert (group[number].read().result() == number).all()
        assert str(theirs.spec()) == str(group[number].spec())
