"""A machine: a NumPy array is the model of a stored array, whatever handles look at it.

Format x store x pool are drawn; the rules write and read through views of any of several handles, open a
second handle in another context, open again after everything live is dropped, and delete the chunks.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import tegula as ts
from property_tests.arrays.making import arrays, bits, picked, positions, shapes_with_zero
from property_tests.strategies import follow, view_steps

POOLED = {"cache_pool": {"total_bytes_limit": 100_000}}


class ArrayMachine(RuleBasedStateMachine):
    """Law: every read through every handle gives what the model has."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.handles: list[Any] = []

    @initialize(
        made=arrays(shapes=shapes_with_zero(zero=False)),
        where=st.sampled_from(["memory", "file"]),
        pooled=st.booleans(),
    )
    def create(self, made: Any, where: str, pooled: bool) -> None:
        self.made = made
        self.where = where
        self.context = ts.Context(POOLED if pooled else {})
        self.kvstore = {"driver": where, "path": f"{self.root}/a/"}
        self.bare = {"driver": made.driver, "kvstore": self.kvstore}
        self.handles = [ts.open(made.on(self.kvstore), create=True, context=self.context).result()]
        self.model = np.full(made.shape, made.fill, made.fill.dtype)

    def one(self, data: Any) -> Any:
        return self.handles[data.draw(st.integers(0, len(self.handles) - 1))]

    @rule(data=st.data())
    def write(self, data: Any) -> None:
        store = self.one(data)
        view = follow(store, data.draw(view_steps(self.made.shape)))
        where = positions(view, store.rank)
        if store.rank:
            flat = set(zip(*(grid.ravel() for grid in where), strict=True))
            if len(flat) != view.size:
                return
        elif view.size != 1:
            return
        values = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 2, view.shape)
        values = values.astype(self.model.dtype)
        view.write(values).result()
        self.model[where if store.rank else ...] = values if store.rank else values.reshape(())

    @rule(data=st.data(), value=st.integers(0, 1))
    def write_one_value(self, data: Any, value: int) -> None:
        store = self.one(data)
        view = follow(store, data.draw(view_steps(self.made.shape)))
        scalar = self.model.dtype.type(value)
        view.write(scalar).result()
        if store.rank:
            self.model[positions(view, store.rank)] = scalar
        elif view.size:
            self.model[...] = scalar

    @rule(data=st.data(), order=st.sampled_from("CF"))
    def read(self, data: Any, order: str) -> None:
        view = follow(self.one(data), data.draw(view_steps(self.made.shape)))
        assert bits(view.read(order=order).result()) == bits(picked(self.model, view))

    @rule()
    def open_another(self) -> None:
        if len(self.handles) < 4:
            self.handles.append(ts.open(self.bare, context=self.context).result())

    @precondition(lambda self: self.handles and self.where == "file")
    @rule()
    def open_beside(self) -> None:
        """A handle that shares nothing with the others but the files."""
        if len(self.handles) < 4:
            self.handles.append(ts.open(self.bare).result())

    @precondition(lambda self: self.handles and self.where == "file")
    @rule()
    def reopen(self) -> None:
        self.handles.clear()
        self.context = ts.Context()
        self.handles.append(ts.open(self.bare, context=self.context).result())

    @precondition(lambda self: len(self.handles) > 1)
    @rule()
    def drop(self) -> None:
        self.handles.pop(0)

    @rule()
    def erase(self) -> None:
        """Write the fill value everywhere: no chunk stays."""
        self.handles[0].write(self.made.fill).result()
        self.model[...] = self.made.fill
        if self.made.spec["metadata"]["fill_value"] is not None:
            keys = self.handles[0].kvstore.list().result()
            assert len(keys) == 1, keys

    @rule()
    def copy(self) -> None:
        """Through a handle of another array and back."""
        other = ts.open(
            {"driver": "zarr3", "kvstore": "memory://"},
            create=True,
            dtype=self.handles[0].dtype,
            shape=self.made.shape,
        ).result()
        other.write(self.handles[-1]).result()
        assert bits(other.read().result()) == bits(self.model)
        self.handles[0].write(other).result()

    @invariant()
    def all_agree(self) -> None:
        for store in self.handles:
            assert bits(store.read().result()) == bits(self.model)

    def teardown(self) -> None:
        shutil.rmtree(self.root)


ArrayMachine.TestCase.settings = settings(
    settings.default,
    max_examples=max(15, settings.default.max_examples // 4),
    stateful_step_count=12,
    suppress_health_check=list(HealthCheck),
)
TestArrayMachine = ArrayMachine.TestCase
