"""How a figure is taken: peers interleaved in one process, in rotated order, on memory that is there.

A `Case` is one task that several peers can do; `measure` runs it.  Three rules make ratios repeat:

- every round runs every peer, and starts with another one, so that drift hits all alike; a ratio is the
  median of the ratios within a round, never a ratio of medians from different times;
- before every sample, outside the clock, 256 MiB are touched and freed: on a virtual machine pages that
  sat free go back to the host, and whoever allocates next pays for fetching them;
- the answers are compared once, outside the clock: a peer that answers something else has no figure.

A peer that cannot do a task at all is reported with its error, not left out.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PEERS = ("tegula", "tensorstore", "zarr", "zarrs", "google")
REFERENCE = "tensorstore"
PREFAULT = 256 << 20


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    smoke: bool = False
    rounds: int | None = None
    cpu: bool = False


@dataclass(frozen=True)
class Case:
    """One task: `runs` maps a peer to the call that is timed.

    `size` is the bytes that one call moves (0: quote microseconds a call), `number` the calls in one
    sample, `before` runs before each sample of a peer outside the clock, `answer` turns what a call
    returned into what is compared (the default: itself), `count` is the items that one call handles.
    `pure`: the call allocates next to nothing, so that no memory is touched before its samples.  `clock` is
    what is measured (None: the time that passes), `reference` the peer whose figure is 1.
    """

    name: str
    runs: dict[str, Callable[[], Any]]
    size: int = 0
    number: int = 1
    count: int = 1
    before: Callable[[str], None] | None = None
    answer: Callable[[str, Any], Any] | None = None
    rounds: int = 5
    pure: bool = False
    clock: Callable[[], float] | None = None
    reference: str = REFERENCE


@dataclass(frozen=True)
class Group:
    """A group of cases with the goal for tegula: the geometric mean of the ratios, and the worst row.

    `cases` is called once; a case is measured as soon as it is yielded, so that a generator can put its
    data on disk before the yield and remove it after.
    """

    name: str
    says: str
    cases: Callable[[Options], Iterable[Case]]
    goal: tuple[float, float] | None = None


@dataclass
class Row:
    """The figures of one case: seconds a call and errors, by peer."""

    group: str
    case: str
    size: int
    count: int
    samples: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    reference: str = REFERENCE

    def median(self, peer: str) -> float | None:
        """The median of seconds a call."""
        return statistics.median(self.samples[peer]) if self.samples.get(peer) else None

    def ratio(self, peer: str) -> float | None:
        """The median over the rounds of this peer's time to the reference's."""
        if not self.samples.get(peer) or not self.samples.get(self.reference):
            return None
        pairs = zip(self.samples[peer], self.samples[self.reference], strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)

    def to_json(self) -> dict[str, Any]:
        """The row for ``--json``."""
        peers: dict[str, Any] = {peer: {"error": error} for peer, error in self.errors.items()}
        for peer, samples in self.samples.items():
            peers[peer] = {
                "median": self.median(peer),
                "min": min(samples),
                "ratio": self.ratio(peer),
                "samples": samples,
            }
        return {
            "group": self.group,
            "case": self.case,
            "bytes": self.size,
            "count": self.count,
            "peers": peers,
        }


def prefault(size: int = PREFAULT) -> None:
    """Make the host hand over `size` bytes, and free them: the next allocation pays only its own."""
    np.empty(size, np.uint8)[::4096] = 1


def same(left: Any, right: Any) -> bool:
    """Whether two answers agree: arrays by shape, type and content (NaN equals NaN), the rest by ``==``."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        left, right = np.asarray(left), np.asarray(right)
        if left.shape != right.shape or left.dtype != right.dtype:
            return False
        return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
    return bool(left == right)


def _prepare(case: Case, peer: str) -> None:
    if case.before is not None:
        case.before(peer)


def _first_answers(case: Case, row: Row) -> list[str]:
    """Run each peer once, and drop those that fail or disagree with the reference."""
    answers: dict[str, Any] = {}
    for peer, run in case.runs.items():
        try:
            _prepare(case, peer)
            result = run()
            answers[peer] = case.answer(peer, result) if case.answer else result
        except Exception as error:  # a benchmark reports what a peer cannot do
            row.errors[peer] = f"{type(error).__name__}: {error}".splitlines()[0][:160]
    truth = next((answers[peer] for peer in (REFERENCE, *PEERS) if peer in answers), None)
    for peer, answer in answers.items():
        if not same(answer, truth):
            row.errors[peer] = "WRONG ANSWER"
    return [peer for peer in case.runs if peer not in row.errors]


def measure(group: str, case: Case, options: Options) -> Row:
    """Take the figures of one case."""
    row = Row(group, case.name, case.size, case.count, reference=case.reference)
    peers = _first_answers(case, row)
    row.samples = {peer: [] for peer in peers}
    number = max(1, case.number // 20) if options.smoke else case.number
    rounds = options.rounds or (2 if options.smoke else case.rounds)
    with _no_collection():
        for turn in range(rounds):
            shift = turn % max(1, len(peers))
            for peer in peers[shift:] + peers[:shift]:
                run = case.runs[peer]
                _prepare(case, peer)
                if not case.pure:
                    gc.collect()
                    prefault(PREFAULT >> 4 if options.smoke else PREFAULT)
                clock = case.clock or (time.process_time if options.cpu else time.perf_counter)
                start = clock()
                for _ in range(number):
                    result = run()
                row.samples[peer].append((clock() - start) / number)
                del result
    return row


def _no_collection() -> AbstractContextManager[None]:
    return _Paused() if gc.isenabled() else nullcontext()


class _Paused(AbstractContextManager[None]):
    def __enter__(self) -> None:
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()


def run(groups: Iterable[Group], options: Options) -> Iterator[tuple[Group, list[Row]]]:
    """Measure group after group; a table can be printed as each is done."""
    for group in groups:
        yield group, [measure(group.name, case, options) for case in group.cases(options)]


def geometric_mean(rows: Iterable[Row], peer: str) -> float | None:
    """The geometric mean of a peer's ratios, of the rows where it has one."""
    ratios = [ratio for row in rows if (ratio := row.ratio(peer)) is not None]
    return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None
