"""Radio, checklist and text answers, at the top and nested to any depth (format reference, sections 2.1 to 2.4)."""

from typing import Any

from prelabel_sandbox.checks.ontology import Feature, Level
from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, invalid
from prelabel_sandbox.checks.values import array, known_keys, mapping, model_run_keys, text

_OPTION = frozenset({"name", "schemaId", "classifications", "confidence", "customMetrics"})
_NESTED = frozenset({"name", "schemaId", "answer", "answers", "confidence", "customMetrics"})


def check_answer(given: dict[str, Any], feature: Feature) -> None:
    """The answer of a line, or of a nested entry, in the shape of its feature's type."""
    key = "answers" if "answers" in given else "answer"
    if key not in given:
        raise invalid("answer", MISSING)
    if "answer" in given and "answers" in given:
        raise invalid("answers", UNKNOWN)
    if feature.type == "checklist":
        _checklist(given[key], feature, key)
    elif key == "answers":  # the old spelling, of checklists only
        raise invalid("answers", UNKNOWN)
    elif feature.type == "radio":
        _option(given[key], feature, key)
    else:
        _text(given[key], feature)


def check_nested(entries: Any, level: Level) -> None:
    """What stands in `classifications`: of the tool's or the chosen option's classifications, each at most once."""
    seen: list[Feature] = []
    for entry in array(entries, "classifications"):
        known_keys(mapping(entry, "classifications"), _NESTED, "classifications")
        feature = level.find(entry)
        if feature in seen:
            raise invalid("classifications", "A classification is answered more than once.")
        seen.append(feature)
        check_answer(entry, feature)
        model_run_keys(entry, "classifications")


def _checklist(value: Any, feature: Feature, key: str) -> None:
    chosen = [_option(option, feature, key) for option in array(value, key)]
    if not chosen:
        raise invalid(key, "Checklist answers should not be empty")
    if len({option.schema_id for option in chosen}) < len(chosen):
        raise invalid(key, "Duplicated featureSchema found for checklist")


def _option(value: Any, feature: Feature, key: str) -> Feature:
    option = mapping(value, key)
    known_keys(option, _OPTION, key)
    chosen = feature.below.find(option)
    model_run_keys(option, key)
    if "classifications" in option:
        check_nested(option["classifications"], chosen.below)
    return chosen


def _text(value: Any, feature: Feature) -> None:
    answer = text(value, "answer")
    least, most = feature.limits
    if (least is not None and len(answer) < least) or (most is not None and len(answer) > most):
        raise invalid("answer", f"Length must be between {least} and {most}.")
