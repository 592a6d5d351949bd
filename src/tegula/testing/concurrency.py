"""Checks of what happens at once, in threads of one process and under asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tegula.kv.generation import NO_VALUE, UNKNOWN

__all__ = ["ConcurrencyChecks"]

THREADS = 8


def together(work: Callable[[int], None]) -> None:
    """Run `work` in several threads that start at once, and raise the first error of any."""
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        try:
            start.wait(30)
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


class ConcurrencyChecks:
    """Several writers and readers at once."""

    def test_of_several_creators_one_creates(self, store: Any) -> None:
        for round_ in range(5):
            won: list[int] = []

            def create(number: int, key: str = f"a{round_}", won: list[int] = won) -> None:
                made = store.write(key, b"%d" % number, if_equal=NO_VALUE).result()
                if made.generation != UNKNOWN:
                    won.append(number)

            together(create)
            assert len(won) == 1
            assert store[f"a{round_}"] == b"%d" % won[0]

    def test_no_increment_is_lost(self, store: Any) -> None:
        count = 15
        store["n"] = b"0"

        def increment(_: int) -> None:
            for _ in range(count):
                while True:
                    found = store.read("n").result()
                    value = b"%d" % (int(found.value) + 1)
                    if store.write("n", value, if_equal=found.stamp.generation).result().generation:
                        break

        together(increment)
        assert store["n"] == b"%d" % (THREADS * count)

    def test_of_several_deleters_and_writers_each_key_has_a_whole_history(self, store: Any) -> None:
        def work(number: int) -> None:
            for step in range(5):
                store[f"{number}/{step}"] = b"%d" % step
                if step % 2:
                    del store[f"{number}/{step}"]

        together(work)
        expected = {b"%d/%d" % (number, step) for number in range(THREADS) for step in (0, 2, 4)}
        assert set(store.list().result()) == expected

    def test_keys_of_several_writers_are_all_there(self, store: Any) -> None:
        def work(number: int) -> None:
            for writes in [store.write(f"d/{number}/{step}", b"%d" % step) for step in range(10)]:
                writes.result()

        together(work)
        assert len(store.list().result()) == 10 * THREADS
        assert all(store[f"d/{number}/{step}"] == b"%d" % step for number in range(8) for step in (0, 9))

    def test_a_reader_sees_a_whole_value(self, store: Any) -> None:
        values = {bytes([65 + number]) * (3000 + 1111 * number) for number in range(THREADS)}
        store["a"] = min(values)

        def work(number: int) -> None:
            for _ in range(10):
                if number < 3:
                    store["a"] = bytes([65 + number]) * (3000 + 1111 * number)
                else:
                    assert store["a"] in values

        together(work)
        assert store["a"] in values

    def test_a_listing_beside_writers_has_only_their_keys(self, store: Any) -> None:
        expected = {b"%d/a" % number for number in range(THREADS)}

        def work(number: int) -> None:
            for _ in range(8):
                store[f"{number}/a"] = b"x" * 1000
                found = store.list().result()
                assert set(found) <= expected, found
                assert b"%d/a" % number in found

        together(work)

    def test_futures_are_awaited(self, store: Any) -> None:
        async def work() -> list[Any]:
            await asyncio.gather(*(_wait(store.write(f"{number}", b"%d" % number)) for number in range(20)))
            return await asyncio.gather(*(_wait(store.read(f"{number}")) for number in range(20)))

        found = asyncio.run(work())
        assert [each.value for each in found] == [b"%d" % number for number in range(20)]

    def test_many_operations_may_be_under_way(self, store: Any) -> None:
        writes = [store.write(f"{number}", b"v%d" % number) for number in range(200)]
        stamps = [write.result() for write in writes]
        reads = [store.read(f"{number}") for number in range(200)]
        assert [read.result().value for read in reads] == [b"v%d" % number for number in range(200)]
        assert [read.result().stamp.generation for read in reads] == [stamp.generation for stamp in stamps]


async def _wait(future: Any) -> Any:
    return await future
