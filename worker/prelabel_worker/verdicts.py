"""Lines of a status file → what became of each row. Pure.

The file has one line for each line sent, in no promised order; everything but SUCCESS is a failure
(the wire reference, section 3.3).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
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
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def error_names(self) -> list[str]:
        """Labelbox's names for what was wrong."""
        return [str(error["name"]) for error in self.errors]


class Verdicts:
    """Gathers the lines of one import's status file."""

    def __init__(self, sent: SentLines) -> None:
        self._sent = sent
        self._row_of = sent.row_of_uuid()
        self._open = dict(zip(sent.rows, sent.counts, strict=True))
        self._succeeded: set[bytes] = set()
        self._failed: dict[int, list[dict[str, Any]]] = {}
        self._decoder = msgspec.json.Decoder(_Line)
        self.foreign = 0
        """Lines that belong to none of the annotations sent."""

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take lines of the file; a repeated line changes nothing."""
        decode, row_of, succeeded = self._decoder.decode, self._row_of, self._succeeded
        for raw in lines:
            try:
                line = decode(raw)
                uuid = UUID(line.uuid or "").bytes
            except (msgspec.MsgspecError, ValueError):
                self.foreign += 1
                continue
            row = row_of.get(uuid)
            if row is None:
                self.foreign += 1
            elif line.status == "SUCCESS":
                if uuid not in succeeded:
                    succeeded.add(uuid)
                    self._open[row] -= 1
            else:
                self._failed.setdefault(row, []).append(_error(line))

    def failed_rows(self) -> dict[int, RowVerdict]:
        """The rows that are not wholly imported; every other row of the import is."""
        rows = {row for row, left in self._open.items() if left} | self._failed.keys()
        if not rows:
            return {}
        found = {row: RowVerdict(errors=self._failed.get(row, [])[:_SHOWN_ERRORS]) for row in rows}
        for uuid, row in self._row_of.items():
            if row in rows and uuid in self._succeeded:
                found[row].taken.append(str(UUID(bytes=uuid)))
        for row, verdict in found.items():
            verdict.missing = self._open[row] - len(self._failed.get(row, []))
        return found


def _error(line: _Line) -> dict[str, Any]:
    first = line.errors[0] if line.errors else _Error()
    return {
        "uuid": line.uuid,
        "name": first.name or "unknown",
        "message": (first.message or "")[:_SHOWN_CHARACTERS],
    }
