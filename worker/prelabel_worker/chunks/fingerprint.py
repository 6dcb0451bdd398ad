"""Fingerprints of problems: equal for rows that are dead for one cause, so that one command can treat them together.

Whatever names a row, such as its global key, ids, numbers and positions, is taken out; the name that a person would
change stays. No I/O.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from prelabel.errors import Reason

_INDEX = re.compile(r"\[\d+\]")
_ID = re.compile(r"\b[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\b|\bc[a-z0-9]{24}\b|\b[0-9a-f]{16,}\b")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_QUOTED_OR_NUMBER = re.compile(rf"('[^']*')|{_NUMBER.pattern}")
_NUMBERS = re.compile(r"#(?:\s*,\s*#)+")
_IN_QUOTES = (("['\"`]", "['\"`]"),)
_ANYWHERE = (*_IN_QUOTES, (r"(?<!\S)", r"(?!\S)"), (r"(?<!\w)", r"(?!\w)"))
_CUT, _KEPT_OF_CUT = 500, 100
_TELL_THE_CAUSE = frozenset({Reason.DATA_ROW_NOT_FOUND})
"""Reasons that are the whole cause: Labelbox's text adds only which row it is."""


def fingerprint(reason: Reason, details: Mapping[str, Any], row: Iterable[str]) -> str:
    """Return the fingerprint of a problem. `row` has the texts by which the problem's row is known."""
    known = sorted({text for text in row if text}, key=len, reverse=True)
    misnamed = details.get("misnamed") or {}
    shape = [
        reason.value,
        *(_ours(str(details.get(name) or ""), known) for name in ("path", "expected")),
        # The names themselves: two misspellings are two causes, also `lane 1` and `lane 2`.
        *(str(misnamed.get(name) or "") for name in ("kind", "name", "nearest")),
    ]
    if reason not in _TELL_THE_CAUSE:
        for error in (details.get("errors") or ())[:1]:
            shape += [str(error.get("name")), _theirs(str(error.get("message") or ""), known)]
    return hashlib.blake2b("\0".join(shape).encode(errors="replace"), digest_size=6).hexdigest()


def _ours(text: str, known: Iterable[str]) -> str:
    """Return a text of ours without what names a row. What is in quotes is a feature's name, such as `lane 1`."""
    text = _INDEX.sub("[]", text)
    for name in known:
        text = _without(text, name, _IN_QUOTES)
    return _QUOTED_OR_NUMBER.sub(lambda match: match[1] or "#", _ID.sub("#", text))


def _theirs(text: str, known: Iterable[str]) -> str:
    """Return a text of Labelbox's without what names a row, in quotes or as a word between others."""
    cut = len(text) >= _CUT
    for name in known:
        text = _without(text, name, _ANYWHERE)
    text = _NUMBERS.sub("#", _NUMBER.sub("#", _ID.sub("#", text)))
    # The longer a row's name is, the earlier such a text ends: its beginning is what rows have in common.
    return text[:_KEPT_OF_CUT] if cut else text


def _without(text: str, name: str, places: Iterable[tuple[str, str]]) -> str:
    """Return a text without a row's name, where it most likely is the row's name and no word of the text itself.

    So a global key `row` leaves the words of `the row 'row' is locked` alone.
    """
    spellings = dict.fromkeys((name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1], quote(name)))
    for before, after in places:
        pattern = "|".join(f"{before}{re.escape(spelling)}{after}" for spelling in spellings)
        text, count = re.subn(pattern, "#", text)
        if count:
            return text
    return text
