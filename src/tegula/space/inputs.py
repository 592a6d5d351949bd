"""What a transform says of its input domain, under names of its own: ``t.input_shape`` is ``t.domain.shape``.

What this file knows: which fact of the domain each name is.  What it must not know: output maps.
Law: each is the fact of the same name of `domain`, with ``input_`` taken away.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

__all__ = ["Inputs"]


class Inputs:
    """The facts of the input domain; for what has a `domain`.

    >>> from tegula import IndexTransform
    >>> issubclass(IndexTransform, Inputs)
    True
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def input_rank(self) -> int: ...
        @property
        def ndim(self) -> int: ...
        @property
        def rank(self) -> int: ...
        @property
        def origin(self) -> tuple[int, ...]: ...
        @property
        def input_origin(self) -> tuple[int, ...]: ...
        @property
        def input_inclusive_min(self) -> tuple[int, ...]: ...
        @property
        def input_exclusive_max(self) -> tuple[int, ...]: ...
        @property
        def input_inclusive_max(self) -> tuple[int, ...]: ...
        @property
        def input_shape(self) -> tuple[int, ...]: ...
        @property
        def shape(self) -> tuple[int, ...]: ...
        @property
        def size(self) -> int: ...
        @property
        def input_labels(self) -> tuple[str, ...]: ...
        @property
        def implicit_lower_bounds(self) -> tuple[bool, ...]: ...
        @property
        def implicit_upper_bounds(self) -> tuple[bool, ...]: ...

    else:  # in C: looking at a view is what programs do most
        input_rank = property(
            attrgetter("domain.rank"),
            doc="""The number of input dimensions, at most 32.

            >>> from tegula import IndexTransform
            >>> IndexTransform(3)[5].input_rank
            2
            """,
        )
        ndim = property(
            attrgetter("domain.rank"),
            doc="""The number of input dimensions, as NumPy calls it.

            >>> from tegula import IndexTransform, newaxis
            >>> IndexTransform(3)[5, newaxis].ndim
            3
            """,
        )
        rank = property(
            attrgetter("domain.rank"),
            doc="""The number of input dimensions: `input_rank`.

            >>> from tegula import IndexTransform
            >>> moved = IndexTransform(3)[5]
            >>> moved.rank, moved.output_rank
            (2, 3)
            """,
        )
        origin = property(
            attrgetter("domain.inclusive_min"),
            doc="""The lower bound of each input dimension; ``-inf`` (-(2**62 - 1)) where it is unbounded.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[5, 6])[2:, 1:].origin
            (2, 1)
            """,
        )
        input_origin = property(
            attrgetter("domain.inclusive_min"),
            doc="""The lower bound of each input dimension: `origin`.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[5, 6]).translate_by[-2, 7].input_origin
            (-2, 7)
            """,
        )
        input_inclusive_min = property(
            attrgetter("domain.inclusive_min"),
            doc="""The lower bound of each input dimension: `origin`.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[9])[3:9:3].input_inclusive_min
            (1,)
            """,
        )
        input_exclusive_max = property(
            attrgetter("domain.exclusive_max"),
            doc="""The upper bound of each input dimension, exclusive; ``inf + 1`` where it is unbounded.

            >>> from tegula import IndexTransform, inf
            >>> IndexTransform(input_shape=[9])[3:9:3].input_exclusive_max
            (3,)
            >>> IndexTransform(1).input_exclusive_max == (inf + 1,)
            True
            """,
        )
        input_inclusive_max = property(
            attrgetter("domain.inclusive_max"),
            doc="""The last index of each input dimension; ``inf`` where it is unbounded.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[9, 2])[3:9:3].input_inclusive_max
            (2, 1)
            """,
        )
        input_shape = property(
            attrgetter("domain.shape"),
            doc="""The extent of each input dimension, in elements.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[9, 2])[3:9:3].input_shape
            (2, 2)
            """,
        )
        shape = property(
            attrgetter("domain.shape"),
            doc="""The extent of each input dimension, in elements: what an array that is read so has.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[9, 2]).oindex[[8, 0, 8]].shape
            (3, 2)
            """,
        )
        size = property(
            attrgetter("domain.size"),
            doc="""The number of elements of the input domain; 2**63 - 1 where that is too many to count.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[9, 2])[::2].size
            10
            """,
        )
        input_labels = property(
            attrgetter("domain.labels"),
            doc="""The label of each input dimension; empty for none.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_labels=["x", "", "z"]).T.input_labels
            ('z', '', 'x')
            """,
        )
        implicit_lower_bounds = property(
            attrgetter("domain.implicit_lower_bounds"),
            doc="""Whether each lower bound is implicit: not enforced by indexing, and free to be resolved.

            >>> from tegula import IndexTransform
            >>> IndexTransform(2)[3:].implicit_lower_bounds
            (False, True)
            """,
        )
        implicit_upper_bounds = property(
            attrgetter("domain.implicit_upper_bounds"),
            doc="""Whether each upper bound is implicit: not enforced by indexing, and free to be resolved.

            >>> from tegula import IndexTransform
            >>> IndexTransform(input_shape=[4, 4]).mark_bounds_implicit[:True][:, :2].implicit_upper_bounds
            (True, False)
            """,
        )
