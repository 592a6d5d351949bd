"""How many tasks write at a time: what the first of them say decides."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tegula.effects.control import All
from tegula.effects.effect import Call
from tegula.effects.storage import WriteMany
from tegula.kv.spec import StoreRef
from tegula.leaves.file import FileLeaf
from tegula.programs.pace import at_pace


async def _said(waited):
    return waited


def limits(answers, width):
    """What `at_pace` asks for: (programs, limit) of each `All`."""
    program, found, value = at_pace([Call(_said, each) for each in answers], width), [], None
    try:
        while True:
            effect = program.send(value)
            assert isinstance(effect, All)
            found.append((len(effect.calls), effect.limit))
            value = [call.arguments[0] for call in effect.calls]
    except StopIteration:
        return found


@pytest.mark.parametrize(
    ("answers", "width", "expected"),
    [
        ([False] * 9, 3, [(2, 2), (7, 2)]),
        ([True] * 9, 3, [(2, 2), (7, 8)]),
        ([True, False] + [True] * 7, 3, [(2, 2), (7, 2)]),
        ([True, True], 3, [(2, 2)]),
        ([True, False], 1, [(1, 1), (1, 4)]),
    ],
)
def test_what_the_first_tasks_say_decides(answers, width, expected):
    assert limits(answers, width) == expected


def test_a_file_store_says_that_it_waited_for_its_disk(tmp_path, monkeypatch):
    leaf = FileLeaf(StoreRef("file", (("file_io_locking", "lockfile"),)))
    monkeypatch.setattr(os, "fsync", lambda _: time.sleep(0.02))
    keys = [f"{tmp_path}/{number}" for number in range(3)]
    answer = leaf.write_many(WriteMany(StoreRef("file"), keys, [b"value"] * 3))
    assert answer.waited
    assert [Path(key).read_bytes() for key in keys] == [b"value"] * 3
