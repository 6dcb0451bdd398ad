"""Read messages, or plain Labelbox NDJSON; the form is detected line by line.

All plain lines of one data row become one message: of several messages of one model and data row, each would supersede
the one before. So plain lines are kept until the end of the stream, while messages are passed on as they come.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

import msgspec
import orjson

from prelabel.errors import MessageError, Reason
from prelabel.readers.base import BadRecord, Record, Source
from prelabel.readers.runs import RowRuns, RunIndex

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Maximum bytes of a line."""
BEGINNING = 64 * 1024
"""Number of bytes of a line that is not read in which its data row is looked for."""
_NOTHING = msgspec.Raw(b"")
_NUMBERS_SHOWN = 5
_AT_ANNOTATION = re.compile(r"annotations\[(\d+)\]\.?")
_MIXED = {
    "messages": "plain NDJSON in a file of messages: publish the two apart, or they may supersede one another",
    "ndjson": "a message in a file of plain NDJSON: publish the two apart, or they may supersede one another",
}


class Form(StrEnum):
    """The form of a line."""

    MESSAGES = "messages"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class LineOptions:
    """How to read lines, and the values that they lack."""

    #: The project of messages that name none, and of plain lines.
    project_id: str | None = None
    #: The name of the model of plain lines.
    model: str | None = None
    #: The form of all lines; None for the form of the first line.
    form: Form | None = None
    #: Whether lines of both forms are accepted, which only a check may do.
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class LineRecord(Record):
    """A message and the numbers of its lines; if `plain`, they hold one annotation each, in the message's order.

    `project` is the project that the message names, if any.
    """

    message: bytes
    numbers: tuple[int, ...]
    plain: bool = False
    project: str | None = None

    def locate(self, error: MessageError) -> tuple[int, MessageError]:
        """Return the line that an error is about, and the error with its path in that line."""
        place = _AT_ANNOTATION.match(error.path) if self.plain else None
        if place is None:
            return self.numbers[0], error
        return self.numbers[int(place[1])], error.at(error.path[place.end() :])


@dataclass(frozen=True, slots=True)
class BadLine(BadRecord):
    """Lines that are not read: the number of the first line, the reason code, and the count of lines."""

    number: int = 0
    reason: Reason = Reason.MALFORMED_MESSAGE
    count: int = 1


class _Keys(msgspec.Struct):
    """The keys that distinguish a message from a plain line; all others are left unread."""

    annotations: msgspec.Raw = _NOTHING
    projectId: Any = None  # noqa: N815 - the key in JSON
    dataRow: msgspec.Raw = _NOTHING  # noqa: N815
    name: msgspec.Raw = _NOTHING
    schemaId: msgspec.Raw = _NOTHING  # noqa: N815


_KEYS = msgspec.json.Decoder(_Keys)
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ENCODE = msgspec.json.Encoder().encode


def read_lines(stream: BinaryIO, options: LineOptions) -> Source:
    """Yield messages as they come, then one message per data row of plain lines. Raises UnreadableInput."""
    index = RunIndex(stream)
    form = options.form
    try:
        for number, at, line in numbered(stream):
            raw = line.strip()
            if not raw:
                continue
            if len(line) > MAX_LINE_BYTES:
                yield too_long(number, line)
                continue
            keys = read_keys(raw)
            if keys is None:  # the gate reports what is wrong with unreadable JSON
                yield LineRecord(f"line {number}", raw, (number,))
                continue
            line_form = form_of(keys) or form or Form.MESSAGES
            form = line_form if options.mixed else form or line_form
            if line_form is not form:
                yield BadLine(f"line {number}", _MIXED[form], beginning=raw, number=number)
            elif line_form is Form.MESSAGES:
                yield _message(number, raw, keys.projectId, options)
            elif (row := _data_row(raw, number)) is None:
                yield LineRecord(f"line {number}", raw, (number,))
            else:
                index.add(row, number, at, line)
        for runs in index.rows():
            yield _of_row(index, runs, options)
    finally:
        index.close()


