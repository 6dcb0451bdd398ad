"""Answers for ranges of a video's frames, in all three forms (docs/reference/labelbox-format.md#2-18)."""

from typing import Any

from prelabel_sandbox.checks.classifications import (
    OPTION,
    check_answer,
    check_beside,
    check_global,
    check_text,
    options_of,
)
from prelabel_sandbox.checks.frames import frame_ranges
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import exact_keys, filled

_FRAMED_OPTION = OPTION | {"frames"}
_VALUE = frozenset({"value", "frames"})


def check_video_answer(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check an answer: for frames if it names any, else for the whole video."""
    framed = _check_text(line, feature, scene) if feature.shape == "text" else _check_options(line, feature, scene)
    # In a live test, frames for a feature that was created without the scope `index` were not refused.
    if scene.strict and framed != feature.indexed:
        raise invalid("frames", f"The feature has the scope {'index' if feature.indexed else 'global'}.")


def _check_text(line: dict[str, Any], feature: Feature, scene: Scene) -> bool:
    if "frames" in line:  # a form that only radios and checklists have
        raise invalid("frames", UNKNOWN)
    if not isinstance(line.get("answer"), list):
        check_global(line, feature, scene)
        return False
    if "classifications" in line:  # no source has them beside texts with frames
        raise invalid("classifications", UNKNOWN)
    if scene.strict and "uuid" in line:  # the official client never writes a uuid here
        raise invalid("uuid", UNKNOWN)
    for entry in filled(line["answer"], "answer"):
        value = exact_keys(entry, _VALUE, "answer")
        check_text(value["value"], feature)
        frame_ranges(value["frames"], "answer.frames", scene)
    return True


def _check_options(line: dict[str, Any], feature: Feature, scene: Scene) -> bool:
    check_beside(line, feature, scene)
    check_answer(line, feature, scene, _FRAMED_OPTION)
    options = options_of(line, feature, scene)
    framed = [option for option in options if "frames" in option]
    if "frames" in line:
        if framed:
            raise invalid("frames", "Give them in the options or beside the answer, not both.")
        frame_ranges(line["frames"], "frames", scene)
        return True
    if framed and len(framed) < len(options):
        raise invalid("answer.frames", MISSING)
    for option in framed:
        frame_ranges(option["frames"], "answer.frames", scene)
    return bool(framed)
