"""The methods of downsampling, by name: the one list, in the order in which error texts give it."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

__all__ = ["METHODS", "DownsampleMethod"]

DownsampleMethod: TypeAlias = Literal["stride", "mean", "min", "max", "median", "mode"]
"""How a block of elements becomes one; `tegula.kernels.downsample` defines each."""

METHODS: tuple[DownsampleMethod, ...] = get_args(DownsampleMethod)
