"""Read the lines of a file as data rows to add, or say why a line is not a data row.

Source: docs/reference/labelbox-api.md#2-3, and #5 for limits.

A `row_data` that is not an address may name a local file, and so may the addresses of a document. It is looked for in
one folder only: a file of rows from somebody else must not make this machine upload its other files. JSON in the text
or in the file that is one of the objects of row_data.py is read, checked and sent as that object.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import orjson

from prelabel.errors import found_value
from prelabel.json_record import JsonRecord
from prelabel.readers.ndjson import MAX_LINE_BYTES, numbered
from prelabel.text_input import UnreadableInput, read_text
from prelabel.validation.explain_message import not_json
from prelabel_worker.ontology.media_types import UnknownMediaType, known_media_type
from prelabel_worker.setup.row_data import LOCAL, OBJECTS_OF, check_row_data, is_row_data
from prelabel_worker.setup.row_values import WrongRowData, check_address

MAX_KEY = 200
"""Maximum number of characters of a global key."""
MAX_TEXT = 64 * 1024
"""Maximum number of characters of a text."""
_AROUND = 120  # bytes that a request adds to each row
_TEXTS = ("global_key", "external_id", "media_type")
_LISTS = ("metadata_fields", "attachments", "embeddings")
_KEYS = ("row_data", *_TEXTS, *_LISTS)
# Keys of objects; older guides have some of them beside the global key.
_OF_OBJECTS = {"pdf_url", "pdfUrl", "tile_layer_url", "tileLayerUrl", "messages", "conversationalData"}
_TAKE_TEXTS = ("TEXT", "HTML", "LLM_PROMPT_CREATION", "LLM_PROMPT_RESPONSE_CREATION", "LLM")
"""Media types whose `row_data` may be a text that is neither an address nor a file."""
_TO_COME = "https://upload.invalid/"  # stands for the address of a local file until it is uploaded
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOOKS_LIKE_A_FILE = re.compile(r"\S*\.[A-Za-z][A-Za-z0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class NewRow:
    """A data row as it is sent."""

    #: The number of its line in the file.
    line: int
    #: Its global key.
    key: str
    #: What is sent.
    payload: dict[str, Any]
    #: About how many bytes are sent.
    size: int
    #: Local files by the key of `row_data` that names them; '' if `row_data` itself does.
    files: Mapping[str, Path] = field(default_factory=dict)


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
            row_data, files = self._row_data(payload["row_data"], payload.get("media_type"))
            size = _AROUND + (len(line) if row_data is payload["row_data"] else len(orjson.dumps(row_data)))
            return NewRow(number, key, payload | {"row_data": row_data}, size, files)
        except orjson.JSONDecodeError as error:
            refused = not_json(line, error)  # names NaN, which orjson does not
            return NoRow(number, key, str(refused) if refused.path else f"not JSON: {error}")
        except (_Wrong, WrongRowData) as error:
            return NoRow(number, key, str(error))

    def _row_data(self, row_data: Any, media_type: str | None) -> tuple[Any, dict[str, Path]]:
        """Return the row data to send, and the local files that it names."""
        if isinstance(row_data, dict):
            return row_data, self._object(row_data, media_type)
        if _ADDRESS.match(row_data):
            check_address(row_data, "row_data")
            return row_data, {}
        file = self._file(row_data, "row_data")
        path = f"row_data ({file.name})" if file is not None else "row_data"
        must = media_type in OBJECTS_OF
        content = row_data.encode() if file is None else _content(file, must=must, path=path)
        held = _held(content, must=must, path=path)
        if held is not None:
            return held, self._object(held, media_type, path)
        if file is not None:
            return row_data, {"": file}
        if media_type is not None and media_type not in _TAKE_TEXTS:
            objects = ", or an object" if media_type in OBJECTS_OF else ""
            raise _Wrong(f"row_data: expected an address or a local file of {media_type}{objects}, found a text")
        if len(row_data) > MAX_TEXT:
            raise _Wrong(f"row_data: {len(row_data):,} characters, at most {MAX_TEXT:,}: put it at an address")
        return row_data, {}

    def _object(self, row_data: dict[str, Any], media_type: str | None, path: str = "row_data") -> dict[str, Path]:
        """Check an object; return the local files that it names by key."""
        files: dict[str, Path] = {}
        for key in LOCAL:
            value = row_data.get(key)
            file = self._file(value, f"{path}.{key}") if isinstance(value, str) and value.strip() else None
            if file is not None:
                files[key] = file
        check_row_data(row_data | dict.fromkeys(files, _TO_COME), media_type, path)
        return files

    def _file(self, name: str, path: str) -> Path | None:
        if self._folder is None or _ADDRESS.match(name) or len(name) > 4096 or "\n" in name:
            return None
        file = (self._folder / name).resolve()
        try:
            there = file.is_file()
        except (OSError, ValueError):  # too long for a name, or with a null byte
            there = False
        if there and not file.is_relative_to(self._folder):
            raise _Wrong(f"{path}: the file is outside {self._folder} (--files)")
        if not there and _LOOKS_LIKE_A_FILE.fullmatch(name):
            raise _Wrong(f"{path}: no file {name[:80]} in {self._folder} (--files; --text if it is a text)")
        return file if there else None


def _content(file: Path, *, must: bool, path: str) -> bytes:
    """Return the content of a file that may hold an object; nothing of any other."""
    try:
        if file.suffix.lower() == ".json" and file.stat().st_size <= MAX_LINE_BYTES:
            return read_text(file, MAX_LINE_BYTES)
    except OSError as error:
        raise _Wrong(f"{path}: {error.strerror}") from None
    except UnreadableInput as error:
        if must:
            raise _Wrong(f"{path}: {error}") from None
    return b""


def _held(content: bytes, *, must: bool, path: str) -> dict[str, Any] | None:
    """Return the object in JSON, if it looks like one that `row_data` may be, or if the media type says it must."""
    if not content.lstrip().startswith(b"{"):
        return None
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if must:
            raise _Wrong(f"{path}: not JSON: {error}") from None
        return None
    return value if must or is_row_data(value) else None


def _check(payload: dict[str, Any]) -> None:
    for name in payload:
        if name in _OF_OBJECTS:
            inner = "messages" if name == "conversationalData" else name
            raise _Wrong(f'{name}: expected inside row_data: {{"row_data": {{"{inner}": …}}, "global_key": …}}')
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
    _check_row_data_and_media(payload)


def _check_row_data_and_media(payload: dict[str, Any]) -> None:
    """Check the type of `row_data`, and that the media type exists; write it in the API's spelling."""
    row_data = payload["row_data"]
    if not isinstance(row_data, dict) and not (isinstance(row_data, str) and row_data.strip()):
        raise _Wrong(f"row_data: expected a text that is not empty, or an object, found {found_value(row_data)}")
    if "media_type" in payload:
        try:
            payload["media_type"] = known_media_type(payload["media_type"])
        except UnknownMediaType as error:
            raise _Wrong(f"media_type: {error}") from None
