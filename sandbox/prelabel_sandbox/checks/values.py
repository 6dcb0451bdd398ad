"""Checks of plain values that several kinds share."""

from collections.abc import Set as AbstractSet
from typing import Any

from prelabel_sandbox.checks.refusal import MISSING, UNKNOWN, invalid


def number(value: Any, path: str) -> float:
    """A JSON number; a boolean or a string of digits is none."""
    if type(value) is not float and type(value) is not int:
        raise invalid(path, "Not a valid number.")
    return value


def numbers(holder: dict[str, Any], path: str) -> None:
    """Every value of an object is a number."""
    for key, value in holder.items():
        if type(value) is not float and type(value) is not int:
            raise invalid(f"{path}.{key}", "Not a valid number.")


def integer(value: Any, path: str, least: int = 0) -> int:
    """A JSON integer of at least so much."""
    if type(value) is not int:
        raise invalid(path, "Not a valid integer.")
    if value < least:
        raise invalid(path, f"Must be greater than or equal to {least}.")
    return value


def mapping(value: Any, path: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise invalid(path, "Not a valid mapping type.")
    return value


def array(value: Any, path: str) -> list[Any]:
    """A JSON array."""
    if not isinstance(value, list):
        raise invalid(path, "Not a valid list.")
    return value


def filled(value: Any, path: str) -> list[Any]:
    """A JSON array with something in it."""
    given = array(value, path)
    if not given:
        raise invalid(path, "Shorter than minimum length 1.")
    return given


def text(value: Any, path: str) -> str:
    """A string that is not empty."""
    if not isinstance(value, str):
        raise invalid(path, "Not a valid string.")
    if not value:
        raise invalid(path, "Shorter than minimum length 1.")
    return value


def known_keys(value: dict[str, Any], allowed: AbstractSet[str], path: str = "") -> None:
    """No key but these."""
    surplus = value.keys() - allowed
    if surplus:
        raise invalid(f"{path}.{min(surplus)}".lstrip("."), UNKNOWN)


def required(holder: dict[str, Any], key: str, path: str = "") -> Any:
    """The value of a key that must be there."""
    if key not in holder:
        raise invalid(f"{path}.{key}".lstrip("."), MISSING)
    return holder[key]


def exact_keys(value: Any, wanted: AbstractSet[str], path: str) -> dict[str, Any]:
    """An object with these keys and no others."""
    given = mapping(value, path)
    if given.keys() != wanted:
        known_keys(given, wanted, path)
        raise invalid(f"{path}.{min(wanted - given.keys())}", MISSING)
    return given


def model_run_keys(holder: dict[str, Any], path: str = "") -> None:
    """`confidence` and `customMetrics` are ignored for pre-labels, but have to be what they are called."""
    if "confidence" in holder and not 0 <= number(holder["confidence"], f"{path}.confidence".lstrip(".")) <= 1:
        raise invalid(f"{path}.confidence".lstrip("."), "Must be between 0 and 1.")
    if "customMetrics" in holder:
        for metric in array(holder["customMetrics"], f"{path}.customMetrics".lstrip(".")):
            exact_keys(metric, {"name", "value"}, f"{path}.customMetrics".lstrip("."))
