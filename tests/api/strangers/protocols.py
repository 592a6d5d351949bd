"""Arrays in the hands of NumPy, and asked what protocols they keep."""

import numpy as np
import tensorstore as ts

from tests.api.strangers.told import err

t = ts.open(
    {"driver": "zarr3", "kvstore": "memory://"},
    create=True,
    dtype="float64",
    shape=[6, 4],
    chunk_layout=ts.ChunkLayout(chunk_shape=[2, 2]),
).result()
t[...] = np.arange(24.0).reshape(6, 4)
for e in (
    "np.sum(t)",
    "np.mean(t,axis=0)",
    "np.stack([t[0],t[1]])",
    "np.concatenate([t,t]).shape",
    "np.array_equal(t,t)",
    "np.asarray(t,dtype='f4').dtype",
    "np.array(t)[0]",
    "np.shape(t)",
    "np.ndim(t)",
    "np.size(t)",
    "np.iscomplexobj(t)",
    "np.isscalar(t)",
    "np.max(t)",
    "np.where(t[0],1,0)",
    "np.testing.assert_array_equal(t,np.arange(24.).reshape(6,4))",
    "np.add(t[0],1)",
    "np.dot(t[0],t[1])",
    "np.transpose(t).shape",
    "np.copyto(np.zeros((6,4)),t)",
    "np.zeros(4)+np.asarray(t[0])",
    "np.zeros(4)+t[0]",
    "t+1",
    "t==t",
    "t!=t",
    "t<t",
    "-t",
    "abs(t)",
    "len(t)",
    "list(t)",
    "t.dtype.numpy_dtype.itemsize",
    "t.__array__().sum()",
    "hasattr(t,'__array_interface__')",
    "hasattr(t,'__len__')",
    "hasattr(t,'__iter__')",
    "callable(t)",
    "isinstance(hash(t),int)",
    "t in [t]",
    "t in {t:1}",
    "{t}=={t}",
    "copy.copy(t)==t",
    "pickle.loads(pickle.dumps(t)).read().result().sum()",
    "json.dumps(t.spec().to_json())==json.dumps(t.spec().to_json())",
    "str(t)==repr(t)",
    "f'{t}'==repr(t)",
    "f'{t.domain:>5}'",
    "bool(t)",
    "t.shape+(1,)",
    "sorted([t.domain[1],t.domain[0]])",
    "set([ts.int8,ts.int8])",
    "min(t.shape)",
    "dict(zip(t.domain.labels,t.shape))",
    "tuple(t.domain)",
    "[d.size for d in t.domain]",
    "type(t.shape),type(t.origin),type(t.domain.shape),type(t.rank)",
    "t.size,type(t.size)",
    "t.domain.index_exp",
    "np.zeros(t.shape)[t.domain.index_exp].shape",
    "t[t.domain.index_exp].domain==t.domain",
    "t.mode",
    "type(t).__name__,type(t).__module__.split('.')[0]",
    "type(t.domain).__name__",
    "type(t.read()).__mro__[0].__name__",
    "(lambda *a:a)(*t.domain)",
    "vars(t)",
    "t.__class__.__doc__ is not None",
    "type(t).read.__name__",
    "help is not None",
    "isinstance(t.__dir__(),list)",
):
    print(e, err(lambda: eval(e)))
import collections.abc as c

print(
    [
        n
        for n in ("Sized", "Iterable", "Container", "Hashable", "Awaitable", "Callable", "Sequence")
        if isinstance(t, getattr(c, n))
    ],
    [
        n
        for n in ("Sized", "Iterable", "Container", "Hashable", "Awaitable", "Callable")
        if isinstance(t.read(), getattr(c, n))
    ],
    [
        n
        for n in ("Sized", "Iterable", "Container", "Hashable", "Awaitable", "Mapping", "MutableMapping")
        if isinstance(t.kvstore, getattr(c, n))
    ],
)
