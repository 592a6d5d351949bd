"""A loopback Google Cloud Storage: the JSON API as clients use it, with faults on demand and a request log.

Knows: buckets and objects in memory; media, multipart and resumable uploads; generation preconditions on
reading, statting, writing and deleting; ranges; paged listing; what a fault does to a connection.  Must not
know: tegula.

Law: check and commit happen without an ``await`` between, so a conditional write is atomic; generations
grow strictly and are never given twice.  What a fault did is in the log beside the request.

It runs as its own process, so that its work is not done under the client's interpreter lock:

    with running() as server:              # a free port of 127.0.0.1
        server.faults({"rate": 0.3, "kinds": ["503", "reset"]}, seed=1)
        ... server.url ...
        server.log()

A fault is a kind, or an object with a kind and what it needs:

``status`` (also written as its number; `status`, `retry_after`), ``delay`` (`seconds`), ``reset`` (before
acting), ``lost`` (act, then reset), ``lost_status`` (act, then answer `status`, 503), ``cut`` (half of the
body, then reset), ``short`` (an honest-looking answer with half of the body), ``corrupt`` (a flipped bit),
``stall`` (`seconds` of silence before acting, then reset).

A rule says when: ``rate`` and ``kinds`` (drawn by the seed), or ``script`` (a list, one fault a request, null
for none); ``methods``, ``names`` (a regular expression for the object) and ``conditional`` narrow it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import random
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

LOG_LENGTH = 200_000


def _crc32c(data: bytes) -> str:
    import google_crc32c

    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


class Refusal(Exception):
    """A request that is answered by an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Stored:
    """One object."""

    __slots__ = ("content_type", "crc32c", "data", "generation", "md5", "metadata", "name", "updated")

    def __init__(self, name: str, data: bytes, generation: int, metadata: Any, content_type: str) -> None:
        self.name = name
        self.data = data
        self.generation = generation
        self.metadata = metadata
        self.content_type = content_type
        self.crc32c = _crc32c(data)
        self.md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        self.updated = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def resource(self, bucket: str) -> dict[str, Any]:
        found = {
            "kind": "storage#object",
            "id": f"{bucket}/{self.name}/{self.generation}",
            "name": self.name,
            "bucket": bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "size": str(len(self.data)),
            "md5Hash": self.md5,
            "crc32c": self.crc32c,
            "etag": f"CJ{self.generation}=",
            "storageClass": "STANDARD",
            "timeCreated": self.updated,
            "updated": self.updated,
        }
        if self.metadata:
            found["metadata"] = self.metadata
        return found


