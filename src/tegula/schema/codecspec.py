"""Codec constraints: how chunks are to be encoded, as far as a format can say.

What this file knows: that a codec spec is a JSON object with a `driver`, and who merges two of them.
What it must not know: any codec.  The format named by `driver` has a function `codec_merge`,
``(existing, new) -> merged`` of JSON objects, that raises `InvalidArgument` with the reason they do not
agree, and `codec_parse`, which checks and completes one.

Law: merging is idempotent, associative and commutative where it succeeds (formats must keep it so).
"""

from __future__ import annotations

from typing import Any

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.public import public
from tegula.registry import lookup

__all__ = ["CodecSpec"]


@public("CodecSpec")
class CodecSpec:
    """How chunks are encoded, made from JSON.

    >>> spec = CodecSpec({"driver": "zarr3", "codecs": ["gzip"]})
    >>> spec
    CodecSpec({'codecs': [{'name': 'gzip'}], 'driver': 'zarr3'})
    >>> spec.driver
    'zarr3'

    Raises:
        InvalidArgument: it is not an object with a known `driver`.
    """

    __slots__ = ("_json",)

    _json: dict[str, Any]

    def __init__(self, json: Any) -> None:
        found = dict(binding.mapping(binding.as_json(json)))
        with binding.at_member("driver"):
            if "driver" not in found:
                raise InvalidArgument("Expected string, but member is missing")
            driver = binding.text(found["driver"])
            form = _format(driver)
            if form is None:
                raise InvalidArgument(f"{binding.quoted(driver)} is not registered")
            found["driver"] = form.name
        self._json = form.codec_parse(found)

    @staticmethod
    def of(json: dict[str, Any]) -> CodecSpec:
        """Return the spec of an object that a format made itself, unchecked.

        >>> CodecSpec.of({"driver": "n5", "compression": {"type": "raw"}}).driver
        'n5'
        """
        made = CodecSpec.__new__(CodecSpec)
        made._json = json
        return made

    @property
    def driver(self) -> str:
        """The name of the format whose codecs these are.

        >>> CodecSpec({"driver": "zarr2", "compressor": None}).driver
        'zarr'
        """
        found: str = self._json["driver"]
        return found

    def merge(self, other: CodecSpec) -> CodecSpec:
        """Return the spec that satisfies both.

        >>> CodecSpec({"driver": "zarr3"}).merge(CodecSpec({"driver": "zarr3", "codecs": []}))
        CodecSpec({'codecs': [], 'driver': 'zarr3'})

        Raises:
            InvalidArgument: there is none.
        """
        mine, theirs = self._json, other._json
        prefix = f"Cannot merge codec spec {binding.dumps(mine)} with {binding.dumps(theirs)}"
        if self.driver != other.driver:
            raise InvalidArgument(prefix)
        form = _format(self.driver)
        merge = merge_members if form is None else form.codec_merge
        with binding.at(f"{prefix}: "):
            return CodecSpec.of(merge(mine, theirs))

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:  # noqa: ARG002 - as in the drop-in
        """Return the JSON object, its members in order; as in the drop-in there are no defaults to include.

        >>> CodecSpec({"codecs": ["crc32c"], "driver": "zarr3"}).to_json()
        {'codecs': [{'name': 'crc32c'}], 'driver': 'zarr3'}
        """
        found: dict[str, Any] = binding.ordered(self._json)
        return found

    def __eq__(self, other: object) -> bool:
        return self._json == other._json if isinstance(other, CodecSpec) else NotImplemented

    def __hash__(self) -> int:
        return hash(binding.compact(self._json))

    def __repr__(self) -> str:
        return f"CodecSpec({binding.pretty(self._json)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return CodecSpec.of, (self._json,)


def merge_members(existing: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the members of both objects; those that both have must be equal.

    >>> merge_members({"a": 1}, {"b": 2})
    {'a': 1, 'b': 2}
    """
    for name in sorted(existing.keys() & new.keys()):
        if existing[name] != new[name]:
            raise InvalidArgument(f"{binding.quoted(name)} does not match")
    return {**existing, **new}


def _format(driver: str) -> Any:
    try:
        return lookup("formats", driver)
    except KeyError:
        return None
