"""Labels of dimensions: each is used once, and names one dimension.

What this file knows: when labels clash, and which dimension one names.  What it must not know: domains.
Law: ``dimension_of_label(labels, labels[i]) == i`` for every label but the empty one, where none clash.
"""

from __future__ import annotations

from itertools import pairwise

from tegula.errors import InvalidArgument
from tegula.space.interval import quoted

__all__ = ["check_labels", "dimension_of_label"]


def check_labels(labels: tuple[str, ...]) -> None:
    """Raise `InvalidArgument` if a label, other than the empty one, is used twice.

    >>> check_labels(("x", "", ""))
    """
    if len(set(labels)) == len(labels) or not any(labels):
        return
    named = sorted(label for label in labels if label)
    if len(set(named)) != len(named):
        twice = [a for a, b in pairwise(named) if a == b]
        raise InvalidArgument(f"Dimension label(s) {', '.join(map(quoted, twice))} not unique")


def dimension_of_label(labels: tuple[str, ...], label: str) -> int:
    """Return the position of `label`; raise `InvalidArgument` for the empty or an unknown one.

    >>> dimension_of_label(("x", "", "z"), "z")
    2
    """
    if not label:
        raise InvalidArgument("Dimension cannot be specified by empty label")
    try:
        return labels.index(label)
    except ValueError:
        known = ", ".join(map(quoted, labels))
        raise InvalidArgument(f"Label {quoted(label)} does not match one of {{{known}}}") from None
