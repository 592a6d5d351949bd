"""Evaluates chains of indexing expressions on the tensorstore wheel, in a process that may die.

Reads one JSON list of strings a line (the first makes `x`, each later one is an expression of `x`), writes
one JSON
list of outcomes a line: `["ok", repr, json]` or `["error", class, text]`.  An error leaves `x` as it was.
"""

from __future__ import annotations

import json
import os
import sys


def outcomes(module, chain):
    """Return what each step of the chain does."""
    import numpy as np

    names = {
        "np": np,
        "ts": module,
        "Dim": module.Dim,
        "IndexDomain": module.IndexDomain,
        "IndexTransform": module.IndexTransform,
        "OutputIndexMap": module.OutputIndexMap,
        "d": module.d,
    }
    x = None
    out = []
    for step in chain:
        try:
            y = eval(step, {**names, "x": x})
            out.append(["ok", repr(y), y.to_json() if hasattr(y, "to_json") else None])
            if hasattr(y, "to_json"):
                x = y
        except (TypeError, OverflowError):
            out.append(["error", "TypeError", ""])
        except IndexError as error:
            out.append(["error", "IndexError", plain(str(error))])
        except ValueError as error:
            out.append(["error", "ValueError", plain(str(error))])
    return out


def plain(text):
    """Return an error's text without the values that the wheel appends in brackets, in no fixed order."""
    cuts = [at for key in ("transform", "left_transform", "domain") if (at := text.find(f" [{key}='")) >= 0]
    return text[: min(cuts)] if cuts else text


def main():
    """Answer lines until there are no more."""
    import tensorstore

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for line in sys.stdin:
        print(json.dumps(outcomes(tensorstore, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
