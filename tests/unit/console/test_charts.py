"""Charts: every value is drawn within the picture, in order, and nothing is drawn where nothing is known."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_console.charts import HEIGHT, LIMIT, SPARK_HEIGHT, WIDTH, Series, chart_of, spark_of

VALUES = st.lists(
    st.one_of(st.none(), st.floats(0, 1e12), st.integers(0, 10**9)), min_size=1, max_size=100
)  # fmt: skip


def points_of(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)]


@given(VALUES)
def test_every_known_value_is_a_point_of_the_line_within_the_picture(values: list[float | None]) -> None:
    chart = chart_of([Series("rows", "in", values)], [float(60 * at) for at in range(len(values))])
    points = points_of(chart.lines[0].path)

    assert len(points) == sum(value is not None for value in values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert points == sorted(points, key=lambda point: point[0])


@given(VALUES)
def test_larger_values_are_higher_and_below_the_top_level(values: list[float | None]) -> None:
    chart = chart_of([Series("rows", "in", values)], [0.0] * len(values))
    known = [value for value in values if value is not None]
    heights = [y for _, y in points_of(chart.lines[0].path)]

    for value, height in zip(known, heights, strict=True):
        assert all(height <= other + 0.11 for more, other in zip(known, heights, strict=True) if more <= value)
    assert not known or chart.levels[-1].value >= max(known)
    assert chart.levels[-1].value <= max(10 * max(known, default=0), 1) + 1e-6


def test_a_gap_divides_the_line_and_a_single_value_is_seen() -> None:
    line = chart_of([Series("p50", "out", [1.0, None, 2.0, 3.0])], [0.0, 60, 120, 180]).lines[0]

    assert line.path.count("M") == 2
    assert "h" in line.path.split("M")[1]
    assert (line.top, line.last, line.values) == (3.0, 3.0, "1,,2,3")


def test_a_bound_alone_is_an_empty_chart() -> None:
    chart = chart_of([Series("requests", "out", [0, 0]), Series("limit", LIMIT, [100, 100])], [0.0, 60])

    assert chart.is_empty
    assert chart.lines[1].area == ""


def test_a_chart_of_nothing_can_be_drawn() -> None:
    assert chart_of([Series("rows", "in", [])], []).is_empty
    assert chart_of([], []).is_empty


@given(st.lists(st.integers(0, 10**9), max_size=100))
def test_a_sparkline_has_a_bar_for_each_value_above_zero(values: list[int]) -> None:
    path = spark_of(values)

    assert path.count("M") == sum(value > 0 for value in values)
    assert all(0 < float(height) <= SPARK_HEIGHT for height in re.findall(r"v-([\d.]+)", path))


@pytest.mark.parametrize(("value", "top"), [(0, 1), (1, 1), (3, 4), (37, 40), (100, 100), (101, 200), (5000, 10_000)])
def test_the_top_level_is_a_round_number(value: int, top: int) -> None:
    assert chart_of([Series("rows", "in", [value])], [0.0]).levels[-1].value == top
