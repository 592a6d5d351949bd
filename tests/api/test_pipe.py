"""The functional pipe: every step is also a plain function, and says the same as the methods."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tegula
from tegula import at, cast, d, downsample, pipe, read, write


@pytest.fixture
def store():
    made = tegula.open(
        {"driver": "zarr3", "kvstore": "memory://"},
        create=True,
        dtype="int32",
        shape=[4, 6],
        chunk_layout=tegula.ChunkLayout(chunk_shape=[2, 3]),
    ).result()
    made[...] = np.arange(24, dtype="int32").reshape(4, 6)
    return made


DATA = np.arange(24, dtype="int32").reshape(4, 6)


@pytest.mark.parametrize(
    "key", [1, slice(1, 3), (slice(None), 2), ([3, 0], slice(None)), Ellipsis, (None, 1)]
)
def test_at_indexes_as_brackets_do(store, key):
    assert np.array_equal(pipe(store, at[key], read), store[key].read().result())


def test_a_dimension_expression_is_a_step(store):
    found = pipe(store, d[0].label["y"], d["y"][2], read)
    assert np.array_equal(found, DATA[2])


def test_steps_compose_from_left_to_right(store):
    found = pipe(store, at[1:3], downsample([2, 2], "mean"), cast("float64"), read)
    expected = tegula.cast(tegula.downsample(store[1:3], [2, 2], "mean"), "float64").read().result()
    assert found.dtype == np.float64
    assert np.array_equal(found, expected)


def test_plain_functions_are_the_methods(store):
    assert np.array_equal(read(store, "F"), DATA)
    assert read(store, "F").flags.f_contiguous
    assert np.array_equal(read(cast(store, "uint8")), store.astype("uint8").read().result())


def test_write_gives_the_store_back_and_writes_through_the_view(store):
    found = pipe(store, at[0], write(np.full(6, 7, "int32")), read)
    assert found.tolist() == [7] * 6
    assert store[0].read().result().tolist() == [7] * 6
    assert np.array_equal(store[1:].read().result(), DATA[1:])


def test_write_copies_from_another_store(store):
    target = tegula.array(np.zeros((4, 6), "int32"))
    assert np.array_equal(pipe(target, write(store), read), DATA)


def test_steps_are_values():
    steps = (at[1:, ::2], downsample([2, 1], "max"), cast("int8"), write(3))
    assert pickle.loads(pickle.dumps(steps[1:])) == steps[1:]
    assert repr(steps[1]) == repr(downsample([2, 1], "max"))
    assert steps[0] == at[1:, ::2]


def test_a_specification_is_piped_without_being_opened():
    spec = tegula.Spec(
        {
            "driver": "zarr3",
            "kvstore": "memory://nothing/",
            "dtype": "int16",
            "schema": {"domain": {"shape": [4]}},
        }
    )
    made = pipe(spec, at[1:3], downsample([2], "mean"), cast("float32"))
    assert isinstance(made, tegula.Spec)
    assert made.dtype == tegula.float32
    assert made.base.base.domain == spec[1:3].domain


def test_a_step_that_fails_raises_the_error_of_the_method(store):
    with pytest.raises(tegula.TegulaError, match="does not match TensorStore rank"):
        pipe(store, downsample([2], "mean"))
    with pytest.raises(IndexError):
        pipe(store, at[9:12:0])
    with pytest.raises(TypeError, match="TensorStore or a Spec"):
        pipe(3, cast("int8"))
