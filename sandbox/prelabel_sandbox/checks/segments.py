"""Objects that move through the frames of a video (docs/reference/labelbox-format.md#2-16)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from prelabel_sandbox.checks.classifications import check_below
from prelabel_sandbox.checks.frames import check_frame, first_frame
from prelabel_sandbox.checks.objects import check_bbox, check_line, check_point
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled, integer, known_keys, mapping, required

_GEOMETRIES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "rectangle": ("bbox", check_bbox),
    "point": ("point", check_point),
    "line": ("line", check_line),
}
_KEYFRAME = frozenset({"frame", "bbox", "point", "line", "classifications"})
_SEGMENT = frozenset({"keyframes"})


def check_segments(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check one object with its keyframes in one or more segments."""
    if line.get("classifications", []) != []:  # they are in the keyframes; the official client writes an empty list
        raise invalid("classifications", UNKNOWN)
    last = -1
    for segment in filled(line["segments"], "segments"):
        keyframes = filled(exact_keys(segment, _SEGMENT, "segments")["keyframes"], "segments.keyframes")
        frames = [_check_keyframe(keyframe, feature, scene) for keyframe in keyframes]
        if any(later <= earlier for earlier, later in pairwise(frames)):
            raise invalid("segments.keyframes.frame", "Frames must ascend.")
        if scene.strict and frames[0] <= last:
            raise invalid("segments", "Segments must ascend and not overlap.")
        last = frames[-1]


def _check_keyframe(value: Any, feature: Feature, scene: Scene) -> int:
    keyframe = mapping(value, "segments.keyframes")
    known_keys(keyframe, _KEYFRAME, "segments.keyframes")
    frame = integer(required(keyframe, "frame", "segments.keyframes"), "segments.keyframes.frame", first_frame(scene))
    check_frame(frame, scene)
    geometry, check = _GEOMETRIES[feature.type]
    surplus = keyframe.keys() & {"bbox", "point", "line"} - {geometry}
    if surplus:
        raise invalid("segments.keyframes", f"A {feature.type} feature does not take {min(surplus)}.")
    if geometry not in keyframe:
        raise invalid(f"segments.keyframes.{geometry}", MISSING)
    check(keyframe[geometry])
    check_below(keyframe, feature.below, scene)
    return frame
