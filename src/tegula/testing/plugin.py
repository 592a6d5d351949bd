"""The conformance suite of stores as a plug-in of pytest, found by its entry point.

Knows: pytest's options, fixtures and items.  Must not know: any check; it is handed them by name.  pytest
loads this in every run where tegula is installed, so nothing is imported before it is asked for.

- ``pytest --tegula-store SPEC`` runs every check against a store: a URL, or JSON.  ``{tmp}`` in it is a new
  directory for each check; each check has a path of its own, so that the store begins empty.  May be given
  several times; the setting ``tegula_stores`` holds further ones, a line each.  ``--tegula-import MODULE``
  imports what registers the store.
- The fixture ``tegula_check`` makes a test run once for each check, as a function of a store:

      def test_my_store(tegula_check, tmp_path):
          tegula_check(tegula.KvStore.open({"driver": "mine", "file": f"{tmp_path}/x"}).result())

Law: the checks are those of `StoreChecks`, all of them, whichever way they are run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

__all__ = [
    "pytest_addoption",
    "pytest_assertrepr_compare",
    "pytest_collection_modifyitems",
    "pytest_generate_tests",
    "tegula_check",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and the setting."""
    group = parser.getgroup("tegula", "conformance of key-value stores")
    how: dict[str, Any] = {"action": "append", "default": []}
    group.addoption(
        "--tegula-store", metavar="SPEC", help="run every check against the store of a URL", **how
    )
    group.addoption("--tegula-import", metavar="MODULE", help="import what registers the store", **how)
    parser.addini("tegula_stores", "stores to run every check against: URLs or JSON", type="linelist")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test that wants a check run once for each of them."""
    if "tegula_check" in metafunc.fixturenames:
        metafunc.parametrize("tegula_check", _names(), indirect=True)


@pytest.fixture
def tegula_check(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """One check of the suite: call it with a store; it works below a path that nothing else uses."""
    return partial(_run_below, request.param)


@pytest.hookimpl(tryfirst=True)  # before others choose among the items
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the checks of the stores that were named."""
    specs = [*config.getoption("--tegula-store"), *config.getini("tegula_stores")]
    if specs:
        from importlib import import_module

        for module in config.getoption("--tegula-import"):
            import_module(module)
    for spec in specs:
        items.extend(_Store.from_parent(session, name=f"tegula-store[{spec}]", spec=spec).collect())


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say in few words how large values differ, where it is a check that compares them."""
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_globals.get("__name__", "").startswith("tegula.testing."):
        frame = frame.f_back
    if frame is None:
        return None
    from tegula.testing.shown import is_large, parted, shown

    if not (is_large(left) or is_large(right)):
        return None
    return [f"{shown(left)} {op} {shown(right)}", parted(left, right) if op == "==" else ""]


def _names() -> list[str]:
    from tegula.testing.stores import all_checks

    return [check.__name__ for check in all_checks()]


def _run(name: str, store: Any) -> None:
    from tegula.testing.stores import StoreChecks

    getattr(StoreChecks(), name)(store)


def _run_below(name: str, store: Any) -> None:
    _run(name, _fresh(store))


def _fresh(store: Any) -> Any:
    """Return a store at a path that nothing else uses."""
    from uuid import uuid4

    return store / f"{uuid4().hex}/"


class _Store(pytest.Collector):
    """The checks of one store."""

    def __init__(self, *, spec: str, **more: Any) -> None:
        super().__init__(**more)
        self.spec = spec

    def collect(self) -> Iterator[_Check]:
        for name in _names():
            yield _Check.from_parent(self, name=name, spec=self.spec)


class _Check(pytest.Item):
    """One check of one store."""

    def __init__(self, *, spec: str, **more: Any) -> None:
        super().__init__(**more)
        self.spec = spec

    def runtest(self) -> None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            _run(self.name, _opened(self.spec, folder))

    def reportinfo(self) -> tuple[str, int | None, str]:
        return self.spec, None, f"{self.spec}: {self.name}"


def _opened(spec: str, folder: str) -> Any:
    """Return the store that a URL or JSON names, at a path that nothing else uses."""
    from json import loads

    from tegula.api.kvstore import KvStore

    text = spec.replace("{tmp}", folder)
    store = KvStore.open(loads(text) if text.lstrip().startswith("{") else text).result()
    return _fresh(store)
