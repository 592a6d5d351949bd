"""What every specification says beside its driver's members: the driver, what opening may do, ages of data.

Knows: the names of drivers and open flags, and which flags imply which.  Must not know: specifications.
"""

from __future__ import annotations

from typing import Any

from tegula.api.body import bound
from tegula.binding import at_member, boolean, text
from tegula.errors import InvalidArgument
from tegula.registry import kind_of, lookup

__all__ = ["FLAGS", "completed", "flag", "named_driver", "staleness"]

FLAGS = ("open", "create", "delete_existing", "assume_metadata", "assume_cached_metadata")


def named_driver(rest: dict[str, Any]) -> str | None:
    """Take the driver out of a specification; None, and it stays, where it is that of a key-value store.

    Raises:
        InvalidArgument: there is none, or no such driver.
    """
    with at_member("driver"):
        if "driver" not in rest:
            raise InvalidArgument("Expected string, but member is missing")
        name = text(rest["driver"])
        if name not in ("auto", "array", "cast", "downsample"):
            kind = kind_of(name, "formats", "wholes", "kvstores", "stores")
            if kind is None:
                raise InvalidArgument(f'"{name}" is not a registered TensorStore driver')
            if kind not in ("formats", "wholes"):
                return None
            name = str(lookup(kind, name).name)
    del rest["driver"]
    return name


def flag(rest: dict[str, Any], name: str) -> bool:
    """Take an open flag out of a specification."""
    with at_member(name):
        return boolean(rest.pop(name))


def completed(flags: Any) -> frozenset[str]:
    """Return open flags with ``open`` where they say neither ``open`` nor ``create``."""
    found = frozenset(flags) if "open" in flags or "create" in flags else frozenset((*flags, "open"))
    # who assumes never asks
    return found - {"assume_cached_metadata"} if "assume_metadata" in found else found


def staleness(value: Any) -> Any:
    """Return a staleness bound that is an argument; raise TypeError where it is none."""
    if value == "open" or isinstance(value, (bool, int, float)):
        return bound(value)
    raise TypeError("not a staleness bound")
