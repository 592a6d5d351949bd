"""Google Cloud Storage passes the public suite of stores."""

from __future__ import annotations

import pytest

import tegula as ts
from tegula.testing import StoreChecks
from tests.gcs.stores import Running, gcs


class TestGcs(StoreChecks):
    @pytest.fixture
    def store(self, server: Running, path: str) -> ts.KvStore:
        return ts.KvStore.open(gcs(path)).result()

    def test_a_generation_of_nobody_does_not_hold(self, store: ts.KvStore) -> None:
        """As in tensorstore 0.1.86: what cannot be a generation of this store is an error of the caller."""
        with pytest.raises(ValueError, match=r"^Malformed StorageGeneration$"):
            store.write("a", b"1", if_equal=b"\0a generation that no store has given").result()

    test_a_generation_of_nobody_does_not_hold_a_read_back = test_a_generation_of_nobody_does_not_hold
