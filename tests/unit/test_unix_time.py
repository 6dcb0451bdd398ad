"""Every time in output has one form, whatever Redis holds."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel.unix_time import OUT_OF_RANGE, UnixTime
from prelabel_worker.cli.dead.filters import moment
from prelabel_worker.cli.shared.terminal import json_text, when

LAST_MS = 253_402_300_799_999  # the end of the year 9999


def test_a_time_is_iso_8601_in_utc_with_milliseconds() -> None:
    assert UnixTime.of_ms(1_796_043_600_123).iso() == "2026-11-30T13:00:00.123Z"
    assert UnixTime.of_ms(1_796_043_600_000).iso() == "2026-11-30T13:00:00.000Z"
    assert UnixTime.known(0) is None


@given(st.integers(-62_135_596_800_000, LAST_MS))
def test_a_time_read_back_is_the_same_millisecond(ms: int) -> None:
    text = UnixTime.of_ms(ms).iso()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert UnixTime.from_iso(text).ms == ms
    assert datetime.fromisoformat(text).tzinfo == UTC


@given(st.integers(1, LAST_MS))
def test_a_printed_time_names_the_same_moment_in_since_and_until(ms: int) -> None:
    assert moment(when(UnixTime.of_ms(ms))).at(0) == ms


@pytest.mark.parametrize("seconds", [float("inf"), float("-inf"), float("nan"), 1e300, -1e300, 1e12])
def test_a_time_that_no_calendar_has_is_named_so(seconds: float) -> None:
    assert UnixTime(seconds).iso() == OUT_OF_RANGE


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "yesterday", "", "1796043600"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|Invalid"):
        UnixTime.from_iso(text)


@pytest.mark.parametrize("other", ["", "\ud800"])
def test_json_shows_a_time_wherever_it_is_nested(other: str) -> None:
    shown = json.loads(json_text({"rows": [{"at": UnixTime(1.0)}], "other": other}))
    assert shown["rows"] == [{"at": "1970-01-01T00:00:01.000Z"}]
