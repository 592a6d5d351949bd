"""The specification and the handle of an array that is one value: a JSON document, an image.

Knows the members of those drivers and how they open.  Must not know how a value is decoded or edited.
An image is decoded when it is opened, and is an array in memory from then on; a JSON document is asked for
at every read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tegula.api.body import COPYING, POOL, Alone, bound, shown, taken
from tegula.api.kvstore import KvStore, kv_open
from tegula.binding import at_member
from tegula.effects.control import Compute
from tegula.effects.effect import Call
from tegula.errors import InvalidArgument, TegulaError, annotated
from tegula.kv.spec import describe
from tegula.kv.url import quoted_path
from tegula.record import Record
from tegula.row import NamedTuple
from tegula.schema.layout import ChunkLayout
from tegula.schema.schema import Schema, merge_domains
from tegula.source import InMemory, Whole
from tegula.space.bounds import propagate_bounds
from tegula.space.domain import IndexDomain
from tegula.space.transform import IndexTransform
from tegula.view import View

if TYPE_CHECKING:
    from tegula.api.context import Collector
    from tegula.api.kvspec import KvStoreSpec
    from tegula.formats.whole import WholeFormat

__all__ = ["OpenedWhole", "WholeBody", "open_whole", "parse_whole"]


class _Whole(NamedTuple):
    form: WholeFormat
    members: dict[str, Any]
    kvstore: KvStoreSpec | None
    recheck: Any = None


class WholeBody(_Whole, Alone):
    """A JSON document or an image; `recheck` is the bound on the age of what is read (None: ``"open"``)."""

    __slots__ = ()

    @property
    def resources(self) -> tuple[str, ...]:
        """The context resources that a specification of this kind names."""
        return (POOL, COPYING)

    @property
    def name(self) -> str:
        """The driver's name."""
        return self.form.name

    def implied(self, schema: Schema) -> Schema:
        """Return `schema` with the domain."""
        made = schema.copy()
        if made._domain is None:
            made.set_domain(self._whole())
        return made

    def domain(self, schema: Schema) -> IndexDomain | None:
        """Return the domain of the whole: of an image, its origin."""
        found = schema.domain
        return self._whole() if found is None else found

    def _whole(self) -> IndexDomain:
        rank = self.form.rank
        return IndexDomain(inclusive_min=[0] * rank, implicit_upper_bounds=[True] * rank)

    def check(self, wanted: Schema) -> None:
        """Raise InvalidArgument where the data type or the origin of what is wanted cannot be: told first."""
        if wanted.dtype is not None:
            wanted.copy().set_dtype(self.form.dtype)
        if wanted.domain is not None and wanted.rank == self.form.rank and any(wanted.domain.inclusive_min):
            raise InvalidArgument("image domain must have 0-origin")

    def settle(self, schema: Schema) -> None:
        """Merge data type, rank and domain into `schema`; raise for what these drivers do not have."""
        schema.set_dtype(self.form.dtype)
        schema.set_rank(self.form.rank)
        kind = "image" if self.form.rank else "json"
        if schema.fill is not None:
            raise InvalidArgument(f"fill_value not supported by {kind} driver")
        if self.form.rank and schema._units is not None and any(schema._units):
            raise InvalidArgument("dimension_units not supported by image driver")
        if schema.codec is not None:
            raise InvalidArgument(f'codec not supported by "{self.form.name}" driver')
        if self.form.rank:
            if schema.domain is None:
                schema.set_domain(self._whole())
            elif schema.domain.inclusive_min != (0,) * self.form.rank:
                raise InvalidArgument("image domain must have 0-origin")

    def url(self, schema: Schema) -> str:  # noqa: ARG002 - one signature for all bodies
        """Return the URL; a page of a TIFF is not part of it."""
        if self.kvstore is None:
            raise InvalidArgument("Invalid kvstore spec")
        return f"{self.kvstore.url}|{self.form.name}:{quoted_path(self.members.get('json_pointer', ''))}"

    def dump(self, collector: Collector, include_defaults: bool) -> dict[str, Any]:
        """Return the members."""
        found = {**(self.form.defaults if include_defaults else {}), **self.members}
        if self.recheck is not None or include_defaults:
            found["recheck_cached_data"] = "open" if self.recheck is None else self.recheck
        return found | shown(self.kvstore, collector, include_defaults)

    def rechecked(self, bound: Any) -> WholeBody:
        """Return the body with another bound on the age of what is read."""
        return self._replace(recheck=None if bound == "open" else bound)


def parse_whole(form: WholeFormat, rest: dict[str, Any]) -> WholeBody:
    """Take the members of a driver out of a specification.

    Raises:
        InvalidArgument: one is malformed.
    """
    kvstore = taken(rest)
    body = WholeBody(form, form.parse_members(rest), kvstore)
    if "recheck_cached_data" in rest:
        with at_member("recheck_cached_data"):
            body = body.rechecked(bound(rest.pop("recheck_cached_data")))
    return body


class OpenedWhole(Record, eq=False):
    """How a handle on a JSON document or an image was opened."""

    body: WholeBody
    kvstore: KvStore
    resources: dict[str, Any]

    def schema(self, source: Any) -> Schema:
        """Return the schema of the whole array."""
        lower, upper = source.bounds
        found = Schema(dtype=source.dtype, domain=IndexDomain(inclusive_min=lower, exclusive_max=upper))
        found.set_layout(ChunkLayout(rank=len(lower)))
        return found

    def bound_body(self) -> WholeBody:
        """Return the body of the specification by which it is opened again, in the same context."""
        return self.body._replace(kvstore=self.kvstore.spec(retain_context=True))


async def open_whole(
    body: WholeBody,
    schema: Schema,
    seen: IndexTransform | None,
    resources: dict[str, Any],
    write: bool | None,
) -> tuple[View, OpenedWhole]:
    """Return the view through `seen`, and how it was opened; an image is read and decoded.

    Raises:
        InvalidArgument: there is no key-value store, or an image is to be written.
        NotFound, DataLoss, ResourceExhausted, Unimplemented: the image cannot be had.
    """
    if body.kvstore is None:
        raise InvalidArgument('"kvstore" must be specified')
    kvstore = kv_open(body.kvstore)
    opened = OpenedWhole(body, kvstore, resources)
    store, key = kvstore._ref, kvstore._path
    source: Whole | InMemory
    if not body.form.rank:
        source = Whole(store, key, body.members.get("json_pointer", ""), body.form.dtype)
    else:
        if write:
            raise InvalidArgument("only reading is supported")
        from tegula.leaves.image import decode
        from tegula.programs.whole import read_value

        value = await read_value(store, key)
        try:
            array = await Compute(Call(decode, value, body.form.name, body.members.get("page")))
        except TegulaError as error:
            raise annotated(error, f"Error reading {describe(store, key)}: ") from None
        source = InMemory(array, body.form.dtype)
    lower, upper = source.bounds
    whole = IndexDomain(inclusive_min=lower, exclusive_max=upper)
    if body.form.rank and schema.domain is not None:
        try:
            merge_domains(schema.domain, whole)
        except InvalidArgument:
            raise InvalidArgument(
                f"Schema domain {schema.domain!r} does not match image domain {whole!r}"
            ) from None
    return View(source, IndexTransform(whole) if seen is None else propagate_bounds(whole, seen)), opened
