"""Arrays that are one value (a JSON document, an image) and the detection of formats: beside the wheel
(tensorstore 0.1.86), against hostile files, and against other writers."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import tegula as ts
from tegula.errors import DataLoss, FailedPrecondition, InvalidArgument, ResourceExhausted, TegulaError
from tegula.formats.json_pointer import found, replaced
from tests.api.both import assert_same

IMAGES = ["png", "jpeg", "bmp", "tiff", "webp", "avif"]
POINTERS = """/x/y/0 /x/y/2 /x/y/- /x/y/a /x/y/01 /a/b /nope /x~1y /b/1/c /b/1/c/d / /ä""".split()  # noqa: SIM905
PIXELS = (np.arange(4 * 5 * 3) % 251).astype("u1").reshape(4, 5, 3)


def encoded(driver: str, pixels: Any = PIXELS, **options: Any) -> bytes:
    """An image as the bytes of a file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=driver, **options)
    return stream.getvalue()


def opened(folder: Path, driver: str, data: bytes, **members: Any) -> Any:
    (folder / "image").write_bytes(data)
    return ts.open({"driver": driver, "kvstore": f"file://{folder}/image", **members}).result()


# ---- JSON


@pytest.mark.peers
def test_documents_beside_the_wheel() -> None:
    assert_same(
        """
path = folder + "/x.json"
spec = {"driver": "json", "kvstore": "file://" + path}
ts.Spec(spec)
ts.Spec(spec).to_json(include_defaults=True)
store = ts.open(spec).result()
store
store.spec()
store.schema
store.url
store.domain, store.dtype, store.mode, store.rank
store.read().result()
store.write({"b": [1, {"c": None}], "a": 1}).result()
pathlib.Path(path).read_bytes()
inner = ts.open({**spec, "json_pointer": "/x/y"}).result()
inner.read().result()
inner.write([1, 2]).result()
inner.read().result()
inner
inner.url
pathlib.Path(path).read_bytes()
pickle.loads(pickle.dumps(inner)).read().result()
inner[ts.newaxis].read().result()
"""
        + "".join(
            f"""
part = ts.open({{**spec, "json_pointer": {pointer!r}}}).result()
part.read().result()
part.write(7).result()
pathlib.Path(path).read_bytes()
"""
            for pointer in POINTERS
        )
        + """
ts.Spec({**spec, "json_pointer": "a"})
ts.Spec({**spec, "json_pointer": "/a~2"})
ts.Spec({**spec, "json_pointer": 5})
ts.Spec({**spec, "open": True})
ts.Spec({**spec, "rank": 1})
ts.Spec({**spec, "dtype": "int8"})
ts.Spec({**spec, "recheck_cached_data": 7, "path": "q"})
ts.open(spec, fill_value=3).result()
ts.open(spec, recheck_cached_metadata=True).result().spec()
ts.open({"driver": "json"}).result()
ts.Spec(f"file://{path}|json:a")
ts.Spec(f"file://{path}|json:/a?b")
ts.Spec(f"file://{path}|json:/a%20b").url
ts.open(f"file://{path}|json:/x/y/0").result().read().result()
ts.Spec("json:/a")
"""
    )


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~0", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(documents, st.lists(st.text("ab/~01", max_size=2), max_size=3), documents)
def test_what_is_written_through_a_pointer_is_read_through_it(document: Any, tokens: Any, value: Any) -> None:
    pointer = "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)
    before = json.dumps(document)
    try:
        after = replaced(document, pointer, value)
    except FailedPrecondition:
        after = None
    else:
        assert found(after, pointer) == value
    assert json.dumps(document) == before


