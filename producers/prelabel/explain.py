"""pydantic's errors → ours: the path as a producer would write it, what was found, what was expected."""

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from prelabel.annotations.kinds import BY_NAME, KEYS
from prelabel.errors import InvalidAnnotation, MalformedMessage, MessageError, Reason

# What pydantic puts into a path for a member of a union, and nothing in the JSON is called.
_MEMBERS = {"Option", "list[Option]", "str", "int", "float", "constrained-str", "constrained-int", "constrained-float"}
_EXPECTED = {
    "missing": "a value",
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "finite_number": "a finite number",
    "extra_forbidden": "no such key",
    "no_kind": "exactly one of " + ", ".join(KEYS),
}
_PATTERNS = {"projectId": "letters, digits, _ and -", "producedAt": "a time by RFC 3339 with its offset"}


def explanation(error: ValidationError, raw: bytes) -> MessageError:
    """The first thing that is wrong with a message."""
    problems = error.errors(include_url=False, include_input=True, include_context=True)
    problem = _deepest(problems)
    context = problem.get("ctx", {})
    if problem["type"] == "json_invalid":
        cause = str(context.get("error", "not JSON"))
        return MalformedMessage(Reason.MALFORMED_JSON, "", f"{len(raw)} bytes", f"JSON in UTF-8: {cause}")
    path, found, hint = _path(problem["loc"]), _shown(problem.get("input")), None
    expected = _EXPECTED.get(problem["type"]) or _PATTERNS.get(path) or _first_lower(problem["msg"])
    if problem["type"] == "missing":
        found = "nothing"
    elif problem["type"] == "check_failed":
        path = ".".join(part for part in (path, str(context["path"])) if part)
        found, expected = context["found"], context["expected"]
    elif problem["type"] == "no_kind":
        found = _kind_keys(problem.get("input"))
    elif problem["type"] == "extra_forbidden":
        found, hint = "an unknown key", _nearest(str(problem["loc"][-1]))
    elif any(other["type"] == "float_type" and other["loc"][:-1] == problem["loc"][:-1] for other in problems):
        expected = "a number"
    kind = InvalidAnnotation if path.startswith("annotations[") else MalformedMessage
    reason = Reason.INVALID_ANNOTATION if kind is InvalidAnnotation else Reason.MALFORMED_MESSAGE
    return kind(Reason.TOO_DEEP if "nested at most" in expected else reason, path, found, expected, hint)


def _deepest(problems: Sequence[Any]) -> Any:
    """Of a union's members the one that fits furthest is meant; otherwise the first problem."""
    first = problems[0]
    same = [each for each in problems if each["loc"][:3] == first["loc"][:3]]
    return max(same, key=lambda each: len(_parts(each["loc"])))


def _parts(loc: Sequence[int | str]) -> list[int | str]:
    """A location without what pydantic calls the members of unions."""
    tagged = len(loc) > 2 and loc[0] == "annotations" and loc[2] in BY_NAME
    parts = [*loc[:2], *loc[3:]] if tagged else list(loc)
    return [part for part in parts if part not in _MEMBERS]


def _path(loc: Sequence[int | str]) -> str:
    text = ""
    for part in _parts(loc):
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: Any) -> Any:
    return f"'{value}'" if isinstance(value, str) else value


def _first_lower(text: str) -> str:
    text = text.removeprefix("Input should be ").removeprefix("expected ")
    return text[:1].lower() + text[1:]


def _kind_keys(value: Any) -> str:
    if not isinstance(value, dict):
        return type(value).__name__
    return ", ".join(key for key in KEYS if key in value) or "none of them"


def _nearest(key: str) -> str | None:
    """The nearest key that messages know: a misspelt one would otherwise be a riddle."""
    near = [other for other in difflib.get_close_matches(key, _KNOWN_KEYS, 2) if other != key]
    return f"did you mean {near[0]}?" if near else None


_KNOWN_KEYS = [
    *KEYS,
    *("version", "messageId", "projectId", "dataRow", "model", "producedAt", "traceparent", "annotations"),
    *("uuid", "name", "schemaId", "confidence", "customMetrics", "classifications", "id", "globalKey"),
    *("top", "left", "height", "width", "x", "y", "instanceURI", "imBytes", "png", "colorRGB"),
    *("source", "sourceOntologyName", "target", "type", "readonly"),
]
