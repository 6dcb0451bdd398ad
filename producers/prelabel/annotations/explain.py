"""Turn pydantic's errors into ours: the path as a producer writes it, what was found, what was expected."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from math import isfinite
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from prelabel.annotations.base import CheckFailed, Wire
from prelabel.annotations.classifications import FORMS
from prelabel.annotations.kinds import BY_PLACE, KEYS, Kind, kind_of_json, no_kind, own_keys, owners
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
_KINDS_NAMED = 3
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
    path: str,
    found: object,
    expected: str,
    hint: str | None = None,
    reason: Reason | None = None,
    *,
    annotates: bool = False,
) -> MessageError:
    """Return the error for the field at a path: InvalidAnnotation inside an annotation, else MalformedMessage.

    With `annotates`, the path is that in an annotation, or in a part of one.
    """
    inside = annotates or path.startswith("annotations[")
    reason = reason or (Reason.INVALID_ANNOTATION if inside else Reason.MALFORMED_MESSAGE)
    return (InvalidAnnotation if inside else MalformedMessage)(reason, path, found, expected, hint)


def broken_rule(error: CheckFailed, path: str, *, annotates: bool = False) -> MessageError:
    """Return the error for a broken rule between fields; the rule's own path is relative to `path`."""
    reason = None if error.reason is Reason.INVALID_ANNOTATION else error.reason
    where = ".".join(part for part in (path, error.path) if part)
    return refusal(where, error.found, error.expected, None, reason, annotates=annotates)


def unknown_key(
    path: str, key: str, known: Iterable[str], kind: Kind | None = None, *, annotates: bool = False
) -> MessageError:
    """Return the error for an unknown key; to ignore the key would hide a misspelling.

    `kind` is the kind of the annotation, if the key stands beside the annotation's other keys.
    """
    names, where = tuple(known), f"{path}.{shorten(key)}".lstrip(".")
    found, expected, hint = "an unknown key", f"one of {', '.join(names)}" if names else "no such key", None
    if key in _ELSEWHERE:
        expected = _ELSEWHERE[key]
    elif key not in own_keys():
        near = _nearest(shorten(key), names)
        hint = f"did you mean {near}?" if near else None
    elif kind is not None:  # nothing is misspelt
        found, expected = "a key of other kinds", _belongs(key, kind)
    return refusal(where, found, expected, hint, annotates=annotates)


def _belongs(key: str, kind: Kind) -> str:
    kinds = [other.name for other in owners(key)]
    if len(kinds) > _KINDS_NAMED:
        return f"no {key}: a {kind.name} has none"
    return f"no {key}: it belongs to a {' or a '.join(kinds)}, and this is a {kind.name}"


@lru_cache(1024)
def _nearest(key: str, names: tuple[str, ...]) -> str | None:
    """Return the most similar name; cached, since a misspelt key is usually in every message of a producer."""
    return next(iter(difflib.get_close_matches(key, names, 1)), None)


def explanation(error: ValidationError, value: Any, root: type[Wire], at: int | None = None) -> MessageError:
    """Return the most helpful error about a message or a part of one (of model `root`), or about its annotation `at`.

    `value` is what pydantic has read: JSON, or the arguments of a constructor.
    """
    problem = _most_helpful(error.errors(include_url=False))
    loc = problem["loc"] if at is None else ("annotations", at, *problem["loc"])
    kind, found, context = problem["type"], problem.get("input"), problem.get("ctx", {})
    annotates, unknown = root.PLACE is None, kind == "extra_forbidden"
    place = _Place(loc[:-1] if unknown else loc, root, value)
    refuse = partial(refusal, annotates=annotates)
    if kind == "check_failed":
        failed = CheckFailed(*(context[word] for word in ("path", "found", "expected", "reason")))
        return broken_rule(failed, place.path, annotates=annotates)
    if kind == "json_invalid":
        return refuse("", problem["msg"], "JSON in UTF-8", reason=Reason.MALFORMED_JSON)
    if unknown:
        return unknown_key(place.path, str(loc[-1]), place.keys, place.among(0), annotates=annotates)
    if kind == "no_kind":
        return _without_kind(found, place.path)
    if kind == "missing":
        return refuse(place.path, "nothing", *_missing(place))
    if kind == "string_pattern_mismatch" or place.path == "version":
        return refuse(place.path, found_value(found), _FIELDS.get(place.path, "another form"))
    expected = _EXPECTED[kind].format(**context, **_limits(context)) if kind in _EXPECTED else problem["msg"]
    if kind == "string_too_long":
        return refuse(place.path, counted(len(found), "character"), expected)
    if isinstance(found, float) and not isfinite(found):
        expected = "a finite number"
    if kind == "int_type" and loc[-1] not in _MEMBERS:  # the field accepts no fractions
        expected = "a whole number"
    return refuse(place.path, found_value(found), expected)


