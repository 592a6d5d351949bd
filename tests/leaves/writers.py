"""Child processes for the tests of concurrent and of killed writers; run as a script.

``writers.py increment <tegula|tensorstore> <file> <count> [sync]``
    wait for a line on stdin, then add 1 to the number in the file `count` times by conditional
    writes; print the number of tries.
``writers.py stamp <tegula|tensorstore> <directory> <seed>``
    write stamped values for ever, and acknowledge each on stdout.
"""

from __future__ import annotations

import hashlib
import sys


def stamped(seed: int, number: int) -> bytes:
    """A value whose every byte depends on its number: torn ones are recognised."""
    head = f"{seed}:{number}:".encode()
    body = hashlib.sha256(head).digest() * (1 + number * 37 % 600)
    return head + body + hashlib.sha256(head + body).digest()


def intact(value: bytes) -> int:
    """Return the number of a stamped value; fail where it is torn."""
    seed, number, _ = value.split(b":", 2)
    assert value == stamped(int(seed), int(number)), "torn value"
    return int(number)


def increment(kind: str, path: str, count: int, sync: bool) -> int:
    tries = 0
    if kind == "tegula":
        from tegula.effects.storage import Read, Write
        from tegula.kv.spec import StoreRef
        from tegula.leaves.file import FileLeaf

        ref = StoreRef("file", (("file_io_sync", sync),))
        leaf = FileLeaf(ref)
        sys.stdin.readline()
        for _ in range(count):
            while True:
                tries += 1
                found = leaf.perform(Read(ref, path))
                value = str(int(found.value or b"0") + 1).encode()
                if leaf.perform(Write(ref, path, value, found.generation)).applied:
                    break
    else:
        import tensorstore as ts

        store = ts.KvStore.open({"driver": "file", "path": path, "file_io_sync": sync}).result()
        sys.stdin.readline()
        for _ in range(count):
            while True:
                tries += 1
                found = store.read("").result()
                value = str(int(found.value or b"0") + 1).encode()
                if store.write("", value, if_equal=found.stamp.generation).result().generation:
                    break
    return tries


def stamp(kind: str, directory: str, seed: int) -> None:
    number = 0
    if kind == "tegula":
        from tegula.effects.storage import Write
        from tegula.kv.spec import StoreRef
        from tegula.leaves.file import FileLeaf

        ref = StoreRef("file")
        leaf = FileLeaf(ref)
        while True:
            key = f"{directory}/{number % 3}"
            leaf.perform(Write(ref, key, stamped(seed, number)))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 1
    else:
        import tensorstore as ts

        store = ts.KvStore.open(f"file://{directory}/").result()
        while True:
            store.write(str(number % 3), stamped(seed, number)).result()
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 1


if __name__ == "__main__":
    task, which, where, amount = sys.argv[1:5]
    if task == "increment":
        print(increment(which, where, int(amount), "sync" in sys.argv))
    else:
        stamp(which, where, int(amount))
