"""Answers for intervals of a recording, in milliseconds, nested to any depth.

Source: docs/reference/labelbox-format.md#2-20.
"""

from typing import Any

from prelabel_sandbox.checks.classifications import check_global, check_text
from prelabel_sandbox.checks.frames import Range, ranges_of
from prelabel_sandbox.checks.ontology import Feature, Level
from prelabel_sandbox.checks.questions import overlap, times_of
from prelabel_sandbox.checks.refusal import UNKNOWN, Refused, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import array, filled, known_keys, mapping, required

_OPTION = frozenset({"name", "schemaId", "frames", "classifications"})
_VALUE = frozenset({"value", "frames", "classifications"})
_NESTED = frozenset({"name", "schemaId", "answer"})


def check_audio_answer(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check an answer: for intervals if it is a list with times, else for the whole recording."""
    temporal = is_temporal(line.get("answer"), feature)
    if scene.strict:
        _check_strictly(line, feature, temporal=temporal)
    if not temporal:
        check_global(line, feature, scene)
        return
    if line.get("classifications", []) != []:  # answers with times have them inside the answer
        raise invalid("classifications", UNKNOWN)
    _check_list(line["answer"], feature, scene, None)


def is_temporal(answer: Any, feature: Feature) -> bool:
    """Return whether an answer has times; a text has times if it is a list."""
    if not isinstance(answer, list):
        return False
    return feature.shape == "text" or any(
        isinstance(entry, dict) and entry.keys() & {"frames", "value"} for entry in answer
    )


def _check_strictly(line: dict[str, Any], feature: Feature, *, temporal: bool) -> None:
    """Refuse the wrong scope, and in a temporal line a uuid or an id: the official client never writes them there."""
    if temporal != feature.indexed:
        raise invalid("answer", f"The feature has the scope {'index' if feature.indexed else 'global'}.")
    surplus = line.keys() & {"uuid", "schemaId"}
    if temporal and surplus:
        raise invalid(min(surplus), UNKNOWN)
    if temporal and "id" in mapping(line.get("dataRow"), "dataRow"):
        raise invalid("dataRow.id", UNKNOWN)


def _check_list(value: Any, feature: Feature, scene: Scene, outer: list[Range] | None) -> None:
    entries = [mapping(entry, "answer") for entry in filled(value, "answer")]
    if feature.shape == "text":
        for entry in entries:
            known_keys(entry, _VALUE, "answer")
            check_text(required(entry, "value", "answer"), feature)
            _check_times(entry, feature.below, scene, outer)
        return
    if not feature.shape:
        raise invalid("_schema", f"A {feature.type} feature cannot be imported.")
    chosen = [_check_option(entry, feature, scene, outer) for entry in entries]
    if len({option.schema_id for option in chosen}) < len(chosen):
        raise invalid("answer", "Duplicated featureSchema found for checklist")
    if feature.shape == "radio" and scene.strict and len(chosen) > 1:
        raise invalid("answer", "A radio takes one answer.")
    if overlap(times_of({"answer": entries}, feature)):
        raise invalid("answer", "A radio takes one answer at a time.")


def _check_option(entry: dict[str, Any], feature: Feature, scene: Scene, outer: list[Range] | None) -> Feature:
    known_keys(entry, _OPTION, "answer")
    chosen = feature.below.find(entry)
    _check_times(entry, chosen.below, scene, outer)
    return chosen


def _check_times(entry: dict[str, Any], below: Level, scene: Scene, outer: list[Range] | None) -> None:
    """Check that an entry's ranges are within its parent's, and the ranges of nested answers within its own."""
    ranges = ranges_of(required(entry, "frames", "answer"), "answer.frames")
    for start, end in ranges:
        _check_range(start, end, scene, outer)
    if "classifications" in entry:
        _check_nested(entry["classifications"], below, scene, ranges)


def _check_range(start: int, end: int, scene: Scene, outer: list[Range] | None) -> None:
    if outer is not None and not any(first <= start and end <= last for first, last in outer):
        raise Refused("InvalidAnnotation", f"frames {start}-{end} lie outside the frames of the parent answer")
    seconds = scene.asset.seconds
    if seconds is not None and end > 1000 * seconds:
        raise Refused("InvalidAnnotation", f"{start}-{end} ms ends after the asset, which has {1000 * seconds:.0f} ms")


def _check_nested(entries: Any, level: Level, scene: Scene, outer: list[Range]) -> None:
    answered: list[Feature] = []
    for entry in array(entries, "classifications"):
        known_keys(mapping(entry, "classifications"), _NESTED, "classifications")
        feature = level.find(entry)
        if feature in answered:
            raise invalid("classifications", "A classification is answered more than once.")
        answered.append(feature)
        _check_list(required(entry, "answer", "classifications"), feature, scene, outer)
