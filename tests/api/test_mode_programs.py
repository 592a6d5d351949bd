"""Programs about what opening may do: open modes, reading and writing, assumed metadata, arrays in memory.

Each runs under tensorstore 0.1.86 and under tegula; every statement must say the same.
"""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

import pytest

from tests.api.both import assert_same

pytestmark = pytest.mark.peers

COMMON = r"""
import itertools
def told(f, *a):
    try: return f(*a)
    except TypeError: return "TypeError"
    except Exception as e: return isinstance(e, ValueError), str(e).split(" [tensorstore_spec")[0]
MD = {"shape": [4, 6], "data_type": "uint8", "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}}}
def at(**k): return {"driver": "zarr3", "kvstore": "memory://a/", **k}
"""

FLAGS = r"""
names = ("open", "create", "delete_existing", "assume_metadata", "assume_cached_metadata")
combos = [dict.fromkeys(x, True) for n in range(4) for x in itertools.combinations(names, n)]
def out(spec, exists, **k):
    c = ts.Context()
    if exists: ts.open(at(metadata=MD), create=True, context=c).result()[...] = 5
    def f():
        s = ts.open(spec, context=c, **k).result()
        return s.mode, s.read().result().sum(), s.spec().to_json()["metadata"]["shape"], s.spec().open_mode
    return told(f), sorted(ts.KvStore.open("memory://a/", context=c).result().list().result())
[out(at(metadata=MD, **f), e) for f in combos for e in (0, 1)]
[out(at(metadata=MD), e, **f) for f in combos for e in (0, 1)]
[out(at(**f), e) for f in combos[:6] for e in (0, 1)]
[out(at(metadata={**MD, "shape": [5, 6]}), 1, **f) for f in combos[:8]]
[told(lambda: ts.OpenMode(**f)) for f in combos]
"""

ACCESS = r"""
def way(spec, **k):
    def f():
        s = ts.open(spec, context=ts.Context(), **k).result()
        return s.mode, s.readable, s.writable, told(lambda: s.read().result().tolist()), told(lambda: ts.cast(s, "int16").mode)
    return told(f)
ways = [dict(read=r, write=w) for r in (None, True, False) for w in (None, True, False)]
small = {"driver": "array", "array": [1, 2], "dtype": "int8"}
[way(at(metadata=MD), open=True, create=True, **k) for k in ways]
[way(small, **k) for k in ways]
[way({"driver": "downsample", "base": small, "downsample_factors": [2], "downsample_method": "mean"}, **k) for k in ways]
[way({"driver": "cast", "base": small, "dtype": d}, **k) for d in ("int16", "ustring", "string", "json") for k in ways]
[way({"driver": "cast", "base": {"driver": "array", "array": ["a"], "dtype": "ustring"}, "dtype": d}, **k) for d in ("int16", "json", "string") for k in ways]
[way({"driver": "json", "kvstore": "memory://j"}, **k) for k in ways]
[way({"driver": "cast", "base": at(metadata=MD), "dtype": "int16"}, create=True, **k) for k in ways]
[way({"driver": "downsample", "base": at(metadata=MD), "downsample_factors": [2, 2], "downsample_method": "mean"}, create=True, **k) for k in ways]
"""

ASSUMED = r"""
c = ts.Context()
def made(**k): return told(lambda: (lambda s: (s.domain, s.schema, s.spec().to_json(), s.read().result().sum()))(ts.open(at(**k), context=c).result()))
[made(open=True, assume_metadata=True, **k) for k in ({"metadata": MD}, {}, {"metadata": {"shape": [3]}}, {"dtype": "int8"}, {"dtype": "int8", "schema": {"domain": {"shape": [3, 4]}}})]
[made(metadata=MD, **k) for k in ({"open": True, "create": True, "assume_metadata": True}, {"open": True, "assume_cached_metadata": True}, {"open": True, "assume_cached_metadata": True, "assume_metadata": True})]
s = ts.open(at(metadata=MD, open=True, assume_metadata=True), context=c).result()
s[0, 0] = 3
sorted(s.kvstore.list().result()), told(lambda: s.resize(exclusive_max=[5, 6]).result())
s.resolve().result().domain, s.resolve(fix_resizable_bounds=True).result().domain, s[1:3].resolve().result().domain
"""

ARRAYS = r"""
def of(a, **k): return {"driver": "array", "array": a, "dtype": "int8", **k}
def facts(j, **k): return told(lambda: (lambda s: (s.domain, s.spec().to_json(), s.schema, s.read().result(), s.chunk_layout))(ts.open(j, **k).result()))
[facts(of(a)) for a in ([], [[], []], [[[]]], [[[], []]], 5, [[1]], [[1, 2]], [[1], [2]])]
layouts = ({"inner_order": [1, 0]}, {"inner_order": [0, 1]}, {"inner_order_soft_constraint": [1, 0]}, {"chunk": {"shape": [1, 1]}}, {"read_chunk": {"shape": [0, 1]}}, {"grid_origin": [1, 0]}, {"chunk": {"elements": 2}}, {"codec_chunk": {"shape": [1, 1]}}, {"chunk": {"aspect_ratio": [1, 1]}}, {"chunk": {"shape_soft_constraint": [1, 1]}})
[facts(of([[1, 2], [3, 4]], schema={"chunk_layout": l})) for l in layouts]
[told(lambda: ts.Spec(of([[1, 2], [3, 4]], schema={"chunk_layout": l})).chunk_layout) for l in layouts]
domains = ({"shape": [2, 2]}, {"shape": [2, 3]}, {"labels": ["x", "y"]}, {"labels": ["x", "y"], "shape": [2, 2]}, {"inclusive_min": [1, 1], "shape": [2, 2]}, {"rank": 2})
[facts(of([[1, 2], [3, 4]], schema={"domain": d})) for d in domains]
s = ts.array(np.arange(6, dtype="i2").reshape(2, 3))
def again(t): return t.spec(), t.domain, t.schema
[again(ts.open(s[k].spec()).result()) for k in (slice(1, 2), (slice(0, 0),), (slice(0, 2), slice(1, 1)), ([],), ts.d[0, 1].label["x", "y"], (0, slice(0, 0)))]
before = s.spec(); s[...] = 7
before, s.spec()
[told(lambda: ts.array(x).spec().to_json()) for x in (np.zeros(2, "S1"), np.zeros(2, "V1"))]
[told(lambda: ts.KvStore.Spec({"driver": d}).to_json()) for d in ("zarr3", "json", "array", "cast", "png", "x")]
"""

PROGRAMS = {"arrays": ARRAYS, "flags": FLAGS, "access": ACCESS, "assumed": ASSUMED}


@pytest.mark.parametrize("source", PROGRAMS.values(), ids=PROGRAMS)
def test_opening_is_as_in_tensorstore_0_1_86(source: str) -> None:
    assert_same(COMMON + source)
