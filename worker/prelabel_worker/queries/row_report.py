"""Record what became of each row of a file: a report for people, and a journal from which a killed command resumes.

A line is added as soon as Redis has the row. So a killed run has published the rows of its report and at most the few
rows of one more flush, and the same command publishes no row of the report again. The rows are kept in SQLite's small
cache and a private temporary file, so that a report of any length takes little memory.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import orjson

from prelabel import private_files
from prelabel.errors import PrelabelError
from prelabel.json_record import JsonRecord
from prelabel.unix_time import UnixTime
from prelabel_worker.chunks.history import TracedRow, digest_of
from prelabel_worker.chunks.rows import NO_ANNOTATIONS

PENDING = "pending"
FINAL = ("imported", "superseded", "skipped", "discarded")
_LOOKED_AT_AGAIN = {"dead": "held", "retrying": "held", "gone": "held", "unknown": PENDING}
_TOGETHER = 1000
_TABLE = """
CREATE TABLE item (
  at INTEGER PRIMARY KEY, position INTEGER, mark BLOB, project TEXT, data_row BLOB, message_id TEXT, place TEXT,
  published_ms INTEGER, outcome TEXT, reason TEXT, details BLOB, import_name TEXT, row INTEGER);
CREATE INDEX of_message ON item (project, mark);
CREATE INDEX of_outcome ON item (project, outcome);
CREATE INDEX in_order ON item (position);
"""
_INSERT = """
INSERT INTO item
(position, mark, project, data_row, message_id, place, published_ms, outcome, reason, details, import_name, row)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ALL = """
SELECT project, data_row, message_id, place, published_ms, outcome, reason, details, import_name, row
FROM item ORDER BY position"""
_HAD = "SELECT 1 FROM item WHERE project = ? AND mark = ? AND message_id = ? AND at <= ?"
_MEET = """
UPDATE item SET position = ? WHERE at = (
  SELECT min(at) FROM item WHERE project = ? AND mark = ? AND message_id = ? AND position <= ?)"""
_SETTLE = """
UPDATE item SET outcome = ?, reason = ?, details = NULL, import_name = ?, row = coalesce(row, ?)
WHERE project = ? AND mark = ?"""
_HELD = """
SELECT DISTINCT row FROM item WHERE project = ? AND outcome IN ('held', 'retrying') AND row > ? ORDER BY row LIMIT ?"""
_MARK = "UPDATE item SET outcome = ?, reason = coalesce(?, reason), details = ? WHERE project = ? AND row = ?"
_GIVE_UP = "UPDATE item SET outcome = 'unknown', details = NULL WHERE project = ? AND outcome = 'pending'"
_EXPLAIN = "UPDATE item SET details = ? WHERE project = ? AND outcome IN ('pending', 'held', 'retrying')"
_COUNTS = "SELECT outcome, count(*) FROM item WHERE project = ? OR ? IS NULL GROUP BY outcome"
_PROJECTS = """
SELECT project, min(published_ms) FROM item
WHERE outcome NOT IN ('imported', 'superseded', 'skipped', 'discarded', 'refused') GROUP BY project"""


class Became(NamedTuple):
    """What became of a row."""

    #: One of `FINAL`, or `held`.
    outcome: str
    #: Why it is held or was skipped; None if there is nothing to say.
    reason: str | None = None


def became(in_history: str) -> Became:
    """Return what became of a row by its name in the history: an outcome, or a reason."""
    if in_history == NO_ANNOTATIONS:
        return Became("skipped", NO_ANNOTATIONS)
    return Became(in_history) if in_history in FINAL else Became("held", in_history)


class NotAReport(PrelabelError):
    """The file is not a report of this command for this file of rows."""


