"""A cold process: import, and import + open + one small read, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import tensorstore

from benchmarks.harness import Case, Group, Options
from benchmarks.peers import scratch, spec, volume

SAME_LINES = """
import {peer} as ts
store = ts.open({{"driver": "zarr", "kvstore": {{"driver": "file", "path": {path!r}}}}}).result()
print(int(store[5, 6, 7].read().result()))
"""
ZARR = """
import zarr
print(int(zarr.open_array({path!r}, mode="r")[5, 6, 7]))
"""


def _process(code: str) -> Callable[[], str]:
    # -I would hide a source tree that is only on PYTHONPATH
    return lambda: (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


def _cases(options: Options) -> Iterator[Case]:
    data = volume(64)
    with scratch() as folder:
        what = spec("zarr2 zstd", folder, data.shape, (32, 32, 32))
        tensorstore.open(what, create=True).result().write(data).result()
        yield Case(
            "import",
            {peer: _process(f"import {peer}") for peer in ("tegula", "tensorstore", "zarr")},
            rounds=11,
        )
        code = {peer: SAME_LINES.format(peer=peer, path=f"{folder}/") for peer in ("tegula", "tensorstore")}
        code["zarr"] = ZARR.format(path=str(folder))
        yield Case("import, open, read", {peer: _process(text) for peer, text in code.items()}, rounds=11)
        # what nobody can be faster than
        yield Case("(python alone)", {"tensorstore": _process("pass")}, rounds=5)
        yield Case("(import numpy)", {"tensorstore": _process("import numpy")}, rounds=5)


GROUP = Group("importing", "a cold process", _cases, (0.80, 1.0))
