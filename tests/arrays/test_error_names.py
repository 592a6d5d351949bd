"""An error of many chunks names the chunk: the lowest one that fails, as tensorstore 0.1.86 words it."""

from __future__ import annotations

import numpy as np
import pytest

import tegula
from tegula.errors import FailedPrecondition


def array(folder):
    spec = {
        "driver": "zarr3",
        "kvstore": f"file://{folder}/",
        "metadata": {
            "shape": [400, 400],
            "data_type": "int32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [100, 100]}},
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        },
    }
    return tegula.open(spec, create=True).result()


def test_a_write_of_many_chunks_names_the_first_that_fails(tmp_path):
    store = array(tmp_path)
    for cell in ("2/0", "1/1", "3/3"):
        (tmp_path / "c" / cell / "below").mkdir(parents=True)
    for _ in range(5):
        with pytest.raises(FailedPrecondition) as caught:
            store.write(np.ones((400, 400), "int32")).result()
        assert caught.value.message.startswith(
            f'Error writing local file "{tmp_path}/c/1/1": Failed to rename fd: '
        )


def test_so_does_one_that_changes_parts_of_chunks(tmp_path):
    store = array(tmp_path)
    store.write(1).result()
    for cell in ("2/0", "0/3", "3/3"):
        (tmp_path / "c" / cell).write_bytes(b"bad")
    for change in (store[50:350, 50:350].write(2), store.write(store[...]), store.read()):
        with pytest.raises(FailedPrecondition) as caught:
            change.result()
        assert caught.value.message.startswith(
            f'Error reading local file "{tmp_path}/c/0/3": Not enough data'
        )


def test_a_directory_that_cannot_be_made_names_the_chunk(tmp_path):
    store = array(tmp_path)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "2").write_bytes(b"")
    with pytest.raises(FailedPrecondition) as caught:
        store.write(np.ones((400, 400), "int32")).result()
    assert caught.value.message.startswith(
        f'Error writing local file "{tmp_path}/c/2/0": Failed to open directory: "{tmp_path}/c/2"'
    )
