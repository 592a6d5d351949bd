"""R4: four threads add to elements of their own in the inner chunks of one shard: nothing is lost.

Every thread owns one element of each of 16 inner chunks and raises them one after the other, `ROUNDS`
times; every write is a conditional read-modify-write of the same value.  ``TEGULA_SOAK=1``: 500 rounds.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tegula as ts
from tegula.programs import splicing

ROUNDS = 500 if os.environ.get("TEGULA_SOAK") else 6
THREADS, INNER = 4, 16


@pytest.mark.timeout(0 if ROUNDS > 6 else 120)
@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("large", [0, 1 << 60], ids=["spliced", "merged"])
def test_no_update_of_an_element_in_a_shard_is_lost(
    tmp_path: Path, where: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splicing, "LARGE", large)
    sharding = {"chunk_shape": [THREADS], "codecs": [{"name": "bytes"}, {"name": "zstd"}]}
    spec: dict[str, Any] = {
        "driver": "zarr3",
        "kvstore": {"driver": where, "path": f"{tmp_path}/a/"},
        "metadata": {
            "shape": [THREADS * INNER],
            "data_type": "int32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [THREADS * INNER]}},
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        },
        "context": {"file_io_sync": False} if where == "file" else {},
    }
    store = ts.open(spec, create=True).result()
    start = threading.Barrier(THREADS)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            start.wait()
            for count in range(1, ROUNDS + 1):
                for inner in range(INNER):
                    mine = store[inner * THREADS + number]
                    assert mine.read().result() == count - 1
                    mine.write(count).result()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    np.testing.assert_array_equal(store.read().result(), np.full(THREADS * INNER, ROUNDS))
