"""Convert a label's annotations of single frames into video objects with segments and keyframes."""

from itertools import groupby, pairwise
from typing import Any

from prelabel.builders.values import refused
from prelabel.sdk.answers import nested
from prelabel.sdk.objects import envelope, filled, geometry

_SHAPES = ("bbox", "point", "line")


def instance_of(annotation: Any) -> tuple[str | None, str | None]:
    """Return `extra["uuid"]` and `extra["instance"]`, such as a track id: they distinguish objects of one feature.

    The uuid becomes the uuid of the pre-label; the instance is used here only and is not sent.
    """
    uuid, instance = (annotation.extra.get(key) for key in ("uuid", "instance"))
    return None if uuid is None else str(uuid), None if instance is None else str(instance)


def track(located: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return one video object with ascending frames; only keyframes are written."""
    located = sorted(located, key=lambda pair: pair[1].frame)
    for (_, before), (path, after) in pairwise(located):
        if before.frame == after.frame:
            expected = "one object: tell two of a feature apart by extra['instance'] or extra['uuid']"
            raise refused(f"{path}.frame", f"frame {after.frame} again", expected)
    segments = []
    for _, run in groupby(zip(located, runs_of(located), strict=True), key=lambda pair: pair[1]):
        keyframes = [_keyframe(annotation, path) for (path, annotation), _ in run if annotation.keyframe]
        if keyframes:
            segments.append({"keyframes": keyframes})
    if not segments:
        raise refused(located[0][0], "no keyframe", "keyframe=True in at least one frame")
    return envelope(located[0][1]) | {"segments": segments}


def runs_of(located: list[tuple[str, Any]]) -> list[int]:
    """Return the segment of every annotation, by `segment_index` or by consecutive frames; frames must ascend."""
    indexes = [annotation.segment_index for _, annotation in located]
    missing = indexes.count(None)
    if missing not in (0, len(indexes)):
        path = next(path for path, annotation in located if annotation.segment_index is None)
        raise refused(f"{path}.segment_index", None, "a segment_index in all frames of the feature, or in none")
    if missing:
        # Within a run, frame - position is constant.
        return [annotation.frame - at for at, (_, annotation) in enumerate(located)]
    for (_, before), (path, after) in pairwise(located):
        if after.segment_index < before.segment_index:
            expected = f"{before.segment_index} or more, as frames ascend"
            raise refused(f"{path}.segment_index", after.segment_index, expected)
    return indexes


def _keyframe(annotation: Any, path: str) -> dict[str, Any]:
    shape = geometry(annotation.value, path)
    if len(shape) != 1 or not shape.keys() <= set(_SHAPES):
        kind = type(annotation.value).__name__
        raise refused(path, kind, "a Rectangle, a Point or a Line: video takes no others as objects")
    return {"frame": annotation.frame} | shape | filled(classifications=nested(annotation.classifications, path))
