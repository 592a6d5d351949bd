"""URL pipelines beside tensorstore 0.1.86: what each of many odd ones says as a specification, and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tegula

pytestmark = pytest.mark.peers

STORES = """
file:///tmp/a|file:///tmp/a/|file:|file://|file:/tmp/a|file://host/tmp/a|file://localhost/tmp/a|memory://|memory:a
memory://a/b?x|memory://a/b#x|memory://a%20b|memory://a/../b|MEMORY://a|memory://é|gs://bucket/a|gs://b/a|gs://Bucket/a
gs://bucket|gs://bucket/a?x| memory://a|foo://a|x|x:|/tmp/a|zarr3:|zarr3:x|cast:int8|auto:|
file:///tmp/./a/|file:///tmp//a|file:///tmp/../a/b/..|file:///tmp/%2e%2e/b/|file:///tmp/a%2Fb/|memory://a//b
memory:///a|memory://a?|memory://a/b#|file:///tmp/a?|memory://../a|memory://%00|memory://%|memory://%ff|zarr3|json|auto|cast|memory|file|foo|zip|zip:a|ocdbt:|cast:|1a:
-a:|a_b:|a.b-c:|é:|a b:c|:|://|./a
""".strip("\n").replace("\n", "|").split("|")  # fmt: skip
FORMATS = [
    "zarr2:",
    "zarr2",
    "zarr3:",
    "zarr:",
    "n5:",
    "n5:x/",
    "zarr3:b/c",
    "zarr3:b%20c",
    "zarr3:c%2Fd",
    "zarr3:b?x=1",
    "zarr3:b#x",
    "zarr3:%zz",
    "zarr3:%C3",
    "ZARR3:",
    "zarr3:/b",
    "zarr3://b",
    "zarr3:///b",
    "zarr3:b/",
    "zarr3:b//c",
    "zarr3:é",
    "zarr3:..",
    "neuroglancer_precomputed:",
    "neuroglancer-precomputed:x",
    "json:a",
    "auto:",
    "auto:x",
    "auto",
    "png:x",
    "jpeg:x",
    "cast:int8",
    "cast:nothing",
    "cast:",
    "file:///x",
    "memory://x",
    "foo:",
    "foo:x",
    "zarr3:|cast:int8",
    "zarr3:|cast:nothing",
    "zarr3:|cast:int8|cast:float32",
    "zarr3:|zarr2:",
    "cast:int8|zarr3:",
    "zarr3:|json:",
    "zarr3:|",
    "|zarr3:",
    "zarr3:||cast:int8",
    "zarr3:b|foo:",
    "cast",
    "cast://int8",
    "cast:///int8",
    "cast:int8?",
    "cast:int8?x=1",
    "cast:int8#f",
    "cast:%69nt8",
    "cast: int8",
    "zarr3|cast",
    "zarr3?x",
    "zarr3 ",
    "1a",
    "_a",
    "é",
    "a b:",
    ":",
    "zarr2:x//y/",
    "zarr3:b?",
    "zarr3:b#",
    "json:/a?#",
    "zarr2:../x",
    "zarr3:%2e%2e/x",
    "zarr3:x/../y",
    "zarr3:./x",
    "n5:x//y",
    "neuroglancer-precomputed:../x",
    "json:/a//b",
    "json:/a/~2",
    "auto|cast:string",
    "zarr3:|memory://x",
]


def said(library: Any, url: str) -> Any:
    """What a URL says: its JSON and its URL, or the class and words of an error."""
    try:
        spec = library.Spec(url)
        return spec.to_json(), spec.url
    except Exception as error:
        family = "ValueError" if isinstance(error, ValueError) else type(error).__name__
        return family, re.sub(r" \[tensorstore_spec=.*", "", str(error))


@pytest.mark.parametrize("store", STORES)
def test_a_store_in_a_pipeline_says_what_it_says_in_tensorstore(store: str) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    for url in (store, f"{store}|zarr3:", f"{store}|zarr3:x|cast:int8"):
        assert (url, said(tegula, url)) == (url, said(tensorstore, url))


@pytest.mark.parametrize("form", FORMATS)
def test_a_component_says_what_it_says_in_tensorstore(form: str) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    stores = ["file:///tmp/a", "file:///tmp/a/", "memory://a", "memory://a/", "memory://"]
    for url in (f"{store}|{form}" for store in stores):
        told, expected = said(tegula, url), said(tensorstore, url)
        if isinstance(expected[0], dict) and expected[0]["driver"] in ("json", "neuroglancer_precomputed"):
            told[0].pop("transform")  # as printed: a row of docs/parity.md
            told[0].pop("dtype", None)
        assert (url, told) == (url, expected)
        assert (url, store_said(tegula, url)) == (url, store_said(tensorstore, url))


def store_said(library: Any, url: str) -> Any:
    """The same of a key-value store's URL."""
    try:
        spec = library.KvStore.Spec(url)
        return spec.to_json(), spec.url
    except Exception as error:
        return "ValueError" if isinstance(error, ValueError) else type(error).__name__, str(error)


@pytest.mark.parametrize("path", ["a//b", "a/../b", "..", "../a", "/a", "a/./b", "a.__lock"])
def test_a_path_that_no_file_has_is_said_and_refused_as_in_tensorstore(path: str, tmp_path: Path) -> None:
    """It has a URL; who reads or makes something there is refused, and nothing is made."""
    tensorstore = pytest.importorskip("tensorstore")
    (tmp_path / "d").mkdir()
    store = f"file://{tmp_path}/d/"
    found = []
    for library in (tegula, tensorstore):
        lines = [(library.KvStore.Spec(store) / path).url, (library.KvStore.Spec(store) + path).url]
        for driver in ("zarr3", "zarr", "n5", "neuroglancer_precomputed", "auto"):
            spec = {"driver": driver, "kvstore": store, "path": path}
            lines.append(library.Spec(spec).url)
            with pytest.raises(ValueError, match="Invalid key") as refusal:
                library.open(spec).result()
            lines.append(re.sub(r" \[.*", "", str(refusal.value)))
            options = {"create": True, "open": True, "dtype": "uint8", "shape": [2, 2, 2, 1]}
            with pytest.raises(ValueError, match="Invalid key"):
                library.open(spec, **options).result()
        found.append(lines)
    assert found[0] == found[1]
    assert list(tmp_path.rglob("*")) == [tmp_path / "d"]


def test_what_stands_behind_the_root_of_the_file_system_is_below_it() -> None:
    """tensorstore 0.1.86 forgets the root: ``file:///|zarr3:x`` is ``x`` below the working directory."""
    tensorstore = pytest.importorskip("tensorstore")
    url = "file:///|zarr3:x"
    assert tensorstore.Spec(url).to_json()["kvstore"]["path"] == "x/"
    assert tegula.Spec(url).to_json()["kvstore"]["path"] == "/x/"


def test_automatic_detection_creates_nothing_but_opens_what_may_be_created() -> None:
    tensorstore = pytest.importorskip("tensorstore")
    for library in (tensorstore, tegula):
        context = library.Context()
        options = {"create": True, "dtype": "int8", "shape": [2], "context": context}
        for url in ("memory://a/", "memory://a/|cast:int8"):
            with pytest.raises(ValueError, match=r"^create mode not compatible with format auto-detection"):
                library.open(url, **options).result()
        with pytest.raises(ValueError, match="Failed to detect format"):
            library.open("memory://a/", open=True, **options).result()
        library.open("memory://a/|zarr3:", **options).result()
        assert library.open("memory://a/", open=True, **options).result().shape == (2,)
