"""Answers for ranges of a video's frames, in all three forms (docs/reference/labelbox-format.md#2-18)."""

from typing import Any

from prelabel_sandbox.checks.classifications import (
    OPTION,
    answer_key,
    check_answer,
    check_below,
    check_beside,
    check_global,
    check_text,
    options_of,
)
from prelabel_sandbox.checks.frames import frame_ranges
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.questions import overlap, times_of
from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import filled, known_keys, mapping, required

_FRAMED_OPTION = OPTION | {"frames"}
_VALUE = frozenset({"value", "frames"})
_VALUE_ABOVE_OTHERS = _VALUE | {"classifications"}


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
        value = mapping(entry, "answer")
        known_keys(value, _VALUE if scene.strict else _VALUE_ABOVE_OTHERS, "answer")
        check_text(required(value, "value", "answer"), feature)
        frame_ranges(required(value, "frames", "answer"), "answer.frames", scene)
        check_below(value, feature.below, scene)
    return True


def _check_options(line: dict[str, Any], feature: Feature, scene: Scene) -> bool:
    check_beside(line, feature, scene)
    check_answer(line, feature, scene, _FRAMED_OPTION, changing=True)
    options = options_of(line, feature, scene, changing=True)
    key = answer_key(line)
    framed = [option for option in options if "frames" in option]
    if feature.shape == "radio" and len(framed) < len(options) > 1:
        raise invalid(key, "A radio takes one answer at a time.")
    if "frames" in line:
        if framed:
            raise invalid("frames", "Give them in the options or beside the answer, not both.")
        frame_ranges(line["frames"], "frames", scene)
        return True
    if framed and len(framed) < len(options):
        raise invalid(f"{key}.frames", MISSING)
    for option in framed:
        frame_ranges(option["frames"], f"{key}.frames", scene)
    if overlap(times_of(line, feature)):
        raise invalid(key, "A radio takes one answer at a time.")
    return bool(framed)
