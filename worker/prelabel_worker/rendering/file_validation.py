"""Check the lines of a file as publishing and the workers would: with the gate and the row builder. No I/O.

Problems that the lines do not show are not found: a data row that is not in the project, or coordinates that do not fit
the asset.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import orjson

from prelabel.errors import MessageError, Reason
from prelabel.json_record import JsonRecord
from prelabel.readers import BadRecord, Record
from prelabel.readers.ndjson import BadLine, LineRecord, join, split
from prelabel.validation.gate import data_row_key, read_message
from prelabel.validation.readable import MessageFacts, facts_of_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.given_uuids import GivenUuids
from prelabel_worker.rendering.identity import uuid_bytes
from prelabel_worker.rendering.row_builder import RowBuilder

STAND_IN = "any-project"
"""The project id for lines that name no project; it is given when they are published."""
_TOGETHER = 100
"""Maximum faults of a data row that are found by checking its lines together. Each takes a check of all the lines."""
_PROJECTS = 1000  # maximum row builders kept

_UUIDS = 300_000
"""Maximum uuids of producers that are compared, the latest: workers compare those of an import, which has 20 MB."""


class Checked(NamedTuple):
    """What the check of a whole file needs to know of a valid message."""

    #: Its project.
    project_id: str
    #: `i:<id>` or `k:<global key>`.
    data_row_key: str
    #: The name of its model; empty if it names none.
    model: str
    #: The uuids that its producer gave, and the annotation that each belongs to.
    uuids: Mapping[bytes, int]


Check = Callable[[Record, bytes], Checked]
"""A function that raises MessageError if the bytes are not valid. They are the record's message, or a part of it."""


@dataclass(frozen=True, slots=True)
class Fault(JsonRecord):
    """A line or record that would be refused, and why."""

    json_fields = (
        *("line", "where", "path", "reason", "found", "expected", "hint"),
        *("project_id", "data_row", "message_id"),
    )

    #: The line's number in the file; None for a record of a format that is not read line by line.
    line: int | None
    #: Where it stands, such as `line 3` or `results.json[7]`.
    where: str
    #: The path of the value at fault in the message.
    path: str
    #: The reason code.
    reason: Reason
    #: The value at fault.
    found: str
    #: What was expected instead.
    expected: str
    #: The whole error, for a person.
    text: str
    #: What is suggested, such as the nearest name.
    hint: str | None = None
    #: The project that the message names; None for plain lines, which name none.
    project_id: str | None = None
    #: The data row that the line is about, if it can be read.
    data_row: Mapping[str, str] | None = None
    #: The message's own id, if it has one that can be read.
    message_id: str | None = None


@dataclass(slots=True)
class ProjectCount(JsonRecord):
    """How many messages go to a project, and how many of them would be refused."""

    project_id: str
    messages: int = 0
    invalid: int = 0


@dataclass(slots=True)
class Report(JsonRecord):
    """The numbers of valid and invalid lines or records, and the first faults."""

    json_fields = ("lines", "valid", "invalid", "by_reason", "counts", "in_order")
    json_names: ClassVar = {"in_order": "errors", "counts": "projects"}

    lines: int = 0
    invalid: int = 0
    """The number of lines or records that would be refused, for one of their projects at least."""
    faults: int = 0
    """The number of faults: a line that goes to several projects can have one in each."""
    by_reason: Counter[Reason] = field(default_factory=Counter)
    errors: list[Fault] = field(default_factory=list)
    noun: str = "line"
    """What `lines` counts: lines, or the records of another format."""
    forms: set[bool] = field(default_factory=set)
    """The forms of the valid records: False for messages, True for plain lines of NDJSON."""
    projects: dict[str, ProjectCount] = field(default_factory=dict)
    """The messages by the project that they go to, as far as they name one; of a file with very many, the first."""
    naming: dict[str, str] = field(default_factory=dict)
    """How valid records of each project name data rows: `i` by id, `k` by global key, `ik` both."""

    def saw(self, message: Checked) -> None:
        """Take note of how a valid message names its data row."""
        project_id, form = message.project_id, message.data_row_key[0]
        known = self.naming.get(project_id, "")
        if form not in known and (known or len(self.naming) < _PROJECTS):
            self.naming[project_id] = "".join(sorted(known + form))

    def went_to(self, record: Record | BadRecord, *, valid: bool) -> None:
        """Count a record for its project."""
        name = project_of(record) if isinstance(record, Record) else None
        if name is not None and name != STAND_IN and (name in self.projects or len(self.projects) < _PROJECTS):
            count = self.projects.setdefault(name, ProjectCount(name))
            count.messages += 1
            count.invalid += not valid

    @property
    def valid(self) -> int:
        """The number of lines or records that would not be refused."""
        return self.lines - self.invalid

    @property
    def counts(self) -> list[ProjectCount]:
        """The messages of each project, in the order in which the projects first occur."""
        return list(self.projects.values())

    @property
    def in_order(self) -> list[Fault]:
        """The faults that were kept, in the order of their lines; a rest that could not be read comes last."""
        return sorted(self.errors, key=lambda fault: math.inf if fault.line is None else fault.line)


