"""Lines that were read, checked as publishing and the workers check them: the gate's code and the row builder's. Pure.

Not checked, since it takes more than the lines: uuids of two data rows that are the same, what is in the project, and
what is in the asset.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from prelabel.errors import MessageError, Reason
from prelabel.json_record import JsonRecord
from prelabel.readers import BadRecord, Record
from prelabel.readers.ndjson import BadLine, LineRecord, join, split
from prelabel.validation.gate import read_message
from prelabel_worker.ontology.ontology import Ontology
from prelabel_worker.rendering.row_builder import RowBuilder

STAND_IN = "any-project"
"""The project of lines that name none: whoever publishes them says it then."""
_TOGETHER = 100
"""Faults of one data row that are looked for with its lines together; each costs all of them."""
_PROJECTS = 1000

Check = Callable[[LineRecord, bytes], None]
"""Raises MessageError; the bytes are the record's message, or a part of it."""


@dataclass(frozen=True, slots=True)
class Fault(JsonRecord):
    """A line that would be refused, and why; `text` is for a person."""

    json_fields = ("line", "path", "reason", "found", "expected")

    line: int
    path: str
    reason: Reason
    found: str
    expected: str
    text: str


@dataclass(slots=True)
class Report(JsonRecord):
    """Counts of lines, and the first faults."""

    json_fields = ("lines", "valid", "invalid", "by_reason", "in_order")
    json_names: ClassVar = {"in_order": "errors"}

    lines: int = 0
    invalid: int = 0
    by_reason: Counter[Reason] = field(default_factory=Counter)
    errors: list[Fault] = field(default_factory=list)
    forms: set[bool] = field(default_factory=set)
    """Whether good messages (False) and good plain lines (True) were among them."""

    @property
    def valid(self) -> int:
        """Lines that would not be refused."""
        return self.lines - self.invalid

    @property
    def in_order(self) -> list[Fault]:
        """The faults that were kept, by line."""
        return sorted(self.errors, key=lambda fault: fault.line)


class OfProject:
    """Checks rows against an ontology: of one project, or of each that the lines name, which share the ontology."""

    def __init__(
        self,
        ontology: Ontology,
        project_id: str | None = None,
        form: str | None = None,
        *,
        ground_truth: bool = False,
    ) -> None:
        self._ontology = ontology
        self._ground_truth = ground_truth
        self._only = project_id
        self._form = form
        self._builders: dict[str, RowBuilder] = {}
        self._unset: set[str] = set()

    def __call__(self, record: LineRecord, raw: bytes) -> None:
        """Raises MessageError."""
        project_id = self._only or record.project or STAND_IN
        builder = self._builders.get(project_id) or self._add(project_id, self._form)
        built = builder.build(raw)
        if project_id in self._unset:  # its first row says how a project writes its data rows
            self._add(project_id, built.data_row_key[0])

    def _add(self, project_id: str, form: str | None) -> RowBuilder:
        if len(self._builders) >= _PROJECTS:  # bounded, whatever the lines say
            self._builders.clear()
        builder = self._builders[project_id] = RowBuilder(
            project_id, self._ontology, data_row_form=form, ground_truth=self._ground_truth
        )
        (self._unset.discard if form else self._unset.add)(project_id)
        return builder


def structure(_: LineRecord, raw: bytes) -> None:
    """What publishing checks, and nothing of a project. Raises MessageError."""
    read_message(raw)


def validate(records: Iterable[Record | BadRecord], check: Check, limit: int, report: Report | None = None) -> Report:
    """Check every record; `limit` faults are kept in full. A given report is filled as it continues."""
    report = report or Report()
    for record in records:
        if isinstance(record, LineRecord):
            report.lines += len(record.numbers)
            faults = _faults(record, check)
        elif isinstance(record, BadLine):
            report.lines += record.count
            faults = _unread(record)
        else:
            raise TypeError(f"no line: {record}")
        before = report.invalid
        for fault in faults:
            report.invalid += 1
            report.by_reason[fault.reason] += 1
            if len(report.errors) < limit:
                report.errors.append(fault)
        if report.invalid == before and isinstance(record, LineRecord):
            report.forms.add(record.plain)
    return report


def _faults(record: LineRecord, check: Check) -> Iterable[Fault]:
    try:
        check(record, record.message)
    except MessageError as error:
        return _plain_faults(record, check, error) if record.plain else [_fault(*record.locate(error))]
    return ()


def _plain_faults(record: LineRecord, check: Check, error: MessageError) -> Iterator[Fault]:
    """Every line at fault: without the one that was found, the others of its data row are looked at again."""
    numbers = list(record.numbers)
    if record.locate(error)[1] is error:  # it is about all of them
        yield from (_fault(number, error) for number in numbers)
        return
    head, parts = split(record.message)
    for _ in range(_TOGETHER):
        left = LineRecord(record.where, record.message, tuple(numbers), True, record.project)
        number, located = left.locate(error)
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
    """The other lines one by one; what a line says of others of its data row is not looked at any more."""
    for number, part in rest:
        alone = LineRecord(record.where, record.message, (number,), True, record.project)
        try:
            check(record, join(head, [part]))
        except MessageError as error:
            if error.reason is not Reason.BROKEN_RELATIONSHIP:
                yield _fault(*alone.locate(error))


def _fault(line: int, error: MessageError) -> Fault:
    text = f"line {line}: {error} [{error.reason.value}]"
    return Fault(line, error.path, error.reason, error.found, error.expected, text)


def _unread(record: BadLine) -> Iterator[Fault]:
    text = f"{record.where}: {record.problem} [{record.reason.value}]"
    fault = Fault(record.number, "", record.reason, record.problem, "a line that can be read", text)
    return (fault for _ in range(record.count))
