"""Checks of listing keys and of deleting ranges of them."""

from __future__ import annotations

from typing import Any

from tegula.api.kvstore import KvKeyRange

__all__ = ["ListingChecks"]

KEYS = ("a/b/c", "a/bc", "ab", "b/x/0", "b/x/1", "é")  # none is a directory of another


class ListingChecks:
    """Listing and deleting ranges; `many` is more keys than a page of a listing has."""

    many = 1200

    def _fill(self, store: Any, keys: Any = KEYS) -> None:
        for key in keys:
            store[key] = key.encode()

    def _keys(self, store: Any, *bounds: str, **options: Any) -> list[str]:
        found = store.list(KvKeyRange(*bounds), **options).result()
        assert len(found) == len(set(found)), f"listed twice: {sorted(found)}"
        return sorted(key.decode() for key in found)

    def test_nothing_is_listed_where_nothing_is(self, store: Any) -> None:
        assert store.list().result() == []
        assert (store / "below/").list().result() == []

    def test_every_key_is_listed_once(self, store: Any) -> None:
        self._fill(store)
        assert self._keys(store) == sorted(KEYS)
        assert all(type(key) is bytes for key in store.list().result())

    def test_a_range_is_half_open(self, store: Any) -> None:
        self._fill(store, ("a", "b", "c", "d"))
        assert self._keys(store, "b", "d") == ["b", "c"]

    def test_a_range_without_an_end(self, store: Any) -> None:
        self._fill(store, ("a", "b", "c", "d"))
        assert self._keys(store, "b") == ["b", "c", "d"]
        assert self._keys(store, "", "c") == ["a", "b"]

    def test_a_range_between_keys(self, store: Any) -> None:
        self._fill(store, ("a", "c"))
        assert self._keys(store, "aa", "bz") == []

    def test_an_empty_range(self, store: Any) -> None:
        self._fill(store)
        assert self._keys(store, "b", "b") == []
        assert self._keys(store, "c", "b") == []

    def test_a_range_of_one_key(self, store: Any) -> None:
        self._fill(store)
        assert self._keys(store, "a/bc", "a/bc\0") == ["a/bc"]

    def test_a_range_over_directories(self, store: Any) -> None:
        self._fill(store)
        assert self._keys(store, "a/", "a0") == ["a/b/c", "a/bc"]
        assert self._keys(store, "a/b/", "b/x/1") == ["a/b/c", "a/bc", "ab", "b/x/0"]

    def test_a_prefix_need_not_be_a_directory(self, store: Any) -> None:
        self._fill(store)
        assert sorted((store + "a/b").list().result()) == [b"/c", b"c"]
        assert sorted((store + "a").list().result()) == [b"/b/c", b"/bc", b"b"]

    def test_below_a_path_only_its_own_are_listed(self, store: Any) -> None:
        self._fill(store)
        assert sorted((store / "b/").list().result()) == [b"x/0", b"x/1"]

    def test_a_prefix_is_stripped(self, store: Any) -> None:
        self._fill(store)
        found = store.list(KvKeyRange("b/x/", "b/x0"), strip_prefix_length=4).result()
        assert sorted(found) == [b"0", b"1"]

    def test_ranges_are_in_the_order_of_bytes(self, store: Any) -> None:
        keys = ("Z", "a", "~", "é", "中", "𝄞")
        self._fill(store, keys)
        assert self._keys(store, "~", "𝄞") == sorted(("~", "é", "中"))
        assert self._keys(store, "中") == ["中", "𝄞"]

    def test_a_deleted_key_is_not_listed(self, store: Any) -> None:
        self._fill(store)
        left = set(KEYS)
        for key in KEYS:
            del store[key]
            left.discard(key)
            assert self._keys(store) == sorted(left)

    def test_a_replaced_key_is_listed_once(self, store: Any) -> None:
        for number in range(3):
            store["a/b"] = b"%d" % number
        assert store.list().result() == [b"a/b"]

    def test_an_empty_value_is_listed(self, store: Any) -> None:
        store["a"] = b""
        assert store.list().result() == [b"a"]

    def test_a_read_or_a_refused_write_makes_no_key(self, store: Any) -> None:
        store.read("a").result()
        store.write("b", b"1", if_equal=b"\0nobody's").result()
        del store["c"]
        old = store.write("d", b"1").result().generation
        del store["d"]
        store.write("d", b"2", if_equal=old).result()
        assert store.list().result() == []

    def test_many_keys(self, store: Any) -> None:
        keys = [f"c/{number // 30}/{number}" for number in range(self.many)]
        writes = [store.write(key, b"1") for key in keys]
        for write in writes:
            write.result()
        assert self._keys(store) == sorted(keys)
        assert len(self._keys(store, "c/2/", "c/20")) == 30
        store.delete_range(KvKeyRange("c/1", "c/3")).result()
        kept = [key for key in keys if not "c/1" <= key < "c/3"]
        assert self._keys(store) == sorted(kept)

    # ---- deleting ranges

    def test_all_is_deleted(self, store: Any) -> None:
        self._fill(store)
        store.delete_range(KvKeyRange()).result()
        assert store.list().result() == []
        assert "ab" not in store

    def test_a_range_is_deleted_half_open(self, store: Any) -> None:
        self._fill(store, ("a", "b", "c", "d"))
        store.delete_range(KvKeyRange("b", "d")).result()
        assert self._keys(store) == ["a", "d"]

    def test_a_range_of_one_key_is_deleted(self, store: Any) -> None:
        keys = ("a", "ab", "b/a", "b/ab", "c/a", "c/ab")
        self._fill(store, keys)
        for key in keys[::2]:
            store.delete_range(KvKeyRange(key, key + "\0")).result()
        assert self._keys(store) == sorted(keys[1::2])

    def test_an_empty_range_deletes_nothing(self, store: Any) -> None:
        self._fill(store)
        store.delete_range(KvKeyRange("b", "b")).result()
        store.delete_range(KvKeyRange("c", "b")).result()
        assert self._keys(store) == sorted(KEYS)

    def test_deleting_nothing_is_fine(self, store: Any) -> None:
        store.delete_range(KvKeyRange("a", "b")).result()
        (store / "nowhere/").delete_range(KvKeyRange()).result()

    def test_a_directory_is_deleted_and_not_its_namesakes(self, store: Any) -> None:
        self._fill(store)
        (store / "a/").delete_range(KvKeyRange()).result()
        assert self._keys(store) == sorted(key for key in KEYS if not key.startswith("a/"))

    def test_below_a_path_only_its_own_are_deleted(self, store: Any) -> None:
        self._fill(store, ("x/a", "y/a", "z"))
        (store / "x/").delete_range(KvKeyRange("", "")).result()
        assert self._keys(store) == ["y/a", "z"]

    def test_a_deleted_range_may_be_written_again(self, store: Any) -> None:
        self._fill(store)
        store.delete_range(KvKeyRange()).result()
        self._fill(store)
        assert self._keys(store) == sorted(KEYS)
