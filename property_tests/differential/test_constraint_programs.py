"""Laws: constraints merge as in tensorstore 0.1.86: what schemas and layouts become, print and refuse.

Drawn programs of a few statements: a `Schema`, a `ChunkLayout` or a `ChunkLayout.Grid` is made from keywords
or JSON, then updated, from numbers and from other schemas.  After each statement both libraries must say the
same: the text, the JSON, and the class and words of an error.  ``TEGULA_SOAK=2000`` sets how many are drawn.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tegula

tensorstore = pytest.importorskip("tensorstore")
pytestmark = pytest.mark.peers

MANY = settings(max_examples=int(os.environ.get("TEGULA_SOAK", "0")) or 60, deadline=None)
FAMILIES = (NotImplementedError, IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError)

RANK = st.sampled_from([0, 1, 2, 2, 2, 3, -1, 33])
SIZES = st.sampled_from([None, -1, 0, 1, 2, 3, 4, 10, 10, 64, -2])
RATIOS = st.sampled_from([None, 0, 1, 1.0, 1.5, 2, 3, 0.25, -1])
ORIGINS = st.sampled_from([None, 0, 0, 1, -3])
COUNTS = st.sampled_from([None, 0, 1, 10, 100, 1000, -1])
UNITS = st.sampled_from([None, "", "nm", "4 nm", "4nm", "5 s", 3, [4, "nm"]])
LABELS = st.sampled_from(["", "", "x", "y", "z"])
DTYPES = st.sampled_from(["uint8", "uint8", "int32", "float32", "bool", "string", "json"])
CODECS = st.sampled_from(
    [
        {"driver": "zarr3"},
        {"driver": "zarr3", "codecs": ["bytes"]},
        {"driver": "zarr3", "codecs": [{"name": "gzip", "configuration": {"level": 3}}]},
        {"driver": "zarr3", "codecs": [{"name": "gzip", "configuration": {"level": 5}}]},
        {"driver": "zarr", "compressor": None},
        {"driver": "zarr", "compressor": {"id": "zlib", "level": 2}},
    ]
)


def rows(of: Any) -> Any:
    """One value a dimension, of two dimensions more often than not."""
    return st.one_of(st.lists(of, min_size=2, max_size=2), st.lists(of, max_size=3))


ORDERS = st.sampled_from([[0, 1], [1, 0], [1, 0], [0], [2, 1, 0], [0, 0], []])
SOFT = "_soft_constraint"
GRIDS: dict[str, Any] = {"shape": rows(SIZES), "aspect_ratio": rows(RATIOS), "elements": COUNTS}
GRID = {f"{name}{soft}": values for name, values in GRIDS.items() for soft in ("", SOFT)}
LAYOUT = {
    "rank": RANK,
    "inner_order": ORDERS,
    "inner_order" + SOFT: ORDERS,
    "grid_origin": rows(ORIGINS),
    "grid_origin" + SOFT: rows(ORIGINS),
}
# the keywords of the shape of codec chunks are a deliberate difference: docs/parity.md, and the law below
KEYWORDS = {
    **LAYOUT,
    **{f"{usage}chunk_{name}": values for usage in ("", "read_", "write_") for name, values in GRID.items()},
    "codec_chunk_elements": COUNTS,
    "codec_chunk_elements" + SOFT: COUNTS,
}


def some(parts: dict[str, Any], least: int = 0, most: int = 3) -> Any:
    """A few members, drawn by name."""
    names = st.lists(st.sampled_from(sorted(parts)), min_size=least, max_size=most, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: parts[name] for name in chosen}))


LAYOUT_JSON = some(
    {**LAYOUT, **dict.fromkeys(["chunk", "read_chunk", "write_chunk", "codec_chunk"], some(GRID))}
)
DOMAINS = st.fixed_dictionaries(
    {"shape": st.lists(st.sampled_from([0, 1, 5, [5], "+inf"]), min_size=1, max_size=3)},
    optional={"labels": st.lists(LABELS, min_size=1, max_size=3)},
)
FILLS = st.sampled_from([0, 1, 42, 300, 1.5, "x", True, None, [1, 2], [[1, 2]], [[1], [2]], [1, 1]])
SCHEMA_JSON = some(
    {
        "rank": RANK,
        "dtype": DTYPES,
        "domain": DOMAINS,
        "chunk_layout": LAYOUT_JSON,
        "codec": CODECS,
        "fill_value": FILLS,
        "dimension_units": rows(UNITS),
    }
)


def layouts() -> Any:
    """The source text of a layout."""
    return st.one_of(
        some(KEYWORDS).map(lambda options: f"ts.ChunkLayout(**{options!r})"),
        LAYOUT_JSON.map(lambda json: f"ts.ChunkLayout({json!r})"),
    )


PARTS = {
    "rank": RANK.map(repr),
    "dtype": DTYPES.map(repr),
    "shape": st.lists(st.sampled_from([0, 1, 5, 7]), max_size=3).map(repr),
    "domain": DOMAINS.map(lambda json: f"ts.IndexDomain(json={json!r})"),
    "chunk_layout": layouts(),
    "codec": CODECS.map(repr),
    "fill_value": st.sampled_from(["0", "1", "42", "1.5", "[1, 2]", "[[1, 2]]", "[[1], [2]]", "[1, 1]"]),
    "dimension_units": rows(UNITS).map(repr),
    "schema": SCHEMA_JSON.map(lambda json: f"ts.Schema({json!r})"),
}


def called(options: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


UPDATES = {
    "ts.Schema": some(PARTS, 1).map(called),
    "ts.ChunkLayout": st.one_of(some(KEYWORDS, 1), some({"finalize": st.booleans()}, 1)).map(
        lambda options: f"**{options!r}"
    ),
    # `grid_soft_constraint` is a deliberate difference
    "ts.ChunkLayout.Grid": st.one_of(
        some({"rank": RANK, **GRID}, 1).map(lambda options: f"**{options!r}"),
        some(GRID).map(lambda json: f"grid=ts.ChunkLayout.Grid({json!r})"),
    ),
}
JSON = {"ts.Schema": SCHEMA_JSON, "ts.ChunkLayout": LAYOUT_JSON, "ts.ChunkLayout.Grid": some(GRID)}


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, ...]:
    """The first statement makes a value; each further one updates it."""
    kind = draw(st.sampled_from(sorted(UPDATES)))
    first = draw(st.one_of(UPDATES[kind], JSON[kind].map(repr)))
    return (f"{kind}({first})", *draw(st.lists(UPDATES[kind], min_size=1, max_size=4)))


# the wheel shows a fill value of one byte as a character: docs/parity.md
CHARACTER = re.compile(r"fill_value (\(.*?\)|for rank \d+: .*)|existing value in schema \(.*?\)", re.DOTALL)


def told(text: str, names: dict[str, Any]) -> Any:
    """What an expression gives, or the family and text of its error; those of a `TypeError` differ."""
    try:
        return eval(text, names)
    except Exception as error:
        family = next(kind for kind in (*FAMILIES, Exception) if isinstance(error, kind))
        words = "" if family is TypeError else str(error)
        if "uint8" in repr(names["program"]):
            words = CHARACTER.sub("fill_value", words)
        return f"{family.__name__}: {words}"


def said(program: tuple[str, ...], library: Any) -> list[str]:
    """What each statement of a program says; it ends at the first error, for what that leaves differs."""
    names = {"ts": library, "program": program}
    value = names["value"] = told(program[0], names)
    answers = [shown(value)]
    if isinstance(value, str):
        return answers
    for update in program[1:]:
        failed = told(f"value.update({update})", names)
        if failed is not None:
            return [*answers, failed]
        answers.append(f"{shown(value)} {told('value.to_json()', names)} rank {value.rank}")
    return answers


PARTS_OF_A_GRID = tuple(f"{name}{soft}" for name in GRIDS for soft in ("", SOFT))


def shown(value: Any) -> str:
    """What is printed of a value; of a grid, which the wheel does not print, its parts."""
    if isinstance(value, (tegula.ChunkLayout.Grid, tensorstore.ChunkLayout.Grid)):
        return repr([getattr(value, name) for name in PARTS_OF_A_GRID])
    return str(value)


@MANY
@given(programs())
def test_constraints_merge_as_under_tensorstore_0_1_86(program):
    assert said(program, tegula) == said(program, tensorstore)


CODEC = {f"codec_chunk_{name}": values for name, values in GRID.items()}


@MANY
@given(st.lists(some({"rank": RANK, **CODEC}, 1), min_size=1, max_size=4))
def test_the_keywords_of_codec_chunks_are_to_them_what_those_of_read_chunks_are_in_tensorstore_0_1_86(steps):
    """As its documentation says; the wheel itself takes the shape of codec chunks for that of read chunks."""
    program = [f"ts.ChunkLayout(**{steps[0]!r})", *(f"**{step!r}" for step in steps[1:])]
    mine = said(tuple(program), tegula)
    theirs = said(tuple(each.replace("codec_chunk", "read_chunk") for each in program), tensorstore)
    assert _ordered(mine) == _ordered(each.replace("read_chunk", "codec_chunk") for each in theirs)


def _ordered(answers: Any) -> list[str]:
    """Answers without spaces, as lines are broken by length, and without the rank, which is said twice."""
    joined = ("".join(each.split()).replace(",}", "}") for each in answers)
    return [re.sub(r"'rank':\d+,?|,'rank':\d+", "", each).replace(",}", "}") for each in joined]
