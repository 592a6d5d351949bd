"""What tegula writes, Neuroglancer shows: the real viewer, in a headless browser, compared by colour.

Optional: Chromium (``apt-get install chromium``) and the extra `tegula[viewer]` are needed.  Everything
stays on the loopback interface.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.servers.file_server import Asked, serving
from tests.viewer.volumes import BACKGROUND, SIZE, WINDOW, ZOOM, Array, Volume, state, volumes

CHROMIUM = os.environ.get("TEGULA_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
VOLUMES = {volume.name: volume for volume in volumes()}
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="optional: Chromium is not installed"),
    pytest.mark.skipif(
        importlib.util.find_spec("neuroglancer") is None, reason="optional: neuroglancer is not installed"
    ),
]


class Seen(NamedTuple):
    """The pictures by name, and what the browser asked for."""

    pictures: dict[str, Array]
    log: list[Asked]
    root: Path


def photographed(
    shots: dict[str, dict[str, object]], folder: Path, size: tuple[int, int]
) -> dict[str, bytes]:
    """Return the picture of each state, taken by one browser."""
    files = {name: folder / f"{number}.png" for number, name in enumerate(shots)}
    request = {
        "chromium": CHROMIUM,
        "size": size,
        "shots": [{"state": shots[name], "file": str(files[name])} for name in shots],
    }
    program = Path(__file__).parent / "photograph.py"
    done = subprocess.run(
        [sys.executable, str(program)],
        input=json.dumps(request).encode(),
        capture_output=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return {name: file.read_bytes() for name, file in files.items()}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    from PIL import Image

    root, out = tmp_path_factory.mktemp("volumes"), tmp_path_factory.mktemp("pictures")
    for volume in VOLUMES.values():
        volume.write(root)
    with serving(root) as server:
        shots = {name: state(volume, server.url) for name, volume in VOLUMES.items()}
        found = photographed(shots, out, WINDOW)
        pictures = {
            name: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for name, data in found.items()
        }
        yield Seen(pictures, server.log, root)


def placed(colours: Array) -> Array:
    """Return the picture that a section makes: rows of pixels, the section in their middle."""
    rows = np.repeat(np.repeat(colours.transpose(1, 0, 2), ZOOM, 0), ZOOM, 1)
    made = np.empty((WINDOW[1], WINDOW[0], 3), "u1")
    made[:] = BACKGROUND
    top, left = (WINDOW[1] - rows.shape[0]) // 2, (WINDOW[0] - rows.shape[1]) // 2
    made[top : top + rows.shape[0], left : left + rows.shape[1]] = rows
    return made


@pytest.mark.parametrize("name", VOLUMES)
def test_a_section_has_the_colours_of_its_voxels(name: str, seen: Seen) -> None:
    volume: Volume = VOLUMES[name]
    expected, picture = placed(volume.colours), seen.pictures[name]
    assert picture.shape == expected.shape
    # the borders of voxels are drawn as the rasteriser rounds: their inside is compared, without exception
    inside = np.zeros(picture.shape[:2], bool)
    for row in range(2, ZOOM - 2):
        for column in range(2, ZOOM - 2):
            inside[row::ZOOM, column::ZOOM] = True
    inside[-ZOOM:] = False  # the viewer draws the edge of its panel
    off = np.abs(picture.astype(int) - expected.astype(int)).max(-1)
    assert off[inside].max() <= 1
    assert (off > 1).mean() < 0.02
    # not a blank page: as many colours as the section has
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) >= len(
        np.unique(volume.colours.reshape(-1, 3), axis=0)
    )


def test_another_section_would_be_seen(seen: Seen) -> None:
    expected = placed(VOLUMES["image"].colours[::-1])
    off = np.abs(seen.pictures["image"].astype(int) - expected.astype(int)).max(-1)
    assert (off > 1).mean() > 0.5


def test_every_chunk_of_the_section_was_asked_for_and_given(seen: Seen) -> None:
    given = {asked.path for asked in seen.log if asked.status in (200, 206)}
    for folder in ("image/4_4_40", "segmentation/4_4_40"):
        here = [path for path in (seen.root / folder).iterdir() if path.name.endswith("_2-10")]
        assert len(here) == (SIZE[0] // 16) * (SIZE[1] // 16)
        assert {f"/{folder}/{path.name}" for path in here} <= given
    ranged = [asked for asked in seen.log if asked.path.startswith(("/sharded/c", "/packed/4"))]
    assert ranged
    assert {asked.status for asked in ranged if asked.range} == {206}
    assert not [asked for asked in seen.log if asked.status >= 500]
