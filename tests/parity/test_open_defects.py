"""Known defects: each test says what should be, and fails until it is. Mend one, and take its mark away.

docs/parity.md lists them under the names of these tests.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import tegula as ts

defect = pytest.mark.xfail(strict=True, reason="known defect, see docs/parity.md")


def test_inf_is_the_largest_index() -> None:
    """tensorstore 0.1.86: ts.inf == 4611686018427387903."""
    assert ts.inf == 2**62 - 1


def test_an_error_in_a_callback_reaches_the_default_hook() -> None:
    """An error of a callback is printed by `sys.excepthook` and goes no further."""
    code = (
        "import tegula as ts\n"
        "p, f = ts.Promise.new()\n"
        "f.add_done_callback(lambda _: 1 / 0)\n"
        "p.set_result(3)\n"
        "print(f.result())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "3\n"
    assert "ZeroDivisionError" in done.stderr


def test_detection_does_not_create() -> None:
    """tensorstore 0.1.86: create mode not compatible with format auto-detection."""
    with pytest.raises(ValueError, match="create mode not compatible with format auto-detection"):
        ts.open({"driver": "auto", "kvstore": "memory://"}, create=True, dtype="int8", shape=[1]).result()


def test_a_cache_pool_for_metadata_is_a_member_of_a_specification() -> None:
    """tensorstore 0.1.86 takes a cache_pool there."""
    spec = {"driver": "zarr3", "kvstore": "memory://", "metadata_cache_pool": "cache_pool#a"}
    assert ts.Spec(spec).to_json()["metadata_cache_pool"] == "cache_pool#a"


def test_a_cache_pool_for_metadata_is_no_resource_of_its_own() -> None:
    """tensorstore 0.1.86: Invalid context resource identifier: "metadata_cache_pool"."""
    with pytest.raises(ValueError, match="Invalid context resource identifier"):
        ts.Context({"metadata_cache_pool": {}})


@defect
def test_names_in_metadata_label_the_specification() -> None:
    """tensorstore 0.1.86: the transform of a specification has the labels of dimension_names."""
    spec = ts.Spec({"driver": "zarr3", "kvstore": "memory://", "metadata": {"dimension_names": ["x", None]}})
    assert spec.to_json()["transform"]["input_labels"] == ["x", ""]
