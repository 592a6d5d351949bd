# ruff: noqa: E501 - tables of expressions, one a line
"""Key-value stores and contexts given odd things, beside tensorstore 0.1.86: each expression means the same.

Values are compared by what they print, errors by class and text (of `TypeError` the class alone).  What ends
the wheel's process is not here but in tests/parity.
"""

from __future__ import annotations

import copy
import pickle
import re
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tegula

tensorstore = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers

FAMILIES = (
    NotImplementedError,
    IndexError,
    KeyError,
    TimeoutError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)


def shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, Exception):
        kind = next((family.__name__ for family in FAMILIES if isinstance(value, family)), "?")
        return kind if kind in ("TypeError", "KeyError") else f"{kind}: {value}"
    return repr(value)


def scope(ts: Any, folder: str) -> dict[str, Any]:
    def o(*a: Any, **k: Any) -> Any:
        return ts.KvStore.open(*a, **k).result()

    def filled(store: Any, values: dict[str, bytes]) -> Any:
        for key, value in values.items():
            store[key] = value
        return store

    def mem(**values: bytes) -> Any:
        return filled(o("memory://p/"), values)

    def fil(**values: bytes) -> Any:
        path = tempfile.mkdtemp(dir=folder) + "/"
        return filled(o({"driver": "file", "path": path, "file_io_sync": False}), values)

    def both(work: Callable[[Any], Any]) -> list[Any]:
        """Do the same on a store in memory and on one of files."""
        found: list[Any] = []
        for make in (mem, fil):
            try:
                found.append(work(make))
            except Exception as error:
                found.append(error)
        return found

    def up(spec: Any, **changes: Any) -> Any:
        spec.update(**changes)
        return spec

    def rt(value: Any) -> Any:
        return pickle.loads(pickle.dumps(value))

    names = {"K": ts.KvStore, "S": ts.KvStore.Spec, "R": ts.KvStore.KeyRange, "C": ts.Context}
    tools = {"o": o, "mem": mem, "both": both, "up": up, "rt": rt, "ts": ts, "copy": copy, "np": np}
    return names | tools


def outcome(expression: str, ts: Any, folder: str) -> str:
    try:
        said = shown(eval(expression, scope(ts, folder)))
    except Exception as error:
        said = "raised " + shown(error)
    said = re.sub(re.escape(folder) + r"/\w+", "DIR", said)
    said = re.sub(r"""b(['"])\\x00.{10,}?\1(?=, \d{9,}\.)""", "GEN", said)
    return re.sub(r", \d{9,}\.\d{6}\)", ", now)", said).replace("tegula.api.context.", "tensorstore.")


def assert_same(expression: str, folder: Any) -> None:
    ours, theirs = (outcome(expression, ts, str(folder)) for ts in (tegula, tensorstore))
    assert ours == theirs, expression


