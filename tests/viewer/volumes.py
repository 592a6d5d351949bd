"""Volumes that a viewer is asked to show, and what each of their sections must look like.

All of them are 64 by 48 by 20 voxels of 4 by 4 by 40 nanometres, and are shown at z = 7, a voxel as eight
pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tegula as ts

SIZE = (64, 48, 20)
DEPTH = 7
ZOOM = 8
WINDOW = (640, 480)
NANOMETRES = (4, 4, 40)
BACKGROUND = (16, 32, 48)

Array = np.ndarray[Any, Any]


class Volume(NamedTuple):
    """A volume by name: how it is written, and how the viewer is told to show it."""

    name: str
    write: Callable[[Path], None]
    source: str  # URL, with {url} for that of the folder
    layer: dict[str, Any]
    colours: Array  # of the section: x, y, red-green-blue
    origin: tuple[int, int, int] = (0, 0, 0)


def grey() -> Array:
    """Return an image whose every voxel differs from its neighbours."""
    x, y, z = np.ogrid[: SIZE[0], : SIZE[1], : SIZE[2]]
    return ((x * 3 + y * 7 + z * 11) % 251).astype("u1")


def coloured() -> Array:
    """Return an image of three channels: x, y, z, channel."""
    x, y, z = np.ogrid[: SIZE[0], : SIZE[1], : SIZE[2]]
    parts = (x * 4 + 0 * y + 0 * z, y * 5 + 0 * x + 0 * z, (x * y + z) % 256)
    return np.stack([np.broadcast_to(part, SIZE) for part in parts], -1).astype("u1")


def cells() -> Array:
    """Return a segmentation: the number of the nearest of some points, above 2^32."""
    rng = np.random.default_rng(7)
    places = rng.uniform(0, 1, (18, 3)) * SIZE
    grid = np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij"), -1)
    near = np.linalg.norm((grid[..., None, :] - places) * (1, 1, 2), axis=-1).argmin(-1)
    return (near + 1).astype("u8") + (1 << 33)


def palette() -> dict[int, tuple[int, int, int]]:
    """Return a colour for each cell."""
    rng = np.random.default_rng(3)
    return {int(each): tuple(rng.integers(40, 250, 3).tolist()) for each in np.unique(cells())}


def _precomputed(folder: str, data: Array, origin: tuple[int, int, int], **scale: Any) -> Any:
    def write(root: Path) -> None:
        whole = data if data.ndim == 4 else data[..., None]
        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": {"driver": "file", "path": f"{root}/{folder}/"},
            "multiscale_metadata": {"data_type": str(data.dtype), "num_channels": whole.shape[3]},
            "scale_metadata": {
                "size": SIZE,
                "voxel_offset": origin,
                "resolution": NANOMETRES,
                "chunk_size": [16, 16, 8],
                **scale,
            },
        }
        ts.open(spec, create=True).result().write(whole).result()

    return write


def _chunked(folder: str, driver: str, data: Array, **options: Any) -> Any:
    def write(root: Path) -> None:
        kvstore = {"driver": "file", "path": f"{root}/{folder}/"}
        domain = ts.IndexDomain(labels=["x", "y", "z"], shape=SIZE)
        if driver == "zarr":
            domain = ts.IndexDomain(shape=SIZE)
        else:
            options["dimension_units"] = [f"{each}nm" for each in NANOMETRES]
        store = ts.open(
            {"driver": driver, "kvstore": kvstore},
            create=True,
            dtype=str(data.dtype),
            domain=domain,
            **options,
        ).result()
        store.write(data).result()

    return write


_SHARDS = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "hash": "murmurhash3_x86_128",
    "preshift_bits": 1,
    "minishard_bits": 2,
    "shard_bits": 2,
    "minishard_index_encoding": "gzip",
    "data_encoding": "gzip",
}
_GREY = {"type": "image", "shader": "void main() { emitGrayscale(toNormalized(getDataValue())); }"}
_RGB = {
    "type": "image",
    "shader": "void main() { emitRGB(vec3(toNormalized(getDataValue(0)), toNormalized(getDataValue(1)), "
    "toNormalized(getDataValue(2)))); }",
}


def _segments() -> dict[str, Any]:
    colours = palette()
    return {
        "type": "segmentation",
        "segments": [str(each) for each in colours],
        "segmentColors": {str(each): "#{:02x}{:02x}{:02x}".format(*rgb) for each, rgb in colours.items()},
        "selectedAlpha": 1,
        "notSelectedAlpha": 0,
        "hoverHighlight": False,
    }


def _section(data: Array) -> Array:
    """Return the colours of the section that is shown."""
    plane = data[:, :, DEPTH]
    return plane if plane.ndim == 3 else np.repeat(plane[..., None], 3, -1)


def _painted(data: Array) -> Array:
    colours = palette()
    plane = data[:, :, DEPTH]
    found = np.zeros((*plane.shape, 3), "u1")
    for each, rgb in colours.items():
        found[plane == each] = rgb
    return found


def volumes() -> list[Volume]:
    """Return the volumes: precomputed as image and as segmentation, and the formats of zarr and N5."""
    far = (100, -30, 2)
    blosc = ts.CodecSpec(
        {"driver": "zarr3", "codecs": [{"name": "blosc", "configuration": {"cname": "lz4"}}]}
    )
    shards = ts.ChunkLayout(write_chunk_shape=[32, 32, 16], read_chunk_shape=[16, 8, 8])
    plain = ts.ChunkLayout(read_chunk_shape=[16, 16, 8], write_chunk_shape=[16, 16, 8])
    greys, reds, parts = _section(grey()), _section(coloured()), _painted(cells())
    seg = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
    return [
        Volume(
            "image",
            _precomputed("image", grey(), far, encoding="raw"),
            "precomputed://{url}/image",
            _GREY,
            greys,
            far,
        ),
        Volume(
            "colours",
            _precomputed("colours", coloured(), (0, 0, 0), encoding="png", sharding=_SHARDS),
            "{url}/colours/|neuroglancer-precomputed:",
            _RGB,
            reds,
        ),
        Volume(
            "segmentation",
            _precomputed("segmentation", cells(), far, **seg),
            "precomputed://{url}/segmentation",
            _segments(),
            parts,
            far,
        ),
        Volume(
            "sharded segmentation",
            _precomputed("packed", cells(), (0, 0, 0), sharding=_SHARDS, **seg),
            "precomputed://{url}/packed",
            _segments(),
            parts,
        ),
        Volume(
            "zarr3 sharded",
            _chunked("sharded", "zarr3", grey(), chunk_layout=shards, codec=blosc),
            "{url}/sharded/|zarr3:",
            _GREY,
            greys,
        ),
        Volume(
            "zarr3 sharded segmentation",
            _chunked("cells", "zarr3", cells(), chunk_layout=shards),
            "{url}/cells/|zarr3:",
            _segments(),
            parts,
        ),
        Volume("n5", _chunked("n5", "n5", grey(), chunk_layout=plain), "{url}/n5/|n5:", _GREY, greys),
    ]


def state(volume: Volume, url: str) -> dict[str, Any]:
    """Return the viewer's state that shows the section."""
    centre = [low + size / 2 for low, size in zip(volume.origin, SIZE, strict=True)]
    centre[2] = volume.origin[2] + DEPTH + 0.5
    return {
        "dimensions": {name: [each * 1e-9, "m"] for name, each in zip("xyz", NANOMETRES, strict=True)},
        "position": centre,
        "crossSectionScale": 1 / ZOOM,
        "layers": [{"name": volume.name, "source": volume.source.format(url=url), **volume.layer}],
        "layout": "xy",
        "showAxisLines": False,
        "showScaleBar": False,
        "showDefaultAnnotations": False,
        "crossSectionBackgroundColor": "#{:02x}{:02x}{:02x}".format(*BACKGROUND),
    }
