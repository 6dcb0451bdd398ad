"""Convert a label's objects, radios, checklists and texts, with the answers nested below them."""

from typing import Any

from labelbox import types as lb

from prelabel.builders.values import refused
from prelabel.sdk.objects import envelope, filled, geometry, metrics


def geometric(annotation: Any, path: str) -> dict[str, Any]:
    """Return an object with a geometry that is not tracked through frames."""
    fields = envelope(annotation) | geometry(annotation.value, path)
    below = nested(annotation.classifications, path) if annotation.classifications else None
    return fields if below is None else fields | {"classifications": below}


def answered(annotation: Any, path: str) -> dict[str, Any]:
    """Return a global answer, or one about a message."""
    below = nested(beside(annotation), path)
    fields = envelope(annotation) | filled(messageId=annotation.message_id, classifications=below)
    return _answer(annotation, fields, path)


def prompt(annotation: Any) -> dict[str, Any]:
    """Return the prompt of a data row, which is a text."""
    confidence = annotation.value.confidence
    return envelope(annotation) | filled(answer=annotation.value.answer, confidence=confidence)


def nested(annotations: Any, path: str) -> list[dict[str, Any]] | None:
    """Return the classifications below an object or an option, or None."""
    answers = []
    for at, annotation in enumerate(annotations or ()):
        reference = filled(name=annotation.name, schemaId=annotation.feature_schema_id)
        answers.append(_answer(annotation, reference, f"{path}.classifications[{at}]"))
    return answers or None


def beside(annotation: Any) -> Any:
    """Return classifications on the annotation itself, which the SDK documents and accepts, but does not convert.

    The gate moves them into the single option of a radio or checklist, and refuses them if there are several.
    """
    return (annotation.model_extra or {}).get("classifications")


def option(answer: Any, path: str) -> dict[str, Any]:
    """Return a chosen option."""
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
        return fields | {"answer": [option(item, f"{path}.answer[{at}]") for at, item in enumerate(value.answer)]}
    if isinstance(value, lb.Text):
        below = nested(value.classifications, path)
        text = filled(confidence=value.confidence, customMetrics=metrics(value), classifications=below)
        return fields | text | {"answer": value.answer}
    raise refused(path, type(value).__name__, "a Radio, a Checklist or a Text")
