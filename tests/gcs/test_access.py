"""Who asks, and where: endpoints, tokens, keys, who pays; and that nobody hears of a token."""

from __future__ import annotations

import base64
import datetime as dt
import json
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tegula as ts
from tegula.errors import PermissionDenied
from tegula.leaves.gcs import _accesses
from tegula.leaves.gcs_access import Access, origin_of
from tegula.leaves.wire.gcs import RETRIED
from tests.gcs.stores import Running, free_port, gcs, running

TOKEN = "a-very-secret-token"


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Running:
    """A server that no other test has asked, so that no credentials are known for it."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_AUTH_TOKEN_FOR_TESTING", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    with running() as server:
        monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", server.url)
        yield server


def test_anonymous_access(fresh: Running) -> None:
    ts.KvStore.open(gcs()).result()["a"] = b"1"
    assert {entry["authorization"] for entry in fresh.log()} == {None}


@pytest.mark.parametrize("form", ["{url}", "{host}"])
def test_the_emulators_variable(fresh: Running, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.delenv("TENSORSTORE_GCS_HTTP_URL")
    host = fresh.url.removeprefix("http://")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", form.format(url=fresh.url, host=host))
    ts.KvStore.open(gcs()).result()["a"] = b"1"
    assert len(fresh.log()) == 1


def test_a_token_for_tests(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_AUTH_TOKEN_FOR_TESTING", TOKEN)
    ts.KvStore.open(gcs()).result()["a"] = b"1"
    assert {entry["authorization"] for entry in fresh.log()} == {f"Bearer {TOKEN}"}


def _key(folder: Path, server: Running, query: str = "") -> str:
    """A key file of a service account whose tokens come from our server."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": private.decode(),
        "client_email": "a@b.example",
        "token_uri": f"{server.url}/_token{query}",
    }
    path = folder / "key.json"
    path.write_text(json.dumps(account))
    return str(path)


def test_a_service_account(fresh: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its token is asked for once, and again when the service refuses it."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", _key(tmp_path, fresh))
    store = ts.KvStore.open(gcs()).result()
    store["a"] = b"1"
    assert store["a"] == b"1"
    assert [entry["authorization"] for entry in fresh.log()] == ["Bearer granted-1"] * 2
    fresh.faults({"script": ["401"]})
    assert store["a"] == b"1"
    assert [entry["authorization"] for entry in fresh.log()][2:] == ["Bearer granted-1", "Bearer granted-2"]
    fresh.faults({"rate": 1.0, "kinds": ["401"]})
    with pytest.raises(ValueError, match=r"^PERMISSION_DENIED: injected"):
        ts.KvStore.open(gcs(gcs_request_retries={"max_retries": 1})).result().read("a").result()


