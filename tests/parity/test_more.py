"""What tegula has beside TensorStore: the pipe, explain, one tree of errors, arrays after a fork."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import tegula as ts
from tegula import errors


def chunked(folder: Path) -> ts.TensorStore:
    """A hundred chunks of files, every element 7."""
    spec = {"driver": "zarr3", "kvstore": f"file://{folder}/a/"}
    layout = ts.ChunkLayout(chunk_shape=[10, 10])
    store = ts.open(spec, create=True, dtype="uint8", shape=[100, 100], chunk_layout=layout).result()
    store.write(7).result()
    return store


def test_the_pipe_is_the_nested_call() -> None:
    base = ts.array(np.arange(24.0).reshape(4, 6))
    piped = ts.pipe(base, ts.at[1:3], ts.d[0].label["y"], ts.downsample([1, 2], "mean"), ts.cast("float32"))
    nested = ts.cast(ts.downsample(base[1:3][ts.d[0].label["y"]], [1, 2], "mean"), "float32")
    assert piped.domain == nested.domain
    np.testing.assert_array_equal(ts.read(piped), nested.read().result())


def test_writing_in_a_pipe_gives_the_store_back() -> None:
    target = ts.array(np.zeros(3))
    assert ts.pipe(target, ts.at[1:], ts.write([1.0, 2.0]), ts.read).tolist() == [1, 2]


def test_steps_of_a_pipe_are_values() -> None:
    assert ts.at[1:3] == ts.at[1:3]
    assert ts.downsample([2], "mean") == ts.downsample([2], "mean")
    assert ts.cast("int8") != ts.cast("int16")


def test_explain_counts_what_a_read_touches(tmp_path: Path) -> None:
    told = ts.explain(chunked(tmp_path)[:25, 5])
    assert (told.chunks, told.requests, told.elements, told.result_bytes) == (3, 3, 25, 25)
    assert told.decoded_bytes == 300


def test_every_error_has_one_root_and_a_builtin_parent() -> None:
    raised = [getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)]
    assert len(raised) > 10
    for kind in raised:
        assert issubclass(kind, ts.TegulaError)
        if kind is not ts.TegulaError:
            assert issubclass(kind, ValueError | IndexError | NotImplementedError)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_reads_and_writes_arrays(tmp_path: Path) -> None:
    store = chunked(tmp_path)
    assert store.read().result().sum() == 70_000
    child = os.fork()
    if not child:
        code = 1
        signal.alarm(30)
        try:
            store[:50].write(store[50:].read().result()[:, :] + 1).result()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.read().result().sum() == 75_000


def test_a_write_is_seen_by_every_pool_of_the_process(tmp_path: Path) -> None:
    """tensorstore 0.1.86 gives what the other pool remembers."""
    writer = chunked(tmp_path)
    pooled = {"context": {"cache_pool": {"total_bytes_limit": 1_000_000}}, "recheck_cached_data": "open"}
    reader = ts.open({"driver": "zarr3", "kvstore": f"file://{tmp_path}/a/", **pooled}).result()
    assert reader[5, 5].read().result() == 7
    writer[5, 5] = 9
    assert reader[5, 5].read().result() == 9
