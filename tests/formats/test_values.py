"""Formats, metadata and layouts as values; and what a chunk that no memory holds comes to."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tegula.codecs.blosc import Blosc
from tegula.codecs.codec import destination
from tegula.errors import ResourceExhausted
from tegula.registry import lookup
from tegula.schema.schema import Schema

REQUESTS = {
    "zarr3": {
        "metadata": {
            "shape": [4, 6],
            "data_type": "float32",
            "codecs": ["blosc"],
            "dimension_names": ["x", None],
        }
    },
    "zarr": {"metadata": {"shape": [4, 6], "dtype": ">f4", "order": "F", "fill_value": "NaN"}},
}


@pytest.mark.parametrize("driver", REQUESTS)
def test_values_compare_and_pickle(driver: str) -> None:
    made = lookup("formats", driver)
    members = made.parse_members(dict(REQUESTS[driver]))
    metadata = made.create(members, Schema())
    layout = made.layout(metadata, members)
    assert pickle.loads(pickle.dumps(made)) is made
    assert pickle.loads(pickle.dumps(members)) == members
    assert pickle.loads(pickle.dumps(metadata)) == metadata
    again = pickle.loads(pickle.dumps(layout))
    assert again == layout
    assert again.domain == layout.domain
    assert hash(again) == hash(layout)
    assert repr(again) == repr(layout)


def test_the_fill_value_of_a_layout() -> None:
    made = lookup("formats", "zarr")
    members = made.parse_members({"metadata": {"shape": [4], "dtype": ">c8", "fill_value": [1, "NaN"]}})
    fill = made.layout(made.create(members, Schema()), members).fill_value
    assert fill.shape == ()
    assert fill.dtype == np.complex64
    assert fill.real == 1
    assert np.isnan(fill.imag)
    assert not fill.flags.writeable
    unset = made.parse_members({"metadata": {"shape": [4], "dtype": ">c8"}})
    assert made.layout(made.create(unset, Schema()), unset).fill_value is None


def test_labels_of_a_request_stay_on_a_zarr2_handle() -> None:
    made = lookup("formats", "zarr")
    members = made.parse_members({"metadata": {"shape": [4], "dtype": "<i2"}})
    schema = Schema()
    schema.update(domain=Schema({"domain": {"labels": ["y"]}}).domain)
    metadata = made.create(members, schema)
    assert made.layout(metadata, members, schema).labels == ("y",)
    assert made.layout(metadata, members).labels == ("",)


def test_a_chunk_larger_than_memory_is_a_typed_error() -> None:
    with pytest.raises(ResourceExhausted):
        destination(2**62)
    header = bytes([2, 1, 0, 1]) + (2**31 - 100).to_bytes(4, "little") * 2 + (40).to_bytes(4, "little")
    with pytest.raises(ValueError, match=r"Invalid blosc|End of data"):
        Blosc().decode(header + bytes(24), 100, True, None)
