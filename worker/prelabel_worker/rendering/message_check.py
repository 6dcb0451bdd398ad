"""Check one message as a person edits it: by the rules of publishing, and against its project's ontology. No I/O."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel.errors import MessageError, Reason
from prelabel.json_record import JsonRecord
from prelabel.validation.gate import read_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

MOST_PROBLEMS = 10
"""Maximum number of problems that are reported; finding a further one takes a check of the whole message."""
_LARGE_BYTES = 200_000
"""In a larger message only the first problem is looked for."""
_OF_ANNOTATION = re.compile(r"annotations\[(\d+)\](.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MessageProblem(JsonRecord):
    """What is wrong at one place of a message."""

    #: The path of the value at fault; empty for the message as a whole.
    path: str
    #: The reason code.
    reason: Reason
    #: The value that was found there.
    found: str
    #: What was expected instead.
    expected: str
    #: What is suggested, such as the nearest name.
    hint: str | None = None

    @classmethod
    def of(cls, error: MessageError, path: str | None = None) -> "MessageProblem":
        """Return the problem that an error describes; `path` is its place if the error has another one."""
        return cls(error.path if path is None else path, error.reason, error.found, error.expected, error.hint)


@dataclass(frozen=True, slots=True)
class CheckedMessage(JsonRecord):
    """What the check of a message says."""

    #: The problems, at most one for each annotation; empty if the message can be imported as far as is known.
    problems: list[MessageProblem]
    #: How many annotations the message has; 0 if it cannot be read.
    annotations: int
    #: Whether the message was checked against the project's ontology.
    with_ontology: bool

    @property
    def valid(self) -> bool:
        """Whether no problem is known."""
        return not self.problems


def check_message(
    raw: bytes,
    project_id: str,
    ontology: Ontology | None = None,
    *,
    data_row_forms: str = "",
    ground_truth: bool = False,
) -> CheckedMessage:
    """Check a message of a project. Without an ontology only the rules of publishing are checked."""
    builder = ontology and RowBuilder(project_id, ontology, data_row_forms=data_row_forms, ground_truth=ground_truth)

    def fault(part: bytes) -> MessageError | None:
        try:
            if builder:
                builder.build(part)
            elif (found := read_message(part)[0].project_id) != project_id:
                return MessageError(Reason.WRONG_PROJECT, "projectId", found, f"{project_id}, whose inbox this is")
        except MessageError as error:
            return error
        return None

    with_ontology = builder is not None
    first = fault(raw)
    message = _with_annotations(raw)
    count = len(message["annotations"]) if message is not None else 0
    if first is None:
        return CheckedMessage([], count, with_ontology)
    problems = [MessageProblem.of(first)]
    if message is not None and len(raw) <= _LARGE_BYTES:
        problems = _all_problems(first, message, fault)
    return CheckedMessage(problems, count, with_ontology)


def _with_annotations(raw: bytes) -> dict[str, Any] | None:
    """Return the message as JSON; None if it cannot be read or has no array of annotations."""
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) and isinstance(message.get("annotations"), list) else None


def _all_problems(
    first: MessageError, message: dict[str, Any], fault: Callable[[bytes], MessageError | None]
) -> list[MessageProblem]:
    """Return the problem of every annotation that has one: the check reports the first, so that one is removed.

    Ends at a problem of no single annotation, and at a relationship, whose ends may have been removed.
    """
    numbers = list(range(len(message["annotations"])))
    problems: list[MessageProblem] = []
    error: MessageError | None = first
    while error is not None and len(problems) < MOST_PROBLEMS:
        place = _OF_ANNOTATION.fullmatch(error.path)
        if problems and (place is None or error.reason is Reason.BROKEN_RELATIONSHIP):
            break
        at = int(place[1]) if place else -1
        if place is None or at >= len(numbers):
            problems.append(MessageProblem.of(error))
            break
        problems.append(MessageProblem.of(error, f"annotations[{numbers[at]}]{place[2]}"))
        del numbers[at], message["annotations"][at]
        error = fault(orjson.dumps(message)) if numbers else None
    return sorted(problems, key=_place)


def _place(problem: MessageProblem) -> int:
    place = _OF_ANNOTATION.fullmatch(problem.path)
    return int(place[1]) if place else -1
