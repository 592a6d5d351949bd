"""View operations beside the tensorstore wheel: microseconds an operation, best of several runs.

    python benchmarks/space_views.py

Prints one line an operation: here, the wheel, and their ratio.  Both sides run the same expression on
the same transform, in this process.
"""

from __future__ import annotations

import timeit

import numpy as np
import tensorstore

import tegula.space

OPERATIONS = """
t1[5]
t[5]
t[5, 6, 7]
t[2:5, 3:4, 5:9]
implicit[2:5, 3:4, 5:9]
t[..., 3]
t[None]
t[::2]
t[[1, 2]]
t[a]
t[mask]
t.oindex[a]
t.oindex[a, a]
t.vindex[a, a, a]
t[d[0].translate_to[5]]
t[moved]
named[d["x", "y"][3:5, 4]]
t.translate_to[0]
t.T
t.transpose([2, 0, 1])
t.label["x", "y", "z"]
t.domain
t.domain.shape
t.output[0]
t[t]
t[sub]
t((1, 2, 3))
t.to_json()
""".strip().splitlines()


def names(module):
    """Return what the operations refer to."""
    dim, domain, made = module.Dim, module.IndexDomain, module.IndexTransform
    return {
        "np": np,
        "d": module.d,
        "t": made(domain(shape=[100, 200, 300])),
        "t1": made(domain(shape=[100])),
        "implicit": made(domain([dim(100, implicit_upper=True)] * 3)),
        "named": made(domain(shape=[100, 200, 300], labels=["x", "y", "z"])),
        "moved": module.d[:].translate_by[5],
        "sub": domain(shape=[5, 5, 5]),
        "a": np.array([1, 2]),
        "mask": np.arange(100) % 2 == 0,
    }


def main(number=3000, repeat=7):
    """Time every operation on both sides."""
    sides = [names(tegula.space), names(tensorstore)]
    for text in OPERATIONS:
        here, wheel = (
            min(timeit.repeat(text, globals=side, number=number, repeat=repeat)) / number * 1e6
            for side in sides
        )
        print(f"{text:30s} {here:7.2f} {wheel:7.2f} {here / wheel:6.2f}")


if __name__ == "__main__":
    main()
