"""The functional face: every operation of the handle is also a plain function, generated from the API.

The public methods of everything that is indexed are enumerated; each has a functional twin of the same name
(`NAME_of` for a property) or stands below with the reason why not.  Each pair gives the same: the same value,
or the same class and text of error.
"""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
import tensorstore

import tegula
from tegula import Schema, Spec, TensorStore, at, d, pipe
from tegula.space.dims import DimExpression, IndexDomain, IndexTransform

INDEXED = (TensorStore, Spec, Schema, IndexDomain, IndexTransform)

# methods without a function of their own, and what to write instead
WITHOUT = {
    "T": "`transpose` without brackets: the drop-in has a name T already",
    "astype": "`cast`, which also takes a specification",
    "ndim": "`rank_of`",
    "readable": "`mode_of`",
    "writable": "`mode_of`",
    "transaction": "a state of the handle",
    "with_transaction": "binds a handle to a state; not from view to view",
    "transform": "of a Spec alone",
    "open_mode": "of a Spec alone",
    "copy": "of mutable values alone",
    "update": "changes in place",
    "to_json": "leaves the algebra",
    "hull": "takes two domains",
    "intersect": "takes two domains",
    "output": "of a transform alone",
    "output_rank": "of a transform alone",
    "index_exp": "of a domain alone",
    "StorageStatistics": "a class",
    "attrs": "a mapping whose assignments write: nothing to compose",
}
OF_THE_DOMAIN = (
    "labels inclusive_min inclusive_max exclusive_max implicit_lower_bounds implicit_upper_bounds input_rank "
    "input_origin input_inclusive_min input_inclusive_max input_exclusive_max input_shape input_labels"
)
WITHOUT |= dict.fromkeys(OF_THE_DOMAIN.split(), "read from `domain_of(x)`")

# all that a handle has, and of the other classes what the drop-in's have: the rest is internal
METHODS = sorted(
    {name for name in dir(TensorStore) if not name.startswith("_")}
    | {
        name
        for kind in INDEXED
        for name in dir(getattr(tensorstore, kind.__name__))
        if not name.startswith("_")
    }
)
TWINS = {
    name: twin
    for name in METHODS
    for twin in (name, f"{name}_of")
    if twin in tegula.__all__ and not (twin == name and name in ("dtype", "schema"))
}


def test_every_method_has_a_function_or_a_reason():
    missing = [name for name in METHODS if name not in TWINS and name not in WITHOUT]
    assert not missing
    assert not (TWINS.keys() & WITHOUT.keys())
    assert not (WITHOUT.keys() - set(METHODS))
    assert "__getitem__" in dir(TensorStore)
    assert "at" in tegula.__all__


def test_no_name_is_one_of_the_drop_ins():
    ours = {twin for name, twin in TWINS.items()} | {"at", "pipe", "explain"}
    both = ("downsample", "cast")
    assert not [name for name in ours if hasattr(tensorstore, name) and name not in both]


# ---------------------------------------------------------------- what is indexed

DATA = np.arange(24, dtype="int32").reshape(4, 6)


def _store():
    made = tegula.open(
        {"driver": "zarr3", "kvstore": "memory://"},
        create=True,
        dtype="int32",
        domain=IndexDomain(shape=[4, 6], labels=["y", "x"]),
        dimension_units=["2nm", "3nm"],
        fill_value=7,
        chunk_layout=tegula.ChunkLayout(chunk_shape=[2, 3]),
    ).result()
    made[...] = DATA
    return made


STORE = _store()
THINGS = {
    "store": STORE,
    "view": STORE[1:3, ::-2],
    "array": tegula.array(DATA),
    "cast": tegula.cast(STORE, "float64"),
    "spec": STORE.spec(),
    "spec of a rank": Spec({"driver": "zarr3", "kvstore": "memory://", "rank": 2}),
    "spec of nothing": Spec({"driver": "zarr3", "kvstore": "memory://"}),
    "schema": STORE.schema,
    "domain": IndexDomain(shape=[4, 6], labels=["y", "x"]),
    "open domain": IndexDomain(2),
    "transform": IndexTransform(IndexDomain(shape=[4, 6]))[1:, [3, 1, 2]],
}


