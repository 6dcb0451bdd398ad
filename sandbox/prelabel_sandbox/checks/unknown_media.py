"""Projects whose media type is null or unknown: a line is judged as the kind that it looks like."""

from typing import Any

from prelabel_sandbox.checks.classifications import check_below
from prelabel_sandbox.checks.document import check_document_box
from prelabel_sandbox.checks.entities import check_message_entity, check_text_entity
from prelabel_sandbox.checks.frame_masks import check_frame_masks
from prelabel_sandbox.checks.geospatial import check_tile_box
from prelabel_sandbox.checks.messages import check_message_answer
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import UNKNOWN, Refused, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.segments import check_segments
from prelabel_sandbox.checks.temporal import check_audio_answer, is_temporal
from prelabel_sandbox.checks.timed import check_video_answer
from prelabel_sandbox.checks.volume import check_slice_masks, check_slices


def check_any_box(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a document's box, or else a box on tiled imagery."""
    if line.keys() & {"page", "unit"}:
        check_document_box(line, feature, scene)
        return
    check_tile_box(line["bbox"])
    check_below(line, feature.below, scene)


def check_any_entity(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a message's entity, or else a text's."""
    (check_message_entity if "messageId" in line else check_text_entity)(line, feature, scene)


def check_any_segments(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a volume's segments, or else a video's."""
    if "groupKey" in line and feature.type != "line":  # volumes have lines only
        raise invalid("groupKey", UNKNOWN)
    (check_slices if "groupKey" in line else check_segments)(line, feature, scene)


def check_any_masks(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a volume's masks, or else a video's."""
    (check_slice_masks if "groupKey" in line else check_frame_masks)(line, feature, scene)


def check_any_answer(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check an answer of a message, or else a global answer or one of a video, or else one of a recording."""
    if "messageId" in line:
        if "frames" in line:  # no medium has both
            raise invalid("frames", UNKNOWN)
        check_message_answer(line, feature, scene)
        return
    try:
        check_video_answer(line, feature, scene)
    except Refused:
        if "frames" in line or not is_temporal(line.get("answer"), feature):
            raise
        check_audio_answer(line, feature, scene)
