"""Law: whatever a metadata document says, what is done with it ends in a typed error or in right elements.

Documents of every format (arrays, shards, scales, groups, attributes, consolidated metadata) are changed in
their members and bytes, and what they describe is opened, read, written, resized, counted, listed and said
things of, in a child process (`documents_child.py`): no other exception, no crash, at most a second of the
process's time and 64 MiB a document; where a document still says what it said, the elements are those stored.

``TEGULA_SOAK=5000 pytest -s property_tests/hostile`` sets how many a kind.
"""

from __future__ import annotations

import pytest

from property_tests.hostile.children import groups, told
from property_tests.hostile.documents_child import KINDS


@pytest.mark.parametrize("kinds", groups(KINDS), ids=lambda kinds: kinds[0] if len(kinds) == 1 else "all")
def test_a_changed_document_is_an_error_or_right(kinds: list[str]) -> None:
    """Law: a changed document gives typed errors or right elements, at once and in bounded memory."""
    for said in told("documents_child.py", kinds, 60).values():
        # the fuzz is worth something: some documents were refused, and some were read
        assert {"read", "tree"} & said["done"].keys()
        assert any("Precondition" in name or "DataLoss" in name for name in said["done"])
