"""The overrides that an operator may set for a running project in place of the worker's settings. No I/O."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prelabel.errors import PrelabelError, quoted
from prelabel_worker.labelbox.types import SubmitAs

MAX_PRIORITY = 100
POLICIES = ("override", "skip", "dead-letter")
"""What may happen to a row whose data row and model were imported before."""


class BadOverride(PrelabelError):
    """The override does not accept the value."""


@dataclass(frozen=True, slots=True)
class Override:
    """An override: its name in Redis, its option, what it expects, and how a value is stored and shown."""

    field: str
    option: str
    expected: str
    stored: Callable[[str], str | None]
    shown: Callable[[str], str] = str

    def parse(self, value: str) -> str:
        """Return the text to store for a value; '' for `default`. Raises BadOverride."""
        if value == "default":
            return ""
        stored = self.stored(value)
        if stored is None:
            raise BadOverride(f"--{self.option}: expected {self.expected}, or default, found {quoted(value)}")
        return stored


def _whole(low: int, high: int) -> Callable[[str], str | None]:
    return lambda value: value if re.fullmatch(r"[0-9]{1,9}", value) and low <= int(value) <= high else None


def _milliseconds(value: str) -> str | None:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value) or float(value) > 3600:
        return None
    return str(round(float(value) * 1000))


def _hours(value: str) -> str | None:
    return f"{float(value):g}" if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", value) and float(value) <= 720 else None


def _name(value: str) -> str | None:
    return value if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) else None


def _policy(value: str) -> str | None:
    return "" if value == "override" else value if value in POLICIES else None


def _submit_as(value: str) -> str | None:
    return "" if value == SubmitAs.PRE_LABELS else value if value == SubmitAs.GROUND_TRUTH else None


_FORMS = {"both": "ik", "id": "i", "global-key": "k"}

OVERRIDES = (
    Override("chunkRows", "chunk-rows", "a whole number from 1 to 100,000", _whole(1, 100_000)),
    Override(
        "lingerMs", "linger-seconds", "seconds from 0 to 3600", _milliseconds, lambda stored: f"{int(stored) / 1000:g}"
    ),
    Override("policy", "policy", "override, skip or dead-letter", _policy),
    Override("priority", "priority", f"a whole number from 1 to {MAX_PRIORITY}", _whole(1, MAX_PRIORITY)),
    Override("account", "account", "a name of letters, digits, _ and -", _name),
    Override("retryHours", "retry-hours", "hours from 0 to 720", _hours),
    Override("submitAs", "as", "pre-labels or ground-truth", _submit_as),
    Override(
        "dataRowForms",
        "data-row-forms",
        "both, id or global-key",
        _FORMS.get,
        lambda stored: next((name for name, forms in _FORMS.items() if forms == stored), stored),
    ),
)


def shown(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the overrides of a project by option, as the command prints them."""
    return {
        override.option: override.shown(fields[override.field]) for override in OVERRIDES if fields.get(override.field)
    }
