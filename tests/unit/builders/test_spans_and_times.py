"""Half-open spans and intervals are converted to Labelbox's inclusive ends."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import ConversationEntity, DocumentEntity, InvalidAnnotation, TextEntity, TextSelection, TimeRange
from prelabel.builders import (
    checklist_from_seconds,
    document_entity_from_tokens,
    entity_from_span,
    frame_range,
    message_entity_from_span,
    millisecond_range,
    radios_from_seconds,
    text_from_seconds,
)

TEXT = "The Lisbeth II sails."


def test_the_end_is_the_last_character() -> None:
    assert entity_from_span("ship name", 4, 14, text=TEXT) == TextEntity("ship name", start=4, end=13)


def test_one_character_and_the_whole_text_are_spans() -> None:
    assert entity_from_span("ship name", 0, 1, text=TEXT).location.wire() == {"start": 0, "end": 0}
    assert entity_from_span("ship name", 0, len(TEXT), text=TEXT).location.end == len(TEXT) - 1


def test_a_span_of_a_message() -> None:
    assert message_entity_from_span("harbour", 18, 27, message_id="m-2") == ConversationEntity(
        "harbour", start=18, end=26, message_id="m-2"
    )


@given(st.text(min_size=1), st.data())
def test_the_inclusive_span_holds_the_same_characters(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))

    location = entity_from_span("ship name", start, end, text=text).location
    assert text[location.start : location.end + 1] == text[start:end]

    units = text.encode("utf-16-le", "surrogatepass")
    location = entity_from_span("ship name", start, end, text=text, utf16=True).location
    held = units[2 * location.start : 2 * location.end + 2]
    assert held == text[start:end].encode("utf-16-le", "surrogatepass")


def test_the_two_units_differ_behind_an_emoji_only() -> None:
    text = "a \U0001f6a2 ship"

    assert entity_from_span("ship name", 4, 8, text=text, utf16=True) == TextEntity("ship name", start=5, end=8)
    assert entity_from_span("ship name", 0, 1, text=text, utf16=True) == TextEntity("ship name", start=0, end=0)


@pytest.mark.parametrize(
    ("start", "end", "more", "path"),
    [
        (4, 4, {}, "end"),
        (4, 3, {}, "end"),
        (-1, 3, {}, "start"),
        (0, 22, {"text": TEXT}, "end"),
        (1.0, 3, {}, "start"),
        (1, True, {}, "end"),
        (1, 3, {"utf16": True}, "text"),
    ],
)
def test_what_is_no_span_is_refused(start: Any, end: Any, more: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidAnnotation) as caught:
        entity_from_span("ship name", start, end, **more)

    assert caught.value.path == path


def test_tokens_of_a_group_and_page_make_one_selection() -> None:
    tokens = [(1, "g1", "t1"), (1, "g1", "t2"), (2, "g1", "t3"), (1, "g1", "t4")]

    assert document_entity_from_tokens("ship name", tokens) == DocumentEntity(
        "ship name",
        [
            TextSelection(group_id="g1", token_ids=["t1", "t2", "t4"], page=1),
            TextSelection(group_id="g1", token_ids=["t3"], page=2),
        ],
    )


def test_an_entity_without_tokens_is_refused() -> None:
    with pytest.raises(InvalidAnnotation, match="tokens: expected at least one token, found none"):
        document_entity_from_tokens("ship name", [])


def test_seconds_become_milliseconds_up_to_the_end() -> None:
    assert millisecond_range(0, 2.4) == TimeRange(0, 2399)
    assert millisecond_range(2.4, 9) == TimeRange(2400, 8999)


def test_seconds_become_the_frames_that_are_shown_within() -> None:
    assert frame_range(0, 1, fps=25) == TimeRange(1, 25)
    assert frame_range(1, 2, fps=25) == TimeRange(26, 50)
    assert frame_range(0, 0.1, fps=30) == TimeRange(1, 3)  # 0.1 * 30 is a little more than 3
    assert frame_range(0.5, 0.51, fps=10, first_frame=0) == TimeRange(5, 5)


def test_an_interval_shorter_than_a_millisecond_or_frame_has_one() -> None:
    assert millisecond_range(1.0001, 1.0002) == TimeRange(1000, 1000)
    assert frame_range(1.0, 1.0000000001, fps=25) == TimeRange(26, 26)


@given(st.lists(st.floats(0, 10_000), min_size=3, max_size=20, unique=True))
def test_intervals_that_follow_each_other_share_no_millisecond(times: list[float]) -> None:
    times.sort()
    intervals = [(a, b) for a, b in itertools.pairwise(times) if b - a > 0.002]
    ranges = [millisecond_range(*each) for each in intervals]

    assert all(a.end < b.start for a, b in itertools.pairwise(ranges))


def test_a_changing_radio_is_one_annotation_for_each_option() -> None:
    radios = radios_from_seconds("speaker", [(0, 2, "tower"), (2, 4, "pilot"), (4, 5, "tower")])

    assert [radio.wire() for radio in radios] == [
        {"name": "speaker", "answer": {"name": "tower", "frames": [{"start": 0, "end": 1999},
                                                                   {"start": 4000, "end": 4999}]}},
        {"name": "speaker", "answer": {"name": "pilot", "frames": [{"start": 2000, "end": 3999}]}},
    ]  # fmt: skip


def test_a_checklist_and_a_text_are_one_annotation() -> None:
    assert checklist_from_seconds("noise", [(0, 1, "gulls"), (0.5, 2, "engine")], fps=10).wire()["answer"] == [
        {"name": "gulls", "frames": [{"start": 1, "end": 10}]},
        {"name": "engine", "frames": [{"start": 6, "end": 20}]},
    ]
    assert text_from_seconds("transcript", [(9.1, 9.8, "Go ahead.")]).wire()["answer"] == [
        {"value": "Go ahead.", "frames": [{"start": 9100, "end": 9799}]}
    ]


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda: millisecond_range(2, 2), "end"),
        (lambda: millisecond_range(-1, 2), "start"),
        (lambda: millisecond_range(float("nan"), 2), "start"),
        (lambda: frame_range(1, 2, fps=0), "fps"),
        (lambda: text_from_seconds("t", []), "intervals"),
        (lambda: radios_from_seconds("t", [(0, 1, "a"), (3, 2, "b")]), "intervals[1].end"),
    ],
)
def test_what_is_no_interval_is_refused(build: Any, path: str) -> None:
    with pytest.raises(InvalidAnnotation) as caught:
        build()

    assert caught.value.path == path
