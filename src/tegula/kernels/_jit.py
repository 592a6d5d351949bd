"""How a Python function becomes a kernel: the only file that names Numba.

What it knows: signatures, the compiler, where compiled code is kept.  What it must not know: what
any kernel does.  Laws:

- importing a kernel is free: Numba is imported, and one variant compiled or loaded, at the first call;
- nothing compiles behind anyone's back: a kernel has a written signature and a closed list of word
  types; arrays marked ``<`` are declared read-only and accept both kinds;
- a kernel is the same function compiled, bounds-checked (``NUMBA_BOUNDSCHECK=1``) and as plain Python
  (``NUMBA_DISABLE_JIT=1``, which never imports Numba);
- no threads: kernels release the GIL and start nothing, so they survive a fork.

A signature is a string of arguments: ``<T`` an input array, ``>T`` an output array, ``T`` a scalar,
with an optional ``:2`` for two dimensions.  ``T`` itself is the kernel's one type variable, other
names are NumPy type codes (``i8``).  The variant is chosen by the dtype of the first ``T`` array.

This is the one file below the purity line that touches the operating system, for the cache of
compiled code: a private directory of the user's (mode 0700), or ``NUMBA_CACHE_DIR``.  A directory that
belongs to somebody else, or that others may write, is not used: loading machine code is running it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import RLock, get_ident
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "COMPILER",
    "Kernel",
    "budget",
    "device",
    "foreign",
    "hold",
    "kernel",
    "let_go",
    "loaded",
    "past_cache",
    "plain",
    "provide",
    "settled",
    "spare",
    "sparing",
    "worthwhile",
]

COMPILER = frozenset({"numba", "llvmlite"})
"""The modules that are imported with the compiler."""

F = TypeVar("F", bound=Callable[..., Any])
_KERNELS: list[Kernel] = []
_DEVICES: dict[Callable[..., Any], Any] = {}
_INTRINSICS: dict[Callable[..., Any], Any] = {}
_FOREIGN: dict[Callable[..., Any], tuple[str, tuple[str, ...]]] = {}
_LOCK = RLock()
_RUNNING = False
SPENT = 12  # times `cold` that the NumPy twins do before it is clear that the process is not a short one
_spent = 0.0
_SPARING = False


_HOLDING: set[int] = set()


def hold(seconds: float) -> None:
    """Have nobody else begin to compile until `let_go`; who does is waited for, at most so many seconds."""
    if _LOCK.acquire(timeout=seconds):
        _HOLDING.add(get_ident())


def let_go() -> None:
    """Let others compile again, if this thread has held them."""
    if get_ident() in _HOLDING:
        _HOLDING.discard(get_ident())
        _LOCK.release()


def _renew_lock() -> None:
    global _LOCK
    _LOCK = RLock()
    _HOLDING.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def plain() -> bool:
    """Return whether kernels run as plain Python (``NUMBA_DISABLE_JIT=1``)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def loaded() -> bool:
    """Return whether the compiler is already here, so that a kernel call costs microseconds to milliseconds.

    Before that the first call costs about half a second (Numba's import and set-up); callers with
    little to do take their NumPy twin instead.
    """
    return _RUNNING


def spare() -> None:
    """Have the compiler stay where it is unless it is here already: it takes some 120 MiB.

    For processes that were told to be content with less.  What has no twin still loads it.
    """
    global _SPARING
    _SPARING = True


def sparing() -> bool:
    """Return whether the compiler is not to be loaded where there is another way."""
    return _SPARING and not _RUNNING


def worthwhile(work: int, warm: int, cold: int) -> bool:
    """Return whether a kernel should do `work` (bytes or items) rather than its NumPy twin.

    Compiled: yes from `warm` on once the compiler is loaded, from `cold` on before; and, before, where what
    the twins have done so far would have paid for loading it.  As plain Python the rule turns round: only
    tiny work goes to the kernel, so that tests walk through it.  After `spare` the compiler is not loaded.
    """
    global _spent
    if plain():
        return work <= 2048
    if _RUNNING:
        return work >= warm
    if work < warm or _SPARING:
        return False
    _spent += work / cold
    return work >= cold or _spent >= SPENT


