"""How existing and new arrays are opened: every open flag, member and keyword, in specifications and in the call.

Each expression runs under tensorstore 0.1.86 and under tegula, and must say the same.
"""

# ruff: noqa: E501 - programs are lines
from __future__ import annotations

from itertools import combinations, product
from typing import Any

import pytest

from tests.api.both import assert_same

pytestmark = pytest.mark.peers

PREPARED = """
def re_(e): return type(e).__mro__[[c.__module__ for c in type(e).__mro__].index("builtins")].__name__+": "+__import__("re").sub(r" \\\\[(tensorstore_spec|source locations|transform|domain)=.*","",str(e),flags=16)
def tr(f):
    try: return f()
    except Exception as e: return re_(e)
B={"zarr3":{"driver":"zarr3","kvstore":"memory://a/","metadata":{"shape":[4],"data_type":"uint8","chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2]}}}},
"zarr":{"driver":"zarr","kvstore":"memory://a/","metadata":{"shape":[4],"chunks":[2],"dtype":"|u1"}},
"n5":{"driver":"n5","kvstore":"memory://a/","metadata":{"dimensions":[4],"blockSize":[2],"dataType":"uint8"}}}
def om(d, there, js, kw, strip=False):
    c=ts.Context()
    b=dict(B[d])
    if there:
        s=ts.open(b,create=True,context=c).result(); s.write(1).result(); s.kvstore["sub/keep"]=b"x"
    if strip: b.pop("metadata")
    def f():
        s=ts.open({**b,**js},context=c,**kw).result()
        out=[repr(s.spec().open_mode), tr(lambda: s.read().result().tolist()), tr(lambda: ts.KvStore.open("memory://",context=c).result().list().result()), s.mode, tr(lambda: s.resize(exclusive_max=[6]).result().shape), s.spec().to_json()]
        return out
    return tr(f)
def spec(js, **kw):
    def f():
        s=ts.Spec({**B["zarr3"],**js});
        if kw: s.update(**kw)
        return repr(s.open_mode), s.to_json()
    return tr(f)
"""

FLAGS = ("open", "create", "delete_existing", "assume_metadata", "assume_cached_metadata")
DRIVERS = ("zarr3", "zarr", "n5")
SETS: list[dict[str, bool]] = [
    dict.fromkeys(names, True) for n in range(3) for names in combinations(FLAGS, n)
]


def flags(driver: str) -> list[str]:
    found = []
    for members, there in product(SETS, (0, 1)):
        if members.get("assume_cached_metadata") and not there:
            continue  # what the wheel then knows of the document is that it is not there
        found += [f"om({driver!r}, {there}, {members}, {{}})", f"om({driver!r}, {there}, {{}}, {members})"]
        if driver == "zarr3":
            found += [
                f"om('zarr3', {there}, {members}, {{{more}}})" for more in ("'open': False", "'create': True")
            ]
    return found


def specifications() -> list[str]:
    found = []
    for members in SETS:
        found += [f"spec({members})", f"spec({members}, create=True)", f"spec({members}, open=True)"]
        found += [f"spec({{}}, open_mode=ts.OpenMode(**{members}))"]
    return found


