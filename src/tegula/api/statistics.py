"""What of a view is stored, as a value.

Knows: nothing.  Law: it prints as the drop-in's does.
"""

from __future__ import annotations

from tegula.record import Record

__all__ = ["StorageStatistics"]


class StorageStatistics(Record):
    """What of a view is stored: nothing, all of it; None for what was not asked.

    >>> StorageStatistics(not_stored=True)
    TensorStore.StorageStatistics(not_stored=True, fully_stored=None)
    """

    not_stored: bool | None = None
    fully_stored: bool | None = None

    def __repr__(self) -> str:
        return (
            f"TensorStore.StorageStatistics(not_stored={self.not_stored}, fully_stored={self.fully_stored})"
        )
