# ruff: noqa: E501 - a table of expressions, one a line
"""The file store beside tensorstore 0.1.86: directories, links, rights, locking and reading modes.

Each line runs on `s`, a store in the empty folder `d`, under both libraries, and says the same.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

import tegula

from ..api.test_kvstore_odd import shown

tensorstore = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers

LINES = r"""
[s.write('a/b',b'1').result().generation==b'', s['a/b'], os.path.exists(d+'/a/b'), sorted(os.listdir(d+'/a'))]
[s.write('a/b',b'1').result() and s.write('a/b',None).result().generation, os.listdir(d), sorted(os.listdir(d+'/a'))]
[s.write('a',b'1',if_equal=b'\x02').result().generation==b'', s.write('a',b'2',if_equal=b'\x02').result().generation, s['a']]
[s.write('a',b'1').result() and s.write('a',None,if_equal=b'x').result().generation, s['a']]
[os.mkdir(d+'/x'), s.read('x').result().state, 'x' in s, s.list().result()]
[os.mkdir(d+'/x'), s.write('x',b'1').result()]
[os.mkdir(d+'/x'), s.write('x',None).result().generation]
[put('t'), os.symlink(d+'/t',d+'/l'), s['l'], sorted(s.list().result())]
[os.mkdir(d+'/q'), put('q/t'), os.symlink(d+'/q',d+'/l'), s['l/t'], s.read('l').result().state, sorted(s.list().result())]
[os.symlink(d+'/none',d+'/l'), s.read('l').result().state, sorted(s.list().result())]
[put('t'), os.symlink(d+'/t',d+'/l'), s.write('l',b'new').result() and 0, got('t'), os.path.islink(d+'/l')]
[put('t'), os.symlink(d+'/t',d+'/l'), s.write('l',None).result() and 0, os.path.exists(d+'/t'), os.path.lexists(d+'/l')]
[os.mkdir(d+'/q'), put('q/t'), os.symlink(d+'/q',d+'/l'), s.delete_range(R()).result(), os.listdir(d)]
[s.write('a/b/c',b'1').result() and 0, s.write('a/d',b'1').result() and 0, s.delete_range(R('a/','a0')).result(), os.listdir(d)]
[s.write('a/b/c',b'1').result() and 0, s.write('a/d',b'1').result() and 0, s.delete_range(R('a/b','a/c')).result(), sorted(os.listdir(d+'/a'))]
[s.write('a/b/c',b'1').result() and 0, (s/'a/').delete_range(R()).result(), os.listdir(d)]
[s.write('a',b'1').result() and 0, oct(os.stat(d+'/a').st_mode)]
[s.write('a/b',b'1').result() and 0, oct(os.stat(d+'/a').st_mode)]
[s.write('a',b'1').result() and 0, os.chmod(d+'/a',0o600), s.write('a',b'2').result() and 0, oct(os.stat(d+'/a').st_mode)]
[s.write('a',b'1').result() and 0, os.link(d+'/a',d+'/h'), s.write('a',b'2').result() and 0, s['h']]
[put('a.__lock'), s.list().result(), s.delete_range(R()).result(), os.listdir(d)]
[len(s.write('a',b'1').result().generation), s.write('a',b'1').result().generation[:1]]
[s.write('a',b'x'*300000).result() and 0, len(s['a']), s.read('a',byte_range=slice(299990,None)).result().value]
[s.write('a',b'').result() and 0, s['a'], s.read('a',byte_range=slice(0,0)).result().value]
[(s/'no/where/').list().result(), (s/'no/where/').delete_range(R()).result(), os.listdir(d)]
[put('t'), (s/'t/').list().result()]
[put('t'), (s/'t/').read('x').result().state, (s/'t/').write('x',None).result().generation]
[put('t'), (s/'t/').delete_range(R()).result()]
[put(b'\xff'), s.list().result(), s[b'\xff']]
""".strip().splitlines()
LOCKING = ["os", "lockfile", "none", "non_atomic"]


def outcome(ts: Any, line: str, folder: str, **members: Any) -> str:
    d = tempfile.mkdtemp(dir=folder)
    store = ts.KvStore.open({"driver": "file", "path": d + "/", "file_io_sync": False, **members}).result()

    def put(name: Any) -> None:
        Path(d, os.fsdecode(name)).write_text("T")

    def got(name: str) -> str:
        return Path(d, name).read_text()

    names = {"put": put, "got": got, "s": store, "d": d, "os": os, "R": ts.KvStore.KeyRange}
    try:
        said = shown(eval(line, names))
    except Exception as error:
        said = "raised " + shown(error)
    said = re.sub(r"x_[0-9a-f]{8,16}", "x_RANDOM", said.replace(d, "DIR"))  # without leading zeros
    return re.sub(r"fd: \d+", "fd: N", said)


@pytest.mark.parametrize("mode", LOCKING)
def test_each_line_says_the_same_in_each_locking_mode(mode: str, tmp_path: Any) -> None:
    for line in LINES:
        ours, theirs = (
            outcome(ts, line, str(tmp_path), file_io_locking={"mode": mode}) for ts in (tegula, tensorstore)
        )
        assert ours == theirs, line


@pytest.mark.parametrize("mode", ["default", "memmap", "direct"])
def test_each_line_says_the_same_in_each_reading_mode(mode: str, tmp_path: Any) -> None:
    for line in LINES:
        ours, theirs = (
            outcome(ts, line, str(tmp_path), file_io_mode={"mode": mode}) for ts in (tegula, tensorstore)
        )
        assert ours == theirs, line


def test_a_path_may_be_relative_to_where_the_process_is(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for number, ts in enumerate((tegula, tensorstore)):
        store = ts.KvStore.open({"driver": "file", "path": f"{number}/"}).result()
        store["a"] = b"1"
        assert os.listdir(str(number)) == ["a"]
        assert store.list().result() == [b"a"]
        here = ts.KvStore.open({"driver": "file"}).result()
        assert here[f"{number}/a"] == b"1"
        assert f"{number}/a".encode() in here.list().result()
