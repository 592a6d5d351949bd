"""Kernels: loops over arrays, compiled by Numba on first use, plain Python to everyone else.

What this package knows: words, strides, offsets, tables.  What it must not know: chunks, formats,
stores, transforms.  Importing it imports no Numba; see `_jit` for when that happens.
"""
