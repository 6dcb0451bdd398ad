"""Map the annotations of a message, whose names are the classes of a model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prelabel.errors import InvalidAnnotation, MalformedMessage, Reason, found_value
from prelabel.mapping.classes import BELOW, Target

if TYPE_CHECKING:
    from prelabel.mapping.mapping import PredictionMapping

UNLINKED = "relationships of predictions that are left out"


Placed = tuple[int, Any]
"""An annotation, and its place among those that were published."""


def mapped(annotations: Any, mapping: "PredictionMapping") -> Any:
    """Return the annotations that are kept, named by features. Raises MessageError.

    What has not the form of an annotation stays as it is, for the check of the message to explain.
    """
    if not isinstance(annotations, list):
        return annotations
    return [annotation for _, annotation in placed(annotations, mapping)]


def placed(annotations: list[Any], mapping: "PredictionMapping") -> list[Placed]:
    """Return the annotations that are kept, each with its place. Raises MessageError."""
    kept: list[Placed] = []
    left_out: set[str] = set()
    for at, annotation in enumerate(annotations):
        name = annotation.get("name") if isinstance(annotation, Mapping) else None
        if not isinstance(name, str):
            kept.append((at, annotation))
        elif (new := _mapped(annotation, name, mapping, at)) is not None:
            kept.append((at, new))
        elif isinstance(uuid := annotation.get("uuid"), str):
            left_out.add(uuid.lower())
    return _linked(kept, left_out, mapping) if left_out else kept


def _mapped(
    annotation: Mapping[str, Any], name: str, mapping: "PredictionMapping", at: int
) -> Mapping[str, Any] | None:
    answer = annotation.get("answer")
    if isinstance(answer, list):
        target = chosen(mapping, name, None, f"annotations[{at}].name")
        minimum = mapping.minimum(target) if target else 0.0
        options = [option for option in answer if not _is_below(option, minimum)]
        if len(options) != len(answer):
            mapping.leave_out(BELOW, len(answer) - len(options))
            if not options:
                return None
            annotation = {**annotation, "answer": options}
    else:
        score = _score(annotation)
        target = chosen(mapping, name, _score(answer) if score is None else score, f"annotations[{at}].name")
    if target is None:
        return None
    return named(annotation, target, f"annotations[{at}]")


def chosen(
    mapping: "PredictionMapping", name: str, score: float | None, path: str, feature: str | None = None
) -> Target | None:
    """Return the class's target, or None if it is left out. Raises MessageError for a class that is not mapped."""
    try:
        return mapping.choose(name, score, feature)
    except ValueError as error:
        hint = str(error).partition("; ")[2] or None
        expected = "a class of the mapping, whose `unmapped` is refuse"
        raise InvalidAnnotation(Reason.INVALID_ANNOTATION, path, found_value(name), expected, hint) from None


def named(annotation: Mapping[str, Any], target: Target, path: str) -> Mapping[str, Any]:
    """Return an annotation with its target's name, and its answer if it has one. Raises MessageError."""
    if target.option is None:
        same = annotation.get("name") == target.feature
        return annotation if same else {**annotation, "name": target.feature}
    if target.classification is None:
        expected = f"a classification beside the option {target.option!r} of the class, in the mapping"
        raise MalformedMessage(Reason.MALFORMED_MESSAGE, path, "nothing", expected)
    below = annotation.get("classifications") or []
    return {**annotation, "name": target.feature, "classifications": [*below, *target.answers()]}


def _linked(annotations: list[Placed], left_out: set[str], mapping: "PredictionMapping") -> list[Placed]:
    """Return the annotations without the relationships that have lost an end."""
    kept = [item for item in annotations if _ends(item[1]).isdisjoint(left_out)]
    if len(kept) != len(annotations):
        mapping.leave_out(UNLINKED, len(annotations) - len(kept))
    return kept


def _ends(annotation: Any) -> set[str]:
    link = annotation.get("relationship") if isinstance(annotation, Mapping) else None
    ends = (link.get("source"), link.get("target")) if isinstance(link, Mapping) else ()
    return {end.lower() for end in ends if isinstance(end, str)}


def _is_below(option: Any, minimum: float) -> bool:
    score = _score(option)
    return score is not None and score < minimum


def _score(part: Any) -> float | None:
    score = part.get("confidence") if isinstance(part, Mapping) else None
    return score if isinstance(score, int | float) else None
