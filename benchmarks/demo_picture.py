"""The picture of the demo: one scan, three axes, two pyramids, read through views and laid out in Pillow."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import tegula as ts

INK = (230, 237, 243)
SOFT = (125, 137, 152)
PAPER = (11, 14, 20)
EDGE = (32, 38, 48)
AXIS = {"x": (255, 123, 114), "y": (126, 231, 135), "z": (121, 192, 255)}
# from air to the brightest tissue
TISSUE = np.array([(15, 19, 27), (54, 70, 134), (40, 125, 142), (94, 196, 150), (250, 214, 120)], np.uint8)
WIDTH = 1800
MARGIN = 56
GAP = 20
AXIAL = 640  # the width of the large slice
SHRINK = 0.94  # the display range ends a little above the brightest tissue


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


class Canvas:
    """A dark sheet to put slices and small captions on."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (WIDTH, height), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def text(
        self, at: tuple[float, float], text: str, size: int = 17, ink: Any = SOFT, anchor: str = "ls"
    ) -> None:
        self.draw.text(at, text, font=_font(size), fill=ink, anchor=anchor)

    def panel(self, at: tuple[int, int], picture: Image.Image, caption: str = "", right: str = "") -> None:
        """A picture with a hairline frame, a caption under its left end and a remark under its right."""
        x, y = at
        self.image.paste(picture, at)
        self.draw.rectangle((x - 1, y - 1, x + picture.width, y + picture.height), outline=EDGE)
        self.text((x, y + picture.height + 24), caption, 16)
        self.text((x + picture.width, y + picture.height + 24), right, 16, anchor="rs")


def _grey(values: np.ndarray, top: float) -> np.ndarray:
    """Intensities to a cool grey, RGB."""
    level = np.clip(values.astype(np.float32) / top, 0, 1) ** 1.25
    low, middle, high = np.array([11, 14, 20]), np.array([118, 130, 146]), np.array([255, 252, 245])
    level = level[..., None]
    colour = np.where(
        level < 0.5, low + (middle - low) * level * 2, middle + (high - middle) * (level * 2 - 1)
    )
    return colour.astype(np.uint8)


def _upright(plane: np.ndarray) -> np.ndarray:
    """A plane indexed (right, up) as rows from the top."""
    return plane.swapaxes(0, 1)[::-1]


def _picture(rgb: np.ndarray, size: tuple[int, int], smooth: bool = True) -> Image.Image:
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return Image.fromarray(np.ascontiguousarray(rgb)).resize(size, how)


def _crossed(
    canvas: Canvas, at: tuple[int, int], size: tuple[int, int], cross: tuple[float, float], names: str
) -> None:
    """The traces of the two other planes, short of the middle, in the colours of their axes."""
    (x, y), (width, height) = at, size
    across, up = x + cross[0] * width, y + (1 - cross[1]) * height
    tick = 14
    for start, end in (
        ((across, y), (across, y + tick)),
        ((across, y + height - tick), (across, y + height - 1)),
    ):
        canvas.draw.line((*start, *end), fill=AXIS[names[0]], width=3)
    for start, end in (((x, up), (x + tick, up)), ((x + width - tick, up), (x + width - 1, up))):
        canvas.draw.line((*start, *end), fill=AXIS[names[1]], width=3)


def _sides(canvas: Canvas, at: tuple[int, int], size: tuple[int, int]) -> None:
    """The patient's right and left."""
    (x, y), (width, height) = at, size
    canvas.text((x + 26, y + height - 22), "R", 18, SOFT, "mm")
    canvas.text((x + width - 26, y + height - 22), "L", 18, SOFT, "mm")


