"""Results of exports: files of whole lines, at addresses that hold a secret."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

_PART_BYTES = 4 << 20  # a part ends with the line that reaches this size
_SECRET = re.compile(r"[A-Za-z0-9_-]{32}")
_PARTS = "parts.json"


class Part(msgspec.Struct, frozen=True):
    """A file of an export; both ends of its ranges are included, and all count from 0."""

    #: Position of its first byte in the whole export.
    start: int
    #: Position of its last byte.
    end: int
    #: Number of its first line.
    first_line: int
    #: Number of its last line.
    last_line: int


class Exports:
    """The results, in a folder. An export that is not complete has no parts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def begin(self, secret: str) -> "Writer":
        """Begin to write an export, again if an earlier process did not complete it."""
        folder = self._folder / secret
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return Writer(folder)

    def parts(self, secret: str) -> list[Part]:
        """Return the files of an export, in order."""
        file = self._folder / secret / _PARTS
        return msgspec.json.decode(file.read_bytes(), type=list[Part]) if file.exists() else []

    def file(self, secret: str, number: str) -> Path | None:
        """Return the path of a file of an export, by its number, or None."""
        if not _SECRET.fullmatch(secret) or not number.isdecimal():
            return None
        file = self._folder / secret / f"{int(number)}.ndjson"
        return file if file.exists() and (file.parent / _PARTS).exists() else None


class Writer:
    """Writes one export."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: list[Part] = []
        self._waiting: list[bytes] = []
        self._bytes = 0

    def add(self, lines: Iterable[bytes]) -> None:
        """Add lines, each with its newline."""
        for line in lines:
            self._waiting.append(line)
            self._bytes += len(line)
            if self._bytes >= _PART_BYTES:
                self._flush()

    def end(self) -> None:
        """Complete the export."""
        self._flush()
        (self._folder / _PARTS).write_bytes(msgspec.json.encode(self._parts))

    def _flush(self) -> None:
        if not self._waiting:
            return
        start, line = (self._parts[-1].end + 1, self._parts[-1].last_line + 1) if self._parts else (0, 0)
        (self._folder / f"{len(self._parts)}.ndjson").write_bytes(b"".join(self._waiting))
        self._parts.append(Part(start, start + self._bytes - 1, line, line + len(self._waiting) - 1))
        self._waiting, self._bytes = [], 0