OPTIONS: list[dict[str, Any]] = [
    *({"recheck_cached_metadata": each} for each in (True, False, "open", 1.5, "x", None, "OPEN", -1)),
    *({"recheck_cached_data": each} for each in (True, False, "open", 1.5, "x", None)),
    *({"fill_missing_data_reads": each} for each in (True, False, 1, None)),
    *({"store_data_equal_to_fill_value": each} for each in (True, False, 1)),
    *({"allow_metadata_mismatch": each} for each in (True, False, 1)),
    *({"path": each} for each in ("b/", "b")),
    *({"dtype": each} for each in ("uint8", "int8")),
    *({"schema": each} for each in ({}, {"dtype": "uint8"}, {"dtype": "int8"})),
    *({"transform": {"input_shape": [each]}} for each in (3, 5)),
    {"transform": {"input_shape": [2], "output": [{"offset": 2, "input_dimension": 0}]}},
    {"cache_pool": {"total_bytes_limit": 1000}},
    {"cache_pool": "cache_pool#a"},
    {"context": {"cache_pool#a": {}}, "cache_pool": "cache_pool#a"},
    {"x": 1},
    {"kvstore": {"driver": "memory", "path": "a"}},
    {"kvstore": 5},
]
MEMBERS: dict[str, list[dict[str, Any]]] = {
    "zarr3": [
        {"shape": [5]},
        {"data_type": "int8"},
        {"attributes": {"a": 1}},
        {"codecs": ["gzip"]},
        {"codecs": ["bytes"]},
        {"codecs": []},
        {"fill_value": 1},
        {"dimension_names": ["x"]},
        {"dimension_names": [None]},
        {"chunk_key_encoding": {"name": "v2"}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4]}}},
        {},
    ],
    "zarr": [
        {"shape": [5]},
        {"dtype": "|i1"},
        {"compressor": None},
        {"fill_value": 1},
        {"fill_value": None},
        {"order": "F"},
        {"dimension_separator": "/"},
        {"chunks": [4]},
        {"filters": []},
        {},
    ],
    "n5": [
        {"dimensions": [5]},
        {"dataType": "int8"},
        {"compression": {"type": "raw"}},
        {"blockSize": [4]},
        {"axes": ["x"]},
        {"units": ["m"]},
        {"resolution": [1]},
        {"a": 1},
        {},
    ],
}
KEYWORDS = (
    "dtype='int8'",
    "dtype='uint8'",
    "rank=2",
    "shape=[4]",
    "shape=[5]",
    "domain=ts.IndexDomain(shape=[4], labels=['x'])",
    "domain=ts.IndexDomain(inclusive_min=[1], exclusive_max=[4])",
    "chunk_layout=ts.ChunkLayout(chunk_shape=[2])",
    "chunk_layout=ts.ChunkLayout(chunk_shape=[3])",
    "chunk_layout=ts.ChunkLayout(inner_order=[0])",
    "chunk_layout=ts.ChunkLayout(grid_origin=[1])",
    "fill_value=0",
    "fill_value=1",
    "dimension_units=['nm']",
    "dimension_units=[None]",
    "codec=ts.CodecSpec({'driver': 'zarr3'})",
    "codec=ts.CodecSpec({'driver': 'n5'})",
    "schema=ts.Schema(dtype='uint8')",
    "schema=ts.Schema(dtype='uint8'), dtype='uint8'",
)
UNITS = """
def units(driver, members, asked, create):
    c = ts.Context()
    shape = {"n5": {"dimensions": [4, 4], "blockSize": [2, 2], "dataType": "uint8"}, "zarr3": {"shape": [4, 4], "data_type": "uint8"}}
    b = {"driver": driver, "kvstore": "memory://", "metadata": {**shape[driver], **members}}
    if not create: ts.open(b, create=True, context=c).result(); b.pop("metadata")
    return tr(lambda: ts.open(b, create=create, open=not create, dimension_units=asked, context=c).result().dimension_units)
"""
ASKED = ([None, None], ["nm", None], ["nm", "nm"], ["4nm", "m"], ["", None], ["1", "1"], [None, "m"])
HELD: dict[str, list[dict[str, Any]]] = {
    "n5": [
        {},
        {"units": ["nm", ""]},
        {"units": ["nm", "m"], "resolution": [4, 1]},
        {"units": ["", ""]},
        {"resolution": [4, 1]},
    ],
    "zarr3": [
        {},
        *({"attributes": {"dimension_units": each}} for each in (["nm", None], [None, None], ["4nm", "m"])),
    ],
}
PROGRAMS = {
    **{f"flags of {driver}": flags(driver) for driver in DRIVERS},
    "specifications": specifications(),
    "options": [line for each in OPTIONS for line in (f"om('zarr3', 1, {each}, {{}})", f"spec({each})")],
    "members": [
        f"om({driver!r}, 1, {{'metadata': {each}}}, {{}})" for driver in DRIVERS for each in MEMBERS[driver]
    ],
    "access": [
        f"om('zarr3', 1, {{}}, {each})"
        for each in (
            {"read": True},
            {"read": False},
            {"write": True},
            {"write": False},
            {"read": False, "write": False},
        )
    ],
    "keywords": [f"om({driver!r}, 1, {{}}, dict({each}))" for driver in DRIVERS for each in KEYWORDS],
    "units": [
        UNITS.strip(),
        *(
            f"units({driver!r}, {held}, {asked}, {create})"
            for driver in HELD
            for held in HELD[driver]
            for asked in ASKED
            for create in (False, True)
        ),
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_arrays_are_opened_as_by_tensorstore_0_1_86(name: str) -> None:
    assert_same(PREPARED + "\n".join(PROGRAMS[name]))
