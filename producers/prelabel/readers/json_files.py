"""The records of JSON files, one at a time: an array, an object, lines of JSON, or all files `*.json` of a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from prelabel.errors import found_value
from prelabel.readers.base import BadRecord, UnreadableSource
from prelabel.readers.json_stream import MAX_ELEMENT, elements
from prelabel.text_input import open_text, read_text, stem_of

_LOOK = 64 * 1024
_SUFFIXES = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """A JSON value, its place for people, and the name of its file without the suffix."""

    where: str
    file: str
    value: Any


def json_records(path: Path) -> Iterator[JsonRecord | BadRecord]:
    """Yield the records; a line that is no JSON is a bad record. Raises UnreadableInput, possibly after some of them.

    An object that fills a whole file may have as many bytes as an element of an array.
    """
    for file in _files(path):
        name, stem = file.name if file == path else str(file.relative_to(path)), stem_of(file)
        with open_text(file) as stream:
            head = stream.peek(_LOOK).lstrip()
            several = not head.startswith(b"[") and _has_lines(head)
            if several:
                yield from _lines(stream, name, stem)
        if head.startswith(b"["):
            for index, value in enumerate(elements(file, "")):
                yield JsonRecord(f"{name}[{index}]", stem, value)
        elif not several:
            yield JsonRecord(name, stem, _whole(file))


def as_object(value: Any, what: str) -> dict[str, Any]:
    """Return a value that is an object. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"expected {what}, found {found_value(value)}")
    return value


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    if not files:
        raise UnreadableSource(f"{path}: expected files NAME.json, found none")
    return files


def _has_lines(head: bytes) -> bool:
    """Return whether the first line is a whole JSON value, and another one follows."""
    first, _, rest = head.partition(b"\n")
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return bool(rest.strip())


def _lines(stream: BinaryIO, name: str, stem: str) -> Iterator[JsonRecord | BadRecord]:
    number = 0
    while line := stream.readline(MAX_ELEMENT):
        number += 1
        where = f"{name}, line {number}"
        if len(line) == MAX_ELEMENT:
            raise UnreadableSource(f"{where}: more than {MAX_ELEMENT} bytes")
        if not line.strip():
            continue
        try:
            yield JsonRecord(where, stem, orjson.loads(line))
        except orjson.JSONDecodeError as error:
            yield BadRecord(where, f"not JSON: {error}")


def _whole(file: Path) -> Any:
    try:
        return orjson.loads(read_text(file, MAX_ELEMENT))
    except orjson.JSONDecodeError as error:
        raise UnreadableSource(f"{file}: not JSON: {error}") from None
