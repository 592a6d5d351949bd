"""A schema: what is known or wanted of an array, each part possibly unset.

What this file knows: the seven constraints (rank, dtype, domain, chunk layout, codec, fill value,
dimension units), how each merges, and what they look like in JSON.  What it must not know: any
format; a format says which constraints it can honour.

Laws: `merge` is idempotent and associative, and commutative but for soft constraints (the first one
stays); ``Schema(a.to_json()) == a`` where JSON can hold the fill value; through an index transform a
schema describes the view as well as it described the array (`through.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Unpack

from tegula import binding
from tegula.errors import InvalidArgument, TegulaError
from tegula.public import public
from tegula.schema import fill as fills
from tegula.schema.codecspec import CodecSpec
from tegula.schema.constraint import braced, sequence, whole
from tegula.schema.dtypes import DataType
from tegula.schema.facts import SchemaFacts
from tegula.schema.fill import Fill
from tegula.schema.layout import ChunkLayout
from tegula.schema.options import Naming, given
from tegula.schema.units import Unit
from tegula.space.domain import IndexDomain, domain
from tegula.space.indexable import Indexable
from tegula.space.interval import END, INF, MAX_RANK
from tegula.space.labels import check_labels
from tegula.space.transform import IndexTransform, identity

if TYPE_CHECKING:
    from tegula.schema.keywords import SchemaKeywords

__all__ = ["Schema", "merge", "merge_domains", "units_text"]


@public("Schema")
class Schema(SchemaFacts, Indexable):
    """Constraints on an array; made from keywords, or from its JSON.

    >>> schema = Schema(dtype="uint8", shape=[100, 200], fill_value=7)
    >>> schema.update(dimension_units=["4 nm", None])
    >>> schema.to_json()["dimension_units"], schema.rank, schema.codec
    ([[4.0, 'nm'], None], 2, None)

    Raises:
        InvalidArgument: a part is wrong, or contradicts another.
        TypeError: an argument is of the wrong type, or unknown.
    """

    __slots__ = ("_codec", "_domain", "_dtype", "_fill", "_layout", "_rank", "_units")

    def __init__(self, json: Any = binding.ABSENT, **options: Unpack[SchemaKeywords]) -> None:
        self._rank = self._dtype = self._domain = self._layout = None
        self._codec = self._fill = self._units = None
        if json is not binding.ABSENT:
            if options:
                raise TypeError("a schema is made from JSON or from keyword arguments, not from both")
            binding.take(binding.as_json(json), self._members())
        elif options:
            self.update(**options)

    # ------------------------------------------------------------ merging

    def update(self, **options: Unpack[SchemaKeywords]) -> None:
        """Merge further constraints in, in place: the keywords of the constructor.

        Raises:
            ValueError: one contradicts what the schema says already.
            TypeError: an argument is unknown, or of the wrong type.

        >>> schema = Schema(shape=[10, 20], dtype="uint8")
        >>> schema.update(dimension_units=[None, "2nm"], fill_value=7)
        >>> schema.dimension_units, schema.fill_value
        ((None, Unit(2, "nm")), array(7, dtype=uint8))
        """
        for name, value in given(options, _OPTIONS):
            if name == "fill_value":
                # what cannot be an element is NumPy's error; what contradicts is ours
                found = fills.fill_of(value, self._dtype)
                with Naming(name):
                    self.set_fill(found)
            elif name == "dtype":
                if not isinstance(value, (str, type, DataType)) and not hasattr(value, "itemsize"):
                    raise TypeError("Invalid dtype")
                data_type = DataType(value)
                with Naming(name):
                    self.set_dtype(data_type)
            else:
                with Naming(name):
                    _OPTIONS[name](self, value)

    def set_rank(self, rank: int, source: str = "rank") -> None:
        """Merge the rank, in place; -1 leaves it as it is.

        Raises:
            ValueError: it is another already, or not within [0, 32].

        >>> schema = Schema()
        >>> schema.set_rank(2)
        >>> schema.dimension_units
        (None, None)
        """
        if rank == -1 or rank == self._rank:
            return
        if not 0 <= rank <= MAX_RANK:
            raise InvalidArgument(f"Rank {rank} is outside valid range [0, {MAX_RANK}]")
        if self._rank is not None:
            raise InvalidArgument(
                f"Rank specified by {source} ({rank}) "
                f"does not match existing rank specified by schema ({self._rank})"
            )
        if self._fill is not None and self._fill.array.ndim > rank:
            raise InvalidArgument(
                f"Rank specified by {source} ({rank}) is incompatible with existing fill_value "
                f"of shape {braced(self._fill.array.shape)}"
            )
        self._rank = rank

    def set_dtype(self, dtype: DataType) -> None:
        """Merge the data type, in place.

        Raises:
            ValueError: it is another already.

        >>> schema = Schema(rank=1)
        >>> schema.set_dtype(DataType("int8"))
        >>> schema.to_json()
        {'dtype': 'int8', 'rank': 1}
        """
        if self._dtype is not None and self._dtype is not dtype:
            raise InvalidArgument(
                f"Specified dtype ({dtype.name}) does not match existing value ({self._dtype.name})"
            )
        self._dtype = dtype

    def set_domain(self, domain: IndexDomain, source: str = "domain") -> None:
        """Merge the domain, in place; an implicit infinite bound gives way to any, an empty label too.

        Raises:
            ValueError: it contradicts the domain, rank or fill value.

        >>> schema = Schema(shape=[10, 20])
        >>> schema.set_domain(IndexDomain(labels=["y", "x"]))
        >>> schema.domain
        { "y": [0, 10), "x": [0, 20) }
        """
        self.set_rank(domain.rank, source)
        merged = domain if self._domain is None else merge_domains(self._domain, domain)
        if self._fill is not None:
            fills.check_fits(self._fill, merged, "domain is incompatible with fill_value")
        self._domain = merged

    def set_layout(self, layout: ChunkLayout) -> None:
        """Merge the chunk layout, in place; a rank that it has must be that of the schema.

        Raises:
            ValueError: hard constraints contradict each other.

        >>> schema = Schema(rank=2)
        >>> schema.set_layout(ChunkLayout(chunk_shape=[64, None]))
        >>> schema.set_layout(ChunkLayout(chunk_shape=[None, 32]))
        >>> schema.chunk_layout.write_chunk.shape
        (64, 32)
        """
        merged = layout.copy() if self._layout is None else self._layout.copy()
        if merged.rank == -1:
            self.set_rank(layout.rank, "chunk_layout")
        merged.merge(layout)
        self.set_rank(merged.rank, "chunk_layout")
        self._layout = merged

    def set_codec(self, codec: CodecSpec) -> None:
        """Merge the codec, in place.

        Raises:
            ValueError: no codec satisfies both.

        >>> schema = Schema(codec=CodecSpec({"driver": "zarr3"}))
        >>> schema.set_codec(CodecSpec({"driver": "zarr3", "codecs": ["gzip"]}))
        >>> schema.codec
        CodecSpec({'codecs': [{'name': 'gzip'}], 'driver': 'zarr3'})
        """
        self._codec = codec if self._codec is None else self._codec.merge(codec)

    def set_fill(self, fill: Fill) -> None:
        """Merge the fill value, in place.

        Raises:
            ValueError: it is another already, or does not broadcast to the domain.

        >>> schema = Schema(shape=[4, 2])
        >>> schema.set_fill(fills.fill_of([1, 2], DataType("int8")))
        >>> schema.fill_value
        array([1, 2], dtype=int8)
        """
        if self._domain is not None:
            fills.check_fits(fill, self._domain, "fill_value is incompatible with domain")
        elif self._rank is not None and fill.array.ndim > self._rank:
            raise InvalidArgument(f"Invalid fill_value for rank {self._rank}: {fills.text(fill)}")
        if self._fill is not None and not fills.same(self._fill, fill):
            raise InvalidArgument(
                f"Specified fill_value ({fills.text(fill)}) "
                f"does not match existing value in schema ({fills.text(self._fill)})"
            )
        self._fill = self._fill or fill._replace(given=None)

    def set_units(self, units: tuple[Unit | None, ...]) -> None:
        """Merge the units of the dimensions, in place; None leaves one open.

        Raises:
            ValueError: a dimension has another unit already, or the rank is another.

        >>> schema = Schema(dimension_units=["4nm", None])
        >>> schema.set_units((None, Unit("1s")))
        >>> schema.dimension_units
        (Unit(4, "nm"), Unit(1, "s"))
        """
        if not units:
            return
        self.set_rank(len(units), "dimension_units")
        old = self._units or (None,) * len(units)
        if any(a is not None and b is not None and a != b for a, b in zip(old, units, strict=True)):
            raise InvalidArgument(f"Cannot merge dimension units {units_text(units)} and {units_text(old)}")
        merged = tuple([b if a is None else a for a, b in zip(old, units, strict=True)])
        self._units = merged if any(unit is not None for unit in merged) else None

    def set_schema(self, other: Schema) -> None:
        """Merge every constraint of another schema, in place.

        Raises:
            ValueError: a constraint contradicts one that is there.

        >>> schema = Schema(dtype="int8")
        >>> schema.set_schema(Schema(shape=[3]))
        >>> schema.dtype, schema.shape
        (dtype("int8"), (3,))
        """
        if other._rank is not None:
            self.set_rank(other._rank)
        if other._dtype is not None:
            self.set_dtype(other._dtype)
        if other._domain is not None:
            self.set_domain(other._domain)
        if other._layout is not None:
            self.set_layout(other._layout)
        if other._fill is not None:
            self.set_fill(other._fill)
        if other._codec is not None:
            self.set_codec(other._codec)
        if other._units is not None:
            self.set_units(other._units)

    def copy(self) -> Schema:
        """Return a copy: `update` changes only one of them.

        >>> schema = Schema(rank=2)
        >>> other = schema.copy()
        >>> other.update(dtype="int8")
        >>> schema.dtype, other.dtype
        (None, dtype("int8"))
        """
        made = Schema.__new__(Schema)
        made._rank, made._dtype, made._domain, made._layout = (
            self._rank,
            self._dtype,
            self._domain,
            self._layout,
        )
        made._codec, made._fill, made._units = self._codec, self._fill, self._units
        return made

    __copy__ = copy

    # ------------------------------------------------------------ indexing

    @property
    def _transform(self) -> IndexTransform:
        return identity(self._some_domain())

    def _with_transform(self, new: IndexTransform) -> Schema:
        return self.through(new)

    def through(self, transform: IndexTransform) -> Schema:
        """Return the schema of the view that `transform` makes of an array of this schema.

        Raises:
            ValueError: a constraint has no meaning there.

        >>> schema = Schema(shape=[10, 20], dimension_units=["4nm", "1s"])
        >>> view = schema.through(IndexTransform(input_shape=[10, 20])[::2, 7])
        >>> view.shape, view.dimension_units
        ((5,), (Unit(8, "nm"),))
        """
        from tegula.schema.through import fill_through, layout_through, units_through

        made = Schema.__new__(Schema)
        made._rank, made._dtype, made._codec = transform.domain.rank, self._dtype, self._codec
        made._domain = None if self._domain is None else transform.domain
        made._layout = None if self._layout is None else layout_through(self._layout, transform)
        made._fill = None if self._fill is None else fill_through(self._fill, transform, self._domain)
        made._units = None
        if self._units is not None:
            units = units_through(self._units, transform)
            made._units = units if any(unit is not None for unit in units) else None
        return made

    def reduced(self, factors: tuple[int, ...], domain: IndexDomain | None) -> Schema:
        """Return the schema of the array reduced by one factor a dimension, whose domain is `domain`.

        >>> schema = Schema(shape=[10, 20], dimension_units=["4nm", "1s"])
        >>> schema.reduced((2, 1), IndexDomain(shape=[5, 20])).dimension_units
        (Unit(8, "nm"), Unit(1, "s"))
        """
        from tegula.schema.through import layout_reduced

        made = self.copy()
        made._rank, made._domain = len(factors), domain
        if self._layout is not None and self._layout.rank != -1:
            made._layout = layout_reduced(self._layout, factors)
        if self._units is not None:
            made._units = tuple(
                [
                    None if unit is None else unit * factor
                    for unit, factor in zip(self._units, factors, strict=True)
                ]
            )
        return made

    def converted(self, dtype: DataType) -> Schema:
        """Return the schema of the array with its elements converted to `dtype`, and its fill value.

        >>> Schema(dtype="float32", fill_value=3.7).converted(DataType("int8")).fill_value
        array(3, dtype=int8)
        """
        made = self.copy()
        made._dtype = dtype
        if self._fill is not None:
            from tegula.schema.convert import cast

            try:
                made._fill = fills.unbroadcast(cast(self._fill.array, dtype, self._fill.dtype), dtype)
            except TegulaError:  # elements that are never read so
                made._fill = None
        return made

    # ------------------------------------------------------------ JSON

    def _members(self) -> dict[str, Any]:
        return {
            "rank": self._parse_rank,
            "dtype": self._parse_dtype,
            "domain": self._parse_domain,
            "chunk_layout": self._parse_layout,
            "codec": self._parse_codec,
            "fill_value": self._parse_fill,
            "dimension_units": self._parse_units,
        }

    def _parse_rank(self, value: Any) -> None:
        self.set_rank(binding.integer(value, 0, MAX_RANK))

    def _parse_dtype(self, value: Any) -> None:
        name = binding.text(value)
        try:
            dtype = DataType(name)
        except InvalidArgument:
            raise InvalidArgument(f"Unsupported data type: {binding.quoted(name)}") from None
        self.set_dtype(dtype)

    def _parse_domain(self, value: Any) -> None:
        self.set_domain(IndexDomain(json=value))

    def _parse_layout(self, value: Any) -> None:
        layout = ChunkLayout()
        binding.take(value, layout.members())
        self.set_layout(layout)

    def _parse_codec(self, value: Any) -> None:
        self.set_codec(CodecSpec(value))

    def _parse_fill(self, value: Any) -> None:
        self.set_fill(fills.fill_of_json(value, self._dtype))

    def _parse_units(self, value: Any) -> None:
        units = []
        for i, item in enumerate(binding.array(value)):
            with binding.at_position(i):
                units.append(None if item is None else Unit(json=item))
        self.set_units(tuple(units))

    def to_json(self, include_defaults: bool = False) -> dict[str, Any]:  # noqa: ARG002 - as in the drop-in
        """Return the JSON form; what is unset is left out, as in the drop-in whatever `include_defaults` is.

        >>> Schema(shape=[10], fill_value=7).to_json()
        {'domain': {'exclusive_max': [10], 'inclusive_min': [0]}, 'fill_value': 7, 'rank': 1}
        """
        found: dict[str, Any] = {}
        layout = _without_rank(self._layout)
        if layout:
            found["chunk_layout"] = layout
        if self._codec is not None:
            found["codec"] = self._codec.to_json()
        if self._units is not None:
            found["dimension_units"] = [None if unit is None else unit.to_json() for unit in self._units]
        if self._domain is not None:
            found["domain"] = self._domain.to_json()
        if self._dtype is not None:
            found["dtype"] = self._dtype.name
        if self._fill is not None:
            found["fill_value"] = fills.to_json(self._fill)
        if self._rank is not None:
            found["rank"] = self._rank
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        if (self._fill is None) != (other._fill is None):
            return False
        return (
            self._rank == other._rank
            and self._dtype == other._dtype
            and self._domain == other._domain
            and _without_rank(self._layout) == _without_rank(other._layout)
            and self._codec == other._codec
            and self._units == other._units
            and (self._fill is None or other._fill is None or fills.same(self._fill, other._fill))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        try:
            return f"Schema({binding.pretty(self.to_json())})"
        except TegulaError:
            return "Schema(...)"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, tuple([getattr(self, name) for name in Schema.__slots__])


def _rebuilt(*parts: Any) -> Schema:
    made = Schema.__new__(Schema)
    for name, part in zip(Schema.__slots__, parts, strict=True):
        setattr(made, name, part)
    return made


def merge(a: Schema, b: Schema) -> Schema:
    """Return the schema that satisfies both; soft constraints of `a` stay.

    >>> merge(Schema(rank=2), Schema(dtype="int8"))
    Schema({'dtype': 'int8', 'rank': 2})

    Raises:
        InvalidArgument: there is none.
    """
    made = a.copy()
    made.set_schema(b)
    return made


def merge_domains(a: IndexDomain, b: IndexDomain) -> IndexDomain:
    """Return the domain that both describe; an implicit infinite bound gives way to any.

    >>> merge_domains(IndexDomain(1), IndexDomain(shape=[3], labels=["x"]))
    { "x": [0, 3) }

    Raises:
        InvalidArgument: they differ.
    """
    prefix = f"Cannot merge index domain {a} with index domain {b}: "
    if a.rank != b.rank:
        raise InvalidArgument(f"{prefix}Ranks do not match")
    lows, highs, labels, lower, upper = [], [], [], 0, 0
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        place = f"{prefix}Mismatch in dimension {i}: "
        if x.label and y.label and x.label != y.label:
            raise InvalidArgument(f"{place}Dimension labels do not match")
        labels.append(x.label or y.label)
        edges = [
            ("Lower", x.inclusive_min, x.implicit_lower, y.inclusive_min, y.implicit_lower, -INF),
            ("Upper", x.exclusive_max, x.implicit_upper, y.exclusive_max, y.implicit_upper, END),
        ]
        for side, p, p_implicit, q, q_implicit, open_ in edges:
            if p == q:
                value, implicit = p, p_implicit and q_implicit
            elif p == open_ and p_implicit:
                value, implicit = q, q_implicit
            elif q == open_ and q_implicit:
                value, implicit = p, p_implicit
            else:
                raise InvalidArgument(f"{place}{side} bounds do not match")
            if side == "Lower":
                lows.append(value)
                lower |= implicit << i
            else:
                highs.append(value)
                upper |= implicit << i
    named = tuple(labels)
    check_labels(named)
    return domain(tuple(lows), tuple(highs), named, lower, upper)


def _without_rank(layout: ChunkLayout | None) -> dict[str, Any]:
    """Return the JSON of a layout whose rank is that of its schema."""
    found = {} if layout is None else layout.to_json()
    found.pop("rank", None)
    return found


def units_text(units: Iterable[Unit | None]) -> str:
    """Return how errors call units.

    >>> units_text([Unit("4nm"), None])
    '["4 nm", null]'
    """
    return "[" + ", ".join("null" if unit is None else binding.quoted(str(unit)) for unit in units) + "]"


def _set_shape(schema: Schema, value: Any) -> None:
    sizes = sequence(value)
    if len(sizes) > MAX_RANK:
        raise InvalidArgument(f"Rank {len(sizes)} is outside valid range [0, {MAX_RANK}]")
    schema.set_domain(IndexDomain(shape=sizes), "shape")


def _typed(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}")
    return value


def _set_units(schema: Schema, value: Any) -> None:
    units = [item if item is None or isinstance(item, Unit) else Unit(item) for item in sequence(value)]
    schema.set_units(tuple(units))


def _set_rank(schema: Schema, value: Any) -> None:
    schema.set_rank(whole(value))


def _set_domain(schema: Schema, value: Any) -> None:
    schema.set_domain(_typed(IndexDomain, value))


def _set_layout(schema: Schema, value: Any) -> None:
    schema.set_layout(_typed(ChunkLayout, value))


def _set_codec(schema: Schema, value: Any) -> None:
    schema.set_codec(_typed(CodecSpec, value))


def _set_schema(schema: Schema, value: Any) -> None:
    schema.set_schema(_typed(Schema, value))


_OPTIONS: dict[str, Any] = {
    "rank": _set_rank,
    "dtype": None,
    "domain": _set_domain,
    "shape": _set_shape,
    "chunk_layout": _set_layout,
    "codec": _set_codec,
    "fill_value": None,
    "dimension_units": _set_units,
    "schema": _set_schema,
}
