"""The JSON of a handle's specification, told without making the specification, is the specification's."""

from __future__ import annotations

import json

import pytest

import tegula as ts
from tegula.api.storejson import bound_spec
from tegula.binding import pretty

VIEWS = [
    lambda x: x,
    lambda x: x[1],
    lambda x: x.T[1:2],
    lambda x: x[[1, 2, 1]],
    lambda x: x.label["q", ""][::2],
]
FORMATS = {
    "zarr": {"metadata": {"compressor": None, "dtype": "<u2", "fill_value": 7}},
    "zarr3": {"metadata": {"fill_value": 7, "data_type": "uint16", "dimension_names": ["a", None]}},
    "n5": {"metadata": {"blockSize": [2, 3], "axes": ["x", ""]}},
}


def _opened(driver):
    document = {"driver": driver, "kvstore": "memory://told/", "recheck_cached_data": "open"}
    document |= {
        "store_data_equal_to_fill_value": True,
        "dtype": "uint16",
        "schema": {"domain": {"shape": [4, 6]}},
    }
    document |= {name: value for name, value in FORMATS[driver].items() if value is not None}
    return ts.open(document, create=True, context=ts.Context()).result()


@pytest.mark.parametrize("driver", FORMATS)
def test_a_specification_tells_what_it_would_if_it_were_made(driver):
    store = _opened(driver)
    for see in (*VIEWS, *VIEWS):
        view = see(store)
        made = view.spec()
        assert made.transform == view._transform  # somebody looked
        expected = json.dumps(made.to_json())
        assert json.dumps(view.spec().to_json()) == expected
        told = view.spec().to_json()
        told["metadata"]["changed"] = told["kvstore"].clear()
        told["transform"].clear()
        assert json.dumps(view.spec().to_json()) == expected
        assert list(made.to_json()) == sorted(made.to_json())


def test_a_specification_that_was_changed_tells_the_change():
    spec = _opened("zarr3").spec()
    spec.update(recheck_cached_data=False)
    assert spec.to_json()["recheck_cached_data"] is False
    spec = _opened("zarr3").spec()
    assert "rank" not in spec.to_json()
    assert spec.to_json(include_defaults=True) != spec.to_json()
    assert spec.copy() == spec
    assert spec[1].to_json()["transform"] != spec.to_json()["transform"]


def test_a_layout_that_was_given_away_can_be_changed():
    store = _opened("zarr3")
    before = store.chunk_layout
    store.chunk_layout.update(read_chunk_elements_soft_constraint=5)
    store.schema.update(dimension_units=["nm", None])
    assert store.chunk_layout == before
    assert store.chunk_layout is not store.chunk_layout
    assert store.dimension_units == (None, None)


@pytest.mark.parametrize("driver", FORMATS)
def test_a_handle_is_printed_from_its_specification(driver):
    store = _opened(driver)
    for see in (*VIEWS, *VIEWS):
        view = see(store)
        assert repr(view) == f"TensorStore({pretty(bound_spec(view).to_json())})"
