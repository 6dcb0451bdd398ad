"""Sliced volumes: polylines and masks of a group of slices (docs/reference/labelbox-format.md#2-23).

Labelbox documents them, and its client had them up to 6.0; it is unknown whether the server still accepts them
(docs/reference/labelbox-format.md#question-7-16).
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from prelabel.annotations.base import Annotation, CheckFailed, Rule, Wire, check_envelope, for_people, with_arguments
from prelabel.annotations.classifications import Classification
from prelabel.annotations.objects import MAX_POINTS, Vertex, vertices
from prelabel.annotations.video import MAX_FRAMES, Frame, check_track
from prelabel.annotations.video_masks import VideoMasks

GroupKey = Literal["axial", "sagittal", "coronal"]
"""The direction in which the volume is sliced."""


class Slice(Wire):
    """The line in one slice, in pixels; `frame` is the slice's number. Volumes have no nested answers.

    The official SDK writes an empty list of `classifications`, which is not sent. Source:
    docs/reference/labelbox-format.md#3.
    """

    frame: Frame
    line: Annotated[list[Vertex], Field(min_length=2, max_length=MAX_POINTS)]
    classifications: list[Classification] | None = None

    @for_people
    def __init__(self, frame: int | None = None, line: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, frame=frame, line=vertices(line)))


class SliceSegment(Wire):
    """Slices that belong together."""

    keyframes: Annotated[list[Slice], Field(min_length=1, max_length=MAX_FRAMES)]

    @for_people
    def __init__(self, keyframes: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, keyframes=keyframes))


def check_unanswered(annotation: Any) -> None:
    """Check that nothing is answered below a line of a volume; remove the empty lists that the official SDK writes."""
    keyframes = (
        (f"segments[{at}].keyframes[{index}].", keyframe)
        for at, segment in enumerate(annotation.segments)
        for index, keyframe in enumerate(segment.keyframes)
    )
    for path, holder in (("", annotation), *keyframes):
        if holder.classifications:
            expected = "no classifications: volumes have no nested answers"
            raise CheckFailed(f"{path}classifications", holder.classifications, expected)
        holder.classifications = None


class DicomPolyline(Annotation):
    """A line through slices (docs/reference/labelbox-format.md#2-23).

    `DicomPolyline("vein", [SliceSegment([Slice(7, [(201, 198), (240, 230)])])], group_key="axial")`.
    """

    ENVELOPE: ClassVar[tuple[Rule, ...]] = (check_envelope,)
    CHECKS: ClassVar[tuple[Rule, ...]] = (check_track, check_unanswered)

    segments: Annotated[list[SliceSegment], Field(min_length=1, max_length=MAX_FRAMES)]
    group_key: GroupKey
    classifications: list[Classification] | None = None

    @for_people
    def __init__(
        self, name: str | None = None, segments: Any = None, *, group_key: GroupKey | None = None, **fields: Any
    ) -> None:
        super().__init__(**with_arguments(fields, name=name, segments=segments, group_key=group_key))


class DicomMasks(VideoMasks):
    """Masks of slices: like `VideoMasks`, with a `group_key`; the `index` of a frame is the slice's number.

    Source: docs/reference/labelbox-format.md#2-23.
    """

    group_key: GroupKey