class Kernel:
    """A function with a written signature, compiled variant by variant on first call.

    `variants` maps a dtype to its compiled form; `python` is the function itself.
    """

    __slots__ = ("_key", "name", "over", "python", "signature", "variants")

    def __init__(self, function: FunctionType, signature: str, over: tuple[str, ...]) -> None:
        self.python = function
        self.name = f"{function.__module__}.{function.__name__}"
        self.signature = tuple(part.strip() for part in signature.split(","))
        self.over = over
        self.variants: dict[Any, Callable[..., Any]] = {}
        keyed = [i for i, part in enumerate(self.signature) if part[:2] in ("<T", ">T")]
        self._key = keyed[0] if keyed else -1
        _KERNELS.append(self)

    def __repr__(self) -> str:
        return f"<kernel {self.name} over {', '.join(self.over)}>"

    def __call__(self, *args: Any) -> Any:
        key = args[self._key].dtype if self._key >= 0 else None
        variant = self.variants.get(key)
        if variant is None:
            variant = self.load(key)
        return variant(*args)

    def load(self, dtype: Any = None) -> Callable[..., Any]:
        """Return the variant for `dtype`, compiling or loading it if this is the first request.

        Safe from any number of threads at once: one compiles, the others wait.

        Raises:
            TypeError: the kernel has no such variant.
        """
        key = None if self._key < 0 else np.dtype(dtype)
        with _LOCK:
            variant = self.variants.get(key)
            if variant is None:
                if key is not None and (key.str[1:] not in self.over or not key.isnative):
                    raise TypeError(f"kernel {self.name} has no variant for dtype {key}")
                variant = self.python if plain() else self._compile(key)
                self.variants[key] = variant
            return variant

    def _compile(self, key: Any) -> Callable[..., Any]:
        global _RUNNING
        import numba

        word = None if key is None else numba.from_dtype(key)
        signature = tuple(_argument(part, word) for part in self.signature)
        made: Any = _dispatcher(self.python, cached=True)
        made.compile(signature)
        made.disable_compile()  # or a writable array would silently make a second version
        _RUNNING = True
        return made


