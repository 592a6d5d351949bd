"""Planning alone: what a read of a million chunks costs before the first byte moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tegula
from benchmarks.harness import Case, Group, Options
from benchmarks.peers import attempt
from tegula.plan.blocks import EXPANDED_ROWS
from tegula.plan.partition import partition
from tegula.plan.table import bind, c_strides


def _cases(options: Options) -> Iterator[Case]:
    chunks = 10 if options.smoke else 100

    def make(select: Any) -> Any:
        shape = [64 * chunks] * 3
        metadata = {"shape": shape, "chunks": [64, 64, 64], "dtype": "<u2", "compressor": None}
        what = {"driver": "zarr", "kvstore": "memory://", "metadata": metadata}
        view = select(tegula.open(what, create=True, context=tegula.Context()).result())
        return lambda: tegula.explain(view)

    def expanded() -> int:
        view = tegula.IndexTransform(input_shape=[64 * chunks] * 3)
        part = partition(view, (64, 64, 64))
        table = bind(part, c_strides((64, 64, 64)), c_strides(part.shape))
        return sum(len(rows.expand()) for rows in table.blocks(EXPANDED_ROWS))

    yield Case(
        f"every row of {chunks**3} chunks",
        {"tegula": expanded},
        count=chunks**3,
        answer=lambda *_: True,
    )
    for name, select in (("whole", lambda s: s), ("strided", lambda s: s[::3, ::5, 1 : 64 * chunks - 1])):
        yield Case(
            f"{name}, {chunks**3} chunks",
            {"tegula": attempt(lambda select=select: make(select))},
            count=chunks**3,
            answer=lambda *_: True,
        )


GROUP = Group("plan", "explain a read of 1,000,000 chunks (tegula only)", _cases)
