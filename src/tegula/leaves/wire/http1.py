"""HTTP/1.1 as a client needs it: a request to bytes, bytes to a reply.

Knows the framing of messages (RFC 9112): heads, lengths, chunks, and when a connection may be used again.
Must not know sockets, hosts, or what a request is for.

A `Reader` is fed the bytes of one reply in any pieces.  Where the length is known it hands out the rest of
the body as memory to receive into (`room`), so that a large body is copied once.

Law: however the bytes of a reply are cut, the reply is the same; a body that ends early, a length that is
no number and a head without end are errors, never a reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from tegula.row import NamedTuple

__all__ = ["BadReply", "Reader", "Reply", "head"]

LONGEST_HEAD = 256 << 10
FRONT = 2048  # most heads are shorter
LONGEST_NUMBER = 18  # digits


class BadReply(Exception):
    """What came is not a reply of HTTP/1.1, or not all of it."""


class Reply(NamedTuple):
    """A whole reply: status, headers by lower-case name (several of one name joined by commas), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray


def head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    r"""Return the head of a request.

    >>> head("GET", "/a?b", {"Host": "h"})
    b'GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n'

    Raises:
        ValueError: a header or the target holds a line break.
    """
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a line break in a header")
    return (text + "\r\n\r\n").encode("latin-1")


