"""URLs, durations and specifications as text, and back."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from tegula.api.kvspec import KvStoreSpec
from tegula.kv.duration import format_duration, parse_duration
from tegula.kv.paths import valid_key
from tegula.kv.url import (
    decoded_path,
    file_path,
    file_url,
    memory_path,
    memory_url,
    quoted_path,
    split_pipeline,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(TEXT)
def test_urls(path: str) -> None:
    """Law: a path survives its URL, which has no character with a meaning of its own."""
    assert decoded_path(quoted_path(path)) == path
    assert not set(quoted_path(path)) & set("|?#% ") - {"%"}
    (scheme, rest), *later = split_pipeline(memory_url(path))
    assert (scheme, later) == ("memory", [])
    assert memory_path(rest) == path
    if valid_key("/" + path) and path:
        assert file_path(file_url("/" + path).removeprefix("file:")) == "/" + path


@given(TEXT)
def test_a_valid_key_stays_below_its_root(key: str) -> None:
    """Law: normalising the path of a valid key changes nothing."""
    import posixpath

    whole = f"/store/{key}"
    if valid_key(whole):
        assert posixpath.normpath(whole) == whole
        assert not whole.endswith(".__lock")


@given(st.integers(-(10**18), 10**18))
def test_durations(nanoseconds: int) -> None:
    """Law: parse(format(d)) == d."""
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


LIMITS = st.one_of(st.just("shared"), st.integers(1, 2**60))
FILES = st.fixed_dictionaries(
    {"driver": st.just("file"), "path": st.sampled_from(["", "/", "/a/", "a/b"])},
    optional={
        "file_io_sync": st.one_of(st.booleans(), st.just("file_io_sync#a")),
        "file_io_concurrency": st.one_of(
            st.just("file_io_concurrency"), st.fixed_dictionaries({}, optional={"limit": LIMITS})
        ),
        "file_io_locking": st.fixed_dictionaries(
            {},
            optional={"mode": st.sampled_from(["os", "lockfile", "none"]), "acquire_timeout": st.just("2s")},
        ),
        "context": st.fixed_dictionaries(
            {},
            optional={
                "file_io_sync#a": st.booleans(),
                "cache_pool": st.one_of(st.none(), st.just({"total_bytes_limit": 7})),
            },
        ),
    },
)


@given(FILES, st.booleans())
def test_specifications(json: dict[str, object], include_defaults: bool) -> None:
    """Law: a specification survives its JSON and pickling, with and without defaults."""
    spec = KvStoreSpec(json)
    assert KvStoreSpec(spec.to_json()) == spec
    assert KvStoreSpec(spec.to_json(include_defaults)) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert eval(repr(spec).removeprefix("KvStore.Spec")) == spec.to_json()