def _said(function):
    """What a call says: its value in a form that compares, or the class and text of its error."""
    try:
        found = function()
        if isinstance(found, TensorStore):
            return repr(found.domain), found.dtype.name, found.schema, _said(lambda: found.read().result())
    except (ValueError, IndexError, TypeError, NotImplementedError, AttributeError) as error:
        return type(error), str(error)
    if isinstance(found, np.ndarray):
        return found.dtype, found.tolist()
    if isinstance(found, tegula.KvStore):
        return found.url
    return repr(found) if isinstance(found, IndexTransform) else found


KEYS = {
    "translate_to": (3, (1, -2), (None, 5), (1, 2, 3), 2**62),
    "translate_by": (3, (1, -2), (None, 5), (1, 2, 3)),
    "translate_backward_by": (3, (1, -2), (None, 5), (1, 2, 3)),
    "stride": (2, (1, -2), (1, 2, 3), 0),
    "label": (("a", "b"), ["a", ""], "a", ("a", "a")),
    "mark_bounds_implicit": (True, False, slice(True, None), slice(None, False)),
    "transpose": ((1, 0), (-1, 0), slice(None, None, -1), (0, 0), (0,), ("x", "y")),
    "oindex": (
        ([1, 2], slice(2, 4)),
        (1, [True, False, True]),
        (..., 2),
        (None, 1),
        (1, 2, 3),
        [[1, 2], [2, 1]],
    ),
    "vindex": ((slice((1, 2), (3, 4)),), ([1, 2], [2, 4]), (..., [2, 3]), (slice(1, 2), [3, 3]), (1, 2, 3)),
    "at": (
        *(1, slice(1, 3), (..., None, 2), ([1, 2], [3, 4]), (slice(None, None, -1), 3), 99, (1, 2, 3), True),
        *(d["y"][2], d[:].translate_by[1], d[0, 1].diagonal),
        *(IndexDomain(shape=[2, 2]), IndexTransform(2)[1:2]),
    ),
}


def _method(x, name, key):
    if name == "at":
        return x[key]
    return x.transpose(key) if name == "transpose" else getattr(x, name)[key]


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("name", KEYS)
def test_an_operation_in_brackets_is_the_method(name, thing):
    x = THINGS[thing]
    for key in KEYS[name]:
        theirs = _said(lambda key=key: _method(x, name, key))
        assert _said(lambda key=key: pipe(x, getattr(tegula, name)[key])) == theirs, key


@pytest.mark.parametrize("thing", [name for name in THINGS if name != "spec of nothing"])
@pytest.mark.parametrize("name", ["translate_to", "translate_by", "translate_backward_by", "stride", "label"])
def test_operations_without_a_selection_are_those_over_all_dimensions(name, thing):
    x = THINGS[thing]
    for key in KEYS[name]:
        expected = _said(lambda key=key: x[getattr(d[:], name)[key]])
        found = _said(lambda key=key: getattr(x, name)[key])
        # the class differs: IndexError between brackets, ValueError for a method
        assert found[1:] == expected[1:] if isinstance(expected, tuple) else found == expected, key
    assert _said(lambda: x.diagonal) == _said(lambda: x[d[:].diagonal])


def test_each_operation_in_brackets_is_among_the_keys():
    bracketed = {
        name
        for name in TWINS
        if hasattr(getattr(TensorStore, name, None), "fget")
        and name not in ("diagonal",)
        and TWINS[name] == name
    }
    assert bracketed <= KEYS.keys()


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("name", [n for n in TWINS if TWINS[n] == f"{n}_of"] + ["diagonal", "T"])
def test_a_property_is_its_function(name, thing):
    x = THINGS[thing]
    if not hasattr(type(x), name):
        return
    function = tegula.transpose if name == "T" else getattr(tegula, TWINS[name])
    assert _said(lambda: function(x)) == _said(lambda: getattr(x, name))
    assert _said(lambda: pipe(x, function)) == _said(lambda: getattr(x, name))


WAITED = {
    "read": ({}, {"order": "F"}),
    "resolve": ({}, {"fix_resizable_bounds": True}),
    "resize": ({"exclusive_max": [4, 6]}, {"exclusive_max": [1, 1], "expand_only": True}),
    "storage_statistics": ({}, {"query_not_stored": True}),
}


