"""The JSON API of Google Cloud Storage: what is asked, and what an answer means; pure functions.

Knows: targets, conditions, ranges, uploads, stamps, and which status is which error.  Must not know: sockets,
credentials, how often anything is tried.

Generations are the drop-in's: a zero byte and the object's generation as 8 bytes, little-endian.  An upload
is one ``multipart`` request, because only that carries a checksum, a condition and metadata at once.  A
*stamp* is two members of the object's metadata: who wrote it, and which generation the write had as its
condition.

Law: 404 is the only status that means "there is no value", and not where it is the bucket that is missing.
What may have been carried out though its answer was lost is `Indeterminate`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tegula.effects.storage import Buffer, Listing, Page, Provenance, ReadOutcome, WriteOutcome
from tegula.errors import (
    Aborted,
    FailedPrecondition,
    Indeterminate,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    TegulaError,
    Unavailable,
)
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import ByteRange, KeyRange, from_key
from tegula.leaves.leaf import span
from tegula.leaves.wire.http1 import Reply
from tegula.row import NamedTuple

__all__ = [
    "Request",
    "crc32c_text",
    "delete_request",
    "deleted",
    "failure",
    "found",
    "generation_of",
    "list_request",
    "number_of",
    "origin_request",
    "page",
    "provenance",
    "range_is_empty",
    "read_request",
    "size_and_generation",
    "sized",
    "stat_request",
    "upload_request",
    "written",
]

STAMP = "tegula-stamp"
CONDITION = "tegula-condition"

RETRIED = frozenset({408, 429, *range(500, 600)})
"""The statuses after which asking again may help, TensorStore's: google-cloud-storage leaves some 5xx out."""

LONGEST_WAIT = 600.0
"""Seconds: a service that wants to be left alone for longer is asked again after these."""

_REFUSED = frozenset({429})  # surely not carried out
_CLASSES: dict[int, type[TegulaError]] = {
    304: FailedPrecondition,
    400: InvalidArgument,
    401: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
    409: Aborted,
    410: NotFound,
    411: InvalidArgument,
    412: FailedPrecondition,
    413: FailedPrecondition,
    416: OutOfRange,
}


_ONLY_GENERATION = re.compile(rb'\s*\{\s*"generation"\s*:\s*"(\d{1,20})"\s*\}\s*')
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")  # keys of which only slashes are to be quoted


