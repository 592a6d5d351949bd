"""What of a view is stored, as a value.

Knows: nothing.  Law: it prints as the drop-in's does.
"""

from __future__ import annotations

from typing import Any

from tegula.public import public
from tegula.space.arguments import flag

__all__ = ["StorageStatistics"]


@public("TensorStore.StorageStatistics")
class StorageStatistics:
    """What of a view is stored: nothing, all of it; None for what was not asked.  Both can be set.

    >>> StorageStatistics(not_stored=True)
    TensorStore.StorageStatistics(not_stored=True, fully_stored=None)
    """

    __slots__ = {  # noqa: RUF023 - the order in which they are printed
        "not_stored": """Whether no chunk of the view is stored; None where it was not asked.

        >>> StorageStatistics(not_stored=True).not_stored
        True
        """,
        "fully_stored": """Whether every chunk of the view is stored; None where it was not asked.

        >>> StorageStatistics(not_stored=True).fully_stored is None
        True
        """,
    }
    __hash__ = None  # type: ignore[assignment]

    not_stored: bool | None
    fully_stored: bool | None

    def __init__(self, *, not_stored: bool | None = None, fully_stored: bool | None = None) -> None:
        self.not_stored = not_stored
        self.fully_stored = fully_stored

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, None if value is None else flag(value, name))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StorageStatistics):
            return NotImplemented
        return (self.not_stored, self.fully_stored) == (other.not_stored, other.fully_stored)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.not_stored, self.fully_stored)

    def __repr__(self) -> str:
        return (
            f"TensorStore.StorageStatistics(not_stored={self.not_stored}, fully_stored={self.fully_stored})"
        )


def _restore(not_stored: bool | None, fully_stored: bool | None) -> StorageStatistics:
    return StorageStatistics(not_stored=not_stored, fully_stored=fully_stored)
