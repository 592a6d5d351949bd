"""What the property tests draw: views of an array made by random chains of indexing."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import tegula as ts

MODES = ("basic", "oindex", "vindex")


RANKS = st.integers(0, 4)


@st.composite
def shapes(draw: st.DrawFn, rank: st.SearchStrategy[int] = RANKS, extent: int = 9) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(1, extent), min_size=(r := draw(rank)), max_size=r)))


@st.composite
def chunks_of(draw: st.DrawFn, shape: tuple[int, ...], extent: int = 5) -> tuple[int, ...]:
    return tuple(draw(st.integers(1, extent)) for _ in shape)


@st.composite
def _terms(draw: st.DrawFn, domain: Any) -> tuple[Any, ...]:
    terms: list[Any] = []
    for dim in domain:
        low, high = dim.inclusive_min, dim.exclusive_max
        kind = draw(st.sampled_from(["all", "all", "int", "slice", "step", "back", "list", "new"]))
        if kind == "new" and len(domain) < 6:
            terms.append(None)
            kind = "all"
        if low == high or kind in ("all", "new"):
            terms.append(slice(None))
        elif kind == "int":
            terms.append(draw(st.integers(low, high - 1)))
        elif kind == "list":
            terms.append(draw(st.lists(st.integers(low, high - 1), min_size=3, max_size=3)))
        elif kind == "back":
            start = draw(st.integers(low, high - 1))
            stop = draw(st.integers(low - 1, start))
            terms.append(slice(start, stop, -draw(st.integers(1, 4))))
        else:
            start = draw(st.integers(low, high))
            stop = draw(st.integers(start, high))
            terms.append(slice(start, stop, draw(st.integers(1, 4)) if kind == "step" else None))
    return tuple(terms)


@st.composite
def view_steps(draw: st.DrawFn, shape: tuple[int, ...]) -> list[tuple[str, Any]]:
    """Steps that turn a view of `shape` into another: ``(mode, terms)`` or ``("transpose", axes)``."""
    view = ts.IndexTransform(input_shape=shape)
    steps: list[tuple[str, Any]] = []
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.integers(0, 3)) == 0 and view.input_rank:
            step = ("transpose", tuple(draw(st.permutations(range(view.input_rank)))))
        else:
            step = (draw(st.sampled_from(MODES)), draw(_terms(view.domain)))
        try:
            view = follow(view, [step])
        except IndexError:
            continue  # a step that this view refuses, such as one with too many dimensions
        steps.append(step)
    return steps


def follow(view: Any, steps: list[tuple[str, Any]]) -> Any:
    """Apply the steps of `view_steps` to anything that is indexed."""
    for mode, terms in steps:
        if mode == "transpose":
            view = view.transpose(list(terms))
        else:
            view = (view if mode == "basic" else getattr(view, mode))[terms]
    return view
