"""Rows: what one can do with them is what one can with `typing.NamedTuple`."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Any

import pytest

from tegula import row


class Ours(row.NamedTuple):
    """Two fields."""

    x: int
    y: int = 5

    @property
    def total(self) -> int:
        return self.x + self.y


class Theirs(typing.NamedTuple):
    """Two fields."""

    x: int
    y: int = 5

    @property
    def total(self) -> int:
        return self.x + self.y


class OursBelow(Ours):
    """One that derives from it."""


class TheirsBelow(Theirs):
    """One that derives from it."""


class Empty(row.NamedTuple):
    """No field."""


USES: dict[str, Any] = {
    "positional": lambda kind: kind(1, 2),
    "default": lambda kind: kind(1),
    "named": lambda kind: kind(y=3, x=4),
    "field": lambda kind: (kind(1, 2).x, kind(1, 2).y),
    "property": lambda kind: kind(1, 2).total,
    "unpacked": lambda kind: [*kind(1, 2)],
    "replaced": lambda kind: kind(1)._replace(x=7),
    "replaced wrongly": lambda kind: kind(1)._replace(z=7),
    "made": lambda kind: kind._make([1, 2]),
    "made wrongly": lambda kind: kind._make([1]),
    "dictionary": lambda kind: kind(1)._asdict(),
    "fields": lambda kind: (kind._fields, kind._field_defaults, kind.__match_args__),
    "equal": lambda kind: (kind(1) == kind(1, 5), kind(1) == (1, 5), hash(kind(1)) == hash((1, 5))),
    "ordered": lambda kind: kind(1) < kind(2),
    "added": lambda kind: kind(1) + (2,),  # noqa: RUF005
    "pickled": lambda kind: pickle.loads(pickle.dumps(kind(1, 2))),
    "copied": lambda kind: copy.deepcopy(kind(1, [2])),
    "none": lambda kind: kind(),
    "too many": lambda kind: kind(1, 2, 3),
    "unknown": lambda kind: kind(1, z=3),
    "assigned": lambda kind: setattr(kind(1), "x", 3),
    "is a tuple": lambda kind: isinstance(kind(1), tuple),
}


def _said(use: Any, kind: Any) -> str:
    try:
        return repr(use(kind))
    except (TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("ours", "theirs"), [(Ours, Theirs), (OursBelow, TheirsBelow)])
def test_a_row_is_a_named_tuple(use: str, ours: Any, theirs: Any) -> None:
    assert _said(USES[use], ours).replace("Ours", "Theirs") == _said(USES[use], theirs)
    assert _said(USES[use], ours).replace("Ours", "Theirs") == _said(USES[use], theirs)  # no longer the first


def test_a_row_is_matched_and_may_be_empty() -> None:
    match Ours(1, 2):
        case Ours(x, y):
            assert (x, y) == (1, 2)
    assert Empty() == ()
    assert repr(Empty()) == "Empty()"
    assert type(pickle.loads(pickle.dumps(Empty()))) is Empty


def test_a_row_has_no_dictionary() -> None:
    assert not hasattr(Ours(1), "__dict__")
    with pytest.raises(AttributeError):
        Ours(1).z = 3  # type: ignore[attr-defined]
