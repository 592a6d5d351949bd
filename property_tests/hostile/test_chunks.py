"""Law: whatever the stored bytes of a chunk or a shard are, a read ends in a typed error or in elements.

Values of every format and codec are flipped, cut, spliced and replaced, in a child process
(`chunks_child.py`): no other exception, no crash, at most a second of the process's time and 64 MiB; where
every bit is under a checksum no read is wrong.

``TEGULA_SOAK=10000 pytest -s property_tests/hostile`` sets how many a kind, and says how many reads were
wrong where nothing checks them.
"""

from __future__ import annotations

import pytest

from property_tests.hostile.children import groups, told
from property_tests.hostile.chunks_child import CHECKED, KINDS


@pytest.mark.parametrize("kinds", groups(KINDS), ids=lambda kinds: kinds[0] if len(kinds) == 1 else "all")
def test_a_damaged_chunk_is_an_error_or_elements(kinds: list[str]) -> None:
    """Law: damaged bytes give a typed error or elements; with a checksum on all of them, the right ones."""
    for kind, said in told("chunks_child.py", kinds, 30).items():
        done = said["done"]
        assert done.get("right", 0)  # what lies in other chunks
        assert done.keys() - {"right"}
        if kind in CHECKED:
            assert "wrong" not in done
