"""The conformance suite of key-value stores: everything that arrays rely on, one check a promise.

A store passes where every check passes; what a store may lack, and says that it lacks (writes or
deletions on a condition), has its own answer in the check.  For pytest:

    class TestShelf(tegula.testing.StoreChecks):
        @pytest.fixture
        def store(self):
            return tegula.KvStore.open("shelf://anything/").result()

The fixture gives a store with nothing in it.  Without pytest: ``check(StoreChecks(), store)`` for each
``check`` of `all_checks`.  A check is a method that takes the store, and raises `AssertionError`.

Law: for each family of checks there is a planted bug in tests/testing that it finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tegula.testing.arrays import ArrayChecks
from tegula.testing.concurrency import ConcurrencyChecks
from tegula.testing.conditions import ConditionChecks
from tegula.testing.keys import KeyChecks
from tegula.testing.listing import ListingChecks
from tegula.testing.native import NativeChecks
from tegula.testing.values import ValueChecks

__all__ = ["FAMILIES", "StoreChecks", "all_checks"]

FAMILIES = (
    ValueChecks,
    ConditionChecks,
    ListingChecks,
    KeyChecks,
    ConcurrencyChecks,
    NativeChecks,
    ArrayChecks,
)


class StoreChecks(*FAMILIES):  # type: ignore[misc]
    """Every check, as methods ``test_...(self, store)``; `store` is a pytest fixture of the subclass.

    >>> import tegula
    >>> for check in all_checks():
    ...     check(StoreChecks(), tegula.KvStore.open("memory://").result())
    >>> len(all_checks()) >= 60
    True
    """


def all_checks(family: type = StoreChecks) -> list[Callable[[Any, Any], None]]:
    """Return the checks of a family, by name."""
    return [getattr(family, name) for name in sorted(dir(family)) if name.startswith("test_")]
