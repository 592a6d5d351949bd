"""Servers for the tests of Google Cloud Storage: one of each for the whole session."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tegula.leaves import gcs
from tests.gcs.stores import GAPS, Running, fake_gcs_server, running


@pytest.fixture(autouse=True)
def _credentials_of_this_test() -> None:
    """A server may have the port of one that is gone: its credentials are not that one's."""
    gcs._accesses.clear()


@pytest.fixture(scope="session")
def _own() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def server(_own: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Our own server, which tegula and the wheel talk to."""
    monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", _own.url)
    _own.faults()
    _own.reset()
    yield _own
    _own.faults()


@pytest.fixture(scope="session")
def _fake() -> Iterator[str]:
    with fake_gcs_server() as url:
        yield url


@pytest.fixture(params=["own", "fake-gcs-server"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the servers in turn; a test marked ``gap("...")`` is skipped for the one that has the gap."""
    if request.param == "own":
        request.getfixturevalue("server")
        return "own"
    mark = request.node.get_closest_marker("gap")
    if mark is not None:
        pytest.skip(GAPS[mark.args[0]])
    monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", request.getfixturevalue("_fake"))
    return "fake-gcs-server"


@pytest.fixture
def path() -> str:
    """A path that no other test uses."""
    return f"{uuid.uuid4().hex}/"
