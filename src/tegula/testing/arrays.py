"""Checks of what a store is for: arrays on it, and what is said of it when one is opened for writing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tegula.api.opening import open as open_array
from tegula.api.stores import LostUpdates
from tegula.errors import AlreadyExists, NotFound
from tegula.runtime.live import leaf
from tegula.schema.layout import ChunkLayout
from tegula.testing.concurrency import THREADS, together
from tegula.testing.values import raises

__all__ = ["ArrayChecks"]


class ArrayChecks:
    """Arrays on the store."""

    def _open(self, store: Any, driver: str = "zarr3", pool: int = 0, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LostUpdates)
            spec: dict[str, Any] = {"driver": driver, "cache_pool": {"total_bytes_limit": pool}}
            return open_array(spec, kvstore=store.spec(retain_context=True), **options).result()

    def _made(self, store: Any, driver: str = "zarr3") -> Any:
        layout = ChunkLayout(chunk_shape=[4, 5])
        return self._open(store, driver, create=True, dtype="int32", shape=[16, 20], chunk_layout=layout)

    def test_an_array_is_written_and_read(self, store: Any) -> None:
        data = np.arange(320, dtype=np.int32).reshape(16, 20)
        for driver in ("zarr", "zarr3"):
            made = self._made(store / f"{driver}/", driver)
            made.write(data).result()
            again = self._open(store / f"{driver}/", driver)
            np.testing.assert_array_equal(again.read().result(), data)
            np.testing.assert_array_equal(again[3:11, ::3].read().result(), data[3:11, ::3])

    def test_parts_of_an_array_are_written(self, store: Any) -> None:
        made = self._made(store)
        expected = np.zeros((16, 20), np.int32)
        draw = np.random.default_rng(0)
        for number in range(1, 12):
            (top, bottom), (left, right) = (sorted(draw.integers(0, size + 1, 2)) for size in (16, 20))
            made[top:bottom, left:right] = number
            expected[top:bottom, left:right] = number
            np.testing.assert_array_equal(made.read().result(), expected)

    def test_a_part_that_becomes_the_fill_value_again(self, store: Any) -> None:
        made = self._made(store)
        made[0:6, 0:6] = 7
        made[0:4, 0:3] = 0
        made[0:4, 3:5] = 0
        expected = np.zeros((16, 20), np.int32)
        expected[0:6, 0:6] = 7
        expected[0:4, 0:5] = 0
        np.testing.assert_array_equal(made.read().result(), expected)

    def test_writers_of_one_chunk_lose_nothing(self, store: Any) -> None:
        made = self._made(store)

        def work(number: int) -> None:
            mine = self._open(store)  # what is written through one handle is joined
            for step in range(1, 6):
                mine[0, number % 5 + number // 5 * 5] = step
                mine[1 + number // 5, number % 5] = step

        together(work)
        found = made.read().result()
        places = [(0, n % 5 + n // 5 * 5) for n in range(THREADS)]
        places += [(1 + n // 5, n % 5) for n in range(THREADS)]
        assert [int(found[place]) for place in places] == [5] * 2 * THREADS

    def test_a_cached_read_sees_what_is_written(self, store: Any) -> None:
        self._made(store)[...] = 1
        cached = self._open(store, pool=1_000_000)
        for number in range(2, 5):
            self._open(store)[2:9, 2:9] = number
            assert int(cached[5, 5].read().result()) == number
            assert int(cached[5, 5].read().result()) == number

    def test_an_array_is_created_once(self, store: Any) -> None:
        self._made(store)
        raises(AlreadyExists, lambda: self._made(store))

    def test_a_missing_array_is_not_found(self, store: Any) -> None:
        raises(NotFound, lambda: self._open(store))

    def test_what_the_store_lacks_is_said_when_it_is_opened_for_writing(self, store: Any) -> None:
        self._made(store)
        for write, expected in ((None, False), (True, not leaf(store._ref).conditional_writes)):
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                spec = {"driver": "zarr3"}
                open_array(spec, kvstore=store.spec(retain_context=True), read=True, write=write).result()
            assert any(each.category is LostUpdates for each in said) == expected