@pytest.mark.parametrize("text", [b"{bad", b"", b"[NaN]", b"1 2", b'"\xff"', b"[" * 100_000])
def test_a_document_that_is_no_json_is_told_and_kept(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x").write_bytes(text)
    store = ts.open(f"file://{tmp_path}/x|json:/a").result()
    for attempt in (store.read(), store.write(1)):
        with pytest.raises(FailedPrecondition, match=r"Error reading local file .*: Invalid JSON"):
            attempt.result()
    assert (tmp_path / "x").read_bytes() == text


def test_two_processes_that_write_different_pointers_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, tegula as ts\n"
        "for i in range(30):\n"
        "    ts.open(f'file://{sys.argv[1]}/x|json:/{sys.argv[2]}/{i}').result().write(i).result()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, tmp_path, name]) for name in "ab"]
    assert [each.wait(60) for each in running] == [0, 0]
    wanted = {str(i): i for i in range(30)}
    assert json.loads((tmp_path / "x").read_text()) == {"a": wanted, "b": wanted}


# ---- images


@pytest.mark.peers
@pytest.mark.parametrize("driver", IMAGES)
def test_images_beside_the_wheel(driver: str) -> None:
    assert_same(
        f"""
from PIL import Image
pixels = {PIXELS.tolist()}
path = folder + "/image"
Image.fromarray(np.array(pixels, "u1")).save(path, format="{driver}")
spec = {{"driver": "{driver}", "kvstore": "file://" + path}}
ts.Spec(spec)
ts.Spec(spec).to_json(include_defaults=True)
ts.Spec(spec).domain
ts.Spec(spec).url
store = ts.open(spec).result()
store
store.schema
store.spec()
store.spec(retain_context=True)
store.url
store.mode
store.codec, store.fill_value, store.dimension_units
np.array_equal(store.read().result(), ts.open("file://" + path).result().read().result())
store[1:3, ::-1, 0]
store[1, 2].read().result()
ts.cast(store, ts.int32)[1, 2].read().result()
store.write(0).result()
store.resize(exclusive_max=[1, 1, 1]).result()
pickle.loads(pickle.dumps(store)).read().result()[0, 0]
ts.open(spec, write=True).result()
ts.open(spec, create=True).result().shape
ts.open(spec, fill_value=3).result()
ts.open(spec, dimension_units=["nm", "", ""]).result()
part = {{"input_inclusive_min": [1, 1, 0], "input_exclusive_max": [2, [3], 3]}}
ts.open({{**spec, "transform": part}}).result()
ts.open({{"driver": "{driver}"}}).result()
ts.open({{**spec, "kvstore": "file://" + folder + "/none"}}).result()
ts.Spec({{**spec, "foo": 1}})
ts.Spec(f"file://{{path}}|{driver}:x")
ts.Spec(f"file://{{path}}|{driver}:?q")
ts.Spec(f"file://{{path}}|{driver}:|{driver}:")
ts.Spec("{driver}:")
pathlib.Path(path).write_bytes(b"x")
ts.open(spec).result()
"""
    )


@pytest.mark.peers
@pytest.mark.parametrize(
    ("driver", "mode"),
    [
        *[("png", mode) for mode in ("L", "1", "P", "LA", "RGBA", "I;16")],
        *[("bmp", mode) for mode in ("L", "1", "P", "RGBA")],
        *[("jpeg", mode) for mode in ("L", "CMYK")],
        *[("tiff", mode) for mode in ("L", "1", "P", "I;16", "CMYK")],
        *[(driver, mode) for driver in ("webp", "avif") for mode in ("RGBA", "L")],
    ],
)
def test_kinds_of_images_beside_the_wheel(driver: str, mode: str) -> None:
    assert_same(
        f"""
from PIL import Image
image = Image.fromarray((np.arange(60) * 4).astype("u1").reshape(4, 5, 3))
wide = Image.fromarray(np.arange(20, dtype="u2").reshape(4, 5))
image = wide if "{mode}" == "I;16" else image.convert("{mode}")
image.putalpha(image.convert("L")) if "{mode}" in ("LA", "RGBA") else None
image.save(folder + "/image", format="{driver}", **({{"lossless": True}} if "{driver}" == "webp" else {{}}))
ts.open({{"driver": "{driver}", "kvstore": "file://" + folder + "/image"}}).result().read().result().tolist()
"""
    )


@pytest.mark.peers
def test_pages_of_a_tiff_beside_the_wheel() -> None:
    assert_same(
        """
from PIL import Image
pages = [Image.new("L", (3, 2), value) for value in (1, 2)]
pages[0].save(folder + "/image", format="tiff", save_all=True, append_images=pages[1:])
spec = {"driver": "tiff", "kvstore": "file://" + folder + "/image"}
ts.open(spec).result()
ts.open({**spec, "page": 0}).result().read().result()[0, 0]
ts.open({**spec, "page": 1}).result().read().result()[0, 0]
ts.open({**spec, "page": 2}).result()
ts.open({**spec, "page": -1}).result()
ts.Spec({**spec, "page": "a"})
ts.Spec({**spec, "page": 1}).url
"""
    )


@pytest.mark.peers
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_tiff_is_read_as_it_is_stored_beside_the_wheel(turn: int) -> None:
    assert_same(
        f"""
from PIL import Image
exif = Image.Exif()
exif[274] = {turn}
image = Image.fromarray(np.array({PIXELS.tolist()}, "u1"))
image.save(folder + "/image", format="tiff", exif=exif)
ts.open("file://" + folder + "/image").result().read().result().tolist()
"""
    )


@pytest.mark.peers
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_narrow_palettes_beside_the_wheel(bits: int) -> None:
    assert_same(
        f"""
from PIL import Image
image = Image.fromarray(np.arange(20, dtype="u1").reshape(4, 5) * 12).quantize(2**{bits})
image.save(folder + "/image", format="png", bits={bits})
ts.open({{"driver": "png", "kvstore": "file://" + folder + "/image"}}).result().read().result().tolist()
"""
    )


@pytest.mark.parametrize("driver", IMAGES)
def test_a_damaged_image_is_a_typed_error(tmp_path: Path, driver: str) -> None:
    data = encoded(driver)
    for size in {0, 3, 20, 40, len(data) // 2}:
        with pytest.raises((DataLoss, InvalidArgument), match="Error reading local file"):
            opened(tmp_path, driver, data[:size])
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 4):
            damaged[place] = random.integers(256)
        with suppress(TegulaError):
            assert opened(tmp_path, driver, bytes(damaged)).read().result().dtype == np.uint8


def test_an_image_larger_than_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    for side, kind in ((300, 2), (13_300, 6), (2**31 - 1, 0)):
        parts = [struct.pack(">IIBBBBB", side, side, 8, kind, 0, 0, 0), zlib.compress(b""), b""]
        body = b"".join(map(chunk, (b"IHDR", b"IDAT", b"IEND"), parts))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of large images
            limited = DataLoss if kind == 2 else ResourceExhausted  # the first is damaged alone
            with pytest.raises(limited, match="Failed to decode PNG"):
                opened(tmp_path, "png", b"\x89PNG\r\n\x1a\n" + body)


# ---- detection


@pytest.mark.peers
def test_detection_beside_the_wheel() -> None:
    assert_same(
        """
for n, d in (("z2", "zarr"), ("z3", "zarr3"), ("n5", "n5")):
    ts.open({"driver": d, "kvstore": f"file://{folder}/{n}/"}, create=True, dtype="uint8", shape=[2]).result()
os.makedirs(folder + "/empty/")
os.makedirs(folder + "/odd/")
"""
        + "".join(
            f'ts.open(f"file://{{folder}}/{name}").result().url\n'
            for name in ("z2", "z2/", "z3", "z3/", "n5", "n5/", "z2|auto", "z2|auto:|cast:int32")
        )
        + """
def fault(function):
    try:
        return function()
    except ValueError as error:
        return str(error).split(" [tensorstore_spec")[0]
pathlib.Path(folder + "/text").write_text("hello")
pathlib.Path(folder + "/void").write_text("")
[pathlib.Path(f"{folder}/odd/{name}").write_text("{}") for name in ("info", "attributes.json")]
names = ("empty", "empty/", "no", "text", "void", "odd")
[fault(ts.open(f"file://{folder}/{name}").result) for name in names]
fault(lambda: ts.open("memory://").result())
fault(lambda: ts.open(f"file://{folder}/z2", dtype="int8").result())
ts.Spec("memory://a|auto:b")
ts.Spec("memory://a|auto:|zarr3:")
ts.Spec("auto:")
"""
    )


def test_the_page_of_an_open_image_is_in_its_specification() -> None:
    stored, image = io.BytesIO(), np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    pages = [Image.fromarray(image), Image.fromarray(image[::-1].copy())]
    pages[0].save(stored, "TIFF", save_all=True, append_images=pages[1:])
    seen = []
    for library in (pytest.importorskip("tensorstore"), ts):
        context = library.Context()
        library.KvStore.open("memory://", context=context).result()["a"] = stored.getvalue()
        spec = {"driver": "tiff", "kvstore": "memory://a", "page": 1}
        store = library.open(spec, context=context).result()
        seen.append(store.spec().to_json().get("page"))
    assert seen == [None, 1]
    again = ts.open(store.spec(), context=context).result()
    assert again.read().result().tolist() == image[::-1].tolist()
