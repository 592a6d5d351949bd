"""What the store of a user is tested with: `StoreChecks`.  Nothing is imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["StoreChecks"]

if TYPE_CHECKING:
    from tegula.testing.stores import StoreChecks as StoreChecks


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tegula.testing' has no attribute {name!r}")
    from tegula.testing.stores import StoreChecks

    return StoreChecks
