"""Masks in video: the composite images of the frames, and which colour is which object.

Source: docs/reference/labelbox-format.md#2-17.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from prelabel.annotations.address import EXPECTED, is_address
from prelabel.annotations.base import (
    Annotation,
    CheckFailed,
    Name,
    PictureRule,
    Rule,
    SchemaId,
    Wire,
    for_people,
    read_uuid,
    with_arguments,
)
from prelabel.annotations.confidence import Confidence
from prelabel.annotations.mask import MAX_URI, Base64, Channel, read_image
from prelabel.annotations.png import PictureWork
from prelabel.annotations.video import MAX_FRAMES, Frame
from prelabel.errors import quoted

MAX_INSTANCES = 5000
"""Maximum number of objects of an annotation: as many as one feature may have on a data row
(docs/reference/labelbox-format.md#1-9)."""


class MaskFrame(Wire):
    """One frame's composite image: either an http(s) address that Labelbox can fetch, or base64 of the PNG."""

    index: Frame
    instance_uri: Annotated[str, Field(max_length=MAX_URI)] | None = Field(None, alias="instanceURI")
    im_bytes: Base64 | None = None


class MaskInstance(Wire):
    """An object: its colour in all frames, and its tool by name, perhaps with the tool's `feature_schema_id`.

    `confidence` stays in the message: Labelbox accepts none.
    """

    color_rgb: Annotated[list[Channel], Field(min_length=3, max_length=3, alias="colorRGB")]
    name: Name
    feature_schema_id: SchemaId | None = None
    confidence: Confidence | None = None


class FrameMasks(Wire):
    """All frames and all objects of a data row."""

    frames: Annotated[list[MaskFrame], Field(min_length=1, max_length=MAX_FRAMES)]
    instances: Annotated[list[MaskInstance], Field(min_length=1, max_length=MAX_INSTANCES)]


def check_nameless(annotation: Any) -> None:
    """Check that the annotation names no feature, since its instances do; rewrite its uuid canonically."""
    for field, key in (("name", "name"), ("schema_id", "schemaId")):
        if getattr(annotation, field) is not None:
            raise CheckFailed(key, quoted(getattr(annotation, field)), f"no {key}: the instances name their tools")
    if annotation.uuid is not None:
        annotation.uuid = read_uuid(annotation.uuid, "uuid")


def check_masks(annotation: Any) -> None:
    """Check that every frame occurs once, with one image, and every colour once."""
    indexes: set[int] = set()
    for at, frame in enumerate(annotation.masks.frames):
        if frame.index in indexes:
            raise CheckFailed(f"masks.frames[{at}].index", f"{frame.index}", "each frame once")
        indexes.add(frame.index)
        _check_source(frame, at)
    colors: dict[tuple[Any, ...], str] = {}
    for at, instance in enumerate(annotation.masks.instances):
        path, color = f"masks.instances[{at}].colorRGB", tuple(instance.color_rgb)
        if color == (0, 0, 0):
            raise CheckFailed(path, "black", "another colour: black is the background")
        # One colour under two tools passes, though it is doubtful: an official payload has it
        # (docs/reference/labelbox-format.md#2-17).
        if (named := (*color, instance.name)) in colors:
            raise CheckFailed(path, f"{color}", "each colour once")
        colors[named] = path


def _check_source(frame: Any, at: int) -> None:
    if (frame.instance_uri is None) == (frame.im_bytes is None):
        found = "neither" if frame.instance_uri is None else "both"
        raise CheckFailed(f"masks.frames[{at}]", found, "exactly one of instanceURI and imBytes")
    if frame.instance_uri is not None and not is_address(frame.instance_uri):
        raise CheckFailed(f"masks.frames[{at}].instanceURI", quoted(frame.instance_uri), EXPECTED)


def check_composites(annotation: Any, work: PictureWork) -> None:
    """Check that every frame's picture is a PNG file, and that not all of them are black, as far as `work` allows."""
    black = 0
    for at, frame in enumerate(annotation.masks.frames):
        if frame.im_bytes is not None:
            black += read_image(frame.im_bytes, f"masks.frames[{at}].imBytes", work).has_light() is False
    if black == len(annotation.masks.frames):
        raise CheckFailed("masks.frames", "black images alone", "a pixel of an instance's colour in one of the frames")


class VideoMasks(Annotation):
    """All masks of a data row: `VideoMasks(frames=[…], instances=[…])` (docs/reference/labelbox-format.md#2-17).

    One line carries the frames' composite images and the list of objects; its uuid stands for the whole set, so
    importing it again replaces the set. It has neither `name` nor classifications.
    """

    ENVELOPE: ClassVar[tuple[Rule, ...]] = (check_nameless,)
    CHECKS: ClassVar[tuple[Rule, ...]] = (check_masks,)
    PICTURES: ClassVar[tuple[PictureRule, ...]] = (check_composites,)

    masks: FrameMasks

    @for_people
    def __init__(self, *, frames: Any = None, instances: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, masks=with_arguments({}, frames=frames, instances=instances) or None))
