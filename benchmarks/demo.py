"""``make demo``: a real MRI scan, written, viewed, verified, downsampled, copied, read by others, drawn.

The scan is the 4-D example in nibabel's wheel, so nothing is downloaded.  Each step prints what it moved;
every answer is compared with NumPy's, and the demo stops at the first that differs.  The scan is small
(1.1 MiB), so the rates are about overheads; ``make bench`` is where speed is measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import tegula as ts

AXES = ("x", "y", "z", "t")
LEVELS = 4
HALF = [2, 2, 1, 1]  # the slices are few: pyramids shrink within them
CHUNK = [64, 48, 24, 1]
TISSUE = (150, 430, 540, 640)  # air below the first, four tissues by their brightness


class Steps:
    """Runs the steps, prints a line for each, and shows a bar where a person is watching."""

    def __init__(self, total: int) -> None:
        self.bar: Any = None
        if sys.stdout.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=total, unit="step", leave=False, dynamic_ncols=True)
        self._say(f"{'':46}{'moved':>12}{'time':>12}{'rate':>14}")

    def __call__(self, text: str, run: Callable[[], tuple[int, Any]]) -> Any:
        """Run one step; `run` returns the bytes that it moved, and what the step is for."""
        start = time.perf_counter()
        moved, result = run()
        taken = time.perf_counter() - start
        mib = moved / 2**20
        self._say(f"{text:46}{mib:8.2f} MiB{taken * 1e3:9.1f} ms{mib / taken:8.1f} MiB/s")
        if self.bar is not None:
            self.bar.update()
        return result

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def _say(self, line: str) -> None:
        if self.bar is not None:
            self.bar.write(line)
        else:
            print(line, flush=True)


def scan() -> tuple[np.ndarray, list[str]]:
    """The example scan as int16 (x, y, z, t), and the unit of each axis."""
    import nibabel

    path = Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz"
    image = nibabel.load(path)
    zooms = [float(zoom) for zoom in image.header.get_zooms()]
    # the header says 2000 s from one volume to the next, and means milliseconds
    between = zooms[3] / 1000 if zooms[3] > 100 else zooms[3]
    return np.asanyarray(image.dataobj), [*(f"{zoom:.3g} mm" for zoom in zooms[:3]), f"{between:.3g} s"]


def same(got: np.ndarray, wanted: np.ndarray) -> None:
    """Stop the demo where tegula and NumPy disagree."""
    if got.dtype != wanted.dtype or not np.array_equal(got, wanted):
        sys.exit("the demo read something else than it wrote: please report this")


def create(path: Path, like: np.ndarray, units: list[str], shape: tuple[int, ...]) -> Any:
    """A new zarr v3 array with labels, units and zstd."""
    codecs = [
        {"name": "bytes", "configuration": {"endian": "little"}} if like.itemsize > 1 else {"name": "bytes"},
        {"name": "zstd", "configuration": {"level": 3}},
    ]
    metadata = {
        "shape": shape,
        "data_type": like.dtype.name,
        "dimension_names": AXES,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": CHUNK}},
        "codecs": codecs,
    }
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{path}/"},
        "metadata": metadata,
        "schema": {"dimension_units": units},
    }
    return ts.open(spec, create=True, delete_existing=True).result()


def write(path: Path, data: np.ndarray, units: list[str]) -> tuple[int, Any]:
    store = create(path, data, units, data.shape)
    store.write(data).result()
    return data.nbytes, store


def read(view: Any, wanted: np.ndarray) -> tuple[int, Any]:
    got = view.read().result()
    same(got, wanted)
    return got.nbytes, got


def pyramid(root: Path, base: Any, method: str) -> tuple[int, list[Any]]:
    """Levels below `base`, each the half of the one above, each read back and checked for mean."""
    levels, moved = [base], 0
    for level in range(1, LEVELS):
        small = ts.downsample(levels[-1], HALF, method)
        units = [str(unit) if unit is not None else "" for unit in small.dimension_units]
        like = np.empty(0, base.dtype.numpy_dtype)
        made = create(root / str(level), like, units, tuple(small.shape))
        made.write(small).result()
        moved += int(np.prod(levels[-1].shape) + np.prod(made.shape)) * like.itemsize
        levels.append(made)
    return moved, levels


def halved(data: np.ndarray) -> np.ndarray:
    """The mean of each 2x2 block, ties to even, as NumPy would: the law that the mean pyramid keeps."""
    x, y, *rest = data.shape
    return np.rint(data.reshape(x // 2, 2, y // 2, 2, *rest).mean(axis=(1, 3))).astype(data.dtype)


def copy(scan3: Any, path: Path) -> tuple[int, Any]:
    """Zarr v3 in files, to zarr v2 in memory, to zarr v2 in files."""
    nbytes = int(np.prod(scan3.shape)) * scan3.dtype.numpy_dtype.itemsize
    last = scan3
    for kvstore in ("memory://scan/", {"driver": "file", "path": f"{path}/"}):
        metadata = {
            "shape": scan3.shape,
            "dtype": "<i2",
            "chunks": CHUNK,
            "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
        }
        spec = {"driver": "zarr", "kvstore": kvstore, "metadata": metadata}
        made = ts.open(spec, create=True, delete_existing=True).result()
        made.write(last).result()
        last = made
    return 2 * nbytes, last


def others(out: Path, data: np.ndarray) -> list[tuple[str, Callable[[], tuple[int, Any]]]]:
    """What the installed peers read of the files that tegula wrote."""
    steps: list[tuple[str, Callable[[], tuple[int, Any]]]] = []

    def by_tensorstore(driver: str, name: str) -> tuple[int, Any]:
        import tensorstore

        kvstore = {"driver": "file", "path": f"{out / name}/"}
        return read(tensorstore.open({"driver": driver, "kvstore": kvstore}).result(), data)

    def by_zarr(name: str) -> tuple[int, Any]:
        import zarr

        got = zarr.open_array(str(out / name), mode="r")[...]
        same(got, data)
        return got.nbytes, got

    if find_spec("tensorstore"):
        steps.append(("tensorstore reads the zarr v3 files", lambda: by_tensorstore("zarr3", "scan.zarr3")))
        steps.append(("tensorstore reads the zarr v2 files", lambda: by_tensorstore("zarr", "scan.zarr2")))
    if find_spec("zarr"):
        steps.append(("zarr-python reads the zarr v3 files", lambda: by_zarr("scan.zarr3")))
        steps.append(("zarr-python reads the zarr v2 files", lambda: by_zarr("scan.zarr2")))
    return steps


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="a folder, made anew")
    out = parser.parse_args(arguments).output
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    began = time.perf_counter()

    data, units = scan()
    peers = others(out, data)
    steps = Steps(11 + len(peers))
    store = steps(
        "write the scan: zarr v3, zstd, labels, units", lambda: write(out / "scan.zarr3", data, units)
    )
    steps("read it back whole", lambda: read(store, data))

    labels = tuple(store.domain.labels)
    assert labels == AXES, labels
    first = store[ts.d["z"].translate_to[0]]
    steps("view: one slice by label, d['z'][12]", lambda: read(first[ts.d["z"][12]], data[:, :, 12]))
    steps("view: every second voxel, [::2, ::2]", lambda: read(store[::2, ::2], data[::2, ::2]))
    steps("view: transposed, .T", lambda: read(store.T, data.T))
    order = ts.d["t", "z", "y", "x"].transpose[:]
    steps("view: labels reordered to t, z, y, x", lambda: read(store[order], data.transpose(3, 2, 1, 0)))

    mean = steps(f"mean pyramid, {LEVELS - 1} levels", lambda: pyramid(out / "mean", store, "mean"))
    same(mean[1].read().result(), halved(data))
    tissue = np.digitize(data, TISSUE).astype(np.uint8)
    segments = steps("write a segmentation by threshold", lambda: write(out / "tissue.zarr3", tissue, units))
    mode = steps(f"mode pyramid, {LEVELS - 1} levels", lambda: pyramid(out / "mode", segments, "mode"))

    steps("copy: v3 in files, v2 in memory, v2 in files", lambda: copy(store, out / "scan.zarr2"))
    for text, run in peers:
        steps(text, run)

    def draw() -> tuple[int, Path]:
        from benchmarks.demo_picture import montage

        picture = montage(store, mean, mode, units)
        path = out / "scan.png"
        picture.save(path, optimize=True)
        return picture.width * picture.height * 3, path

    path = steps("draw the picture", draw)
    steps.close()
    files = [file for file in (out / "scan.zarr3").rglob("*") if file.is_file()]
    stored = sum(file.stat().st_size for file in files)
    written = json.loads((out / "scan.zarr3" / "zarr.json").read_text())
    print(f"\n{data.shape} int16 {written['dimension_names']} in {len(files)} files,", end=" ")
    print(f"{stored / 2**20:.2f} MiB of {data.nbytes / 2**20:.2f} MiB.")
    print(f"Everything compared equal, in {time.perf_counter() - began:.1f} s. The picture: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
