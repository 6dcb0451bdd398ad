"""Send the records of a file to Redis, print the first refused ones, and show progress on a terminal."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn

from prelabel import MessageError, Reason, RedisUnavailable
from prelabel.json_record import JsonRecord
from prelabel.printing import and_more
from prelabel.readers import BadRecord, Record, Source
from prelabel.readers.ndjson import BadLine, LineRecord
from prelabel.validation.readable import MessageFacts, facts_of_message
from prelabel_worker.cli.shared.screen import console
from prelabel_worker.cli.shared.terminal import ServiceAway, say

FLUSH_SECONDS = 60.0
_SHOWN = 20

Take = Callable[[Record], None]
"""Takes a record, or raises MessageError."""


@dataclass(frozen=True, slots=True)
class Refusal(JsonRecord):
    """A record that was refused: where it stands, why, and what could be read of it. Its JSON is that of `validate`."""

    json_fields = (
        *("line", "where", "path", "reason", "found", "expected", "hint"),
        *("project_id", "data_row", "message_id"),
    )

    #: Where it stands in the file, such as `line 3`.
    where: str
    #: Why it was refused, for a person.
    problem: str
    #: The reason code.
    reason: Reason
    #: What it says about itself.
    facts: MessageFacts = field(default_factory=MessageFacts)
    #: The field, and what was found, expected and suggested there, as far as it is known.
    details: Mapping[str, Any] = field(default_factory=dict)
    #: The line's number in the file; None for a record of a format that is not read line by line.
    line: int | None = None

    @property
    def path(self) -> str:
        """The path of the value at fault in the record."""
        return str(self.details.get("path", ""))

    @property
    def found(self) -> str:
        """The value at fault, or else the whole problem."""
        return str(self.details.get("found", self.problem))

    @property
    def expected(self) -> str:
        """What was expected instead."""
        return str(self.details.get("expected", "a record that can be read"))

    @property
    def hint(self) -> str | None:
        """What is suggested, such as the nearest name."""
        return self.details.get("hint")

    @property
    def project_id(self) -> str | None:
        """The project that the record names, if it can be read."""
        return self.facts.project_id

    @property
    def data_row(self) -> Mapping[str, str] | None:
        """The data row that the record is about, if it can be read."""
        return self.facts.data_row

    @property
    def message_id(self) -> str | None:
        """The message's own id, if it has one that can be read."""
        return self.facts.message_id


Refused = Callable[[Refusal], None]
"""Receives the records that were refused."""


class FirstRefusals:
    """Keeps the first records that were refused, as many as are printed."""

    def __init__(self) -> None:
        self._refusals: list[Refusal] = []

    def __call__(self, refusal: Refusal) -> None:
        """Keep a refusal, if it is one of the first."""
        if len(self._refusals) < _SHOWN:
            self._refusals.append(refusal)

    def as_json(self) -> list[dict[str, Any]]:
        """Return them for `--json`, in the form of the errors of `validate`."""
        return [refusal.as_json() for refusal in self._refusals]


def send(source: Source, take: Take, finish: Callable[[], None], refused: Refused | None = None) -> tuple[int, int]:
    """Take every record, then finish; return how many were taken and refused. Raises ServiceAway."""
    published = refusals = 0
    try:
        with _progress() as advance:
            for refusal in _results(source, take):
                if refusal is None:
                    published += 1
                    advance(published)
                    continue
                refusals += 1
                if refused is not None:
                    refused(refusal)
                if refusals <= _SHOWN:
                    say(f"{refusal.where}: {refusal.problem}")
        finish()
    except RedisUnavailable as error:
        raise ServiceAway(str(error)) from None
    for line in and_more(refusals, _SHOWN):
        say(line)
    return published, refusals


def _results(source: Source, take: Take) -> Iterator[Refusal | None]:
    """Yield for each record why it was refused, or None. Raises UnreadableInput before the first."""
    for record in source:
        if isinstance(record, BadRecord):
            yield _unread(record)
        else:
            yield _tried(take, record)


def _unread(record: BadRecord) -> Refusal:
    reason = record.reason if isinstance(record, BadLine) else Reason.UNREADABLE_RECORD
    facts = MessageFacts() if record.beginning is None else facts_of_message(record.beginning)
    if record.key is not None:
        facts = replace(facts, data_row={"globalKey": record.key})
    fields = {"path": record.path, "found": record.found, "expected": record.expected}
    details = {key: value for key, value in fields.items() if value}
    number = record.number if isinstance(record, BadLine) else None
    return Refusal(record.where, record.problem, reason, facts, details, number)


def _tried(take: Take, record: Record) -> Refusal | None:
    """Take a record; return why it was refused, or None."""
    where = record.where
    try:
        take(record)
    except MessageError as refusal:
        error, number = refusal, None
        if isinstance(record, LineRecord):
            number, error = record.locate(refusal)
            where = f"line {number}" if error.path else where
        problem, facts = f"{error} [{error.reason.value}]", facts_of_message(record.message)
        return Refusal(where, problem, error.reason, facts, error.details(), number)
    return None


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} published"),
        transient=True,
        console=console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("publish", total=None)
        yield lambda count: progress.update(task, completed=count) if count % 500 == 0 else None