STORES = r"""
both(lambda m: m(a=b"1").read("a").result().state)
both(lambda m: m(a=b"1").read(b"a").result().value)
both(lambda m: m()["é"])
both(lambda m: [m().write("é",b"1").result().generation==b"", 1])
both(lambda m: (lambda s: [s.write("é",b"1").result() and s.list().result(), s["é".encode()]])(m()))
both(lambda m: (lambda s: [s.write(b"\xff\xfe",b"1").result() and s.list().result(), s[b"\xff\xfe"]])(m()))
both(lambda m: m().write("",b"1").result().generation==b"")
both(lambda m: m().read("").result().state)
both(lambda m: m().write("",None).result().generation)
both(lambda m: "" in m())
both(lambda m: m().write("a\0b",b"1").result().generation==b"")
both(lambda m: m().read("a\0b").result().state)
both(lambda m: m().write("../x",b"1").result().generation==b"")
both(lambda m: m().write("/abs",b"1").result().generation==b"")
both(lambda m: m().read("/abs").result().state)
both(lambda m: m().read("a//b").result().state)
both(lambda m: m().read("a/").result().state)
both(lambda m: m().write("a/",b"1").result().generation==b"")
both(lambda m: m().read(".").result().state)
both(lambda m: m().read("..").result().state)
both(lambda m: m().write("a/./b",b"").result().generation==b"")
both(lambda m: m().write("x.__lock",b"").result().generation==b"")
both(lambda m: m().read("x.__lock").result().state)
both(lambda m: m().read("x.__lock/a").result().state)
both(lambda m: m().write("k"*255,b"1").result().generation==b"")
both(lambda m: m().write("k"*300,b"1").result().generation==b"")
both(lambda m: m().read("k"*300).result().state)
both(lambda m: m().read("k/"*3000+"k").result().state)
both(lambda m: m().write("k/"*3000+"k",b"").result().generation==b"")
both(lambda m: m().write("a/b/c",b"1").result() and m(a=b"1").read("a/b").result().state)
both(lambda m: m(a=b"1").write("a/b",b"2").result().generation==b"")
both(lambda m: m(a=b"1").list().result())
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(2,5)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(None,5)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(5,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(-3,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(-3,-1)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(None,-1)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(2,5,1)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(2,5,2)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(None,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(0,50)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(5,50)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(-50,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(50,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(3,3)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(10,10)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(10,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(11,11)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(4,2)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(0,0)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(-0,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(2**63-1,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(2**63,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(0,2**63-1)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(0,2**64)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(-2**63,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(-2**70,None)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(1.0,5)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(np.int64(1),np.int32(5))).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=slice(True,5)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range="1:2").result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=(1,2)).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=5).result().value)
both(lambda m: m(a=b"0123456789").read("a",byte_range=None).result().value)
both(lambda m: m().read("a",byte_range=slice(1,5)).result())
both(lambda m: m().read("a",byte_range=slice(4,2)).result())
both(lambda m: m(a=b"").read("a",byte_range=slice(0,None)).result().value)
both(lambda m: m(a=b"").read("a",byte_range=slice(0,1)).result().value)
both(lambda m: m(a=b"1").read("a",if_equal=b"x").result())
both(lambda m: m(a=b"1").read("a",if_not_equal=b"x").result().state)
both(lambda m: m(a=b"1").read("a",if_not_equal="x").result().state)
both(lambda m: m(a=b"1").read("a",if_not_equal=b"").result().state)
both(lambda m: m(a=b"1").read("a",if_not_equal=b"\x02").result().state)
both(lambda m: m().read("a",if_not_equal=b"\x02").result())
both(lambda m: m().read("a",if_not_equal=b"x").result())
both(lambda m: m(a=b"1").read("a",if_not_equal=5))
both(lambda m: (lambda s: s.read("a",if_not_equal=s.read("a").result().stamp.generation).result().state)(m(a=b"1")))
both(lambda m: (lambda s: s.read("a",if_not_equal=s.read("a").result().stamp.generation,byte_range=slice(5,9)).result().state)(m(a=b"1")))
both(lambda m: m(a=b"1").read("a",staleness_bound=0).result().state)
both(lambda m: m(a=b"1").read("a",staleness_bound=float("inf")).result().state)
both(lambda m: m(a=b"1").read("a",staleness_bound=float("-inf")).result().state)
both(lambda m: m(a=b"1").read("a",staleness_bound=float("nan")).result().state)
both(lambda m: m(a=b"1").read("a",staleness_bound="x").result().state)
both(lambda m: m(a=b"1").read("a",staleness_bound=None).result().state)
both(lambda m: m(a=b"1").read("a",batch=None).result().state)
both(lambda m: m(a=b"1").read("a",batch=5).result().state)
both(lambda m: m(a=b"1").read("a",foo=5).result().state)
both(lambda m: m(a=b"1").read())
both(lambda m: m(a=b"1").read("a",b"x"))
both(lambda m: m(a=b"1").read(key="a").result().value)
both(lambda m: m().write(key="a",value=b"1").result().generation==b"")
both(lambda m: m().write("a"))
both(lambda m: m().write("a",b"1",b"2"))
both(lambda m: m().write("a",5))
both(lambda m: m().write("a",[1]))
both(lambda m: m().write("a",bytearray(b"1")).result().generation==b"")
both(lambda m: m().write("a",np.zeros(3,"u1")))
both(lambda m: m().write("a",np.bytes_(b"12")).result().generation==b"")
both(lambda m: m().write("a","é").result().generation==b"")
both(lambda m: m().write("a",None,if_equal=b"\x02").result().generation)
both(lambda m: m(a=b"1").write("a",None,if_equal=b"\x02").result().generation)
both(lambda m: m().write("a",b"1",if_equal=b"\x02").result().generation==b"")
both(lambda m: m(a=b"").write("a",b"1",if_equal=b"\x02").result().generation)
both(lambda m: m(a=b"").write("a",b"1",if_equal=b"x").result())
both(lambda m: m(a=b"").write("a",b"1",if_equal="x").result())
both(lambda m: m(a=b"").write("a",b"1",if_equal=b"").result().generation==b"")
both(lambda m: m(a=b"").write("a",b"1",if_equal=5))
both(lambda m: m().write("a",b"1",if_equal=b"x").result())
both(lambda m: m().write("a",None,if_equal=b"x").result())
both(lambda m: m().write("a",None).result())
both(lambda m: m(a=b"1").write("a",None).result())
both(lambda m: sorted(m(a=b"1",b=b"2",c=b"3").list(R("b")).result()))
both(lambda m: sorted(m(a=b"1",b=b"2",c=b"3").list(R("b","c")).result()))
both(lambda m: sorted(m(a=b"1",b=b"2",c=b"3").list(R("b","b")).result()))
both(lambda m: sorted(m(a=b"1",b=b"2",c=b"3").list(R()).result()))
both(lambda m: sorted(m(a=b"1",b=b"2",c=b"3").list(None).result()))
both(lambda m: sorted(m(a=b"1",b=b"2",c=b"3").list(range=R("b")).result()))
both(lambda m: sorted(m(a=b"1",b=b"2",c=b"3").list("b").result()))
both(lambda m: sorted(m(abc=b"1",b=b"2").list(strip_prefix_length=1).result()))
both(lambda m: sorted(m(abc=b"1",b=b"2").list(R(),-1).result()))
both(lambda m: sorted(m(abc=b"1",b=b"2").list(R(),strip_prefix_length=1.5).result()))
both(lambda m: sorted(m(abc=b"1",b=b"2").list(R(),strip_prefix_length=True).result()))
both(lambda m: (m(abc=b"1",b=b"2")+"a").list().result())
both(lambda m: (m(abc=b"1",b=b"2")+"a").list(strip_prefix_length=1).result())
both(lambda m: (m(abc=b"1",b=b"2")/"a").list().result())
both(lambda m: (lambda s: [s.delete_range(R("a","b")).result(), sorted(s.list().result())])(m(a=b"1",aa=b"",b=b"2")))
both(lambda m: (lambda s: [s.delete_range(R("b","a")).result(), sorted(s.list().result())])(m(a=b"1",aa=b"",b=b"2")))
both(lambda m: (lambda s: [s.delete_range(R("","")).result(), sorted(s.list().result())])(m(a=b"1",aa=b"",b=b"2")))
both(lambda m: m(a=b"1").delete_range(None))
both(lambda m: m(a=b"1").delete_range())
both(lambda m: m(a=b"1").delete_range("a"))
both(lambda m: m(a=b"1").delete_range(range=R()).result())
both(lambda m: m(a=b"1").experimental_copy_range_to(m()).result())
both(lambda m: m(a=b"1").experimental_copy_range_to(5))
both(lambda m: m(a=b"1").experimental_copy_range_to(target=m(), source_range=R("a"), source_staleness_bound=5).result())
both(lambda m: m(a=b"1").experimental_copy_range_to(m(), R("b","a")).result())
both(lambda m: m(a=b"1")["a"])
both(lambda m: m(a=b"1")["b"])
both(lambda m: m(a=b"1")[5])
both(lambda m: m(a=b"1")[None])
both(lambda m: m(a=b"1")[b"a"])
both(lambda m: b"a" in m(a=b"1"))
both(lambda m: "z" in m(a=b"1"))
both(lambda m: 5 in m(a=b"1"))
both(lambda m: len(m(a=b"1")))
both(lambda m: iter(m(a=b"1")))
both(lambda m: list(m(a=b"1")))
both(lambda m: bool(m()))
both(lambda m: m(a=b"1").__delitem__("a"))
both(lambda m: m(a=b"1").__delitem__("q"))
both(lambda m: m(a=b"1").__setitem__("q", None))
both(lambda m: m(a=b"1").__setitem__("q", "x"))
both(lambda m: m(a=b"1").__setitem__("q", 5))
both(lambda m: (m()+5))
both(lambda m: (m()/5))
both(lambda m: (m()/None))
both(lambda m: ("a"+m()))
both(lambda m: m().path=="x")
both(lambda m: setattr(m(),"path","x"))
both(lambda m: m().base)
both(lambda m: m().url[:5])
both(lambda m: m().transaction)
both(lambda m: m().with_transaction(None) is None)
both(lambda m: m().with_transaction())
both(lambda m: hash(m())*0)
both(lambda m: (lambda s: s==s)(m()))
both(lambda m: (lambda s: s!=s)(m()))
both(lambda m: m()=="x")
both(lambda m: copy.copy(m(a=b"1"))["a"])
both(lambda m: rt(m(a=b"1")).read("a").result().state)
both(lambda m: rt(m(a=b"1")).path[:2])
both(lambda m: m().copy().path[-1])
both(lambda m: m().spec(5))
both(lambda m: m().spec(foo=5))
both(lambda m: (m()+"\ud800").path)
both(lambda m: m().write("\ud800",b"1"))
both(lambda m: (m()+"x\0y").path[-3:])
both(lambda m: (m()/"a"/"b").path[-3:])
both(lambda m: (m()/"a/"/"/b").path[-5:])
both(lambda m: (m()/"/a").path[-3:])
both(lambda m: (m()/"").path[-1:])
both(lambda m: [x.result().value for x in [m(a=b"1").read("a") for _ in range(3)]])
R()
R("a")
R(b"a",b"b")
R(inclusive_min="a")
R(exclusive_max="b")
R("a","b","c")
R(5)
R(None)
R(b"\xff","")
R("é")
R("\ud800")
R("a","b").inclusive_min
R("a","b").exclusive_max
R("a","b").empty
R("b","a").empty
R("a","a").empty
R("","").empty
R("","a").empty
R("a","b")==R(b"a",b"b")
R("a","b")==R("a")
hash(R())
R("a").copy()
copy.copy(R("a","b"))
copy.deepcopy(R("a","b"))
rt(R("a","b"))
(lambda r: [setattr(r,"inclusive_min","z"), r])(R("a"))
(lambda r: [setattr(r,"inclusive_min",b"z"), r])(R("a"))
(lambda r: [setattr(r,"exclusive_max","z"), r])(R("a"))
(lambda r: [setattr(r,"exclusive_max",5), r])(R("a"))
[x for x in dir(K) if x[0]!="_"]
[x for x in dir(S) if x[0]!="_"]
[x for x in dir(K.ReadResult) if x[0]!="_"]
[x for x in dir(K.TimestampedStorageGeneration) if x[0]!="_"]
[x for x in dir(C) if x[0]!="_"]
[x for x in dir(C.Spec) if x[0]!="_"]
K.ReadResult()
K.ReadResult("value",b"x")
K.ReadResult("value","x")
K.ReadResult("missing")
K.ReadResult("foo")
K.ReadResult(state="value",value=b"x",stamp=K.TimestampedStorageGeneration(b"g",5))
K.ReadResult("value",b"x",5)
K.ReadResult(None)
K.ReadResult(5)
K.ReadResult("value",None)
K.ReadResult("value",b"x")==K.ReadResult("value",b"y")
(lambda r: [setattr(r,"state","missing"), setattr(r,"value",b"z"), setattr(r,"stamp",K.TimestampedStorageGeneration(b"q",1)), r])(K.ReadResult())
(lambda r: [setattr(r,"state","foo"), r])(K.ReadResult())
(lambda r: [setattr(r,"value",5), r])(K.ReadResult())
(lambda r: [setattr(r,"value","abc"), r])(K.ReadResult())
(lambda r: [setattr(r,"stamp",5), r])(K.ReadResult())
(lambda r: [r.stamp is r.stamp, setattr(r.stamp,"generation",b"q"), r])(K.ReadResult("value",b"x"))
(lambda s: [(r:=K.ReadResult("value",b"x",s)), setattr(s,"generation",b"q"), r, setattr(r,"stamp",s), setattr(s,"time",3), r])(K.TimestampedStorageGeneration(b"p",1))
(lambda r: [setattr(copy.copy(r).stamp,"generation",b"q"), r])(K.ReadResult("value",b"x"))
K.ReadResult(stamp=None)
rt(K.ReadResult("value",b"x"))
copy.copy(K.ReadResult("value",b"x"))
copy.deepcopy(K.ReadResult("value",b"x"))
K.TimestampedStorageGeneration()
K.TimestampedStorageGeneration(b"x")
K.TimestampedStorageGeneration("x")
K.TimestampedStorageGeneration(b"x",float("inf"))
K.TimestampedStorageGeneration(b"x",float("-inf"))
K.TimestampedStorageGeneration(b"x",float("nan"))
K.TimestampedStorageGeneration(b"x",5)
K.TimestampedStorageGeneration(b"x",1.5)
K.TimestampedStorageGeneration(b"x",1e300)
K.TimestampedStorageGeneration(b"x","5")
K.TimestampedStorageGeneration(5)
K.TimestampedStorageGeneration(generation=b"x",time=2)
K.TimestampedStorageGeneration(b"x",5)==K.TimestampedStorageGeneration(b"x",5)
hash(K.TimestampedStorageGeneration())
(lambda r: [setattr(r,"generation",b"z"), setattr(r,"time",7), r])(K.TimestampedStorageGeneration())
(lambda r: [setattr(r,"generation","z"), r])(K.TimestampedStorageGeneration())
(lambda r: [setattr(r,"time","z"), r])(K.TimestampedStorageGeneration())
(lambda r: [setattr(r,"generation",5), r])(K.TimestampedStorageGeneration())
K.TimestampedStorageGeneration(b"x",5).time
rt(K.TimestampedStorageGeneration(b"x",5))
copy.copy(K.TimestampedStorageGeneration(b"x",5))
copy.deepcopy(K.TimestampedStorageGeneration(b"x",5))
K()
K("memory://")
K.open()
K.open(5)
K.open("memory://",5)
K.open("memory://",context=5)
K.open("memory://",foo=5)
K.open("memory://",transaction=None).result()
K.open(spec="memory://").result()
K.open(S("memory://a")).result()
K.open(o("memory://a"))
K.open({"driver":"memory"}).result()
K.open(["memory://"])
K.open(None)
K.open(b"memory://").result()
K.open({"driver":"memory","base":"memory://"})
K.open({"driver":"memory"}, context=C()).result()
K.open(S("memory://a"), context=C({"memory_key_value_store":{}})).result()
type(K.open("memory://")).__name__
""".strip().splitlines()