class Answer:
    """Status, headers and body of a response."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers or {}


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8"})


class Cloud:
    """The state: what a request does, without any network."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Stored]] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.generation = int(time.time() * 1e6)
        self.commits: list[tuple[str, int, str]] = []  # name, generation, the first letters of the value

    def bucket(self, name: str) -> dict[str, Stored]:
        try:
            return self.buckets[name]
        except KeyError:
            raise Refusal(404, "The specified bucket does not exist.") from None

    def found(self, bucket: str, name: str) -> Stored:
        stored = self.bucket(bucket).get(name)
        if stored is None:
            raise Refusal(404, f"No such object: {bucket}/{name}")
        return stored

    def commit(self, bucket: str, name: str, data: bytes, query: Any, resource: Any, kind: str) -> Answer:
        """Check the preconditions and replace the object: one step."""
        objects = self.bucket(bucket)
        _check_write(objects.get(name), query)
        wanted = resource.get("crc32c")
        if wanted is not None and wanted != _crc32c(data):
            raise Refusal(400, f"Provided CRC32C {wanted!r} doesn't match calculated CRC32C.")
        md5 = resource.get("md5Hash")
        if md5 is not None and md5 != base64.b64encode(hashlib.md5(data).digest()).decode():
            raise Refusal(400, "Provided MD5 hash doesn't match calculated MD5 hash.")
        self.generation += 1 + (self.generation & 3)
        metadata = resource.get("metadata")
        stored = objects[name] = Stored(name, data, self.generation, metadata, kind)
        if len(self.commits) < LOG_LENGTH:
            self.commits.append((name, stored.generation, data[:64].decode("latin-1")))
        return _projected(stored.resource(bucket), query)

    def delete(self, bucket: str, name: str, query: Any) -> Answer:
        stored = self.found(bucket, name)
        _check_write(stored, query)
        del self.buckets[bucket][name]
        return Answer(204)

    def read(self, bucket: str, name: str, query: Any, headers: Any) -> Answer:
        stored = self.found(bucket, name)
        _check_read(stored, query)
        said = {
            "Content-Type": stored.content_type,
            "X-Goog-Generation": str(stored.generation),
            "X-Goog-Metageneration": "1",
            "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
            "X-Goog-Stored-Content-Encoding": "identity",
            "X-Goog-Stored-Content-Length": str(len(stored.data)),
            "X-Goog-Storage-Class": "STANDARD",
            "ETag": f"CJ{stored.generation}=",
            "Accept-Ranges": "bytes",
        }
        span = _span(headers.get("Range"), len(stored.data))
        if span is None:
            return Answer(200, stored.data, said)
        first, last = span
        if first >= last:
            said["Content-Range"] = f"bytes */{len(stored.data)}"
            raise Refusal(416, f"The requested range cannot be satisfied: {headers.get('Range')}")
        said["Content-Range"] = f"bytes {first}-{last - 1}/{len(stored.data)}"
        return Answer(206, stored.data[first:last], said)

    def list(self, bucket: str, query: Any) -> Answer:
        objects = self.bucket(bucket)
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        start, end = query.get("startOffset", "").encode(), query.get("endOffset", "").encode()
        token = base64.b64decode(query.get("pageToken", "")).decode()
        room = min(1000, int(query.get("maxResults", 1000)))
        items: list[Any] = []
        prefixes: list[str] = []
        following: str | None = None
        last = ""
        for name in sorted(objects, key=str.encode):
            raw = name.encode()
            if not name.startswith(prefix) or raw < start or (end and raw >= end):
                continue
            at = name.find(delimiter, len(prefix)) if delimiter else -1
            shown = name if at < 0 else name[: at + len(delimiter)]
            if (token and shown.encode() <= token.encode()) or (prefixes and shown == prefixes[-1]):
                continue
            if len(items) + len(prefixes) == room:
                following = last
                break
            last = shown
            if at < 0:
                items.append(objects[name].resource(bucket))
            else:
                prefixes.append(shown)
        found: dict[str, Any] = {"kind": "storage#objects"}
        if items:
            found["items"] = items
        if prefixes:
            found["prefixes"] = prefixes
        if following is not None:
            found["nextPageToken"] = base64.b64encode(following.encode()).decode()
        return _projected(found, query)


def _check_write(stored: Stored | None, query: Any) -> None:
    generation = 0 if stored is None else stored.generation
    match, differs = query.get("ifGenerationMatch"), query.get("ifGenerationNotMatch")
    if match is not None and int(match) != generation:
        raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")
    if differs is not None and int(differs) == generation:
        raise Refusal(304, "Not Modified")


