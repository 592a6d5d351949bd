"""How figures are taken: a wrong answer has none, an error is shown, a ratio is within a round."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.harness import Case, Group, Options, Row, geometric_mean, measure, run, same
from benchmarks.report import machine_line, seconds, table, verdict

OPTIONS = Options(smoke=True, rounds=3)


def _case(**runs):
    return Case("case", runs)


def test_a_peer_with_another_answer_has_no_figure():
    row = measure("group", _case(tensorstore=lambda: 1, tegula=lambda: 2), OPTIONS)
    assert row.errors == {"tegula": "WRONG ANSWER"}
    assert row.ratio("tegula") is None
    assert len(row.samples["tensorstore"]) == 3


def test_a_peer_that_fails_is_shown_with_its_error():
    def fails():
        raise KeyError("no such codec")

    row = measure("group", _case(tensorstore=lambda: 1, tegula=fails), OPTIONS)
    assert row.errors == {"tegula": "KeyError: 'no such codec'"}
    assert "tegula: KeyError: 'no such codec'" in table(Group("group", "says", lambda _: []), [row])


def test_every_round_starts_with_another_peer():
    order = []
    case = _case(
        tegula=lambda: order.append("a"),
        tensorstore=lambda: order.append("b"),
        zarr=lambda: order.append("c"),
    )
    measure("group", case, OPTIONS)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"


def test_a_ratio_is_the_median_of_the_ratios_within_rounds():
    # the machine was ten times slower in the second round: a ratio of medians would say 2
    row = Row("group", "case", 0, 1, {"tegula": [1.0, 30.0, 2.0], "tensorstore": [1.0, 10.0, 1.0]})
    assert row.ratio("tegula") == 2.0
    row = Row("group", "case", 0, 1, {"tegula": [1.0, 20.0, 4.0], "tensorstore": [2.0, 40.0, 1.0]})
    assert row.ratio("tegula") == 0.5


def test_a_sample_is_the_time_of_one_call_without_what_runs_before(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("benchmarks.harness.time.perf_counter", lambda: now[0])

    def passes(seconds):
        now[0] += seconds

    case = Case("case", {"tensorstore": lambda: passes(1)}, number=60, before=lambda _: passes(100))
    row = measure("group", case, Options(smoke=True, rounds=2))
    assert row.samples["tensorstore"] == [1.0, 1.0]
    assert now[0] == 100 + 1 + 2 * (100 + 3)


def test_means_are_geometric_and_skip_what_has_no_figure():
    rows = [
        Row("g", "a", 0, 1, {"tegula": [1.0], "tensorstore": [4.0]}),
        Row("g", "b", 0, 1, {"tegula": [1.0], "tensorstore": [1.0]}),
        Row("g", "c", 0, 1, {"tensorstore": [1.0]}, {"tegula": "no"}),
    ]
    assert geometric_mean(rows, "tegula") == pytest.approx(0.5)
    assert geometric_mean(rows, "zarr") is None
    reached = verdict([(Group("g", "", lambda _: [], (0.6, 0.9)), rows)])
    assert "0.50 (1.00)" in reached
    assert "missed" in reached


def test_a_case_is_measured_before_the_next_is_made():
    events = []

    def cases(_):
        for name in "ab":
            events.append(f"make {name}")
            yield Case(name, {"tensorstore": lambda name=name: events.append(f"run {name}")})
            events.append(f"drop {name}")

    list(run([Group("group", "", cases)], Options(smoke=True, rounds=1)))
    assert events == ["make a", "run a", "run a", "drop a", "make b", "run b", "run b", "drop b"]


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([1, 2], "u1"), np.array([1, 2], "u2"), False),
        (np.array([1, 2]), np.array([[1, 2]]), False),
        ((1, 2), (1, 2), True),
        (1, 2, False),
    ],
)
def test_answers_agree_in_shape_type_and_content(left, right, equal):
    assert same(left, right) is equal


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (2.0, "2 s"), (0.0123, "12.3 ms"), (0.99999, "1000 ms"), (3e-7, "300 ns")],
)
def test_times_have_a_unit(value, text):
    assert seconds(value) == text


def test_the_machine_is_one_line():
    assert machine_line().startswith("machine: ")
    assert "\n" not in machine_line()
