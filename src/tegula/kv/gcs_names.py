"""Names in Google Cloud Storage: buckets, objects, and URLs of them.

Knows: which names are names, and ``gs://bucket/path``.  Must not know: any request.

Law: for every bucket and path that have a URL, parsing the URL gives them.
"""

from __future__ import annotations

import re

from tegula.errors import InvalidArgument
from tegula.kv.paths import quoted
from tegula.kv.url import after_slashes, decoded_path, quoted_path

__all__ = ["check_bucket", "check_object", "check_path", "gcs_path", "gcs_url"]

_COMPONENT = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_BUCKET = rf"(?=[a-z0-9].*[a-z0-9]\Z)(?=.{{3,222}}\Z){_COMPONENT}(?:\.{_COMPONENT})*\Z"
_CONTROL = r"[\x00-\x1f\x7f]"
_CHALLENGE = ".well-known/acme-challenge"


def check_bucket(name: str) -> None:
    """Refuse a name that no bucket can have.

    >>> check_bucket("a-bucket_1.example.org")
    >>> check_bucket("Bucket")
    Traceback (most recent call last):
        ...
    tegula.errors.InvalidArgument: Invalid GCS bucket name: "Bucket"
    """
    if re.match(_BUCKET, name, re.DOTALL) is None:
        raise InvalidArgument(f"Invalid GCS bucket name: {quoted(name)}")


def _valid(name: str) -> bool:
    if not name or name in (".", "..") or name.startswith(_CHALLENGE) or re.search(_CONTROL, name):
        return False
    try:
        return len(name.encode()) <= 1024
    except UnicodeEncodeError:
        return False


def check_object(name: str) -> None:
    """Refuse a name that no object can have: it is empty, dots, longer than 1024 bytes, or not plain text.

    Raises:
        InvalidArgument: ``Invalid GCS object name``.
    """
    if not _valid(name):
        raise InvalidArgument("Invalid GCS object name")


def check_path(path: str) -> None:
    """Refuse a path that no name can begin with; an empty one is fine.

    Raises:
        InvalidArgument: ``Invalid GCS path: "..."``.
    """
    if path and not _valid(path):
        raise InvalidArgument(f"Invalid GCS path: {quoted(path)}")


def gcs_path(rest: str) -> tuple[str, str]:
    """Return the bucket and the path of ``gs:`` + `rest`.

    >>> gcs_path("//bucket/a%20b/"), gcs_path("//bucket")
    (('bucket', 'a b/'), ('bucket', ''))
    """
    text = decoded_path(after_slashes("gs", rest))
    bucket, _, path = text.partition("/")
    check_bucket(bucket)
    return bucket, path


def gcs_url(bucket: str, path: str) -> str:
    """Return the URL of a path in a bucket.

    >>> gcs_url("bucket", "a b/")
    'gs://bucket/a%20b/'
    """
    return f"gs://{bucket}/{quoted_path(path)}"