def kernel(signature: str, over: tuple[str, ...] = ("",)) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a kernel of a function; see the file's theory for the language of `signature`.

    `over` lists the dtypes (``"u1"``, ``"f4"``) that the type variable ``T`` takes.
    """

    def make(function: Callable[..., Any]) -> Kernel:
        assert isinstance(function, FunctionType)
        return Kernel(function, signature, over)

    return make


def device(function: F) -> F:
    """Mark a function that kernels of the same file call."""
    _DEVICES[function] = None
    return function


def foreign(name: str, *types: str) -> Callable[[F], F]:
    """Mark a function as what `name` of the C library is: kernels of the same file call that, compiled.

    `types` are type codes, the result's first; an address is an ``i8``.  The library must have the function,
    or whoever calls the kernel has told where another has it (`provide`).
    """

    def mark(function: F) -> F:
        _FOREIGN[function] = name, types
        return function

    return mark


def provide(addresses: dict[str, int]) -> None:
    """Say at which addresses the functions of another library are that kernels call by these names."""
    from llvmlite import binding

    for name, address in addresses.items():
        binding.add_symbol(name, address)


def past_cache(array: Any, index: Any, value: Any) -> None:
    """Store one word of an array without keeping its cache line: ``array[index] = value``.

    Compiled, a store that the processor may write to memory directly.  It pays for whole aligned lines of a
    result larger than the caches, and costs for anything else.  `settled` must follow before anyone reads.
    """
    array[index] = value


def settled() -> None:
    """Wait until the stores of `past_cache` can be seen by other threads."""


def _intrinsics() -> dict[Any, Any]:
    """Return the compiled forms of `past_cache` and `settled`, made once."""
    if not _INTRINSICS:
        import numba
        from llvmlite import ir
        from numba.extending import intrinsic

        def store(context: Any, array: Any, index: Any, value: Any) -> Any:
            del context

            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                held = context.make_array(signature.args[0])(context, builder, arguments[0])
                place = builder.gep(held.data, [arguments[1]])
                made = builder.store(arguments[2], place)
                one = ir.Constant(ir.IntType(32), 1)
                made.set_metadata("nontemporal", builder.module.add_metadata([one]))
                return context.get_dummy_value()

            return numba.types.void(array, index, value), generate

        def fence(context: Any) -> Any:
            del context

            def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                del signature, arguments
                builder.fence("seq_cst")
                return context.get_dummy_value()

            return numba.types.void(), generate

        _INTRINSICS[past_cache] = intrinsic(store)
        _INTRINSICS[settled] = intrinsic(fence)
    return _INTRINSICS


def budget() -> dict[str, int]:
    """Return the number of signatures of every kernel defined so far, by name."""
    return {each.name: len(each.over) for each in _KERNELS}


def _argument(part: str, word: Any) -> Any:
    import numba

    text, _, dimensions = part.partition(":")
    name = text.lstrip("<>")
    element = word if name == "T" else numba.from_dtype(np.dtype(name))
    if text == name:
        return element
    return numba.types.Array(element, int(dimensions or 1), "C", readonly=text[0] == "<")


def _dispatcher(function: Any, cached: bool) -> Any:
    """Return Numba's dispatcher for `function`, with the devices it names replaced by theirs."""
    import numba
    from numba.core import config

    settings: Any = config
    scope = function.__globals__
    devices = {}
    for name in function.__code__.co_names:
        target = scope.get(name)
        if target in (past_cache, settled):
            devices[name] = _intrinsics()[target]
        elif isinstance(target, FunctionType) and target in _FOREIGN:
            symbol, types = _FOREIGN[target]
            result, *arguments = (numba.from_dtype(np.dtype(each)) for each in types)
            devices[name] = numba.types.ExternalFunction(symbol, result(*arguments))
        elif isinstance(target, FunctionType) and target in _DEVICES:
            if _DEVICES[target] is None:
                _DEVICES[target] = _dispatcher(target, cached=False)
            devices[name] = _DEVICES[target]
    if devices:
        names = {**scope, **devices}
        linked = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
        linked.__module__, linked.__qualname__ = function.__module__, function.__qualname__
        function = linked
    made = numba.njit(nogil=True, error_model="numpy")(function)
    if cached:
        directory = _cache_directory(bool(settings.BOUNDSCHECK), numba.__version__)
        if directory is not None:
            before, settings.CACHE_DIR = settings.CACHE_DIR, directory
            try:
                made.enable_caching()
            except RuntimeError:  # no place to cache for this kind of source file: compile in every process
                pass
            finally:
                settings.CACHE_DIR = before
    return made


def _cache_directory(checked: bool, version: str) -> str | None:
    """Return where compiled code is kept, or None if there is no directory that only this user may write."""
    mode = "checked" if checked else "compiled"
    named = os.environ.get("NUMBA_CACHE_DIR")
    root = named or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "tegula"
    )
    path = os.path.join(root, f"numba-{version}-{mode}")
    try:
        os.makedirs(root, mode=0o700, exist_ok=True)
        os.makedirs(path, mode=0o700, exist_ok=True)
        for each in (root, path):
            found = os.stat(each)
            if hasattr(os, "getuid"):
                if found.st_uid != os.getuid():
                    return None
                if found.st_mode & 0o022 and each != named:
                    return None
        effective = os.access in os.supports_effective_ids  # a process may act as somebody else for a while
        return path if os.access(path, os.W_OK | os.X_OK, effective_ids=effective) else None
    except OSError:
        return None