class Reader:
    """The reply of one request, as it comes in.

    >>> reader = Reader("GET")
    >>> reader.feed(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhel")
    False
    >>> reader.feed(b"lo")
    True
    >>> reader.reply().status, bytes(reader.reply().body), reader.reusable
    (200, b'hello', True)
    """

    __slots__ = (
        "_bodiless",
        "_body",
        "_filled",
        "_headers",
        "_held",
        "_left",
        "_mode",
        "_status",
        "complete",
        "reusable",
    )

    def __init__(self, method: str) -> None:
        self._bodiless = method == "HEAD"
        self._left = b""
        self._mode = "head"
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: Any = (
            b""  # or a bytearray that grows, or the memory of `_held`, which becomes bytes as it is
        )
        self._held: BytesIO | None = None
        self._filled = 0
        self.complete = False
        self.reusable = False

    @property
    def begun(self) -> bool:
        """Whether any byte has come."""
        return bool(self._left) or self._mode != "head"

    def room(self) -> memoryview | None:
        """Return the part of the body that is still missing, to receive into; None where it is not known."""
        return self._body[self._filled :] if self._held is not None else None

    def filled(self, count: int) -> bool:
        """Say that the first `count` bytes of `room` have come; return whether the reply is complete."""
        self._filled += count
        self.complete = self._filled == len(self._body)
        return self.complete

    def feed(self, data: bytes | memoryview) -> bool:
        """Take the next bytes; return whether the reply is complete.

        Raises:
            BadReply: they cannot be part of a reply.
        """
        if self._mode == "length":
            if len(data) > len(self._body) - self._filled:
                raise BadReply("more came than the length says")
            self._body[self._filled : self._filled + len(data)] = data
            return self.filled(len(data))
        if self._mode == "close":
            self._body += data
            return False
        if self._mode == "head" and not self._left:
            front = bytes(data[:FRONT])  # what is behind the head need not be copied to find its end
            end = front.find(b"\r\n\r\n")
            if end >= 0:
                self._parse(front[:end])
                data = data[end + 4 :]
                if self._status >= 200:
                    return self._begin(data)
                self._headers = {}
        self._left = self._left + data if self._left else bytes(data)
        if self._mode == "chunks":
            return self._chunks()
        end = self._left.find(b"\r\n\r\n")
        while end >= 0:
            rest = self._left[end + 4 :]
            self._parse(self._left[:end])
            self._left = b""
            if self._status >= 200:
                return self._begin(rest)
            self._left, self._headers = rest, {}  # an interim answer: the real one follows
            end = rest.find(b"\r\n\r\n")
        if len(self._left) > LONGEST_HEAD:
            raise BadReply("a head without end")
        return False

    def end(self) -> bool:
        """Say that the connection was closed; return whether the reply is complete.

        Raises:
            BadReply: something is missing.
        """
        if self._mode == "close":
            self.complete = True
        if not self.complete:
            if self._mode == "length":
                missing = len(self._body) - self._filled
                raise BadReply(f"Transferred a partial file: end of response with {missing} bytes missing")
            raise BadReply(
                "Server returned nothing (no headers, no data)" if not self.begun else "a cut reply"
            )
        return True

    def reply(self) -> Reply:
        """Return the reply, once it is complete."""
        held, self._held = self._held, None
        if held is not None:
            self._body.release()
            self._body = held.getvalue()
        return Reply(self._status, self._headers, self._body)

    def _parse(self, text: bytes) -> None:
        lines = text.decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        status = rest[:3]
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(status) != 3 or not status.isdigit():
            raise BadReply("no reply of HTTP/1.1")
        self._status = int(status)
        del lines[0]
        headers: dict[str, str] = {}
        for line in lines:
            pair = _known.get(line) or _header(line)
            headers[pair[0]] = pair[1]
        if len(headers) < len(lines):
            headers = _merged([line.partition(":") for line in lines])
        self._headers = headers
        connection = headers.get("connection", "").lower()
        self.reusable = "keep-alive" in connection if version == "HTTP/1.0" else "close" not in connection

    def _begin(self, rest: bytes | memoryview) -> bool:
        """Decide how the body ends (RFC 9112, 6.3), and take what has come of it."""
        headers = self._headers
        length = headers.get("content-length")
        if self._bodiless or self._status in (204, 304):
            self._mode, self.complete = "none", True
        elif "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked":
                raise BadReply("an unknown transfer encoding")
            self._mode, self._left, self._body = "chunks", bytes(rest), bytearray()
            return self._chunks()
        elif length is not None:
            if not length.isascii() or not length.isdigit() or len(length) > LONGEST_NUMBER:
                raise BadReply("a length that is no number")
            self._mode = "length"
            size = int(length)
            if size == len(rest):
                self._body, self._filled, self.complete = bytes(rest), size, True
                return True
            try:
                self._held = BytesIO(bytes(size))
            except (MemoryError, OverflowError):
                raise BadReply("a length beyond all memory") from None
            self._body = self._held.getbuffer()
            return self.feed(rest) if rest else False
        else:
            self._mode, self.reusable = "close", False
            self._body = bytearray(rest)
            return False
        if rest:
            raise BadReply("more came than the length says")
        return True

    def _chunks(self) -> bool:
        data, at = self._left, 0
        while True:
            if self._filled:  # bytes of a chunk, and the line break behind it, that are still to come
                more = min(self._filled - 2, len(data) - at)
                if more > 0:
                    self._body += memoryview(data)[at : at + more]
                    at, self._filled = at + more, self._filled - more
                if self._filled > 2 or len(data) - at < 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise BadReply("a chunk longer than it says")
                at, self._filled = at + 2, 0
            line = data.find(b"\r\n", at)
            if line < 0:
                if len(data) - at > LONGEST_HEAD:
                    raise BadReply("a chunk without a size")
                break
            digits = data[at:line].split(b";", 1)[0].strip()
            try:
                size = int(digits, 16) if len(digits) <= LONGEST_NUMBER else -1
            except ValueError:
                raise BadReply("a chunk without a size") from None
            if size < 0 or not digits.isalnum():
                raise BadReply("a chunk without a size")
            if not size:
                end = line + 2 if data[line + 2 : line + 4] == b"\r\n" else data.find(b"\r\n\r\n", line)
                if end < 0 or (data[line + 2 : line + 4] != b"\r\n" and len(data) < end + 4):
                    break
                self.complete = True
                if len(data) != (end + 2 if end == line + 2 else end + 4):
                    self.reusable = False
                return True
            at, self._filled = line + 2, size + 2
        self._left = data[at:]
        return False


_known: dict[str, tuple[str, str]] = {}  # what lines of headers say: most are the same in every reply
_KNOWN_LINES, _KNOWN_LETTERS = 256, 128


def _header(line: str) -> tuple[str, str]:
    """Return name and value that a line says; remember it if it is short."""
    name, colon, value = line.partition(":")
    if not colon:
        raise BadReply("a header without a colon")
    found = name.lower(), value.strip(" \t")
    if len(line) <= _KNOWN_LETTERS:
        if len(_known) >= _KNOWN_LINES:
            _known.clear()
        _known[line] = found
    return found


def _merged(parts: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Return headers of which some have a name in common: their values, joined by commas."""
    headers: dict[str, str] = {}
    for name, _, value in parts:
        name, value = name.lower(), value.strip(" \t")
        if name in headers:
            if name == "content-length" and headers[name] != value:
                raise BadReply("two lengths")
            value = f"{headers[name]}, {value}" if name != "content-length" else value
        headers[name] = value
    return headers
