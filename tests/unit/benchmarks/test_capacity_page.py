"""The pages quote the file of costs, and nothing older."""

import msgspec
import pytest

from benchmarks.capacity import page
from benchmarks.capacity.costs import read

AGAIN = "run `python -m benchmarks.capacity page`"


def test_the_page_on_performance_has_the_tables_that_the_costs_give() -> None:
    text = page.PAGE.read_text("utf-8")

    assert page.with_parts(text, read()) == text, AGAIN


def test_other_costs_give_another_page() -> None:
    costs = read()
    slower = msgspec.structs.replace(costs, submit_row_us=2 * costs.submit_row_us)

    assert page.with_parts(page.PAGE.read_text("utf-8"), slower) != page.PAGE.read_text("utf-8")


def test_a_page_without_a_place_for_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="costs: made by"):
        page.with_parts("# Performance\n", read())


def test_the_simulated_results_name_the_costs_of_the_file() -> None:
    costs = read()

    assert f"the costs of {costs.measured}: {costs.command}" in page.RESULTS.read_text("utf-8"), AGAIN
