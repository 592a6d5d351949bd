"""URL pipelines beside tensorstore 0.1.86: what each of many odd ones says as a specification, and back."""

from __future__ import annotations

import re
from typing import Any

import pytest

import tegula

pytestmark = pytest.mark.peers

STORES = """
file:///tmp/a|file:///tmp/a/|file:|file://|file:/tmp/a|file://host/tmp/a|file://localhost/tmp/a|memory://|memory:a
memory://a/b?x|memory://a/b#x|memory://a%20b|memory://a/../b|MEMORY://a|memory://é|gs://bucket/a|gs://b/a|gs://Bucket/a
gs://bucket|gs://bucket/a?x| memory://a|foo://a|x|x:|/tmp/a|zarr3:|zarr3:x|cast:int8|auto:|
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
    stores = ["file:///tmp/a", "memory://a", "memory://a/", "memory://"]
    if form in ("zarr3:/b", "zarr3:///b", "zarr3:b//c", "zarr3:.."):
        del stores[0]  # no file is called so: tegula says it here, the wheel when it looks for one
    for url in (f"{store}|{form}" for store in stores):
        assert (url, said(tegula, url)) == (url, said(tensorstore, url))


def test_automatic_detection_creates_nothing_but_opens_what_may_be_created() -> None:
    tensorstore = pytest.importorskip("tensorstore")
    for library in (tensorstore, tegula):
        context = library.Context()
        options = {"create": True, "dtype": "int8", "shape": [2], "context": context}
        with pytest.raises(ValueError, match="create mode not compatible with format auto-detection"):
            library.open("memory://a/", **options).result()
        with pytest.raises(ValueError, match="Failed to detect format"):
            library.open("memory://a/", open=True, **options).result()
        library.open("memory://a/|zarr3:", **options).result()
        assert library.open("memory://a/", open=True, **options).result().shape == (2,)
