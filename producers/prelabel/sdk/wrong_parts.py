"""Name the part of a label that cannot be converted: it is None, missing, or of a type that the SDK does not declare.

A label can hold such parts although the SDK declares types: it takes `Label(data=None)`, and checks nothing that is
assigned later. Converters take the declared types for granted; a label that stops one of them is searched afterwards.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from prelabel.errors import InvalidAnnotation, MalformedMessage, MessageError, Reason

STOPPED = (
    AttributeError, TypeError, ValueError, LookupError, ArithmeticError, AssertionError, OSError, RecursionError
)  # fmt: skip
"""What a converter raises for a part that has none of its declared types."""
_MAX_DEPTH = 50
_MISSING = object()
_MODULE = re.compile(r"\b(?:\w+\.)+(?=\w)")


def named(error: Exception, located: Sequence[tuple[str, Any]]) -> MessageError:
    """Return the error that names the part at fault, for one of `STOPPED` that ended the conversion of these parts."""
    for path, part in located:
        if (wrong := _wrong(part, path, 0)) is not None:
            return wrong
    path = located[0][0]
    if isinstance(error, OSError) and error.strerror:
        return _error(path, error.strerror, "a file that can be read")
    return _error(path, type(error).__name__, "parts of the types that the SDK declares")


def _wrong(part: Any, path: str, depth: int) -> MessageError | None:
    """Return the error for the first value in a part that has none of its declared types, or None."""
    if depth > _MAX_DEPTH:
        return _error(path, "deep nesting", f"at most {_MAX_DEPTH} levels")
    inside: Iterable[tuple[str, Any, Any]]
    if isinstance(part, list | tuple):
        inside = ((f"{path}[{at}]", item, None) for at, item in enumerate(part))
    elif isinstance(part, BaseModel):
        fields = type(part).model_fields.items()
        start = f"{path}." if path else ""
        inside = ((start + name, vars(part).get(name, _MISSING), field.annotation) for name, field in fields)
    else:
        return None
    for where, value, declared in inside:
        wrong = _wrong(value, where, depth + 1)
        if wrong is None and declared is not None:
            wrong = _undeclared(value, where, declared)
        if wrong is not None:
            return wrong
    return None


def _undeclared(value: Any, path: str, declared: Any) -> MessageError | None:
    """Return the error for a value that does not have its declared type, or for the first such item of a list."""
    if value is _MISSING:
        return _error(path, "nothing", _words(declared))
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(declared)
        if _fits(adapter, value):
            return None
        for at, item in enumerate(value if isinstance(value, list) else ()):
            if not _fits(adapter, [item]):
                return _error(f"{path}[{at}]", _shown(item), _words(declared))
    except (PydanticUserError, NameError):  # a type that refers to others by name
        return None
    return _error(path, _shown(value), _words(declared))


def _fits(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        adapter.validate_python(value)
    except STOPPED:  # pydantic's own error is a ValueError
        return False
    return True


def _error(path: str, found: object, expected: str) -> MessageError:
    if "annotations[" in path:
        return InvalidAnnotation(Reason.INVALID_ANNOTATION, path, found, expected)
    return MalformedMessage(Reason.MALFORMED_MESSAGE, path, found, expected)


def _shown(value: Any) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else type(value).__name__


def _words(declared: Any) -> str:
    words = declared.__name__ if isinstance(declared, type) else _MODULE.sub("", str(declared))
    return words if len(words) <= 100 else f"{words[:97]}..."