def project_of(record: Record) -> str | None:
    """Return the project that a record names, if it can be read."""
    if isinstance(record, LineRecord):
        return record.project
    name = record.message.get("projectId") if isinstance(record.message, Mapping) else None
    return name if isinstance(name, str) else None


class OfProject:
    """Checks rows against an ontology, for one project or for all projects that the lines name."""

    def __init__(
        self,
        ontology: Ontology,
        project_id: str | None = None,
        forms: str = "",
        *,
        ground_truth: bool = False,
    ) -> None:
        self._ontology = ontology
        self._ground_truth = ground_truth
        self._only = project_id
        self._forms = forms
        self.any_form = not forms
        """Whether nothing decides yet how rows name their data rows."""
        self._builders: dict[str, RowBuilder] = {}

    def __call__(self, record: Record, raw: bytes) -> Checked:
        """Check a record's message. Raises MessageError."""
        project_id = self._only or project_of(record) or STAND_IN
        built = (self._builders.get(project_id) or self._add(project_id)).build(raw)
        return Checked(project_id, built.data_row_key, built.model, built.explicit)

    def _add(self, project_id: str) -> RowBuilder:
        if len(self._builders) >= _PROJECTS:  # a file may name any number of projects
            self._builders.clear()
        builder = self._builders[project_id] = RowBuilder(
            project_id, self._ontology, data_row_forms=self._forms, ground_truth=self._ground_truth
        )
        return builder


def structure(_: Record, raw: bytes) -> Checked:
    """Check a record's message as publishing does, without a project's ontology. Raises MessageError."""
    message, _kinds = read_message(raw)
    given = ((at, annotation.uuid) for at, annotation in enumerate(message.annotations) if annotation.uuid is not None)
    model = "" if message.model is None else message.model.name
    uuids = {uuid_bytes(uuid): at for at, uuid in given}
    return Checked(message.project_id, data_row_key(message.data_row), model, uuids)


def validate(records: Iterable[Record | BadRecord], check: Check, limit: int, report: Report | None = None) -> Report:
    """Check every record and return a report with at most `limit` faults.

    With `report`, that report is extended, so that a caller can show it while the check runs.
    """
    report = report or Report()
    given = GivenUuids(_UUIDS)

    def checked(record: Record, raw: bytes) -> Checked:
        facts = check(record, raw)
        given.claim(facts[:3], facts.uuids)
        report.saw(facts)
        return facts

    place: tuple[str, tuple[int, ...]] | None = None
    refused: set[int | None] = set()  # lines of the record at this place
    for record in records:
        numbers = record.numbers if isinstance(record, LineRecord) else ()
        again = place == (place := (record.where, numbers))  # the same lines, for another project
        if isinstance(record, LineRecord):
            report.lines += 0 if again else len(numbers)
            faults = _faults(record, checked)
        elif isinstance(record, BadLine):
            report.lines += record.count
            faults = _unread(record)
        else:
            report.lines += not again or isinstance(record, BadRecord)
            faults = _faults_of_record(record, checked)
        if not again or isinstance(record, BadRecord):
            refused.clear()
        before = report.faults
        for fault in faults:
            report.faults += 1
            report.invalid += fault.line not in refused or isinstance(record, BadRecord)
            refused.add(fault.line)
            report.by_reason[fault.reason] += 1
            if len(report.errors) < limit:
                report.errors.append(fault)
        report.went_to(record, valid=report.faults == before)
        if report.faults == before and isinstance(record, LineRecord):
            report.forms.add(record.plain)
    return report


