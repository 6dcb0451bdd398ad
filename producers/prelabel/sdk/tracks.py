"""Objects of a video: one annotation of a label for each frame → one of ours with segments and keyframes."""

from itertools import groupby, pairwise
from typing import Any

from prelabel.builders.values import refused
from prelabel.sdk.answers import nested
from prelabel.sdk.objects import envelope, filled, geometry

_COUNTS = ("bbox", "point", "line")


def instance_of(annotation: Any) -> tuple[str | None, str | None]:
    """What tells two objects of one feature apart: `extra["uuid"]`, or `extra["instance"]`, such as a track's number.

    The uuid becomes that of the pre-label; the instance is ours alone and is not sent.
    """
    uuid, instance = (annotation.extra.get(key) for key in ("uuid", "instance"))
    return None if uuid is None else str(uuid), None if instance is None else str(instance)


def track(found: list[tuple[str, Any]]) -> dict[str, Any]:
    """One object; its frames ascend, and only keyframes are written."""
    found = sorted(found, key=lambda each: each[1].frame)
    for (_, before), (path, after) in pairwise(found):
        if before.frame == after.frame:
            expected = "one object: tell two of a feature apart by extra['instance'] or extra['uuid']"
            raise refused(f"{path}.frame", f"frame {after.frame} again", expected)
    segments = []
    for _, run in groupby(zip(found, runs_of(found), strict=True), key=lambda each: each[1]):
        keyframes = [_keyframe(annotation, path) for (path, annotation), _ in run if annotation.keyframe]
        if keyframes:
            segments.append({"keyframes": keyframes})
    if not segments:
        raise refused(found[0][0], "no keyframe", "keyframe=True in one frame at least")
    return envelope(found[0][1]) | {"segments": segments}


def runs_of(found: list[tuple[str, Any]]) -> list[int]:
    """For each annotation of ascending frames the segment it is in: by `segment_index`, or by consecutive frames."""
    given = [annotation.segment_index for _, annotation in found]
    missing = given.count(None)
    if missing not in (0, len(given)):
        path = next(path for path, annotation in found if annotation.segment_index is None)
        raise refused(f"{path}.segment_index", None, "a segment_index in all frames of the feature, or in none")
    if missing:
        # Within a run frame - position stays the same.
        return [annotation.frame - at for at, (_, annotation) in enumerate(found)]
    for (_, before), (path, after) in pairwise(found):
        if after.segment_index < before.segment_index:
            expected = f"{before.segment_index} or more, as frames go on"
            raise refused(f"{path}.segment_index", after.segment_index, expected)
    return given


def _keyframe(annotation: Any, path: str) -> dict[str, Any]:
    shape = geometry(annotation.value, path)
    if len(shape) != 1 or not shape.keys() <= set(_COUNTS):
        found = type(annotation.value).__name__
        raise refused(path, found, "a Rectangle, a Point or a Line: video takes no others as objects")
    return {"frame": annotation.frame} | shape | filled(classifications=nested(annotation.classifications, path))
