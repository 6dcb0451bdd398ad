"""The errors that a producer can meet, the closed list of reason codes, and how a value that was found is shown.

PrelabelError
├─ MessageError               one message cannot be imported: what is wrong, where, and what was expected
│  ├─ MalformedMessage        it does not have the form of a message
│  ├─ InvalidAnnotation       an annotation is wrong, whatever the project's ontology is
│  ├─ NotInOntology           an annotation does not fit the project's ontology or media type
│  └─ MessageTooLarge         it has more bytes than a message may have
├─ InboxFull, BufferFull      back pressure: nothing was accepted, try again later
├─ PublisherClosed
├─ NoRedisUrl                 no Redis URL was given, and no local stack runs
└─ RedisUnavailable           Redis does not have all rows yet; the publisher still holds the others
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self

from prelabel.printing import counted, printable, printable_json

_SHOWN, _DIGITS = 80, 40


class Reason(StrEnum):
    """Why a message was refused or a row became a dead letter: the complete list, for code, filters and docs."""

    MALFORMED_JSON = "malformed-json"  # not JSON, or not UTF-8
    MALFORMED_MESSAGE = "malformed-message"  # a field outside the annotations
    MESSAGE_TOO_LARGE = "message-too-large"  # too large for a frame, or for Labelbox
    UNREADABLE_RECORD = "unreadable-record"  # a record of a file that its reader cannot read as a prediction
    TOO_DEEP = "too-deep"  # classifications nested beyond the limit
    INVALID_ANNOTATION = "invalid-annotation"  # a field of an annotation
    DUPLICATE_UUID = "duplicate-uuid"  # twice in a message, or given on another data row of the import
    BROKEN_RELATIONSHIP = "broken-relationship"  # an end is not an object of the same message
    TOO_MANY_ANNOTATIONS = "too-many-annotations"  # of one feature on one data row
    GATE_DISAGREES = "gate-disagrees"  # our two checks differ: a bug of ours, never ignored silently
    WRONG_PROJECT = "wrong-project"  # the message names another project than its inbox
    DATA_ROW_FORM = "data-row-form"  # an id among global keys, or the reverse: project set --data-row-forms
    MEDIA_TYPE = "media-type"  # the project's media type does not accept this kind
    UNKNOWN_FEATURE = "unknown-feature"
    AMBIGUOUS_NAME = "ambiguous-name"  # a name that stands for two features or options
    WRONG_KIND = "wrong-kind"  # the feature belongs to another tool
    UNKNOWN_OPTION = "unknown-option"
    WRONG_ANSWER = "wrong-answer"  # the answer's form does not fit the classification
    WRONG_NESTING = "wrong-nesting"  # a classification where the ontology has none
    PRE_LABELS_ONLY = "pre-labels-only"  # a relationship, in a project whose rows are imported as ground truth
    GROUND_TRUTH_ONLY = "ground-truth-only"  # a benchmark mark, in a project whose rows are imported as pre-labels
    UNREADABLE_FRAME = "unreadable-frame"
    EXISTING = "existing"  # imported before, and the project's policy is dead-letter
    REFUSED = "refused"  # Labelbox refused annotations of the row
    DATA_ROW_NOT_FOUND = "data-row-not-found"  # not in the project (yet)
    NO_VERDICT = "no-verdict"  # the status file says nothing about the row
    FILE_REFUSED = "file-refused"  # Labelbox refused the file, even with this row alone
    UPLOAD_FAILED = "upload-failed"  # uploads failed (5xx, timeouts), even with this row alone
    IMPORT_FAILED = "import-failed"  # the import failed as a whole, even with this row alone
    IMPORT_LOST = "import-lost"  # Labelbox no longer knows the import
    IMPORT_TIMEOUT = "import-timeout"  # the import ran beyond the deadline


class PrelabelError(Exception):
    """The base of all errors that prelabel raises itself."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


@dataclass(frozen=True, slots=True)
class Misnamed:
    """A name or id that stands for no feature or option of the ontology, or for several."""

    #: What it should name; `classification` for one below an object or an option.
    kind: Literal["feature", "option", "classification"]
    #: The whole name, as the message has it.
    name: str
    #: The name that the ontology has instead, if one is similar.
    nearest: str | None = None


