"""The error tree: every exception this library raises on purpose.

What this file knows: which class of error means what, and how its text begins.  What it must not
know: any format, store or driver.  Classes are grouped by what a handler would do next; each has a
stable `code`, the status name that TensorStore prints.

    TegulaError
        InvalidArgument (ValueError)        the request is wrong: change the request
        OutOfRange (ValueError)             the request lies outside the data
        IndexingError (IndexError)          an indexing expression is wrong or out of range
        NotFound (ValueError)               it is not there
        AlreadyExists (ValueError)          it is there, and was required not to be
        FailedPrecondition (ValueError)     what is stored does not fit the request
        PermissionDenied (ValueError)       the store refuses
        Aborted (ValueError)                a race was lost: run the whole operation again
        DataLoss (ValueError)               stored bytes are corrupt
        ResourceExhausted (ValueError)      a limit was reached
        Unavailable (ValueError)            the store did not act: the same request may be sent again
        Indeterminate (ValueError)          the store may or may not have acted: read before writing again
        Internal (ValueError)               a defect of this library
        Unimplemented (NotImplementedError) not supported

Law: `str(error)` starts with the status name and a colon, except for INVALID_ARGUMENT and
UNIMPLEMENTED, whose text stands alone (the convention of the drop-in).
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Aborted",
    "AlreadyExists",
    "DataLoss",
    "FailedPrecondition",
    "Indeterminate",
    "IndexingError",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "ResourceExhausted",
    "TegulaError",
    "Unavailable",
    "Unimplemented",
    "annotated",
]

_BARE = frozenset({"INVALID_ARGUMENT", "UNIMPLEMENTED"})


class TegulaError(Exception):
    """Base of every error that this library raises on purpose.

    `code` is the status name; `message` is the text without it.  `row` is which of a block of keys it is
    about, None where that is not known.

    >>> try:
    ...     raise NotFound("no such array")
    ... except TegulaError as error:
    ...     error.code, error.message, str(error)
    ('NOT_FOUND', 'no such array', 'NOT_FOUND: no such array')
    """

    code: ClassVar[str] = "UNKNOWN"
    row: int | None = None

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def status_code(self) -> str:
        """Return the status name, which is TensorStore's.

        >>> NotFound("no such array").status_code()
        'NOT_FOUND'
        """
        return self.code

    def __str__(self) -> str:
        code = self.status_code()
        return self.message if code in _BARE else f"{code}: {self.message}"


class InvalidArgument(TegulaError, ValueError):
    """The request itself is wrong: change the request.

    >>> import tegula
    >>> tegula.IndexDomain(shape=[-1]).size
    Traceback (most recent call last):
        ...
    tegula.errors.InvalidArgument: (0, -1) do not specify a valid sized index interval
    """

    code = "INVALID_ARGUMENT"


class OutOfRange(TegulaError, ValueError):
    """An index, byte range or value lies outside what is valid.

    >>> import tegula
    >>> store = tegula.KvStore.open("memory://").result()
    >>> store["a"] = b"abc"
    >>> store.read("a", byte_range=slice(2, 9)).exception().code
    'OUT_OF_RANGE'
    """

    code = "OUT_OF_RANGE"


class IndexingError(TegulaError, IndexError):
    """An indexing expression is malformed (INVALID_ARGUMENT) or leaves the domain (OUT_OF_RANGE).

    >>> import tegula
    >>> try:
    ...     tegula.array([1, 2, 3])[-1]
    ... except IndexError as error:
    ...     error.status_code()
    'OUT_OF_RANGE'
    """

    code = "INVALID_ARGUMENT"

    def __init__(self, message: str = "", code: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self._status = code

    def status_code(self) -> str:
        """Return ``"INVALID_ARGUMENT"`` or ``"OUT_OF_RANGE"``.

        >>> IndexingError("too many indices").status_code()
        'INVALID_ARGUMENT'
        """
        return self._status

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.message, self._status)


class NotFound(TegulaError, ValueError):
    """What was asked for does not exist.

    >>> import tegula
    >>> tegula.open("memory://a/|zarr3:").exception().code
    'NOT_FOUND'
    """

    code = "NOT_FOUND"


class AlreadyExists(TegulaError, ValueError):
    """What was to be created exists already: open it, or delete it.

    >>> import tegula
    >>> group = tegula.open_group("memory://a/", create=True).result()
    >>> made = group.create_group("raw").result()
    >>> group.create_group("raw").exception().code
    'ALREADY_EXISTS'
    """

    code = "ALREADY_EXISTS"


class FailedPrecondition(TegulaError, ValueError):
    """What is stored contradicts the request: look at it, then change one or the other.

    >>> import tegula
    >>> spec, context = {"driver": "zarr3", "kvstore": "memory://"}, tegula.Context()
    >>> made = tegula.open(spec, context=context, create=True, dtype="int8", shape=[4]).result()
    >>> tegula.open(spec, context=context, dtype="int16").exception().code
    'FAILED_PRECONDITION'
    """

    code = "FAILED_PRECONDITION"


class PermissionDenied(TegulaError, ValueError):
    """The store refuses access.

    >>> str(PermissionDenied("scans/c/0"))
    'PERMISSION_DENIED: scans/c/0'
    """

    code = "PERMISSION_DENIED"


class Aborted(TegulaError, ValueError):
    """A race was lost; the whole operation may be run again.

    >>> import tegula
    >>> promise, future = tegula.Promise.new()
    >>> del promise
    >>> future.exception().code
    'ABORTED'
    """

    code = "ABORTED"


class DataLoss(TegulaError, ValueError):
    """Stored bytes are corrupt: restore them.

    >>> import tegula
    >>> spec = {"driver": "zarr3", "kvstore": "memory://", "metadata": {"codecs": ["bytes", "crc32c"]}}
    >>> store = tegula.open(spec, create=True, dtype="uint8", shape=[4]).result()
    >>> store.write(1).result()
    >>> store.kvstore["c/0"] = b"changed!"
    >>> store.read().exception().code
    'DATA_LOSS'
    """

    code = "DATA_LOSS"


class ResourceExhausted(TegulaError, ValueError):
    """A limit on memory, time or number was reached: ask for less at a time, or raise the limit.

    >>> ResourceExhausted("a chunk of 2 TiB").code
    'RESOURCE_EXHAUSTED'
    """

    code = "RESOURCE_EXHAUSTED"


class Unavailable(TegulaError, ValueError):
    """The store surely did not act; the same request may be sent again, `after` seconds where it says so.

    >>> Unavailable("busy").code, Unavailable("busy").after
    ('UNAVAILABLE', 0.0)
    """

    code = "UNAVAILABLE"
    after = 0.0


class Indeterminate(TegulaError, ValueError):
    """The store may or may not have acted; read back before writing again, `after` seconds if it says so.

    >>> Indeterminate("the answer was lost").code, isinstance(Indeterminate(), Unavailable)
    ('UNAVAILABLE', False)
    """

    code = "UNAVAILABLE"
    after = 0.0


class Internal(TegulaError, ValueError):
    """A defect of this library: please report it.

    >>> str(Internal("rows do not add up"))
    'INTERNAL: rows do not add up'
    """

    code = "INTERNAL"


class Unimplemented(TegulaError, NotImplementedError):
    """Not supported; a `NotImplementedError`, as in the drop-in.

    >>> import tegula
    >>> tegula.array([1, 2]).url
    Traceback (most recent call last):
        ...
    tegula.errors.Unimplemented: URL representation not supported
    """

    code = "UNIMPLEMENTED"


def annotated(error: TegulaError, prefix: str = "", suffix: str = "") -> TegulaError:
    """Return an error of the same class and code with context around its message.

    >>> str(annotated(NotFound("it is gone"), 'Error opening "zarr3" driver: '))
    'NOT_FOUND: Error opening "zarr3" driver: it is gone'
    """
    message = prefix + error.message + suffix
    if isinstance(error, IndexingError):
        return IndexingError(message, error.status_code())
    return type(error)(message)
