"""Make docs/laws.md from the docstrings of property_tests: ``python docs/make_laws.py``.

The page is generated, so it lists the laws that are run and no others; tests/test_laws_page.py sees that it
is up to date.  A law is a test function, or a state machine whose docstring begins with "Law:".
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Laws

<!-- Made by docs/make_laws.py from the docstrings of property_tests: change those, and run it. -->

What holds for every input that the strategies draw, not only for examples. Each law is run by `make test`
with some dozens of drawn inputs, and by `make soak` with thousands.
"""


def sentence(text: str) -> str:
    """The first paragraph of a docstring on one line, with a full stop."""
    words = " ".join(text.strip().split("\n\n")[0].split()).removeprefix("Law: ").removeprefix("Laws: ")
    if not re.search(r"[_(]", words.split(" ")[0]):  # a name in front stays as it is written
        words = words[:1].upper() + words[1:]
    return words if words.endswith((".", ":")) else words + "."


def laws(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """The theory of a file, and the name and sentence of each of its laws."""
    tree = ast.parse(path.read_text())
    found = []
    for node in tree.body:
        said = ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else None
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.append((node.name, sentence(said or node.name.removeprefix("test_").replace("_", " "))))
        elif isinstance(node, ast.ClassDef) and said and said.startswith("Law:"):
            found.append((node.name, sentence(said)))
    return sentence(ast.get_docstring(tree) or ""), found


def page() -> str:
    """The text of the page."""
    parts = [HEAD]
    for path in sorted((ROOT / "property_tests").glob("*/test_*.py")):
        theory, found = laws(path)
        shown = path.relative_to(ROOT).as_posix()
        title = path.stem.removeprefix("test_").replace("_", " ")
        parts.append(f"## {path.parent.name}: {title}\n\n{theory}\n`{shown}`\n")
        parts.append("".join(f"- `{name}`: {text}\n" for name, text in found))
    return "\n".join(parts)


if __name__ == "__main__":
    (ROOT / "docs" / "laws.md").write_text(page())
