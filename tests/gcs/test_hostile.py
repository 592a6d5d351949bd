"""A service that lies, cuts, drips and repeats: every answer is right or a typed error.

The server is a socket with a script, so that what it says need not be HTTP.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import google_crc32c
import numpy as np
import pytest

import tegula as ts
from tegula.errors import TegulaError
from tegula.leaves.gcs_access import origin_of
from tegula.leaves.wire.gcs import crc32c_text, failure
from tegula.leaves.wire.http1 import BadReply, Reader, Reply
from tests.gcs.listener import Listener
from tests.gcs.stores import Running, gcs

Answers = list["bytes | Callable[[socket.socket], object]"]
GENERATION = b"x-goog-generation: 7\r\n"


def reply(body: bytes = b"value", more: bytes = GENERATION, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, more, len(body), body)


def said(document: Any) -> bytes:
    return reply(json.dumps(document).encode(), b"")


class Script(Listener):
    """Answers the n-th request with the n-th answer, the last one for ever; None ends the connection."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.answers: Answers = []
        self.requests: list[bytes] = []
        super().__init__(address)
        self.url = f"http://{self.address}"

    def serve(self, sock: socket.socket) -> None:
        try:
            with sock, sock.makefile("rb") as file:
                while True:
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        line = file.readline()
                        if not line:
                            return
                        head += line
                    length = re.search(rb"(?i)content-length: (\d+)", head)
                    self.requests.append(head)
                    file.read(int(length[1]) if length else 0)
                    answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                    if callable(answer):
                        answer(sock)
                        return
                    sock.sendall(answer)
        except OSError:
            return


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    made = Script()
    monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", made.url)
    monkeypatch.setenv("TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS", "0.5")
    yield made
    made.close()


def store() -> ts.KvStore:
    retries = {"max_retries": 2, "initial_delay": "1ms", "max_delay": "2ms"}
    return ts.KvStore.open(gcs("p/", gcs_request_retries=retries)).result()


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", GENERATION.strip(), *lines, b"", b""])


CHUNKED = head(b"Transfer-Encoding: chunked")
WRONG = b"x-goog-hash: crc32c=AAAAAA==\r\n"
RIGHT = f"x-goog-hash: crc32c={crc32c_text(google_crc32c.value(b'value'))}\r\n".encode()
MD5 = b"x-goog-hash: md5=AAAAAAAAAAAAAAAAAAAAAA==\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"2\r\nva\r\n3;a=b\r\nlue\r\n0\r\n\r\n",
        CHUNKED + b"0005\r\nvalue\r\n000\r\nX-Trailer: y\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(),
        reply(more=GENERATION + RIGHT + MD5),
        reply(more=GENERATION.title()),
        reply(more=GENERATION + b"Content-Length: 5\r\n"),
        head(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"5\r\nvalue\r\n0\r\n\r\n",
    ],
)
def test_odd_answers_that_are_right(script: Script, answer: bytes) -> None:
    script.answers = [answer]
    assert store().read("a").result().value == b"value"
    assert len(script.requests) == 1