def _missing(place: "_Place") -> tuple[str, str | None]:
    """Return what is expected where a key is missing, and a hint if another key is what makes it necessary."""
    kind, annotation = place.among(1), place.annotation
    marks = [key for key in kind.marks if annotation.get(key) is not None] if kind else []
    if kind is None or not marks:
        return "a value", None
    present, without = " and ".join(marks), {key: annotation[key] for key in annotation if key not in kind.marks}
    with suppress(CheckFailed):
        hint = f"without {present}, it is a {kind_of_json(without).name}"
        return f"a value, since {present} makes this a {kind.name}", hint
    return "a value", None


class _Place:
    """A location in pydantic's words, as a producer writes it: in the names of JSON, without pydantic's own parts."""

    def __init__(self, loc: Sequence[int | str], root: type[Wire], value: Any) -> None:
        self._model: type[BaseModel] = root
        #: The parts of the path.
        self.parts: list[int | str] = []
        #: The annotation, if the place is one, or one of its own keys, and its kind.
        self.annotation: Mapping[str, Any] = {}
        self.kind: Kind | None = None
        self._depth = 0  # of the place in the annotation
        if (kind := BY_PLACE.get((root.__module__, root.__name__))) and isinstance(value, Mapping):
            self.annotation, self.kind = value, kind
        for part in loc:
            if part not in _MEMBERS:
                self._step(part, value)
        if root.PLACE:
            self.parts.insert(0, root.PLACE)

    @property
    def path(self) -> str:
        """The path as text."""
        return path_of(self.parts)

    @property
    def keys(self) -> list[str]:
        """The keys in JSON that the object at the place may have."""
        return [str(field.alias) for field in self._model.model_fields.values()]

    def _step(self, part: int | str, value: Any) -> None:
        if isinstance(part, int):
            if self.parts == ["annotations"]:
                self._enter(value["annotations"][part])
        else:
            self._depth += 1
            fields = self._model.model_fields
            if part not in self.keys and part in fields:  # Python may give a field by its own name
                part = str(fields[part].alias)
            field = next((field for field in fields.values() if field.alias == part), None)
            self._model = (_model_in(field.annotation) if field else None) or self._model
        self.parts.append(part)

    def _enter(self, annotation: Any) -> None:
        """Continue in the model of an annotation's kind, if it has one."""
        with suppress(CheckFailed, AttributeError):
            kind = kind_of_json(annotation)
            self.annotation, self.kind, self._model, self._depth = annotation, kind, kind.model, 0

    def among(self, depth: int) -> Kind | None:
        """Return the annotation's kind if the place is no deeper in the annotation than this."""
        return self.kind if self._depth <= depth else None


def _limits(context: dict[str, Any]) -> dict[str, str]:
    """Return the limits of a length in words."""
    return {
        f"{limit}_{noun}s": counted(context[f"{limit}_length"], noun)
        for limit in ("min", "max")
        if f"{limit}_length" in context
        for noun in ("character", "item")
    }


def path_of(parts: Sequence[int | str]) -> str:
    """Return the parts of a path as text."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{shorten(part)}" if text else shorten(part)
    return text


class Unwritten(str):
    """A number, as a text has it, that JSON or a float cannot hold."""

    __slots__ = ()


def not_finite(value: Any) -> tuple[str, str] | None:
    """Return path and words of the first number in a value that is not finite, or None. Reads arrays of numpy too."""
    items: list[tuple[tuple[int | str, ...], Any]] = [((), value)]
    while items:
        loc, item = items.pop()
        if hasattr(item, "tolist"):
            item = item.tolist()
        elif isinstance(item, BaseModel):
            item = item.model_dump(by_alias=True, serialize_as_any=True)
        if isinstance(item, Unwritten):
            return path_of(loc), str(item)
        if isinstance(item, float) and not isfinite(item):
            return path_of(loc), found_value(item)
        if isinstance(item, Mapping):
            items += [((*loc, str(key)), value) for key, value in reversed([*item.items()])]
        elif isinstance(item, list | tuple):
            items += [((*loc, at), value) for at, value in reversed(list(enumerate(item)))]
    return None


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


def _model_in(kind: object) -> type[BaseModel] | None:
    """Return the model that a field's type holds, or None."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((model for part in get_args(kind) if (model := _model_in(part))), None)
