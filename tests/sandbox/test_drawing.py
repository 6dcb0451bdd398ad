"""The drawings of pages, without pages: colours, highlights, filters of masks, timelines."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_sandbox.normalized import normalized
from prelabel_sandbox.pages.drawing.annotations import annotations_of
from prelabel_sandbox.pages.drawing.answers import answer_of
from prelabel_sandbox.pages.drawing.classes import Classes
from prelabel_sandbox.pages.drawing.highlights import LANES, Span, highlighted
from prelabel_sandbox.pages.drawing.masks import Filter, filter_of
from prelabel_sandbox.pages.drawing.timeline import timeline_of
from prelabel_sandbox.pages.formats import clock, count
from tests.support.sandbox.examples import HARBOUR
from tests.support.sandbox.process import ndjson

TEXT = "The Annegret left at noon, in fog."
COLORS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    starts = draw(st.lists(st.integers(0, 40), max_size=12))
    return [Span(number, start, start + draw(st.integers(0, 15))) for number, start in enumerate(starts)]


@given(spans())
def test_every_character_is_highlighted_by_exactly_the_entities_that_cover_it(given_spans: list[Span]) -> None:
    found = highlighted(TEXT, given_spans)
    assert "".join(piece.text for piece in found.pieces) == TEXT
    place = 0
    for piece in found.pieces:
        for _ in piece.text:
            covering = {s.number for s in given_spans if s.start <= place <= s.end} - found.hidden
            assert {number for number in piece.lanes if number is not None} == covering
            place += 1
    assert found.depth <= LANES


@given(spans())
def test_an_entity_is_hidden_only_behind_the_end_or_where_the_lanes_are_full(given_spans: list[Span]) -> None:
    for span in given_spans:
        if span.number in highlighted(TEXT, given_spans).hidden:
            at_its_start = [s for s in given_spans if s.start <= span.start <= s.end]
            assert span.start >= len(TEXT) or len(at_its_start) > LANES


@given(spans())
def test_an_entity_keeps_its_lane_and_ends_once(given_spans: list[Span]) -> None:
    lanes: dict[int, set[int]] = {}
    ends: list[int] = []
    for piece in highlighted(TEXT, given_spans).pieces:
        ends += piece.ends
        for lane, number in enumerate(piece.lanes):
            if number is not None:
                lanes.setdefault(number, set()).add(lane)
    assert all(len(each) == 1 for each in lanes.values())
    assert sorted(ends) == sorted(lanes)


def alpha(picked: Filter, pixel: tuple[int, int, int]) -> float:
    """Return the result of an SVG filter for a pixel."""
    tables = [table.split() for table in picked.tables]
    steps = [float(table[min(255, int(value / 255 * 256))]) for table, value in zip(tables, pixel, strict=True)]
    *weights, constant = (float(each) for each in (*picked.sum.split()[:3], picked.sum.split()[4]))
    return min(1.0, max(0.0, sum(w * s for w, s in zip(weights, steps, strict=True)) + constant))


@given(COLORS.filter(any), COLORS)
def test_a_filter_picks_the_pixels_of_its_colour_and_no_others(
    color: tuple[int, int, int], pixel: tuple[int, int, int]
) -> None:
    assert alpha(filter_of(list(color), "#ff0000"), pixel) == float(color == pixel)


@pytest.mark.parametrize(("value", "seen"), [(0, 0.0), (1, 1.0), (254, 1.0), (255, 1.0)])
def test_the_filter_of_a_binary_mask_picks_all_but_black(value: int, seen: float) -> None:
    assert alpha(filter_of(None, "#ff0000"), (value, value, value)) == seen


@pytest.mark.parametrize("value", [0, 1, 127, 128, 200, 254, 255])
def test_each_value_of_a_channel_is_told_apart(value: int) -> None:
    near = [each for each in range(256) if alpha(filter_of([value, 1, 1], "#ff0000"), (each, 1, 1))]
    assert near == [value]


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"tool": "point", "name": name, **more}


def test_classes_have_their_own_colours_and_no_two_the_same() -> None:
    tools = [tool("a", color="#ff0000"), tool("b"), tool("c"), tool("d", color="#FF0000"), tool("e", color="red")]
    colors = [each.color for each in Classes(normalized({"tools": tools}, "p")).all]
    assert colors[0] == "#ff0000"
    assert len(set(map(str.lower, colors))) == 5
    assert all(len(each) == 7 for each in colors)


def test_names_are_those_of_the_ontology_whichever_way_a_line_says_them() -> None:
    classes = Classes(HARBOUR)
    for given_name in ("reason_for_delay", "Reason for delay"):
        line = {"name": given_name, "answer": {"name": "low_tide"}, "dataRow": {"globalKey": "a"}}
        (found,) = annotations_of([(b"\0" * 16, ndjson([line]))], classes)
        assert found.feature.name == "Reason for delay"
        assert found.answers[0].choices[0].text == "Low tide"


def test_intervals_of_frames_fill_their_first_and_last_frame() -> None:
    frames = [{"start": 1, "end": 10}, {"start": 91, "end": 100}]
    line = {"name": "light", "answer": {"name": "day", "frames": frames}, "dataRow": {"globalKey": "a"}}
    ((lane,), whole) = timeline_of(annotations_of([(b"\0" * 16, ndjson([line]))], Classes(HARBOUR)), 100, unit=1.0)
    assert whole == 100
    assert [(each.begin, each.length) for each in lane.intervals] == [(0.0, 100.0), (900.0, 100.0)]


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(0, "0:00"), (2400, "0:02.4"), (61_040, "1:01.04"), (3_600_000, "60:00")]
)
def test_places_in_a_recording_are_said_as_minutes_and_seconds(milliseconds: int, said: str) -> None:
    assert clock(milliseconds) == said


def test_counts_have_their_plural() -> None:
    assert [count(0, "row"), count(1, "row"), count(1200, "row")] == ["0 rows", "1 row", "1,200 rows"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ({"name": "flags", "answer": []}, "(nothing chosen)"),
        ({"name": "remark", "answer": ""}, "(empty)"),
        ({"name": "frame note", "answer": [{"value": "", "frames": [{"start": 1, "end": 2}]}]}, "(empty)"),
    ],
)
def test_an_empty_answer_is_drawn_as_one(line: dict[str, Any], shown: str) -> None:
    classes = Classes(HARBOUR)

    (choice,) = answer_of(line, classes.classification(line)).choices
    assert choice.text == shown
