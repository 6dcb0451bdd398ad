"""Checks of plain values that several kinds share. Most return the value that they accept."""

from collections.abc import Set as AbstractSet
from typing import Any

from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, invalid


def number(value: Any, path: str) -> float:
    """Check a JSON number; booleans and strings of digits are not numbers."""
    if type(value) is not float and type(value) is not int:
        raise invalid(path, "Not a valid number.")
    return value


def numbers(holder: dict[str, Any], path: str) -> None:
    """Check that every value of an object is a number."""
    for key, value in holder.items():
        if type(value) is not float and type(value) is not int:
            raise invalid(f"{path}.{key}", "Not a valid number.")


def integer(value: Any, path: str, minimum: int = 0) -> int:
    """Check a JSON integer of at least `minimum`."""
    if type(value) is not int:
        raise invalid(path, "Not a valid integer.")
    if value < minimum:
        raise invalid(path, f"Must be greater than or equal to {minimum}.")
    return value


def mapping(value: Any, path: str) -> dict[str, Any]:
    """Check a JSON object."""
    if not isinstance(value, dict):
        raise invalid(path, "Not a valid mapping type.")
    return value


def array(value: Any, path: str) -> list[Any]:
    """Check a JSON array."""
    if not isinstance(value, list):
        raise invalid(path, "Not a valid list.")
    return value


def filled(value: Any, path: str) -> list[Any]:
    """Check a JSON array that is not empty."""
    items = array(value, path)
    if not items:
        raise invalid(path, "Shorter than minimum length 1.")
    return items


def string(value: Any, path: str) -> str:
    """Check a string, which may be empty."""
    if not isinstance(value, str):
        raise invalid(path, "Not a valid string.")
    return value


def text(value: Any, path: str) -> str:
    """Check a string that is not empty."""
    filled_in = string(value, path)
    if not filled_in:
        raise invalid(path, "Shorter than minimum length 1.")
    return filled_in


def known_keys(value: dict[str, Any], allowed: AbstractSet[str], path: str = "") -> None:
    """Refuse keys that are not allowed."""
    surplus = value.keys() - allowed
    if surplus:
        raise invalid(f"{path}.{min(surplus)}".lstrip("."), UNKNOWN)


def required(holder: dict[str, Any], key: str, path: str = "") -> Any:
    """Return the value of a key that must be there."""
    if key not in holder:
        raise invalid(f"{path}.{key}".lstrip("."), MISSING)
    return holder[key]


def exact_keys(value: Any, keys: AbstractSet[str], path: str) -> dict[str, Any]:
    """Check an object that has these keys and no others."""
    holder = mapping(value, path)
    if holder.keys() != keys:
        known_keys(holder, keys, path)
        raise invalid(f"{path}.{min(keys - holder.keys())}", MISSING)
    return holder


def model_run_keys(holder: dict[str, Any], path: str = "") -> None:
    """Check `confidence` and `customMetrics`: ignored for pre-labels, but they must have the right type."""
    if "confidence" in holder and not 0 <= number(holder["confidence"], f"{path}.confidence".lstrip(".")) <= 1:
        raise invalid(f"{path}.confidence".lstrip("."), "Must be between 0 and 1.")
    if "customMetrics" in holder:
        for metric in array(holder["customMetrics"], f"{path}.customMetrics".lstrip(".")):
            exact_keys(metric, {"name", "value"}, f"{path}.customMetrics".lstrip("."))
