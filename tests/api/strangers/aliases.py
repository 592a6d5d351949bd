"""What is changed afterwards does not matter."""

import copy

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

spec = {
    "driver": "zarr3",
    "kvstore": {"driver": "memory", "path": "a/"},
    "metadata": {"shape": [4], "data_type": "uint8", "attributes": {"k": [1]}},
}
s = ts.Spec(spec)
spec["metadata"]["shape"][0] = 9
spec["metadata"]["attributes"]["k"].append(2)
print(s.to_json()["metadata"])
j = s.to_json()
j["metadata"]["attributes"]["k"].append(3)
print(s.to_json()["metadata"]["attributes"])
t = ts.open(s, create=True).result()
a = np.array([1, 2, 3, 4], "uint8")
f = t.write(a)
f.copy.result()
a[:] = 0
f.result()
print(t.read().result())
r = t.read().result()
r[0] = 99
print(t.read().result(), r.flags.writeable, r.base is None or True)
fv = np.array([1, 2], "uint8")
sc = ts.Schema(rank=2, fill_value=fv)
print(sc.fill_value, err(lambda: sc.fill_value.__setitem__(0, 5)), sc.fill_value.flags.writeable)
v = t[1:3]
t2 = t.resize(exclusive_max=[8]).result()
print(v.domain, t.domain, t2.domain, v.resolve().result().domain)
d = t.domain
print(d, 0)
dim = ts.Dim(5, label="x")
dom = ts.IndexDomain([dim])
dim.label = "y"
print(dom.labels, dom[0], dim)
x = dom[0]
x.label = "z"
print(dom)
ia = np.array([1, 2])
w = t[ia]
ia[0] = 3
print(w.read().result(), t.read().result()[:4])
m = np.array([True, False, True, False] + [False] * 4)
w = t2[m]
m[:] = True
print(w.shape)
om = ts.OutputIndexMap(index_array=ia)
print(om, om.index_array, err(lambda: om.index_array.__setitem__(0, 1)), om.index_array.flags.writeable)
c = ts.Context({"cache_pool": {"total_bytes_limit": 5}})
cj = c.spec.to_json()
cj["cache_pool"]["total_bytes_limit"] = 9
print(c.spec)
k = ts.KvStore.open("memory://").result()
b = bytearray(b"abc")
err(lambda: k.write("x", b).result())
b[0] = 0
print(err(lambda: k["x"]))
kr = k.read("x").result()
print(kr.value)
u = ts.Schema(dtype="int8")
u2 = u.copy()
u2.update(rank=3)
print(u, u2, u == u2)
z = ts.ChunkLayout()
z2 = copy.copy(z)
z.update(chunk_shape=[1])
print(z, z2)
o = ts.OpenMode(open=True)
o2 = copy.copy(o)
o.create = True
print(o, o2)
p = s.copy()
p.update(dtype="uint8")
print(p == s, err(lambda: p.update(rank=2)), p.rank)
q = ts.Spec(p)
print(q is p, q == p) if not isinstance(err(lambda: ts.Spec(p)), str) else print(err(lambda: ts.Spec(p)))
src = np.arange(6).reshape(2, 3)
st = ts.array(src)
src[0, 0] = 100
print(st[0, 0].read().result(), st.read().result().base is src)
o = st.read().result()
o[0, 0] = -1
print(src[0, 0], st.read().result() is st.read().result())
cp = ts.array(src, copy=True)
src[1, 1] = 55
print(cp[1, 1].read().result())
jd = {"a": [1]}
ja = ts.array(np.array([jd], object), dtype=ts.json)
jd["a"].append(2)
print(ja.read().result())
