"""Objects, radios, checklists and texts of a label, with what is nested below them."""

from typing import Any

from labelbox import types as lb

from prelabel.builders.values import refused
from prelabel.sdk.objects import envelope, filled, geometry, metrics


def geometric(annotation: Any, path: str) -> dict[str, Any]:
    """An object that stands in one place."""
    below = nested(annotation.classifications, path)
    return envelope(annotation) | geometry(annotation.value, path) | filled(classifications=below)


def answered(annotation: Any, path: str) -> dict[str, Any]:
    """A global answer, or one about a message."""
    return _answer(annotation, envelope(annotation), path) | filled(messageId=annotation.message_id)


def prompt(annotation: Any) -> dict[str, Any]:
    """The prompt of a data row, which is a text."""
    confidence = annotation.value.confidence
    return envelope(annotation) | filled(answer=annotation.value.answer, confidence=confidence)


def nested(annotations: Any, path: str) -> list[dict[str, Any]] | None:
    """Classifications below an object or an option; None without any."""
    found = []
    for at, each in enumerate(annotations or ()):
        named = filled(name=each.name, schemaId=each.feature_schema_id)
        found.append(_answer(each, named, f"{path}.classifications[{at}]"))
    return found or None


def option(answer: Any, path: str) -> dict[str, Any]:
    """A chosen option."""
    return filled(
        name=answer.name,
        schemaId=answer.feature_schema_id,
        confidence=answer.confidence,
        customMetrics=metrics(answer),
        classifications=nested(answer.classifications, path),
    )


def _answer(annotation: Any, fields: dict[str, Any], path: str) -> dict[str, Any]:
    value = annotation.value
    if isinstance(value, lb.Radio):
        return fields | {"answer": option(value.answer, f"{path}.answer")}
    if isinstance(value, lb.Checklist):
        return fields | {"answer": [option(each, f"{path}.answer[{at}]") for at, each in enumerate(value.answer)]}
    if isinstance(value, lb.Text):
        below = nested(value.classifications, path)
        text = filled(confidence=value.confidence, customMetrics=metrics(value), classifications=below)
        return fields | text | {"answer": value.answer}
    raise refused(path, type(value).__name__, "a Radio, a Checklist or a Text")