class MessageError(PrelabelError):
    """The message cannot be imported.

    Attributes: `reason`, its code; `path`, the place in the message, such as `annotations[3].bbox.width`; `found`, the
    value there, shortened; `expected`; `hint`, such as the nearest existing name, or None. A string as `found` is our
    own words: pass a value that may be a string through `found_value`. `misnamed` is the name that the ontology does
    not have, if that is what is wrong.
    """

    whole: ClassVar[str] = "message"
    """What an empty path stands for."""

    def __init__(
        self,
        reason: Reason,
        path: str,
        found: object,
        expected: str,
        hint: str | None = None,
        misnamed: Misnamed | None = None,
    ) -> None:
        self.reason = reason
        self.path = path
        self.found = shorten(found) if isinstance(found, str) else found_value(found)
        self.expected = expected
        self.hint = hint
        self.misnamed = misnamed
        tail = f" ({hint})" if hint else ""
        super().__init__(f"{path or self.whole}: expected {expected}, found {self.found}{tail}")

    def __reduce__(self) -> tuple[Any, ...]:
        # Celery pickles the exceptions of tasks; by default, an exception is rebuilt from its text alone.
        return type(self), (self.reason, self.path, self.found, self.expected, self.hint, self.misnamed)

    def at(self, path: str) -> Self:
        """Return the same error with another path."""
        return type(self)(self.reason, path, self.found, self.expected, self.hint, self.misnamed)

    def details(self) -> dict[str, Any]:
        """Return the fields that a dead letter keeps, so that programs need not parse the error's text."""
        details: dict[str, Any] = {"path": self.path, "found": self.found, "expected": self.expected}
        if self.hint:
            details["hint"] = self.hint
        if self.misnamed:
            details["misnamed"] = asdict(self.misnamed)
        return details


class MalformedMessage(MessageError):
    """The message does not have the form of a message."""


class InvalidAnnotation(MessageError):
    """An annotation is wrong, whatever the project's ontology is."""

    whole = "annotation"


class NotInOntology(MessageError):
    """An annotation does not fit the project's ontology or media type."""

    whole = "annotation"


class MessageTooLarge(MessageError):
    """The message has more bytes than a message may have."""


class InboxFull(PrelabelError):
    """The project's inbox is full; nothing was accepted."""


class BufferFull(PrelabelError):
    """The publisher's buffer is full; the message was not accepted."""


class PublisherClosed(PrelabelError):
    """The publisher is closed; the message was not accepted."""


class NoRedisUrl(PrelabelError):
    """No Redis URL was given, and no local stack runs here."""


class RedisUnavailable(PrelabelError):
    """Redis does not have all rows yet; the publisher still holds the others."""


def found_value(value: object) -> str:
    """Return a value that was found where another was expected: its type and its beginning, on one printable line.

    A string is called a text, so that `expected a whole number, found the text "10"` does not contradict itself.
    Numbers have all their digits: 1.0000012 is not shown as 1.
    """
    if isinstance(value, str):
        return f"the text {_in_quotes(value)}" if value else "an empty text"
    if isinstance(value, Mapping):
        return f"an object with {counted(len(value), 'key')}" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"an array of {counted(len(value), 'item')}" if value else "an empty array"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) >= 10**_DIGITS:
        return f"a whole number of more than {_DIGITS} digits"  # Python refuses to write very large ones
    if isinstance(value, float) and value - value != 0:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return shorten(repr(value) if isinstance(value, int | float) else str(value))


def _in_quotes(text: str) -> str:
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return printable_json(json.dumps(short, ensure_ascii=False))


def shorten(text: str) -> str:
    """Return a name or our own words as errors show them: only the beginning, on one printable line."""
    text = printable(text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def quoted(name: str | None) -> str:
    """Return a name for an error text, in quotes, to stand out from our own words."""
    return "null" if name is None else f"'{shorten(name)}'"
