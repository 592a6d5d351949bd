"""How a transform is printed.

What this file knows: the lines of the printed form.  What it must not know: how transforms are made.

Law: where `plain_text` may be asked, it is `text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tegula.space.columns import COUNT, ONES, ZEROS
from tegula.space.domain import NO_LABELS
from tegula.space.interval import MAX_RANK, interval_text, quoted
from tegula.space.maps import array_text
from tegula.space.unrolled import lines, outputs

if TYPE_CHECKING:
    from tegula.space.transform import IndexTransform


@lru_cache(64)
def _head(rank: int, count: int) -> str:
    return f"Rank {rank} -> {count} index space transform:\n  Input domain:\n"


@lru_cache(MAX_RANK + 1)
def _identity(rank: int) -> str:
    return "".join(["  Output index maps:\n", *(f"    out[{i}] = 0 + 1 * in[{i}]\n" for i in range(rank))])


def text(t: IndexTransform) -> str:
    """Return how a transform is printed; the definition of `repr`."""
    domain, maps = t.domain, t.maps
    lines = [f"Rank {domain.rank} -> {len(maps)} index space transform:", "  Input domain:"]
    for i, d in enumerate(domain):
        shown = interval_text(d.inclusive_min, d.exclusive_max, d.implicit_lower, d.implicit_upper)
        lines.append(f"    {i}: {shown}{' ' + quoted(d.label) if d.label else ''}")
    lines.append("  Output index maps:")
    for i, m in enumerate(maps):
        line = f"    out[{i}] = {m.offset}"
        if m.stride is not None:
            line += f" + {m.stride} * "
        if m.input_dimension is not None:
            line += f"in[{m.input_dimension}]"
        elif m.index_array is not None and m.index_range is not None:
            shown = interval_text(m.index_range.inclusive_min, m.index_range.exclusive_max)
            line += f"bounded({shown}, array(in)), where array =\n      {array_text(m.index_array)}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def plain_text(t: IndexTransform) -> str:
    """Return `text` of a transform whose bounds are all explicit and finite and that has no index array.

    >>> from tegula.space.transform import IndexTransform
    >>> t = IndexTransform(input_shape=[9], input_labels=["x"])[::2]
    >>> print(plain_text(t) + str(plain_text(t) == text(t)))
    Rank 1 -> 1 index space transform:
      Input domain:
        0: [0, 5) "x"
      Output index maps:
        out[0] = 0 + 2 * in[0]
    True
    """
    domain, dims = t.domain, t._dims
    rank, count = domain.rank, len(dims)
    names: Sequence[str] = domain.labels
    if names is not NO_LABELS[rank]:
        names = [f" {quoted(name)}" if name else "" for name in names]
    shown = _head(rank, count)
    if rank:
        shown += lines(rank)(domain.inclusive_min, domain.exclusive_max, names)
    if dims is COUNT[count] and t._strides is ONES[count] and t._offsets is ZEROS[count]:
        return shown + _identity(count)
    return f"{shown}  Output index maps:\n{outputs(dims)(t._offsets, t._strides) if count else ''}"
