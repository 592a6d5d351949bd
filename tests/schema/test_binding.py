"""JSON as text and as values, against tensorstore 0.1.86."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tegula import binding
from tegula.errors import InvalidArgument, NotFound


def test_compact_text_is_that_of_the_wheel():
    document = {"b": [1, 1.0, 1e15, 1.5e15, -1e15, 1e16, 1e20, 0.1, 1e-5, True, None], "a": {"ü": 'x"\n\x01'}}
    assert binding.compact(document) == (
        '{"a":{"ü":"x\\"\\n\\u0001"},'
        '"b":[1,1.0,1e+15,1.5e+15,-1e+15,1e+16,1e+20,0.1,1e-05,true,null]}'.encode()
    )
    assert json.loads(binding.compact(document)) == document


def test_numbers_that_json_cannot_hold_become_null():
    assert binding.compact([float("nan"), float("-inf"), "NaN"]) == b'[null,null,"NaN"]'


def test_text_that_looks_like_an_unusual_number_is_left_alone():
    assert binding.compact({"k": "1234567890123456.0"}) == b'{"k":"1234567890123456.0"}'


VALUES = [
    None, True, 3, 2**63, 1.5, "x", [], {}, (1, 2), b"ab", bytearray(b"a"), range(3), np.int32(3),
    np.float32(1.5),
    np.array([[1.5, 2]]), {"a": (1,)}, {1: 2}, {None: 1}, np.str_("a"), [np.int8(1), {"x": np.arange(2)}],
]  # fmt: skip
NOT_VALUES = [{1, 2}, object(), iter([1]), 1 + 2j]


@pytest.mark.peers
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_the_wheel_reads_as_json(value):
    wheel = pytest.importorskip("tensorstore")
    assert binding.as_json(value) == wheel.json(value)


@pytest.mark.peers
@pytest.mark.parametrize("value", NOT_VALUES, ids=lambda value: type(value).__name__)
def test_what_is_not_json(value):
    wheel = pytest.importorskip("tensorstore")
    with pytest.raises(TypeError) as theirs:
        wheel.json(value)
    with pytest.raises(TypeError) as ours:
        binding.as_json(value)
    assert str(ours.value) == str(theirs.value)


def test_integers_are_of_64_bits():
    for number in (2**64, -(2**63) - 1):
        with pytest.raises(OverflowError, match="int too big to convert"):
            binding.as_json(number)


def test_pretty_is_python():
    value = {"b": [None, True, 1.5, "a\"'b\\\n\x01"], "a": {}, "c": ["x" * 80, []]}
    assert eval(binding.pretty(value)) == value
    assert binding.pretty(value).startswith("{\n  'a': {},\n  'b': [None, True, 1.5, ")


def test_unreadable_places_are_named():
    with pytest.raises(NotFound) as caught, binding.at_member("a"), binding.at_position(3):
        raise NotFound("it is gone")
    assert str(caught.value) == (
        'NOT_FOUND: Error parsing object member "a": Error parsing value at position 3: it is gone'
    )


def test_other_members_are_refused():
    with pytest.raises(InvalidArgument, match=r'^Object includes extra members: "x","y"$'):
        binding.members({"y": 1, "x": 2, "a": 3}, ("a",))
