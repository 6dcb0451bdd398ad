"""Explain why the gate refused a message: the models read it again, and their errors say where and why."""

import json
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from prelabel.annotations.explain import explanation, refusal
from prelabel.annotations.png import PictureWork
from prelabel.errors import InvalidAnnotation, MalformedMessage, MessageError, Reason, quoted
from prelabel.messages import AnyAnnotation, PredictionMessage

_ANNOTATION = TypeAdapter[Any](AnyAnnotation)


def too_deep() -> MessageError:
    """Return the error for JSON that is nested more deeply than any reader accepts."""
    return InvalidAnnotation(Reason.TOO_DEEP, "annotations", "deep nesting", "JSON that can be read")


def explained(raw: bytes, refused: Exception, at: int | None) -> MessageError:
    """Return the models' error about a message that the gate refused; about annotation `at` only, if it is known."""
    try:
        message = orjson.loads(raw)
        annotations = message.get("annotations") if isinstance(message, dict) else None
        if isinstance(annotations, list):
            # `at` may be too large: the gate's error may quote a key that looks like an annotation's index.
            if at is not None and at < len(annotations):
                _ANNOTATION.validate_python(annotations[at], context=PictureWork())
            else:
                at = None
                _validate(message | {"annotations": annotations[:1]})
        at = None
        _validate(message)
    except orjson.JSONDecodeError as error:
        return MalformedMessage(Reason.MALFORMED_JSON, "", str(error), "JSON in UTF-8")
    except ValidationError as error:
        return explanation(error, message, PredictionMessage, at)
    except RecursionError:
        return too_deep()
    repeated = _repeated_key(raw)
    if repeated is not None:  # the models saw only the last of the values
        return refusal("", f"{quoted(repeated)} twice in one object", "each key once")
    return refusal("", "a message that one of two checks refuses", str(refused), reason=Reason.GATE_DISAGREES)


def _validate(message: Any) -> None:
    PredictionMessage.model_validate(message, by_alias=True, by_name=False, context=PictureWork())


def _repeated_key(raw: bytes) -> str | None:
    repeated: list[str] = []

    def note_repeated(pairs: list[tuple[str, Any]]) -> None:
        keys: set[str] = set()
        for key, _ in pairs:
            if key in keys:
                repeated.append(key)
            keys.add(key)

    json.loads(raw, object_pairs_hook=note_repeated)
    return repeated[0] if repeated else None
