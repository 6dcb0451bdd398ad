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
    below = nested(beside(annotation), path)
    fields = envelope(annotation) | filled(messageId=annotation.message_id, classifications=below)
    return _answer(annotation, fields, path)


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


def beside(annotation: Any) -> Any:
    """Classifications given to the annotation itself, which the SDK documents, takes and forgets.

    The gate moves them into the one option of a radio or checklist, and refuses them where that is in doubt.
    """
    return (annotation.model_extra or {}).get("classifications")


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
