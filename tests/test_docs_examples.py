"""Every Python block of the README and of docs/ runs, top to bottom, one namespace a page.

A block with ``>>>`` is a doctest: what it shows is compared.  Any other block is executed.  Each page runs in
an empty folder of its own, so that the files it writes meet nobody.
"""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(text: str) -> list[tuple[int, str]]:
    """The line where each block starts, from 0, and its code."""
    return [(text.count("\n", 0, found.start(1)), found[1]) for found in BLOCK.finditer(text)]


def _run_page(text: str, name: str) -> list[str]:
    """Run the blocks of a page in one namespace; the reports of what failed."""
    names: dict[str, object] = {"__name__": "__main__"}
    reports: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for line, code in _blocks(text):
        if code.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(code, names, name, name, line)
            runner.run(test, out=reports.append, clear_globs=False)
            names = test.globs
        else:
            exec(compile("\n" * line + code, name, "exec"), names)
    return reports


PAGES_WITH_CODE = [page for page in PAGES if _blocks(page.read_text())]


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not (reports := _run_page(page.read_text(), str(page))), "".join(reports)


def test_the_readme_has_examples():
    assert len(_blocks((ROOT / "README.md").read_text())) >= 5


def test_a_wrong_answer_would_be_seen():
    page = "```python\n>>> x = 1\n```\nthen\n```python\n>>> x\n2\n```\n"
    assert "Expected:\n    2\nGot:\n    1" in "".join(_run_page(page, "page.md"))


def test_a_wrong_statement_would_be_seen():
    with pytest.raises(AssertionError):
        _run_page("```python\nx = 1\n```\n```python\nassert x == 2\n```\n", "page.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing
