"""Messages, or plain Labelbox NDJSON whose lines of one data row become one message; told apart line by line.

A message is the whole of what its model says about its data row: two messages of a row's lines would supersede one
another. So messages go on as they come, and plain lines when the last of the stream is known.
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
from prelabel.readers.messages import MAX_LINE_BYTES
from prelabel.readers.runs import RowRuns, RunIndex

_NOTHING = msgspec.Raw(b"")
_NUMBERS_SHOWN = 5
_AT_ANNOTATION = re.compile(r"annotations\[(\d+)\]\.?")
_MIXED = {
    "messages": "plain NDJSON in a file of messages: publish the two apart, or they may supersede one another",
    "ndjson": "a message in a file of plain NDJSON: publish the two apart, or they may supersede one another",
}


class Form(StrEnum):
    """What a line is."""

    MESSAGES = "messages"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class LineOptions:
    """What the lines do not say.

    Attributes:
        project_id: of messages that name none, and of plain lines.
        model: the name of the model of plain lines.
        form: what all lines are; else the first one says it.
        mixed: lines of both forms are read, which only a check may do.

    """

    project_id: str | None = None
    model: str | None = None
    form: Form | None = None
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class LineRecord(Record):
    """A message and the numbers of its lines; `plain`: they hold one annotation each, in the message's order.

    `project` is the one that the message names as it is, if any.
    """

    message: bytes
    numbers: tuple[int, ...]
    plain: bool = False
    project: str | None = None

    def locate(self, error: MessageError) -> tuple[int, MessageError]:
        """The line that an error is about, and the error with its path in that line."""
        found = _AT_ANNOTATION.match(error.path) if self.plain else None
        if found is None:
            return self.numbers[0], error
        path = error.path[found.end() :]
        return self.numbers[int(found[1])], type(error)(error.reason, path, error.found, error.expected, error.hint)


@dataclass(frozen=True, slots=True)
class BadLine(BadRecord):
    """`count` lines from `number` on that are not read, and the reason code."""

    number: int
    reason: Reason
    count: int = 1


class _Keys(msgspec.Struct):
    """What tells a message from a plain line; anything else is left unread."""

    annotations: msgspec.Raw = _NOTHING
    projectId: Any = None  # noqa: N815 - as JSON has it
    dataRow: msgspec.Raw = _NOTHING  # noqa: N815
    name: msgspec.Raw = _NOTHING
    schemaId: msgspec.Raw = _NOTHING  # noqa: N815


_KEYS = msgspec.json.Decoder(_Keys)
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ENCODE = msgspec.json.Encoder().encode


def read_lines(stream: BinaryIO, options: LineOptions) -> Source:
    """Messages as they come, then one message for each data row of plain lines. Raises UnreadableSource."""
    index = RunIndex(stream)
    form = options.form
    try:
        for number, at, line in numbered(stream):
            raw = line.strip()
            if not raw:
                continue
            if len(line) > MAX_LINE_BYTES:
                yield _too_long(number)
                continue
            keys = read_keys(raw)
            if keys is None:  # the gate says what is wrong with JSON that cannot be read
                yield LineRecord(f"line {number}", raw, (number,))
                continue
            told = tell(keys) or form or Form.MESSAGES
            form = told if options.mixed else form or told
            if told is not form:
                yield _bad(number, _MIXED[form])
            elif told is Form.MESSAGES:
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
    """Lines with their numbers and places; of one that is too long only a part that is too long as well."""
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
    """What is looked at of a line; None when it is no object that can be read."""
    try:
        return _KEYS.decode(raw)
    except _UNREADABLE:
        return None


def tell(keys: _Keys) -> Form | None:
    """What a line is by its keys; None for what is neither."""
    if keys.annotations or keys.projectId is not None:
        return Form.MESSAGES
    return Form.NDJSON if keys.dataRow or keys.name or keys.schemaId else None


def split(message: bytes) -> tuple[dict[str, Any], list[msgspec.Raw]]:
    """A message without its annotations, and these as they were written; `join` puts them together."""
    head = _PARTS.decode(message)
    return head, msgspec.json.decode(head.pop("annotations"), type=list[msgspec.Raw])


def join(head: dict[str, Any], annotations: list[Any]) -> bytes:
    """A message of these annotations."""
    return _ENCODE(head | {"annotations": annotations})


def message_of(lines: list[bytes], project_id: str | None, model: str | None = None) -> bytes:
    """Plain lines of one data row as a message; values stay as they were written."""
    annotations = [_PARTS.decode(line) for line in lines]
    data_rows = [annotation.pop("dataRow", None) for annotation in annotations]
    named = None if model is None else {"name": model}
    head = {"projectId": project_id, "dataRow": data_rows[0], "model": named}
    return join({key: value for key, value in head.items() if value is not None}, annotations)


def _message(number: int, raw: bytes, project: Any, options: LineOptions) -> Record:
    """The message; with the given project when it names none."""
    if project is None and options.project_id is not None:
        project = options.project_id
        with suppress(*_UNREADABLE):  # the gate says what is wrong with it
            raw = _ENCODE(
                {"projectId": project} | {key: each for key, each in _PARTS.decode(raw).items() if key != "projectId"}
            )
    return LineRecord(f"line {number}", raw, (number,), project=project if isinstance(project, str) else None)


def _of_row(index: RunIndex, row: RowRuns, options: LineOptions) -> Record | BadRecord:
    first = row.runs[0].line
    if row.size > MAX_LINE_BYTES:
        problem = f"the {row.count} lines of the data row have {row.size} bytes, at most {MAX_LINE_BYTES} are read"
        return BadLine(f"line {first}", problem, first, Reason.MESSAGE_TOO_LARGE, row.count)
    lines = index.lines(row)
    try:
        message = message_of([raw for _, raw in lines], options.project_id, options.model)
    except RecursionError:  # at the very limit of what could be read one call before
        return BadLine(f"line {first}", "deep nesting", first, Reason.TOO_DEEP, row.count)
    return LineRecord(_where(row), message, tuple(number for number, _ in lines), True, options.project_id)


def _data_row(raw: bytes, number: int) -> bytes | None:
    """Whose line it is: the same for all spellings of one data row; None when the line is no JSON object."""
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(line, dict):
        return None
    found = line.get("dataRow")
    if isinstance(found, dict):
        found = {key: value for key, value in found.items() if value is not None}
    # A line without one stands alone, so that the others are not refused with it.
    try:
        key = orjson.dumps(number if found is None else found, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # nested too deeply: no data row at all
        key = orjson.dumps(number)
    return hashlib.blake2b(key, digest_size=16).digest()


def _where(row: RowRuns) -> str:
    parts = [str(run.line) if run.count == 1 else f"{run.line}-{run.line + run.count - 1}" for run in row.runs]
    shown = ", ".join(parts[:_NUMBERS_SHOWN]) + (", …" if len(parts) > _NUMBERS_SHOWN else "")
    return f"line {shown}" if row.count == 1 else f"lines {shown}"


def _too_long(number: int) -> BadLine:
    problem = f"the line has more than {MAX_LINE_BYTES} bytes, which is the most that is read"
    return BadLine(f"line {number}", problem, number, Reason.MESSAGE_TOO_LARGE)


def _bad(number: int, problem: str) -> BadLine:
    return BadLine(f"line {number}", problem, number, Reason.MALFORMED_MESSAGE)
