"""The tables that a person reads, and the machine that the figures belong to."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.harness import PEERS, REFERENCE, Group, Row, geometric_mean


def machine() -> dict[str, str | int]:
    """What the figures were taken on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    found: dict[str, str | int] = {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        found["memory_gib"] = round(int(meminfo.read_text().split()[1]) / 2**20)
    for package in (
        "tegula",
        "tensorstore",
        "zarr",
        "zarrs",
        "numpy",
        "numba",
        "numcodecs",
        "google-cloud-storage",
    ):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine_line() -> str:
    """The machine on one line."""
    found = machine()
    head = f"{found.pop('cpu')}, {found.pop('cores')} cores, {found.pop('memory_gib', '?')} GiB"
    return "machine: " + ", ".join([head, *(f"{name} {value}" for name, value in found.items())])


def seconds(value: float | None) -> str:
    """A time with three digits and its unit."""
    if value is None:
        return "-"
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}" if value / scale < 999.5 else f"{value / scale:.0f} {unit}"
    return f"{value * 1e9:.3g} ns"


def table(group: Group, rows: Sequence[Row]) -> str:
    """One group: a row a case, a time and a ratio a peer."""
    reference = rows[0].reference if rows else REFERENCE
    peers = [peer for peer in PEERS if any(peer in row.samples or peer in row.errors for row in rows)]
    lines = [["", *(cell for peer in peers for cell in ((peer,) if peer == reference else (peer, "x")))]]
    notes = []
    for row in rows:
        cells = [row.case]
        if row.count > 1 and (whole := row.median("tegula")):
            notes.append(f"  {row.case}: {whole / row.count * 1e6:.3g} us each by tegula")
        for peer in peers:
            if peer in row.errors:
                notes.append(f"  {row.case}, {peer}: {row.errors[peer]}")
            cells.append("!" if peer in row.errors else seconds(row.median(peer)))
            if peer != reference:
                ratio = row.ratio(peer)
                cells.append("" if ratio is None else f"{ratio:.2f}")
        lines.append(cells)
    means = ["geometric mean"]
    for peer in peers:
        mean = geometric_mean(rows, peer)
        means += [""] if peer == reference else ["", "" if mean is None else f"{mean:.2f}"]
    lines.append(means)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        f"\n{group.name}: {group.says}"
        + (f"  [goal {group.goal[0]:.2f}, worst {group.goal[1]:.2f}]" if group.goal else "")
    ]
    for index, line in enumerate(lines):
        if index in (1, len(lines) - 1):
            text.append("  " + "  ".join("-" * width for width in widths))
        first, *rest = zip(line, widths, strict=True)
        text.append(
            "  "
            + "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]).rstrip()
        )
    return "\n".join(text + notes)


def markdown(rows: Sequence[Row]) -> str:
    """The rows of tegula and the reference as a Markdown table in microseconds; ratios above 2 are bold."""
    lines = ["| operation | tegula | tensorstore | ratio |", "|---|---|---|---|"]
    for row in rows:
        mine, theirs, ratio = row.median("tegula"), row.median(REFERENCE), row.ratio("tegula")
        if mine is None or theirs is None or ratio is None:
            lines.append(f"| `{row.case}` | {row.errors} | | |")
            continue
        shown = f"**{ratio:.2f}**" if ratio > 2 else f"{ratio:.2f}"
        lines.append(f"| `{row.case}` | {mine * 1e6:.2f} | {theirs * 1e6:.2f} | {shown} |")
    return "\n".join(lines)


def verdict(results: Sequence[tuple[Group, Sequence[Row]]]) -> str:
    """The groups with a goal: what was wanted, what was reached."""
    lines = [
        "\ntegula's figure to its peer's (tensorstore's, or whose a group names): geometric mean (worst row)"
    ]
    for group, rows in results:
        mean = geometric_mean(rows, "tegula")
        worst = max((ratio for row in rows if (ratio := row.ratio("tegula")) is not None), default=None)
        if mean is None or worst is None:
            lines.append(f"  {group.name:15} no figure")
        elif group.goal is None:
            lines.append(f"  {group.name:15} {mean:5.2f} ({worst:.2f})")
        else:
            wanted, at_worst = group.goal
            met = "met" if mean <= wanted and worst <= at_worst else "missed"
            figures = f"{mean:5.2f} ({worst:.2f})  goal {wanted:.2f} ({at_worst:.2f})"
            lines.append(f"  {group.name:15} {figures}: {met}")
    return "\n".join(lines)
