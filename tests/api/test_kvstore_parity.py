# ruff: noqa: E501 - a table of expressions, one a line
"""Key-value stores and contexts beside tensorstore 0.1.86: each expression means the same in both."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from tegula.api.context import Context
from tegula.api.kvstore import KvStore

ts = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers

FILE = {"driver": "file", "path": "/a/", "file_io_sync": False}
MEMORY = {"driver": "memory", "path": "a/"}
NAMED = {**MEMORY, "memory_key_value_store": "memory_key_value_store#a"}
ODD = "a b?#%|\"<>^`{}é~!$&'()*+,;=:@/-._[]\\"


def updated(spec: Any, **changes: Any) -> Any:
    spec.update(**changes)
    return spec


def names(store: Any, context: Any) -> dict[str, Any]:
    return {
        "K": store,
        "S": store.Spec,
        "C": context,
        "R": store.KeyRange,
        "o": lambda *a, **k: store.open(*a, **k).result(),
        "up": updated,
        "roundtrip": lambda value: pickle.loads(pickle.dumps(value)),
        "F": FILE,
        "M": MEMORY,
        "MA": NAMED,
        "ODD": ODD,
        "os": os,
    }


OURS = names(KvStore, Context)
THEIRS = names(ts.KvStore, ts.Context)


def outcome(expression: str, scope: dict[str, Any]) -> str:
    try:
        value = eval(expression, scope)
    except Exception as error:
        kind = next(
            name
            for name in ("TypeError", "KeyError", "OverflowError", "NotImplementedError", "ValueError")
            if any(base.__name__ == name for base in type(error).__mro__)
        )
        return kind if kind in ("TypeError", "KeyError") else f"{kind}: {error}"
    return re.sub(r", \d{9,}\.\d{6}\)", ", now)", repr(value))


CONTEXTS = """
C.Spec({})
C.Spec({'cache_pool': {'total_bytes_limit': 100}})
C({'cache_pool': {'total_bytes_limit': 100}})['cache_pool']
C({'cache_pool': {}})['cache_pool']
C()['cache_pool'].to_json()
C()['cache_pool'].to_json(include_defaults=True)
C()['cache_pool#a']
C({'cache_pool#a': {}})['cache_pool#a']
C({'cache_pool#a': {'total_bytes_limit': 7}, 'cache_pool': 'cache_pool#a'})['cache_pool']
C({'cache_pool': 'cache_pool'})['cache_pool']
C({'cache_pool': 'cache_pool#q'})['cache_pool']
C({'foo': {}})
C({'foo#a': {}})
C()['foo']
C()['foo#a']
C()['']
C()['#']
C()['cache_pool#']
C({'cache_pool': {'total_bytes_limit': -1}})
C({'cache_pool': {'x': 1}})
C({'cache_pool': 5})
C({'cache_pool': None})['cache_pool']
C({'cache_pool': None}).spec
C({'cache_pool': True})
C({'cache_pool': 'foo'})
C({'cache_pool': 'data_copy_concurrency'})
C({'cache_pool': {'total_bytes_limit': 'x'}})
C({'cache_pool': {'total_bytes_limit': 1.5}})
C({'cache_pool': {'total_bytes_limit': 2.0}}).spec
C({'cache_pool': {'total_bytes_limit': None}})
C({'cache_pool': {'total_bytes_limit': True}})
C({'cache_pool': {'total_bytes_limit': 10**20}})
C({'cache_pool': {'total_bytes_limit': 0}}).spec
C({'cache_pool': {}}).spec.to_json()
C({'cache_pool': {}}).spec.to_json(include_defaults=True)
C({'data_copy_concurrency': {'limit': 3}})['data_copy_concurrency']
C()['data_copy_concurrency'].to_json(include_defaults=True)
C({'data_copy_concurrency': {'limit': 0}})
C({'data_copy_concurrency': {'limit': 'x'}})
C({'data_copy_concurrency': {'limit': None}})
C({'data_copy_concurrency': {'limit': 'shared'}}).spec
C({'file_io_concurrency': {'limit': 4}})['file_io_concurrency']
C()['file_io_sync']
C()['file_io_sync'].to_json()
C({'file_io_sync': False})['file_io_sync']
C({'file_io_sync': {}})
C({'file_io_sync': 3})
C({'file_io_sync': 'x'})
C({'file_io_sync': None})['file_io_sync']
C({'file_io_sync': 'file_io_sync#1', 'file_io_sync#1': False})['file_io_sync']
C()['file_io_sync#a']
C()['file_io_mode'].to_json(include_defaults=True)
C({'file_io_mode': {'mode': 'memmap'}})['file_io_mode']
C({'file_io_mode': {'mode': 'x'}})
C({'file_io_mode': {'mode': 'default'}}).spec
C({'file_io_locking': {'mode': 'lockfile'}})['file_io_locking']
C({'file_io_locking': {'mode': 'x'}})
C({'file_io_locking': {'mode': 5}})
C({'file_io_locking': {'mode': 'lockfile', 'acquire_timeout': '1m'}})['file_io_locking']
C({'file_io_locking': {'acquire_timeout': 5}})
C({'file_io_locking': {'acquire_timeout': 'zz'}})
C({'file_io_locking': {'acquire_timeout': '5'}})
C({'file_io_locking': {'acquire_timeout': ''}})
C({'file_io_retries': {'max_retries': 3}})['file_io_retries']
C()['file_io_retries'].to_json(include_defaults=True)
C({'file_io_retries': {'max_retries': 'x'}})
C({'file_io_retries': {'max_retries': -1}})
C({'file_io_retries': {'initial_delay': '2s'}})['file_io_retries'].to_json(include_defaults=True)
C({'memory_key_value_store': {'x': 1}})
C({'memory_key_value_store#a': {}})['memory_key_value_store#a']
C()['gcs_request_retries'].to_json(include_defaults=True)
C()['gcs_user_project'].to_json(include_defaults=True)
C({'gcs_user_project': {'project_id': 5}})
C({'http_request_concurrency': {'limit': 5}})['http_request_concurrency']
C(5)
C('x')
C([])
C(None)
C({1: 2})
C.Spec(5)
C.Spec()
C().spec
C().parent
C(parent=C())
C({'cache_pool': 'cache_pool#z'}, parent=C({'cache_pool#z': {'total_bytes_limit': 3}}))['cache_pool']
C({'cache_pool': 'cache_pool#z'}, parent=C())['cache_pool']
C({'cache_pool': None}, parent=C({'cache_pool': {'total_bytes_limit': 3}}))['cache_pool']
C({'cache_pool': 'cache_pool'}, parent=C({'cache_pool': {'total_bytes_limit': 3}}))['cache_pool']
C({'cache_pool#a': None})['cache_pool#a']
C({'cache_pool#a': None}, C({'cache_pool#a': {'total_bytes_limit': 3}}))['cache_pool#a']
C({'cache_pool#a': None}, C({'cache_pool': {'total_bytes_limit': 3}}))['cache_pool#a']
C(C.Spec({'cache_pool': {}})).spec
C() == C()
C()['cache_pool'] == C()['cache_pool']
(lambda c: c['cache_pool'] is c['cache_pool'])(C())
(lambda p: C({}, p)['cache_pool'] is p['cache_pool'])(C({'cache_pool': {}}))
(lambda p: C({}, p)['cache_pool'] is p['cache_pool'])(C())
(lambda c: C(c.spec)['cache_pool'] == c['cache_pool'])(C({'cache_pool': {}}))
(lambda a, b: a == b['cache_pool'])(*(lambda c: roundtrip((c['cache_pool'], c)))(C({'cache_pool': {}})))
roundtrip(C.Spec({'cache_pool': {'total_bytes_limit': 3}}))
roundtrip(C({'cache_pool': {'total_bytes_limit': 3}})['cache_pool'])
C({'cache_pool': C({'cache_pool': {'total_bytes_limit': 3}})['cache_pool']}).spec
'cache_pool' in C()
C.Spec({'cache_pool#' + 'x' * 39: {'total_bytes_limit': 1}})
C.Spec({'cache_pool#' + 'x' * 60: {'total_bytes_limit': 1}, 'file_io_sync': True})
""".strip().splitlines()

DURATIONS = [
    "-5s",
    "inf",
    "-inf",
    "0",
    "1500ms",
    "1500us",
    "1500ns",
    "90m",
    "3600s",
    "0.25s",
    "+5s",
    "1.5h30ms",
]
DURATIONS += ["1h1m1s1ms1us1ns", ".5s", "5.s", "1s1h", "0s", "-0", "100000h", "0.000000001s"]
CONTEXTS += [
    f"C({{'file_io_locking': {{'acquire_timeout': {text!r}}}}})['file_io_locking']" for text in DURATIONS
]

SPECS = """
S('memory://a')
S('memory://a').path
S('memory://a').base
S('memory://a').url
S('memory://a') / 'b'
S('memory://a') + 'b'
S('memory://a') + b'x'
S('memory://a').copy()
S({'driver': 'memory'})
S({'driver': 'memory'}).to_json(include_defaults=True)
S(json=M)
S({'driver': 'memory', 'path': 'x', 'context': {'memory_key_value_store': {}}})
S({'driver': 'memory', 'atomic': False})
S({'driver': 'memory', 'atomic': True})
S({'driver': 'memory', 'atomic': 5})
S(MA)
S({'driver': 'memory', 'memory_key_value_store': {}})
S(F)
S(F).to_json(include_defaults=True)
S({'driver': 'file', 'path': '/a', 'file_io_concurrency': {'limit': 4}})
S({'driver': 'file', 'path': '/a/', 'file_io_sync': 'file_io_sync#a', 'context': {'file_io_sync#a': False}})
S({'driver': 'file', 'path': '/a', 'file_io_sync': 'x'})
S({'driver': 'file', 'path': '/a', 'file_io_sync': None})
S({'driver': 'file', 'path': '/a', 'file_io_locking': {'mode': 'q'}})
S({'driver': 'file', 'path': '/a', 'file_io_mode': 'memmap'})
S({'driver': 'memory', 'path': 'a', 'context': {'foo': 5}})
S({'driver': 'memory', 'path': 'a', 'context': 5})
S({'driver': 'memory', 'path': 'a', 'memory_key_value_store': ['memory_key_value_store']})
S({'driver': 'file', 'path': '~/a'})
S({'driver': 'memory', 'path': 5})
S({'driver': 'memory', 'x': 5})
S({'driver': 'memory', 'y': 1, 'x': 5})
S({'driver': 'foo'})
S({'driver': 5})
S({})
S({'path': 'a'})
S(5)
S([])
S('x')
S('/tmp/x')
S('foo://a')
S('')
S('memory:')
S('memory:a')
S('memory:/a')
S('memory:///a')
S('file:///a/b')
S('file://a/b')
S('file:/a')
S('file://localhost/a')
S('file://LOCALHOST/a')
S('file:///a%20b').path
S('file:///a b').path
S('file:///a?x')
S('file:///a#x')
S('memory://a?b')
S('memory://a#b')
S('memory://a?b#c')
S('memory://a#b?c')
S('memory://a%2Fb%3f').path
S('memory://a%2fb').path
S('memory://%ff').path
S({'driver': 'memory', 'path': ODD}).url
S(S({'driver': 'memory', 'path': ODD}).url).path == ODD
S({'driver': 'file', 'path': '/a b?#%|"é'}).url
S({'driver': 'file', 'path': 'a'}).url
S('file:///').path
S('file://')
S('memory://').url
S('MEMORY://a')
S('memory://a|zarr3:')
S('memory://a|foo:')
S('|memory://a')
S('memory://a|')
S('zip:')
S('zarr3:')
S('memory://a|memory://b')
S('memory://a|file:///b')
S('memory://a|foo')
S('file:///a/./b/../c').path
S('file:///a/../b').path
S('file:///a//b').path
S('file:///%2e%2e/b').path
S('file:///a/%2e%2e/b').path
S('file:///a/').path
S('file:///a/.').path
S('file:///a/..').path
S('file:///..').path
S('file:///a%2fb').path
S(M) == S(M)
S(M) == S(F)
S(M) == S({'driver': 'memory', 'path': 'a/', 'context': {}})
hash(S(M))
S(M).update(5)
S(M) + 5
S(M) / 5
up(S(F), context=C())
up(S(M), context=C())
up(S(F), strip_context=True)
up(S(F), unbind_context=True)
up(S(MA), context=C({'memory_key_value_store#a': {}}))
up(S(MA), context=C())
up(up(S(MA), context=C({'memory_key_value_store#a': {}})), unbind_context=True)
up(up(S(F), context=C()), strip_context=True)
up(up(S(F), context=C()), unbind_context=True)
up(S({'driver': 'memory', 'path': 'x', 'context': {'memory_key_value_store': {}}}), context=C())
up(S({'driver': 'memory', 'path': 'x', 'context': {'memory_key_value_store': {}}}), strip_context=True)
up(S({'driver': 'memory', 'context': {'memory_key_value_store': {}, 'cache_pool': {}}}), unbind_context=True)
roundtrip(S(MA))
""".strip().splitlines()

PATHS = [
    "",
    "/",
    "//",
    "a",
    "a/",
    "/a",
    "/a/",
    "/a//",
    "/a//b",
    ".",
    "..",
    "./a",
    "../a",
    "/..",
    "/a/..",
    "/a/.",
]
PATHS += [
    "/a/./b",
    "a.__lock",
    "/a.__lock/b",
    "/a.__lock/",
    ".__lock",
    "/.zgroup",
    "a\0b",
    "/a/...",
    "a b",
    "/.a/",
]
SPECS += [f"S({{'driver': 'file', 'path': {path!r}}}).path" for path in PATHS]
SPECS += [f"S({{'driver': 'file', 'path': {path!r}}}).url" for path in PATHS]
SPECS += [f"S({{'driver': 'memory', 'path': {'x' * n!r}}})" for n in (48, 49, 80)]

STORES = """
o(M)
o(M) / 'b'
o(M) + 'b'
o('memory://a') / 'b'
o('memory://') / 'b'
o(M) / '/b'
o(M) / ''
o('memory://a') / ''
o('memory://a') / '/b'
o(M) / b'b'
o(M).path
o(M).base
o(M).url
o(M).spec()
o(M).spec(retain_context=True)
o(M).spec(unbind_context=True)
o(M).spec(minimal_spec=True)
o(M).spec().to_json()
o(M).spec(retain_context=True).to_json()
o(M).spec().to_json(include_defaults=True)
o(M).transaction
o(M).copy()
o(M).with_transaction(None)
o(F)
o(F).spec()
o(F).spec(retain_context=True)
o(F).spec(unbind_context=True)
o(F).spec(unbind_context=True).to_json(include_defaults=True)
o({'driver': 'file', 'path': '/a', 'file_io_concurrency': {'limit': 4}})
o({'driver': 'file', 'path': '/a', 'file_io_concurrency': {'limit': 4}}).spec(retain_context=True)
o({'driver': 'file', 'path': '/a', 'file_io_concurrency': {'limit': 4}}).spec(unbind_context=True)
o({'driver': 'file', 'path': '/a/', 'context': {'file_io_sync': False}})
o({'driver': 'file', 'path': '/a/', 'context': {'file_io_concurrency': {'limit': 3}}})
o({'driver': 'file', 'path': '/x', 'context': {'file_io_locking': {'mode': 'none'}}})
o({'driver': 'file', 'path': '/a', 'file_io_sync': 'file_io_sync#a', 'context': {'file_io_sync#a': False}})
o({'driver': 'file'}, context=C({'file_io_concurrency': 'file_io_concurrency#q', 'file_io_concurrency#q': {}}))
o(MA)
o(MA, context=C({'memory_key_value_store#a': {}}))
o(MA, context=C({'memory_key_value_store#a': {}})).spec(unbind_context=True)
o(MA, context=C({'memory_key_value_store#a': {}})).spec(retain_context=True)
o({'driver': 'memory', 'path': 'x', 'memory_key_value_store': {}})
o({'driver': 'memory', 'path': 'x', 'memory_key_value_store': {}}).spec(unbind_context=True)
o({'driver': 'memory', 'path': 'x', 'memory_key_value_store': {}}).spec(retain_context=True)
o({'driver': 'memory', 'atomic': False})
o('memory://a', context=C({'memory_key_value_store': {}}))
o(M, context=C({'cache_pool': {}})).spec(retain_context=True)
o(o(M).spec())
K.open({'driver': 'foo'})
K.open(5)
K.open('memory://a', x=1)
K.open(o(M))
o({'driver': 'file', 'path': '//'})
roundtrip(o(M))
roundtrip(o(M).spec())
roundtrip(o(M).spec(retain_context=True))
R('a', 'b')
R(b'\\xff')
R()
R(inclusive_min='x', exclusive_max='z')
R(5)
R('b', 'a').empty
R('a').empty
R('a', 'a').empty
R().empty
R('a', 'b') == R(b'a', b'b')
R('a').copy()
hash(R())
roundtrip(R('a', 'b'))
K.ReadResult()
K.ReadResult('value', b'x', K.TimestampedStorageGeneration())
K.ReadResult(state='missing', value=b'', stamp=K.TimestampedStorageGeneration(b'x', 5))
K.ReadResult('foo')
K.TimestampedStorageGeneration()
K.TimestampedStorageGeneration(b'x', 5)
K.TimestampedStorageGeneration(b'x') == K.TimestampedStorageGeneration(b'x')
roundtrip(K.ReadResult())
roundtrip(K.TimestampedStorageGeneration())
o(M)['x']
5 in o(M)
o(M)[5]
iter(o(M))
len(o(M))
bool(o(M))
o(M).list(5)
o(M).write('x')
o(M).write('x', 5)
o(M).read()
o(M).read('x', foo=1)
o(M).read('x', staleness_bound='a')
o(M).read('x', staleness_bound=float('inf')).result().state
o(M).read('x', byte_range=5)
o(M).read('x', byte_range=slice(1.5, 2))
o(M).read('x', byte_range=slice(1, 3, 2))
o(M).read('x', byte_range=slice(4, 2)).result()
o(M).read('x', byte_range=slice(-3, -1)).result()
o(M).read('x', byte_range=slice(None, -1)).result()
o(M).delete_range(5)
o(M).experimental_copy_range_to(o(M)).result()
o('file:///tmp/').experimental_copy_range_to(o(M)).result()
""".strip().splitlines()


@pytest.mark.parametrize("expression", CONTEXTS)
def test_contexts(expression: str) -> None:
    assert outcome(expression, OURS) == outcome(expression, THEIRS)


@pytest.mark.parametrize("expression", SPECS)
def test_specs(expression: str) -> None:
    assert outcome(expression, OURS) == outcome(expression, THEIRS)


@pytest.mark.parametrize("expression", STORES)
def test_stores(expression: str) -> None:
    assert outcome(expression, OURS) == outcome(expression, THEIRS)


RANGES = [(5, 50), (-20, None), (3, 3), (20, None), (None, 4), (-3, None), (10, 10), (11, None), (10, None)]
RANGES += [(0, 0), (None, None), (0, None), (0, 10), (0, 11), (-10, None), (-11, None), (-0, None)]

OPERATIONS = [
    "o.write('f', b'0123456789').result()",
    *(f"o.read('f', byte_range=slice({start}, {stop})).result().value" for start, stop in RANGES),
    "o.read('nope', byte_range=slice(5, 50)).result()",
    "o.read('f', if_not_equal=o.read('f').result().stamp.generation).result().state",
    "o.read('f', if_not_equal=o.read('f').result().stamp.generation, byte_range=slice(50, 60)).result().state",
    "o.read('nope', if_not_equal=b'\\x02').result()",
    "o.read('nope', if_not_equal=b'\\x00').result()",
    "o.read('f', if_not_equal='').result().state",
    "o.write('f', b'x', if_equal=b'\\x02').result()",
    "o.write('f', b'x', if_equal=b'\\x00abc').result()",
    "o.write('nope', b'x', if_equal=b'\\x00abc').result()",
    "o.write('nope', None, if_equal=b'\\x02').result()",
    "o.write('nope', None, if_equal=b'\\x00abc').result()",
    "o.write('nope', None).result()",
    "o.write('f', None, if_equal=b'\\x02').result()",
    "o['f']",
    "o['nope']",
    "'f' in o, 'nope' in o, b'f' in o",
    "o.__setitem__('s', 'é')",
    "o['s']",
    "o.__setitem__('s', None)",
    "o.__delitem__('s')",
    "o['s']",
    "o.write('e', b'').result().generation != b''",
    "o.read('e').result().value",
    "o.write('b', bytearray(b'ab')).result().generation != b''",
    "o['b']",
    "o.write('f', b'new', if_equal=o.read('f').result().stamp.generation).result().generation != b''",
    "o['f']",
    "o.write('f', None, if_equal=o.read('f').result().stamp.generation).result()",
    "o['f']",
    "[o.__setitem__(k, k) for k in ('a/b/1', 'a/b/2', 'a/c/1', 'x/1', 'x/2/3', 'xy', 'z', 'é/ü')]",
    "sorted(o.list().result())",
    "sorted((o / 'a').list().result())",
    "sorted((o + 'x').list().result())",
    "sorted((o + 'x/').list(strip_prefix_length=1).result())",
    "sorted(o.list(R('a/c', 'x/2')).result())",
    "sorted(o.list(R('a/b/2')).result())",
    "sorted(o.list(R('', 'b')).result())",
    "sorted(o.list(R('nowhere/', 'nowhere0')).result())",
    "sorted(o.list(strip_prefix_length=1).result())",
    "o.delete_range(R('a/b', 'a/b/1\\0')).result()",
    "sorted(o.list().result())",
    "o.delete_range(R('b', 'a')).result()",
    "sorted(o.list().result())",
    "(o + 'x').delete_range(R()).result()",
    "sorted(o.list().result())",
    "o.delete_range(R()).result()",
    "sorted(o.list().result())",
]


def test_operations_in_memory() -> None:
    ours, theirs = KvStore.open("memory://p/").result(), ts.KvStore.open("memory://p/").result()
    for expression in OPERATIONS:
        mine = outcome(expression, {**OURS, "o": ours})
        assert mine == outcome(expression, {**THEIRS, "o": theirs}), expression


def test_operations_on_files(tmp_path: Path) -> None:
    """Both on one directory after the other, and the files that they leave are the same."""
    trees = []
    results: list[list[str]] = []
    for name, scope in (("ours", OURS), ("theirs", THEIRS)):
        root = tmp_path / name
        store = scope["o"]({"driver": "file", "path": f"{root}/", "file_io_sync": False})
        shown, files = [], []
        for expression in OPERATIONS:
            text = outcome(expression, {**scope, "o": store})
            # a generation names an inode
            shown.append(re.sub(r"Generation\(b.{20,}?, now", "Generation(<some>, now", text))
            files.append(sorted(str(path.relative_to(root)) for path in root.rglob("*")))
        results.append(shown)
        trees.append(files)
    for expression, mine, theirs, left, right in zip(OPERATIONS, *results, *trees, strict=True):
        assert mine == theirs, expression
        if expression != "o.write('nope', None).result()":
            assert left == right, expression
