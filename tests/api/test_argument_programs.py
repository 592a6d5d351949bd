"""What constructors and setters take and refuse, statement by statement as tensorstore 0.1.86 does it."""

from __future__ import annotations

import copy
import pickle
import types

import numpy as np
import pytest

import tegula as ts
from tests.api.both import assert_same

NULLS = """
ts.Schema(None)
ts.Schema(json=None)
ts.ChunkLayout(None)
ts.ChunkLayout(json=None)
ts.ChunkLayout.Grid(None)
ts.ChunkLayout.Grid(json=None)
ts.CodecSpec(json=None)
ts.IndexDomain(json=None)
ts.IndexTransform(json=None)
ts.Context(None)
ts.Context(json=None)
ts.Context(spec=None)["cache_pool"]
ts.Context(json={"cache_pool": {"total_bytes_limit": 7}}, parent=None)["cache_pool"]
ts.Context.Spec(None)
ts.Spec({**zarr3(), "schema": None})
ts.ChunkLayout.Grid(shape=[5, None]).to_json(True)
ts.ChunkLayout.Grid(elements=9).to_json(include_defaults=False)
"""

DIMENSIONS = """
ts.Dim(7, implicit_lower=None)
ts.Dim(7, None, implicit_lower=None)
ts.Dim(7, implicit_upper=None)
ts.Dim(7, label="t", implicit_lower=None, implicit_upper=True)
ts.Dim(7, "t", implicit_lower=None)
ts.Dim(size=7, implicit_lower=None)
ts.Dim("t", implicit_lower=None)
ts.Dim("t", implicit_upper=None)
ts.Dim(implicit_lower=None)
ts.Dim(None, implicit_upper=None)
ts.Dim(None, None, implicit_lower=None)
ts.Dim(2, 7, implicit_lower=None)
ts.Dim(7, inclusive_min=2, implicit_lower=None)
one = ts.Dim(7)
one.label = "t"
one.implicit_lower = True
one.implicit_upper = 1
one, one == ts.Dim(7), copy.copy(one) is one, pickle.loads(pickle.dumps(one))
whole = ts.IndexDomain([one, ts.Dim(2)])
first = whole[0]
first.label = "other"
one.implicit_lower = None
first, one, whole
ts.IndexTransform(domain=[ts.Dim(2, 4)])
ts.IndexTransform(domain=(one,), output=[ts.OutputIndexMap(3)])
"""

SETTING = """
mode = ts.OpenMode(create=True)
mode.open, mode.create = True, False
mode.delete_existing = None
mode
stats = ts.TensorStore.StorageStatistics(not_stored=True)
stats.fully_stored = False
stats.not_stored = None
stats, stats == ts.TensorStore.StorageStatistics(fully_stored=False)
pickle.loads(pickle.dumps(stats)), copy.deepcopy(stats) == stats
"""

UNKNOWN_RANK = """
spec = ts.Spec(zarr3())
spec["x"]
spec[1.5]
spec["x", 0]
spec[{}]
spec[3]
spec[..., None]
spec[ts.d[0]]
spec[ts.d[0].translate_by[2]]
"""

SHARING = """
ts.array([5, 6], copy=False)
ts.array(8, copy=False)
ts.array(bytearray(b"xyz"), copy=False).read().result()
own = np.array([5, 6, 7])
shared = ts.array(own[::2], copy=False)
own[0] = 50
shared.read().result()
"""


@pytest.mark.parametrize("program", [NULLS, DIMENSIONS, SETTING, UNKNOWN_RANK, SHARING])
def test_programs_say_the_same(program: str) -> None:
    assert_same(program)


def test_what_has_no_place_to_be_set() -> None:
    one = ts.Dim(7, "t")
    with pytest.raises(AttributeError):
        one.inclusive_min = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del one.label
    with pytest.raises(TypeError):
        one.label = None  # type: ignore[assignment]
    with pytest.raises(TypeError):
        hash(one)
    with pytest.raises(AttributeError):
        ts.int8.name = "int16"
    with pytest.raises(TypeError):
        ts.OpenMode(create="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ts.TensorStore.StorageStatistics(True)  # type: ignore[misc]
    fixed = np.array([1, 2])
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="Unable to avoid copy while creating an array"):
        ts.array(fixed, write=True, copy=False)
    with pytest.raises(TypeError):
        ts.Context(parent=None)  # type: ignore[call-overload]


def test_the_types_of_futures_are_generic_aliases() -> None:
    assert ts.Future[int] == types.GenericAlias(ts.Future, (int,))
    assert ts.Promise[int] == types.GenericAlias(ts.Promise, (int,))


def test_a_copied_dimension_is_another() -> None:
    one = ts.Dim(7, "t")
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        other.label = "u"
        assert (one.label, other.label) == ("t", "u")