@pytest.mark.parametrize("thing", ["store", "view", "array", "cast"])
@pytest.mark.parametrize("name", WAITED)
def test_an_action_is_the_method_waited_for(name, thing):
    x, function = THINGS[thing], getattr(tegula, name)
    for options in WAITED[name]:
        expected = _said(lambda options=options: getattr(x, name)(**options).result())
        assert _said(lambda options=options: function(x, **options)) == expected
        assert _said(lambda options=options: function(**options)(x)) == expected


@pytest.mark.parametrize("options", [{}, {"minimal_spec": True}, {"open_mode": tegula.OpenMode(create=True)}])
def test_spec_is_the_method(options):
    assert tegula.spec(STORE, **options) == tegula.spec(**options)(STORE) == STORE.spec(**options)


def test_write_is_the_method():
    one, other, third = (tegula.array(np.zeros(3)) for _ in range(3))
    one[1:].write([1, 2]).result()
    assert tegula.write(other[1:], [1, 2]).shape == (2,)
    pipe(third, at[1:], tegula.write([1, 2]))
    assert (
        tegula.read(one).tolist() == tegula.read(other).tolist() == tegula.read(third).tolist() == [0, 1, 2]
    )


def test_every_twin_is_checked_above():
    checked = KEYS.keys() | WAITED.keys() | {"diagonal", "spec", "write"}
    checked |= {name for name in TWINS if TWINS[name] == f"{name}_of"}
    assert TWINS.keys() <= checked


# ---------------------------------------------------------------- steps are values

STEPS = [
    *(getattr(tegula, name)[key] for name, keys in KEYS.items() for key in keys),
    *(getattr(tegula, twin) for twin in TWINS.values()),
    tegula.cast("float32"),
    tegula.cast(tegula.int8),
    tegula.downsample([2, 1], "mean"),
    tegula.read(order="F"),
    tegula.resolve(fix_resizable_bounds=True),
    tegula.spec(minimal_spec=True),
    tegula.write([1, 2]),
    tegula.write(np.arange(3)),
    at["x"],
    at[()],
    at,
]
NAMES = {name: getattr(tegula, name) for name in tegula.__all__} | {"array": np.array}


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_a_step_is_a_value(step):
    again = pickle.loads(pickle.dumps(step))
    assert again == step
    assert hash(again) == hash(step)
    assert repr(again) == repr(step)
    if not isinstance(getattr(step, "argument", None), (IndexDomain, IndexTransform)):
        written = eval(repr(step), dict(NAMES))
        assert written == step
        assert hash(written) == hash(step)


def test_steps_that_differ_are_not_equal():
    for i, step in enumerate(STEPS):
        assert [k for k, other in enumerate(STEPS) if other == step and repr(other) != repr(STEPS[i])] == []
    assert at[1:] != at[1:2]
    assert at[[1, 2]] == at[np.array([1, 2])]
    assert at[[1, 2]] != tegula.oindex[[1, 2]]
    assert tegula.cast("int8") == tegula.cast(np.int8) != tegula.cast("int16")
    assert tegula.write(np.arange(3)) != tegula.write(np.arange(4))
    assert tegula.read != tegula.write


def test_a_step_does_not_follow_what_it_was_made_from():
    rows = np.array([0, 1])
    step = at[rows]
    rows[:] = 3
    assert tegula.read(step(STORE)).tolist() == DATA[[0, 1]].tolist()


@pytest.mark.parametrize("name", ["at", "oindex", "vindex"])
def test_a_malformed_expression_is_refused_at_once(name):
    with pytest.raises(IndexError, match="Only integers, slices"):
        getattr(tegula, name)[1.5]
    with pytest.raises(IndexError, match="Only integers, slices"):
        _method(STORE, name, 1.5)


def test_functions_of_the_face_are_functions_to_the_tools():
    assert list(inspect.signature(tegula.read).parameters) == ["store", "order"]
    assert inspect.getdoc(tegula.read).startswith("Read a store")
    assert isinstance(d[0].translate_to[1], DimExpression)
    assert pipe(IndexDomain(shape=[2, 2]), d[0].translate_to[1], tegula.translate_to[None, 4]).origin == (
        1,
        4,
    )
