"""Laws of what goes over the wire: a reply is the same however it is cut; any bytes are one or refused."""

from __future__ import annotations

import json
from email.message import Message
from email.parser import BytesParser
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegula.errors import TegulaError
from tegula.kv.generation import NO_VALUE, UNKNOWN
from tegula.kv.spec import KeyRange, from_key
from tegula.leaves.wire import gcs
from tegula.leaves.wire.http1 import BadReply, Reader, Reply

names = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=8
)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
FRAMING = ("content-length", "transfer-encoding", "connection")


@st.composite
def replies(draw: st.DrawFn) -> tuple[bytes, int, dict[str, str], bytes, bool]:
    """The bytes of a reply, what it says, and whether only the end of the connection ends it."""
    status = draw(st.sampled_from([200, 206, 308, 404, 412, 503]))
    headers = draw(
        st.dictionaries(names.map(str.lower).filter(lambda n: n not in FRAMING), values, max_size=4)
    )
    body = draw(st.binary(max_size=300))
    head = [f"HTTP/1.1 {status} Reason", *[f"{name}: {value}" for name, value in headers.items()]]
    how = draw(st.sampled_from(["length", "chunked", "close"]))
    sent = body
    if how == "length":
        head.append(f"Content-Length: {len(body)}")
    elif how == "chunked":
        head.append("Transfer-Encoding: chunked")
        sent, rest = b"", body
        while rest:
            size = draw(st.integers(1, len(rest)))
            sent += b"%x;x=y\r\n%s\r\n" % (size, rest[:size])
            rest = rest[size:]
        sent += b"0\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" if draw(st.booleans()) else b""
    return interim + "\r\n".join([*head, "", ""]).encode() + sent, status, headers, body, how == "close"


@given(replies(), st.data())
def test_a_reply_is_the_same_however_its_bytes_are_cut(reply, data) -> None:
    """However the bytes of a reply are cut, and whether they are fed or received in place, it is the same."""
    sent, status, headers, body, closes = reply
    reader = Reader("GET")
    at = 0
    while at < len(sent):
        assert not reader.complete
        size = data.draw(st.integers(1, len(sent) - at))
        room = reader.room()
        if room is not None and data.draw(st.booleans()):
            size = min(size, len(room))
            room[:size] = sent[at : at + size]
            reader.filled(size)
        else:
            reader.feed(sent[at : at + size])
        at += size
    if closes:
        assert not reader.complete
        reader.end()
    assert reader.complete
    found = reader.reply()
    assert (found.status, bytes(found.body)) == (status, body)
    assert {name: found.headers[name] for name in headers} == {
        name: text.strip(" \t") for name, text in headers.items()
    }


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "B", "c"]), values), max_size=6), st.integers(0, 3000))
def test_headers_of_one_name_are_joined(headers, padding) -> None:
    """Headers of one name, in any case, are one, their values joined by commas, in heads of any length."""
    lines = [f"{name}:{text}" for name, text in headers] + [f"X-Long: {'x' * padding}", "Content-Length: 0"]
    reader = Reader("GET")
    assert reader.feed("\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode())
    found: dict[str, list[str]] = {}
    for name, text in headers:
        found.setdefault(name.lower(), []).append(text)
    said = {name: text for name, text in reader.reply().headers.items() if len(name) == 1}
    assert said == {name: ", ".join(texts) for name, texts in found.items()}


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.from_regex(r"[A-Za-z0-9_.~/ %-]{0,12}")
)
def test_a_key_is_quoted_as_the_standard_library_does(key) -> None:
    """A key in a target is quoted whole, its slashes too, whichever way is shorter."""
    target = gcs.read_request("bucket", key).target
    assert target == f"/storage/v1/b/bucket/o/{quote(key, safe='')}?alt=media"


@given(replies(), st.data())
def test_a_reply_that_ends_early_is_an_error(reply, data) -> None:
    """A reply of known length that is cut anywhere is refused, never taken for a shorter one."""
    sent, _, _, _, closes = reply
    if closes:
        return
    reader = Reader("GET")
    cut = data.draw(st.integers(0, len(sent) - 1))
    if cut:
        assert not reader.feed(sent[:cut])
    with pytest.raises(BadReply):
        reader.end()