class Request(NamedTuple):
    """Method, target and headers of a request, and its body in pieces."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Sequence[Buffer] = ()


# ---------------------------------------------------------------- generations and stamps


def generation_of(number: int) -> bytes:
    """Return the storage generation of an object's generation number.

    >>> generation_of(5), number_of(generation_of(5)), number_of(NO_VALUE)
    (b'\\x00\\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00', 5, 0)
    """
    return b"\0" + number.to_bytes(8, "little")


def number_of(generation: bytes) -> int:
    """Return the number that a generation stands for; 0 is that of no value.

    Raises:
        InvalidArgument: it is not a generation of this store.
    """
    if generation == NO_VALUE:
        return 0
    if len(generation) != 9 or generation[0] or not any(generation):
        raise InvalidArgument("Malformed StorageGeneration")
    return int.from_bytes(generation[1:], "little")


def _metadata(stamp: bytes, condition: bytes) -> dict[str, str]:
    return {STAMP: stamp.hex(), CONDITION: "" if condition == UNKNOWN else str(number_of(condition))}


# ---------------------------------------------------------------- requests


def _object(bucket: str, key: str) -> str:
    plain = _PLAIN.fullmatch(key)
    return f"/storage/v1/b/{bucket}/o/{key.replace('/', '%2F') if plain else quote(from_key(key), safe='')}"


def _more(project: str | None) -> str:
    return "" if project is None else f"&userProject={quote(project, safe='')}"


def _condition(name: str, generation: bytes) -> str:
    return "" if generation == UNKNOWN else f"&{name}={number_of(generation)}"


def read_request(
    bucket: str,
    key: str,
    wanted: ByteRange | None = None,
    if_not_equal: bytes = UNKNOWN,
    if_equal: bytes = UNKNOWN,
    project: str | None = None,
    unique: str = "",
) -> Request:
    """Return the request for a value or a range of it.  `unique` (hexadecimal) keeps caches from answering.

    >>> read_request("b", "a/b", ByteRange(-4)).target
    '/storage/v1/b/b/o/a%2Fb?alt=media'
    """
    target = (
        f"{_object(bucket, key)}?alt=media{_condition('ifGenerationNotMatch', if_not_equal)}"
        f"{_condition('ifGenerationMatch', if_equal)}{_more(project)}"
    )
    if unique:
        target += f"&tegula={unique}"
    if wanted is None or wanted == (0, None):
        return Request("GET", target, {})
    start, stop = wanted
    shown = f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"
    return Request("GET", target, {"Range": shown})


def range_is_empty(wanted: ByteRange | None) -> bool:
    """Return whether a range asks for no byte at all: it is answered by `stat_request`."""
    return wanted is not None and wanted.stop is not None and wanted.start >= wanted.stop


def stat_request(
    bucket: str,
    key: str,
    if_not_equal: bytes = UNKNOWN,
    if_equal: bytes = UNKNOWN,
    project: str | None = None,
    fields: str = "generation,size",
) -> Request:
    """Return the request for what is known about an object, without its value."""
    return Request(
        "GET",
        f"{_object(bucket, key)}?alt=json&fields={fields}{_condition('ifGenerationNotMatch', if_not_equal)}"
        f"{_condition('ifGenerationMatch', if_equal)}{_more(project)}",
        {},
    )


def origin_request(bucket: str, key: str, project: str | None = None) -> Request:
    """Return the request for the stamp of an object."""
    return stat_request(bucket, key, project=project, fields="generation,metadata")


def upload_request(
    bucket: str,
    key: str,
    value: Buffer,
    checksum: str,
    boundary: str,
    if_equal: bytes = UNKNOWN,
    stamp: bytes = b"",
    project: str | None = None,
) -> Request:
    """Return the request that writes a value.  `checksum` is `crc32c_text` of it; `boundary` is not in it."""
    metadata = f', "metadata": {json.dumps(_metadata(stamp, if_equal))}' if stamp else ""
    name = f'"{key}"' if _PLAIN.fullmatch(key) else json.dumps(key)
    front = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        f'{{"name": {name}, "crc32c": "{checksum}"{metadata}}}\r\n'
        f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
    ).encode()
    back = f"\r\n--{boundary}--\r\n".encode()
    size = len(front) + memoryview(value).nbytes + len(back)
    target = (
        f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart&fields=generation"
        f"{_condition('ifGenerationMatch', if_equal)}{_more(project)}"
    )
    headers = {
        "Content-Type": f"multipart/related; boundary={boundary}",
        "Content-Length": str(size),
    }
    return Request("POST", target, headers, (front, value, back))


def delete_request(bucket: str, key: str, if_equal: bytes = UNKNOWN, project: str | None = None) -> Request:
    """Return the request that deletes a value."""
    query = (_condition("ifGenerationMatch", if_equal) + _more(project)).lstrip("&")
    return Request("DELETE", _object(bucket, key) + ("?" + query if query else ""), {})


def list_request(
    bucket: str, wanted: KeyRange, token: str = "", project: str | None = None, delimiter: str = ""
) -> Request:
    """Return the request for a page of the keys in a range, or of what is directly below a prefix.

    >>> list_request("b", KeyRange("a/", "a0")).target
    '/storage/v1/b/b/o?fields=items(name,size),nextPageToken&startOffset=a%2F&endOffset=a0'
    """
    parts = [f"/storage/v1/b/{bucket}/o?fields=items(name,size){',prefixes' * bool(delimiter)},nextPageToken"]
    if delimiter:
        parts.append(f"&delimiter={quote(delimiter, safe='')}")
        parts.append(f"&prefix={quote(from_key(wanted.inclusive_min), safe='')}")
    # a bound may have been cut within a character; `page` is exact
    low = from_key(wanted.inclusive_min).decode("utf-8", "ignore")
    if low:
        parts.append(f"&startOffset={quote(low, safe='')}")
    if wanted.exclusive_max and _is_text(wanted.exclusive_max):
        parts.append(f"&endOffset={quote(wanted.exclusive_max, safe='')}")
    if token:
        parts.append(f"&pageToken={quote(token, safe='')}")
    return Request("GET", "".join(parts) + _more(project), {})


def _is_text(key: str) -> bool:
    return key.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in key)


# ---------------------------------------------------------------- answers


def failure(reply: Reply, acts: bool = False) -> TegulaError:
    """Return the error that a reply is; with `acts` the request may have changed something.

    >>> print(failure(Reply(403, {}, b'{"error": {"message": "no"}}')))
    PERMISSION_DENIED: no [http_response_code='403']
    """
    text = f"{_message(reply)} [http_response_code='{reply.status}']"
    if reply.status in RETRIED:
        error = (Indeterminate if acts and reply.status not in _REFUSED else Unavailable)(text)
        wait = reply.headers.get("retry-after", "")
        if wait.isascii() and wait.isdigit():
            error.after = min(LONGEST_WAIT, float(wait[:9]))
        return error
    return _CLASSES.get(reply.status, FailedPrecondition)(text)


def _message(reply: Reply) -> str:
    body = bytes(reply.body[:4096])
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        text = " ".join(body.decode("utf-8", "replace").split())
        return text[:200] or f"HTTP status {reply.status}"


def _no_bucket(reply: Reply) -> bool:
    return b"bucket does not exist" in reply.body


def _generation(reply: Reply) -> bytes:
    shown = reply.headers.get("x-goog-generation", "")
    number = _whole_number({"generation": shown}, "generation")
    if not number:
        raise Unavailable("the reply says no generation")
    return generation_of(number)


def _document(reply: Reply) -> dict[str, Any]:
    try:
        document = json.loads(bytes(reply.body) or b"{}")
    except ValueError:
        raise Unavailable("the reply is no JSON") from None
    if not isinstance(document, dict):
        raise Unavailable("the reply is no JSON object")
    return document


def _whole_number(document: Mapping[str, Any], name: str) -> int:
    try:
        number = int(document[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        number = -1
    if not 0 <= number < 2**64:
        raise Unavailable(f"the reply says no {name}")
    return number


def found(
    reply: Reply,
    wanted: ByteRange | None,
    if_not_equal: bytes,
    if_equal: bytes,
    checksum: Callable[[Any], str],
    time: float,
) -> ReadOutcome:
    """Return what a reply to `read_request` says; `checksum` is `crc32c_text`.

    Raises:
        Unavailable: the value did not arrive as it was sent; asking again may help.
        OutOfRange: the range does not fit the value.
        TegulaError: what the store says.
    """
    status = reply.status
    if status not in (200, 206):
        return _no_value(reply, if_not_equal, if_equal, time)
    generation = _generation(reply)
    value = reply.body
    if status == 206 and wanted is not None:
        first, last, size = _content_range(reply)
        low, high = span(wanted, size)
        if first != low or last != high or len(value) != high - low:
            raise Unavailable(f"asked for bytes [{low}, {high}), got [{first}, {last})")
        return ReadOutcome("value", value, generation, time)
    stored = reply.headers.get("x-goog-stored-content-encoding", "identity") == "identity"
    said = _hashes(reply).get("crc32c")
    if stored:
        length = reply.headers.get("x-goog-stored-content-length", "")
        if length.isdigit() and int(length) != len(value):
            raise Unavailable(f"{len(value)} bytes came of a value of {length}")
        if said is not None and said != checksum(value):
            raise Unavailable(f"the value came damaged: its crc32c is not {said}")
    if wanted is not None:
        low, high = span(wanted, len(value))
        value = value[low:high]
    return ReadOutcome("value", value, generation, time)


def _no_value(reply: Reply, if_not_equal: bytes, if_equal: bytes, time: float) -> ReadOutcome:
    """Return what a reply without a value says; one that nobody asked for is an error."""
    if reply.status == 404 and not _no_bucket(reply):
        return ReadOutcome("missing", b"", NO_VALUE, time)
    if reply.status == 304 and if_not_equal != UNKNOWN:
        return ReadOutcome("unspecified", b"", if_not_equal, time)
    if reply.status == 412 and if_equal != UNKNOWN:
        return ReadOutcome("unspecified", b"", UNKNOWN, time)
    raise failure(reply)


def _hashes(reply: Reply) -> dict[str, str]:
    shown = reply.headers.get("x-goog-hash", "")
    return {name.strip(): value for name, _, value in (part.partition("=") for part in shown.split(","))}


_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def _content_range(reply: Reply) -> tuple[int, int, int]:
    said = _RANGE.fullmatch(reply.headers.get("content-range", ""))
    if said is None:
        raise Unavailable("the reply says no range")
    return int(said[1]), int(said[2]) + 1, int(said[3])


def sized(
    reply: Reply, wanted: ByteRange | None, if_not_equal: bytes, if_equal: bytes, time: float
) -> ReadOutcome:
    """Return what a reply to `stat_request` says about an empty range."""
    if reply.status != 200:
        return _no_value(reply, if_not_equal, if_equal, time)
    document = _document(reply)
    generation = generation_of(_whole_number(document, "generation"))
    size = _whole_number(document, "size")
    if wanted is not None:
        low, high = span(wanted, size)
        if low != high:
            raise Unavailable("the value changed while it was read")
    return ReadOutcome("value", b"", generation, time)


def size_and_generation(reply: Reply) -> tuple[int, bytes] | None:
    """Return what a reply to `stat_request` says, None where there is no value."""
    if reply.status != 200:
        _no_value(reply, UNKNOWN, UNKNOWN, 0.0)
        return None
    document = _document(reply)
    return _whole_number(document, "size"), generation_of(_whole_number(document, "generation"))


def written(reply: Reply, if_equal: bytes, time: float) -> WriteOutcome:
    """Return what a reply to `upload_request` says.

    Raises:
        Indeterminate: it may have been written.
        TegulaError: what the store says; nothing was written.
    """
    if reply.status == 200:
        plain = _ONLY_GENERATION.fullmatch(reply.body)
        try:
            said = {"generation": plain[1]} if plain is not None else _document(reply)
            return WriteOutcome(generation_of(_whole_number(said, "generation")), time)
        except Unavailable as error:
            raise Indeterminate(error.message) from None
    if reply.status in (304, 412) and if_equal != UNKNOWN:
        return WriteOutcome(UNKNOWN, time)
    if reply.status == 404 and if_equal not in (UNKNOWN, NO_VALUE) and not _no_bucket(reply):
        return WriteOutcome(UNKNOWN, time)
    if reply.status == 400 and b"CRC32C" in reply.body:
        raise Unavailable(f"the value arrived damaged: {_message(reply)}")
    raise failure(reply, acts=True)


def deleted(reply: Reply, if_equal: bytes, time: float) -> WriteOutcome:
    """Return what a reply to `delete_request` says; see `written`."""
    if reply.status in (200, 204):
        return WriteOutcome(NO_VALUE, time)
    if reply.status in (304, 412) and if_equal != UNKNOWN:
        return WriteOutcome(UNKNOWN, time)
    if reply.status == 404 and not _no_bucket(reply):
        return WriteOutcome(NO_VALUE if if_equal in (UNKNOWN, NO_VALUE) else UNKNOWN, time)
    raise failure(reply, acts=True)


def page(reply: Reply, wanted: KeyRange, asked: str = "") -> Page:
    """Return what a reply to `list_request` for a range says; there, names come in order.

    Raises:
        FailedPrecondition: the page that follows is the one that was `asked` for: there would be no end.
        TegulaError: what the store says.
    """
    if reply.status != 200:
        raise failure(reply)
    document = _document(reply)
    items = document.get("items", [])
    try:
        keys = [str(item["name"]) for item in items]
        sizes = [int(item.get("size", -1)) for item in items]
        folders = [str(folder) for folder in document.get("prefixes", [])]
        rows = [row for row, key in enumerate(keys) if key in wanted]
        last = from_key(keys[-1]) if keys else b""
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Unavailable("the reply is no listing") from None
    token = str(document.get("nextPageToken", ""))
    if len(rows) < len(keys):
        end = from_key(wanted.exclusive_max)
        if end and last >= end:
            token = ""
        keys, sizes = [keys[row] for row in rows], [sizes[row] for row in rows]
    if token and token == asked:
        raise FailedPrecondition("the listing goes in a circle: a page is followed by itself")
    return Page(Listing(keys, sizes), token, folders)


def provenance(reply: Reply) -> Provenance:
    """Return what a reply to `origin_request` says."""
    if reply.status == 404 and not _no_bucket(reply):
        return Provenance(NO_VALUE)
    if reply.status != 200:
        raise failure(reply)
    document = _document(reply)
    generation = generation_of(_whole_number(document, "generation"))
    metadata = document.get("metadata") or {}
    try:
        stamp = bytes.fromhex(metadata.get(STAMP, ""))
        condition = metadata.get(CONDITION, "")
        after = (
            UNKNOWN if condition == "" else NO_VALUE if condition == "0" else generation_of(int(condition))
        )
    except (ValueError, TypeError, AttributeError, OverflowError):
        return Provenance(generation)
    return Provenance(generation, stamp, after)


def crc32c_text(checksum: int) -> str:
    """Return a crc32c as the service writes it: base64 of its 4 bytes, the highest first.

    >>> crc32c_text(0)
    'AAAAAA=='
    """
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()
