"""Tracked boxes: Labelbox interpolates between keyframes the boxes that the tracker reported."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel import GlobalKey, InvalidAnnotation, PredictionMessage, VideoObject
from prelabel.builders import boxes_of, track_from_boxes
from prelabel.validation.gate import prepare

Corners = tuple[float, float, float, float]


def frames(track: VideoObject) -> list[list[int]]:
    return [[keyframe.frame for keyframe in segment.keyframes] for segment in track.segments]


def moved(frame: int, speed: float = 2.0) -> Corners:
    return (10 + speed * frame, 20, 40 + speed * frame, 60)


def test_a_box_that_moves_evenly_has_two_keyframes() -> None:
    assert frames(track_from_boxes("vessel", {frame: moved(frame) for frame in range(1, 101)})) == [[1, 100]]


def test_a_turn_has_a_keyframe() -> None:
    boxes = {frame: moved(frame) if frame <= 50 else moved(100 - frame) for frame in range(1, 100)}

    assert frames(track_from_boxes("vessel", boxes, tolerance=0.1)) == [[1, 50, 99]]


def test_a_gap_begins_a_segment() -> None:
    boxes = {frame: moved(frame) for frame in (*range(1, 10), *range(20, 30), 40)}

    assert frames(track_from_boxes("vessel", boxes)) == [[1, 9], [20, 29], [40]]


def test_frames_that_the_model_skips_are_no_gap() -> None:
    boxes = {frame: moved(frame) for frame in range(1, 51, 5)}

    assert frames(track_from_boxes("vessel", boxes, step=5)) == [[1, 46]]
    assert len(frames(track_from_boxes("vessel", boxes))) == 10


def test_frames_may_come_in_any_order() -> None:
    boxes = {frame: moved(frame) for frame in (3, 1, 2)}

    assert frames(track_from_boxes("vessel", boxes, schema_id="c" * 25)) == [[1, 3]]


def test_without_tolerance_every_bend_is_kept() -> None:
    boxes = {1: moved(0), 2: moved(1), 3: moved(2), 4: moved(7)}

    assert frames(track_from_boxes("vessel", boxes, tolerance=0)) == [[1, 3, 4]]


@pytest.mark.parametrize(("off", "kept"), [(0.49, [1, 3]), (0.51, [1, 2, 3])])
@pytest.mark.parametrize("edge", range(4))
def test_the_tolerance_is_in_pixels_and_of_every_edge(edge: int, off: float, kept: list[int]) -> None:
    middle = [10.0, 20.0, 40.0, 60.0]
    middle[edge] += off

    assert frames(track_from_boxes("vessel", {1: (10, 20, 40, 60), 2: middle, 3: (10, 20, 40, 60)})) == [kept]


EDGE = st.floats(0, 500, allow_nan=False)
JUMPS = st.lists(st.tuples(EDGE, EDGE, st.floats(1, 300), st.floats(1, 300)), min_size=1, max_size=60)
SHAKY = st.lists(st.tuples(*[st.floats(100, 101.5)] * 4), min_size=1, max_size=60)


@given(walk=JUMPS | SHAKY, gaps=st.sets(st.integers(1, 60)), tolerance=st.sampled_from([0.0, 0.5, 20.0, 200.0]))
def test_read_back_every_box_is_within_the_tolerance_and_gaps_are_empty(
    walk: list[Any], gaps: set[int], tolerance: float
) -> None:
    boxes = {
        frame: (left, top, left + width, top + height)
        for frame, (left, top, width, height) in enumerate(walk, 1)
        if frame not in gaps
    }
    if not boxes:
        return

    shown = boxes_of(track_from_boxes("vessel", boxes, tolerance=tolerance))

    assert shown.keys() == boxes.keys()
    for frame, box in boxes.items():
        assert max(abs(a - b) for a, b in zip(box, shown[frame], strict=True)) <= tolerance + 1e-6


def test_a_tenth_of_the_frames_of_a_smooth_track_is_kept() -> None:
    boxes = {
        frame: (300 + 200 * math.sin(frame / 60), 200 + frame / 30, 380 + 200 * math.sin(frame / 60), 260 + frame / 30)
        for frame in range(1, 1001)
    }

    assert sum(map(len, frames(track_from_boxes("vessel", boxes)))) < 100


def test_a_track_passes_the_gate() -> None:
    track = track_from_boxes("vessel", {frame: moved(frame) for frame in (1, 2, 9)})

    prepare(PredictionMessage(project_id="cm1", data_row=GlobalKey("a.mp4"), annotations=[track]))


@pytest.mark.parametrize(
    ("boxes", "more", "path"),
    [
        ({}, {}, "boxes"),
        ({1: (5, 5, 4, 9)}, {}, "boxes[1].right"),
        ({-1: moved(1)}, {}, "boxes"),
        ({1.5: moved(1)}, {}, "boxes"),
        ({1: moved(1)}, {"tolerance": -1}, "tolerance"),
        ({1: moved(1)}, {"step": 0}, "step"),
        ({1: (700, 5, 710, 9)}, {"image": (640, 480)}, "boxes[1]"),
    ],
)
def test_what_is_no_track_is_refused(boxes: Any, more: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidAnnotation) as caught:
        track_from_boxes("vessel", boxes, **more)

    assert caught.value.path == path