@given(st.binary(max_size=400) | replies().map(lambda reply: reply[0]), st.data())
def test_any_bytes_are_a_reply_or_refused(sent, data) -> None:
    """Any bytes are a reply or are refused; a damaged one raises nothing else."""
    if sent:
        at = data.draw(st.integers(0, len(sent) - 1))
        sent = sent[:at] + data.draw(st.binary(max_size=2)) + sent[at + 1 :]
    reader = Reader("GET")
    try:
        if not sent or not reader.feed(sent):
            reader.end()
    except BadReply:
        return
    assert reader.reply().status >= 200


@given(st.binary(max_size=300), st.text(max_size=30), st.integers(1, 2**63 - 1), st.binary(max_size=12))
def test_an_upload_holds_what_it_was_made_from(value, key, number, stamp) -> None:
    """An upload is MIME that any parser takes apart into the name, the checksum, the stamp and the value."""
    key = key.encode("utf-8", "ignore").decode()
    condition = gcs.generation_of(number)
    made = gcs.upload_request("bucket", key, value, "sum=", "b" * 32, condition, stamp)
    body = b"".join(made.body)
    assert int(made.headers["Content-Length"]) == len(body)
    assert f"ifGenerationMatch={number}" in made.target
    head = f"Content-Type: {made.headers['Content-Type']}\r\n\r\n".encode()
    message: Message = BytesParser().parsebytes(head + body)
    first, second = message.get_payload()
    said = json.loads(first.get_payload(decode=True))
    assert (said["name"], said["crc32c"]) == (key, "sum=")
    if stamp:
        reply = Reply(200, {}, json.dumps({"generation": "9", "metadata": said["metadata"]}).encode())
        origin = gcs.provenance(reply)
        assert (origin.generation, origin.stamp, origin.condition) == (gcs.generation_of(9), stamp, condition)
    assert second.get_content_type() == "application/octet-stream"
    assert b"\r\n\r\n" + value + b"\r\n--" in body


@given(st.integers(1, 2**64 - 1))
def test_generations_are_numbers_and_back(number) -> None:
    """Every generation number is a generation of nine bytes, and comes back from it."""
    generation = gcs.generation_of(number)
    assert gcs.number_of(generation) == number
    assert generation not in (NO_VALUE, UNKNOWN)


@given(st.lists(st.text(max_size=6), unique=True, max_size=12), st.binary(max_size=3), st.binary(max_size=3))
def test_a_page_holds_the_keys_of_its_range_and_no_others(keys, low, high) -> None:
    """A page holds exactly the keys of the range that was asked for, where the service answers with more."""
    ordered = sorted((key.encode("utf-8", "ignore").decode() for key in keys), key=str.encode)
    wanted = KeyRange(low.decode("utf-8", "surrogateescape"), high.decode("utf-8", "surrogateescape"))
    items = [{"name": key, "size": "1"} for key in ordered]
    found = gcs.page(Reply(200, {}, json.dumps({"items": items, "nextPageToken": "t"}).encode()), wanted)
    assert found.listing.keys == [key for key in ordered if key in wanted]
    if found.token == "":
        assert from_key(ordered[-1]) >= high > b""  # nothing that follows is in the range


MEMBERS = ["items", "name", "size", "generation", "metadata", "tegula-stamp", "error"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(MEMBERS), inner, max_size=4
    ),
)  # fmt: skip


@given(
    st.sampled_from([200, 204, 206, 304, 400, 401, 404, 412, 416, 429, 500, 503]),
    st.binary(max_size=20) | JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["x-goog-generation", "x-goog-hash", "content-range", "retry-after"]),
        values,
        max_size=4,
    ),
)
def test_whatever_the_service_says_is_an_answer_or_a_typed_error(status, body, headers) -> None:
    """Whatever a service says is an answer or an error of ours; a status that is no success is never data."""
    reply = Reply(status, headers, body)
    readers = [
        lambda: gcs.found(reply, None, UNKNOWN, UNKNOWN, lambda _: "", 0.0),
        lambda: gcs.sized(reply, None, UNKNOWN, UNKNOWN, 0.0),
        lambda: gcs.written(reply, UNKNOWN, 0.0),
        lambda: gcs.deleted(reply, UNKNOWN, 0.0),
        lambda: gcs.page(reply, KeyRange()),
        lambda: gcs.provenance(reply),
    ]
    for number, read in enumerate(readers):
        try:
            answer = read()
        except TegulaError:
            continue
        assert status in (200, 204, 206, 404)
        if number < 2 and status == 404:
            assert answer.state == "missing"
