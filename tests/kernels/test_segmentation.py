"""Compressed segmentation against tensorstore 0.1.86, a slow twin, and hostile words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorstore
from hypothesis import given, settings
from hypothesis import strategies as st

from tegula.kernels._jit import plain
from tegula.kernels.segmentation import (
    REFUSED,
    decode_channel,
    encode_channel,
    encoded_bound,
    scratch,
)

SHAPES = st.tuples(*[st.integers(1, 11)] * 3)
BLOCKS = st.tuples(*[st.integers(1, 9)] * 3)


def _encode(labels: np.ndarray, block: tuple[int, int, int]) -> np.ndarray:
    nz, ny, nx = labels.shape
    flat = np.ascontiguousarray(labels).reshape(-1)
    out = np.full(encoded_bound((nx, ny, nz), block, flat.itemsize), 0xDEADBEEF, np.uint32)
    count = encode_channel(flat, nx, ny, nz, *block, out, *scratch((nx, ny, nz), block, flat.dtype))
    assert 0 < count <= out.size
    return out[:count]


def _decode(words: np.ndarray, shape: tuple[int, int, int], block: tuple[int, int, int], dtype: Any) -> Any:
    nz, ny, nx = shape
    out = np.zeros(nx * ny * nz, dtype)
    bad = decode_channel(words, nx, ny, nz, *block, out)
    return bad or out.reshape(shape)


def _labels(shape: tuple[int, int, int], seed: int, kinds: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    names = rng.integers(0, 2**32 if dtype == "u4" else 2**63, size=kinds).astype(dtype)
    return names[rng.integers(0, kinds, size=shape[::-1])]


@settings(max_examples=60, deadline=None)
@given(
    SHAPES, BLOCKS, st.integers(0, 99), st.sampled_from([1, 2, 3, 5, 17, 300]), st.sampled_from(["u4", "u8"])
)
def test_what_was_encoded_is_decoded(
    shape: tuple[int, int, int], block: tuple[int, int, int], seed: int, kinds: int, dtype: str
) -> None:
    """Law: decoding the encoded labels gives the labels; a shared table is stored once."""
    labels = _labels(shape, seed, kinds, dtype)
    words = _encode(labels, block)
    np.testing.assert_array_equal(_decode(words, labels.shape, block, dtype), labels)
    if kinds == 1:
        blocks = int(np.prod([-(-n // b) for n, b in zip(shape, block, strict=True)]))
        assert words.size == 2 * blocks + (2 if dtype == "u8" else 1)


@settings(max_examples=20, deadline=None)
@given(
    shape=SHAPES, block=BLOCKS, kinds=st.sampled_from([1, 3, 40]), wide=st.booleans(), seed=st.integers(0, 99)
)
def test_tensorstore_has_the_same_words(
    shape: tuple[int, int, int], block: tuple[int, int, int], kinds: int, wide: bool, seed: int
) -> None:
    """Law: the words are those of tensorstore 0.1.86, for chunks of one channel."""
    dtype = "u8" if wide else "u4"
    labels = _labels(shape, seed, kinds, dtype)
    store = tensorstore.open(
        {
            "driver": "neuroglancer_precomputed",
            "kvstore": "memory://",
            "multiscale_metadata": {"data_type": f"uint{64 if wide else 32}", "num_channels": 1},
            "scale_metadata": {
                "size": list(shape),
                "chunk_size": list(shape),
                "resolution": [1, 1, 1],
                "encoding": "compressed_segmentation",
                "compressed_segmentation_block_size": list(block),
            },
        },
        create=True,
    ).result()
    store[..., 0] = labels.T
    (key,) = [key for key in store.kvstore.list().result() if key != b"info"]
    theirs = np.frombuffer(store.kvstore[key], "<u4")
    assert theirs[0] == 1
    np.testing.assert_array_equal(_encode(labels, block), theirs[1:])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_hostile_words_are_told(data: st.DataObject) -> None:
    """Law: words that point outside of themselves are refused by the number of a block."""
    shape, block = data.draw(SHAPES), data.draw(BLOCKS)
    dtype = data.draw(st.sampled_from(["u4", "u8"]))
    words = _encode(_labels(shape, 1, 5, dtype), block)
    cut = words[: data.draw(st.integers(0, words.size))].copy()
    for _ in range(data.draw(st.integers(0, 3))):
        if cut.size:
            cut[data.draw(st.integers(0, cut.size - 1))] = data.draw(st.integers(0, 2**32 - 1))
    found = _decode(cut, shape[::-1], block, dtype)
    blocks = int(np.prod([-(-n // b) for n, b in zip(shape, block, strict=True)]))
    assert isinstance(found, np.ndarray) or 1 <= found <= blocks


@pytest.mark.skipif(plain(), reason="half a billion voxels are hours of plain Python")
def test_a_table_that_24_bits_do_not_reach_is_refused() -> None:
    """LIM-13b: tensorstore 0.1.86 wraps the offset, and the chunk reads as other labels."""
    # one block of 2**25 voxels of two labels takes 2**20 words; 17 such, each with labels of its own
    side, count = 256, 17
    block = (side, side, 2 * side)
    labels = np.zeros((2 * side * count, side, side), np.uint32)
    for number in range(count):
        labels[number * 2 * side] = 1 + number
    out = np.empty(count * (2 + side * side * 2 * side // 32 + 2), np.uint32)
    room = (
        np.empty(2 * side * side * 2 * side, np.uint32),
        np.zeros(64, np.int64),
        np.zeros(count, np.int64),
        np.empty(256, np.int64),
    )
    assert encode_channel(labels.reshape(-1), side, side, 2 * side * count, *block, out, *room) == REFUSED


def test_plain_python_is_the_definition() -> None:
    labels = _labels((5, 4, 3), 3, 4, "u8")
    nz, ny, nx = labels.shape
    flat, out = labels.reshape(-1), np.zeros(encoded_bound((5, 4, 3), (2, 3, 2), 8), np.uint32)
    count = encode_channel.python(flat, nx, ny, nz, 2, 3, 2, out, *scratch((5, 4, 3), (2, 3, 2), "u8"))
    np.testing.assert_array_equal(out[:count], _encode(labels, (2, 3, 2)))
    back = np.zeros_like(flat)
    assert decode_channel.python(out[:count], nx, ny, nz, 2, 3, 2, back) == 0
    np.testing.assert_array_equal(back, flat)


@pytest.mark.parametrize("block", [(8, 8, 8), (1, 1, 1)])
def test_no_words_are_no_channel(block: tuple[int, int, int]) -> None:
    assert _decode(np.zeros(0, np.uint32), (1, 1, 1), block, "u4") == 1