def numbered(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield lines with their numbers and offsets.

    Only a part of a line that is too long is yielded; that part is still longer than the limit.
    """
    number, at = 0, stream.tell() if stream.seekable() else 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        yield number, at, line
        at += len(line)
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES + 1)
            if not rest:
                break
            at += len(rest)
            line = rest if len(rest) > MAX_LINE_BYTES else b""


def read_keys(raw: bytes) -> _Keys | None:
    """Return the keys that tell a line's form, or None if the line is not a readable object."""
    try:
        return _KEYS.decode(raw)
    except _UNREADABLE:
        return None


def form_of(keys: _Keys) -> Form | None:
    """Return the form of a line by its keys, or None if it has neither form."""
    if keys.annotations or keys.projectId is not None:
        return Form.MESSAGES
    return Form.NDJSON if keys.dataRow or keys.name or keys.schemaId else None


def split(message: bytes) -> tuple[dict[str, Any], list[msgspec.Raw]]:
    """Return a message without its annotations, and the annotations as they were written; `join` is the reverse."""
    head = _PARTS.decode(message)
    return head, msgspec.json.decode(head.pop("annotations"), type=list[msgspec.Raw])


def join(head: dict[str, Any], annotations: list[Any]) -> bytes:
    """Return a message with these annotations."""
    return _ENCODE(head | {"annotations": annotations})


def message_of(lines: list[bytes], project_id: str | None, model: str | None = None) -> bytes:
    """Return plain lines of one data row as a message; values stay as they were written."""
    annotations = [_PARTS.decode(line) for line in lines]
    data_rows = [annotation.pop("dataRow", None) for annotation in annotations]
    model_part = None if model is None else {"name": model}
    head = {"projectId": project_id, "dataRow": data_rows[0], "model": model_part}
    return join({key: value for key, value in head.items() if value is not None}, annotations)


def _message(number: int, raw: bytes, project: Any, options: LineOptions) -> Record:
    """Return the record of a message; a message that names no project gets the project of the options."""
    if project is None and options.project_id is not None:
        project = options.project_id
        with suppress(*_UNREADABLE):  # the gate reports what is wrong with it
            parts = {key: value for key, value in _PARTS.decode(raw).items() if key != "projectId"}
            raw = _ENCODE({"projectId": project} | parts)
    return LineRecord(f"line {number}", raw, (number,), project=project if isinstance(project, str) else None)


def _of_row(index: RunIndex, row: RowRuns, options: LineOptions) -> Record | BadRecord:
    first = row.runs[0].line
    if row.size > MAX_LINE_BYTES:
        problem = f"the {row.count} lines of the data row have {row.size} bytes, at most {MAX_LINE_BYTES} are read"
        reason, beginning = Reason.MESSAGE_TOO_LARGE, index.beginning(row, BEGINNING)
        return BadLine(f"line {first}", problem, beginning=beginning, number=first, reason=reason, count=row.count)
    lines = index.lines(row)
    try:
        message = message_of([raw for _, raw in lines], options.project_id, options.model)
    except RecursionError:  # nested so deeply that earlier calls could only just read it
        where, reason, beginning = f"line {first}", Reason.TOO_DEEP, index.beginning(row, BEGINNING)
        return BadLine(where, "deep nesting", beginning=beginning, number=first, reason=reason, count=row.count)
    return LineRecord(_where(row), message, tuple(number for number, _ in lines), True, options.project_id)


def _data_row(raw: bytes, number: int) -> bytes | None:
    """Return a digest of the line's data row, the same for all its spellings; None if the line is not a JSON object."""
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(line, dict):
        return None
    data_row = line.get("dataRow")
    if isinstance(data_row, dict):
        data_row = {key: value for key, value in data_row.items() if value is not None}
    # A line without a data row becomes a message of its own, so that other lines are not refused with it.
    try:
        key = orjson.dumps(number if data_row is None else data_row, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # nested too deeply for a data row
        key = orjson.dumps(number)
    return hashlib.blake2b(key, digest_size=16).digest()


def _where(row: RowRuns) -> str:
    parts = [str(run.line) if run.count == 1 else f"{run.line}-{run.line + run.count - 1}" for run in row.runs]
    shown = ", ".join(parts[:_NUMBERS_SHOWN]) + (", …" if len(parts) > _NUMBERS_SHOWN else "")
    return f"line {shown}" if row.count == 1 else f"lines {shown}"


def too_long(number: int, line: bytes) -> BadLine:
    """Return the record of a line that is too long to be read."""
    problem = f"the line has more than {MAX_LINE_BYTES} bytes, which is the most that is read"
    beginning, reason = line[:BEGINNING], Reason.MESSAGE_TOO_LARGE
    return BadLine(f"line {number}", problem, beginning=beginning, number=number, reason=reason)
