"""The picture of the guide: three volumes that tegula wrote, in Neuroglancer.

``python -m tests.viewer.picture docs/neuroglancer.png`` takes it anew.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import tegula as ts
from tests.servers.file_server import serving
from tests.viewer.test_neuroglancer import photographed

SIZE = (160, 160, 24)
WINDOW = (960, 330)


def tissue() -> tuple[Any, Any]:
    """Return an image of cells with dark membranes, and the cells: x, y, z."""
    rng = np.random.default_rng(11)
    places = rng.uniform(-0.1, 1.1, (70, 3)) * SIZE
    grid = np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij"), -1).astype("f4")
    bent = grid + 3 * np.sin(grid[..., [1, 2, 0]] / 7)
    gaps = np.linalg.norm((bent[..., None, :] - places) * (1, 1, 3), axis=-1)
    cells = (gaps.argmin(-1) + 1).astype("u4")
    near = np.partition(gaps, 1, -1)
    wall = np.clip((near[..., 1] - near[..., 0]) / 4, 0, 1)
    noise = rng.normal(0, 1, SIZE)
    for axis in (0, 1):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    grey = 55 + 130 * wall + 2.2 * noise
    return np.clip(grey, 0, 255).astype("u1"), np.where(wall > 0.35, cells, 0).astype("u4")


def written(root: Path) -> None:
    """Write the volumes."""
    grey, cells = tissue()

    def precomputed(folder: str, data: Any, encoding: str) -> None:
        scale = {"encoding": encoding, "resolution": [4, 4, 40], "chunk_size": [64, 64, 8]}
        if encoding == "compressed_segmentation":
            scale["compressed_segmentation_block_size"] = [8, 8, 8]
        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": f"file://{root}/{folder}/",
            "scale_metadata": scale,
        }
        store = ts.open(spec, create=True, dtype=str(data.dtype), shape=[*SIZE, 1]).result()
        store.write(data[..., None]).result()

    precomputed("image", grey, "jpeg")
    precomputed("cells", cells, "compressed_segmentation")
    layout = ts.ChunkLayout(write_chunk_shape=[128, 128, 16], read_chunk_shape=[32, 32, 8])
    options: dict[str, Any] = {"chunk_layout": layout, "dimension_units": ["4nm", "4nm", "40nm"]}
    domain = ts.IndexDomain(labels=["x", "y", "z"], shape=SIZE)
    store = ts.open(
        f"file://{root}/shards/|zarr3:", create=True, dtype="uint8", domain=domain, **options
    ).result()
    store.write(grey).result()


def state(url: str) -> dict[str, Any]:
    """Return the viewer's state: an image, its segmentation over it, and the image in shards."""
    cells = [str(each) for each in range(1, 71)]
    rng = np.random.default_rng(5)
    colours = {each: "#{:02x}{:02x}{:02x}".format(*rng.integers(50, 256, 3)) for each in cells}
    warm = "void main() { float v = toNormalized(getDataValue()); emitRGB(vec3(v, v * v * 1.1, v * v * v)); }"
    groups = (["image"], ["image", "segmentation"], ["zarr3 sharded"])
    return {
        "dimensions": {name: [each * 1e-9, "m"] for name, each in zip("xyz", (4, 4, 40), strict=True)},
        "position": [80, 80, 12.5],
        "crossSectionScale": 0.53,
        "layers": [
            {"type": "image", "name": "image", "source": f"precomputed://{url}/image"},
            {
                "type": "segmentation",
                "name": "segmentation",
                "source": f"precomputed://{url}/cells",
                "segments": cells,
                "segmentColors": colours,
                "selectedAlpha": 0.55,
            },
            {"type": "image", "name": "zarr3 sharded", "source": f"{url}/shards/|zarr3:", "shader": warm},
        ],
        "showDefaultAnnotations": False,
        "showAxisLines": False,
        "layout": {
            "type": "row",
            "children": [{"type": "viewer", "layers": names, "layout": "xy"} for names in groups],
        },
    }


def taken(target: Path) -> None:
    """Take the picture, in few colours."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "volumes", Path(folder) / "out"
        out.mkdir()
        written(root)
        with serving(root) as server:
            data = photographed({"all": state(server.url)}, out, WINDOW)["all"]
    Image.open(io.BytesIO(data)).convert("RGB").quantize(160).save(target, optimize=True)


if __name__ == "__main__":
    taken(Path(sys.argv[1]))