@dataclass(frozen=True, slots=True)
class ReportedRow(JsonRecord):
    """One row of the file, and a line of the report."""

    json_fields = (
        "project_id", "data_row", "message_id", "where", "published_at", "outcome", "reason", "details", "import_name",
        "row", "file",
    )  # fmt: skip
    json_names: ClassVar = {"import_name": "import"}

    #: The project's id; of a record that was refused, empty if it cannot be read.
    project_id: str
    #: The data row as the message names it; of a record that was refused, empty if it cannot be read.
    data_row: dict[str, Any]
    #: The id that the message was published under; of a record that was refused, its own, or empty.
    message_id: str
    #: Where the record stands in the file, such as `line 3`.
    where: str
    #: Unix time in ms; Redis accepted the row then or later. 0 for a record that was refused.
    published_ms: int = 0
    #: One of the outcomes in docs/reference/commands.md.
    outcome: str = PENDING
    #: The reason code of a row that is or was held, or was refused; `no-annotations` of a skipped row that has none.
    reason: str | None = None
    #: What is wrong with the row, in our words or Labelbox's.
    details: dict[str, Any] | None = None
    #: The import that it was in.
    import_name: str | None = None
    #: Its arrival number, under which it is held.
    row: int | None = None
    #: The file that has the record; `-` for standard input.
    file: str = ""

    @property
    def published_at(self) -> UnixTime | None:
        """When Redis accepted the row, or a little earlier; None for a record that was refused."""
        return UnixTime.known(self.published_ms)


