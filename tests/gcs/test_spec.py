"""Specifications, URLs and errors of ``gs://``: the same words as tensorstore 0.1.86."""

from __future__ import annotations

import pytest

import tegula as ts
from tegula.kv.gcs_names import check_bucket
from tests.api.both import assert_same

pytestmark = pytest.mark.peers

PROGRAMS = {
    "urls": """
ts.KvStore.Spec("gs://bucket")
ts.KvStore.Spec("gs://bucket/a%20b/").path
ts.KvStore.Spec("gs://bucket/a b").url
ts.KvStore.open("gs://bucket/x/").result()
ts.KvStore.open("gs://bucket/x/").result().url
(ts.KvStore.open("gs://bucket/x/").result() / "y").url
ts.KvStore.open("gs://Bu/x").result()
ts.KvStore.open("gs:bucket").result()
ts.KvStore.open("gs:///x").result()
ts.KvStore.open("gs://bucket/a?x").result()
ts.KvStore.open("gs://bucket/a#x").result()
ts.KvStore.open("gs://user@bucket/x").result()
ts.KvStore.open("gcs://bucket/a").result()
ts.Spec("gs://bucket/a|zarr3:")
ts.Spec("gs://bucket/a/|zarr3:").url
ts.Spec({"driver": "zarr", "kvstore": {"driver": "gcs", "bucket": "bucket", "path": "a"}}).url
""",
    "json": """
ts.KvStore.Spec({"driver": "gcs"})
ts.KvStore.Spec({"driver": "gcs", "bucket": 3})
ts.KvStore.Spec({"driver": "gcs", "bucket": "x"})
ts.KvStore.Spec({"driver": "gcs", "bucket": "bucket", "foo": 1})
ts.KvStore.Spec({"driver": "gs", "bucket": "bucket"})
ts.KvStore.Spec({"driver": "gcs", "bucket": "bucket", "path": "a"}).to_json(include_defaults=True)
ts.KvStore.Spec({"driver": "gcs", "bucket": "bucket", "gcs_request_concurrency": {"limit": 4}})
ts.KvStore.Spec({"driver": "gcs", "bucket": "bucket", "gcs_request_concurrency": {"limit": 0}})
ts.KvStore.Spec({"driver": "gcs", "bucket": "bucket", "gcs_user_project": {"project_id": "p"}})
ts.KvStore.open({"driver": "gcs", "bucket": "bucket", "gcs_user_project": {"project_id": "p"}}).result()
ts.KvStore.open({"driver": "gcs", "bucket": "bucket", "data_copy_concurrency": {"limit": 3}}).result()
gcs = {"driver": "gcs", "bucket": "bucket"}
ts.KvStore.open({**gcs, "experimental_gcs_rate_limiter": {"read_rate": 5}}).result()
spec = ts.KvStore.Spec({**gcs, "experimental_gcs_rate_limiter": {"write_rate": 2, "doubling_time": "2s"}})
spec
spec.to_json(include_defaults=True)
retries = {"max_retries": 2, "initial_delay": "1ms", "max_delay": "2s"}
ts.KvStore.open({**gcs, "gcs_request_retries": retries}).result()
pickle.loads(pickle.dumps(ts.KvStore.Spec("gs://bucket/a"))) == ts.KvStore.Spec("gs://bucket/a")
ts.Context()["gcs_request_concurrency"]
ts.Context({"gcs_user_project": {"project_id": "x"}})["gcs_user_project"].to_json()
ts.Context({"experimental_gcs_rate_limiter": {"read_rate": 5}})["experimental_gcs_rate_limiter"]
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_say_the_same(name: str) -> None:
    assert_same(PROGRAMS[name])


GOOD = ["abc", "a-b", "a_b.c", "0.1", "x" * 63, ".".join(["x" * 55] * 3), "a.b.c", "a_-_b"]
BAD = [
    "",
    "ab",
    "Abc",
    "-ab",
    "ab-",
    "_ab",
    "a..b",
    "a.-b",
    "a-.b",
    "x" * 64,
    "x" * 223,
    "a b",
    "a/b",
    "é12",
    "ab\n",
]


@pytest.mark.parametrize("name", GOOD + BAD)
def test_names_of_buckets(name: str) -> None:
    tensorstore = pytest.importorskip("tensorstore")

    def accepts(check: object) -> bool:
        try:
            check()  # type: ignore[operator]
        except ValueError:
            return False
        return True

    assert accepts(lambda: check_bucket(name)) == (name in GOOD)
    assert accepts(lambda: tensorstore.KvStore.Spec({"driver": "gcs", "bucket": name})) == (name in GOOD)


def test_a_rate_below_zero_is_refused() -> None:
    """The wheel's process ends when such a store is opened."""
    spec = {"driver": "gcs", "bucket": "bucket", "experimental_gcs_rate_limiter": {"read_rate": -5}}
    with pytest.raises(ValueError, match="non-negative number"):
        ts.KvStore.open(spec)
