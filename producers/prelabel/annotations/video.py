"""Objects in video: keyframes in segments, one annotation per tracked object.

Source: docs/reference/labelbox-format.md#2-16.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from prelabel.annotations.base import (
    MAX_NUMBER,
    CheckFailed,
    Rule,
    Wire,
    check_envelope,
    for_people,
    with_arguments,
)
from prelabel.annotations.classifications import Classification, check_nested
from prelabel.annotations.confidence import Confidence
from prelabel.annotations.objects import MAX_POINTS, Box, GeometricObject, Vertex, vertices

MAX_FRAMES = 20_000
"""Maximum number of keyframes of an annotation: about as many frames as a video has
(docs/reference/labelbox-format.md#1-9)."""
Frame = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
"""A frame's number. Official examples begin at 1, one of the client's own tests at 0
(docs/reference/labelbox-format.md#question-7-6): both pass."""
SHAPES = {"bbox": "rectangle", "point": "point", "line": "line"}
"""Keys of a keyframe's geometry, and the ontology's tool of each."""


class Keyframe(Wire):
    """The object in one frame: one of `bbox`, `point`, `line`, in pixels, and answers for this frame.

    The editor interpolates between the keyframes of a segment.
    """

    #: Number of the frame.
    frame: Frame
    #: The object as a box.
    bbox: Box | None = None
    #: The object as a point.
    point: Vertex | None = None
    #: The object as a line.
    line: Annotated[list[Vertex], Field(min_length=2, max_length=MAX_POINTS)] | None = None
    #: Answers for this frame.
    classifications: list[Classification] | None = None
    #: Stays in the message: Labelbox accepts none.
    confidence: Confidence | None = None

    @for_people
    def __init__(self, frame: int | None = None, *, line: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, frame=frame, line=vertices(line)))


class Segment(Wire):
    """An interval in which the object is visible, from its first keyframe to its last; a gap starts a new segment."""

    keyframes: Annotated[list[Keyframe], Field(min_length=1, max_length=MAX_FRAMES)]

    @for_people
    def __init__(self, keyframes: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, keyframes=keyframes))


def shape_of(keyframe: Any) -> str | None:
    """Return the key of a keyframe's geometry, or None if it has none or two."""
    if not hasattr(keyframe, "bbox"):  # a slice of a volume has a line only
        return "line"
    box, point, line = keyframe.bbox, keyframe.point, keyframe.line
    if box is not None:
        return "bbox" if point is None and line is None else None
    if point is not None:
        return "point" if line is None else None
    return None if line is None else "line"


def check_track(annotation: Any) -> None:
    """Check that all keyframes have the same geometry, and that frames ascend through all segments."""
    shape = shape_of(annotation.segments[0].keyframes[0])
    last, count = -1, 0
    for at, segment in enumerate(annotation.segments):
        for index, keyframe in enumerate(segment.keyframes):
            if shape is None or getattr(keyframe, shape) is None or shape_of(keyframe) is None:
                raise _odd_shape(keyframe, shape, f"segments[{at}].keyframes[{index}]")
            frame = keyframe.frame
            if frame <= last:
                path = f"segments[{at}].keyframes[{index}].frame"
                raise CheckFailed(path, f"{frame}", f"a frame after {last}")
            last = frame
        count += len(segment.keyframes)
    if count > MAX_FRAMES:
        raise CheckFailed("segments", f"{count} keyframes", f"at most {MAX_FRAMES}")


def _odd_shape(keyframe: Any, shape: str | None, path: str) -> CheckFailed:
    other = shape_of(keyframe)
    if other is None:
        return CheckFailed(path, "none or several", "exactly one of bbox, point, line")
    return CheckFailed(f"{path}.{other}", other, f"{shape}, as in the first keyframe")


def check_frame_answers(annotation: Any) -> None:
    """Check that answers are in the keyframes; Labelbox's own client sends an empty array beside the segments."""
    if annotation.classifications:
        raise CheckFailed("classifications", annotation.classifications, "classifications in the keyframes")
    for at, segment in enumerate(annotation.segments):
        for index, keyframe in enumerate(segment.keyframes):
            if keyframe.classifications:
                check_nested(keyframe.classifications, f"segments[{at}].keyframes[{index}].", 1)


class VideoObject(GeometricObject):
    """One tracked box, point or line: `VideoObject("vessel", [Segment([Keyframe(1, bbox={…}), …])])`.

    Source: docs/reference/labelbox-format.md#2-16.

    Two objects of one feature are two annotations. Polygons cannot be imported on video; masks are `VideoMasks`.
    """

    ENVELOPE: ClassVar[tuple[Rule, ...]] = (check_envelope,)
    CHECKS: ClassVar[tuple[Rule, ...]] = (check_track, check_frame_answers)

    segments: Annotated[list[Segment], Field(min_length=1, max_length=MAX_FRAMES)]

    @for_people
    def __init__(self, name: str | None = None, segments: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, segments=segments))
