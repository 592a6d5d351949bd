"""docs/parity.md and docs/guarantees.md name tests that exist.

A test is written ``path`` or ``path::name``; in the pages of parity a name may be a case of
tests/parity/test_differences.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`((?:tests|property_tests)/[\w/]+\.py)(?:::(\w+))?`")


def rows(page: str) -> list[list[str]]:
    """The cells of every row of every table of a page, heads left out."""
    text = (ROOT / "docs" / page).read_text()
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for table in tables
        for line in table.splitlines()[2:]
    ]


@pytest.mark.parametrize("page", ["parity.md", "guarantees.md"])
def test_named_tests_exist(page: str) -> None:
    named = NAMED.findall((ROOT / "docs" / page).read_text())
    assert len(named) > 10
    for path, name in named:
        assert re.search(rf"def {name}\b|^    \"{name}\": ", (ROOT / path).read_text(), re.MULTILINE), (
            path,
            name,
        )


@pytest.mark.parametrize("page", ["parity.md", "guarantees.md"])
def test_every_row_names_a_test_or_says_that_none_holds_it(page: str) -> None:
    for row in rows(page):
        assert NAMED.search(row[-1]) or "no test" in row[-1] or "not yet" in row[-1], row
