"""Speed against the tensorstore and zarr wheels: one command, ``python -m benchmarks``."""
