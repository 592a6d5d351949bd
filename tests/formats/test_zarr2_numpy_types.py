"""zarr v2 types that NumPy has and TensorStore has not: text of code points, times, spans of time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
import zarr

import tegula as ts
from tegula.errors import InvalidArgument, Unimplemented

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
]

NAT = -(2**63)


def opened(path: Path, **members: Any) -> ts.TensorStore:
    return ts.open({"driver": "zarr", "kvstore": f"file://{path}/", **members}).result()


def as_numpy(found: Any, dtype: str) -> Any:
    """What a user writes to have the values as NumPy has them."""
    native = np.dtype(dtype).newbyteorder("=")
    found = np.ascontiguousarray(found).view(native)
    return found[..., 0] if native.kind == "U" else found


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize(
    ("dtype", "values", "fill"),
    [
        ("<U3", [["abc", "d"], ["", "é€😀"], ["x", "y"]], "zz"),
        (">U2", [["ab", "d"], ["", "é€"], ["x", "y"]], ""),
        ("<M8[ns]", [["2020-01-01", "NaT"], ["1969-05-05", "1970-01-01"], ["NaT", "2262-01-01"]], "NaT"),
        (
            ">M8[D]",
            [["2020-01-01", "NaT"], ["1969-05-05", "1970-01-01"], ["NaT", "2262-01-01"]],
            "1970-01-02",
        ),
        ("<m8[s]", [[1, -2], [3, 4], [5, 2**40]], 7),
        (">m8[25us]", [[1, -2], [3, 4], [5, 2**40]], 0),
    ],
)
def test_what_zarr_wrote_is_read_and_the_other_way(
    tmp_path: Path, dtype: str, values: Any, fill: Any, order: Any
) -> None:
    path = tmp_path / "array"
    theirs: Any = zarr.create_array(
        path,
        shape=(4, 2),
        chunks=(3, 2),
        dtype=dtype,
        zarr_format=2,
        order=order,
        fill_value=np.array(fill, dtype)[()],
        compressors=None,
        filters=None,
    )
    theirs[:3] = np.array(values, dtype)
    ours = opened(path)
    assert ours.dtype == (ts.uint32 if "U" in dtype else ts.int64)
    assert ours.rank == (3 if "U" in dtype else 2)
    found = ours.read().result()
    equal = {} if "U" in dtype else {"equal_nan": True}
    assert np.array_equal(as_numpy(found, dtype), theirs[...], **equal)
    ours[3] = found[0]
    assert np.array_equal(zarr.open_array(path, mode="r")[3], theirs[0], **equal)
    stored = json.loads((path / ".zarray").read_text())
    metadata = ours.spec().to_json()["metadata"]
    assert {name: metadata[name] for name in ("dtype", "fill_value")} == {
        name: stored[name] for name in ("dtype", "fill_value")
    }
    again = {"driver": "zarr", "kvstore": f"file://{tmp_path}/again/", "metadata": metadata}
    copy = ts.open(again, create=True).result()
    copy.write(found).result()
    copied = zarr.open_array(tmp_path / "again", mode="r")
    assert copied.dtype == np.dtype(dtype)
    assert np.array_equal(copied[:3], theirs[:3], **equal)
    with pytest.raises(ValueError, match="Unsupported zarr dtype"):
        tensorstore.open({"driver": "zarr", "kvstore": f"file://{path}/"}).result()


def test_fields_of_a_structure(tmp_path: Path) -> None:
    kind = np.dtype([("t", "<M8[D]"), ("n", ">U2"), ("x", "u1")])
    theirs: Any = zarr.create_array(
        tmp_path, shape=(5,), chunks=(2,), dtype=kind, zarr_format=2, compressors=None, filters=None
    )
    theirs[:3] = np.array([("2020-01-01", "ab", 1), ("NaT", "ü", 2), ("1970-01-03", "", 3)], kind)
    assert as_numpy(opened(tmp_path, field="n").read().result(), "U2").tolist() == ["ab", "ü", "", "0", "0"]
    times = opened(tmp_path, field="t")
    assert times.read().result().tolist()[:3] == [18262, NAT, 2]
    times[4] = 9
    assert zarr.open_array(tmp_path, mode="r")[4].item()[0] == np.datetime64("1970-01-10").item()


def test_fill_values_as_text(tmp_path: Path) -> None:
    base = {"shape": [2], "compressor": None}

    def fill(dtype: str, value: Any) -> Any:
        metadata = {**base, "dtype": dtype, "fill_value": value}
        spec = {"driver": "zarr", "kvstore": "memory://fills/", "metadata": metadata}
        found = ts.open(spec, create=True, delete_existing=True, open=False).result().fill_value
        return None if found is None else found.tolist()

    assert fill("<M8[s]", "NaT") == NAT
    assert fill("<m8[s]", None) is None
    assert fill("<U2", "é") == [233, 0]
    for wrong in ("abc", 5, ["a"]):
        with pytest.raises(InvalidArgument, match="Expected"):
            fill("<U2", wrong)
    with pytest.raises(InvalidArgument):
        fill("<M8[s]", "2020-01-01")


@pytest.mark.parametrize(
    "dtype", ["M8[ns]", "|M8[ns]", "<M4[ns]", "<M8[xs]", "<M8[-1s]", "U3", "|U3", "<U", "|O"]
)
def test_what_is_no_type_is_refused(dtype: str) -> None:
    with pytest.raises(InvalidArgument, match="Unsupported zarr dtype"):
        ts.Spec({"driver": "zarr", "metadata": {"dtype": dtype}})


def test_text_without_characters_is_refused() -> None:
    with pytest.raises(Unimplemented, match="it has no bytes"):
        ts.Spec({"driver": "zarr", "metadata": {"dtype": "<U0"}})
