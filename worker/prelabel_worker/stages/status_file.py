"""Lines of a status file → what became of each row. Pure.

The file has one line for each line sent, in no promised order; everything but SUCCESS is a failure
(docs/reference/labelbox-api.md#3-3). A line that cannot be read is none: its annotation has no verdict. Lines are
matched by uuid. Some are sent without one (`Ontology.unidentified`): Labelbox makes one and names it in the file, so
such a line is matched by its data row, with any line of that row that was sent without. An assumption: nothing
documents more (docs/reference/labelbox-format.md#1-3 and #5-2). Of two models that say something about one data row in
one import, the file's order decides whose a failure is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.rendering.identity import row_mark

_SHOWN_ERRORS = 20
_SHOWN_CHARACTERS, _SHOWN_NAME = 500, 100


class LineError(msgspec.Struct):
    """What Labelbox says is wrong with an annotation."""

    name: str | None = None
    message: str | None = None


class _DataRow(msgspec.Struct):
    id: str | None = None
    global_key: str | None = msgspec.field(default=None, name="globalKey")


class _Where(msgspec.Struct):
    data_row: _DataRow | None = msgspec.field(default=None, name="dataRow")


class StatusLine(msgspec.Struct):
    """A line of a status file."""

    uuid: str | None = None
    status: str | None = None
    errors: list[LineError] | None = None


_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


@dataclass(slots=True)
class RowVerdict:
    """A row with at least one annotation that is not SUCCESS: what Labelbox has of it and what it said."""

    sent: list[bytes] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    missing: int = 0
    refused: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def was_sent_without_uuid(self, data_row_key: str) -> bool:
        """Whether one of its lines was."""
        mark = row_mark(data_row_key)
        return any(each.startswith(mark) for each in self.sent)

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
        self._failed: dict[bytes, dict[str, Any]] = {}
        self._decoder = msgspec.json.Decoder(StatusLine)
        self._where = msgspec.json.Decoder(_Where)
        self._theirs: dict[bytes, bytes] = {}  # what was sent without uuid → the uuid that Labelbox gave it
        self._ours: dict[bytes, bytes] = {}  # the same the other way round
        self.foreign = 0
        """Lines that belong to none of the annotations sent."""

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take lines of the file; of lines that repeat an annotation's, one failure is enough."""
        decode, still_open = self._decoder.decode, self._open
        for raw in lines:
            try:
                line = decode(raw)
                uuid = _uuid(line.uuid or "")
            except _UNREADABLE:
                self.foreign += 1
                continue
            if line.status == "SUCCESS" and uuid in still_open:
                still_open.remove(uuid)
            else:
                self._unusual(uuid, line, raw)

    def _unusual(self, uuid: bytes, line: StatusLine, raw: bytes) -> None:
        sent = uuid if uuid in self._row_of else self._ours.get(uuid) or self._sent_without(uuid, raw)
        if sent is None:
            self.foreign += 1
            return
        self._open.discard(sent)
        if line.status != "SUCCESS":
            self._failed.setdefault(sent, _error(uuid, line))

    def _sent_without(self, uuid: bytes, raw: bytes) -> bytes | None:
        """What stands for a line of this data row that was sent without uuid and has no verdict yet."""
        try:
            data_row = self._where.decode(raw).data_row or _DataRow()
        except _UNREADABLE:
            return None
        for key in (f"k:{data_row.global_key}", f"i:{data_row.id}"):
            waiting = self._by_mark.get(row_mark(key))
            if waiting:
                sent = waiting.pop(0)
                self._theirs[sent], self._ours[uuid] = uuid, sent
                return sent
        return None

    @cached_property
    def _by_mark(self) -> dict[bytes, list[bytes]]:
        """A data row's mark → what was sent of it; a uuid of ours begins with a mark only by a chance of 2^-64."""
        found: dict[bytes, list[bytes]] = {}
        for sent in self._row_of:
            found.setdefault(sent[:8], []).append(sent)
        return found

    @cached_property
    def _row_of(self) -> dict[bytes, int]:
        return self._sent.row_of_uuid()

    def failed_rows(self) -> dict[int, RowVerdict]:
        """The rows that are not wholly imported; every other row of the import is."""
        if not self._open and not self._failed:
            return {}
        found = {self._row_of[uuid]: RowVerdict() for uuid in (*self._open, *self._failed)}
        for uuid, row in self._row_of.items():
            verdict = found.get(row)
            if verdict is None:
                continue
            verdict.sent.append(uuid)
            if uuid in self._failed:
                verdict.refused += 1
                verdict.errors.append(self._failed[uuid])
            elif uuid in self._open:
                verdict.missing += 1
            else:
                verdict.taken.append(str(UUID(bytes=self._theirs.get(uuid, uuid))))
        for verdict in found.values():
            del verdict.errors[_SHOWN_ERRORS:]
        return found


def _uuid(text: str) -> bytes:
    """The 16 bytes; other spellings than the usual one are what `UUID` is for. Raises ValueError."""
    if len(text) != 36:
        return UUID(text).bytes
    uuid = bytes.fromhex(text.replace("-", ""))
    if len(uuid) != 16:
        raise ValueError("no uuid")
    return uuid


def _error(uuid: bytes, line: StatusLine) -> dict[str, Any]:
    first = line.errors[0] if line.errors else LineError()
    return {
        "uuid": str(UUID(bytes=uuid)),
        "name": (first.name or "unknown")[:_SHOWN_NAME],
        "message": (first.message or "")[:_SHOWN_CHARACTERS],
    }
