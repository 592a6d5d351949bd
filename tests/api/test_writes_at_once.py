"""Writes that are started at once: what is stored, who hears of which error, what may be done meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import tegula as ts
from tegula.api.lately import queues
from tests.children import printed

ROOT = Path(__file__).resolve().parents[2]
SIDE, CHUNK = 64, 16
RNG = np.random.default_rng(1)
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
KINDS = {
    "raw": [BYTES],
    "zstd": [BYTES, {"name": "zstd", "configuration": {"level": 1}}],
    "transposed": [{"name": "transpose", "configuration": {"order": [1, 0]}}, BYTES],
    "cached": [BYTES],
    "sharded": [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [4, 8],
                "codecs": [BYTES],
                "index_codecs": [BYTES, {"name": "crc32c"}],
            },
        }
    ],
    "nested": [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [8, 8],
                "codecs": [
                    {
                        "name": "sharding_indexed",
                        "configuration": {
                            "chunk_shape": [4, 4],
                            "codecs": [BYTES, {"name": "crc32c"}],
                            "index_codecs": [BYTES, {"name": "crc32c"}],
                        },
                    }
                ],
                "index_codecs": [BYTES, {"name": "crc32c"}],
            },
        }
    ],
}


def made(kvstore, codecs, **more):
    spec = {
        "driver": "zarr3",
        "kvstore": kvstore,
        "metadata": {
            "shape": [SIDE, SIDE],
            "data_type": "uint32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [CHUNK, CHUNK]}},
            "codecs": codecs,
        },
        **more,
    }
    return ts.open(spec, create=True).result()


KINDS["shared"] = KINDS["sharded"]
CACHED = ("cached", "shared")
PLACES = [
    "memory raw",
    "memory cached",
    "file raw",
    "file zstd",
    "disk transposed",
    "disk raw",
    "file sharded",
    "file shared",
    "disk nested",
]


@pytest.fixture(params=PLACES)
def store(request, tmp_path, monkeypatch):
    """An array; a disk is slow to sync, so that a write is never done in the thread of its caller."""
    place, kind = request.param.split()
    where = "memory://" if place == "memory" else f"file://{tmp_path}/"
    if place == "disk":
        from tegula.leaves.file import FileLeaf

        monkeypatch.setattr(FileLeaf, "local_writes", False)
    pool = {"context": {"cache_pool": {"total_bytes_limit": 1 << 20}}} if kind in CACHED else {}
    return made(where, KINDS[kind], **pool)


def not_in_memory(test):
    """Run a test where something can be in the way of files."""
    return pytest.mark.parametrize(
        "store", [place for place in PLACES if not place.startswith("memory")], indirect=True
    )(test)


def boxes(count, most=SIDE // 2):
    """Boxes that overlap, now and then with steps and backwards."""
    for number in range(count):
        top, left = RNG.integers(0, SIDE - 1, 2).tolist()
        tall, wide = RNG.integers(1, most, 2).tolist()
        rows = slice(top, min(SIDE, top + tall), 1 + number % 3)
        columns = slice(left, min(SIDE, left + wide), 1)
        yield (rows, columns) if number % 7 else (top, columns)


def begin(store, data, boxes):
    """Write into boxes without waiting; do the same to `data`."""
    futures = []
    for number, box in enumerate(boxes):
        part = data[box]
        values = RNG.integers(1, 1 << 30, part.shape).astype("u4") if number % 5 else np.uint32(number)
        data[box] = values
        target = store[box]
        if number % 4 == 1 and part.ndim == 2:
            target, values = target[ts.d[0, 1].transpose[1, 0]], np.broadcast_to(values, part.shape).T
        futures.append(target.write(values))
    return futures


def test_the_last_to_be_started_stays(store):
    data = np.zeros((SIDE, SIDE), "u4")
    for count in (3, 40, 90):
        for future in begin(store, data, boxes(count)):
            future.result()
        assert np.array_equal(store.read().result(), data)


def test_whole_chunks_and_parts_of_them_in_turn(store):
    data = np.zeros((SIDE, SIDE), "u4")
    turns = []
    for number in range(20):
        row, column = divmod(number % 16, 4)
        chunk = np.s_[row * CHUNK : (row + 1) * CHUNK, column * CHUNK : (column + 1) * CHUNK]
        turns += [(slice(0, 40), 5), chunk, (row * CHUNK + 3, slice(0, SIDE)), (7, 7)]
    for future in begin(store, data, turns):
        future.result()
    assert np.array_equal(store.read().result(), data)


def test_whole_chunks_from_every_side(store):
    """Backwards, transposed, of every second element of a source, one for all: alone and at once."""
    whole = RNG.integers(1, 1 << 30, (2 * SIDE, SIDE)).astype("u4")
    sources = [
        whole[:SIDE],
        whole[SIDE - 1 :: -1],
        whole[::2],
        np.asfortranarray(whole[:SIDE]),
        whole[:SIDE].T,
        np.broadcast_to(whole[0], (SIDE, SIDE)),
        whole[:SIDE].astype(">u4"),
    ]
    d = ts.d
    for at_once in (False, True):
        for number, source in enumerate(sources):
            data = np.zeros((SIDE, SIDE), "u4")
            futures = []
            for row in range(0, SIDE, CHUNK):
                for column in range(0, SIDE, CHUNK):
                    box = np.s_[row : row + CHUNK, column : column + CHUNK]
                    way = (number + row // CHUNK + column // CHUNK * 3) % 4
                    part, target = source[box], store[box]
                    if way == 0:
                        data[box] = part
                    elif way == 1:
                        target = target[d[0].stride[-1]]
                        data[box] = part[::-1]
                    elif way == 2:
                        target = target[d[0, 1].stride[-1, -1]]
                        data[box] = part[::-1, ::-1]
                    else:
                        target = target[d[0, 1].transpose[1, 0]]
                        data[box] = part.T
                    futures.append(target.write(part))
                    if not at_once:
                        futures.pop().result()
            for future in futures:
                future.result()
            assert np.array_equal(store.read().result(), data)


def test_in_asyncio(store):
    data = np.zeros((SIDE, SIDE), "u4")

    async def one(number, box):
        await store[box].write(number)

    async def program():
        await asyncio.gather(*begin(store, data, boxes(50)))
        assert np.array_equal(await store.read(), data)
        cells = [(number // SIDE, number % SIDE) for number in range(200)]
        await asyncio.gather(*[one(number, cell) for number, cell in enumerate(cells)])
        for number, cell in enumerate(cells):
            data[cell] = number
        assert np.array_equal(await store.read(), data)

    asyncio.run(program())


def test_large_ones_among_them_come_after_those_before(store):
    """A write that is done by itself begins when those that were started before it are done."""
    data = np.zeros((SIDE, SIDE), "u4")
    for _ in range(2):
        futures = begin(store, data, boxes(20))
        everywhere = RNG.integers(0, SIDE, 60)
        futures.append(store.oindex[:, np.arange(SIDE)].write(7))  # index arrays
        data[:] = 7
        futures += begin(store, data, [(int(at), int(at)) for at in everywhere])
        for future in futures:
            future.result()
        assert np.array_equal(store.read().result(), data)


def test_what_was_dropped_or_cancelled_is_written(store):
    data = np.zeros((SIDE, SIDE), "u4")
    futures = begin(store, data, boxes(40))
    for future in futures[10:20]:
        future.cancel()
    del futures[20:30]
    for future in futures[:10] + futures[20:]:
        future.result()
    store[0, 0].write(1).result()
    data[0, 0] = 1
    while queues:
        store[0, 0].write(1).result()
    assert np.array_equal(store.read().result(), data)


def test_the_source_may_be_changed_when_it_was_copied(store):
    buffer = np.zeros((3, 20), "u4")
    data = np.zeros((SIDE, SIDE), "u4")
    futures = []
    for number in range(60):
        buffer[:] = number
        box = np.s_[number : number + 3, number % 40 : number % 40 + 20]
        if number + 3 > SIDE:
            break
        futures.append(store[box].write(buffer))
        futures[-1].copy.result()
        data[box] = number
    for future in futures:
        future.result()
    assert np.array_equal(store.read().result(), data)


def test_from_many_threads(store):
    start = threading.Barrier(6)

    def work(mine):
        start.wait()
        futures = [store[mine::6, column].write(100 * mine + column) for column in range(SIDE)]
        for future in futures:
            future.result()
        for column in range(4):
            store[mine::6, column].write(mine).result()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = np.empty((SIDE, SIDE), "u4")
    for mine in range(6):
        expected[mine::6] = 100 * mine + np.arange(SIDE)
        expected[mine::6, :4] = mine
    assert np.array_equal(store.read().result(), expected)


def test_a_callback_may_write_the_same_array_and_wait(store):
    seen, over = [], threading.Event()

    def again(future, at):
        assert future.result() is None
        store[at, at].write(at + 1000).result(timeout=20)
        seen.append(at)
        if len(seen) == SIDE:
            over.set()

    futures = []
    for at in range(SIDE):
        futures.append(store[at, :].write(at))
        futures[-1].add_done_callback(lambda future, at=at: again(future, at))
    assert over.wait(60)
    expected = np.repeat(np.arange(SIDE, dtype="u4")[:, None], SIDE, 1)
    np.fill_diagonal(expected, np.arange(1000, 1000 + SIDE))
    assert np.array_equal(store.read().result(), expected)


def said(error):
    """The text of an error, but for the number of a file that is open."""
    return re.sub(r"fd: \d+", "fd", str(error))


@not_in_memory
def test_errors_are_of_those_that_made_them(store, tmp_path):
    store.write(3).result()
    (tmp_path / "c" / "0" / "1").write_bytes(b"?")
    (tmp_path / "c" / "1" / "0").unlink()
    (tmp_path / "c" / "1" / "0").mkdir()
    (tmp_path / "c" / "1" / "0" / "x").write_bytes(b"")
    rows = [0, 5, CHUNK, CHUNK + 5, 3 * CHUNK]
    alone = {}
    fresh = ts.open(store.spec(), open=True, context=ts.Context()).result()
    for row in rows:
        for column in (0, CHUNK, 2 * CHUNK):
            try:
                fresh[row, column].write(1).result()
            except ValueError as error:
                alone[row, column] = error
    assert {(row // CHUNK, column // CHUNK) for row, column in alone} == {(0, 1), (1, 0)}
    again = ts.open(store.spec(), open=True, context=ts.Context()).result()
    futures = {
        (row, column): again[row, column].write(row + 1) for row in rows for column in (0, CHUNK, 2 * CHUNK)
    }
    across = again[:, 0].write(9)  # fails in one of its chunks
    beyond = again[2 * CHUNK :, 1].write(5)
    outside = again[0].translate_by[0]  # its domain is right, but not the shape of the data
    wrong = outside.write(np.zeros(3, "u4"))
    with pytest.raises(TypeError):
        again[0].write(np.full(SIDE, 1.5))
    for place, future in futures.items():
        error = future.exception()
        assert type(error) is type(alone.get(place))
        assert said(error) == said(alone.get(place))
    assert said(across.exception()) == said(alone[CHUNK, 0])
    assert beyond.exception() is None
    assert isinstance(wrong.exception(), ValueError)
    assert again[3 * CHUNK, 0].read().result() == 9
    assert (again[2 * CHUNK :, 1].read().result() == 5).all()
    assert (again[5, 2 * CHUNK].read().result(), again[0, 0].read().result()) == (6, 9)


@not_in_memory
def test_a_corrupt_chunk_that_is_replaced_fails_nobody(store, tmp_path):
    store.write(3).result()
    (tmp_path / "c" / "0" / "0").write_bytes(b"?")
    futures = [store[5, 5].write(1) for _ in range(3)]
    futures += [store[:CHUNK, :CHUNK].write(2), store[6, 6].write(4)]
    futures = futures[3:] if futures[0].done() else futures
    futures[-1].result()
    futures[-2].result()
    expected = np.full((CHUNK, CHUNK), 2, "u4")
    expected[6, 6] = 4
    assert np.array_equal(store[:CHUNK, :CHUNK].read().result(), expected)


WRITER = """
import sys
import numpy as np
import tegula as ts
store = ts.open({"driver": "zarr3", "kvstore": sys.argv[1]}).result()
mine = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(1, 6):
    futures = [store[mine + 4 * row, column].write(turn) for row in range(8) for column in range(8)]
    for future in futures:
        future.result()
