"""Opening and making groups, and the attributes of arrays: the functions that give `api/group.py`'s handles.

Knows: how a specification names a format and a place, and what the flags allow.  Must not know: any format.

Law: a group that is found is of the first format, in the order of `FORMATS`, that knows a document there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tegula.api.attributes import Attributes
from tegula.api.context import Context
from tegula.api.group import Group, made_group, started
from tegula.api.kvspec import KvStoreSpec
from tegula.api.kvstore import KvStore, kv_open
from tegula.api.specurl import from_url
from tegula.binding import at_member, members, quoted
from tegula.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from tegula.formats.groups.group import GroupFormat, Node
from tegula.programs import hierarchy
from tegula.programs.hierarchy import Place
from tegula.registry import lookup
from tegula.runtime.future import Future
from tegula.runtime.session import run

if TYPE_CHECKING:
    from tegula.api.store import TensorStore

__all__ = ["FORMATS", "attributes_of", "open_group"]

FORMATS = ("zarr3", "zarr", "n5", "neuroglancer_precomputed")


def open_group(
    spec: KvStore | KvStoreSpec | str | Mapping[str, Any],
    *,
    open: bool | None = None,
    create: bool = False,
    delete_existing: bool = False,
    attributes: Mapping[str, Any] | None = None,
    consolidated: bool | None = None,
    context: Context | None = None,
) -> Future[Group]:
    """Open or create a group of arrays; return a future of its handle.

    Args:
        spec: a URL such as ``"file:///tmp/a/"`` or ``"file:///tmp/a/|zarr2:"``, a `KvStore` or its spec, or
            ``{"driver": "zarr3", "kvstore": ...}``.  Without a format an existing group's is found out
            (zarr3, then zarr, n5, and the scales of a precomputed volume), and a new one is zarr3.  A new
            volume needs the attribute `data_type`.
        open: whether one that exists may be opened; by default unless `create`.
        create: whether one that does not exist is made.
        delete_existing: whether what is there is removed first, with all that is below it.
        attributes: those of a new group.
        consolidated: whether consolidated metadata is used: by default where there is some; with True
            there must be.
        context: shared resources; by default a fresh context.

    Raises (at once):
        InvalidArgument: `spec` is no specification, or the flags contradict each other.

    Raises (from the future):
        NotFound: there is none, and `create` is False.
        AlreadyExists: there is one, and opening it was not allowed.
        FailedPrecondition: there is an array, or `consolidated` metadata was wanted and there is none.

    >>> import tegula
    >>> group = tegula.open_group("memory://a/", create=True, attributes={"version": 2}).result()
    >>> group.attrs["version"], len(group)
    (2, 0)
    """
    if delete_existing and (open or not create):
        raise InvalidArgument("`delete_existing` goes with `create` and without `open`")
    may_open = not create and not delete_existing if open is None else open
    if not (may_open or create):
        raise InvalidArgument("A group is opened, created, or both")
    context = context or Context()
    name, kvstore = _located(spec, context)
    forms = [_format(each) for each in ((name,) if name else FORMATS)]
    flags = (may_open, create, delete_existing, consolidated)
    program = _opening(forms, kvstore, context, dict(attributes or {}), flags)
    return started(Place(forms[0], kvstore._ref, kvstore._path), program, create)


def _format(name: str) -> GroupFormat:
    try:
        found: GroupFormat = lookup("groups", name)
    except KeyError:
        with at_member("driver"):
            raise InvalidArgument(f"{quoted(str(name))} is not a format of groups") from None
    return found


def _located(spec: Any, context: Context) -> tuple[str, KvStore]:
    """Return the name of the format, empty for none, and the store with the group's prefix."""
    name, kvstore = "", spec
    if isinstance(spec, str):
        spec = from_url(spec)
    if isinstance(spec, dict) and "kvstore" in spec:
        members(spec, ("driver", "kvstore", "path"))
        name, kvstore = spec.get("driver", "auto"), spec["kvstore"]
        kvstore = kvstore if isinstance(kvstore, KvStore) else KvStoreSpec(kvstore)
        if "path" in spec:
            kvstore = kvstore / spec["path"]
        name = "" if name == "auto" else name
    opened = kvstore if isinstance(kvstore, KvStore) else kv_open(kvstore, context)
    path = opened.path
    return name, opened if not path or path.endswith("/") else opened + "/"


async def _opening(
    forms: list[GroupFormat],
    kvstore: KvStore,
    context: Context,
    attributes: dict[str, Any],
    flags: tuple[bool, bool, bool, bool | None],
) -> Group:
    may_open, create, delete_existing, consolidated = flags
    place = Place(forms[0], kvstore._ref, kvstore._path)
    if delete_existing:
        await hierarchy.remove(place)
    try:
        place, node = await hierarchy.find(forms, kvstore._ref, kvstore._path)
    except NotFound:
        if not create:
            raise
        node = await hierarchy.create_group(place, "", attributes, may_open)
    else:
        if node.kind != "group":
            raise FailedPrecondition(f"There is an array at {place.describe()}, not a group")
        if not may_open:
            node = await hierarchy.create_group(place, "", attributes, False)
    if consolidated is False:
        node = Node("group", node.attributes, {})
    elif consolidated and node.below is None:
        raise FailedPrecondition(f"The group at {place.describe()} has no consolidated metadata")
    root = (place, "") if node.below is not None else None
    return made_group(place, node, kvstore, context, "", root)


def attributes_of(store: TensorStore) -> Attributes:
    """Return the attributes of an array, as a mapping whose assignments write; of a scale, its volume's.

    Raises:
        Unimplemented: its format has none.
        NotFound: the array is not there any more.
    """
    opened = store._opened
    try:
        form: GroupFormat = lookup("groups", opened.form.name)
    except (KeyError, AttributeError):
        raise Unimplemented("This array has no attributes") from None
    place = Place(form, opened.kvstore._ref, opened.kvstore._path)
    node = run(hierarchy.read_node(place))
    if node is None:
        raise NotFound(f"There is no array at {place.describe()}")
    return Attributes(place, node)
