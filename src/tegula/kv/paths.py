"""Keys of the file store: which ones are paths, and how they are shown.

Knows: the rules for a key of the file store, as text.  Must not know: any file system.

Law: a key that passes `check_key` names a file at or below the place its text says: no component
is empty, ``.``, ``..`` or ends with ``.__lock``, and there is no NUL.  Symbolic links are followed
where they stand in the middle of a path: who may make links inside a store may read its user's files.
"""

from __future__ import annotations

import re

from tegula.errors import InvalidArgument
from tegula.kv.spec import from_key

__all__ = ["LOCK_SUFFIX", "check_key", "check_path", "quoted", "valid_key"]

LOCK_SUFFIX = ".__lock"

_BAD = re.compile(r"\A\Z|\A\.{1,2}(?:/|\Z)|/\.{0,2}(?:/|\Z)|\.__lock(?:/|\Z)|\0")
_ESCAPES = {0x22: '\\"', 0x27: "\\'", 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
_HEX = frozenset(b"0123456789abcdefABCDEF")


def valid_key(key: str) -> bool:
    """Return whether a whole key may name a value of the file store.

    >>> [valid_key(key) for key in ("/a/b", "a", ".zgroup", "", "/a//b", "a/../b", "a/", "a.__lock", "/")]
    [True, True, True, False, False, False, False, False, False]
    """
    # nearly every key passes this screen; the pattern decides the rest
    if key and key[0] != "." and "/." not in key and "//" not in key and ".__" not in key and "\0" not in key:
        return key[-1] != "/"
    return _BAD.search(key) is None


def check_key(key: str) -> None:
    """Refuse a whole key that may not name a value.

    Raises:
        InvalidArgument: ``Invalid key: "..."``.
    """
    if not valid_key(key):
        raise InvalidArgument(f"Invalid key: {quoted(key)}")


def quoted(key: str) -> str:
    r"""Return a key in double quotes, with everything that does not print escaped as in C.

    >>> print(quoted("a\0b"))
    "a\x00\x62"
    """
    parts = []
    after_hex = False
    for byte in from_key(key):
        if (escape := _ESCAPES.get(byte)) is not None:
            parts.append(escape)
            after_hex = False
        elif not 0x20 <= byte < 0x7F or (after_hex and byte in _HEX):
            parts.append(f"\\x{byte:02x}")
            after_hex = True
        else:
            parts.append(chr(byte))
            after_hex = False
    return f'"{"".join(parts)}"'


def check_path(path: str) -> None:
    """Refuse a path prefix that no key can follow; a trailing slash and an empty path are fine.

    Raises:
        InvalidArgument: ``Invalid file path: "..."``.
    """
    if path not in ("", "/") and not valid_key(path.removesuffix("/")):
        raise InvalidArgument(f"Invalid file path: {quoted(path)}")