CONTEXTS = r"""
C({'aws_credentials':{'type':'default','x':1}})
C({'aws_credentials':{'type':'anonymous','profile':'x'}})
C({'aws_credentials':{'type':'imds','endpoint':'x'}})['aws_credentials']
C({'aws_credentials':{'type':'imds','profile':'x'}})['aws_credentials']
C({'aws_credentials':{'type':'profile','credentials_file':'x'}})['aws_credentials']
C({'aws_credentials':{'type':'profile','config_file':'x'}})['aws_credentials']
C({'aws_credentials':{'type':'default','endpoint':'x','profile':'q','credentials_file':'x','config_file':'z'}})['aws_credentials']
C({'aws_credentials':{'type':'ecs','auth_token':'x','auth_token_file':'z'}})['aws_credentials']
C({'aws_credentials':{'type':'environment','profile':'x'}})
C({'aws_credentials':{'type':'profile','profile':5}})
C({'aws_credentials':{'type':'profile','profile':''}})['aws_credentials']
C({'aws_credentials':{'type':5}})
C({'ocdbt_coordinator':{'address':'x','security':{'method':'insecure'}}})['ocdbt_coordinator']
C({'ocdbt_coordinator':{'address':'x','security':{'method':'q'}}})['ocdbt_coordinator']
C({'ocdbt_coordinator':{'lease_duration':'10s'}})['ocdbt_coordinator']
C({'ocdbt_coordinator':{'address':''}})['ocdbt_coordinator']
C({'ocdbt_coordinator':{'x':''}})['ocdbt_coordinator']
C()['grpc_client_credentials']
C({'grpc_client_credentials':{'x':1}})['grpc_client_credentials']
C({'grpc_server_credentials':{}}).spec
C({'grpc_server_credentials':{'x':1}})
K.Spec({"driver":"file","path":"/a","file_io_sync":None})
K.Spec({"driver":"file","path":"/a","file_io_sync":"file_io_sync#q"}).to_json(include_defaults=True)
(lambda s: [setattr(s,"path","x"), s])(S("memory://a"))
(lambda s: [setattr(s,"path",b"x"), s])(S("memory://a"))
(lambda s: [setattr(s,"path",5), s])(S("memory://a"))
(lambda s: [setattr(s,"path","/a//b"), s])(S("file:///a"))
(lambda s: [setattr(s,"path","x"), s, s.spec()])(o("memory://a"))
(lambda s: [setattr(s,"path",b"x"), s.path])(o("memory://a"))
(lambda s: [setattr(s,"path",5), s.path])(o("memory://a"))
(lambda s: [setattr(s,"path","/a//b"), s.path])(o("file:///a"))
(lambda s: [setattr(s,"transaction",None)])(o("memory://a"))
copy.copy(S("memory://a"))
copy.deepcopy(S("memory://a"))
copy.deepcopy(C({"cache_pool":{}})).spec
(lambda c: copy.deepcopy(c) is c)(C())
(lambda c: copy.deepcopy(c)["cache_pool"] is c["cache_pool"])(C())
(lambda c: rt((c,c["cache_pool"])))(C({"cache_pool":{}}))[1]
(lambda t: t[0]["cache_pool"] is t[1])(rt((lambda c:(c,c["cache_pool"]))(C({"cache_pool":{}}))))
(lambda t: t[0]["cache_pool"] is t[1])(rt((lambda c:(c,c["cache_pool"]))(C())))
(lambda t: t[0]["cache_pool"] is t[1])(rt((lambda c:(c["cache_pool"],c))(C()))[::-1])
(lambda t: t[0]["cache_pool"] is t[1]["cache_pool"])(rt((lambda p:(p,C({},p)))(C({"cache_pool":{}}))))
(lambda t: t[0]["cache_pool"] is t[1].parent["cache_pool"])(rt((lambda p:(p,C({},p)))(C({"cache_pool":{}}))))
(lambda t: [t[0].write("a",b"1").result() and t[1].read("a").result().state])((lambda s: rt((s,s/"")))(mem()))
(lambda t: [t[0].write("a",b"1").result() and t[1].read("a").result().state])((lambda c: rt((o("memory://",context=c),o("memory://",context=c))))(C()))
(lambda t: [t[0].write("a",b"1").result() and o("memory://",context=t[1]).read("a").result().state])((lambda c: rt((o("memory://",context=c),c)))(C()))
(lambda t: [o(t[0]).write("a",b"1").result() and t[1].read("a").result().state])((lambda s: rt((s.spec(retain_context=True),s)))(mem()))
(lambda s: o(s.spec(retain_context=True)).read("a").result().state)(mem(a=b"1"))
(lambda s: o(s.spec(unbind_context=True)).read("a").result().state)(mem(a=b"1"))
(lambda s: o(s.spec()).read("a").result().state)(mem(a=b"1"))
(lambda c: [o("memory://",context=c).write("a",b"1").result() and o("memory://",context=C({},c)).read("a").result().state])(C())
(lambda c: [o("memory://",context=C({},c)).write("a",b"1").result() and o("memory://",context=c).read("a").result().state])(C())
(lambda c: [o("memory://",context=C({},c)).write("a",b"1").result() and o("memory://",context=C({},c)).read("a").result().state])(C())
(lambda c: [o("memory://",context=C({"memory_key_value_store":{}},c)).write("a",b"1").result() and o("memory://",context=c).read("a").result().state])(C())
(lambda c: [o("memory://",context=C({"memory_key_value_store":None},c)).write("a",b"1").result() and o("memory://",context=c).read("a").result().state])(C())
(lambda c: [o("memory://",context=c).write("a",b"1").result() and o({"driver":"memory","memory_key_value_store":"memory_key_value_store#x","context":{"memory_key_value_store#x":"memory_key_value_store"}},context=c).read("a").result().state])(C())
(lambda c: [o("memory://",context=c).write("a",b"1").result() and o({"driver":"memory","memory_key_value_store":{}},context=c).read("a").result().state])(C())
C({"cache_pool":"cache_pool#a","cache_pool#a":"cache_pool#b","cache_pool#b":"cache_pool"})["cache_pool#b"]
C({"cache_pool":"cache_pool#a","cache_pool#a":"cache_pool#b","cache_pool#b":{"total_bytes_limit":1}})["cache_pool"]
(lambda c: c["cache_pool"] is c["cache_pool#b"])(C({"cache_pool":"cache_pool#a","cache_pool#a":"cache_pool#b","cache_pool#b":{"total_bytes_limit":1}}))
(lambda c: c["cache_pool"] is c["cache_pool#a"])(C({"cache_pool":"cache_pool#a","cache_pool#a":None}))
(lambda c: c["cache_pool"] == c["cache_pool#a"])(C({"cache_pool#a":{},"cache_pool":{}}))
hash(C()["cache_pool"])*0
hash(C())*0
C.Spec(5)
C.Spec('{"cache_pool":{}}')
C.Spec(C.Spec({}))
C(C.Spec({}), C()).parent is None
C({}, parent=5)
C({}, None).parent is None
C({}).parent is None
C().parent
len(C())
C()[5]
C()[None]
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":"cache_pool#q"},create=True,dtype="int8",shape=[1]).result()
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":"cache_pool#q","context":{"cache_pool#q":{"total_bytes_limit":9}}},create=True,dtype="int8",shape=[1]).result().spec(retain_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":{"total_bytes_limit":9}},create=True,dtype="int8",shape=[1]).result().spec(retain_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":{"total_bytes_limit":9}},create=True,dtype="int8",shape=[1]).result().spec(unbind_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":{"total_bytes_limit":9}},create=True,dtype="int8",shape=[1]).result().spec()
ts.open({"driver":"zarr3","kvstore":"memory://"},create=True,dtype="int8",shape=[1],context=C({"cache_pool":{"total_bytes_limit":7},"data_copy_concurrency":{"limit":3}})).result().spec(retain_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://"},create=True,dtype="int8",shape=[1],context=C({"cache_pool":{"total_bytes_limit":7},"data_copy_concurrency":{"limit":3}})).result().spec(unbind_context=True)
ts.Spec({"driver":"zarr3","kvstore":{"driver":"file","path":"/a/","context":{"file_io_sync":False}},"context":{"file_io_concurrency":{"limit":5}}})
up(ts.Spec({"driver":"zarr3","kvstore":{"driver":"file","path":"/a/","context":{"file_io_sync":False}},"context":{"file_io_concurrency":{"limit":5}}}),context=C())
up(up(ts.Spec({"driver":"zarr3","kvstore":{"driver":"file","path":"/a/","context":{"file_io_sync":False}},"context":{"file_io_concurrency":{"limit":5}}}),context=C()),unbind_context=True)
up(up(ts.Spec({"driver":"zarr3","kvstore":{"driver":"file","path":"/a/","context":{"file_io_sync":False}},"context":{"file_io_concurrency":{"limit":5}}}),context=C()),strip_context=True)
up(ts.Spec({"driver":"zarr3","kvstore":{"driver":"file","path":"/a/"},"context":{"cache_pool":5}}),strip_context=True)
up(ts.Spec({"driver":"zarr3","kvstore":{"driver":"file","path":"/a/"},"cache_pool":"cache_pool#b"}),strip_context=True)
up(ts.Spec({"driver":"zarr3","kvstore":{"driver":"file","path":"/a/"},"cache_pool":"cache_pool#b"}),context=C({}))
(lambda c: (lambda a,b: [a.write("a",b"1").result() and b.read("a").result().state])(*rt([o("memory://x",context=c), o("memory://x",context=c)])))(C({"memory_key_value_store":{}}))
ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a"})
ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool"})
ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"metadata_cache_pool"})
ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":{"total_bytes_limit":5}})
ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":{}})
ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":None})
ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":5})
ts.Spec({"driver":"zarr","kvstore":"memory://"}).to_json(include_defaults=True)
ts.open({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":{"total_bytes_limit":5}},create=True,dtype="int8",shape=[1]).result()
ts.open({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":{"total_bytes_limit":5}},create=True,dtype="int8",shape=[1]).result().spec(retain_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":{"total_bytes_limit":5}},create=True,dtype="int8",shape=[1]).result().spec(unbind_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":{"total_bytes_limit":5}},create=True,dtype="int8",shape=[1]).result().spec(retain_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":{"total_bytes_limit":5}},create=True,dtype="int8",shape=[1]).result().spec(unbind_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","cache_pool":"cache_pool#a","context":{"cache_pool#a":{"total_bytes_limit":5}}},create=True,dtype="int8",shape=[1]).result().spec(unbind_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a","context":{"cache_pool#a":{"total_bytes_limit":5}}},create=True,dtype="int8",shape=[1]).result().spec(unbind_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a","cache_pool":"cache_pool#a","context":{"cache_pool#a":{"total_bytes_limit":5}}},create=True,dtype="int8",shape=[1]).result().spec(unbind_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a","cache_pool":"cache_pool#a","context":{"cache_pool#a":{"total_bytes_limit":5}}},create=True,dtype="int8",shape=[1]).result().spec(retain_context=True)
ts.open({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a"},create=True,dtype="int8",shape=[1]).result()
up(ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a"}),context=C({"cache_pool#a":{"total_bytes_limit":7}}))
up(ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a"}),context=C({"cache_pool#a":{"total_bytes_limit":7}})).to_json()
up(ts.Spec({"driver":"zarr3","kvstore":"memory://","cache_pool":"cache_pool#a"}),context=C({"cache_pool#a":{"total_bytes_limit":7}}))
up(ts.Spec({"driver":"zarr3","kvstore":"memory://","cache_pool":"cache_pool#a","metadata_cache_pool":"cache_pool#a"}),context=C({"cache_pool#a":{"total_bytes_limit":7}}))
up(ts.Spec({"driver":"zarr3","kvstore":"memory://"}),context=C({"cache_pool":{"total_bytes_limit":7}}))
rt(ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a"}))
ts.Spec({"driver":"array","array":[1],"dtype":"int8","metadata_cache_pool":{}})
ts.Spec({"driver":"auto","kvstore":"memory://","cache_pool":{}})
up(ts.Spec({"driver":"zarr3","kvstore":"memory://","metadata_cache_pool":"cache_pool#a"}),strip_context=True)
""".strip().splitlines()

