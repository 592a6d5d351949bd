"""Programs that strangers write for TensorStore: each prints the same under tensorstore 0.1.86 and here.

The programs are the files of `strangers/`; each imports `tensorstore as ts`, and is run as it stands and with
that one line changed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

PROGRAMS = sorted(path for path in (Path(__file__).parent / "strangers").glob("*.py") if path.stem != "told")
OWN = [
    (r" \[tensorstore_spec(\[\d\])?=.*", ""),  # what the wheel shows of a specification has more resources
    (r" \[(?:transform|domain|left_transform)='[^']*'\]", ""),
    (r" at 0x[0-9a-f]+", ""),
    (r"tegula", "tensorstore"),
]


def printed(source: str, folder: Path) -> list[str]:
    """Return the lines that a program prints in an empty folder."""
    before, shown = Path.cwd(), io.StringIO()
    folder.mkdir()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(shown):
            exec(compile(source, "program", "exec"), {"__name__": "__main__"})
    finally:
        os.chdir(before)
    text = shown.getvalue().replace(str(folder), "FOLDER")
    for pattern, own in OWN:
        text = re.sub(pattern, own, text)
    return text.splitlines()


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_strangers_program_prints_what_it_prints_under_tensorstore_0_1_86(
    program: Path, tmp_path: Path
) -> None:
    source = program.read_text()
    theirs = printed(source, tmp_path / "1")
    ours = printed(source.replace("import tensorstore as ts", "import tegula as ts"), tmp_path / "2")
    assert theirs
    assert ours == theirs
