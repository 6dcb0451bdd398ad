"""The table, the page and the plots."""

from xml.etree import ElementTree

import pytest

from benchmarks.suite import report
from benchmarks.suite.figures import Result, alone, at_least, beside
from benchmarks.suite.measures import MEASURES
from benchmarks.suite.plots import Plot, plots_of, svg
from benchmarks.suite.runs import NAMES, Output, Size

PLOT = Plot("projects", "Publishing to many projects", "projects", "rows a second", [(1, 60_000), (1000, 30_000)])
NONE = {name: Output(None, 0, "not run") for name in NAMES}


def results(**figures: Result) -> list[Result]:
    return [figures.get(each.slug, Result(each.slug, each.mark, None, "not run")) for each in MEASURES]


def one() -> list[Result]:
    return results(publish=Result("publish", at_least(80, "×"), beside(66_607.0, 733.0)))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (66_607.4, "66,607"), (58.26, "58.3"), (0.0825, "0.0825"), (0.0, "0"), (120.0, "120")],
)
def test_a_figure_has_three_digits_and_all_of_a_large_one(value: float | None, text: str) -> None:
    assert report.number(value) == text


def test_the_table_has_a_line_of_each_measure_and_the_reasons_below() -> None:
    lines = report.table(MEASURES, one()).splitlines()

    assert lines[0].split() == ["measure", "ours", "peer", "ratio", "mark", "reached"]
    assert lines[1].split() == ["publish", "66,607", "rows/s", "733", "rows/s", "90.9", "×", "≥", "80", "×", "yes"]
    assert lines[len(MEASURES) + 1] == ""
    assert "busy: not run" in lines


def test_the_page_has_machine_marks_runs_and_plots() -> None:
    facts = {"date": "2026-11-29", "processor": "2 cores"}

    page = report.page(Size.FULL, facts, MEASURES, one(), NONE, [PLOT])

    assert page.startswith("# All measures\n")
    assert f"1 of {len(MEASURES)} marks are reached" in page
    assert "| `publish` | publishing from one process | 66,607 rows/s |" in page
    assert "| processor | 2 cores |" in page
    assert "![Publishing to many projects: rows a second by projects](projects.svg)" in page
    assert "| `python benchmarks/rows.py --seconds 2` | 0 |" in page


def test_only_a_run_with_figures_has_a_plot() -> None:
    value = [{"projects": 1, "rows": 100, "seconds": 1.0}, {"projects": 10, "rows": 100, "seconds": 2.0}]

    (plot,) = plots_of(NONE | {"many_projects": Output(value, 1)})

    assert (plot.name, plot.points) == ("projects", [(1, 100), (10, 50)])


def test_a_plot_is_svg_with_its_labels_and_the_colours_of_both_schemes() -> None:
    text = svg(PLOT)
    root = ElementTree.fromstring(text)
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}

    assert {"projects", "rows a second", "1", "1,000"} <= words
    assert "prefers-color-scheme: dark" in text
    assert all(f"var(--{name})" in text for name in ("ink", "paper", "line"))
    assert "#0102" not in text


def test_equal_plots_are_equal_files() -> None:
    assert svg(PLOT) == svg(PLOT)


def test_a_measure_without_a_peer_has_no_dash_for_one() -> None:
    busy = next(measure for measure in MEASURES if measure.slug == "busy")

    cells = report.cells(busy, Result("busy", busy.mark, alone(0.93)))

    assert cells == ("busy", "0.93 share", "", "0.93 share", "≥ 0.92 share", "yes")