KINDS = {
    "cache_pool": """
{}
{'total_bytes_limit':5}
{'total_bytes_limit':'5'}
{'total_bytes_limit':2**64}
{'total_bytes_limit':2**64-1}
{'total_bytes_limit':1e3}
{'total_bytes_limit':1e30}
{'limit':3}
""",
    "data_copy_concurrency": """
{}
{'limit':5}
{'limit':'shared'}
{'limit':0}
{'limit':-1}
{'limit':2**63}
{'limit':2**64}
{'limit':'5'}
{'limit':1.0}
{'limit':1.5}
{'limit':True}
{'limit':[]}
""",
    "file_io_concurrency": """
{}
{'limit':5}
{'limit':0}
""",
    "file_io_sync": """
True
False
0
'true'
{}
[]
""",
    "file_io_mode": """
{}
{'mode':'default'}
{'mode':'memmap'}
{'mode':'direct'}
{'mode':'DIRECT'}
{'mode':None}
'direct'
""",
    "file_io_locking": """
{}
{'mode':'os'}
{'mode':'none'}
{'mode':'lockfile'}
{'mode':'non_atomic'}
{'mode':'x'}
{'mode':True}
{'acquire_timeout':'5s'}
{'acquire_timeout':'-5s'}
{'acquire_timeout':5}
{'acquire_timeout':'60s'}
{'acquire_timeout':None}
{'mode':'lockfile','acquire_timeout':'60s'}
{'foo':1}
""",
    "file_io_retries": """
{}
{'max_retries':5}
{'max_retries':0}
{'max_retries':2**63}
{'initial_delay':'5ms'}
{'max_delay':'inf'}
{'max_retries':1.0}
{'max_retries':'3'}
{'max_retries':True}
""",
    "memory_key_value_store": """
{}
{'a':1}
5
True
""",
    "gcs_user_project": """
{}
{'project_id':'x'}
{'project_id':''}
{'project_id':None}
{'project_id':5}
""",
    "gcs_request_concurrency": """
{}
{'limit':5}
{'limit':'shared'}
{'limit':0}
""",
    "gcs_request_retries": """
{}
{'max_retries':5}
{'initial_delay':'1s'}
{'max_delay':'5s'}
""",
    "experimental_gcs_rate_limiter": """
{}
{'read_rate':5}
{'write_rate':5.5}
{'read_rate':'x'}
{'doubling_time':'5s'}
{'read_rate':5,'write_rate':6,'doubling_time':'20m'}
{'doubling_time':'0s'}
{'x':1}
""",
    "experimental_gcs_grpc_credentials": """
{}
{'x':1}
""",
    "http_request_concurrency": """
{}
{'limit':5}
""",
    "http_request_retries": """
{}
{'max_retries':5}
""",
    "s3_request_concurrency": """
{}
{'limit':5}
""",
    "s3_request_retries": """
{}
{'max_retries':5}
""",
    "experimental_s3_rate_limiter": """
{}
{'doubling_time':'0'}
{'read_rate':5}
{'write_rate':5.5}
""",
    "aws_credentials": """
{}
{'type':'anonymous'}
{'type':'default'}
{'type':'profile'}
{'type':'profile','profile':'x'}
{'type':'environment'}
{'type':'imds'}
{'type':'ecs'}
{'type':'x'}
{'profile':'x'}
{'type':'default','profile':'x'}
{'type':'ecs','endpoint':'http://x'}
{'anonymous':True}
""",
    "ocdbt_coordinator": """
{}
{'address':'x'}
{'address':'localhost:1','lease_duration':'5s'}
{'address':5}
{'lease_duration':'x'}
{'security':{}}
""",
    "grpc_client_credentials": """
{}
{'x':1}
""",
}


