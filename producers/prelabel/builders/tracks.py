"""Convert the output of a tracker, one box per frame, into tracked boxes of a video.

Labelbox interpolates linearly between the keyframes of a segment, so a frame is left out if interpolation between the
kept frames gives its box.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from prelabel.annotations.video import Keyframe, Segment, VideoObject
from prelabel.builders.boxes import Corners, Size, read_corners
from prelabel.builders.values import number, refused, whole

_AHEAD = 1000
"""Maximum number of boxes between two keyframes: bounds the search for the next keyframe."""
Box = tuple[int, Corners]


def track_from_boxes(
    name: str | None,
    boxes: Mapping[int, Any],
    *,
    tolerance: float = 0.5,
    step: int = 1,
    image: Size | None = None,
    **fields: Any,
) -> VideoObject:
    """Return one tracked object; `boxes` maps a frame, counted from 1, to (left, top, right, bottom) in pixels.

    Interpolation by Labelbox meets every edge of every box within `tolerance` pixels. Frames that are more than `step`
    apart leave a gap in which the object is not visible; for a model that runs on every fifth frame, pass `step=5`. If
    the `image`'s size is given, boxes are clamped to it. Raises InvalidAnnotation.
    """
    if number(tolerance, "tolerance") < 0:
        raise refused("tolerance", tolerance, "0 or more pixels")
    if whole(step, "step") < 1:
        raise refused("step", step, "1 or more frames")
    if not boxes:
        raise refused("boxes", "none", "a box in at least one frame")
    track = sorted((_frame(frame), read_corners(box, image, f"boxes[{frame}]")) for frame, box in boxes.items())
    segments = [Segment([_keyframe(box) for box in _keyframes(run, tolerance)]) for run in _runs(track, step)]
    return VideoObject(name, segments, **fields)


def boxes_of(track: VideoObject) -> dict[int, Corners]:
    """Return frame → (left, top, right, bottom) for each frame in which Labelbox shows a track of boxes."""
    shown: dict[int, Corners] = {}
    for segment in track.segments:
        keyframes = [(keyframe.frame, _corners(keyframe)) for keyframe in segment.keyframes]
        for (first, start), (last, end) in pairwise(keyframes):
            for frame in range(first, last):
                share = (frame - first) / (last - first)
                left, top, right, bottom = (a + share * (b - a) for a, b in zip(start, end, strict=True))
                shown[frame] = left, top, right, bottom
        shown[keyframes[-1][0]] = keyframes[-1][1]
    return shown


def _frame(frame: Any) -> int:
    if (frame_number := whole(frame, "boxes")) < 0:
        raise refused("boxes", f"frame {frame_number}", "a frame of 0 or more")
    return frame_number


def _runs(track: list[Box], step: int) -> Iterator[list[Box]]:
    run = track[:1]
    for box in track[1:]:
        if box[0] - run[-1][0] > step:
            yield run
            run = []
        run.append(box)
    yield run


def _keyframes(run: list[Box], tolerance: float) -> Iterator[Box]:
    at = 0
    yield run[0]
    while at < len(run) - 1:
        at = _next(run, at, tolerance)
        yield run[at]


def _next(run: list[Box], at: int, tolerance: float) -> int:
    """Return the index of the farthest box to which interpolation from box `at` meets all boxes in between.

    For each edge, a line from box `at` meets all boxes so far, within the tolerance, if its slope is between `low` and
    `high`.
    """
    frame, start = run[at]
    low, high = [-float("inf")] * 4, [float("inf")] * 4
    best = at + 1
    for index in range(at + 1, min(len(run), at + 1 + _AHEAD)):
        after = run[index][0] - frame
        rises = [(there - here) / after for here, there in zip(start, run[index][1], strict=True)]
        if all(lowest <= rise <= highest for lowest, rise, highest in zip(low, rises, high, strict=True)):
            best = index
        room = tolerance / after
        low = [max(lowest, rise - room) for lowest, rise in zip(low, rises, strict=True)]
        high = [min(highest, rise + room) for highest, rise in zip(high, rises, strict=True)]
        if any(lowest > highest for lowest, highest in zip(low, high, strict=True)):
            break
    return best


def _keyframe(box: Box) -> Keyframe:
    frame, (left, top, right, bottom) = box
    return Keyframe(frame, bbox={"top": top, "left": left, "height": bottom - top, "width": right - left})


def _corners(keyframe: Keyframe) -> Corners:
    box = keyframe.bbox
    if box is None:
        raise refused("track", f"frame {keyframe.frame} without a box", "a track of boxes")
    return box.left, box.top, box.left + box.width, box.top + box.height
