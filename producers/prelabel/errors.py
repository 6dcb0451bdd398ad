"""The errors that a producer can meet, and the closed list of reason codes.

PrelabelError
├─ MessageError               the problem of one message: what is wrong, where, and what was expected
│  ├─ MalformedMessage        it is not a message of ours
│  ├─ InvalidAnnotation       one of its annotations is wrong in itself
│  ├─ NotInOntology           an annotation does not fit the project's ontology or media type
│  └─ MessageTooLarge         it has more bytes than a frame holds
├─ InboxFull, BufferFull      back pressure: nothing was taken, try later
├─ PublisherClosed
├─ NoRedisUrl                 nothing says which Redis to publish to
└─ RedisUnavailable           the publisher still holds rows
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from prelabel.printing import printable

_SHOWN = 80


class Reason(StrEnum):
    """Why a message was refused or a row is dead: the whole list, for code, filters and docs."""

    MALFORMED_JSON = "malformed-json"  # not JSON, or not UTF-8
    MALFORMED_MESSAGE = "malformed-message"  # the fields around the annotations
    MESSAGE_TOO_LARGE = "message-too-large"  # for a frame, or for Labelbox
    TOO_DEEP = "too-deep"  # classifications nested beyond the limit
    INVALID_ANNOTATION = "invalid-annotation"  # a field of an annotation
    DUPLICATE_UUID = "duplicate-uuid"
    BROKEN_RELATIONSHIP = "broken-relationship"  # an end is not an object of the same message
    TOO_MANY_ANNOTATIONS = "too-many-annotations"  # of one feature on one data row
    GATE_DISAGREES = "gate-disagrees"  # our two checks differ: a bug of ours, never ignored silently
    WRONG_PROJECT = "wrong-project"  # the message names another project than its inbox
    DATA_ROW_FORM = "data-row-form"  # id in a project of global keys, or the reverse
    MEDIA_TYPE = "media-type"  # the project's media type does not accept this kind
    UNKNOWN_FEATURE = "unknown-feature"
    AMBIGUOUS_NAME = "ambiguous-name"  # a name that stands for two features or options
    WRONG_KIND = "wrong-kind"  # the feature belongs to another tool
    UNKNOWN_OPTION = "unknown-option"
    WRONG_ANSWER = "wrong-answer"  # the answer's form does not fit the classification
    WRONG_NESTING = "wrong-nesting"  # a classification where the ontology has none
    PRE_LABELS_ONLY = "pre-labels-only"  # a relationship, in a project whose rows are imported as ground truth
    UNREADABLE_FRAME = "unreadable-frame"
    EXISTING = "existing"  # imported before, and the project's policy is dead-letter
    REFUSED = "refused"  # Labelbox refused annotations of the row
    DATA_ROW_NOT_FOUND = "data-row-not-found"  # not in the project (yet)
    NO_VERDICT = "no-verdict"  # the status file says nothing about the row
    FILE_REFUSED = "file-refused"  # Labelbox refused the file, down to this row
    UPLOAD_FAILED = "upload-failed"  # uploads end without a response (5xx, timeouts), down to this row
    IMPORT_FAILED = "import-failed"  # the import failed as a whole, down to this row
    IMPORT_LOST = "import-lost"  # Labelbox no longer knows the import
    IMPORT_TIMEOUT = "import-timeout"  # the import ran beyond the deadline


class PrelabelError(Exception):
    """Something that prelabel knows about went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class MessageError(PrelabelError):
    """The message cannot be imported.

    Attributes: `reason`; `path` in the message, such as `annotations[3].bbox.width`; `found`, shortened; `expected`;
    `hint`, such as the nearest existing name.
    """

    def __init__(self, reason: Reason, path: str, found: object, expected: str, hint: str | None = None) -> None:
        self.reason = reason
        self.path = path
        self.found = shorten(found)
        self.expected = expected
        self.hint = hint
        tail = f" ({hint})" if hint else ""
        super().__init__(f"{path or 'message'}: expected {expected}, found {self.found}{tail}")

    def __reduce__(self) -> tuple[Any, ...]:
        # Celery pickles what a task raises; an exception is otherwise rebuilt from its text alone.
        return type(self), (self.reason, self.path, self.found, self.expected, self.hint)

    def details(self) -> dict[str, Any]:
        """Return the fields that a program can read; for dead letters."""
        details = {"path": self.path, "found": self.found, "expected": self.expected}
        return details | ({"hint": self.hint} if self.hint else {})


class MalformedMessage(MessageError):
    """The message is not one of ours."""


class InvalidAnnotation(MessageError):
    """An annotation is wrong in itself."""


class NotInOntology(MessageError):
    """An annotation does not fit the project."""


class MessageTooLarge(MessageError):
    """The message has more bytes than a frame takes."""


class InboxFull(PrelabelError):
    """The project's inbox is full; nothing was taken."""


class BufferFull(PrelabelError):
    """The publisher's buffer is full; the message was not taken."""


class PublisherClosed(PrelabelError):
    """The publisher is closed; the message was not taken."""


class NoRedisUrl(PrelabelError):
    """Nothing says which Redis to publish to, and no stack runs here."""


class RedisUnavailable(PrelabelError):
    """Redis does not have all rows yet; they are still the publisher's."""


def shorten(value: object) -> str:
    """Return a value as errors show it: its beginning, on one line, never a whole payload."""
    if isinstance(value, Mapping):
        return f"an object with {len(value)} keys"
    if isinstance(value, list | tuple):
        return f"an array of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = value[: _SHOWN + 1] if isinstance(value, str) else repr(value)
    text = printable(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def quoted(value: object) -> str:
    """Return a value from a message, distinct from our own words: strings are in quotes."""
    return f"'{shorten(value)}'" if isinstance(value, str) else shorten(value)
