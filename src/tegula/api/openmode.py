"""The open mode as a public value; what it means is `tegula.programs.opening.OpenFlags`."""

from __future__ import annotations

from typing import Any

from tegula.public import public
from tegula.space.arguments import flag

__all__ = ["OpenMode", "no_transaction"]

_NAMES = ("open", "create", "delete_existing", "assume_metadata", "assume_cached_metadata")


@public("OpenMode")
class OpenMode:
    """What opening may do: a set of flags, all off unless named.

    `open` what exists; `create` what does not; `delete_existing` first; `assume_metadata` as given,
    without reading or writing any; `assume_cached_metadata` only where it is needed.

    >>> OpenMode(open=True, create=True)
    OpenMode(open=True, create=True)
    """

    __slots__ = {  # noqa: RUF023 - the order in which they are printed
        "open": """Whether an array that exists may be opened.

        >>> OpenMode(open=True).open, OpenMode().open
        (True, False)
        """,
        "create": """Whether an array that does not exist is created.

        >>> OpenMode(create=True).create
        True
        """,
        "delete_existing": """Whether what is there is deleted before the array is created.

        >>> OpenMode(create=True, delete_existing=True).delete_existing
        True
        """,
        "assume_metadata": """Whether the metadata is taken as given: none is read, and none is written.

        >>> OpenMode(open=True, assume_metadata=True).assume_metadata
        True
        """,
        "assume_cached_metadata": """Whether the metadata is taken as given: opening reads none.

        >>> mode = OpenMode(open=True, assume_cached_metadata=True)
        >>> mode.assume_cached_metadata
        True
        """,
    }
    __hash__ = None  # type: ignore[assignment]

    open: bool
    create: bool
    delete_existing: bool
    assume_metadata: bool
    assume_cached_metadata: bool

    def __init__(
        self,
        *,
        open: bool = False,
        create: bool = False,
        delete_existing: bool = False,
        assume_metadata: bool = False,
        assume_cached_metadata: bool = False,
    ) -> None:
        self.open = open
        self.create = create
        self.delete_existing = delete_existing
        self.assume_metadata = assume_metadata
        self.assume_cached_metadata = assume_cached_metadata

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, flag(value, name))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OpenMode):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _NAMES)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}=True" for name in _NAMES if getattr(self, name))
        return f"OpenMode({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, tuple(getattr(self, name) for name in _NAMES)


def _restore(*flags: bool) -> OpenMode:
    return OpenMode(**dict(zip(_NAMES, flags, strict=True)))


def no_transaction(transaction: object) -> None:
    """Raise TypeError unless `transaction` is None: there are no transactions of arrays yet.

    >>> no_transaction(None)
    """
    if transaction is not None:
        raise TypeError("Invalid transaction")
