"""Objects that move: through the frames of a video, or the slices of a volume (sections 2.16 and 2.23)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from prelabel_sandbox.checks.classifications import check_nested
from prelabel_sandbox.checks.frames import check_frame, first_frame
from prelabel_sandbox.checks.objects import check_bbox, check_line, check_point
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled, integer, known_keys, mapping, required

_GEOMETRIES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "rectangle": ("bbox", check_bbox),
    "point": ("point", check_point),
    "line": ("line", check_line),
}
_KEYFRAME = frozenset({"frame", "bbox", "point", "line", "classifications"})
_SEGMENT = frozenset({"keyframes"})
_GROUPS = ("axial", "sagittal", "coronal")


def check_segments(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """One object, in one stretch of frames or more."""
    if "classifications" in line:  # the official client writes an empty list
        check_nested(line["classifications"], feature.below, scene)
    last = -1
    for segment in filled(line["segments"], "segments"):
        keyframes = filled(exact_keys(segment, _SEGMENT, "segments")["keyframes"], "segments.keyframes")
        frames = [_check_keyframe(each, feature, scene) for each in keyframes]
        if any(later <= earlier for earlier, later in pairwise(frames)):
            raise invalid("segments.keyframes.frame", "Frames must ascend.")
        if scene.strict and frames[0] <= last:
            raise invalid("segments", "Segments must ascend and not overlap.")
        last = frames[-1]


def check_slices(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """A polyline through the slices of one of a volume's groups."""
    check_group(line)
    check_segments(line, feature, scene)


def check_group(line: dict[str, Any]) -> None:
    """Which of a volume's three groups of slices is meant."""
    if required(line, "groupKey") not in _GROUPS:
        raise invalid("groupKey", f"Must be one of: {', '.join(_GROUPS)}.")


def _check_keyframe(value: Any, feature: Feature, scene: Scene) -> int:
    keyframe = mapping(value, "segments.keyframes")
    known_keys(keyframe, _KEYFRAME, "segments.keyframes")
    frame = integer(required(keyframe, "frame", "segments.keyframes"), "segments.keyframes.frame", first_frame(scene))
    check_frame(frame, scene)
    wanted, check = _GEOMETRIES[feature.type]
    surplus = keyframe.keys() & {"bbox", "point", "line"} - {wanted}
    if surplus:
        raise invalid("segments.keyframes", f"A {feature.type} feature does not take {min(surplus)}.")
    if wanted not in keyframe:
        raise invalid(f"segments.keyframes.{wanted}", MISSING)
    check(keyframe[wanted])
    if "classifications" in keyframe:
        check_nested(keyframe["classifications"], feature.below, scene)
    return frame
