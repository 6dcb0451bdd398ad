"""The kinds of annotations that each media type accepts (docs/reference/labelbox-format.md#3)."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from prelabel_sandbox.checks.chat import FORMATS, check_task
from prelabel_sandbox.checks.classifications import check_global
from prelabel_sandbox.checks.document import check_document_box
from prelabel_sandbox.checks.entities import check_document_entity, check_message_entity, check_text_entity
from prelabel_sandbox.checks.frame_masks import check_frame_masks
from prelabel_sandbox.checks.geospatial import (
    check_geo_box,
    check_geo_line,
    check_geo_point,
    check_geo_polygon,
    check_tile_box,
)
from prelabel_sandbox.checks.kinds import (
    BARE,
    ENVELOPE,
    NAMED,
    PLAIN,
    RESPONSES,
    Check,
    Kind,
    answer_kinds,
    object_kind,
)
from prelabel_sandbox.checks.mask import check_mask
from prelabel_sandbox.checks.media import CHAT, UNKNOWN
from prelabel_sandbox.checks.messages import check_message_answer
from prelabel_sandbox.checks.objects import check_bbox, check_line, check_point, check_polygon
from prelabel_sandbox.checks.relationship import check_document_relationship, check_relationship
from prelabel_sandbox.checks.segments import check_segments
from prelabel_sandbox.checks.temporal import check_audio_answer
from prelabel_sandbox.checks.timed import check_video_answer
from prelabel_sandbox.checks.unknown_media import (
    check_any_answer,
    check_any_box,
    check_any_entity,
    check_any_masks,
    check_any_segments,
)
from prelabel_sandbox.checks.volume import check_slice_masks, check_slices

Kinds = Mapping[str, Kind]


@cache
def kinds_of(media: str, strict: bool) -> Kinds:
    """Return the kinds that a media type accepts; if not `strict`, also those on which sources differ or are silent."""
    documented, disputed = _KINDS[media]
    return documented if strict else {**documented, **disputed}


def _tool(keys: set[str], types: set[str], check: Check) -> Kind:
    return Kind("tools", frozenset(types), ENVELOPE | keys | {"classifications"}, check)


_TOOLS_OF_MASKS = {"raster-segmentation", "superpixel"}
_MOVING = {"rectangle", "point", "line"}

_EDGE = {"relationship": Kind("tools", frozenset({"edge"}), ENVELOPE | {"relationship"}, check_relationship)}
_DOCUMENT_EDGE = {"relationship": replace(_EDGE["relationship"], check=check_document_relationship)}
_GLOBAL = answer_kinds(check_global)
_OF_MESSAGES = answer_kinds(check_message_answer, {"messageId"})
_MESSAGE_ENTITY = {"location": _tool({"location", "messageId"}, {"named-entity"}, check_message_entity)}
_TASKS = {
    "messageEvaluationTask": Kind("tools", frozenset(FORMATS), NAMED | {"messageEvaluationTask"}, check_task),
}

_IMAGE = {
    "bbox": object_kind("bbox", {"rectangle"}, check_bbox),
    "polygon": object_kind("polygon", {"polygon"}, check_polygon),
    "point": object_kind("point", {"point"}, check_point),
    "line": object_kind("line", {"line"}, check_line),
    "mask": _tool({"mask"}, _TOOLS_OF_MASKS, check_mask),
    **_EDGE,
    **_GLOBAL,
}
_VIDEO = {
    # No confidence: the official client refuses it on video objects.
    "segments": Kind("tools", frozenset(_MOVING), NAMED | {"segments", "classifications"}, check_segments),
    "masks": Kind("none", frozenset(), BARE | {"masks"}, check_frame_masks),
    **answer_kinds(check_video_answer, {"frames"}),
}
_TEXT = {
    "location": _tool({"location"}, {"named-entity"}, check_text_entity),
    **_EDGE,
    **answer_kinds(check_global, types=PLAIN | RESPONSES),  # a text may be the prompt that responses are for
}
_TILED = {
    "bbox": object_kind("bbox", {"rectangle"}, check_tile_box),
    **{key: _IMAGE[key] for key in ("polygon", "point", "line")},
    **_GLOBAL,
}
_GEOSPATIAL = {
    "bbox": object_kind("bbox", {"rectangle"}, check_geo_box),
    "polygon": object_kind("polygon", {"polygon"}, check_geo_polygon),
    "point": object_kind("point", {"point"}, check_geo_point),
    "line": object_kind("line", {"line"}, check_geo_line),
    **_GLOBAL,
}
_DOCUMENT = {
    "bbox": _tool({"bbox", "page", "unit"}, {"rectangle"}, check_document_box),
    "textSelections": _tool({"textSelections"}, {"named-entity"}, check_document_entity),
    **_DOCUMENT_EDGE,
    **_GLOBAL,
}
_DICOM = {
    "segments": Kind("tools", frozenset({"line"}), NAMED | {"segments", "classifications", "groupKey"}, check_slices),
    "masks": Kind("none", frozenset(), BARE | {"masks", "groupKey"}, check_slice_masks),
}
_ANY = {
    **_IMAGE,
    **_TASKS,
    **_DOCUMENT_EDGE,
    "bbox": _tool({"bbox", "page", "unit"}, {"rectangle"}, check_any_box),
    "location": _tool({"location", "messageId"}, {"named-entity"}, check_any_entity),
    "textSelections": _DOCUMENT["textSelections"],
    "segments": Kind(
        "tools", frozenset(_MOVING), NAMED | {"segments", "classifications", "groupKey"}, check_any_segments
    ),
    "masks": Kind("none", frozenset(), BARE | {"masks", "groupKey"}, check_any_masks),
    **answer_kinds(check_any_answer, {"frames", "messageId"}, PLAIN | RESPONSES | {"prompt"}),
}

# Documented kinds, and disputed ones. A conversational project without a task type may be a multimodal chat.
_KINDS: dict[str, tuple[Kinds, Kinds]] = {
    "image": (_IMAGE, {}),
    "video": (_VIDEO, _EDGE),
    "text": (_TEXT, {}),
    "audio": (answer_kinds(check_audio_answer), {}),
    "HTML": (_GLOBAL, {}),
    "geospatial": (_GEOSPATIAL, _EDGE),
    "tiled": (_TILED, _EDGE),
    "document": (_DOCUMENT, {}),
    "conversational": ({**_MESSAGE_ENTITY, **_OF_MESSAGES}, {**_EDGE, **_TASKS}),
    CHAT: ({**_OF_MESSAGES, **_TASKS}, {}),
    "DICOM": (_DICOM, _EDGE),
    "prompt": (answer_kinds(check_global, types=RESPONSES | {"prompt"}), {}),
    "point cloud": ({}, {}),
    "LLM": ({}, {}),
    UNKNOWN: (_ANY, {}),
}
