"""``python -m benchmarks [--smoke] [--strict] [--only GROUP ...] [--rounds N] [--cpu] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import warnings
from pathlib import Path

from benchmarks import (
    boxes,
    cached,
    downsample,
    full_read,
    full_write,
    gcs,
    importing,
    indexing,
    memory_chunks,
    plan,
    shards,
    small,
    views,
)
from benchmarks.harness import Options, run
from benchmarks.report import machine, machine_line, markdown, table, verdict

GROUPS = [
    full_read.GROUP,
    full_write.GROUP,
    *indexing.GROUPS,
    *boxes.GROUPS,
    shards.GROUP,
    memory_chunks.GROUP,
    cached.GROUP,
    small.GROUP,
    views.GROUP,
    plan.GROUP,
    downsample.GROUP,
    importing.GROUP,
    *gcs.GROUPS,
]


def main(arguments: list[str] | None = None) -> int:
    """Measure the chosen groups, print their tables; 1 where a peer gave a wrong answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument(
        "--only",
        action="append",
        choices=[g.name for g in GROUPS],
        metavar="GROUP",
        help="one group, may be repeated: " + " ".join(g.name for g in GROUPS),
    )
    parser.add_argument("--rounds", type=int, help="rounds of every case (default: by the case)")
    parser.add_argument("--cpu", action="store_true", help="processor time, for a machine that others use")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write tables of microseconds to FILE")
    parser.add_argument("--strict", action="store_true", help="fail where tegula cannot do a task, too")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwind, so that the data on tmpfs goes away
    warnings.simplefilter("ignore")  # zarr-python warns on formats it reads well
    options = Options(chosen.smoke, chosen.rounds, chosen.cpu)
    print(machine_line(), flush=True)
    results = []
    for group, rows in run([g for g in GROUPS if not chosen.only or g.name in chosen.only], options):
        results.append((group, rows))
        print(table(group, rows), flush=True)
    if not chosen.smoke:
        print(verdict(results))
    if chosen.json:
        rows = [row.to_json() for _, group_rows in results for row in group_rows]
        chosen.json.write_text(
            json.dumps({"machine": machine(), "smoke": chosen.smoke, "rows": rows}, indent=1) + "\n"
        )
    if chosen.markdown:
        chosen.markdown.write_text("\n\n".join(markdown(rows) for _, rows in results) + "\n")
    rows = [row for _, group_rows in results for row in group_rows]
    wrong = any("WRONG ANSWER" in row.errors.values() for row in rows)
    return int(wrong or (chosen.strict and any("tegula" in row.errors for row in rows)))


if __name__ == "__main__":
    sys.exit(main())
