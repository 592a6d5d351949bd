"""How the file system's refusals become our errors: one table from errno to error class.

Knows: errno.  Must not know: what was being done; the caller says that.
"""

from __future__ import annotations

import errno

from tegula.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    TegulaError,
    Unavailable,
    Unimplemented,
)

__all__ = ["os_error"]

_CLASSES: dict[type[TegulaError], tuple[str, ...]] = {
    InvalidArgument: ("EINVAL", "ENAMETOOLONG", "E2BIG", "EFAULT", "EILSEQ", "ESPIPE"),
    NotFound: ("ENOENT", "ENODEV", "ENXIO", "ESRCH"),
    AlreadyExists: ("EEXIST",),
    PermissionDenied: ("EPERM", "EACCES", "EROFS"),
    # the drop-in calls ELOOP "UNKNOWN"; what is stored does not fit the request says more
    FailedPrecondition: ("ENOTEMPTY", "EISDIR", "ENOTDIR", "EBADF", "EBUSY", "ETXTBSY", "EPIPE", "ELOOP"),
    ResourceExhausted: ("ENOSPC", "EDQUOT", "EMFILE", "EMLINK", "ENFILE", "ENOBUFS", "ENOMEM", "ETIMEDOUT"),
    OutOfRange: ("EFBIG", "EOVERFLOW", "ERANGE"),
    Unimplemented: ("ENOSYS", "ENOTSUP", "EOPNOTSUPP"),
}
_BY_ERRNO = {
    getattr(errno, name): kind for kind, names in _CLASSES.items() for name in names if hasattr(errno, name)
}


def os_error(action: str, error: OSError) -> TegulaError:
    """Return our error for a refusal of the file system: ``<action>: <reason> [os_error_code='13']``.

    What no table knows (an I/O error, say) is Unavailable: nothing was changed.
    """
    number = error.errno or 0
    kind = _BY_ERRNO.get(number, Unavailable)
    return kind(f"{action}: {error.strerror} [os_error_code='{number}']")
