"""How a transform is printed.

What this file knows: the lines of the printed form.  What it must not know: how transforms are made.

Law: where `plain_text` may be asked, it is `text`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tegula.space.columns import COUNT, ONES, ZEROS
from tegula.space.domain import NO_LABELS
from tegula.space.interval import MAX_RANK, interval_text, quoted
from tegula.space.maps import array_text

if TYPE_CHECKING:
    from tegula.space.transform import IndexTransform

_INPUT = tuple(f"    {i}: [" for i in range(MAX_RANK))
_OUTPUT = tuple(f"    out[{i}] = " for i in range(MAX_RANK))
_ALONG = tuple(f" * in[{i}]\n" for i in range(MAX_RANK))


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
    rank = len(dims)
    shown = _head(domain.rank, rank)
    los, his, labels = domain.inclusive_min, domain.exclusive_max, domain.labels
    if labels is not NO_LABELS[len(los)]:
        for start, lo, hi, name in zip(_INPUT, los, his, labels):  # noqa: B905
            shown += f"{start}{lo}, {hi}) {quoted(name)}\n" if name else f"{start}{lo}, {hi})\n"
    else:
        for start, lo, hi in zip(_INPUT, los, his):  # noqa: B905
            shown += f"{start}{lo}, {hi})\n"
    if dims is COUNT[rank] and t._strides is ONES[rank] and t._offsets is ZEROS[rank]:
        return shown + _identity(rank)
    shown += "  Output index maps:\n"
    for start, along, offset, stride in zip(_OUTPUT, dims, t._offsets, t._strides):  # noqa: B905
        if stride == 1:
            shown += f"{start}{offset} + 1{_ALONG[along]}" if offset else f"{start}0 + 1{_ALONG[along]}"
        elif stride:
            shown += f"{start}{offset} + {stride}{_ALONG[along]}"
        else:
            shown += f"{start}{offset}\n"
    return shown
