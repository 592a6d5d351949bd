"""Law: whatever a metadata document says, what is done with it ends in a typed error or in right elements.

Documents of every format (arrays, shards, scales, groups, attributes, consolidated metadata) are changed in
their members and bytes, and what they describe is opened, read, written, resized, counted, listed and said
things of, in a child process (`documents_child.py`): no other exception, no crash, at most a second of the
process's time and 64 MiB a document; where a document still says what it said, the elements are those stored.

``TEGULA_SOAK=5000 pytest property_tests/hostile`` sets how many a kind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from property_tests.hostile.documents_child import KINDS

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
COUNT = max(SOAK, 100) if SOAK else 50
CHILD = Path(__file__).parent / "documents_child.py"


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_document_is_an_error_or_right(kind: str) -> None:
    """Law: a changed document gives typed errors or right elements, at once and in bounded memory."""
    seed = 10**6 if SOAK else 0
    done = subprocess.run(
        [sys.executable, str(CHILD), kind, str(seed), str(COUNT)],
        capture_output=True,
        text=True,
        timeout=None if SOAK else 250,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    if SOAK:
        print(kind, told["count"], "documents, the longest", round(told["longest"], 3), "s", told["done"])
    first = told["failures"][:1]
    assert not first, "\n".join(map(str, first[0]))
    assert told["count"] == COUNT
    # the fuzz is worth something: some documents were refused, and some were read
    assert {"read", "tree"} & told["done"].keys()
    assert any("Precondition" in name or "DataLoss" in name or "Argument" in name for name in told["done"])
