"""Apply a mapping to lines: to messages, to plain NDJSON, and to lines that are the output of a model."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import orjson

from prelabel.errors import MessageError, Reason
from prelabel.mapping import Incoming, PredictionMapping
from prelabel.mapping.annotations import placed
from prelabel.mapping.mapping import key_of
from prelabel.readers.base import BadRecord, Record, Source
from prelabel.readers.ndjson import MAX_LINE_BYTES, BadLine, LineRecord, numbered, too_long

_ENCODE = msgspec.json.Encoder().encode
_UNREADABLE = (orjson.JSONDecodeError, RecursionError)


def map_lines(source: Source, mapping: PredictionMapping, file: str) -> Source:
    """Yield the records of lines as the mapping says; a line that it refuses is a bad record.

    What is not JSON, or has not the form of a message, is passed on: the check of messages explains it.
    """
    for record in source:
        if isinstance(record, LineRecord):
            yield from _mapped(record, mapping, file)
        else:
            yield record


def read_outputs(stream: BinaryIO, mapping: PredictionMapping, file: str) -> Source:
    """Yield the messages for lines that are each the output of a model. Raises UnreadableInput."""
    for number, _, line in numbered(stream):
        raw = line.strip()
        if len(line) > MAX_LINE_BYTES:
            yield too_long(number, line)
        elif raw:
            try:
                body = orjson.loads(raw)
            except _UNREADABLE as error:
                yield BadLine(
                    f"line {number}", f"not JSON: {error}", beginning=raw, number=number, reason=Reason.MALFORMED_JSON
                )
            else:
                yield from _messages(LineRecord(f"line {number}", raw, (number,)), body, mapping, file)


def _mapped(record: LineRecord, mapping: PredictionMapping, file: str) -> Iterator[Record | BadRecord]:
    try:
        body = orjson.loads(record.message)
    except _UNREADABLE:
        yield record
        return
    if not isinstance(body, dict):
        yield record
    elif record.plain:
        yield from _of_plain(record, body, mapping)
    else:
        yield from _messages(record, body, mapping, file)


def _messages(record: LineRecord, body: Any, mapping: PredictionMapping, file: str) -> Iterator[Record | BadRecord]:
    try:
        for message in mapping.messages(Incoming(body, record={"file": file, "line": record.numbers[0]})):
            yield _line(record, message, record.numbers)
    except MessageError as error:
        yield _bad(record, error)


def _of_plain(record: LineRecord, body: dict[str, Any], mapping: PredictionMapping) -> Iterator[Record | BadRecord]:
    """Yield the messages for plain lines of one data row, which keep the numbers of those of them that are left."""
    try:
        kept = placed(body["annotations"], mapping)
    except MessageError as error:
        yield _bad(record, error)
        return
    body["annotations"] = [annotation for _, annotation in kept]
    numbers = tuple(record.numbers[at] for at, _ in kept)
    if mapping.takes(key_of(body)):
        for message in mapping.routed(body):
            yield _line(record, message, numbers or record.numbers[:1], plain=bool(numbers))


def _line(record: LineRecord, message: dict[str, Any], numbers: tuple[int, ...], *, plain: bool = False) -> LineRecord:
    project = message.get("projectId")
    return LineRecord(record.where, _ENCODE(message), numbers, plain, project if isinstance(project, str) else None)


def _bad(record: LineRecord, error: MessageError) -> BadLine:
    number, located = record.locate(error)
    return BadLine(
        record.where, f"{located} [{error.reason.value}]", None, located.path, located.found, located.expected,
        record.message, number, error.reason,
    )  # fmt: skip