LIES = {
    "no generation": reply(more=b""),
    "generation of nothing": reply(more=b"x-goog-generation: 0\r\n"),
    "generation below zero": reply(more=b"x-goog-generation: -5\r\n"),
    "generation of 65 bits": reply(more=b"x-goog-generation: 18446744073709551616\r\n"),
    "generation of 5000 digits": reply(more=b"x-goog-generation: " + b"9" * 5000 + b"\r\n"),
    "wrong checksum": reply(more=GENERATION + WRONG),
    "wrong checksum before another hash": reply(more=GENERATION + WRONG + MD5),
    "length below zero": head(b"Content-Length: -5") + b"value",
    "length of 17 digits": head(b"Content-Length: 99999999999999999") + b"value",
    "length of 5000 digits": head(b"Content-Length: " + b"9" * 5000) + b"value",
    "two lengths": head(b"Content-Length: 5", b"Content-Length: 3") + b"value",
    "more than the length": reply() + b"more",
    "chunk without a size": CHUNKED + b"zz\r\nvalue\r\n0\r\n\r\n",
    "chunk of 5000 digits": CHUNKED + b"1" * 5000 + b"\r\nvalue\r\n",
    "chunk below zero": CHUNKED + b"-5\r\nvalue\r\n0\r\n\r\n",
    "chunk longer than it says": CHUNKED + b"3\r\nvalue\r\n0\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 400_000,
    "endless chunk size": CHUNKED + b"0" * 400_000,
    "no protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "unknown encoding": head(b"Transfer-Encoding: br") + b"value",
    "partial without a range": reply(status=b"206 Partial Content"),
    "cut": lambda sock: sock.sendall(reply()[:-2]),
    "closed": lambda sock: None,
    "silence": lambda sock: time.sleep(1.5),
    "silence in the body": lambda sock: (sock.sendall(reply()[:-2]), time.sleep(1.5)),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_cannot_be_believed_is_asked_again(script: Script, lie: str) -> None:
    script.answers = [LIES[lie], reply()]
    assert store().read("a").result().value == b"value"


@pytest.mark.parametrize("lie", ["wrong checksum", "length of 5000 digits", "no generation", "cut"])
def test_who_lies_for_ever_is_told_so(script: Script, lie: str) -> None:
    script.answers = [LIES[lie]]
    with pytest.raises(ValueError, match=r"^ABORTED: All 2 retry attempts failed"):
        store().read("a").result()
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [204, 300, 302, 307, 308, 416, 412, 304, 418, 600, 999])
def test_statuses_that_mean_nothing_here(script: Script, status: int) -> None:
    """A redirect is not followed: a token is not for whoever it leads to."""
    where = b"Location: http://169.254.169.254/x\r\n"
    script.answers = [reply(b"", where, b"%d Whatever" % status)]
    with pytest.raises(TegulaError, match=rf"http_response_code='{status}'"):
        store().read("a").result()
    with pytest.raises(TegulaError):
        store().write("a", b"1").result()
    assert len(script.requests) <= 3


@pytest.mark.parametrize(("after", "least"), [(b"1", 0.9), (b"Wed, 21 Oct 2015 07:28:00 GMT", 0), (b"-1", 0)])
def test_when_to_come_back(script: Script, after: bytes, least: float) -> None:
    script.answers = [reply(b"", b"Retry-After: %s\r\n" % after, b"429 Slow down"), reply()]
    begun = time.monotonic()
    assert store().read("a").result().value == b"value"
    assert time.monotonic() - begun >= least


@pytest.mark.parametrize("after", ["600", "601", "9" * 18, "9" * 5000])
def test_nobody_is_sent_away_for_years(after: str) -> None:
    assert failure(Reply(503, {"retry-after": after}, b"")).after == 600.0


def test_a_slow_answer_is_waited_for_while_something_comes(script: Script) -> None:
    def drip(sock: socket.socket) -> None:
        for byte in reply(b"x" * 12, GENERATION)[-14:]:
            time.sleep(0.1)
            sock.sendall(bytes([byte]))

    script.answers = [lambda sock: (sock.sendall(reply(b"x" * 12)[:-14]), drip(sock))]
    assert store().read("a").result().value == b"x" * 12
    assert len(script.requests) == 1


def test_empty_pages_and_huge_ones(script: Script) -> None:
    many = [{"name": f"p/{number}", "size": "1"} for number in range(20_000)]
    script.answers = [said({"nextPageToken": "a"}), said({"items": many, "nextPageToken": "b"}), said({})]
    assert len(store().list().result()) == 20_000
    assert len(script.requests) == 3


def test_a_listing_names_nothing_outside_what_was_asked_for(script: Script) -> None:
    script.answers = [said({"items": [{"name": "../../etc"}, {"name": "p/x"}, {"name": "pq"}]})]
    assert store().list().result() == [b"x"]


@pytest.mark.parametrize(
    "document",
    [[], {"items": None}, {"items": [5]}, {"items": [{}]}, {"items": [{"name": "p/x", "size": "y"}]}],
)
def test_what_is_no_listing(script: Script, document: Any) -> None:
    script.answers = [said(document)]
    with pytest.raises(ValueError, match=r"^ABORTED: All 2 retry attempts failed: the reply is no"):
        store().list().result()


