"""Proxies that the environment names: a tunnel for TLS, the whole URL without; who is not asked that way."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tegula as ts
from tegula.leaves.gcs_access import origin_of
from tests.gcs.listener import Listener
from tests.gcs.stores import Running, gcs, running

NAMES = (
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
)


class Proxy(Listener):
    """A proxy that sends everything to one place, whatever the name; or refuses with a status."""

    def __init__(self, port: int, refuses: bytes = b"") -> None:
        self.port, self.refuses = port, refuses
        self.heads: list[bytes] = []
        super().__init__()

    def serve(self, sock: socket.socket) -> None:
        got = b""
        while b"\r\n\r\n" not in got:
            more = sock.recv(65536)
            if not more:
                return
            got += more
        head, _, rest = got.partition(b"\r\n\r\n")
        self.heads.append(head)
        if self.refuses:
            sock.sendall(b"HTTP/1.1 " + self.refuses + b"\r\nContent-Length: 0\r\n\r\n")
            sock.close()
            return
        there = socket.create_connection(("127.0.0.1", self.port))
        self.held.append(there)
        if head.startswith(b"CONNECT "):
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there.sendall(rest)
        else:  # from then on the URLs of this connection go on as they are: the server takes paths only
            _, url, _ = head.split(b" ", 2)
            path = b"/" + url.split(b"/", 3)[3]
            closing = head.replace(url, path, 1) + b"\r\nConnection: close\r\n\r\n"
            there.sendall(closing + rest)
        threading.Thread(target=self.pump, args=(sock, there), daemon=True).start()
        self.pump(there, sock)

    @staticmethod
    def pump(here: socket.socket, there: socket.socket) -> None:
        try:
            while data := here.recv(65536):
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)
        except OSError:
            return


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def proxy_to() -> Iterator[Callable[..., Proxy]]:
    """Makes proxies, which end with the test."""
    made: list[Proxy] = []

    def make(*arguments: Any) -> Proxy:
        made.append(Proxy(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A key and a certificate of 127.0.0.1 and of a name that nothing resolves."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "storage.invalid")])
    names = [x509.DNSName("storage.invalid"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "all.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


@pytest.fixture
def secure(certificate: str, clean: pytest.MonkeyPatch) -> Iterator[Running]:
    with running(certificate=certificate) as server:
        port = server.url.rsplit(":", 1)[1]
        clean.setenv("TENSORSTORE_GCS_HTTP_URL", f"https://storage.invalid:{port}")
        clean.setenv("TENSORSTORE_CA_BUNDLE", certificate)
        clean.setenv("GOOGLE_AUTH_TOKEN_FOR_TESTING", "a-token")
        yield server


@pytest.mark.parametrize("variable", ["https_proxy", "ALL_PROXY"])
def test_a_server_with_tls_is_reached_through_a_tunnel(
    secure: Running, clean: pytest.MonkeyPatch, path: str, variable: str, proxy_to: Any
) -> None:
    port = int(secure.url.rsplit(":", 1)[1])
    proxy = proxy_to(port)
    clean.setenv(variable, f"http://some%20body:se:cret@{proxy.address}")
    store = ts.KvStore.open(gcs(path)).result()
    secure.faults({"rate": 0.3, "kinds": ["503", "reset", "cut"]}, seed=2)
    values = {str(number): bytes([number]) * 50_001 for number in range(8)}
    for write in [store.write(name, value) for name, value in values.items()]:
        write.result()
    assert {name: store[name] for name in values} == values
    who = base64.b64encode(b"some body:se:cret").decode()
    for head in proxy.heads:
        lines = head.decode().split("\r\n")
        assert lines[0] == f"CONNECT storage.invalid:{port} HTTP/1.1"
        assert f"Proxy-Authorization: Basic {who}" in lines
        assert b"a-token" not in head  # the token is for the server alone
    assert {entry["authorization"] for entry in secure.log()} == {"Bearer a-token"}


def test_a_server_without_tls_is_asked_for_by_its_whole_url(
    server: Running, clean: pytest.MonkeyPatch, path: str, proxy_to: Any
) -> None:
    proxy = proxy_to(int(server.url.rsplit(":", 1)[1]))
    clean.setenv("TENSORSTORE_GCS_HTTP_URL", "http://storage.invalid:8080")
    clean.setenv("http_proxy", proxy.address)
    store = ts.KvStore.open(gcs(path)).result()
    store["a"] = b"1"
    assert store["a"] == b"1"
    first = proxy.heads[0].decode().split("\r\n")
    assert first[0].startswith("POST http://storage.invalid:8080/upload/storage/v1/b/bucket/o?")
    assert "Host: storage.invalid:8080" in first


@pytest.mark.parametrize(
    "refuses", [b"407 Proxy Authentication Required", b"403 Forbidden", b"502 Bad Gateway"]
)
def test_a_proxy_that_refuses(
    secure: Running, clean: pytest.MonkeyPatch, path: str, refuses: bytes, proxy_to: Any
) -> None:
    proxy = proxy_to(1, refuses)
    clean.setenv("https_proxy", f"http://user:secret@{proxy.address}")
    retries = {"max_retries": 1, "initial_delay": "1ms"}
    with pytest.raises(ValueError, match=f"the proxy answered with status {refuses[:3].decode()}") as info:
        ts.KvStore.open(gcs(path, gcs_request_retries=retries)).result().read("a").result()
    assert "secret" not in str(info.value)
    assert len(proxy.heads) == 2


def test_who_is_asked_without_a_proxy(clean: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        clean.setenv(name, "http://proxy.invalid:3128")
    clean.setenv("no_proxy", "inside.example,10.0.0.1")
    for url in (
        *("http://127.0.0.1:1", "http://localhost:2", "http://[::1]:3", "https://127.0.0.1:4"),
        *("https://inside.example", "https://storage.inside.example", "http://10.0.0.1"),
    ):
        assert origin_of(url).proxy is None, url
    for url in ("https://storage.googleapis.com", "http://outside.example", "https://10.0.0.2"):
        found = origin_of(url).proxy
        assert found is not None
        assert (found.host, found.port) == ("proxy.invalid", 3128)


def test_the_capital_variable_of_plain_http_is_not_heeded(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    assert origin_of("http://outside.example:81").proxy is None


@pytest.mark.parametrize(
    "url", ["socks5://u:secret@proxy:1", "https://u:secret@proxy", "http://u:secret@:1", "http://p:x"]
)
def test_proxies_that_are_none(clean: pytest.MonkeyPatch, url: str) -> None:
    clean.setenv("https_proxy", url)
    with pytest.raises(ValueError, match="Invalid proxy") as info:
        origin_of("https://outside.example")
    assert "secret" not in str(info.value)


def test_a_module_of_this_test_is_not_needed_without_proxies(
    clean: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Looking for a proxy loads nothing where the environment names none."""
    import subprocess
    import sys

    code = (
        "import sys; from tegula.leaves.gcs_access import origin_of; before = set(sys.modules)\n"
        "assert origin_of('https://outside.example').proxy is None\n"
        "assert 'urllib.request' not in set(sys.modules) - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