@pytest.mark.parametrize("expression", STORES)
def test_a_store_says_the_same(expression: str, tmp_path: Any) -> None:
    assert_same(expression, tmp_path)


@pytest.mark.parametrize("expression", CONTEXTS)
def test_a_context_says_the_same(expression: str, tmp_path: Any) -> None:
    assert_same(expression, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_resource_says_the_same(kind: str, tmp_path: Any) -> None:
    k = kind
    for expression in (
        f"C()['{k}']",
        f"C()['{k}'].to_json(include_defaults=True)",
        f"C()['{k}#x']",
        f"C({{'{k}': None}})['{k}']",
        f"C({{'{k}#y': None}})['{k}#y']",
        f"C({{'{k}': '{k}#y', '{k}#y': None}})['{k}']",
        f"C({{'{k}': '{k}'}})['{k}']",
        f"C({{'{k}': '{k}#'}})['{k}']",
        f"C({{'{k}': 5}})",
        f"C({{'{k}': []}})",
        f"C({{'{k}': 'x'}})",
        f"C({{'{k}': 'x#y'}})",
        f"rt(C({{'{k}': None}}))['{k}']",
    ):
        assert_same(expression, tmp_path)
    for value in KINDS[kind].split("\n")[1:-1]:
        for expression in (
            f"C({{'{k}': {value}}})['{k}']",
            f"C({{'{k}': {value}}})['{k}'].to_json(include_defaults=True)",
            f"C({{'{k}': {value}}}).spec",
            f"C.Spec({{'{k}': {value}}}).to_json(include_defaults=True)",
            f"C.Spec({{'{k}#q': {value}}}).to_json()",
            f"rt(C({{'{k}': {value}}})['{k}'])",
        ):
            assert_same(expression, tmp_path)
