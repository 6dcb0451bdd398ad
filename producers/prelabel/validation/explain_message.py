"""Explain why the gate refused a message: the models read it again, and their errors say where and why."""

import json
import re
from math import isfinite
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from prelabel.annotations.explain import Unwritten, explanation, not_finite, refusal
from prelabel.annotations.png import PictureWork
from prelabel.errors import InvalidAnnotation, MalformedMessage, MessageError, Reason, quoted
from prelabel.messages import AnyAnnotation, PredictionMessage

# Not `model_validate`, which raises our error: whether it is about a single annotation is known here.
_ANNOTATION, _MESSAGE = TypeAdapter[Any](AnyAnnotation), TypeAdapter(PredictionMessage)


def not_json(raw: bytes, refused: Exception) -> MessageError:
    """Return the error for bytes that are not JSON; NaN, and numbers that nothing can hold, are named with their path.

    Many programs write NaN and Infinity, or nan and inf, although JSON has none of them; `1e400` and a number of 400
    digits are JSON, but too large for a float.
    """
    try:
        text = _CONSTANT.sub(lambda match: match[1] or _constant(match[0]), raw.decode())
        message = json.loads(text, parse_constant=Unwritten, parse_float=_decimal, parse_int=_decimal)
    except (ValueError, RecursionError):
        return MalformedMessage(Reason.MALFORMED_JSON, "", str(refused), "JSON in UTF-8")
    number = unwritten_number(message)
    if number is None:
        return MalformedMessage(Reason.MALFORMED_JSON, "", str(refused), "JSON in UTF-8")
    return refusal(number.path, number.found, number.expected, reason=Reason.MALFORMED_JSON)


_CONSTANT = re.compile(r'("(?:[^"\\]|\\.)*+")|[-+]?\b(?:nan|inf|infinity)\b', re.IGNORECASE)
"""A string, or a number that is not finite as C, Java or Python print it."""


def _constant(text: str) -> str:
    """Return such a number as Python's reader of JSON knows it."""
    sign = "-" if text[0] == "-" else ""
    return "NaN" if text.lower().endswith("nan") else f"{sign}Infinity"


def unwritten_number(message: Any) -> MessageError | None:
    """Return the error for the first number of a message that is not finite, or None. Arrays of numpy are read too."""
    place = not_finite(message)
    return place and refusal(*place, "a finite number")


def _decimal(text: str) -> float | Unwritten:
    number = float(text)
    return number if isfinite(number) else Unwritten(text)


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
        return not_json(raw, error)
    except ValidationError as error:
        return explanation(error, message, PredictionMessage, at)
    except RecursionError:
        return too_deep()
    repeated = _repeated_key(raw)
    if repeated is not None:  # the models saw only the last of the values
        return refusal("", f"{quoted(repeated)} twice in one object", "each key once")
    return refusal("", "a message that one of two checks refuses", str(refused), reason=Reason.GATE_DISAGREES)


def _validate(message: Any) -> None:
    _MESSAGE.validate_python(message, by_alias=True, by_name=False, context=PictureWork())


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