def test_a_listing_that_goes_in_a_circle_ends(script: Script) -> None:
    script.answers = [said({"nextPageToken": "a"})]
    with pytest.raises(ValueError, match="the listing goes in a circle"):
        store().list().result()
    assert len(script.requests) == 2
    with pytest.raises(ValueError, match="the listing goes in a circle"):
        store().delete_range(ts.KvStore.KeyRange("a", "b")).result()


def test_names_that_are_no_text_in_a_listing(script: Script) -> None:
    script.answers = [reply(b'{"items": [{"name": "p/\\ud800"}]}', b"")]
    with pytest.raises(ValueError):
        store().list().result()


def test_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        made = Script("::1")
    except OSError:
        pytest.skip("no IPv6 here")
    monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", made.url)
    made.answers = [reply()]
    assert store().read("a").result().value == b"value"
    assert f"Host: {made.url.removeprefix('http://')}".encode() in made.requests[0]
    assert origin_of("https://[::1]").authority == "[::1]"
    made.close()


KEYS = [
    *[
        "%",
        "%2F",
        "%00",
        "#",
        "?",
        "?alt=media",
        "a b",
        "a+b",
        "&",
        "=",
        ";",
        "..a",
        "a..",
        "a/../b",
        "./a",
        "//",
    ],
    *[
        "/a",
        "a//b",
        "a/",
        "é",
        "日本",
        "\U0001f600",
        "e\u0301",
        "\x80",
        "\u2028",
        "\\",
        '"',
        "'",
        "<>",
        "*",
        "[x]",
    ],
    *["~", "a" * 1024, "é" * 512, "x/" * 512],
]


@pytest.mark.parametrize("form", ["value", "range", "empty range"])
def test_any_name_is_kept_apart(server: Running, path: str, form: str) -> None:
    """Names of 1024 bytes among them: written, listed, read and deleted, each for itself."""
    whole = ts.KvStore.open(gcs(path)).result()
    keys = [key[: 1024 - len(path)] if len(key) == 1024 else key for key in KEYS]
    keys = [key if len((path + key).encode()) <= 1024 else key[: (1024 - len(path)) // 2] for key in keys]
    for number, key in enumerate(keys):
        whole.write(key, b"%04d" % number, if_equal=b"\x02").result()
    assert sorted(whole.list().result()) == sorted(key.encode() for key in keys)
    part = {"value": slice(None), "range": slice(1, 4), "empty range": slice(2, 2)}[form]
    for number, key in enumerate(keys):
        found = whole.read(key, byte_range=None if form == "value" else part).result()
        assert found.value == (b"%04d" % number)[part]
        assert whole.write(key, None, if_equal=found.stamp.generation).result().generation == b"\x02"
    assert whole.list().result() == []


@pytest.mark.parametrize(
    "key", ["", ".", "..", "a" * 1025, "é" * 513, "a\nb", "a\rb", "\0", ".well-known/acme-challenge/x"]
)
def test_names_that_no_object_has(server: Running, key: str) -> None:
    server.reset()
    root = ts.KvStore.open(gcs("")).result()
    for attempt in (lambda: root.read(key), lambda: root.write(key, b"1"), lambda: root.write(key, None)):
        with pytest.raises(ValueError, match="Invalid GCS object name"):
            attempt().result()
    assert server.counts()["requests"] == 0


def test_a_long_chunked_body_costs_no_more_than_its_bytes() -> None:
    """In one chunk, fed in small pieces: what came is not copied again with each of them."""
    reader = Reader("GET")
    size = 64 << 20
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % size)
    piece = bytes(1 << 16)
    for _ in range(size >> 16):
        assert not reader.feed(piece)
    assert len(reader._left) <= len(piece)  # nothing but the last piece is held beside the body
    assert reader.feed(b"\r\n0\r\n\r\n")
    assert len(reader.reply().body) == size
    np.testing.assert_array_equal(np.frombuffer(reader.reply().body, np.uint8)[:: 1 << 20], 0)


def test_an_unfinished_chunk_is_no_reply() -> None:
    reader = Reader("GET")
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nval")
    with pytest.raises(BadReply):
        reader.end()
