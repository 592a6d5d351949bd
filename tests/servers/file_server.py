"""A directory over HTTP on the loopback interface, as a viewer in a browser wants it.

Browsers ask by HEAD and OPTIONS, read byte ranges, and believe an answer only where it allows their origin.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "*",
}


class Asked(NamedTuple):
    """One request and the status of its answer."""

    method: str
    path: str
    range: str | None
    status: int


class Serving:
    """A running server: its address, and what it was asked so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self.log: list[Asked] = []

    async def handle(self, request: Any) -> Any:
        from aiohttp import web

        path = (self.root / request.path.lstrip("/")).resolve()
        if request.method == "OPTIONS":
            answer: Any = web.Response()
        elif path.is_file() and path.is_relative_to(self.root.resolve()):
            answer = web.FileResponse(path)
        else:
            answer = web.Response(status=404)
        answer.headers.update(ALLOWED)
        return answer

    async def note(self, request: Any, answer: Any) -> None:
        """Write down an answer whose status is settled, just before it is sent."""
        self.log.append(Asked(request.method, request.path, request.headers.get("Range"), answer.status))


@contextmanager
def serving(root: Path) -> Iterator[Serving]:
    """Serve a directory from a thread, until the block ends."""
    from aiohttp import web

    made = Serving(root)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def start() -> Any:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", made.handle)
        app.on_response_prepare.append(made.note)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        started.set()
        return runner

    def turn() -> None:
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=turn, daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