class RowReport:
    """The rows of one file, in its order; with a `path`, also on the disk.

    Raises NotAReport for a `path` with something else than an earlier report of this file, OSError.
    """

    def __init__(self, path: Path | None, file: str) -> None:
        self._path = path
        self._file = file if file == "-" else str(Path(file).absolute())
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.executescript(_TABLE)
        self._fresh: list[tuple[int, ReportedRow]] = []
        self._position = 0
        self.earlier_rows = 0
        if path is not None:
            private_files.check_regular(path)
            self.earlier_rows = self._load(path) if path.exists() else 0
        self._before = self._base.execute("SELECT max(at) FROM item").fetchone()[0] or 0

    def close(self) -> None:
        """Forget everything that is not on the disk."""
        self._base.close()

    def had(self, project_id: str, message_id: str) -> bool:
        """Return whether an earlier run published this message."""
        if not self.earlier_rows:
            return False
        values = (project_id, digest_of(message_id), message_id, self._before)
        return self._base.execute(_HAD, values).fetchone() is not None

    def add(self, row: ReportedRow) -> None:
        """Add the next row of the file; `commit` writes it to the report."""
        self._fresh.append((self._next(), replace(row, file=self._file)))

    def meet(self, row: ReportedRow) -> None:
        """Give a row of an earlier run its place in the file, after those that were added or met in this run."""
        values = (row.project_id, digest_of(row.message_id), row.message_id, self._before)
        self._base.execute(_MEET, (self._next(), *values))

    def commit(self) -> None:
        """Write the added rows, durably if there is a `path`. Raises OSError."""
        if not self._fresh:
            return
        if self._path is not None:
            with open(self._path, "ab", opener=private_files.opener) as file:
                file.write(b"".join(orjson.dumps(row.as_json()) + b"\n" for _, row in self._fresh))
                file.flush()
                os.fsync(file.fileno())
        self._insert(self._fresh)
        self._fresh = []

    def settle(self, project_id: str, rows: Iterable[TracedRow], import_name: str) -> None:
        """Record the outcomes of rows of a chunk, or the reasons for which they are held.

        A row keeps the first arrival number under which it was held, although a retry as new gives it another.
        """
        self._base.execute("BEGIN")
        for seq, outcome, mark in rows:
            self._base.execute(_SETTLE, (*became(outcome), import_name or None, seq, project_id, mark))
        self._base.execute("COMMIT")

    def held(self, project_id: str) -> Iterator[list[str]]:
        """Yield the arrival numbers of the rows that were held or retrying at the last look, in parts."""
        last = -1
        while records := self._base.execute(_HELD, (project_id, last, _TOGETHER)).fetchall():
            yield [str(row) for (row,) in records]
            last = records[-1][0]

    def mark(self, project_id: str, row: int, outcome: str, reason: str | None, details: dict[str, Any] | None) -> None:
        """Record what became of a held row."""
        self._base.execute(_MARK, (outcome, reason, _packed(details), project_id, row))

    def give_up(self, project_id: str) -> None:
        """Mark the pending rows as unknown: nothing can be learned about them any more."""
        self._base.execute(_GIVE_UP, (project_id,))

    def explain(self, project_id: str, why: list[str]) -> None:
        """Record why the rows wait that have no outcome yet."""
        self._base.execute(_EXPLAIN, (_packed({"waits": why}) if why else None, project_id))

    def counts(self, project_id: str | None = None) -> Counter[str]:
        """Count rows by outcome, of one project or of all."""
        return Counter(dict(self._base.execute(_COUNTS, (project_id, project_id))))

    def projects(self) -> dict[str, int]:
        """Return project → time in ms at which the first of its rows that may still change was published."""
        return dict(self._base.execute(_PROJECTS))

    def write(self) -> None:
        """Replace the lines of the report by complete ones, with the outcomes. Raises OSError."""
        self.commit()
        if self._path is None:
            return
        with private_files.replacing(self._path) as file:
            for row in self._rows():
                file.write(orjson.dumps(row.as_json()) + b"\n")

    def _rows(self) -> Iterator[ReportedRow]:
        for record in self._base.execute(_ALL):
            project, data_row, message_id, place, ms, outcome, reason, packed, name, row = record
            details = orjson.loads(packed) if packed else None
            data_row = orjson.loads(data_row)
            yield ReportedRow(project, data_row, message_id, place, ms, outcome, reason, details, name, row, self._file)

    def _next(self) -> int:
        self._position += 1
        return self._position

    def _insert(self, rows: Iterable[tuple[int, ReportedRow]]) -> None:
        self._base.execute("BEGIN")
        self._base.executemany(_INSERT, ((position, *_values(row)) for position, row in rows))
        self._base.execute("COMMIT")

    def _load(self, path: Path) -> int:
        """Read an earlier run's rows, but not refused ones, which are sent again; cut off an incomplete last line."""
        count = whole = 0
        part: list[tuple[int, ReportedRow]] = []
        with open(path, "rb+", opener=private_files.opener) as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                row = _read(line, path)
                if row.file != self._file:
                    raise NotAReport(
                        f"{path} is the report of {row.file}, and would lose what became of its rows: name another file"
                    )
                if row.outcome != "refused":
                    part.append((self._next(), row))
                    count += 1
                if len(part) >= _TOGETHER:
                    self._insert(part)
                    part = []
            self._insert(part)
            file.truncate(whole)
        return count


def _values(row: ReportedRow) -> tuple[Any, ...]:
    # A refused row has no mark: another row that was published under its id must not give it an outcome.
    mark = digest_of(row.message_id) if row.message_id and row.outcome != "refused" else None
    where = (row.project_id, orjson.dumps(row.data_row), row.message_id, row.where, row.published_ms)
    return (mark, *where, row.outcome, row.reason, _packed(row.details), row.import_name, row.row)


def _packed(details: dict[str, Any] | None) -> bytes | None:
    return orjson.dumps(details) if details else None


def _read(line: bytes, path: Path) -> ReportedRow:
    try:
        fields = orjson.loads(line)
        return ReportedRow(
            fields["projectId"],
            fields["dataRow"],
            fields["messageId"],
            fields["where"],
            UnixTime.from_iso(fields["publishedAt"]).ms if fields["publishedAt"] else 0,
            _LOOKED_AT_AGAIN.get(fields["outcome"], fields["outcome"]),
            fields["reason"],
            fields["details"],
            fields["import"],
            fields["row"],
            str(fields["file"]),
        )
    except (ValueError, KeyError, TypeError):
        raise NotAReport(f"{path} exists and is not a report of this command: name another file") from None
