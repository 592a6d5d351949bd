"""Law: a document that somebody wrote by hand means the same to tegula and tensorstore, whoever writes.

Of each drawn specification an array is made by tegula, one by tensorstore, and one that both write in turn.
``TEGULA_SOAK=3000 pytest -s property_tests/arrays/test_documents_both_ways.py`` draws so many of each kind.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import tensorstore

import tegula
from property_tests.arrays.making_documents import KINDS, Drawn, drawn, elements, region

SOAK = int(os.environ.get("TEGULA_SOAK", "0"))
pytestmark = [pytest.mark.peers, pytest.mark.timeout(0 if SOAK else 300)]


def opened(library: Any, made: Drawn, folder: Path, create: bool) -> Any:
    spec = {**made.spec, "kvstore": f"file://{folder}/"}
    more = {"dimension_units": made.units} if made.units is not None and create else {}
    if not create:
        del spec["metadata"]
    return library.open(spec, create=create, open=not create, **more).result()


def facts(store: Any, folder: Path) -> Any:
    """Return all that a handle says of itself."""
    fill = None if store.fill_value is None else (str(store.fill_value.dtype), store.fill_value.tobytes())
    units = [None if unit is None else (unit.multiplier, unit.base_unit) for unit in store.dimension_units]
    layout, codec = store.chunk_layout.to_json(), store.codec.to_json()
    told = json.dumps([store.spec().to_json(), store.schema.to_json()]).replace(str(folder), "")
    return repr(store.domain), store.dtype.name, fill, units, layout, codec, told


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def documents(folder: Path) -> dict[str, Any]:
    return {
        key: json.loads(value) for key, value in tree(folder).items() if "json" in key or key == ".zarray"
    }


def equal(a: Any, b: Any) -> bool:
    return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_means_the_same_to_both(kind: str, tmp_path: Path) -> None:
    for seed in range(10**6, 10**6 + (SOAK or 12)):
        draw = Random(f"{kind} {seed}")
        made = drawn(kind, draw)
        where = [tmp_path / f"{seed}{name}" for name in "abc"]
        ours = opened(tegula, made, where[0], True)
        theirs = opened(tensorstore, made, where[1], True)
        assert facts(ours, where[0]) == facts(theirs, where[1]), (seed, made)
        assert documents(where[0]) == documents(where[1]), (seed, made)
        opened(draw.choice([tegula, tensorstore]), made, where[2], True)
        both = [opened(library, made, where[2], False) for library in (tegula, tensorstore)]
        for _ in range(draw.randrange(1, 5)):
            at = (...,) if draw.random() < 0.3 else region(draw, made.shape)
            data = elements(draw, made.dtype, tuple(ours.oindex[at].shape))
            for store in (ours, theirs, draw.choice(both)):
                store.oindex[at].write(data).result()
        found = ours.read().result()
        readers: list[Any] = [theirs, *both]
        readers += [opened(tensorstore, made, where[0], False), opened(tegula, made, where[1], False)]
        assert all(equal(found, np.asarray(store.read().result())) for store in readers), (seed, made)
        assert tree(where[0]).keys() == tree(where[1]).keys(), (seed, made)
