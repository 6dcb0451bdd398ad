"""Explain to a person why a row is a dead letter. No I/O."""

import re
from collections import Counter
from typing import Any

import orjson

from prelabel.printing import counted
from prelabel_worker.dead_letters.letter import DeadLetter

_FIELDS = {"path": "field", "found": "found", "expected": "expected", "hint": "suggestion"}
"""Name in the details → the word that a person reads."""
EXPLAINED = (*_FIELDS, "errors", "misnamed")
"""Names in the details that `explanation` uses."""
_SHOWN_ERRORS = 3
_INDEX = re.compile(r"\[\d+\]")
_MOST_CHARACTERS = 120


def explanation(dead_letter: DeadLetter) -> dict[str, str]:
    """Return the reason, the field, what was found and expected, a suggestion, and what Labelbox says, as far as known.

    Labelbox reports an error for each annotation; equal errors are merged into one, with their count.
    """
    details = dead_letter.details
    known = {name: text(details[key]) for key, name in _FIELDS.items() if details.get(key)}
    errors = _errors(details.get("errors"))
    return {"reason": dead_letter.reason} | known | ({"Labelbox says": "; ".join(errors)} if errors else {})


def in_short(dead_letter: DeadLetter) -> str:
    """Return on one line where the problem is, what was found and what is suggested, or what Labelbox says."""
    known = explanation(dead_letter)
    if said := known.get("Labelbox says"):
        return _shortened(said)
    found = f"found {_shortened(known['found'])}" if "found" in known else ""
    instead = known.get("suggestion") or (f"expected {known['expected']}" if "expected" in known else "")
    problem = ", ".join(filter(None, (found, _shortened(instead))))
    return ": ".join(filter(None, (known.get("field"), problem)))


def field_of(dead_letter: DeadLetter) -> str:
    """Return the field at fault without indexes, such as `annotations[].name`; empty if it is not known."""
    return _INDEX.sub("[]", text(dead_letter.details.get("path") or ""))


def cause_of(dead_letter: DeadLetter) -> str:
    """Return what dead letters of this one's group have in common, on one line: `in_short` without indexes."""
    return _INDEX.sub("[]", in_short(dead_letter))


def _shortened(words: str) -> str:
    return words if len(words) <= _MOST_CHARACTERS else words[: _MOST_CHARACTERS - 1] + "…"


def text(value: Any) -> str:
    """Return a value of the details as text."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _errors(errors: Any) -> list[str]:
    if not isinstance(errors, list):
        return [text(errors)] if errors else []
    counts = Counter(_error(error) for error in errors)
    lines = [
        message if count == 1 else f"{message} ({counted(count, 'annotation')})" for message, count in counts.items()
    ]
    more = len(lines) - _SHOWN_ERRORS
    return [*lines[:_SHOWN_ERRORS], f"{more:,} more"] if more > 0 else lines


def _error(error: Any) -> str:
    if not isinstance(error, dict):
        return text(error)
    parts = [text(error[name]) for name in ("name", "message") if error.get(name)]
    return ": ".join(parts) or text(error)
