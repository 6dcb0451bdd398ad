"""Radio, checklist and text answers, at the top and nested to any depth.

Source: docs/reference/labelbox-format.md#2-1 to #2-4.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from prelabel_sandbox.checks.ontology import Feature, Level
from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import array, known_keys, mapping, model_run_keys, string

OPTION = frozenset({"name", "schemaId", "classifications", "confidence", "customMetrics"})
_NESTED = frozenset({"name", "schemaId", "answer", "answers", "confidence", "customMetrics"})
# The official client misspells these keys below options; whether the service takes them is not known.
_MISSPELT = frozenset({"schema_id", "custom_metrics"})


def check_global(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check an answer for the whole data row."""
    check_beside(line, feature, scene)
    check_answer(line, feature, scene)


def check_beside(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check the key `classifications` beside `answer`. Only a text may have any, since options carry their own.

    The official client writes the key there, although no documented ontology nests classifications below a text.
    """
    if "classifications" in line:
        if scene.strict or (feature.shape != "text" and line["classifications"] != []):
            raise invalid("classifications", UNKNOWN)
        check_nested(line["classifications"], feature.below, scene)


def check_answer(
    holder: dict[str, Any],
    feature: Feature,
    scene: Scene,
    keys: AbstractSet[str] = OPTION,
    *,
    changing: bool = False,
) -> None:
    """Check the answer of a line or a nested entry against its feature's shape; `keys` are the keys of an option.

    If it is `changing`, a radio may have several options.
    """
    if feature.shape == "text":
        if "answers" in holder:  # the old spelling, which only checklists have
            raise invalid("answers", UNKNOWN)
        if "answer" not in holder:
            raise invalid("answer", MISSING)
        check_text(holder["answer"], feature)
        return
    key = answer_key(holder)
    options = options_of(holder, feature, scene, changing=changing)
    chosen = [_option(option, key, feature, scene, keys) for option in options]
    if len({option.schema_id for option in chosen}) < len(chosen):
        raise invalid(key, "Duplicated featureSchema found for checklist")


def answer_key(holder: dict[str, Any]) -> str:
    """Return the key of an answer: `answers`, the old spelling, if the holder has it."""
    return "answers" if "answers" in holder else "answer"


def options_of(holder: dict[str, Any], feature: Feature, scene: Scene, *, changing: bool = False) -> list[Any]:
    """Return the options of an answer: one for a radio unless it is `changing`, any number for a checklist.

    Some official payloads have a list of one option for a radio, or one object for a checklist. Whether the service
    accepts these is not known.
    """
    key = answer_key(holder)
    if key not in holder:
        raise invalid("answer", MISSING)
    if "answer" in holder and "answers" in holder:
        raise invalid("answers", UNKNOWN)
    value = holder[key]
    if feature.shape == "checklist":
        return _of_checklist(value, key, scene)
    if feature.shape != "radio":
        raise invalid("_schema", f"A {feature.type} feature cannot be imported.")
    if key == "answers":
        raise invalid("answers", UNKNOWN)
    if isinstance(value, list) and not scene.strict and (len(value) == 1 or (value and changing)):
        return value
    return [mapping(value, key)]


def _of_checklist(value: Any, key: str, scene: Scene) -> list[Any]:
    if isinstance(value, dict) and key == "answer" and not scene.strict:  # no source has an object under `answers`
        return [value]
    return array(value, key)


def check_below(holder: dict[str, Any], level: Level, scene: Scene) -> None:
    """Check the optional `classifications` of an object, a keyframe or an option."""
    if "classifications" in holder:
        check_nested(holder["classifications"], level, scene)


def check_nested(entries: Any, level: Level, scene: Scene) -> None:
    """Check nested answers: their features must be in `level`, and no feature may be answered twice."""
    answered: list[Feature] = []
    for entry in array(entries, "classifications"):
        entry = _spelt(mapping(entry, "classifications"), scene)
        known_keys(entry, _NESTED, "classifications")
        feature = level.find(entry)
        if feature in answered:
            raise invalid("classifications", "A classification is answered more than once.")
        answered.append(feature)
        check_answer(entry, feature, scene)
        model_run_keys(entry, "classifications")


def _option(value: Any, key: str, feature: Feature, scene: Scene, keys: AbstractSet[str]) -> Feature:
    option = _spelt(mapping(value, key), scene)
    known_keys(option, keys, key)
    chosen = feature.below.find(option)
    model_run_keys(option, key)
    check_below(option, chosen.below, scene)
    return chosen


def _spelt(holder: dict[str, Any], scene: Scene) -> dict[str, Any]:
    """Return an option or a nested entry with the right keys in place of the official client's misspelt ones."""
    if scene.strict or not holder.keys() & _MISSPELT:
        return holder
    names = {"schema_id": "schemaId", "custom_metrics": "customMetrics"}
    if any(key in holder and name in holder for key, name in names.items()):
        return holder  # the misspelt key is refused as any unknown key
    return {names.get(key, key): value for key, value in holder.items()}


def check_text(value: Any, feature: Feature) -> None:
    """Check a text: within the length that its feature allows. Nothing forbids an empty one where no length is set."""
    answer = string(value, "answer")
    minimum, maximum = feature.limits
    if (minimum is not None and len(answer) < minimum) or (maximum is not None and len(answer) > maximum):
        raise invalid("answer", f"Length must be between {minimum} and {maximum}.")
