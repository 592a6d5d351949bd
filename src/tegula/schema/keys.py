"""What names a data type: the type of arguments, for signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    from tegula.schema.dtypes import DataType

__all__ = ["DTypeLike"]

DTypeLike: TypeAlias = Union["DataType", str, type, "np.dtype[np.generic]"]
"""A data type, its name, a Python or NumPy scalar type, or a NumPy data type."""
