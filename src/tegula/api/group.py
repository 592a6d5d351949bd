"""Groups as handles: hierarchies of arrays in zarr v2, zarr v3 and N5, and the scales of a volume.

Knows: which program each method is, and how a child's path stands behind the group's.  Must not know: any
format.  Handles hold no logic.

Law: ``group[name]`` is what `open` or `open_group` of the child's own place gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from tegula.api.attributes import Attributes
from tegula.api.context import Context
from tegula.api.kvstore import KvStore
from tegula.api.opening import opening
from tegula.api.running import failed
from tegula.api.tree import Tree
from tegula.effects.effect import Program
from tegula.errors import InvalidArgument, NotFound
from tegula.formats.groups.group import Node, check_name
from tegula.programs import hierarchy
from tegula.programs.hierarchy import Place
from tegula.public import public
from tegula.runtime.future import Future, ready
from tegula.runtime.live import leaf
from tegula.runtime.session import run, submit
from tegula.schema.layout import ChunkLayout

if TYPE_CHECKING:
    from tegula.api.keywords import OpenKeywords
    from tegula.api.store import TensorStore

__all__ = ["Group", "made_group", "started"]

T = TypeVar("T")


@public("Group")
class Group(Mapping[str, "TensorStore | Group"]):
    """Arrays and groups by name, with attributes; opened by `open_group`.

    Indexing by a name or a path opens what is there; iterating gives the names.  The scales of a precomputed
    volume are named by their keys; there an index is a number, too.

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
        """The format: "zarr3", "zarr", "n5" or "neuroglancer_precomputed".

        >>> import tegula
        >>> tegula.open_group("memory://a/|zarr2:", create=True).result().driver
        'zarr'
        """
        return self._place.form.name

    @property
    def path(self) -> str:
        """The path from the group that was opened; empty for that one.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.create_group("images/raw").result().path, group.path
        ('images/raw', '')
        """
        return self._path

    @property
    def name(self) -> str:
        """The last part of the path.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.create_group("images/raw").result().name
        'raw'
        """
        return self._path.rpartition("/")[2]

    @property
    def kvstore(self) -> KvStore:
        """The key-value store with the group's prefix.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.kvstore.path, group.kvstore.list().result()
        ('a/', [b'zarr.json'])
        """
        return self._kvstore

    @property
    def consolidated(self) -> bool:
        """Whether what is below is known from consolidated metadata, without listing.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.consolidated, group.consolidate().result().consolidated
        (False, True)
        """
        return self._node.below is not None

    @property
    def attrs(self) -> Attributes:
        """The attributes, as a mapping whose assignments write, each by one conditional write.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs["subject"] = 7
        >>> dict(tegula.open_group(group.kvstore).result().attrs)
        {'subject': 7}
        """
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
        return made_group, (self._place, self._node, self._kvstore, self._context, self._path, self._root)

    # ------------------------------------------------------------ what is in it

    def __getitem__(self, name: str | int) -> TensorStore | Group:
        """Open the array or group of a name or path.

        Raises:
            KeyError: there is nothing of that name.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_array("images/raw", dtype="int8", shape=[4, 3]).result()
        >>> group["images/raw"].shape, group["images"]["raw"].dtype
        ((4, 3), dtype("int8"))
        """
        try:
            found: TensorStore | Group = self.open(name).result()
            return found
        except NotFound as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        """Return an iterator of the names of what is directly in the group, in order.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> for name in ("b", "a/inner"):
        ...     made = group.create_group(name).result()
        >>> list(group)
        ['a', 'b']
        """
        return iter(run(hierarchy.children(self._place, self._node)))

    def __len__(self) -> int:
        """Return how many arrays and groups are directly in the group.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_group("a/inner").result()
        >>> len(group)
        1
        """
        return len(run(hierarchy.children(self._place, self._node)))

    def __contains__(self, name: object) -> bool:
        """Return whether there is an array or a group of a name or path; False for what is no name.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_group("a/inner").result()
        >>> "a/inner" in group, "b" in group, "" in group
        (True, False, False)
        """
        try:
            path = self._named(name)
        except (InvalidArgument, TypeError):
            return False
        return run(hierarchy.descend(self._place, self._node, path)) is not None

    def array_names(self) -> list[str]:
        """Return the names of the arrays directly in the group, in order.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_array("x", dtype="int8", shape=[4]), group.create_group("y")
        >>> group.array_names()
        ['x']
        """
        return self._names("array")

    def group_names(self) -> list[str]:
        """Return the names of the groups directly in the group, in order.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_array("x", dtype="int8", shape=[4]), group.create_group("y")
        >>> group.group_names()
        ['y']
        """
        return self._names("group")

    def _names(self, kind: str) -> list[str]:
        found = run(hierarchy.children(self._place, self._node))
        return [name for name, node in found.items() if node.kind == kind]

    def open(self, name: str | int, **options: Unpack[OpenKeywords]) -> Future[TensorStore | Group]:
        """Open the array or group of a name or path; `options` are those of `tegula.open`, for an array.

        Args:
            name: a name or a path; of the scales of a precomputed volume a key, or a number.
            options: the arguments of `tegula.open`.

        Returns:
            A future of a `TensorStore` or a `Group`.

        Raises (from the future):
            NotFound: there is nothing of that name.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_array("raw", dtype="int8", shape=[4]).result()
        >>> group.open("raw", read=True, write=False).result().mode
        'r'
        """
        return self._start(self._opened(self._named(name), dict(options)))

    def _named(self, name: object) -> str | int:
        if self._place.form.inside is None:
            return check_name(name)
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise TypeError(f"the name of a scale is a str or an int, not {type(name).__name__}")
        return name

    async def _opened(self, path: str | int, options: dict[str, Any]) -> TensorStore | Group:
        node = await hierarchy.descend(self._place, self._node, path)
        if node is None:
            raise NotFound(f"There is no node at {self._place.below(str(path)).describe()}")
        inside = self._place.form.inside
        if inside is not None:
            spec = {"driver": self.driver, **inside.address(node)}
            return await opening(spec, {**self._common(""), **options})
        path = str(path)
        if node.kind == "group":
            return self._child(path, node)
        return await opening({"driver": self.driver}, {**self._common(path), **options})

    def tree(self, depth: int | None = None) -> Tree:
        """Return what is below, at most `depth` levels of it, to be printed.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_array("raw/t1", dtype="int8", shape=[4]).result()
        >>> group.tree()
        /
        └── raw
            └── t1 (4,) int8
        >>> group.tree(depth=1)
        /
        └── raw
        """
        return Tree(self.driver, self._path, run(hierarchy.walk(self._place, self._node, depth)))

    # ------------------------------------------------------------ changes

    def create_group(
        self, name: str, *, attributes: Mapping[str, Any] | None = None, open: bool = False
    ) -> Future[Group]:
        """Make a group of a name or path, and the groups between; with `open` one may be there.

        Args:
            name: a name, or a path of names with slashes.
            attributes: those of a new group.
            open: whether one that exists may be opened.

        Raises (from the future):
            AlreadyExists: there is one, and `open` is False; or there is an array.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> inner = group.create_group("labels/v1", attributes={"by": "me"}).result()
        >>> inner.attrs["by"], group.create_group("labels", open=True).result().group_names()
        ('me', ['v1'])
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
        **options: Unpack[OpenKeywords],
    ) -> Future[TensorStore]:
        """Make an array of a name or path, and the groups between; or a scale, of the volume's data type.

        Args:
            name: a name, or a path of names with slashes; the key of a scale.
            attributes: those of a new array.
            chunks, shards: the shapes of what is read and written at once, in place of a `chunk_layout`.
            metadata: members of the format's document; those of a scale.
            options: the arguments of `open`.  ``open=True`` accepts an array that is there,
                ``delete_existing=True`` replaces it.

        Raises (from the future):
            AlreadyExists, FailedPrecondition, InvalidArgument: as of `open`.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> raw = group.create_array("raw/t1", dtype="uint16", shape=[64, 64], chunks=[8, 8], shards=[32, 32],
        ...                          attributes={"te": 30}).result()
        >>> raw.chunk_layout.read_chunk.shape, raw.chunk_layout.write_chunk.shape, raw.attrs
        ((8, 8), (32, 32), {'te': 30})
        """
        if chunks is not None or shards is not None:
            if "chunk_layout" in options:
                raise InvalidArgument("`chunks` and `shards` are in place of `chunk_layout`")
            read = None if chunks is None else tuple(chunks)
            write = read if shards is None else tuple(shards)
            options["chunk_layout"] = ChunkLayout(read_chunk_shape=read, write_chunk_shape=write)
        if self._place.form.inside is not None:
            if attributes:
                raise InvalidArgument("A scale has no attributes: they are the volume's")
            program = self._created_inside(str(name), dict(metadata or {}), dict(options))
        else:
            spec = {"driver": self.driver, **({"metadata": dict(metadata)} if metadata else {})}
            program = self._array_created(check_name(name), spec, dict(attributes or {}), dict(options))
        return self._start(program, writes=True)

    async def _created_inside(
        self, name: str, metadata: dict[str, Any], options: dict[str, Any]
    ) -> TensorStore:
        inside = self._place.form.inside
        assert inside is not None
        spec = inside.beginning(await hierarchy.document(self._place), name, metadata)
        flags = {"create": True, "open": False}
        return await opening({"driver": self.driver, **spec}, {**self._common(""), **flags, **options})

    async def _array_created(
        self, path: str, spec: dict[str, Any], attributes: dict[str, Any], options: dict[str, Any]
    ) -> TensorStore:
        above = path.rpartition("/")[0]
        if above:
            await hierarchy.create_group(self._place, above, {}, True)
        place = self._place.below(path)
        if not options.get("delete_existing"):
            await hierarchy.no_group(place)
        made = await opening(spec, {**self._common(path), "create": True, "open": False, **options})
        if attributes:
            await hierarchy.change_attributes(place, "array", attributes, True)
        if self._root is not None or self.consolidated:
            await self._noted(path, await hierarchy.read_node(place))
        return made

    def delete(self, name: str) -> Future[None]:
        """Remove an array or a group with all that is below it; or a scale with its chunks, and no other.

        Raises (from the future):
            NotFound: there is nothing of that name.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_array("raw/t1", dtype="int8", shape=[4]).result()
        >>> group.delete("raw").result()
        >>> list(group)
        []
        """
        if self._place.form.inside is not None:
            return self._start(hierarchy.remove_inside(self._place, str(self._named(name))), writes=True)
        return self._start(self._deleted(check_name(name)), writes=True)

    async def _deleted(self, path: str) -> None:
        place = self._place.below(path)
        if await hierarchy.read_node(place) is None:
            raise NotFound(f"There is no node at {place.describe()}")
        await hierarchy.remove(place)
        await self._noted(path, None)

    def __delitem__(self, name: str) -> None:
        """Remove an array or a group with all that is below it, and wait.

        Raises:
            KeyError: there is nothing of that name.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_group("raw").result()
        >>> del group["raw"]
        >>> "raw" in group
        False
        """
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

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> made = group.create_group("raw").result()
        >>> known = group.consolidate().result()
        >>> del known["raw"]
        >>> list(tegula.open_group(known.kvstore).result()), list(known)
        ([], [])
        """
        return self._start(self._consolidated_anew(), writes=True)

    async def _consolidated_anew(self) -> Group:
        node = await hierarchy.consolidate(self._place)
        return made_group(self._place, node, self._kvstore, self._context, self._path, (self._place, ""))

    def resolve(self) -> Future[Group]:
        """Read the group again; return a future of it as it is now.

        Raises (from the future):
            NotFound: it is gone.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> other = group.resolve().result()
        >>> other.attrs["by"] = "another"
        >>> dict(group.attrs), dict(group.resolve().result().attrs)
        ({}, {'by': 'another'})
        """
        return self._start(self._resolved())

    async def _resolved(self) -> Group:
        node = await hierarchy.read_node(self._place)
        if node is None or node.kind != "group":
            raise NotFound(f"There is no group at {self._place.describe()}")
        root = (self._place, "") if node.below is not None else None
        return made_group(self._place, node, self._kvstore, self._context, self._path, root)

    # ------------------------------------------------------------ how

    def _common(self, path: str) -> dict[str, Any]:
        return {"kvstore": self._at(path), "context": self._context}

    def _at(self, path: str) -> KvStore:
        return self._kvstore + f"{path}/" if path else self._kvstore

    def _child(self, path: str, node: Node) -> Group:
        root = self._root
        if root is not None:
            root = (root[0], f"{root[1]}/{path}" if root[1] else path)
        whole = f"{self._path}/{path}" if self._path else path
        return made_group(self._place.below(path), node, self._at(path), self._context, whole, root)

    def _start(self, program: Program[T], writes: bool = False) -> Future[T]:
        return started(self._place, program, writes)


def started(place: Place, program: Program[T], writes: bool) -> Future[T]:
    """Run a program of a group: at once where the store is of this machine, else on the shared threads."""
    live = leaf(place.store)
    if not (live.local_writes if writes else live.local):
        return submit(program)
    try:
        return ready(run(program))
    except (ValueError, NotImplementedError) as error:
        return failed(error)


def made_group(
    place: Place, node: Node, kvstore: KvStore, context: Context, path: str, root: tuple[Place, str] | None
) -> Group:
    """Return the handle of a group; `root` is the one whose consolidated metadata it came from."""
    made = object.__new__(Group)
    made._place, made._node, made._kvstore = place, node, kvstore
    made._context, made._path, made._root = context, path, root
    return made