def _faults(record: LineRecord, check: Check) -> Iterable[Fault]:
    try:
        check(record, record.message)
    except MessageError as error:
        facts = _facts(record.message)
        faults = _plain_faults(record, check, error) if record.plain else [_fault(*record.locate(error))]
        return (replace(fault, **facts) for fault in faults)
    return ()


def _faults_of_record(record: Record | BadRecord, check: Check) -> Iterator[Fault]:
    """Yield the fault of a record that is not made of lines, if it has one."""
    where = record.where
    if isinstance(record, BadRecord):
        text, reason = f"{where}: {record.problem}", Reason.UNREADABLE_RECORD
        found, expected = record.found or record.problem, record.expected or "a record that can be read"
        data_row = None if record.key is None else {"globalKey": record.key}
        yield Fault(None, where, record.path, reason, found, expected, text, data_row=data_row)
        return
    try:
        check(record, orjson.dumps(record.message))
    except MessageError as error:
        text = f"{where}: {error} [{error.reason.value}]"
        facts = _facts(record.message)
        yield Fault(None, where, error.path, error.reason, error.found, error.expected, text, error.hint, **facts)


def _facts(message: bytes | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields of a fault that say which message it is about."""
    facts = MessageFacts() if message is None else facts_of_message(message)
    project_id = None if facts.project_id == STAND_IN else facts.project_id
    return {"project_id": project_id, "data_row": facts.data_row, "message_id": facts.message_id}


def _plain_faults(record: LineRecord, check: Check, error: MessageError) -> Iterator[Fault]:
    """Yield a fault for every invalid line of a data row.

    A check reports only one error. So the line that has it is removed, and the remaining lines are checked again.
    """
    numbers = list(record.numbers)
    if record.locate(error)[1] is error:  # the error is not that of a single line
        yield from (_fault(number, error) for number in numbers)
        return
    head, parts = split(record.message)
    for _ in range(_TOGETHER):
        remaining = LineRecord(record.where, record.message, tuple(numbers), True, record.project)
        number, located = remaining.locate(error)
        if located is error:
            yield from (_fault(number, error) for number in numbers)
            return
        yield _fault(number, located)
        at = numbers.index(number)
        del numbers[at], parts[at]
        if not parts:
            return
        try:
            check(record, join(head, parts))
        except MessageError as another:
            error = another
        else:
            return
    yield from _alone(record, check, head, list(zip(numbers, parts, strict=True)))


def _alone(record: LineRecord, check: Check, head: dict[str, Any], rest: list[tuple[int, Any]]) -> Iterator[Fault]:
    """Yield the faults of the remaining lines, checked one by one. References to other lines are not checked."""
    for number, part in rest:
        alone = LineRecord(record.where, record.message, (number,), True, record.project)
        try:
            check(record, join(head, [part]))
        except MessageError as error:
            if error.reason is not Reason.BROKEN_RELATIONSHIP:
                yield _fault(*alone.locate(error))


def _fault(line: int, error: MessageError) -> Fault:
    text = f"line {line}: {error} [{error.reason.value}]"
    return Fault(line, f"line {line}", error.path, error.reason, error.found, error.expected, text, error.hint)


def _unread(record: BadLine) -> Iterator[Fault]:
    text = f"{record.where}: {record.problem} [{record.reason.value}]"
    facts, expected = _facts(record.beginning), "a line that can be read"
    fault = Fault(record.number, record.where, "", record.reason, record.problem, expected, text, **facts)
    return (fault for _ in range(record.count))
