"""The file of bad records: one line of JSON for each record that could not become a message."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from prelabel.private_files import opener
from prelabel.unix_time import UnixTime

_MAX_RECORD = 65_536


class BadRecords:
    """Appends to a private file of bounded size. Every method but `close` raises OSError."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._file = open(path, "ab", buffering=0, opener=opener)  # noqa: SIM115 - it stays open
        self._max_bytes = max_bytes
        self._size = os.fstat(self._file.fileno()).st_size
        self._dirty = False

    def write(self, where: str, reason: str, problem: str, details: Mapping[str, Any], raw: bytes) -> bool:
        """Add a record, which is durable after `sync`; return False if the file has no room for it."""
        line = _line(where, reason, problem, details, raw)
        if self._size + len(line) > self._max_bytes:
            return False
        self._dirty = True
        try:
            if self._file.write(line) != len(line):
                raise OSError("the disk is full")
        except OSError:
            self._file.truncate(self._size)  # the record is written again, and not behind a half of itself
            raise
        self._size += len(line)
        return True

    def sync(self) -> None:
        """Make everything that was written durable."""
        if self._dirty:
            os.fsync(self._file.fileno())
            self._dirty = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _line(where: str, reason: str, problem: str, details: Mapping[str, Any], raw: bytes) -> bytes:
    beginning = raw[:_MAX_RECORD]
    try:
        record = {"record": beginning.decode()}
    except UnicodeDecodeError:
        record = {"recordBase64": base64.b64encode(beginning).decode()}
    document = {"at": UnixTime.now().iso(), "where": where, "reason": reason, "problem": problem, **details, **record}
    document["bytes"] = len(raw)
    return orjson.dumps(_encodable(document), option=orjson.OPT_APPEND_NEWLINE)


def _encodable(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without lone surrogates, which are no UTF-8."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in document.items()
    }
