"""Law: native equals expanded, for every effect that has a definition; here is the list, and who holds each.

Stores answer blocks, splices, children, pages and origins by themselves: those laws are part of the public
suite of stores (`tegula.testing.native`), which every leaf passes, Google Cloud Storage too.  What is left is
here.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tegula as ts
from tegula.effects.control import All, Compute, Memo, Room
from tegula.effects.effect import Call
from tegula.effects.handler import _DEFINITIONS, expanded
from tegula.effects.storage import (
    Children,
    Decoded,
    DeleteRange,
    List,
    ListPage,
    Origin,
    ReadMany,
    Remembered,
    Splice,
    Tried,
    WriteMany,
)
from tegula.kv.spec import KeyRange
from tegula.programs.retry import Retry, far
from tegula.programs.writing import write
from tegula.runtime import inline
from tegula.runtime.perform import Performer
from tegula.runtime.session import SESSION, run, submit

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = "src/tegula/testing/native.py"
HERE = "property_tests/effects/test_native_laws.py"
HELD = {
    ReadMany: (PUBLIC, "test_a_block_of_parts"),
    WriteMany: (PUBLIC, "test_a_block_of_writes_on_conditions"),
    Splice: (PUBLIC, "test_a_splice_is_a_read_and_a_write"),
    Children: (PUBLIC, "test_folders_of_pages_are_the_children"),
    Tried: (PUBLIC, "test_a_block_that_is_tried_is_its_rows_tried"),
    ListPage: (PUBLIC, "test_the_pages_of_a_listing_are_the_listing"),
    Origin: (PUBLIC, "test_where_a_value_comes_from_is_its_generation"),
    Decoded: (
        "property_tests/effects/test_interpreters.py",
        "test_decoding_through_a_pool_equals_reading_and_decoding",
    ),
    Remembered: (HERE, "test_writing_what_is_remembered_is_writing_what_is_read"),
    Compute: (HERE, "test_work_within_room_and_limits_is_the_work"),
    Memo: (HERE, "test_work_within_room_and_limits_is_the_work"),
    Room: (HERE, "test_work_within_room_and_limits_is_the_work"),
}


def test_every_definition_has_a_law():
    assert set(HELD) == set(_DEFINITIONS) | {Origin}
    for path, name in HELD.values():
        assert re.search(rf"def {name}\b", (ROOT / path).read_text()), name


BITS = st.lists(
    st.tuples(st.integers(0, 19), st.integers(1, 12), st.integers(0, 3), st.booleans()), max_size=6
)


@given(BITS, st.sampled_from([700, 1_000_000]), st.sampled_from([True, "open"]))
def test_writing_what_is_remembered_is_writing_what_is_read(parts, limit, bound):
    """Law: after writing parts from what a pool knows as much is stored as where it knows nothing."""
    stores = []
    for native in (True, False):
        context = ts.Context({"cache_pool": {"total_bytes_limit": limit}})
        spec = {"driver": "zarr3", "kvstore": "memory://", "recheck_cached_data": bound}
        layout = ts.ChunkLayout(chunk_shape=[5])
        made = ts.open(
            spec, create=True, dtype="int32", shape=[20], fill_value=1, chunk_layout=layout, context=context
        ).result()
        other = ts.open({**spec, "kvstore": made.kvstore.spec()}, context=context).result()
        for start, count, value, elsewhere in parts:
            view = (other if elsewhere else made)[start : min(20, start + count)]
            data = np.full(view.shape, value, np.int32)
            program = write(view._view, data)
            run(program if native else expanded(program))
            if start % 2:
                made[start:].read().result()
        stores.append({key: made.kvstore[key] for key in made.kvstore.list().result()})
    assert stores[0] == stores[1]


async def work(numbers, sizes):
    async def one(number, size):
        with await Room(LIMIT, 100, size):
            return await Compute(Call(pow, number, 2)), await Memo(("m", number), Call(again, number))

    found = await All([Call(one, number, size) for number, size in zip(numbers, sizes, strict=True)], 3)
    if any(number == 13 for number in numbers):
        await Compute(Call(refuse))
    return found


class Limit:
    """What stands for a limit."""


LIMIT = Limit()


async def again(number):
    return await Compute(Call(abs, -number))


def refuse():
    raise KeyError("refused")


def outcome(go):
    try:
        return go()
    except KeyError as error:
        return repr(error)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 150)), max_size=8))
def test_work_within_room_and_limits_is_the_work(rows):
    """Law: `Compute`, `Memo` and `Room` change no answer and no error, inline and on the shared threads."""
    numbers, sizes = [row[0] for row in rows], [row[1] for row in rows]
    expected = outcome(lambda: run(expanded(work(numbers, sizes))))
    assert outcome(lambda: run(work(numbers, sizes))) == expected
    assert outcome(lambda: submit(work(numbers, sizes)).result(timeout=20)) == expected


KEYS = [f"k{number}" for number in range(8)]


@pytest.mark.parametrize("driver", ["memory", "file"])
def test_stores_that_are_asked_again_are_the_stores(driver, tmp_path):
    """Law: what stands in front of a store far away, pages and blocks that are tried, changes no answer."""
    path = f"{tmp_path}/s/" if driver == "file" else "s/"
    store = ts.KvStore.open({"driver": driver, "path": path}).result()
    for number, key in enumerate(KEYS[:6]):
        store[f"{key}/{number}"] = b"x" * number
    names = [f"{path}{key}/{number}" for number, key in enumerate(KEYS)]
    bare = Performer(SESSION._leaf_of)

    async def ask(effect):
        return await effect

    def listed(listing):
        return sorted(zip(listing.keys, listing.sizes, strict=True))

    def values(columns):
        return [value and bytes(value) for value in columns.values], columns.generations

    retry = Retry(3, 0.001, 0.01)
    for effect, same in [
        (
            ReadMany(store._ref, names),
            values,
        ),
        (List(store._ref, KeyRange.prefix(path)), listed),
        (Children(store._ref, path), list),
    ]:
        assert same(inline.run(far(effect, retry), bare)) == same(inline.run(ask(effect), bare))
    writes = WriteMany(store._ref, names[:2], [b"1", b"2"], [b"\0nobody's" * 3, b""])
    assert inline.run(far(writes, retry), bare).generations[0] == b""
    inline.run(far(DeleteRange(store._ref, KeyRange.prefix(path + "k1")), retry), bare)
    left = inline.run(ask(List(store._ref, KeyRange.prefix(path))), bare).keys
    assert sorted(left) == [name for number, name in enumerate(names[:6]) if number != 1]
