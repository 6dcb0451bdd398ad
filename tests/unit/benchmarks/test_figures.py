"""Marks, ratios and the records of the results file."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.suite import report
from benchmarks.suite.figures import Figures, Mark, NotMeasured, Result, alone, at_least, at_most, beside

POSITIVE = st.floats(1e-6, 1e9)


@pytest.mark.parametrize(
    ("mark", "ratio", "reached"),
    [
        (at_least(80, "×"), 80.0, True),
        (at_least(80, "×"), 79.9, False),
        (at_most(0.45, "×"), 0.45, True),
        (at_most(0.45, "×"), 0.46, False),
    ],
)
def test_a_mark_is_reached_on_its_own_side_and_on_itself(mark: Mark, ratio: float, reached: bool) -> None:
    assert mark.reached(ratio) is reached


@given(POSITIVE, POSITIVE)
def test_a_ratio_is_ours_divided_by_the_peers(ours: float, peer: float) -> None:
    ratio = beside(ours, peer).ratio

    assert ratio is not None
    assert math.isclose(ratio * peer, ours)


def test_without_a_peer_there_is_a_figure_but_no_ratio_and_no_answer() -> None:
    result = Result("drain", at_least(15, "×"), beside(20_000.0, None, "pip has no such package"))

    assert result.met is None
    assert result.note == "pip has no such package"
    assert result.as_json() == {
        "measure": "drain",
        "ours": 20_000.0,
        "peer": None,
        "ratio": None,
        "mark": 15,
        "met": None,
    }


def test_a_peer_that_did_nothing_is_no_measurement() -> None:
    with pytest.raises(NotMeasured, match="the peer's figure is 0"):
        beside(1.0, 0.0)


def test_a_condition_beside_the_mark_must_hold_too() -> None:
    mark = at_most(2, "ms")

    assert Result("script-p99-ms", mark, Figures(1.0, None, 1.0)).met is True
    assert Result("script-p99-ms", mark, Figures(1.0, None, 1.0, conditions=False)).met is False


def test_a_measure_without_figures_keeps_its_record_and_its_reason() -> None:
    result = Result("busy", at_least(0.92, "share"), None, "benchmarks/busy.py does not exist")

    assert result.met is None
    assert result.note == "benchmarks/busy.py does not exist"
    assert set(result.as_json().values()) == {"busy", 0.92, None}


@given(st.lists(st.builds(alone, POSITIVE), min_size=1))
def test_the_file_is_a_list_of_records_with_exactly_six_fields(figures: list[Figures]) -> None:
    written = orjson.loads(report.json_of([Result("busy", at_least(1, "share"), each) for each in figures]))

    assert [list(record) for record in written] == [["measure", "ours", "peer", "ratio", "mark", "met"]] * len(figures)
    assert all(
        math.isclose(record["ratio"], each.ours, rel_tol=1e-3) for record, each in zip(written, figures, strict=True)
    )
    assert all(record["met"] is (each.ours >= 1) for record, each in zip(written, figures, strict=True))
