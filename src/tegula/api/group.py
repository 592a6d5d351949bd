"""Groups as handles: hierarchies of arrays in zarr v2, zarr v3 and N5.

Knows: which program each method is, and how a child's path stands behind the group's.  Must not know: any
format.  Handles hold no logic.

Law: ``group[name]`` is what `open` or `open_group` of the child's own place gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tegula.api.attributes import Attributes
from tegula.api.context import Context
from tegula.api.kvspec import KvStoreSpec
from tegula.api.kvstore import KvStore, kv_open
from tegula.api.opening import opening
from tegula.api.running import failed
from tegula.api.specurl import from_url
from tegula.api.tree import Tree
from tegula.binding import at_member, members, quoted
from tegula.effects.effect import Program
from tegula.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from tegula.formats.groups.group import GroupFormat, Node, check_name
from tegula.programs import hierarchy
from tegula.programs.hierarchy import Place
from tegula.registry import lookup
from tegula.runtime.future import Future, ready
from tegula.runtime.live import leaf
from tegula.runtime.session import run, submit
from tegula.schema.layout import ChunkLayout

if TYPE_CHECKING:
    from tegula.api.store import TensorStore

__all__ = ["Group", "attributes_of", "open_group"]

T = TypeVar("T")

FORMATS = ("zarr3", "zarr", "n5")


class Group(Mapping[str, "TensorStore | Group"]):
    """Arrays and groups by name, with attributes; opened by `open_group`.

    Indexing by a name or a path opens what is there; iterating gives the names.

    >>> import tegula
    >>> group = tegula.open_group("memory://volumes/", create=True, attributes={"by": "me"}).result()
    >>> raw = group.create_array("raw", dtype="uint16", shape=[100, 100]).result()
    >>> labels = group.create_group("labels/v1").result()
    >>> list(group), group["raw"].shape, dict(group.attrs)
    (['labels', 'raw'], (100, 100), {'by': 'me'})
    >>> print(group.tree())
    /
    ├── labels
    │   └── v1
    └── raw (100, 100) uint16
    """

    __slots__ = ("_context", "_kvstore", "_node", "_path", "_place", "_root")

    _place: Place
    _node: Node
    _kvstore: KvStore
    _context: Context
    _path: str
    _root: tuple[Place, str] | None  # the group whose consolidated metadata this one came from, and the path

    def __init__(self) -> None:
        raise TypeError("use tegula.open_group")

    # ------------------------------------------------------------ what it is

    @property
    def driver(self) -> str:
        """The format: "zarr3", "zarr" or "n5"."""
        return self._place.form.name

    @property
    def path(self) -> str:
        """The path from the group that was opened; empty for that one."""
        return self._path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._path.rpartition("/")[2]

    @property
    def kvstore(self) -> KvStore:
        """The key-value store with the group's prefix."""
        return self._kvstore

    @property
    def consolidated(self) -> bool:
        """Whether what is below is known from consolidated metadata, without listing."""
        return self._node.below is not None

    @property
    def attrs(self) -> Attributes:
        """The attributes, as a mapping whose assignments write."""
        return Attributes(self._place, self._node, self._renewed)

    def _renewed(self, node: Node) -> None:
        self._node = Node("group", node.attributes, {}, self._node.below)
        if self._root is not None:
            run(hierarchy.note(*self._root, self._node))

    def __repr__(self) -> str:
        return f"Group({self._kvstore.url!r}, driver={self.driver!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Group):
            return NotImplemented
        return self._place == other._place

    def __hash__(self) -> int:
        return hash((self._place.store, self._place.prefix))

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self._place, self._node, self._kvstore, self._context, self._path, self._root)

    # ------------------------------------------------------------ what is in it

    def __getitem__(self, name: str) -> TensorStore | Group:
        try:
            found: TensorStore | Group = self.open(name).result()
            return found
        except NotFound as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        return iter(run(hierarchy.children(self._place, self._node)))

    def __len__(self) -> int:
        return len(run(hierarchy.children(self._place, self._node)))

    def __contains__(self, name: object) -> bool:
        try:
            path = check_name(name)
        except (InvalidArgument, TypeError):
            return False
        return run(hierarchy.descend(self._place, self._node, path)) is not None

    def array_names(self) -> list[str]:
        """Return the names of the arrays directly in the group, in order."""
        return self._names("array")

    def group_names(self) -> list[str]:
        """Return the names of the groups directly in the group, in order."""
        return self._names("group")

    def _names(self, kind: str) -> list[str]:
        found = run(hierarchy.children(self._place, self._node))
        return [name for name, node in found.items() if node.kind == kind]

    def open(self, name: str, **options: Any) -> Future[Any]:
        """Open the array or group of a name or path; `options` are those of `open`, for an array.

        Raises (from the future):
            NotFound: there is nothing of that name.
        """
        return self._start(self._opened(check_name(name), options))

    async def _opened(self, path: str, options: dict[str, Any]) -> TensorStore | Group:
        node = await hierarchy.descend(self._place, self._node, path)
        if node is None:
            raise NotFound(f"There is no node at {self._place.below(path).describe()}")
        if node.kind == "group":
            return self._child(path, node)
        return await opening({"driver": self.driver}, {**self._common(path), **options})

    def tree(self, depth: int | None = None) -> Tree:
        """Return what is below, at most `depth` levels of it, to be printed."""
        return Tree(self.driver, self._path, run(hierarchy.walk(self._place, self._node, depth)))

    # ------------------------------------------------------------ changes

    def create_group(
        self, name: str, *, attributes: Mapping[str, Any] | None = None, open: bool = False
    ) -> Future[Group]:
        """Make a group of a name or path, and the groups between; with `open` one may be there.

        Raises (from the future):
            AlreadyExists: there is one, and `open` is False; or there is an array.
        """
        return self._start(self._group_created(check_name(name), dict(attributes or {}), open), writes=True)

    async def _group_created(self, path: str, attributes: dict[str, Any], open_existing: bool) -> Group:
        node = await hierarchy.create_group(self._place, path, attributes, open_existing)
        await self._noted(path, node)
        return self._child(path, node)

    def create_array(
        self,
        name: str,
        *,
        attributes: Mapping[str, Any] | None = None,
        chunks: Sequence[int] | None = None,
        shards: Sequence[int] | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Future[TensorStore]:
        """Make an array of a name or path, and the groups between.

        Args:
            name: a name, or a path of names with slashes.
            attributes: those of a new array.
            chunks, shards: the shapes of what is read and written at once, in place of a `chunk_layout`.
            metadata: members of the format's document.
            options: the arguments of `open`.  ``open=True`` accepts an array that is there,
                ``delete_existing=True`` replaces it.

        Raises (from the future):
            AlreadyExists, FailedPrecondition, InvalidArgument: as of `open`.
        """
        if chunks is not None or shards is not None:
            if "chunk_layout" in options:
                raise InvalidArgument("`chunks` and `shards` are in place of `chunk_layout`")
            read = None if chunks is None else tuple(chunks)
            write = read if shards is None else tuple(shards)
            options["chunk_layout"] = ChunkLayout(read_chunk_shape=read, write_chunk_shape=write)
        spec = {"driver": self.driver, **({"metadata": dict(metadata)} if metadata else {})}
        program = self._array_created(check_name(name), spec, dict(attributes or {}), options)
        return self._start(program, writes=True)

    async def _array_created(
        self, path: str, spec: dict[str, Any], attributes: dict[str, Any], options: dict[str, Any]
    ) -> TensorStore:
        above = path.rpartition("/")[0]
        if above:
            await hierarchy.create_group(self._place, above, {}, True)
        made = await opening(spec, {**self._common(path), "create": True, "open": False, **options})
        place = self._place.below(path)
        if attributes:
            await hierarchy.change_attributes(place, "array", attributes, True)
        if self._root is not None or self.consolidated:
            await self._noted(path, await hierarchy.read_node(place))
        return made

    def delete(self, name: str) -> Future[None]:
        """Remove an array or a group with all that is below it.

        Raises (from the future):
            NotFound: there is nothing of that name.
        """
        return self._start(self._deleted(check_name(name)), writes=True)

    async def _deleted(self, path: str) -> None:
        place = self._place.below(path)
        if await hierarchy.read_node(place) is None:
            raise NotFound(f"There is no node at {place.describe()}")
        await hierarchy.remove(place)
        await self._noted(path, None)

    def __delitem__(self, name: str) -> None:
        try:
            self.delete(name).result()
        except NotFound as error:
            raise KeyError(name) from error

    async def _noted(self, path: str, node: Node | None) -> None:
        if self._root is None:
            return
        root, above = self._root
        await hierarchy.note(root, f"{above}/{path}" if above else path, node)
        fresh = await hierarchy.read_node(root)
        if fresh is not None:
            mine = await hierarchy.descend(root, fresh, above) if above else fresh
            self._node = mine or self._node

    def consolidate(self) -> Future[Group]:
        """Write the metadata of all that is below into the group's own; return the group as it is then.

        Changes made through the group that comes back, and through groups opened from it, keep it up to date.

        Raises (from the future):
            Unimplemented: the format has no consolidated metadata.
        """
        return self._start(self._consolidated_anew(), writes=True)

    async def _consolidated_anew(self) -> Group:
        node = await hierarchy.consolidate(self._place)
        return _made(self._place, node, self._kvstore, self._context, self._path, (self._place, ""))

    def resolve(self) -> Future[Group]:
        """Read the group again; return it as it is now."""
        return self._start(self._resolved())

    async def _resolved(self) -> Group:
        node = await hierarchy.read_node(self._place)
        if node is None or node.kind != "group":
            raise NotFound(f"There is no group at {self._place.describe()}")
        root = (self._place, "") if node.below is not None else None
        return _made(self._place, node, self._kvstore, self._context, self._path, root)

    # ------------------------------------------------------------ how

    def _common(self, path: str) -> dict[str, Any]:
        return {"kvstore": self._at(path), "context": self._context}

    def _at(self, path: str) -> KvStore:
        return self._kvstore + f"{path}/"

    def _child(self, path: str, node: Node) -> Group:
        root = self._root
        if root is not None:
            root = (root[0], f"{root[1]}/{path}" if root[1] else path)
        whole = f"{self._path}/{path}" if self._path else path
        return _made(self._place.below(path), node, self._at(path), self._context, whole, root)

    def _start(self, program: Program[T], writes: bool = False) -> Future[T]:
        return _start(self._place, program, writes)


def _start(place: Place, program: Program[T], writes: bool) -> Future[T]:
    live = leaf(place.store)
    if not (live.local_writes if writes else live.local):
        return submit(program)
    try:
        return ready(run(program))
    except (ValueError, NotImplementedError) as error:
        return failed(error)


def _made(
    place: Place, node: Node, kvstore: KvStore, context: Context, path: str, root: tuple[Place, str] | None
) -> Group:
    made = object.__new__(Group)
    made._place, made._node, made._kvstore = place, node, kvstore
    made._context, made._path, made._root = context, path, root
    return made


def open_group(
    spec: Any,
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
            (zarr3, then zarr, then n5), and a new one is zarr3.
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
    return _start(Place(forms[0], kvstore._ref, kvstore._path), program, create)


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
    return _made(place, node, kvstore, context, "", root)


def attributes_of(store: TensorStore) -> Attributes:
    """Return the attributes of an array, as a mapping whose assignments write.

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
