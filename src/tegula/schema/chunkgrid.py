"""Constraints on the chunks of one usage (write, read or codec): shape, aspect ratio, elements.

What this file knows: how such constraints are given, read, merged and printed.  What it must not
know: that there are three usages, or where the grid starts; that is a `ChunkLayout`.

Laws: those of `constraint.py`, constraint by constraint; ``ChunkGrid(a.to_json()) == a`` up to rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from tegula import binding
from tegula.errors import TegulaError, annotated
from tegula.public import public
from tegula.schema.constraint import (
    RATIO,
    SHAPE,
    Row,
    Scalar,
    check_rank,
    elements,
    merge_rows,
    merge_scalars,
    whole,
)
from tegula.schema.options import Naming, given

if TYPE_CHECKING:
    from tegula.schema.keywords import GridKeywords

__all__ = ["GRID_VECTORS", "ChunkGrid", "grid_members", "part_of", "put", "scalar_of"]


@public("ChunkLayout.Grid")
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

    def __init__(self, json: Any = binding.ABSENT, **options: Unpack[GridKeywords]) -> None:
        self._rank = self._shape = self._aspect_ratio = self._elements = None
        if json is not binding.ABSENT:
            if options:
                raise TypeError("a grid is made from JSON or from keyword arguments, not from both")
            binding.take(binding.as_json(json), grid_members([self], [self]))
        self.update(**options)

    @property
    def rank(self) -> int | None:
        """The number of dimensions; None where nothing says.

        >>> ChunkGrid(shape=[2, None, 5]).rank, ChunkGrid(elements=10).rank
        (3, None)
        """
        return self._rank

    ndim = rank

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """The hard constraints on the shape, in elements, None for an open dimension.

        None in their place where not even the rank is known.

        >>> ChunkGrid(shape=[100, None], shape_soft_constraint=[None, 7]).shape
        (100, None)
        """
        return part_of(self._shape, True, self._rank)

    @property
    def shape_soft_constraint(self) -> tuple[int | None, ...] | None:
        """The soft constraints on the shape: wishes, which hard constraints and a format's rules override.

        >>> ChunkGrid(shape=[100, None], shape_soft_constraint=[50, 7]).shape_soft_constraint
        (None, 7)
        """
        return part_of(self._shape, False, self._rank)

    @property
    def aspect_ratio(self) -> tuple[float | None, ...] | None:
        """The hard constraints on the ratios of extents to each other, None for an open dimension.

        >>> ChunkGrid(aspect_ratio=[1, 2, None]).aspect_ratio
        (1.0, 2.0, None)
        """
        return part_of(self._aspect_ratio, True, self._rank)

    @property
    def aspect_ratio_soft_constraint(self) -> tuple[float | None, ...] | None:
        """The soft constraints on the ratios of extents to each other.

        >>> ChunkGrid(aspect_ratio_soft_constraint=[1, 2]).aspect_ratio_soft_constraint
        (1.0, 2.0)
        """
        return part_of(self._aspect_ratio, False, self._rank)

    @property
    def elements(self) -> int | None:
        """The hard constraint on the number of elements of a chunk.

        >>> ChunkGrid(elements=1_000_000).elements, ChunkGrid(elements_soft_constraint=10).elements
        (1000000, None)
        """
        return scalar_of(self._elements, True)  # type: ignore[no-any-return]

    @property
    def elements_soft_constraint(self) -> int | None:
        """The soft constraint on the number of elements of a chunk.

        >>> ChunkGrid(elements_soft_constraint=10).elements_soft_constraint
        10
        """
        return scalar_of(self._elements, False)  # type: ignore[no-any-return]

    def row(self, name: str) -> Row | None:
        """Return the constraints on ``"shape"`` or ``"aspect_ratio"``, hard and soft.

        >>> row = ChunkGrid(shape=[100, None], shape_soft_constraint=[None, 7]).row("shape")
        >>> row.values, row.of(True)
        ((100, 7), (100, None))
        """
        found: Row | None = getattr(self, f"_{name}")
        return found

    def elements_scalar(self) -> Scalar | None:
        """Return the constraint on the number of elements, hard or soft.

        >>> ChunkGrid(elements_soft_constraint=10).elements_scalar()
        Scalar(value=10, hard=False)
        """
        return self._elements

    def target(self) -> int | None:
        """Return the number of elements asked for, hard or soft.

        >>> ChunkGrid(elements_soft_constraint=10).target(), ChunkGrid().target()
        (10, None)
        """
        return None if self._elements is None else self._elements.value

    def update(self, **options: Unpack[GridKeywords]) -> None:
        """Merge further constraints in, in place: the keywords of the constructor.

        Raises:
            InvalidArgument: one contradicts a hard constraint that is there.

        >>> grid = ChunkGrid(shape=[100, None])
        >>> grid.update(shape=[None, 7], elements_soft_constraint=700)
        >>> grid
        ChunkLayout.Grid({'elements_soft_constraint': 700, 'shape': [100, 7]})
        """
        for name, value in given(options, _GRID_OPTIONS):
            with Naming(name):
                kind, hard = _GRID_OPTIONS[name]
                if kind == "rank":
                    self._set_rank(whole(value))
                elif kind == "grid":
                    if isinstance(value, ChunkGrid) and value.rank is not None:
                        self._set_rank(value.rank)
                    self.merge(value if hard else value.softened())
                elif kind == "elements":
                    self.set_elements(elements(whole(value), hard))
                else:
                    self.set_row(kind, GRID_VECTORS[kind].row(value, hard, self._rank))

    def _set_rank(self, rank: int) -> None:
        if rank != -1:
            self._rank = check_rank(rank, self._rank)

    def set_row(self, name: str, row: Row) -> None:
        """Merge one row into the shape or the aspect ratio, in place.

        Raises:
            InvalidArgument: the ranks differ, or a hard value contradicts one that is there.

        >>> grid = ChunkGrid()
        >>> grid.set_row("shape", SHAPE.row([100, None], True))
        >>> grid.shape
        (100, None)
        """
        if row.values:
            self._set_rank(len(row.values))
        if any(v is not None for v in row.values):
            setattr(self, f"_{name}", merge_rows(getattr(self, f"_{name}"), row))

    def set_elements(self, found: Scalar | None) -> None:
        """Merge a number of elements, in place; None states none.

        Raises:
            InvalidArgument: both are hard, and differ.

        >>> grid = ChunkGrid(elements_soft_constraint=5)
        >>> grid.set_elements(elements(10, True))
        >>> grid
        ChunkLayout.Grid({'elements': 10})
        """
        if found is not None:
            self._elements = merge_scalars(self._elements, found)

    def merge(self, other: ChunkGrid, place: str = "") -> None:
        """Merge another grid's constraints into this one, in place; `place` goes into error texts.

        Raises:
            InvalidArgument: hard constraints of the two contradict each other.

        >>> grid = ChunkGrid(shape=[100, None])
        >>> grid.merge(ChunkGrid(shape=[None, 7], elements=700))
        >>> grid
        ChunkLayout.Grid({'elements': 700, 'shape': [100, 7]})
        """
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
        """Return the same constraints, all soft.

        >>> ChunkGrid(shape=[100, None], elements=700).softened()
        ChunkLayout.Grid({'elements_soft_constraint': 700, 'shape_soft_constraint': [100, None]})
        """
        made = self.copy()
        made._shape = made._shape and Row(made._shape.values)
        made._aspect_ratio = made._aspect_ratio and Row(made._aspect_ratio.values)
        made._elements = made._elements and Scalar(made._elements.value, False)
        return made

    def copy(self) -> ChunkGrid:
        """Return a copy: `update` changes only one of them.

        >>> grid = ChunkGrid(elements=10)
        >>> other = grid.copy()
        >>> other.update(shape=[2, 5])
        >>> grid.rank, other.rank
        (None, 2)
        """
        made = ChunkGrid.__new__(ChunkGrid)
        made._shape, made._aspect_ratio = self._shape, self._aspect_ratio
        made._elements, made._rank = self._elements, self._rank
        return made

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:
        """Return the JSON form; what is unset is left out, since no member has a default.

        >>> ChunkGrid(shape=[2, 3]).to_json(include_defaults=True)
        {'shape': [2, 3]}
        """
        del include_defaults
        found: dict[str, Any] = {}
        for name in ("aspect_ratio", "elements", "shape"):
            put(found, name, getattr(self, f"_{name}"))
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


GRID_VECTORS = {"shape": SHAPE, "aspect_ratio": RATIO}
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


def part_of(row: Row | None, hard: bool, rank: int | None) -> tuple[Any, ...] | None:
    """Return the hard (or soft) values of a row; all None where there is no row."""
    if row is None:
        return None if rank is None else (None,) * rank
    return row.of(hard)


def scalar_of(found: Scalar | None, hard: bool) -> Any:
    """Return the value of a scalar if it is hard (or soft)."""
    return found.value if found is not None and found.hard is hard else None


def put(into: dict[str, Any], name: str, found: Row | Scalar | None) -> None:
    """Add the member `name`, and its soft twin, where there is something to say."""
    if isinstance(found, Scalar):
        value = list(found.value) if isinstance(found.value, tuple) else found.value
        into[name if found.hard else f"{name}_soft_constraint"] = value
    elif found is not None:
        for hard, member in ((True, name), (False, f"{name}_soft_constraint")):
            values = found.of(hard)
            if any(v is not None for v in values):
                into[member] = list(values)


def grid_members(both: list[ChunkGrid], ratio: list[ChunkGrid], ranked: bool = False) -> dict[str, Any]:
    """Return the parsers of a grid's members: shape and elements go into `both`, ratios into `ratio`.

    `ranked`: a vector without numbers says that the rank is 0, as it does in the JSON of a layout.
    """

    def vector(name: str, hard: bool, into: list[ChunkGrid]) -> Any:
        def parse(value: Any) -> None:
            row = GRID_VECTORS[name].parsed(value, hard, into[0]._rank)
            for grid in into:
                if ranked:
                    grid._set_rank(len(row.values))
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
