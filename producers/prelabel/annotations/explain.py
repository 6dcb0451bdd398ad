"""Turn pydantic's errors into ours: the path as a producer writes it, what was found, what was expected."""

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.classifications import FORMS
from prelabel.annotations.kinds import KEYS, kind_of_json, no_kind, own_keys
from prelabel.errors import InvalidAnnotation, MalformedMessage, MessageError, Reason, found_value, shorten
from prelabel.printing import counted

# Names of members of unions: pydantic puts them into an error's path, but the JSON does not have them.
_MEMBERS = {*FORMS, "int", "float", "constrained-int", "constrained-float"}
_EXPECTED = {
    "string_type": "a string",
    "int_type": "a number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "finite_number": "a finite number",
    "string_too_short": "at least {min_characters}",
    "string_too_long": "at most {max_characters}",
    "too_short": "at least {min_items}",
    "too_long": "at most {max_items}",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
}
# Texts for single fields, which say more than the texts above.
_FIELDS = {
    "projectId": "letters, digits, _ and -",
    "producedAt": "a time by RFC 3339 with its offset",
    "version": "1, the version of messages that this release reads",
}
_ELSEWHERE = {
    **dict.fromkeys(("metricValue", "metricName"), "no metrics: they belong to model runs, not to MAL imports"),
    "dataRow": "no dataRow: the message says it once for all annotations",
}


def refusal(
    path: str, found: object, expected: str, hint: str | None = None, reason: Reason | None = None
) -> MessageError:
    """Return the error for the field at a path: InvalidAnnotation inside an annotation, else MalformedMessage."""
    inside = path.startswith("annotations[")
    reason = reason or (Reason.INVALID_ANNOTATION if inside else Reason.MALFORMED_MESSAGE)
    return (InvalidAnnotation if inside else MalformedMessage)(reason, path, found, expected, hint)


def broken_rule(error: CheckFailed, path: str) -> MessageError:
    """Return the error for a broken rule between fields; the rule's own path is relative to `path`."""
    reason = None if error.reason is Reason.INVALID_ANNOTATION else error.reason
    return refusal(".".join(part for part in (path, error.path) if part), error.found, error.expected, None, reason)


def unknown_key(path: str, key: str, known: Iterable[str]) -> MessageError:
    """Return the error for an unknown key; to ignore the key would hide a misspelling."""
    names = tuple(known)
    near = _nearest(shorten(key), names)
    hint = f"did you mean {near}?" if near else None
    expected = _ELSEWHERE.get(key) or (f"one of {', '.join(names)}" if names else "no such key")
    return refusal(f"{path}.{shorten(key)}".lstrip("."), "an unknown key", expected, hint)


@lru_cache(1024)
def _nearest(key: str, names: tuple[str, ...]) -> str | None:
    """Return the most similar name; cached, since a misspelt key is usually in every message of a producer."""
    return next(iter(difflib.get_close_matches(key, names, 1)), None)


def explanation(error: ValidationError, message: Any, root: type[BaseModel], at: int | None = None) -> MessageError:
    """Return the most helpful error about a message (of model `root`), or about its annotation `at`."""
    problem = _most_helpful(error.errors(include_url=False))
    loc = problem["loc"] if at is None else ("annotations", at, *problem["loc"])
    path, kind, value, context = path_of(loc), problem["type"], problem.get("input"), problem.get("ctx", {})
    if kind == "check_failed":
        return broken_rule(CheckFailed(*(context[word] for word in ("path", "found", "expected", "reason"))), path)
    if kind == "extra_forbidden":
        return unknown_key(path_of(loc[:-1]), str(loc[-1]), _keys_at(message, root, loc[:-1]))
    if kind == "no_kind":
        return _without_kind(value, path)
    if kind == "missing":
        return refusal(path, "nothing", "a value")
    if kind == "string_pattern_mismatch" or path == "version":
        return refusal(path, found_value(value), _FIELDS.get(path, "another form"))
    expected = _EXPECTED[kind].format(**context, **_limits(context)) if kind in _EXPECTED else problem["msg"]
    if kind == "string_too_long":
        return refusal(path, counted(len(value), "character"), expected)
    if kind == "int_type" and loc[-1] not in _MEMBERS:  # the field accepts no fractions
        expected = "a whole number"
    return refusal(path, found_value(value), expected)


def _limits(context: dict[str, Any]) -> dict[str, str]:
    """Return the limits of a length in words."""
    return {
        f"{limit}_{noun}s": counted(context[f"{limit}_length"], noun)
        for limit in ("min", "max")
        if f"{limit}_length" in context
        for noun in ("character", "item")
    }


def path_of(loc: Sequence[int | str]) -> str:
    """Return a location as a producer writes it."""
    text = ""
    for part in _parts(loc):
        text += f"[{part}]" if isinstance(part, int) else f".{shorten(part)}" if text else shorten(part)
    return text


def _parts(loc: Sequence[int | str]) -> list[int | str]:
    """Return a location without pydantic's names for members of unions."""
    return [part for part in loc if part not in _MEMBERS]


def _most_helpful(problems: Sequence[Any]) -> Any:
    """Return the most helpful of pydantic's problems.

    An unknown key is preferred to the key that is missing because of it, and a violated bound to a wrong type.
    """
    first = problems[0]
    same_place = [problem for problem in problems if problem["loc"][:-1] == first["loc"][:-1]]
    for problem in same_place:
        if problem["type"] == "extra_forbidden":
            return problem
    return next((problem for problem in same_place if problem["type"] != "int_type"), first)


def _without_kind(annotation: Any, path: str) -> MessageError:
    if not isinstance(annotation, dict):
        return refusal(path, found_value(annotation), "an object")
    unknown = next((key for key in annotation if key not in own_keys()), "")
    if unknown in _ELSEWHERE or _nearest(shorten(unknown), KEYS):
        return unknown_key(path, unknown, KEYS)
    return broken_rule(no_kind([key for key in KEYS if annotation.get(key) is not None]), path)


def _keys_at(message: Any, root: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Return the wire keys of the object at a location."""
    model: type[BaseModel] = root
    if len(loc) > 1 and loc[0] == "annotations":
        model, loc = kind_of_json(message["annotations"][loc[1]]).model, loc[2:]
    for part in loc:
        if isinstance(part, str) and part not in _MEMBERS:
            field = next((field for field in model.model_fields.values() if field.alias == part), None)
            inner = _model_in(field.annotation) if field else None
            model = inner or model
    return [str(field.alias) for field in model.model_fields.values()]


def _model_in(kind: object) -> type[BaseModel] | None:
    """Return the model that a field's type holds, or None."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((model for part in get_args(kind) if (model := _model_in(part))), None)
