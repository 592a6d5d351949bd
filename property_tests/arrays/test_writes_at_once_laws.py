"""Laws: writes that are started at once are those that are done one after the other, in the same order.

Over memory and files, chunks and shards, drawn views that overlap; beside the tensorstore wheel, which does
them one after the other.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tegula as ts
from property_tests.arrays.making import arrays, bits
from property_tests.arrays.test_reading_writing_laws import kvstore, options
from property_tests.arrays.test_shard_laws import sharded_arrays
from property_tests.strategies import follow, view_steps
from tegula.leaves.file import FileLeaf


def drawn(draw: Any, store: Any, made: Any) -> list[tuple[Any, Any]]:
    """Views by their steps, and what is to be written into each."""
    found = []
    for number in range(draw(st.integers(2, 12))):
        steps = draw(view_steps(made.shape))
        shape = follow(store, steps).shape
        if draw(st.booleans()):
            found.append((steps, np.full((), number % 3).astype(made.fill.dtype)))
        else:
            values = np.random.default_rng(number).integers(0, 2, shape)
            found.append((steps, values.astype(made.fill.dtype)))
    return found


@given(
    st.data(),
    st.one_of(arrays(), sharded_arrays()),
    options(),
    st.sampled_from(["memory", "file"]),
    st.booleans(),
)
def test_writes_at_once_are_writes_in_turn(data, made, options, where, slowly):
    """Law: whatever the views, each element is that of the last write that was started; so in all chunks."""
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        if slowly:  # then nothing is written in the caller's own thread
            patch.setattr(FileLeaf, "local_writes", False)
        spec = {**made.on(kvstore(where, root)), **options}
        store = ts.open(spec, create=True, context=ts.Context()).result()
        other = ts.open({**made.on("memory://"), **options}, create=True, context=ts.Context()).result()
        for _ in range(2):
            writes = drawn(data.draw, store, made)
            futures = [follow(store, steps).write(values) for steps, values in writes]
            for steps, values in writes:
                follow(other, steps).write(values).result()
            for future in futures:
                future.result()
            assert bits(store.read().result()) == bits(other.read().result())
        again = (
            ts.open({**spec, "kvstore": store.kvstore.spec().to_json()}, context=ts.Context()).result()
            if where == "file"
            else store
        )
        assert bits(again.read().result()) == bits(other.read().result())


@pytest.mark.peers
@given(st.data(), arrays())
def test_writes_at_once_are_those_of_tensorstore_in_turn(data, made):
    """Law: what is found after writes at once is what tensorstore 0.1.86 finds that did them in turn."""
    tensorstore = pytest.importorskip("tensorstore")
    with tempfile.TemporaryDirectory() as root:
        mine = ts.open(made.on(kvstore("file", f"{root}/mine")), create=True).result()
        theirs = tensorstore.open(made.on(kvstore("file", f"{root}/theirs")), create=True).result()
        boxes = []
        for number in range(data.draw(st.integers(2, 20))):
            corners = [sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2))) for n in made.shape]
            box = tuple(slice(*corner) for corner in corners)
            shape = tuple(stop - start for start, stop in corners)
            boxes.append((box, np.full(shape, number % 5).astype(made.fill.dtype)))
        futures = [mine[box].write(values) for box, values in boxes]
        for box, values in boxes:
            theirs[box].write(values).result()
        for future in futures:
            future.result()
        assert bits(mine.read().result()) == bits(theirs.read().result())
        seen = tensorstore.open(made.on(kvstore("file", f"{root}/mine"))).result()
        assert bits(seen.read().result()) == bits(theirs.read().result())
