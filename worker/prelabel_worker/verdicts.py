"""Lines of a status file → what became of each row. Pure.

The file has one line for each line sent, in no promised order; everything but SUCCESS is a failure
(the wire reference, section 3.3).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from prelabel_worker.chunks import SentLines

_SHOWN_ERRORS = 20
_SHOWN_CHARACTERS = 500


class _Error(msgspec.Struct):
    name: str | None = None
    message: str | None = None


class _Line(msgspec.Struct):
    uuid: str | None = None
    status: str | None = None
    errors: list[_Error] | None = None


@dataclass(slots=True)
class RowVerdict:
    """A row with at least one annotation that is not SUCCESS: what Labelbox has of it and what it said."""

    taken: list[str] = field(default_factory=list)
    missing: int = 0
    refused: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def error_names(self) -> list[str]:
        """Labelbox's names for what was wrong."""
        return [str(error["name"]) for error in self.errors]


class Verdicts:
    """Gathers the lines of one import's status file.

    Nearly every line is the success of an annotation that was sent: it costs one parse and one removal from a set.
    """

    def __init__(self, sent: SentLines) -> None:
        self._sent = sent
        self._open = sent.all_uuids()
        self._failed: dict[int, list[dict[str, Any]]] = {}
        self._decoder = msgspec.json.Decoder(_Line)
        self.foreign = 0
        """Lines that belong to none of the annotations sent."""

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take lines of the file; a repeated line changes nothing."""
        decode, still_open = self._decoder.decode, self._open
        for raw in lines:
            try:
                line = decode(raw)
                uuid = _uuid(line.uuid or "")
            except (msgspec.MsgspecError, ValueError):
                self.foreign += 1
                continue
            if line.status == "SUCCESS" and uuid in still_open:
                still_open.remove(uuid)
            else:
                self._unusual(uuid, line)

    def _unusual(self, uuid: bytes, line: _Line) -> None:
        row = self._row_of.get(uuid)
        if row is None:
            self.foreign += 1
        elif line.status != "SUCCESS":
            self._failed.setdefault(row, []).append(_error(line))

    @cached_property
    def _row_of(self) -> dict[bytes, int]:
        return self._sent.row_of_uuid()

    def failed_rows(self) -> dict[int, RowVerdict]:
        """The rows that are not wholly imported; every other row of the import is."""
        if not self._open and not self._failed:
            return {}
        open_rows = Counter(self._row_of[uuid] for uuid in self._open)
        found = {
            row: RowVerdict(refused=len(errors), errors=errors[:_SHOWN_ERRORS])
            for row, errors in ((row, self._failed.get(row, [])) for row in {*open_rows, *self._failed})
        }
        for uuid, row in self._row_of.items():
            if row in found and uuid not in self._open:
                found[row].taken.append(str(UUID(bytes=uuid)))
        for row, verdict in found.items():
            verdict.missing = max(0, open_rows[row] - len(self._failed.get(row, [])))
        return found


def _uuid(text: str) -> bytes:
    """The 16 bytes; other spellings than the usual one are what `UUID` is for. Raises ValueError."""
    if len(text) == 36:
        return bytes.fromhex(text.replace("-", ""))
    return UUID(text).bytes


def _error(line: _Line) -> dict[str, Any]:
    first = line.errors[0] if line.errors else _Error()
    return {
        "uuid": line.uuid,
        "name": first.name or "unknown",
        "message": (first.message or "")[:_SHOWN_CHARACTERS],
    }
