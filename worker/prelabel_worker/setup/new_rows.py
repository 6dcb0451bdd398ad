"""Read the lines of a file as data rows to add, or say why a line is not a data row.

Source: docs/reference/labelbox-api.md#2-3, and #5 for limits.

A `row_data` that is not an address may name a local file. It is looked for in one folder only: a file of rows from
somebody else must not make this machine upload its other files.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import orjson

from prelabel.json_record import JsonRecord
from prelabel.readers.ndjson import MAX_LINE_BYTES, numbered
from prelabel.text_input import UnreadableInput
from prelabel.validation.explain_message import not_json

MAX_KEY = 200
"""Maximum number of characters of a global key."""
MAX_TEXT = 64 * 1024
"""Maximum number of characters of a text."""
_AROUND = 120  # bytes that a request adds to each row
_TEXTS = ("row_data", "global_key", "external_id", "media_type")
_LISTS = ("metadata_fields", "attachments", "embeddings")
_KEYS = (*_TEXTS, *_LISTS)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOOKS_LIKE_A_FILE = re.compile(r"\S*\.[A-Za-z][A-Za-z0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class NewRow:
    """A data row as it is sent; `file` is the local file that its `row_data` names."""

    line: int
    key: str
    payload: dict[str, Any]
    size: int
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class NoRow(JsonRecord):
    """A line that is not a data row, or a row that was not added; `key` is '' if it cannot be read."""

    json_fields = ("line", "global_key", "why")
    json_names: ClassVar = {"why": "reason"}

    line: int
    key: str
    why: str

    @property
    def global_key(self) -> str | None:
        """Its global key; None if it cannot be read."""
        return self.key or None


class _Wrong(Exception):
    """A line cannot be used; the text says why."""


class RowReader:
    """Reads lines one by one. Local files must be inside `folder`; without a folder, `row_data` names no file."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder is not None else None

    def rows(self, stream: BinaryIO, skip: int = 0) -> Iterator[NewRow | NoRow]:
        """Yield the rows after the first `skip` lines; empty lines are skipped.

        A rest that cannot be read counts as one line. Raises UnreadableInput if there is nothing else.
        """
        number = 0
        try:
            for number, _, line in numbered(stream):
                if number <= skip or not line.strip():
                    continue
                if len(line) > MAX_LINE_BYTES:
                    yield NoRow(number, "", f"the line has more than {MAX_LINE_BYTES:,} bytes")
                    continue
                yield self._read(number, line)
        except UnreadableInput as error:
            if not number:
                raise
            yield NoRow(number + 1, "", f"nothing more was read: {error}")

    def _read(self, number: int, line: bytes) -> NewRow | NoRow:
        key = ""
        try:
            row = orjson.loads(line)
            if not isinstance(row, dict):
                raise _Wrong("expected an object")
            key = row["global_key"] if isinstance(row.get("global_key"), str) else ""
            payload = {name: value for name, value in row.items() if value is not None}
            _check(payload)
            return NewRow(number, key, payload, len(line) + _AROUND, self._file(payload["row_data"]))
        except orjson.JSONDecodeError as error:
            refused = not_json(line, error)  # names NaN, which orjson does not
            return NoRow(number, key, str(refused) if refused.path else f"not JSON: {error}")
        except _Wrong as error:
            return NoRow(number, key, str(error))

    def _file(self, row_data: str) -> Path | None:
        if self._folder is None or _ADDRESS.match(row_data) or len(row_data) > 4096 or "\n" in row_data:
            return None
        path = (self._folder / row_data).resolve()
        try:
            there = path.is_file()
        except (OSError, ValueError):  # too long for a name, or with a null byte
            there = False
        if there and not path.is_relative_to(self._folder):
            raise _Wrong(f"row_data: the file is outside {self._folder} (--files)")
        if not there and _LOOKS_LIKE_A_FILE.fullmatch(row_data):
            raise _Wrong(f"row_data: no file {row_data[:80]} in {self._folder} (--files; --text if it is a text)")
        return path if there else None


def _check(payload: dict[str, Any]) -> None:
    for name in payload:
        if name not in _KEYS:
            near = difflib.get_close_matches(name, _KEYS, 1)
            raise _Wrong(f"{name[:40]}: expected " + (f"{near[0]}?" if near else f"one of {', '.join(_KEYS)}"))
    for name in _TEXTS:
        if name in payload and not (isinstance(payload[name], str) and payload[name].strip()):
            raise _Wrong(f"{name}: expected a text that is not empty")
    for name in _LISTS:
        if name in payload and not (
            isinstance(payload[name], list) and all(isinstance(item, dict | str) for item in payload[name])
        ):
            raise _Wrong(f"{name}: expected an array of objects")
    for name in ("row_data", "global_key"):
        if name not in payload:
            # Without a key, a repeat could not see that the row exists, and predictions could not name it.
            raise _Wrong(f"{name}: missing")
    if len(payload["global_key"]) > MAX_KEY:
        raise _Wrong(f"global_key: {len(payload['global_key'])} characters, at most {MAX_KEY}")
    if len(payload["row_data"]) > MAX_TEXT:
        raise _Wrong(f"row_data: {len(payload['row_data']):,} characters, at most {MAX_TEXT:,}: put it at an address")