def montage(scan: Any, mean: list[Any], mode: list[Any], units: list[str]) -> Image.Image:
    """Draw `scan` (x, y, z, t) and the two pyramids."""
    steps = [float(unit.split()[0]) for unit in units]
    extent = [length * step for length, step in zip(scan.shape, steps, strict=True)]
    cut = {"x": 61, "y": 44, "z": 11}
    now = scan[ts.d["t"][0]]
    top = float(np.percentile(now.read().result(), 99.7)) / SHRINK

    inner = WIDTH - 2 * MARGIN
    scale = AXIAL / extent[0]
    tall = round(extent[1] * scale)
    right = MARGIN + AXIAL + 2 * GAP
    right_width = inner - AXIAL - 2 * GAP
    level_width = (inner - (len(mean) - 1) * GAP) // len(mean)
    level_height = round(level_width * extent[1] / extent[0])
    head = 132
    pyramids = head + tall + 116
    height = pyramids + 2 * (level_height + 48) + 36
    canvas = Canvas(height)

    canvas.text((MARGIN, 70), "One scan, one array", 40, INK)
    shape = " x ".join(map(str, scan.shape))
    about = [
        f"{shape} {scan.dtype.name}",
        ", ".join(units),
        "zarr v3, zstd",
        "every pixel read through a lazy view",
    ]
    canvas.text((MARGIN, 104), "   ·   ".join(about), 19)
    canvas.text((WIDTH - MARGIN, 70), "tegula", 30, AXIS["z"], "rs")

    def plane(axis: str, at: tuple[int, int], width: int, remark: str) -> int:
        kept = [i for i, name in enumerate("xyz") if name != axis]
        size = (width, round(width * extent[kept[1]] / extent[kept[0]]))
        values = now[ts.d[axis][cut[axis]]].read().result()
        canvas.panel(at, _picture(_upright(_grey(values, top)), size), "", remark)
        code = f'scan[d["{axis}"][{cut[axis]}]]'
        canvas.text((at[0], at[1] + size[1] + 24), code, 16, AXIS[axis])
        names = "".join("xyz"[i] for i in kept)
        _crossed(canvas, at, size, tuple((cut[n] + 0.5) / scan.shape["xyz".index(n)] for n in names), names)
        if axis == "z":
            _sides(canvas, at, size)
        return at[1] + size[1]

    plane("z", (MARGIN, head), AXIAL, "axial")
    flank = (right_width - GAP) * extent[0] / (extent[0] + extent[1])
    low = plane("y", (right, head), round(flank), "coronal")
    plane("x", (right + round(flank) + GAP, head), right_width - GAP - round(flank), "sagittal")

    # sixteen slices in two rows, without the air at their sides
    columns, rows, gap = 8, 2, 8
    first = low + 48
    cell = (right_width - (columns - 1) * gap) // columns
    cell_height = (head + tall - first - (rows - 1) * gap) // rows
    stack = now[ts.d["x", "z"][26:104, 5:21]].read().result()
    rise = min(stack.shape[1], round(cell_height / cell * stack.shape[0] * steps[0] / steps[1]))
    trim = (stack.shape[1] - rise) // 2
    for index in range(columns * rows):
        y, x = divmod(index, columns)
        values = stack[:, trim : trim + rise, index]
        picture = _picture(_upright(_grey(values, top)), (cell, cell_height))
        canvas.image.paste(picture, (right + x * (cell + gap), first + y * (cell_height + gap)))
    canvas.text((right, head + tall + 24), 'scan[d["x", "z"][26:104, 5:21]]', 16, AXIS["z"])
    canvas.text((WIDTH - MARGIN, head + tall + 24), "sixteen slices", 16, anchor="rs")

    canvas.draw.line((MARGIN, pyramids - 58, WIDTH - MARGIN, pyramids - 58), fill=EDGE)
    canvas.text((MARGIN, pyramids - 20), "Two pyramids", 24, INK)
    canvas.text((MARGIN + 176, pyramids - 20), "mean keeps intensities, mode keeps labels", 19)
    z, t = cut["z"], 0
    for row, (name, levels) in enumerate((("mean", mean), ("mode", mode))):
        for level, store in enumerate(levels):
            values = store[ts.d["z", "t"][z, t]].read().result()
            rgb = _grey(values, top) if name == "mean" else TISSUE[values]
            at = (MARGIN + level * (level_width + GAP), pyramids + row * (level_height + 48))
            picture = _picture(_upright(rgb), (level_width, level_height), smooth=False)
            canvas.panel(at, picture, f"{name}, level {level}", f"{store.shape[0]} x {store.shape[1]}")
    return canvas.image
