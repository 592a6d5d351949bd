"""What a metadata document may say of a codec, before every member has a value.

What this file knows: how a declaration is parsed, printed and merged, member by member.  What it must
not know: any one codec (each declares itself, next to its record), or in which order codecs may follow
each other (`sequence.py`).

A `Constraint` is a codec's name with the members that were given.  Resolving it fills in the rest and
makes the codec.  In a stored document nothing may be left to defaults (`stored`), in a request
anything may.

Laws: parse(c.to_json()) == c; merge(c, c) == c; merging is associative where it succeeds, and
commutative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tegula import binding
from tegula.errors import FailedPrecondition, InvalidArgument
from tegula.row import NamedTuple

__all__ = [
    "ARRAY",
    "BYTES",
    "FILTER",
    "LAYOUT",
    "Constraint",
    "Declaration",
    "Member",
    "Unfit",
    "integer_member",
    "merged",
    "plain",
]

ARRAY = "array -> array"
FILTER = "elements -> elements"
"""What zarr v3 calls array -> array, too: elements become others where they lie, however many they are."""
LAYOUT = "array -> bytes"
BYTES = "bytes -> bytes"


class Unfit(InvalidArgument):
    """What is wrong with a codec once its members are settled: told without a word of where it stands."""


class Member(NamedTuple):
    """One member of a codec's configuration.

    `parse` checks a JSON value (where `nested`, it is also told whether the document is a stored one);
    `default` is what a request means that leaves it out; `absent`, where not
    empty, is the error of a stored document that does (and, where `required`, of a request too).
    """

    name: str
    parse: Callable[..., Any]
    default: Any = None
    absent: str = ""
    required: bool = False
    nested: bool = False


class Constraint(NamedTuple):
    """A codec's name and the members that were given, as pairs in order of name."""

    name: str
    members: tuple[tuple[str, Any], ...] = ()

    def to_json(self, brief: bool = False) -> dict[str, Any]:
        """Return the zarr v3 form; `brief` leaves out what a stored document leaves out.

        >>> Constraint("gzip", (("level", 5),)).to_json()
        {'name': 'gzip', 'configuration': {'level': 5}}
        """
        members = _listed(dict(self.members), brief)
        if members or self.name.startswith("numcodecs."):  # zarr-python wants theirs, even if empty
            return {"name": self.name, "configuration": members}
        return {"name": self.name}


class Declaration(NamedTuple):
    """What one codec may be told.

    `stage` is one of `ARRAY`, `FILTER`, `LAYOUT`, `BYTES`.  `settle` takes the members with their defaults
    and what is known of the codec's input, and returns the members to store and what the codec does: a
    `ByteCodec`, or for arrays what `sequence.py` makes of it.  `merge`, where it is not `merged`, takes two
    constraints and whether nothing may be left out of either.
    """

    name: str
    stage: str
    members: tuple[Member, ...]
    settle: Callable[[dict[str, Any], Any], tuple[dict[str, Any], Any]]
    merge: Callable[[Constraint, Constraint, bool], Constraint] | None = None

    def parse(self, configuration: Mapping[str, Any], stored: bool = False) -> Constraint:
        """Return the constraint that a JSON object states.

        Raises:
            InvalidArgument: a member is unknown or out of range, or `stored` and left out.
        """
        found = []
        for member in self.members:
            if member.name in configuration:
                with binding.at_member(member.name):
                    value = configuration[member.name]
                    parsed = member.parse(value, stored) if member.nested else member.parse(value)
                    found.append((member.name, parsed))
            elif (stored or member.required) and member.absent:
                with binding.at_member(member.name):
                    raise InvalidArgument(member.absent)
            elif stored and member.default is not None:
                found.append((member.name, member.default))
        binding.members(configuration, [member.name for member in self.members])
        return Constraint(self.name, tuple(sorted(found)))

    def resolve(self, constraint: Constraint, given: Any) -> tuple[Constraint, Any]:
        """Return the constraint with nothing left open, and what the codec does."""
        members = {member.name: member.default for member in self.members}
        members.update(constraint.members)
        settled, made = self.settle(members, given)
        kept = tuple(sorted((name, value) for name, value in settled.items() if value is not None))
        return Constraint(self.name, kept), made


def merged(a: Constraint, b: Constraint, shown: tuple[Constraint, Constraint] | None = None) -> Constraint:
    """Return both constraints in one; errors show them, or those of which they are parts.

    >>> merged(Constraint("gzip"), Constraint("gzip", (("level", 5),)))
    Constraint(name='gzip', members=(('level', 5),))

    Raises:
        FailedPrecondition: they are of different codecs, or a member has two values.
    """
    told = shown or (a, b)
    pair = " and ".join(binding.dumps(each.to_json(brief=True)) for each in told)
    prefix = f"Cannot merge zarr codec constraints {pair}"
    if a.name != b.name:
        raise FailedPrecondition(prefix)
    both = dict(a.members)
    for name, value in b.members:
        if both.setdefault(name, value) != value:
            values = (dict(each.members).get(name) for each in told)
            was, new = (binding.dumps(binding.as_json(each)) for each in values)
            raise FailedPrecondition(f'{prefix}: Incompatible "{name}": {was} vs {new}')
    return Constraint(a.name, tuple(sorted(both.items())))


def integer_member(name: str, low: int, high: int, default: int | None, stored: bool = True) -> Member:
    """Return an integer member in [low, high]; `stored`: a stored document must give it."""
    absent = f"Expected integer in the range [{low}, {high}], but received: <discarded>"
    return Member(name, partial(binding.integer, low=low, high=high), default, absent if stored else "")


def _listed(members: dict[str, Any], brief: bool) -> dict[str, Any]:
    if brief and members.get("index_location") == "end":
        members = {name: value for name, value in members.items() if name != "index_location"}
    return {name: plain(value, brief) for name, value in members.items()}


def plain(value: Any, brief: bool = False) -> Any:
    """Return the JSON value of a member."""
    if hasattr(value, "to_json"):
        return value.to_json(brief)
    return list(value) if isinstance(value, tuple) else value
