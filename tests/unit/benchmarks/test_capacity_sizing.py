"""Sizing in closed form, and the solution for two costs from two runs."""

from pathlib import Path

import pytest

from benchmarks.capacity.costs import Costs, per_row_and_unit, read, write
from benchmarks.capacity.scenario import Scenario
from benchmarks.capacity.sizing import BUSY, LABELBOX_LIMITS, chunk_rows, largest_rate, need


@pytest.fixture(scope="module")
def costs() -> Costs:
    return read()


def test_the_file_of_costs_is_written_as_it_is_read(costs: Costs, tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    write(costs, file)

    assert read(file) == costs


def test_ten_times_the_rows_need_ten_times_the_cores_once_chunks_are_full(costs: Costs) -> None:
    scenario = Scenario(projects=1, linger_seconds=60, publishers=1, publisher_linger_seconds=60)
    one, ten = (need(rows, scenario, costs) for rows in (100e6, 1000e6))

    assert (one.chunk_rows, ten.chunk_rows) == (5000, 5000)
    assert ten.worker_cores == pytest.approx(10 * one.worker_cores)
    assert ten.requests_a_minute == pytest.approx(10 * one.requests_a_minute)


def test_every_core_is_busy_for_at_most_its_share_at_the_peak(costs: Costs) -> None:
    for rows_a_day in (1e6, 10e6, 100e6, 1e9):
        size = need(rows_a_day, Scenario(projects=100), costs)

        assert size.redis_cores / size.redis_nodes <= BUSY
        assert size.worker_cores <= size.submit_processes + size.poll_processes


def test_a_project_cuts_a_chunk_when_the_last_one_is_settled_or_the_linger_ends_or_it_is_full() -> None:
    at_once = {"request_seconds": 0.0, "import_seconds": 0.0, "import_row_seconds": 0.0}

    assert chunk_rows(10, Scenario(projects=10, linger_seconds=4, **at_once)) == 4
    assert chunk_rows(10, Scenario(projects=10, import_seconds=4, request_seconds=0, import_row_seconds=0)) == 4.5
    assert chunk_rows(1e6, Scenario(projects=10)) == 5000


def test_chunks_grow_instead_of_the_requests_when_a_budget_is_used_up(costs: Costs) -> None:
    size = need(100e6, Scenario(projects=1000), costs)

    assert size.requests_a_minute <= 1200
    assert size.chunk_rows > chunk_rows(size.rows_a_second, Scenario(projects=1000))


def test_a_larger_plan_allows_more_rows() -> None:
    rates = [largest_rate(limit, Scenario()) for limit in LABELBOX_LIMITS.values()]

    assert rates == sorted(rates)
    assert rates[0] == pytest.approx((1500 - 20) / 61 * 5000, rel=0.15)


def test_two_runs_give_the_cost_of_a_row_and_of_a_chunk() -> None:
    row, chunk = per_row_and_unit((2.0 * 1000 + 30.0 * 10, 1000, 10), (2.0 * 500 + 30.0 * 100, 500, 100))

    assert (row, chunk) == (pytest.approx(2.0), pytest.approx(30.0))


def test_a_cost_is_never_negative_however_noisy_the_runs() -> None:
    assert per_row_and_unit((1000.0, 1000, 10), (100.0, 500, 100)) == (1.0, 0.0)
    assert per_row_and_unit((10.0, 1000, 10), (500.0, 100, 100))[0] == 0.0
