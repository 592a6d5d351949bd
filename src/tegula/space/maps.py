"""Output index maps: where one output coordinate comes from.

What this file knows: the three kinds of map, `offset`, `offset + stride * input[d]` and
`offset + stride * index_array[input]`, and how each is printed and compared.  What it must not know: domains;
whether a map fits one is the business of `transform`.

An index array has one axis for each input dimension, of that dimension's extent or, where the map does not
depend on it, of size 1.  It is a read-only int64 array that nobody else may write to; its first element
belongs to the origin of the input domain.  Law: maps are values; a map of stride 0 never leaves a
transform (it is written as a constant).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np

from tegula.errors import IndexingError
from tegula.public import public
from tegula.space.arguments import int64, number
from tegula.space.dim import Dim, Frozen, dim
from tegula.space.interval import END, INF, MAX_RANK, interval_text

if TYPE_CHECKING:
    import numpy.typing as npt

    from tegula.space.columns import Looked

    IndexArray = npt.NDArray[np.int64]
else:
    IndexArray = np.ndarray
_INT64 = np.dtype(np.int64)


@public("OutputIndexMethod")
class OutputIndexMethod(Enum):
    """How an output coordinate depends on the input: not at all, on one dimension, or by an index array.

    >>> from tegula import IndexTransform, d
    >>> [str(one.method) for one in IndexTransform(input_shape=[6, 6, 6])[5, ::2, [1, 2]].output]
    ['OutputIndexMethod.constant', 'OutputIndexMethod.single_input_dimension', 'OutputIndexMethod.array']
    """

    constant = 0
    single_input_dimension = 1
    array = 2

    @classmethod
    def _missing_(cls, value: object) -> OutputIndexMethod | None:
        number = int64(value, "OutputIndexMethod")
        return next((one for one in cls if one.value == number), None)

    def __int__(self) -> int:
        """Return the number of the method, as in the drop-in.

        >>> int(OutputIndexMethod.array)
        2
        """
        return self.value

    def __index__(self) -> int:
        """Return the number of the method, as in the drop-in.

        >>> ["constant", "single", "array"][OutputIndexMethod.single_input_dimension]
        'single'
        """
        return self.value

    def __hash__(self) -> int:
        return self.value


CONSTANT = OutputIndexMethod.constant
SINGLE = OutputIndexMethod.single_input_dimension
ARRAY = OutputIndexMethod.array
UNBOUNDED = dim(-INF, END)
"""The index range of an array whose values nothing bounds yet."""


class _RawMap:
    __slots__ = {
        "index_array": """The read-only int64 array of an array map, one axis an input dimension; else None.

        >>> from tegula import IndexTransform
        >>> IndexTransform(input_shape=[5, 6]).oindex[:, [4, 0]].output[1].index_array
        array([[4, 0]])
        """,
        "index_range": """The values that an array map may use, checked when it is used; None for other maps.

        >>> from tegula import IndexTransform
        >>> IndexTransform(input_shape=[5, 6]).oindex[:, [4, 0]].output[1].index_range
        Dim(inclusive_min=0, exclusive_max=6)
        """,
        "input_dimension": """The input dimension of a single-input-dimension map, else None.

        >>> from tegula import IndexTransform
        >>> [one.input_dimension for one in IndexTransform(3)[:, 7].output]
        [0, None, 1]
        """,
        "method": """The kind of the map: an `OutputIndexMethod`.

        >>> OutputIndexMap(7).method, OutputIndexMap(input_dimension=0).method == OutputIndexMethod.constant
        (<OutputIndexMethod.constant: 0>, False)
        """,
        "offset": """What is added to the product, or the constant itself.

        >>> from tegula import IndexTransform
        >>> IndexTransform(1).translate_by[10].output[0].offset
        -10
        """,
        "stride": """What multiplies the input coordinate or the array's value; None for a constant.

        >>> from tegula import IndexTransform
        >>> [one.stride for one in IndexTransform(input_shape=[9, 9])[8, ::-2].output]
        [None, -2]
        """,
    }

    method: OutputIndexMethod
    offset: int
    stride: int | None
    input_dimension: int | None
    index_array: IndexArray | None
    index_range: Dim | None
    """The values that an array map may use, checked when it is used; else None."""


def constant_map(offset: int) -> OutputIndexMap:
    """Return the map that is `offset` everywhere."""
    raw = _RawMap()
    raw.method = CONSTANT
    raw.offset = offset
    raw.stride = raw.input_dimension = raw.index_array = raw.index_range = None
    raw.__class__ = OutputIndexMap
    return raw  # type: ignore[return-value]


def single_map(input_dimension: int, offset: int = 0, stride: int = 1) -> OutputIndexMap:
    """Return the map `offset + stride * input[input_dimension]`."""
    raw = _RawMap()
    raw.method = SINGLE
    raw.offset = offset
    raw.stride = stride
    raw.input_dimension = input_dimension
    raw.index_array = raw.index_range = None
    raw.__class__ = OutputIndexMap
    return raw  # type: ignore[return-value]


def array_map(
    index_array: IndexArray, offset: int = 0, stride: int = 1, index_range: Dim = UNBOUNDED
) -> OutputIndexMap:
    """Return the map `offset + stride * index_array[input]`; the array must be frozen int64."""
    raw = _RawMap()
    raw.method = ARRAY
    raw.offset = offset
    raw.stride = stride
    raw.input_dimension = None
    raw.index_array = index_array
    raw.index_range = index_range
    raw.__class__ = OutputIndexMap
    return raw  # type: ignore[return-value]


def frozen(array: Any) -> IndexArray:
    """Return a private, read-only int64 copy of `array`."""
    if type(array) is np.ndarray and array.dtype is _INT64:
        copy: IndexArray = array.copy()
    else:
        copy = np.array(array, dtype=np.int64, order="C")
    copy.setflags(write=False)
    return copy


def array_text(array: npt.NDArray[Any]) -> str:
    """Return an array in braces, large ones abridged.

    >>> array_text(np.array([[1, 2], [3, 4]]))
    '{{1, 2}, {3, 4}}'
    """
    return _array_text(array, array.size > 1000)


def _array_text(array: npt.NDArray[Any], abridged: bool) -> str:
    if array.ndim == 0:
        return str(array.item())
    length = len(array)
    if abridged and length > 6:
        head = [_array_text(array[i], abridged) for i in range(3)]
        tail = [_array_text(array[i], abridged) for i in range(length - 3, length)]
        return f"{{{', '.join([*head, '...', *tail])}}}"
    return f"{{{', '.join(_array_text(array[i], abridged) for i in range(length))}}}"


@public("OutputIndexMap")
class OutputIndexMap(Frozen, _RawMap):
    """One output coordinate as a function of the input coordinates.

    `OutputIndexMap(offset)`, `OutputIndexMap(input_dimension, offset=0, stride=1)` or
    `OutputIndexMap(index_array, offset=0, stride=1, index_range=Dim())`.

    >>> OutputIndexMap(5)
    OutputIndexMap(offset=5)
    >>> OutputIndexMap(input_dimension=0, offset=5, stride=2)
    OutputIndexMap(offset=5, stride=2, input_dimension=0)
    """

    __slots__ = ()

    @overload
    def __new__(cls, offset: SupportsIndex = 0) -> OutputIndexMap: ...

    @overload
    def __new__(
        cls, input_dimension: SupportsIndex, offset: SupportsIndex = 0, stride: SupportsIndex = 1
    ) -> OutputIndexMap: ...

    @overload
    def __new__(
        cls,
        index_array: npt.ArrayLike,
        offset: SupportsIndex = 0,
        stride: SupportsIndex = 1,
        index_range: Dim = ...,
    ) -> OutputIndexMap: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> OutputIndexMap:  # noqa: PYI034 - the maker sets the class
        """Match the arguments against the three forms, in order: what `_matched` does."""
        # the forms of every day: an offset, or by keywords an input dimension with offset and stride
        if not kwargs:
            if len(args) == 1:
                offset = args[0]
                if type(offset) is int and -END < offset < END:
                    return constant_map(offset)
        elif not args and "input_dimension" in kwargs:
            along = kwargs["input_dimension"]
            offset, stride = kwargs.get("offset", 0), kwargs.get("stride", 1)
            if (
                type(along) is int
                and type(offset) is int
                and type(stride) is int
                and 0 <= along < MAX_RANK
                and len(kwargs) == 1 + ("offset" in kwargs) + ("stride" in kwargs)
                and -END < offset < END
                and -END < stride < END
            ):
                if stride == 1 and not offset:
                    return IDENTITY[along]
                return single_map(along, offset, stride)
        return _matched(args, kwargs)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, OutputIndexMap):
            return NotImplemented
        if (
            self.offset != other.offset
            or self.stride != other.stride
            or self.input_dimension != other.input_dimension
            or self.index_range != other.index_range
        ):
            return False
        mine, theirs = self.index_array, other.index_array
        if mine is None or theirs is None:
            return mine is theirs
        return np.array_equal(mine, theirs)

    def __hash__(self) -> int:
        return hash((self.offset, self.stride, self.input_dimension, self.index_range))

    def __repr__(self) -> str:
        if self.stride is None:
            return f"OutputIndexMap(offset={self.offset})"
        head = f"OutputIndexMap(offset={self.offset}, stride={self.stride}, "
        if self.index_array is None:
            return f"{head}input_dimension={self.input_dimension})"
        assert self.index_range is not None
        limits = interval_text(self.index_range.inclusive_min, self.index_range.exclusive_max)
        return f"{head}index_array={array_text(self.index_array)}, index_range={limits})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.stride is None:
            return constant_map, (self.offset,)
        if self.index_array is None:
            return single_map, (self.input_dimension, self.offset, self.stride)
        return _array_map_of, (np.asarray(self.index_array), self.offset, self.stride, self.index_range)


def _matched(args: tuple[Any, ...], kwargs: dict[str, Any]) -> OutputIndexMap:
    """Return the map of the first form that the arguments fit; the definition of `OutputIndexMap(...)`."""
    whole = bool(args) and hasattr(args[0], "__index__") and not getattr(args[0], "ndim", 0)
    single = len(args) > 1 or (bool(args) and bool(kwargs)) or "input_dimension" in kwargs
    if "index_array" in kwargs or "index_range" in kwargs or (args and not whole):
        form: tuple[str, ...] = ("index_array", "offset", "stride", "index_range")
    elif single:
        form = ("input_dimension", "offset", "stride")
    else:
        form = ("offset",)
    given = dict(zip(form, args, strict=False))
    if len(args) > len(form) or (kwargs.keys() & given.keys()) or (kwargs.keys() - set(form)):
        raise TypeError(f"incompatible arguments for OutputIndexMap: {args} {kwargs}")
    given.update(kwargs)
    offset = number(given.get("offset", 0), "offset")
    stride = number(given.get("stride", 1), "stride")
    if form[0] == "offset":
        return constant_map(offset)
    if form[0] not in given:
        raise TypeError(f"incompatible arguments for OutputIndexMap: {form[0]} is missing")
    if form[0] == "input_dimension":
        return single_map(number(given["input_dimension"], "input_dimension"), offset, stride)
    limits = given.get("index_range", UNBOUNDED)
    if not isinstance(limits, Dim):
        raise TypeError(f"index_range must be a Dim, not {type(limits).__name__}")
    limits = dim(limits.inclusive_min, limits.exclusive_max)
    try:
        array = given["index_array"]
        if isinstance(array, np.ndarray):
            array = array.astype(_INT64, casting="safe", copy=False)  # a list may hold what is converted
        array = frozen(array)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"incompatible arguments for OutputIndexMap: {error}") from None
    return array_map(array, offset, stride, limits)


def _array_map_of(array: Any, offset: int, stride: int, limits: Dim) -> OutputIndexMap:
    return array_map(frozen(array), offset, stride, limits)


IDENTITY = tuple(single_map(i) for i in range(MAX_RANK))
"""The map `input[i]` for each `i`; shared, so that an unchanged map costs nothing."""
IDENTITY_MAPS = tuple(IDENTITY[:rank] for rank in range(MAX_RANK + 1))


def same_arrays(some: tuple[Looked | None, ...] | None, other: tuple[Looked | None, ...] | None) -> bool:
    """Tell whether two columns of index arrays say the same, whatever sizes of 1 stand for."""
    return (
        some is not None
        and other is not None
        and all(a is b or _same_array(a, b) for a, b in zip(some, other, strict=True))
    )


def _same_array(a: Looked | None, b: Looked | None) -> bool:
    if a is None or b is None or a[1:] != b[1:]:
        return False
    try:
        one, other = np.broadcast_arrays(a[0], b[0])
    except ValueError:
        return False
    return np.array_equal(one, other)


@public("OutputIndexMaps")
class OutputIndexMaps:
    """The output index maps of a transform, as a read-only sequence.

    >>> OutputIndexMaps((constant_map(3),))
    [OutputIndexMap(offset=3)]
    """

    __slots__ = ("_maps",)

    def __init__(self, maps: Iterable[OutputIndexMap]) -> None:
        self._maps = tuple(maps)

    @property
    def rank(self) -> int:
        """The number of output dimensions.

        >>> OutputIndexMaps((constant_map(3), constant_map(4))).rank
        2
        """
        return len(self._maps)

    def __len__(self) -> int:
        """Return the number of output dimensions.

        >>> from tegula import IndexTransform
        >>> len(IndexTransform(3)[0].output)
        3
        """
        return len(self._maps)

    def __iter__(self) -> Iterator[OutputIndexMap]:
        """Return an iterator of the maps, by output dimension.

        >>> from tegula import IndexTransform
        >>> [one.offset for one in IndexTransform(2).translate_by[3, 4].output]
        [-3, -4]
        """
        return iter(self._maps)

    @overload
    def __getitem__(self, key: SupportsIndex) -> OutputIndexMap: ...

    @overload
    def __getitem__(self, key: slice) -> list[OutputIndexMap]: ...

    def __getitem__(self, key: SupportsIndex | slice) -> OutputIndexMap | list[OutputIndexMap]:
        """Return the map of one output dimension, or a list of several.

        Raises:
            IndexError: a number leaves the rank; -1 is the last.
            ValueError: a range leaves the rank.

        >>> from tegula import IndexTransform
        >>> maps = IndexTransform(input_shape=[9, 9, 9])[:, 5, ::2].output
        >>> maps[-1], maps[1:2]
        (OutputIndexMap(offset=0, stride=2, input_dimension=1), [OutputIndexMap(offset=5)])
        """
        if isinstance(key, slice):
            from tegula.space.selection import in_range

            return [self._maps[i] for i in in_range(key, len(self._maps))]
        rank, i = len(self._maps), int64(key, "index")
        if not -rank <= i < rank:
            raise IndexingError(f"Index {i} is outside valid range [{-rank}, {rank})")
        return self._maps[i]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Iterable):
            return NotImplemented
        return self._maps == tuple(other)

    def __hash__(self) -> int:
        return hash(self._maps)

    def __repr__(self) -> str:
        return f"[{', '.join(map(repr, self._maps))}]"

    def __reduce__(self) -> tuple[Any, ...]:
        return OutputIndexMaps, (self._maps,)
