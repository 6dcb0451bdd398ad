"""Read single values in the output of a model."""

from math import isfinite
from typing import Any

from prelabel.errors import MalformedMessage, Reason, found_value


def unreadable(path: str, found: str, expected: str, hint: str | None = None) -> MalformedMessage:
    """Return the error for a value of an output that `[output]` of the mapping does not fit."""
    return MalformedMessage(Reason.UNREADABLE_RECORD, path, found, expected, hint)


_PLAIN = frozenset({float, int, str, list, dict, tuple, bool, type(None)})


def plain(value: Any) -> Any:
    """Return an array of numpy or torch as lists; any other value unchanged."""
    return value if type(value) in _PLAIN or not hasattr(value, "tolist") else value.tolist()


def number(value: Any, path: str) -> float:
    """Return a finite number. Raises MessageError."""
    if type(value) is float and isfinite(value):
        return value
    value = plain(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return value
    raise unreadable(path, found_value(value), "a finite number")


def positive(value: Any, path: str) -> float:
    """Return a number above 0. Raises MessageError."""
    result = number(value, path)
    if result <= 0:
        raise unreadable(path, found_value(result), "a number above 0")
    return result


def array(value: Any, path: str) -> list[Any]:
    """Return an array; null is an empty one, which some models write where they find nothing. Raises MessageError."""
    value = plain(value)
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return list(value)
    raise unreadable(path, found_value(value), "an array")
