"""What a call says: its result, or the kind and text of its error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.both import FAMILIES


def err(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Return the result of a call, waiting for a future, or its error as text; a TypeError's text is ours."""
    try:
        found = function(*arguments, **named)
        return found.result() if hasattr(found, "result") and hasattr(found, "done") else found
    except BaseException as error:  # cancellations, too
        kind = next((kind for kind in FAMILIES if isinstance(error, kind)), type(error))
        return f"{kind.__name__}: " + ("" if kind is TypeError else str(error))
