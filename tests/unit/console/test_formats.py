"""What pages print: numbers, durations, and text that somebody else wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from prelabel_console import formats
from tests.support.hostile_text import EVIL, raw_controls


@given(st.text())
def test_no_control_or_direction_mark_reaches_a_page(text: str) -> None:
    assert raw_controls(formats.visible(text)) <= {"\t"}


def test_line_breaks_stay_and_marks_are_seen() -> None:
    assert formats.visible("a\nb\t\u202ec\x1b[0m") == "a\nb\t\\u202ec\\x1b[0m"
    assert "\\u202e" in formats.visible(EVIL)


def test_markup_of_a_template_is_left_alone() -> None:
    markup = Markup("<b>\u00a0</b>")

    assert formats.visible(markup) is markup
    assert formats.visible(7) == 7


@given(st.text())
def test_a_value_that_is_sent_back_is_unchanged_but_escaped(text: str) -> None:
    assert formats.exact(text).unescape() == Markup.escape(text).unescape()
    assert "<" not in formats.exact(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"), (0, "0 s"), (0.04, "40 ms"), (0.44, "0.4 s"), (12.2, "12 s"),
        (59.7, "1 min"), (60, "1 min"), (200, "3 min 20 s"),
        (3600, "1 h"), (7500, "2 h 5 min"), (86_400, "1 d"), (273_600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert formats.lasted(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7, "7"), (2.5, "2.5"), (9999, "9,999"), (12_345, "12.3k"), (1_500_000, "1.5M"), (2e11, "200G")],
)
def test_short_numbers(value: float, text: str) -> None:
    assert formats.short(value) == text


def test_times_are_ago_or_to_come() -> None:
    assert formats.ago(100.0, now=112.0) == "12 s ago"
    assert formats.ago(172.0, now=112.0) == "in 1 min"
    assert formats.ago(112.5, now=112.0) == "now"
    assert formats.utc(0.0) == "1970-01-01 00:00:00 UTC"
    assert formats.utc(1e30) == "out of range"
