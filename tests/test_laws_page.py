"""docs/laws.md is what docs/make_laws.py makes of the docstrings of property_tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _maker():
    about = importlib.util.spec_from_file_location("make_laws", ROOT / "docs" / "make_laws.py")
    made = importlib.util.module_from_spec(about)
    about.loader.exec_module(made)
    return made


def test_the_page_is_up_to_date():
    assert (ROOT / "docs" / "laws.md").read_text() == _maker().page(), "run: python docs/make_laws.py"


def test_every_file_of_property_tests_states_a_law():
    maker = _maker()
    files = sorted((ROOT / "property_tests").glob("*/test_*.py"))
    assert len(files) > 15
    for path in files:
        theory, found = maker.laws(path)
        assert theory, path
        assert found, path
