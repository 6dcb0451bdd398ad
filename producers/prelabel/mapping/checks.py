"""Checks of the values in `mapping.toml`, whose errors name the key, what was expected and what was found."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from prelabel.annotations.confidence import rounded
from prelabel.errors import PrelabelError, found_value, shorten

_WORDS = {
    dict: "a table",
    list: "an array",
    float: "a number",
    int: "a whole number",
    str: "a text that is not empty",
    bool: "true or false",
    object: "a value that is not empty",
}


class BadMapping(PrelabelError):
    """The mapping file has an unknown key or a wrong value."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a suggestion for an error about a name, such as `; did you mean Person?`, or nothing."""
    by_case: dict[str, str] = {}
    for known in names:
        by_case.setdefault(known.casefold(), known)
    found = get_close_matches(name.casefold(), by_case, 1)
    return f"; did you mean {shorten(by_case[found[0]])}?" if found else ""


def check_keys(table: Mapping[str, Any], known: Mapping[str, type], where: str) -> None:
    """Check that keys are known and values have their types: `float` is any number, `object` is checked elsewhere."""
    for key, value in table.items():
        if key not in known:
            raise BadMapping(f"{where}{key}: unknown; expected one of {', '.join(known)}{nearest(key, known)}")
        kinds = (int, float) if known[key] is float else (known[key],)
        is_bool = isinstance(value, bool) and known[key] not in (bool, object)
        if not isinstance(value, kinds) or is_bool or value == "":
            raise BadMapping(f"{where}{key}: expected {_WORDS[known[key]]}, found {found_value(value)}")


def one_of(value: Any, choices: tuple[str, ...], where: str) -> Any:
    """Return a value that is one of these words."""
    if value not in choices:
        expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise BadMapping(f"{where}: expected {expected}, found {found_value(value)}")
    return value


def between(value: float, where: str) -> float:
    """Return a number from 0 to 1."""
    number = rounded(value)
    if not 0 <= number <= 1:
        raise BadMapping(f"{where}: expected 0 to 1, found {found_value(value)}")
    return float(number)


def at_least(value: int, minimum: int, where: str) -> int:
    """Return a whole number that is not too small, and fits into 64 bits."""
    if not minimum <= value < 2**63:
        expected = f"at least {minimum}" if value < minimum else f"less than {2**63}"
        raise BadMapping(f"{where}: expected {expected}, found {found_value(value)}")
    return value
