"""The lines of a status file → the verdicts of rows. No I/O.

The file has one line for each line that was sent, in any order; every status but SUCCESS is a failure
(docs/reference/labelbox-api.md#3-3). An annotation whose line cannot be read has no verdict. Lines are matched by uuid.
Some lines are sent without a uuid (`Ontology.unidentified`): Labelbox makes one and names it in the file. Such a line
is matched with any line of its data row that was sent without a uuid; this is assumed
(docs/reference/labelbox-format.md#1-3 and #5-2). Where two models sent such lines for one data row in one import, the
order of the file decides which model a failure belongs to.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

import msgspec

from prelabel_worker.chunks.sent_lines import SentLines
from prelabel_worker.labelbox.decoding import lines_of
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


class StatusLine(msgspec.Struct, gc=False):
    """A line of a status file. The garbage collector does not track lines: blocks of them have no cycles."""

    uuid: str | None = None
    status: str | None = None
    errors: list[LineError] | None = None


class _Success(StatusLine, gc=False):
    uuid: str
    status: Literal["SUCCESS"]


_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


@dataclass(slots=True)
class RowVerdict:
    """A row with at least one annotation that is not SUCCESS."""

    #: The uuids of its lines, or the stand-ins for lines that were sent without.
    sent: list[bytes] = field(default_factory=list)
    #: The uuids of annotations that Labelbox imported.
    taken: list[str] = field(default_factory=list)
    #: Number of annotations without a line in the file.
    missing: int = 0
    #: Number of annotations that Labelbox refused.
    refused: int = 0
    #: The first errors that Labelbox named.
    errors: list[dict[str, Any]] = field(default_factory=list)

    def was_sent_without_uuid(self, data_row_key: str) -> bool:
        """Return whether any of its lines was sent without a uuid."""
        mark = row_mark(data_row_key)
        return any(line.startswith(mark) for line in self.sent)

    @property
    def error_names(self) -> list[str]:
        """Labelbox's names of the errors."""
        return [str(error["name"]) for error in self.errors]


class Verdicts:
    """Gathers the lines of one import's status file.

    Nearly every line is the success of an annotation that was sent, and nearly every file has its lines in the order in
    which they were sent. So blocks of lines are read and compared at once: with those that come next, then with those
    that have no verdict yet, and one by one only in blocks that hold anything else. All three ways give the same
    verdicts.
    """

    def __init__(self, sent: SentLines) -> None:
        self._sent = sent
        self._in_order = 0  # so many annotations, from the first on, had their lines in the order they were sent
        self._still_open: set[str | None] | None = None  # the others without a verdict; None while the order is kept
        self._failed: dict[bytes, dict[str, Any]] = {}
        self._decoder = msgspec.json.Decoder(StatusLine)
        self._successes = msgspec.json.Decoder(_Success)
        self._where = msgspec.json.Decoder(_Where)
        self._theirs: dict[
            bytes, bytes
        ] = {}  # stand-in of a line that was sent without a uuid → the uuid that Labelbox made
        self._ours: dict[bytes, bytes] = {}  # and the reverse
        self.foreign = 0
        """Number of lines that belong to no annotation that was sent."""

    def feed(self, blocks: Iterable[bytes]) -> None:
        """Add whole lines of the file. If an annotation has several lines, one failure among them counts."""
        for block in blocks:
            if not self._are_successes(block):
                self._add_each(lines_of(block))

    def _are_successes(self, block: bytes) -> bool:
        """Take these lines, and return True, if each is the success of an annotation that has no verdict yet."""
        try:
            uuids = [line.uuid for line in self._successes.decode_lines(block)]
        except _UNREADABLE:
            return False
        end = self._in_order + len(uuids)
        if self._still_open is None and uuids == self._sent.uuid_texts(self._in_order, end):
            self._in_order = end
        elif self._open().issuperset(uuids):
            self._open().difference_update(uuids)
        else:
            return False
        return True

    def _add_each(self, lines: list[bytes]) -> None:
        for raw in lines:
            try:
                line = self._decoder.decode(raw)
                uuid = _uuid(line.uuid or "")
            except _UNREADABLE:
                self.foreign += 1
            else:
                self._add(uuid, line, raw)

    def _add(self, uuid: bytes, line: StatusLine, raw: bytes) -> None:
        sent = uuid if uuid in self._row_of else self._ours.get(uuid) or self._sent_without(uuid, raw)
        if sent is None:
            self.foreign += 1
            return
        self._open().discard(str(UUID(bytes=sent)))
        if line.status != "SUCCESS":
            self._failed.setdefault(sent, _error(uuid, line))

    def _open(self) -> set[str | None]:
        """Return the uuids of the annotations that have no verdict yet. From now on lines may come in any order."""
        if self._still_open is None:
            uuids: list[str | None] = [*self._sent.uuid_texts()]
            self._still_open = set(uuids).difference(uuids[: self._in_order])
        return self._still_open

    def _sent_without(self, uuid: bytes, raw: bytes) -> bytes | None:
        """Return the stand-in of a line of this data row that was sent without a uuid and has no verdict yet."""
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
        """Lines by the mark of their data row. A uuid of ours begins with such a mark with a chance of 2^-64."""
        by_mark: dict[bytes, list[bytes]] = {}
        for sent in self._row_of:
            by_mark.setdefault(sent[:8], []).append(sent)
        return by_mark

    @cached_property
    def _row_of(self) -> dict[bytes, int]:
        return self._sent.row_of_uuid()

    def failed_rows(self) -> dict[int, RowVerdict]:
        """Return the rows that are not wholly imported, by index; all other rows of the import are."""
        if not self._failed and (self._in_order == self._sent.annotations or not self._open()):
            return {}
        still_open = {_uuid(uuid) for uuid in self._open() if uuid}
        verdicts = {self._row_of[uuid]: RowVerdict() for uuid in (*still_open, *self._failed)}
        for uuid, row in self._row_of.items():
            verdict = verdicts.get(row)
            if verdict is None:
                continue
            verdict.sent.append(uuid)
            if uuid in self._failed:
                verdict.refused += 1
                verdict.errors.append(self._failed[uuid])
            elif uuid in still_open:
                verdict.missing += 1
            else:
                verdict.taken.append(str(UUID(bytes=self._theirs.get(uuid, uuid))))
        for verdict in verdicts.values():
            del verdict.errors[_SHOWN_ERRORS:]
        return verdicts


def _uuid(text: str) -> bytes:
    """Return the 16 bytes of a uuid; `UUID` reads the unusual spellings. Raises ValueError."""
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