def test_a_token_that_expired_is_renewed_before_it_is_used(
    fresh: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", _key(tmp_path, fresh))
    store = ts.KvStore.open(gcs()).result()
    store["a"] = b"1"
    for future in [store.read("a") for _ in range(20)]:
        future.result()
    _accesses[fresh.url]._credentials.expiry -= dt.timedelta(hours=2)
    for future in [store.read("a") for _ in range(20)]:
        assert future.result().value == b"1"
    used = [entry["authorization"] for entry in fresh.log()]
    assert used == ["Bearer granted-1"] * 21 + ["Bearer granted-2"] * 20


def _reading(store: ts.KvStore, seconds: float) -> None:
    """Eight threads read without pause."""
    end = time.monotonic() + seconds

    def read() -> int:
        done = 0
        while time.monotonic() < end:
            assert store.read("a").result().value == b"1"
            done += 1
        return done

    with ThreadPoolExecutor(8) as threads:
        assert sum(f.result() for f in [threads.submit(read) for _ in range(8)]) > 100


@pytest.mark.timeout(60)
def test_a_run_that_is_longer_than_its_tokens(
    fresh: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """google-auth wants a new token 225 s before the old one ends: these are renewed each second."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", _key(tmp_path, fresh, "?lasts=226"))
    store = ts.KvStore.open(gcs()).result()
    store["a"] = b"1"
    _reading(store, 4.0)
    used = {entry["authorization"] for entry in fresh.log()}
    assert 3 <= len(used) <= 6
    assert used == {f"Bearer granted-{number}" for number in range(1, len(used) + 1)}


@pytest.mark.timeout(60)
def test_a_token_that_lasts_is_used_though_no_new_one_comes(
    fresh: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who grants tokens is down for the last minutes of one; the next is asked for again and again."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", _key(tmp_path, fresh, "?lasts=226&most=1"))
    store = ts.KvStore.open(gcs()).result()
    store["a"] = b"1"
    _reading(store, 2.5)
    assert {entry["authorization"] for entry in fresh.log()} == {"Bearer granted-1"}
    _accesses[fresh.url]._credentials.expiry -= dt.timedelta(seconds=226)
    with pytest.raises(ValueError, match=r"^ABORTED: All 1 retry attempts failed: Failed to get a token"):
        ts.KvStore.open(gcs(gcs_request_retries={"max_retries": 1})).result().read("a").result()


def test_who_grants_tokens_cannot_be_reached(
    fresh: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is asked again, and then said; nothing is asked without a token."""
    path = Path(_key(tmp_path, fresh))
    account = json.loads(path.read_text())
    path.write_text(json.dumps({**account, "token_uri": f"http://127.0.0.1:{free_port()}/token"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    retries = {"max_retries": 1, "initial_delay": "1ms"}
    with pytest.raises(ValueError, match=r"^ABORTED: All 1 retry attempts failed: Failed to get a token"):
        ts.KvStore.open(gcs(gcs_request_retries=retries)).result().read("a").result()
    assert fresh.log() == []


BAD_KEYS = {
    "empty": b"",
    "no JSON": b"hello",
    "no object": b"[]",
    "no type": b"{}",
    "an unknown type": b'{"type": "of mine"}',
    "no members": b'{"type": "service_account"}',
    "nobody to act for": b'{"type": "impersonated_service_account"}',
    "nobody to ask": b'{"type": "external_account"}',
    "a key that is none": json.dumps(
        {"type": "service_account", "private_key": "SECRET", "client_email": "a", "token_uri": "b"}
    ).encode(),
    "another encoding": '{"type": "service_account", "private_key": "SECRET"}'.encode("utf-16"),
}


def test_a_key_file_that_is_none(fresh: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is said, without what is in the file; tensorstore 0.1.86 aborts where it is a directory."""
    (tmp_path / "a directory").mkdir()
    for what, data in BAD_KEYS.items():
        (tmp_path / what).write_bytes(data)
    store = ts.KvStore.open(gcs()).result()
    for what in [*BAD_KEYS, "a directory", "nothing"]:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / what))
        with pytest.raises(
            PermissionDenied, match=r"^PERMISSION_DENIED: Failed to load credentials: ."
        ) as told:
            store.read("a").result()
        assert not any(secret in str(told.value) for secret in ("SECRET", "S\\x00E", "\0")), what
    assert fresh.log() == []


def test_no_token_is_shown(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repr, no error, no specification and no pickle holds a token."""
    monkeypatch.setenv("GOOGLE_AUTH_TOKEN_FOR_TESTING", TOKEN)
    array = ts.open(
        {"driver": "zarr3", "kvstore": gcs("t/", gcs_request_retries={"max_retries": 0})},
        create=True,
        dtype="int8",
        shape=[4],
    ).result()
    said = []
    for fault in ("401", "403", "500", "reset", "cut"):
        fresh.faults({"rate": 1.0, "kinds": [fault]})
        error = array.read().exception()
        while error is not None:
            said += [repr(error), str(error)]
            error = error.__cause__ or error.__context__
    access = Access(fresh.url)
    access.headers()
    said += [repr(array), repr(array.kvstore), json.dumps(array.spec().to_json()), repr(access)]
    secrets = [TOKEN.encode(), base64.b64encode(TOKEN.encode())]
    shown = "\n".join(said).encode() + pickle.dumps(array) + pickle.dumps(array.kvstore)
    assert not any(secret in shown for secret in secrets)


def test_who_pays_is_in_every_request(fresh: Running) -> None:
    store = ts.KvStore.open(gcs("p/", gcs_user_project={"project_id": "pay er"})).result()
    store["a"] = b"1"
    assert store["a"] == b"1"
    assert store.read("a", byte_range=slice(0, 0)).result().state == "value"
    store.list().result()
    store.delete_range(ts.KvStore.KeyRange("a", "b")).result()
    log = fresh.log()
    assert {entry["method"] for entry in log} == {"GET", "POST", "DELETE"}
    assert {entry["query"].get("userProject") for entry in log} == {"pay er"}


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port", "http://host/path"])
def test_endpoints_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="Invalid GCS endpoint"):
        origin_of(url)


def test_what_is_asked_again_is_what_googles_client_asks_again() -> None:
    from google.api_core import exceptions
    from google.cloud.storage.retry import DEFAULT_RETRY

    theirs = {
        status
        for status in range(400, 600)
        if DEFAULT_RETRY._predicate(exceptions.from_http_status(status, ""))
    }
    assert theirs <= RETRIED
    assert all(status >= 500 for status in RETRIED - theirs)  # TensorStore's
