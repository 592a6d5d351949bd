"""Chunk layouts: what is wanted of the chunks of an array, hard or soft.

What this file knows: the constraints on inner order, grid origin, and the shape, aspect ratio and
number of elements of write, read and codec chunks.  What it must not know: which format will honour
them, how a shape is chosen where several would do (`choose.py`), how a layout looks through an index
transform (`through.py`).

Laws: those of `constraint.py`, constraint by constraint; ``ChunkLayout(a.to_json()) == a``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tegula import binding
from tegula.errors import InvalidArgument, TegulaError, annotated
from tegula.schema.constraint import (
    ORIGIN,
    RATIO,
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
from tegula.space.domain import Dim, IndexDomain
from tegula.space.interval import MAX_RANK

__all__ = ["USAGES", "ChunkGrid", "ChunkLayout"]

USAGES = ("write", "read", "codec")


class ChunkGrid:
    """Constraints on the shape of chunks: `shape`, `aspect_ratio` and the number of `elements`.

    Made from keywords, or from its JSON.  None (0 in a shape or ratio) leaves a dimension open; a
    size of -1 means the whole extent of the dimension, and is always soft.

    >>> ChunkGrid(shape=[2, None], elements_soft_constraint=10).to_json()
    {'elements_soft_constraint': 10, 'shape': [2, None]}

    Raises:
        InvalidArgument: a value is out of range, or contradicts another.
        TypeError: an argument is of the wrong type, or unknown.
    """

    __slots__ = ("_aspect_ratio", "_elements", "_rank", "_shape")

    _rank: int | None
    _shape: Row | None
    _aspect_ratio: Row | None
    _elements: Scalar | None

    def __init__(self, json: Any = None, **options: Any) -> None:
        self._rank = self._shape = self._aspect_ratio = self._elements = None
        if json is not None:
            if options:
                raise TypeError("a grid is made from JSON or from keyword arguments, not from both")
            binding.take(binding.as_json(json), grid_members([self], [self]))
        self.update(**options)

    @property
    def rank(self) -> int | None:
        """The number of dimensions; None where nothing says."""
        return self._rank

    ndim = rank

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """The hard constraints on the shape."""
        return _part(self._shape, True, self._rank)

    @property
    def shape_soft_constraint(self) -> tuple[int | None, ...] | None:
        """The soft constraints on the shape."""
        return _part(self._shape, False, self._rank)

    @property
    def aspect_ratio(self) -> tuple[float | None, ...] | None:
        """The hard constraints on the aspect ratio."""
        return _part(self._aspect_ratio, True, self._rank)

    @property
    def aspect_ratio_soft_constraint(self) -> tuple[float | None, ...] | None:
        """The soft constraints on the aspect ratio."""
        return _part(self._aspect_ratio, False, self._rank)

    @property
    def elements(self) -> int | None:
        """The hard constraint on the number of elements."""
        return _scalar(self._elements, True)  # type: ignore[no-any-return]

    @property
    def elements_soft_constraint(self) -> int | None:
        """The soft constraint on the number of elements."""
        return _scalar(self._elements, False)  # type: ignore[no-any-return]

    def update(self, **options: Any) -> None:
        """Merge further constraints in, in place: the keywords of the constructor."""
        for name, value in given(options, _GRID_OPTIONS):
            with Naming(name):
                kind, hard = _GRID_OPTIONS[name]
                if kind == "rank":
                    self._set_rank(whole(value))
                elif kind == "grid":
                    self.merge(value if hard else value.softened())
                elif kind == "elements":
                    self.set_elements(elements(whole(value), hard))
                else:
                    self.set_row(kind, _GRID_VECTORS[kind].row(value, hard))

    def _set_rank(self, rank: int) -> None:
        if rank != -1:
            self._rank = check_rank(rank, self._rank)

    def set_row(self, name: str, row: Row) -> None:
        """Merge one row into the shape or the aspect ratio."""
        if row.values:
            self._set_rank(len(row.values))
        if any(v is not None for v in row.values):
            setattr(self, f"_{name}", merge_rows(getattr(self, f"_{name}"), row))

    def set_elements(self, found: Scalar) -> None:
        """Merge a number of elements."""
        self._elements = merge_scalars(self._elements, found)

    def merge(self, other: ChunkGrid, place: str = "") -> None:
        """Merge another grid's constraints into this one; `place` goes into error texts."""
        for name in ("shape", "aspect_ratio", "elements"):
            found = getattr(other, f"_{name}")
            if found is None:
                continue
            try:
                if name == "elements":
                    self.set_elements(found)
                else:
                    self.set_row(name, found)
            except TegulaError as error:
                raise annotated(error, f"Error setting {place} {name}: " if place else "") from None
        if other._rank is not None:
            self._set_rank(other._rank)

    def softened(self) -> ChunkGrid:
        """Return the same constraints, all soft."""
        made = self.copy()
        made._shape = made._shape and Row(made._shape.values)
        made._aspect_ratio = made._aspect_ratio and Row(made._aspect_ratio.values)
        made._elements = made._elements and Scalar(made._elements.value, False)
        return made

    def copy(self) -> ChunkGrid:
        """Return a copy: `update` changes only one of them."""
        made = ChunkGrid.__new__(ChunkGrid)
        for name in ChunkGrid.__slots__:
            setattr(made, name, getattr(self, name))
        return made

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; what is unset is left out."""
        found: dict[str, Any] = {}
        for name in ("aspect_ratio", "elements", "shape"):
            _put(found, name, getattr(self, f"_{name}"))
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChunkGrid):
            return NotImplemented
        return (
            self._rank == other._rank
            and self._shape == other._shape
            and self._aspect_ratio == other._aspect_ratio
            and self._elements == other._elements
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ChunkLayout.Grid({binding.pretty(self.to_json())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt_grid, (self._rank, self.to_json())


def _rebuilt_grid(rank: int | None, json: dict[str, Any]) -> ChunkGrid:
    made = ChunkGrid(json)
    made._rank = rank
    return made


_GRID_VECTORS = {"shape": SHAPE, "aspect_ratio": RATIO}
_GRID_OPTIONS: dict[str, tuple[str, bool]] = {
    "rank": ("rank", True),
    "shape": ("shape", True),
    "shape_soft_constraint": ("shape", False),
    "aspect_ratio": ("aspect_ratio", True),
    "aspect_ratio_soft_constraint": ("aspect_ratio", False),
    "elements": ("elements", True),
    "elements_soft_constraint": ("elements", False),
    "grid": ("grid", True),
    "grid_soft_constraint": ("grid", False),
}


def _part(row: Row | None, hard: bool, rank: int | None) -> tuple[Any, ...] | None:
    if row is None:
        return None if rank is None else (None,) * rank
    return row.of(hard)


def _scalar(found: Scalar | None, hard: bool) -> Any:
    return found.value if found is not None and found.hard is hard else None


def _put(into: dict[str, Any], name: str, found: Row | Scalar | None) -> None:
    """Add the member `name`, and its soft twin, where there is something to say."""
    if isinstance(found, Scalar):
        value = list(found.value) if isinstance(found.value, tuple) else found.value
        into[name if found.hard else f"{name}_soft_constraint"] = value
    elif found is not None:
        for hard, member in ((True, name), (False, f"{name}_soft_constraint")):
            values = found.of(hard)
            if any(v is not None for v in values):
                into[member] = list(values)


def grid_members(both: list[ChunkGrid], ratio: list[ChunkGrid]) -> dict[str, Any]:
    """Return the parsers of a grid's members: shape and elements go into `both`, ratios into `ratio`."""

    def vector(name: str, hard: bool, into: list[ChunkGrid]) -> Any:
        def parse(value: Any) -> None:
            row = _GRID_VECTORS[name].parsed(value, hard)
            for grid in into:
                grid.set_row(name, row)

        return parse

    def number(hard: bool) -> Any:
        def parse(value: Any) -> None:
            found = elements(binding.integer(value), hard)
            for grid in both:
                grid.set_elements(found)

        return parse

    return {
        "shape": vector("shape", True, both),
        "shape_soft_constraint": vector("shape", False, both),
        "aspect_ratio": vector("aspect_ratio", True, ratio),
        "aspect_ratio_soft_constraint": vector("aspect_ratio", False, ratio),
        "elements": number(True),
        "elements_soft_constraint": number(False),
    }


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

    def __init__(self, json: Any = None, **options: Any) -> None:
        self._rank = self._inner_order = self._grid_origin = None
        self._write, self._read, self._codec = ChunkGrid(), ChunkGrid(), ChunkGrid()
        if json is not None:
            if options:
                raise TypeError("a layout is made from JSON or from keyword arguments, not from both")
            binding.take(binding.as_json(json), self._members())
        self.update(**options)

    # ------------------------------------------------------------ reading

    @property
    def rank(self) -> int:
        """The number of dimensions; -1 where nothing says."""
        return -1 if self._rank is None else self._rank

    ndim = rank

    @property
    def inner_order(self) -> tuple[int, ...] | None:
        """The order of elements within a chunk, outermost dimension first, where it is a hard constraint."""
        return _scalar(self._inner_order, True)  # type: ignore[no-any-return]

    @property
    def inner_order_soft_constraint(self) -> tuple[int, ...] | None:
        """The order of elements within a chunk, where it is a soft constraint."""
        return _scalar(self._inner_order, False)  # type: ignore[no-any-return]

    @property
    def grid_origin(self) -> tuple[int | None, ...] | None:
        """The hard constraints on the origin of the chunk grid."""
        return _part(self._grid_origin, True, self._rank)

    @property
    def grid_origin_soft_constraint(self) -> tuple[int | None, ...] | None:
        """The soft constraints on the origin of the chunk grid."""
        return _part(self._grid_origin, False, self._rank)

    @property
    def write_chunk(self) -> ChunkGrid:
        """The constraints on write chunks, as a copy."""
        return self.grid("write").copy()

    @property
    def read_chunk(self) -> ChunkGrid:
        """The constraints on read chunks, as a copy."""
        return self.grid("read").copy()

    @property
    def codec_chunk(self) -> ChunkGrid:
        """The constraints on codec chunks, as a copy."""
        return self.grid("codec").copy()

    @property
    def write_chunk_template(self) -> IndexDomain:
        """The box of the write chunk at the grid origin; unbounded where either is no hard constraint."""
        return self._template("write")

    @property
    def read_chunk_template(self) -> IndexDomain:
        """The box of the read chunk at the grid origin; unbounded where either is no hard constraint."""
        return self._template("read")

    def grid(self, usage: str) -> ChunkGrid:
        """Return the constraints on the chunks of a usage: not a copy, not to be changed."""
        found: ChunkGrid = getattr(self, f"_{usage}")
        return found

    def origin_row(self) -> Row | None:
        """Return the constraints on the grid origin, hard and soft."""
        return self._grid_origin

    def order_scalar(self) -> Scalar | None:
        """Return the constraint on the inner order, hard or soft."""
        return self._inner_order

    def _template(self, usage: str) -> IndexDomain:
        if self._rank is None:
            raise InvalidArgument("Rank of chunk layout is unspecified")
        free = (None,) * self._rank
        dims = []
        for origin, size in zip(self.grid_origin or free, self.grid(usage).shape or free, strict=True):
            if origin is None or size is None:
                dims.append(Dim(implicit_lower=False, implicit_upper=False))
            else:
                dims.append(Dim(origin, origin + size))
        return IndexDomain(dims)

    # ------------------------------------------------------------ merging

    def update(self, **options: Any) -> None:
        """Merge further constraints in, in place: the keywords of the constructor.

        ``finalize=True``, applied last, makes the layout precise: see `finalize`.
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
                self.set_grid_origin(ORIGIN.row(value, hard))
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
                        self.set_grid_row(usage, kind, _GRID_VECTORS[kind].row(value, hard))

    def set_rank(self, rank: int) -> None:
        """Fix the rank; -1 leaves it as it is."""
        if rank == -1 or rank == self._rank:
            return
        self._rank = check_rank(rank, self._rank)
        for usage in USAGES:
            self.grid(usage)._set_rank(rank)

    def set_inner_order(self, found: Scalar) -> None:
        """Merge an inner order."""
        if found.value:
            self.set_rank(len(found.value))
            self._inner_order = merge_scalars(self._inner_order, found)

    def set_grid_origin(self, row: Row) -> None:
        """Merge a grid origin."""
        if row.values:
            self.set_rank(len(row.values))
        if any(v is not None for v in row.values):
            self._grid_origin = merge_rows(self._grid_origin, row)

    def set_grid_row(self, usage: str, name: str, row: Row) -> None:
        """Merge the shape or the aspect ratio of one usage."""
        if row.values:
            self.set_rank(len(row.values))
        self.grid(usage).set_row(name, row)

    def merge_grid(self, usage: str, grid: ChunkGrid) -> None:
        """Merge the constraints on the chunks of one usage."""
        if grid._rank is not None:
            self.set_rank(grid._rank)
        self.grid(usage).merge(grid, f"{usage}_chunk")

    def merge(self, other: ChunkLayout) -> None:
        """Merge every constraint of another layout into this one, in place."""
        if other._rank is not None:
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
            InvalidArgument: the rank or a dimension of the origin is open, or the shapes do not divide.
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
        """Return a copy: `update` changes only one of them."""
        made = ChunkLayout.__new__(ChunkLayout)
        made._rank, made._inner_order, made._grid_origin = self._rank, self._inner_order, self._grid_origin
        made._write, made._read, made._codec = self._write.copy(), self._read.copy(), self._codec.copy()
        return made

    # ------------------------------------------------------------ JSON

    def _members(self) -> dict[str, Any]:
        def chunk(*usages: str) -> Any:
            def parse(value: Any) -> None:
                grids = [self.grid(usage) for usage in usages]
                ratio = grids if usages != ("write", "read") else [*grids, self._codec]
                for grid in ratio:
                    grid._rank = self._rank
                try:
                    binding.take(value, grid_members(grids, ratio))
                finally:
                    for grid in ratio:
                        self.set_rank(-1 if grid._rank is None else grid._rank)

            return parse

        def parsed_order(hard: bool) -> Any:
            return lambda value: None if value is None else self.set_inner_order(parse_order(value, hard))

        def origin(hard: bool) -> Any:
            return lambda value: self.set_grid_origin(ORIGIN.parsed(value, hard))

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
        """Return the JSON form; what is unset is left out, and `rank` where a vector shows it."""
        found: dict[str, Any] = {}
        _put(found, "inner_order", self._inner_order)
        _put(found, "grid_origin", self._grid_origin)
        shown = bool(found)
        for usage in USAGES:
            grid = self.grid(usage)
            json = grid.to_json()
            shown = shown or grid._shape is not None or grid._aspect_ratio is not None
            if json:
                found[f"{usage}_chunk"] = json
        if self._rank is not None and not shown:
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