"""


def test_nothing_of_other_processes_is_lost(tmp_path):
    """Four processes write single elements of the same chunk, all of a turn at once."""
    where = f"file://{tmp_path}/"
    store = made(where, KINDS["zstd"])
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, where, str(mine)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for mine in range(3)
    ]
    for child in children:
        child.stdout.readline()
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    for turn in range(1, 6):
        for future in [store[3 + 4 * row, column].write(turn) for row in range(8) for column in range(8)]:
            future.result()
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    assert (store[:32, :8].read().result() == 5).all()
    assert not store[32:].read().result().any()


def test_writes_to_one_chunk_are_few_requests(tmp_path, monkeypatch):
    """Two hundred elements of one chunk do not ask for two hundred writes."""
    from tegula.leaves.file import FileLeaf

    requests = []
    plain = FileLeaf.write_many

    def counting(self, effect):
        requests.extend(effect.keys)
        return plain(self, effect)

    store = made(f"file://{tmp_path}/", KINDS["raw"])
    store.write(1).result()
    monkeypatch.setattr(FileLeaf, "write_many", counting)
    for future in [store[number // 14, number % 14].write(number) for number in range(190)]:
        future.result()
    assert len(requests) < 100
    assert np.array_equal(store[:13, :14].read().result().reshape(-1), np.arange(182))


@pytest.mark.parametrize("most", [0, 5000])
def test_who_comes_when_too_much_waits_waits_too(store, monkeypatch, most):
    from tegula.api import joined_writes

    monkeypatch.setattr(joined_writes, "MOST_BYTES", most)
    plain, held = joined_writes._Queue.add, []

    def add(queue, *arguments):
        plain(queue, *arguments)
        held.append((len(queue.held), queue.size))

    monkeypatch.setattr(joined_writes._Queue, "add", add)
    data = np.zeros((SIDE, SIDE), "u4")
    for future in begin(store, data, boxes(40)):
        future.result()
    assert np.array_equal(store.read().result(), data)
    assert held
    assert all(count == 1 or size <= most for count, size in held)


def test_what_was_accepted_is_written_before_a_normal_exit(tmp_path):
    program = textwrap.dedent(
        f"""
        import tegula as ts
        store = ts.open({{"driver": "zarr3", "kvstore": "file://{tmp_path}/"}}).result()
        futures = [store[number // 64, number % 64].write(number) for number in range(2000)]
        """
    )
    made(f"file://{tmp_path}/", KINDS["zstd"])
    printed(program, tmp_path)
    store = ts.open({"driver": "zarr3", "kvstore": f"file://{tmp_path}/"}).result()
    assert np.array_equal(store.read().result().reshape(-1)[:2000], np.arange(2000))


def test_a_child_of_a_fork_writes_and_its_parents_writes_are_its_parents(store):
    data = np.zeros((SIDE, SIDE), "u4")
    futures = begin(store, data, boxes(60))
    child = os.fork()
    if not child:
        code = 1
        signal.alarm(30)
        try:
            for future in futures:
                assert future.exception() is None or "forked" in str(future.exception())
            assert not queues
            later = [store[number // 8, number % 8].write(number) for number in range(64)]
            for future in later:
                future.result()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for future in futures:
        future.result()
    found = store[16:].read().result()
    assert np.array_equal(found, data[16:])
