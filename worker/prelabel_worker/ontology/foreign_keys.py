"""Find the key that makes an annotation one of a kind that a project's data rows do not have. No I/O.

Only a project's media type tells whether a box with `page` is meant for a document: elsewhere, the key is the mistake.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prelabel.annotations.base import CheckFailed
from prelabel.annotations.kinds import KINDS, Kind, kind_of_json
from prelabel.errors import MessageError, NotInOntology, Reason, found_value
from prelabel.messages import without_nulls

_TIMED = ("value", "frames")
"""Keys that only options and texts with times have."""
Accepts = Callable[[Kind], bool]
"""Returns whether the project's media type accepts a kind."""


def foreign_key(annotation: Any, path: str, accepts: Accepts, media_type: str) -> MessageError | None:
    """Return the error for the key without which the annotation would be of a kind that is accepted, or None."""
    kind = _kind_of(annotation)
    if kind is None or accepts(kind):
        return None
    for key, value, without in _without_marks(without_nulls(annotation), kind):
        other = _kind_of(without)
        if other is not None and accepts(other):
            expected = (
                f"no {key.rpartition('.')[2]}: it makes this a {kind.name}, and {media_type} assets take a {other.name}"
            )
            return NotInOntology(Reason.MEDIA_TYPE, f"{path}.{key}", found_value(value), expected)
    return None


def as_accepted_kind(annotation: Any, path: str, accepts: Accepts) -> MessageError | None:
    """Return what is wrong with an annotation as the accepted kind of the same key, if its own kind is not accepted."""
    kind = _kind_of(annotation)
    if kind is None or accepts(kind):
        return None
    for other in KINDS:
        if accepts(other) and set(other.keys) & set(kind.keys) and other.form == kind.form:
            try:
                other.model.model_validate(without_nulls(annotation), by_alias=True, by_name=False)
            except MessageError as error:
                where = error.path if error.path.startswith("[") else f".{error.path}" if error.path else ""
                # Not in the ontology: it is wrong for the media type, and that may have changed since it was fetched.
                return NotInOntology(error.reason, path + where, error.found, error.expected, error.hint)
            return None
    return None


def _kind_of(annotation: Any) -> Kind | None:
    try:
        return kind_of_json(annotation) if isinstance(annotation, Mapping) else None
    except CheckFailed:
        return None


def _without_marks(annotation: Mapping[str, Any], kind: Kind) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Yield the place and value of each key that makes the annotation one of its kind, and the annotation without."""
    bare = {key: value for key, value in annotation.items() if key not in kind.marks}
    if kind.timed:
        bare = {key: _untimed(value) if key in ("answer", "answers") else value for key, value in bare.items()}
    for key in kind.marks:
        if annotation.get(key) is not None:
            yield key, annotation[key], bare
            return
    if kind.timed:
        for place, value in _times(annotation):
            yield place, value, bare
            return


def _times(annotation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the places in options, and the values, of keys that only answers with times have."""
    for word in ("answer", "answers"):
        answer = annotation.get(word)
        for at, item in enumerate(answer if isinstance(answer, list) else [answer]):
            place = f"{word}[{at}]" if isinstance(answer, list) else word
            for key in _TIMED if isinstance(item, dict) and _names(item) else ():
                if item.get(key) is not None:
                    yield f"{place}.{key}", item[key]


def _names(item: Mapping[str, Any]) -> bool:
    """Return whether an item of an answer is an option; a text with times, which has no name, is no mistake in it."""
    return any(item.get(key) is not None for key in ("name", "schemaId", "schema_id"))


def _untimed(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_untimed(item) for item in answer]
    if isinstance(answer, dict) and _names(answer):
        return {key: value for key, value in answer.items() if key not in _TIMED}
    return answer