def _check_read(stored: Stored, query: Any) -> None:
    match, differs = query.get("ifGenerationMatch"), query.get("ifGenerationNotMatch")
    if match is not None and int(match) != stored.generation:
        raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")
    if differs is not None and int(differs) == stored.generation:
        raise Refusal(304, "Not Modified")


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """The range that a header asks for, clipped; an empty one cannot be satisfied."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    if found[2] and int(found[2]) < int(found[1]):
        return None
    return int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)


def _projected(value: dict[str, Any], query: Any) -> Answer:
    fields = query.get("fields")
    if fields is None:
        return _json(value)
    return _json(_only(value, _fields(fields)))


def _fields(text: str) -> dict[str, Any]:
    """``a,b(c,d),e/f`` as nested dictionaries; empty means everything below."""
    found: dict[str, Any] = {}
    depth, start = 0, 0
    for at, letter in enumerate(text + ","):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            part = text[start:at]
            start = at + 1
            name, parenthesis, rest = part.partition("(")
            if parenthesis:
                found[name] = _fields(rest[:-1])
            else:
                head, slash, tail = part.partition("/")
                found[head] = _fields(tail) if slash else {}
    return found


def _only(value: Any, fields: dict[str, Any]) -> Any:
    if not fields or "*" in fields:
        return value
    if isinstance(value, list):
        return [_only(item, fields) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _only(value[name], below) for name, below in fields.items() if name in value}


class Faults:
    """Which fault befalls which request, by a script or by a seeded draw."""

    def __init__(self) -> None:
        self.rules: list[dict[str, Any]] = []
        self.draw = random.Random(0)
        self.delay = 0.0

    def set(self, rules: list[dict[str, Any]], seed: int) -> None:
        self.rules = [dict(rule) for rule in rules]
        self.draw = random.Random(seed)

    def next(self, method: str, name: str, query: Any) -> dict[str, Any] | None:
        for rule in self.rules:
            if "methods" in rule and method not in rule["methods"]:
                continue
            if "names" in rule and not re.search(rule["names"], name):
                continue
            if rule.get("conditional") and "ifGenerationMatch" not in query:
                continue
            if "script" in rule:
                if not rule["script"]:
                    continue
                fault = rule["script"].pop(0)
            elif self.draw.random() < rule["rate"]:
                fault = self.draw.choice(rule["kinds"])
            else:
                fault = None
            if fault is not None:
                made = {"kind": fault} if isinstance(fault, str) else dict(fault)
                if made["kind"].isdigit():
                    made["status"], made["kind"] = int(made["kind"]), "status"
                return made
        return None


class Server:
    """The HTTP side: requests to `Cloud`, faults in between, and the log."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.faults = Faults()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self.in_flight = 0
        self.peak = 0
        self.count = 0
        self.tokens = 0
        self.url = ""

    async def handle(self, request: Any) -> Any:
        """Answer one request."""
        raw, _, raw_query = request.message.path.partition("?")
        if raw.startswith("/_"):
            return await self._control(request, raw)
        query = dict(parse_qsl(raw_query, keep_blank_values=True))
        self.in_flight += 1
        self.count += 1
        self.peak = max(self.peak, self.in_flight)
        parts = raw.split("/")
        name = query.get("name") or (unquote("/".join(parts[parts.index("o") + 1 :])) if "o" in parts else "")
        entry = {
            "method": request.method,
            "path": raw,
            "query": query,
            "name": name,
            "status": 0,
            "fault": None,
        }
        if "Range" in request.headers:
            entry["range"] = request.headers["Range"]
        entry["authorization"] = request.headers.get("Authorization")
        self.log.append(entry)
        try:
            body = await request.content.read() if request.body_exists else b""
            if query.get("uploadType") == "multipart" and not name:
                found = re.search(rb'"name": ?("(?:[^"\\]|\\.)*")', body[:8192])
                entry["name"] = json.loads(found[1]) if found else ""
            return await self._answered(request, entry, parts, query, body)
        finally:
            self.in_flight -= 1

    async def _answered(
        self, request: Any, entry: dict[str, Any], parts: Any, query: Any, body: bytes
    ) -> Any:
        fault = self.faults.next(request.method, entry["name"], query)
        kind = fault["kind"] if fault is not None else None
        if kind is not None:
            entry["fault"] = fault.get("status", kind) if kind == "status" else kind
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        if kind in ("delay", "stall"):
            await asyncio.sleep(fault.get("seconds", 1.0))
        if kind in ("reset", "stall"):
            return _drop(request)
        if kind == "status":
            headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
            status = fault["status"]
            answer = Answer(status, _error(status, "injected"), headers)
        else:
            answer = self._act(request, entry, parts, query, body)
        if kind == "lost":
            return _drop(request)
        if kind == "lost_status":
            status = fault.get("status", 503)
            answer = Answer(status, _error(status, "injected after acting"))
        entry["status"] = answer.status
        return await _send(request, answer, kind)

    def _act(self, request: Any, entry: Any, parts: Any, query: Any, body: bytes) -> Answer:
        try:
            return self._route(request, parts, query, body)
        except Refusal as refusal:
            if refusal.status == 304:
                return Answer(304)
            if query.get("alt") == "media":
                return Answer(
                    refusal.status, refusal.message.encode(), {"Content-Type": "text/html; charset=UTF-8"}
                )
            return Answer(
                refusal.status,
                _error(refusal.status, refusal.message),
                {"Content-Type": "application/json; charset=UTF-8"},
            )
        except (KeyError, ValueError) as error:
            return Answer(400, _error(400, f"Bad request: {error!r}"))

    def _route(self, request: Any, parts: list[str], query: Any, body: bytes) -> Answer:
        method, cloud = request.method, self.cloud
        if parts[1] == "upload":
            return self._upload(request, unquote(parts[5]), query, body)
        if parts[1] == "download":
            parts = parts[1:]
        if parts[1:4] != ["storage", "v1", "b"]:
            bucket, name = unquote(parts[1]), unquote("/".join(parts[2:]))
            if method == "GET" and bucket and name:
                return cloud.read(bucket, name, query, request.headers)
            raise Refusal(404, "Not Found")
        if len(parts) == 4:
            if method == "POST":
                name = json.loads(body)["name"]
                if name in cloud.buckets:
                    raise Refusal(409, "Your previous request to create the named bucket succeeded")
                cloud.buckets[name] = {}
                return _json(_bucket(name))
            return _json({"kind": "storage#buckets", "items": [_bucket(name) for name in cloud.buckets]})
        bucket = unquote(parts[4])
        if len(parts) == 5:
            held = cloud.bucket(bucket)
            if method == "DELETE":
                if held:
                    raise Refusal(409, "The bucket you tried to delete is not empty.")
                del cloud.buckets[bucket]
                return Answer(204)
            return _projected(_bucket(bucket), query)
        if len(parts) == 6:
            return cloud.list(bucket, query)
        name = unquote("/".join(parts[6:]))
        if method == "DELETE":
            return cloud.delete(bucket, name, query)
        if query.get("alt") == "media":
            return cloud.read(bucket, name, query, request.headers)
        stored = cloud.found(bucket, name)
        _check_read(stored, query)
        return _projected(stored.resource(bucket), query)

    def _upload(self, request: Any, bucket: str, query: Any, body: bytes) -> Answer:
        cloud = self.cloud
        kind = request.headers.get("Content-Type", "application/octet-stream")
        if "upload_id" in query:
            return self._resume(request, query["upload_id"], body)
        if query["uploadType"] == "media":
            hashes = dict(
                part.partition("=")[::2] for part in request.headers.get("X-Goog-Hash", "").split(",")
            )
            resource = {
                to: hashes[name] for name, to in (("crc32c", "crc32c"), ("md5", "md5Hash")) if name in hashes
            }
            return cloud.commit(bucket, query["name"], body, query, resource, kind)
        if query["uploadType"] == "multipart":
            boundary = re.search(r'boundary="?([^";]+)"?', kind)
            if boundary is None:
                raise Refusal(400, "Multipart upload without a boundary")
            mark = b"--" + boundary[1].encode()
            _, head, rest = body.split(mark, 2)
            resource = json.loads(head.partition(b"\r\n\r\n")[2])
            headers, _, data = rest.partition(b"\r\n\r\n")
            end = data.rfind(b"\r\n" + mark + b"--")
            if end < 0:
                raise Refusal(400, "Multipart upload without an end")
            found = re.search(rb"(?i)content-type: *([^\r\n]+)", headers)
            name = resource.get("name") or query["name"]
            kind = resource.get("contentType") or (found[1].decode() if found else "application/octet-stream")
            return cloud.commit(bucket, name, data[:end], query, resource, kind)
        if query["uploadType"] != "resumable":
            raise Refusal(400, "uploadType")
        cloud.bucket(bucket)
        resource = json.loads(body or b"{}")
        name = resource.get("name") or query["name"]
        _check_write(cloud.bucket(bucket).get(name), query)
        number = uuid.uuid4().hex
        kind = resource.get("contentType") or request.headers.get("X-Upload-Content-Type", kind)
        cloud.uploads[number] = {
            "bucket": bucket, "name": name, "query": query, "resource": resource, "kind": kind, "data": b"",
        }  # fmt: skip
        where = f"{self.url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={number}"
        return Answer(200, b"", {"Location": where, "X-GUploader-UploadID": number})

    def _resume(self, request: Any, number: str, body: bytes) -> Answer:
        upload = self.cloud.uploads.get(number)
        if upload is None:
            raise Refusal(404, "Not Found")
        if "done" in upload:
            return upload["done"]
        said = request.headers.get("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}")
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", said)
        if found is None:
            raise Refusal(400, f"Content-Range: {said}")
        if found[1] is not None:
            if int(found[1]) > len(upload["data"]):
                raise Refusal(400, "Invalid request: out of order")
            upload["data"] = upload["data"][: int(found[1])] + body
        if found[3] != "*" and len(upload["data"]) == int(found[3]):
            upload["done"] = self.cloud.commit(
                upload["bucket"],
                upload["name"],
                upload["data"],
                upload["query"],
                upload["resource"],
                upload["kind"],
            )
            return upload["done"]
        held = len(upload["data"])
        return Answer(308, b"", {"Range": f"bytes=0-{held - 1}"} if held else {})

    async def _control(self, request: Any, raw: str) -> Any:
        from aiohttp import web

        body = await request.read()
        asked = json.loads(body) if body.startswith(b"{") else {}
        if raw == "/_faults":
            self.faults.set(asked.get("rules", []), asked.get("seed", 0))
            self.faults.delay = asked.get("delay", 0.0)
        elif raw == "/_reset":
            self.log.clear()
            self.count, self.peak = 0, self.in_flight
            self.cloud.commits.clear()
        elif raw == "/_token":  # grants tokens as an OAuth server does
            self.tokens += 1
            lasts = int(request.query.get("lasts", 3600))
            if 0 <= int(request.query.get("most", -1)) < self.tokens:
                return web.Response(status=503)
            return web.json_response({"access_token": f"granted-{self.tokens}", "expires_in": lasts})
        elif raw == "/_bucket":
            self.cloud.buckets.setdefault(asked["name"], {})
        elif raw == "/_log":
            return web.json_response(list(self.log))
        elif raw == "/_commits":
            return web.json_response(self.cloud.commits)
        elif raw == "/_counts":
            found = {"requests": self.count, "peak": self.peak, "in_flight": self.in_flight}
            return web.json_response(found)
        return web.json_response({})

    async def serve(self, port: int, certificate: str | None) -> None:
        """Listen, say where on stdout, and go on until stdin ends."""
        from aiohttp import web

        context = None
        if certificate is not None:
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        low = web.Server(self.handle, access_log=None, keepalive_timeout=75, max_line_size=65536)
        runner = web.ServerRunner(low)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context, backlog=4096)
        await site.start()
        where = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{where}"
        print(self.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()


def _bucket(name: str) -> dict[str, Any]:
    return {"kind": "storage#bucket", "id": name, "name": name, "location": "US", "storageClass": "STANDARD"}


def _error(status: int, message: str) -> bytes:
    found = {"code": status, "message": message, "errors": [{"message": message, "domain": "global"}]}
    return json.dumps({"error": found}).encode()


def _drop(request: Any) -> Any:
    from aiohttp import web

    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _send(request: Any, answer: Answer, fault: str | None) -> Any:
    from aiohttp import web

    body, headers = answer.body, answer.headers
    if fault == "corrupt" and body:
        at = len(body) // 2
        body = body[:at] + bytes([body[at] ^ 16]) + body[at + 1 :]
    elif fault == "short":
        body = body[: len(body) // 2]
    elif fault == "cut":
        stream = web.StreamResponse(status=answer.status, headers=headers)
        stream.content_length = max(2, len(body))
        await stream.prepare(request)
        await stream.write(body[: len(body) // 2] or b"x")
        await asyncio.sleep(0.002)
        return _drop(request)
    return web.Response(status=answer.status, body=body, headers=headers)


class Running:
    """The server as its users see it: where it is, and what to tell it."""

    def __init__(self, port: int = 0, certificate: str | None = None) -> None:
        command = [sys.executable, __file__, "--port", str(port)]
        if certificate is not None:
            command += ["--certificate", certificate]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the server did not start")
        self._certificate = certificate

    @property
    def pid(self) -> int:
        """The process, whose CPU time is not the client's."""
        return self._process.pid

    def _ask(self, path: str, value: Any = None) -> Any:
        data = None if value is None else json.dumps(value).encode()
        context = None
        if self._certificate is not None:
            import ssl

            context = ssl.create_default_context(cafile=self._certificate)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            *([urllib.request.HTTPSHandler(context=context)] if context else []),
        )
        with opener.open(self.url + path, data, timeout=60) as answer:
            return json.loads(answer.read())

    def bucket(self, name: str) -> None:
        """Make a bucket."""
        self._ask("/_bucket", {"name": name})

    def faults(self, *rules: dict[str, Any], seed: int = 0, delay: float = 0.0) -> None:
        """Set the rules; without any there are no faults.  `delay` (seconds) befalls every request."""
        self._ask("/_faults", {"rules": list(rules), "seed": seed, "delay": delay})

    def reset(self) -> None:
        """Forget the log and the counts; objects stay."""
        self._ask("/_reset", {})

    def log(self) -> list[dict[str, Any]]:
        """Every request since the last reset."""
        found: list[dict[str, Any]] = self._ask("/_log")
        return found

    def commits(self) -> list[list[Any]]:
        """Every write that was applied since the last reset: name, generation, first letters of the value."""
        found: list[list[Any]] = self._ask("/_commits")
        return found

    def counts(self) -> dict[str, int]:
        """Requests since the last reset, most at once, now under way."""
        found: dict[str, int] = self._ask("/_counts")
        return found

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def running(
    port: int = 0, certificate: str | None = None, buckets: tuple[str, ...] = ("bucket",)
) -> Iterator[Running]:
    """A server in a process of its own, with some buckets, that ends with the block."""
    server = Running(port, certificate)
    try:
        for name in buckets:
            server.bucket(name)
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    chosen = parser.parse_args()
    asyncio.run(Server().serve(chosen.port, chosen.certificate))
