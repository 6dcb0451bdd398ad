"""Times as people write them."""

import pytest
import typer

from prelabel_worker.cli.dead.filters import moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("3d ago", 259_200),
        ("1w", 604_800),
        ("1.5h", 5400),
        (" 2 h ago", 7200),
    ],
)
def test_a_time_may_be_so_long_ago_by_the_clock_that_dates_the_rows(text: str, seconds: float) -> None:
    now_ms = 1_769_860_800_000
    assert moment(text).at(now_ms) == now_ms - seconds * 1000


def test_a_time_may_be_rfc_3339() -> None:
    assert moment("2026-01-31T12:00:00Z").at(0) == 1_769_860_800_000
    assert moment("2026-01-31T13:00:00.250+01:00").at(0) == 1_769_860_800_250


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2x", "yesterday", "2026-01-31T12:00:00", "2026-13-01"])
def test_anything_else_is_a_mistake(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        moment(text)
