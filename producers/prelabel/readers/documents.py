"""Files that hold records of JSON, each about one data row: one object, an array, or a line for each; or a folder.

A record's global key is made of `{file}`, the file's name without its suffix, `{index}`, the record's number in its
file, from 0, and of the record's own fields.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from prelabel.errors import found_value
from prelabel.readers.base import BadRecord, BadValue, UnreadableSource, fields_of, filled, text_of
from prelabel.readers.groups import Origin
from prelabel.readers.json_stream import MAX_ELEMENT, elements
from prelabel.text_input import UnreadableInput, open_text, read_text, stem_of

JSON = (".json", ".jsonl", ".ndjson")
MAX_PARTS = 200_000
"""Maximum number of elements of a file's array that are read as one record."""
_LOOK = 64 * 1024
_SPACES = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Document:
    """A record about one data row, and its place."""

    where: str
    #: The name of its file, without the suffix.
    file: str
    #: Its number in the file, from 0.
    index: int
    value: Any
    #: What its global key is made for, if several records may be about one data row.
    name: str | None = None

    @property
    def origin(self) -> Origin:
        """Return what its global key is made for."""
        return Origin("record", self.name or f"{self.file} {self.index}", self.where)

    def key(self, template: str) -> str:
        """Return its global key. Raises ValueError for a field that it does not have."""
        fields: dict[str, Any] = {"file": self.file, "index": self.index}
        for name in set(fields_of(template)) - fields.keys():
            value = self.value.get(name) if isinstance(self.value, Mapping) else None
            if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
                raise BadValue(name, "a text or a whole number for the global key", found_value(value))
            fields[name] = value
        return text_of(filled(template, fields), "global key")


def documents(path: Path, *suffixes: str) -> Iterator[Document | BadRecord]:
    """Yield the records of a file, or of the files of a folder with these suffixes. Raises UnreadableInput.

    A bad line, and a bad file of a folder, are bad records.
    """
    for file in files_of(path, *suffixes):
        try:
            yield from _of_file(file)
        except UnreadableInput as error:
            if file == path:
                raise
            yield BadRecord(file.name, str(error))


def joined(path: Path, is_part: Callable[[Any], bool]) -> Iterator[Document | BadRecord]:
    """Yield the records of JSON files; elements of a file's array that are parts become one record, a list of them.

    Raises UnreadableInput.
    """
    together: Document | None = None
    for document in documents(path, *JSON):
        part = isinstance(document, Document) and document.where.endswith("]") and is_part(document.value)
        if together is not None and (isinstance(document, BadRecord) or document.file != together.file or not part):
            yield together
            together = None
        if isinstance(document, BadRecord) or not part:
            yield document
        elif together is None:
            together = Document(document.where.rpartition("[")[0], document.file, 0, [document.value])
        elif len(together.value) == MAX_PARTS:
            raise UnreadableSource(f"{together.where}: more than {MAX_PARTS} predictions about one data row")
        else:
            together.value.append(document.value)
    if together is not None:
        yield together


def files_of(path: Path, *suffixes: str) -> list[Path]:
    """Return the path, or the files of a folder with these suffixes, sorted. Raises UnreadableSource if it has none."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and _has_suffix(file, suffixes))
    if not files:
        raise UnreadableSource(f"{path}: expected files that end with {' or '.join(suffixes)}, found none")
    return files


def _has_suffix(file: Path, suffixes: tuple[str, ...]) -> bool:
    return not file.name.startswith(".") and file.name.removesuffix(".gz").lower().endswith(suffixes)


def _of_file(file: Path) -> Iterator[Document | BadRecord]:
    stem = stem_of(file)
    with open_text(file) as stream:
        head = stream.peek(_LOOK).lstrip(_SPACES)
    if head.startswith(b"["):
        for index, value in enumerate(elements(file, "")):
            yield Document(f"{file.name}[{index}]", stem, index, value)
    elif has_lines(head):
        yield from _lines(file, stem)
    else:
        yield Document(file.name, stem, 0, _whole(file))


def has_lines(head: bytes) -> bool:
    """Return whether the beginning of a file is a line of JSON with another one after it."""
    first, newline, rest = head.partition(b"\n")
    return bool(newline and rest.strip(_SPACES)) and _json(first) is not None


def _lines(file: Path, stem: str) -> Iterator[Document | BadRecord]:
    with open_text(file) as stream:
        index = 0
        for number, line in enumerate(iter(lambda: stream.readline(MAX_ELEMENT + 1), b""), 1):
            where = f"{file.name}, line {number}"
            if len(line) > MAX_ELEMENT:
                raise UnreadableSource(f"{where}: more than {MAX_ELEMENT} bytes")
            if not line.strip(_SPACES):
                continue
            value = _json(line)
            if value is None:
                yield BadRecord(where, "not JSON: expected an object or an array on a line of its own")
            else:
                yield Document(where, stem, index, value)
            index += 1


def _whole(file: Path) -> Any:
    text = read_text(file)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnreadableSource(f"{file}: not JSON: {error}") from None


def _json(line: bytes) -> Any:
    """Return the object or array of a line, or None if it is not one."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict | list) else None


def object_of(value: Any, name: str) -> dict[str, Any]:
    """Return an object. Raises ValueError."""
    if not isinstance(value, dict):
        raise BadValue(name, "an object", found_value(value))
    return value


def array_of(value: Any, name: str) -> list[Any]:
    """Return an array. Raises ValueError."""
    if not isinstance(value, list):
        raise BadValue(name, "an array", found_value(value))
    return value
