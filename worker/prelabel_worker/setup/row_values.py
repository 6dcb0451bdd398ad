"""The checks that objects of `row_data` are put together from: texts, numbers, addresses, arrays, objects. No I/O.

Source: docs/reference/labelbox-api.md#row-data.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from prelabel.errors import PrelabelError, found_value

Check = Callable[[Any, str], None]
"""A check of the value at a path. Raises WrongRowData."""


class WrongRowData(PrelabelError):
    """A value of `row_data` cannot be used; the text names the path, what was found and what is expected."""


def refuse(path: str, expected: str, value: Any, hint: str = "") -> NoReturn:
    """Raise WrongRowData for a value: where it is, what is expected, and what was found."""
    raise WrongRowData(f"{path}: expected {expected}, found {found_value(value)}" + (f" ({hint})" if hint else ""))


def nearest(name: Any, names: Iterable[str]) -> str:
    """Return a hint with the most similar name, or nothing."""
    near = difflib.get_close_matches(str(name), list(names), 1)
    return f"did you mean {near[0]}?" if near else ""


def text(least: int = 1, most: int | None = None) -> Check:
    """Return the check of a text with so many characters."""
    expected = "a text that is not empty" if least else "a text"
    expected += f" of at most {most:,} characters" if most else ""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str) or len(value) < least:
            refuse(path, expected, value)
        if most is not None and len(value) > most:
            raise WrongRowData(f"{path}: expected {expected}, found {len(value):,} characters")

    return check


def one_of(*values: Any) -> Check:
    """Return the check that a value is one of these, of the same type."""

    def check(value: Any, path: str) -> None:
        if type(value) not in {type(known) for known in values} or value not in values:
            words = [str(known) for known in values]
            refuse(path, f"one of {', '.join(words)}" if len(words) > 1 else words[0], value, nearest(value, words))

    return check


def whole_number(least: int) -> Check:
    """Return the check of a whole number from `least`."""

    def check(value: Any, path: str) -> None:
        if type(value) is not int or value < least:
            refuse(path, f"a whole number from {least}", value)

    return check


def number(value: Any, path: str) -> None:
    """Refuse what is no number."""
    if type(value) is not int and type(value) is not float:
        refuse(path, "a number", value)


def time(value: Any, path: str) -> None:
    """Refuse what is neither a number nor a text."""
    if not isinstance(value, str):
        number(value, path)


def truth(value: Any, path: str) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        refuse(path, "true or false", value)


def check_address(value: Any, path: str) -> None:
    """Refuse an address that Labelbox cannot fetch: of another scheme, or without a host. Raises WrongRowData."""
    expected = "an address (https://HOST/…)"
    if not isinstance(value, str):
        refuse(path, expected, value)
    if value.lower().startswith("s3:"):
        refuse(path, expected, value, "write https://BUCKET.s3.REGION.amazonaws.com/KEY for a file of S3")
    try:
        scheme, host = urlsplit(value)[:2]
    except ValueError:
        scheme = host = ""
    if scheme.lower() not in ("https", "http", "gs") or not host:
        refuse(path, expected, value, "the host is missing" if scheme and not host else "")


def address(value: Any, path: str) -> None:
    """Refuse an address that cannot be fetched, or has white space in it."""
    check_address(value, path)
    if re.search(r"\s", value):
        refuse(path, "an address without spaces", value)


def array(item: Check, most: int | None = None) -> Check:
    """Return the check of an array whose items pass `item`, of at most `most` items."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            refuse(path, "an array", value)
        if most is not None and len(value) > most:
            refuse(path, f"at most {most:,} items", value)
        for at, each in enumerate(value):
            item(each, f"{path}[{at}]")

    return check


def by_id(item: Check) -> Check:
    """Return the check of an object whose values pass `item`."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            refuse(path, "an object by id", value)
        for key, each in value.items():
            item(each, f"{path}.{key[:40]}")

    return check


def any_object(value: Any, path: str) -> None:
    """Refuse what is no object."""
    if not isinstance(value, dict):
        refuse(path, "an object", value)


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """An object with these keys. A key may be null unless it is required."""

    #: Keys that must be there.
    required: Mapping[str, Check]
    #: Keys that may be there.
    optional: Mapping[str, Check]
    #: Whether keys that no source names pass, unless they look like a misspelt one.
    is_open: bool = False
    #: Whether a key may have either spelling: `pdf_url` or `pdfUrl`.
    either_case: bool = False

    def __call__(self, value: Any, path: str) -> None:
        """Check the keys of an object and their values. Raises WrongRowData."""
        if not isinstance(value, dict):
            refuse(path, "an object", value)
        checks = {**self.required, **self.optional}
        names = {key: snake_case(key) if self.either_case else key for key in value}
        for key, name in names.items():
            if name not in checks:
                self._unknown(key, path, checks)
        if len(set(names.values())) < len(names):
            raise WrongRowData(f"{path}: expected each key once, found one in two spellings: {', '.join(names)}")
        for name in self.required:
            if name not in names.values():
                is_camel = self.either_case and any(key != names[key] for key in names)
                raise WrongRowData(f"{path}.{_camel(name) if is_camel else name}: missing")
        for key, name in names.items():
            if name in checks and (value[key] is not None or name in self.required):
                checks[name](value[key], f"{path}.{key}")

    def _unknown(self, key: str, path: str, checks: Mapping[str, Check]) -> None:
        near = difflib.get_close_matches(snake_case(key) if self.either_case else key, checks, 1, 0.75)
        if self.is_open and not near:
            return
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(checks)}"
        raise WrongRowData(f"{path}.{key[:40]}: expected no such key: {known}")


def snake_case(key: str) -> str:
    """Return a key in snake case: `pdf_url` for `pdfUrl`."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)


def _camel(key: str) -> str:
    return re.sub("_([a-z])", lambda letter: letter[1].upper(), key)
