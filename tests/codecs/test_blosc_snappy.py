"""Blosc with snappy, which the installed library lacks: both ways with tensorstore 0.1.86, and damaged."""

from __future__ import annotations

import random
import struct
from typing import Any

import numpy as np
import pytest
import tensorstore

import tegula
from tegula.codecs.blosc import Blosc
from tegula.codecs.blosc_streams import from_snappy, to_snappy
from tegula.errors import TegulaError


@pytest.mark.parametrize("typesize", [1, 2, 3, 8, 16, 20])
@pytest.mark.parametrize("shuffle", [0, 1, 2])
def test_what_is_encoded_is_decoded(typesize: int, shuffle: int) -> None:
    rng = np.random.default_rng(typesize)
    snappy, lz4 = (Blosc(name, 5, shuffle, typesize) for name in ("snappy", "lz4"))
    for size, most in ((0, 5), (1, 5), (1000, 256), (100_000, 5), (1_000_001, 3)):
        data = rng.integers(0, most, size, dtype=np.uint8).tobytes()
        stored = lz4.encode(data)
        assert bytes(lz4.decode(from_snappy(to_snappy(stored)), size, True, None)) == data
        assert bytes(snappy.decode(snappy.encode(data), size, True, None)) == data


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64", "complex128"])
@pytest.mark.parametrize("shuffle", ["noshuffle", "shuffle", "bitshuffle"])
def test_arrays_go_both_ways(dtype: str, shuffle: str) -> None:
    data = (np.arange(60_000).reshape(300, 200) // 37).astype(dtype)
    blosc = {"cname": "snappy", "shuffle": shuffle, "typesize": data.itemsize}
    metadata = {
        "shape": [300, 200],
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [300, 200]}},
        "codecs": ["bytes", {"name": "blosc", "configuration": blosc}],
    }
    made: list[Any] = []
    for library in (tensorstore, tegula):
        spec = {"driver": "zarr3", "kvstore": "memory://", "metadata": metadata}
        made.append(library.open(spec, create=True, context=library.Context()).result())
    for ours, theirs in (made, made[::-1]):
        ours[...] = data
        theirs.kvstore["c/0/0"] = ours.kvstore["c/0/0"]
        assert np.array_equal(theirs.read().result(), data)


def test_damage_is_an_error_or_elements() -> None:
    codec = Blosc("snappy", 5, 1, 4)
    data = (np.arange(20_000) // 50).astype(np.uint32).tobytes()
    stored, draw, refused = codec.encode(data), random.Random(5), 0
    for _ in range(2000):
        changed = bytearray(stored)
        for _ in range(draw.choice((1, 1, 2, 5))):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        if draw.random() < 0.2:
            changed = changed[: draw.randrange(16, len(changed))]
        changed[12:16] = struct.pack("<I", len(changed))
        try:
            assert len(codec.decode(bytes(changed), len(data), True, None)) == len(data)
        except TegulaError:
            refused += 1
    assert refused > 500
