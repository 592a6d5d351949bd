"""What a format is: a record of pure functions between documents, requests and layouts.

What this file knows: the shape of that record.  What it must not know: any one format.

`Members` (what a spec says beyond the schema), `Metadata` (what a document says) are each format's
own frozen values; nobody else looks into them.

Laws: ``form.decode_metadata(form.encode_metadata(m)) == m``; check(create(c, s), c, s) passes; a
schema made from metadata is finalised and passes `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tegula import binding
from tegula.errors import FailedPrecondition, TegulaError
from tegula.formats import document
from tegula.formats.layout import ArrayLayout
from tegula.row import NamedTuple
from tegula.schema.codecspec import CodecSpec
from tegula.schema.schema import Schema

__all__ = ["Format", "Several", "gathered", "remembered_layout"]


class Several(NamedTuple):
    """Functions of a format whose document describes several arrays.

    found        (document, members, schema) -> metadata of the one asked for; raises NotFound
    added        (document or None, metadata, members) -> metadata of the new one in a document with it;
                 raises AlreadyExists where there is one such
    beside       (document or None, members, dtype or None) -> members of a new one, with what the document
                 settles
    put          (document or None, metadata, members) -> the same, in the place of one that is there
    owned        (document or None, metadata, members, path) -> prefixes of the keys of the array that `put`
                 would replace, and of the new one
    part         (the rest of a key after such a prefix) -> whether a chunk, or a shard, is called so
    pinned       (members, metadata) -> members that name this array, with all that its metadata says
    """

    found: Callable[[Any, Any, Schema], Any]
    added: Callable[[Any, Any, Any], Any]
    beside: Callable[[Any, Any, Any], Any]
    put: Callable[[Any, Any, Any], Any]
    owned: Callable[[Any, Any, Any, str], list[str]]
    part: Callable[[str], bool]
    pinned: Callable[[Any, Any], Any]


class Beside(NamedTuple):
    """Functions of a format that names dimensions in a second document, which need not be there.

    name             what caches call the document
    key              its key, relative to the array's prefix
    decode_metadata  (data, where) -> what it names, nothing where it cannot be read
    named            (metadata, names) -> metadata with them
    made             (metadata, schema) -> the document of a new array, None where there is none
    """

    name: str
    key: str
    decode_metadata: Callable[[bytes, str], Any]
    named: Callable[[Any, Any], Any]
    made: Callable[[Any, Schema], bytes | None]


class Format(NamedTuple):
    """One format of chunked arrays.

    name             the driver's name in a spec
    url_scheme       its name in a URL pipeline
    metadata_key     (members) -> key of the document, relative to the array's prefix
    parse_members    (json, schema=None) -> members; takes its own members out of the dict; `schema`: what the
                     same JSON says beside them
    members_json     (members, every=False) -> what to put into a spec; nothing where all are unset; `every`:
                     also what goes without saying
    known            (members, schema) -> schema with what the members imply: dtype, rank and domain, as
                     far as they settle them
    wanted           (members, schema) -> the same with all that they imply: chunk layout, codec, fill value,
                     units; a domain only where something is said of it
    parse_document   (JSON object) -> metadata
    document_json    (metadata) -> the JSON object that is stored, all of it
    create           (members, schema) -> metadata of a new array
    check            (metadata, members, schema): raises where an existing array is not what is asked for
    layout           (metadata, members, schema or None) -> what planning works from
    schema           (metadata, members, schema or None) -> effective schema, finalised
    metadata_json    (metadata, members=None) -> the document as a JSON value, as specifications show it
    codec_spec       (metadata) -> codec spec
    codec_parse      (JSON object) -> the JSON object of a codec spec, checked and completed
    codec_merge      (JSON object, JSON object) -> that of the codec spec which satisfies both
    resized          (metadata, shape) -> metadata of another shape
    url_refusal      (members) -> why the array has no URL, None where it has one
    defaults         the members of `metadata` that a spec always has, where defaults are asked for; None
                     where there is no such member
    several          for a format whose document describes several arrays; then parse_document gives all that
                     the document says, and the metadata of one is found in it
    described        the members of a spec that say again what is stored
    invalid          the class of error that a document which is no JSON is
    beside           for a format that names dimensions in a second document

    A format is a module with functions of these names: `gathered` makes the record of them.
    """

    name: str
    url_scheme: str
    metadata_key: Callable[[Any], str]
    parse_members: Callable[..., Any]
    members_json: Callable[..., dict[str, Any]]
    known: Callable[[Any, Schema], Schema]
    wanted: Callable[[Any, Schema], Schema]
    parse_document: Callable[[dict[str, Any]], Any]
    document_json: Callable[[Any], dict[str, Any]]
    create: Callable[[Any, Schema], Any]
    check: Callable[[Any, Any, Schema], None]
    layout: Callable[..., ArrayLayout]
    schema: Callable[..., Schema]
    metadata_json: Callable[..., dict[str, Any]]
    codec_spec: Callable[[Any], CodecSpec]
    codec_parse: Callable[[dict[str, Any]], dict[str, Any]]
    codec_merge: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
    resized: Callable[[Any, tuple[int, ...]], Any]
    url_refusal: Callable[[Any], str | None]
    defaults: dict[str, Any] | None
    several: Several | None = None
    described: tuple[str, ...] = ("metadata",)
    invalid: type[TegulaError] = FailedPrecondition
    beside: Beside | None = None

    def decode_metadata(self, data: bytes, where: str) -> Any:
        """Return the metadata of a stored document; `where` names it in errors.

        Raises:
            FailedPrecondition: it is not JSON (`invalid` may name another class), or not of an array that can
                be opened.
        """
        return document.read(data, where, self.parse_document, self.invalid)

    def encode_metadata(self, metadata: Any) -> bytes:
        """Return the bytes of the document, compact and sorted, as the drop-in writes them.

        Raises:
            InvalidArgument: there are so many that they could not be read again.
        """
        return document.writable(binding.compact(self.document_json(metadata)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.name,)

    def __repr__(self) -> str:
        return f"Format({self.name!r})"


def remembered_layout(form: Format, metadata: Any, members: Any, schema: Schema) -> ArrayLayout:
    """Return ``form.layout(metadata, members, schema)``, the one made before where nothing else was asked.

    What equal documents say is one value for as long as it is remembered (`document.read`), and so is what
    planning works from.
    """
    domain = schema.domain
    if form.several is not None or (domain is not None and any(domain.labels)):
        return form.layout(metadata, members, schema)
    found = _layouts.get(id(metadata))
    if found is None or found[0] is not metadata or found[1] != members:
        found = metadata, members, form.layout(metadata, members, schema)
        _layouts[id(metadata)] = found
        while len(_layouts) > LAYOUTS:
            _layouts.pop(next(iter(_layouts), 0), None)
    return found[2]


LAYOUTS = 64
_layouts: dict[int, tuple[Any, Any, ArrayLayout]] = {}  # by the identity of what is kept beside it


def gathered(
    functions: Mapping[str, Any],
    name: str,
    url_scheme: str,
    defaults: dict[str, Any] | None,
    several: Several | None = None,
    described: tuple[str, ...] = ("metadata",),
    invalid: type[TegulaError] = FailedPrecondition,
    beside: Beside | None = None,
) -> Format:
    """Return the format whose functions are those of `functions` (a module's names) that are called so.

    Raises:
        TypeError: one is missing.
    """
    missing = [field for field in _FUNCTIONS if field not in functions]
    if missing:
        raise TypeError(f"the format {name!r} lacks {', '.join(missing)}")
    own = {field: functions[field] for field in _FUNCTIONS}
    return Format(
        name,
        url_scheme,
        **own,
        defaults=defaults,
        several=several,
        described=described,
        invalid=invalid,
        beside=beside,
    )


_FUNCTIONS = Format._fields[2 : Format._fields.index("defaults")]


def _named(name: str) -> Format:
    from tegula.registry import lookup

    found: Format = lookup("formats", name)
    return found
