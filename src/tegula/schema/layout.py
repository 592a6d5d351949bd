"""Chunk layouts: what is wanted of the chunks of an array, hard or soft.

What this file knows: the constraints on inner order, grid origin, and the shape, aspect ratio and
number of elements of write, read and codec chunks.  What it must not know: which format will honour
them, how a shape is chosen where several would do (`choose.py`), how a layout looks through an index
transform (`through.py`).

Laws: those of `constraint.py`, constraint by constraint; ``ChunkLayout(a.to_json()) == a``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from tegula import binding
from tegula.errors import InvalidArgument
from tegula.public import public
from tegula.schema.chunkgrid import GRID_VECTORS, ChunkGrid, grid_members, part_of, put, scalar_of
from tegula.schema.constraint import (
    ORIGIN,
    SHAPE,
    Row,
    Scalar,
    braced,
    check_rank,
    elements,
    merge_rows,
    merge_scalars,
    order,
    parse_order,
    whole,
)
from tegula.schema.options import Naming, given
from tegula.space.dim import Dim
from tegula.space.domain import IndexDomain
from tegula.space.interval import MAX_RANK, check_sized

if TYPE_CHECKING:
    from tegula.schema.keywords import LayoutKeywords

__all__ = ["USAGES", "ChunkGrid", "ChunkLayout"]

USAGES = ("write", "read", "codec")


@public("ChunkLayout")
class ChunkLayout:
    """Constraints on how an array is stored in chunks; made from keywords, or from its JSON.

    >>> layout = ChunkLayout(chunk_shape=[100, None], inner_order=[1, 0])
    >>> layout.write_chunk.shape, layout.inner_order, layout.rank
    ((100, None), (1, 0), 2)
    >>> layout.update(write_chunk_shape_soft_constraint=[None, 7])
    >>> layout.to_json()["write_chunk"]
    {'shape': [100, None], 'shape_soft_constraint': [None, 7]}

    Raises:
        InvalidArgument: a value is out of range, or contradicts another.
        TypeError: an argument is of the wrong type, or unknown.
    """

    __slots__ = ("_codec", "_grid_origin", "_inner_order", "_rank", "_read", "_write")

    Grid: ClassVar[type[ChunkGrid]] = ChunkGrid

    _rank: int | None
    _inner_order: Scalar | None
    _grid_origin: Row | None
    _write: ChunkGrid
    _read: ChunkGrid
    _codec: ChunkGrid

    def __init__(self, json: Any = binding.ABSENT, **options: Unpack[LayoutKeywords]) -> None:
        self._rank = self._inner_order = self._grid_origin = None
        self._write, self._read, self._codec = ChunkGrid(), ChunkGrid(), ChunkGrid()
        if json is not binding.ABSENT:
            if options:
                raise TypeError("a layout is made from JSON or from keyword arguments, not from both")
            binding.take(binding.as_json(json), self.members())
        self.update(**options)

    # ------------------------------------------------------------ reading

    @property
    def rank(self) -> int:
        """The number of dimensions; -1 where nothing says, as in the drop-in.

        >>> ChunkLayout(inner_order=[1, 0]).rank, ChunkLayout(chunk_elements=100).rank
        (2, -1)
        """
        return -1 if self._rank is None else self._rank

    ndim = rank

    @property
    def inner_order(self) -> tuple[int, ...] | None:
        """The order of elements within a chunk, outermost dimension first, where it is a hard constraint.

        >>> ChunkLayout(inner_order=[1, 0]).inner_order, ChunkLayout(rank=2).inner_order
        ((1, 0), None)
        """
        return scalar_of(self._inner_order, True)  # type: ignore[no-any-return]

    @property
    def inner_order_soft_constraint(self) -> tuple[int, ...] | None:
        """The order of elements within a chunk, outermost dimension first, where it is a soft constraint.

        >>> ChunkLayout(inner_order_soft_constraint=[1, 0]).inner_order_soft_constraint
        (1, 0)
        """
        return scalar_of(self._inner_order, False)  # type: ignore[no-any-return]

    @property
    def grid_origin(self) -> tuple[int | None, ...] | None:
        """The hard constraints on the origin of the chunk grid, in coordinates; None for an open dimension.

        >>> ChunkLayout(grid_origin=[0, None], grid_origin_soft_constraint=[None, 5]).grid_origin
        (0, None)
        """
        return part_of(self._grid_origin, True, self._rank)

    @property
    def grid_origin_soft_constraint(self) -> tuple[int | None, ...] | None:
        """The soft constraints on the origin of the chunk grid, in coordinates; None for an open dimension.

        >>> layout = ChunkLayout(grid_origin=[0, None], grid_origin_soft_constraint=[None, 5])
        >>> layout.grid_origin_soft_constraint
        (None, 5)
        """
        return part_of(self._grid_origin, False, self._rank)

    @property
    def write_chunk(self) -> ChunkGrid:
        """The constraints on write chunks, as a copy; what is written at once costs no read.

        >>> ChunkLayout(chunk_shape=[64, 64], write_chunk_elements_soft_constraint=10**6).write_chunk
        ChunkLayout.Grid({'elements_soft_constraint': 1000000, 'shape': [64, 64]})
        """
        return self._shown("write")

    @property
    def read_chunk(self) -> ChunkGrid:
        """The constraints on read chunks, as a copy: what has to be read for a single element.

        >>> import tegula
        >>> wanted = ChunkLayout(read_chunk_shape=[32, 32], write_chunk_shape=[256, 256])
        >>> shards = tegula.open({"driver": "zarr3", "kvstore": "memory://"}, create=True,
        ...                      dtype="uint8", shape=[512, 512], chunk_layout=wanted).result()
        >>> layout = shards.chunk_layout
        >>> layout.read_chunk.shape, layout.write_chunk.shape
        ((32, 32), (256, 256))
        """
        return self._shown("read")

    @property
    def codec_chunk(self) -> ChunkGrid:
        """The constraints on codec chunks, as a copy: the blocks within which a codec such as
        ``compressed_segmentation`` works.

        >>> ChunkLayout(codec_chunk_shape=[8, 8, 8]).codec_chunk
        ChunkLayout.Grid({'shape': [8, 8, 8]})
        """
        return self._shown("codec")

    @property
    def write_chunk_template(self) -> IndexDomain:
        """The box of the write chunk at the grid origin; unbounded where either is no hard constraint.

        Raises:
            ValueError: the rank is open.

        >>> ChunkLayout(grid_origin=[10, 0], write_chunk_shape=[64, None]).write_chunk_template
        { [10, 74), (-inf, +inf) }
        """
        return self._template("write")

    @property
    def read_chunk_template(self) -> IndexDomain:
        """The box of the read chunk at the grid origin; unbounded where either is no hard constraint.

        Raises:
            ValueError: the rank is open.

        >>> ChunkLayout(grid_origin=[10, 0], read_chunk_shape=[64, 32]).read_chunk_template
        { [10, 74), [0, 32) }
        """
        return self._template("read")

    def _shown(self, usage: str) -> ChunkGrid:
        """Return a copy of the constraints on the chunks of a usage; there rank 0 is none."""
        made = self.grid(usage).copy()
        if made._rank == 0:
            made._rank = None
        return made

    def grid(self, usage: str) -> ChunkGrid:
        """Return the constraints on the chunks of a usage (``"write" "read" "codec"``): not to be changed.

        >>> ChunkLayout(chunk_shape=[64, 32]).grid("read").shape
        (64, 32)
        """
        found: ChunkGrid = getattr(self, f"_{usage}")
        return found

    def origin_row(self) -> Row | None:
        """Return the constraints on the grid origin, hard and soft; None where there are none.

        >>> ChunkLayout(grid_origin=[0, None]).origin_row().values
        (0, None)
        """
        return self._grid_origin

    def order_scalar(self) -> Scalar | None:
        """Return the constraint on the inner order, hard or soft; None where there is none.

        >>> ChunkLayout(inner_order_soft_constraint=[1, 0]).order_scalar()
        Scalar(value=(1, 0), hard=False)
        """
        return self._inner_order

    def _template(self, usage: str) -> IndexDomain:
        if self._rank is None:
            raise InvalidArgument("Rank of chunk layout is unspecified")
        free = (None,) * self._rank
        dims = []
        rows = zip(self.grid_origin or free, self.grid(usage).shape or free, strict=True)
        for i, (origin, size) in enumerate(rows):
            if origin is None or size is None:
                dims.append(Dim(implicit_lower=False, implicit_upper=False))
                continue
            with binding.at(f"Incompatible grid origin/chunk shape for dimension {i}: "):
                check_sized(origin, size)
                dims.append(Dim(origin, origin + size))
        return IndexDomain(dims)

    # ------------------------------------------------------------ merging

    def update(self, **options: Unpack[LayoutKeywords]) -> None:
        """Merge further constraints in, in place: the keywords of the constructor.

        ``finalize=True``, applied last, makes the layout precise: see `finalize`.

        Raises:
            ValueError: one contradicts a hard constraint that is there.
            TypeError: an argument is unknown, or of the wrong type.

        >>> layout = ChunkLayout(chunk_shape=[64, None])
        >>> layout.update(read_chunk_shape=[None, 32], inner_order=[1, 0])
        >>> layout.read_chunk.shape, layout.write_chunk.shape
        ((64, 32), (64, None))
        """
        for name, value in given(options, _LAYOUT_OPTIONS):
            with Naming(name):
                self._apply(name, value)

    def _apply(self, name: str, value: Any) -> None:
        kind, usages, hard = _LAYOUT_OPTIONS[name]
        if kind == "rank":
            self.set_rank(whole(value))
        elif kind == "finalize":
            if value:
                self.finalize()
        elif kind == "inner_order":
            with binding.at("Error setting inner_order: "):
                self.set_inner_order(order(value, hard))
        elif kind == "grid_origin":
            with binding.at("Error setting grid_origin: "):
                self.set_grid_origin(ORIGIN.row(value, hard, self._rank))
        elif kind == "grid":
            for usage in usages:
                self.merge_grid(
                    usage, value if usage != "codec" or usages == ("codec",) else _ratio_of(value)
                )
        else:
            number = whole(value) if kind == "elements" else 0
            for usage in usages:
                with binding.at(f"Error setting {usage}_chunk {kind}: "):
                    if kind == "elements":
                        self.grid(usage).set_elements(elements(number, hard))
                    else:
                        self.set_grid_row(usage, kind, GRID_VECTORS[kind].row(value, hard, self._rank))

    def set_rank(self, rank: int) -> None:
        """Fix the rank, in place; -1 leaves it as it is.

        Raises:
            ValueError: it is fixed to another number, or the number is not within [0, 32].

        >>> layout = ChunkLayout()
        >>> layout.set_rank(2)
        >>> layout.grid_origin
        (None, None)
        """
        if rank == -1 or rank == self._rank:
            return
        self._rank = check_rank(rank, self._rank)
        for usage in USAGES:
            self.grid(usage)._set_rank(rank)

    def set_inner_order(self, found: Scalar) -> None:
        """Merge an inner order, in place.

        Raises:
            ValueError: a hard one is there already, and is another; or the rank is another.

        >>> layout = ChunkLayout(inner_order_soft_constraint=[0, 1])
        >>> layout.set_inner_order(order([1, 0], True))
        >>> layout.inner_order
        (1, 0)
        """
        if found.value:
            self.set_rank(len(found.value))
            self._inner_order = merge_scalars(self._inner_order, found)

    def set_grid_origin(self, row: Row) -> None:
        """Merge a grid origin, in place.

        Raises:
            ValueError: a hard coordinate contradicts one that is there, or the rank is another.

        >>> layout = ChunkLayout(grid_origin=[3, None])
        >>> layout.set_grid_origin(ORIGIN.row([None, 4], True))
        >>> layout.grid_origin
        (3, 4)
        """
        if row.values:
            self.set_rank(len(row.values))
        if any(v is not None for v in row.values):
            self._grid_origin = merge_rows(self._grid_origin, row)

    def set_grid_row(self, usage: str, name: str, row: Row) -> None:
        """Merge the shape or the aspect ratio of the chunks of one usage, in place.

        Raises:
            ValueError: a hard number contradicts one that is there, or the rank is another.

        >>> layout = ChunkLayout()
        >>> layout.set_grid_row("read", "shape", SHAPE.row([64, None], True))
        >>> layout.read_chunk.shape
        (64, None)
        """
        if row.values:
            self.set_rank(len(row.values))
        self.grid(usage).set_row(name, row)

    def merge_grid(self, usage: str, grid: ChunkGrid) -> None:
        """Merge the constraints on the chunks of one usage, in place.

        Raises:
            ValueError: hard constraints contradict each other.

        >>> layout = ChunkLayout(read_chunk_shape=[64, None])
        >>> layout.merge_grid("read", ChunkGrid(elements=4096))
        >>> layout.read_chunk
        ChunkLayout.Grid({'elements': 4096, 'shape': [64, None]})
        """
        if grid._rank is not None:
            self.set_rank(grid._rank)
        self.grid(usage).merge(grid, f"{usage}_chunk")

    def merge(self, other: ChunkLayout) -> None:
        """Merge every constraint of another layout into this one, in place; soft ones of this one stay.

        Raises:
            ValueError: hard constraints contradict each other.

        >>> layout = ChunkLayout(chunk_shape=[64, None])
        >>> layout.merge(ChunkLayout(inner_order=[1, 0], chunk_shape=[None, 32]))
        >>> layout.write_chunk.shape, layout.inner_order
        ((64, 32), (1, 0))
        """
        if other._rank is not None:  # as in the drop-in, the first vector is said to be at fault
            with binding.at(f"Error setting {'inner_order' if other._inner_order else 'grid_origin'}: "):
                self.set_rank(other._rank)
        if other._inner_order is not None:
            with binding.at("Error setting inner_order: "):
                self.set_inner_order(other._inner_order)
        if other._grid_origin is not None:
            with binding.at("Error setting grid_origin: "):
                self.set_grid_origin(other._grid_origin)
        for usage in USAGES:
            self.merge_grid(usage, other.grid(usage))

    def finalize(self) -> None:
        """Make the layout precise, in place: hard shapes and origins only; read chunks divide write chunks.

        Raises:
            ValueError: the rank or a dimension of the origin is open, or the shapes do not divide.

        >>> layout = ChunkLayout(grid_origin=[0, 0], write_chunk_shape=[64, 64], read_chunk_shape=[32, None],
        ...                      chunk_elements_soft_constraint=100)
        >>> layout.finalize()
        >>> layout.read_chunk
        ChunkLayout.Grid({'shape': [32, 64]})
        """
        if self._rank is None:
            raise InvalidArgument("rank must be specified")
        for i, value in enumerate(self.grid_origin or (None,) * self._rank):
            if value is None:
                raise InvalidArgument(f"No grid_origin hard constraint for dimension {i}")
        free = (None,) * self._rank
        write = self._write.shape or free
        read = tuple(
            [r if r is not None else w for r, w in zip(self._read.shape or free, write, strict=True)]
        )
        for r, w in zip(read, write, strict=True):
            if r is not None and (w or 0) % r:
                raise InvalidArgument(
                    f"write chunk shape {braced(write)} is not a multiple of read chunk shape {braced(read)}"
                )
        for usage, shape in zip(USAGES, (write, read, self._codec.shape or free), strict=True):
            grid = ChunkGrid(rank=self._rank)
            grid.set_row("shape", SHAPE.row(shape, True))
            setattr(self, f"_{usage}", grid)

    def copy(self) -> ChunkLayout:
        """Return a copy: `update` changes only one of them.

        >>> layout = ChunkLayout(rank=2)
        >>> other = layout.copy()
        >>> other.update(chunk_shape=[8, 8])
        >>> layout == other, layout.write_chunk.shape
        (False, (None, None))
        """
        made = ChunkLayout.__new__(ChunkLayout)
        made._rank, made._inner_order, made._grid_origin = self._rank, self._inner_order, self._grid_origin
        made._write, made._read, made._codec = self._write.copy(), self._read.copy(), self._codec.copy()
        return made

    # ------------------------------------------------------------ JSON

    def members(self) -> dict[str, Any]:
        """Return the parsers of the members of a layout's JSON, which merge into this one.

        >>> layout = ChunkLayout()
        >>> layout.members()["chunk"]({"shape": [64, 32]})
        >>> layout.read_chunk.shape
        (64, 32)
        """

        def chunk(*usages: str) -> Any:
            def parse(value: Any) -> None:
                grids = [self.grid(usage) for usage in usages]
                ratio = grids if usages != ("write", "read") else [*grids, self._codec]
                for grid in ratio:
                    grid._rank = self._rank
                try:
                    binding.take(value, grid_members(grids, ratio, ranked=True))
                finally:
                    for grid in ratio:
                        self.set_rank(-1 if grid._rank is None else grid._rank)

            return parse

        def ranked(found: Scalar | Row) -> None:
            # in JSON, and there alone, a vector without numbers says that the rank is 0
            if isinstance(found, Scalar):
                self.set_rank(len(found.value))
                self.set_inner_order(found)
            else:
                self.set_rank(len(found.values))
                self.set_grid_origin(found)

        def parsed_order(hard: bool) -> Any:
            return lambda value: None if value is None else ranked(parse_order(value, hard))

        def origin(hard: bool) -> Any:
            return lambda value: ranked(ORIGIN.parsed(value, hard, self._rank))

        return {
            "rank": lambda value: self.set_rank(binding.integer(value, 0, MAX_RANK)),
            "inner_order": parsed_order(True),
            "inner_order_soft_constraint": parsed_order(False),
            "grid_origin": origin(True),
            "grid_origin_soft_constraint": origin(False),
            "chunk": chunk("write", "read"),
            "write_chunk": chunk("write"),
            "read_chunk": chunk("read"),
            "codec_chunk": chunk("codec"),
        }

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; what is unset is left out, and `rank` where a vector shows it.

        >>> ChunkLayout(read_chunk_shape=[64, 32], grid_origin_soft_constraint=[0, None]).to_json()
        {'grid_origin_soft_constraint': [0, None], 'read_chunk': {'shape': [64, 32]}}
        >>> ChunkLayout(rank=3).to_json()
        {'rank': 3}
        """
        found: dict[str, Any] = {}
        put(found, "inner_order", self._inner_order)
        put(found, "grid_origin", self._grid_origin)
        shown = bool(found)
        for usage in USAGES:
            grid = self.grid(usage)
            json = grid.to_json()
            shown = shown or grid._shape is not None or grid._aspect_ratio is not None
            if json:
                found[f"{usage}_chunk"] = json
        if self._rank == 0 or (self._rank is not None and not shown):
            found["rank"] = self._rank
        return dict(sorted(found.items()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChunkLayout):
            return NotImplemented
        return self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ChunkLayout({binding.pretty(self.to_json())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ChunkLayout, (self.to_json(),)

    def __copy__(self) -> ChunkLayout:
        return self.copy()


def _ratio_of(grid: ChunkGrid) -> ChunkGrid:
    """Return what the constraints on all chunks mean for codec chunks: the aspect ratio alone."""
    found = ChunkGrid()
    if grid._aspect_ratio is not None:
        found.set_row("aspect_ratio", grid._aspect_ratio)
    return found


_PAIR = ("write", "read")
_LAYOUT_OPTIONS: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "rank": ("rank", (), True),
    "inner_order": ("inner_order", (), True),
    "inner_order_soft_constraint": ("inner_order", (), False),
    "grid_origin": ("grid_origin", (), True),
    "grid_origin_soft_constraint": ("grid_origin", (), False),
    "chunk": ("grid", USAGES, True),
    **{f"{usage}_chunk": ("grid", (usage,), True) for usage in USAGES},
    **{
        f"{prefix}chunk_{kind}{suffix}": (
            kind,
            USAGES if kind == "aspect_ratio" and not prefix else usages,
            not suffix,
        )
        for kind in ("shape", "aspect_ratio", "elements")
        for prefix, usages in (("", _PAIR), *((f"{usage}_", (usage,)) for usage in USAGES))
        for suffix in ("", "_soft_constraint")
    },
    "finalize": ("finalize", (), True),
}
