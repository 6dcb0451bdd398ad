"""An index of the pre-labels of each data row. It is built when a page needs it, so that it does not slow imports down.

A line names its data row by id or by global key; the index calls this a *reference*. It reads each finished import
once, a slice at a time, and records every line that is a current pre-label. A look-up compares the entries with the
table of pre-labels, so entries of pre-labels that were replaced or deleted later do no harm.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import orjson

from prelabel_sandbox.checks.uuids import canonical
from prelabel_sandbox.ids import line_uuid
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.imports import Import, Imports
from prelabel_sandbox.store.projects import Project, Projects

_SCHEMA = """
CREATE TABLE IF NOT EXISTS row_references (
    number INTEGER PRIMARY KEY, project_id TEXT, reference TEXT, row_id TEXT, UNIQUE (project_id, reference));
CREATE INDEX IF NOT EXISTS row_references_by_id ON row_references (project_id, row_id);
CREATE TABLE IF NOT EXISTS row_pre_labels (
    reference INTEGER, uuid BLOB, import_seq INTEGER, start INTEGER, PRIMARY KEY (reference, uuid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS row_index_progress (
    import_seq INTEGER PRIMARY KEY, place INTEGER, lines INTEGER, done INTEGER);
"""
# Finds the current pre-labels of references. CROSS JOIN fixes the order of the loops, so that each step is a look-up.
_STANDING = """
        FROM json_each(?) AS wanted
        CROSS JOIN row_references AS r ON r.project_id = ? AND r.reference = wanted.value
    CROSS JOIN row_pre_labels AS n ON n.reference = r.number
    CROSS JOIN pre_labels AS p
        ON p.project_id = r.project_id AND p.uuid = n.uuid AND p.import_seq = n.import_seq AND p.start = n.start
"""
_SLICE = 1 << 18  # bytes of lines in one short transaction


class Standing(NamedTuple):
    """A current pre-label: its uuid, and the position of its line in the input of an import."""

    uuid: bytes
    import_seq: int
    start: int
    length: int


class _Row(msgspec.Struct, rename="camel"):
    id: str | None = None
    global_key: str | None = None


class _Line(msgspec.Struct, rename="camel"):
    data_row: _Row
    uuid: str | None = None


_decoder = msgspec.json.Decoder(_Line)


class RowIndex:
    """The index, kept in the database. `lines_read` counts the lines it has read from input files."""

    def __init__(self, database: Database, imports: Imports, projects: Projects) -> None:
        self._database = database
        self._imports = imports
        self._projects = projects
        self._reading = threading.Lock()
        self._closed = False
        self._followed: set[str] = set()
        self.lines_read = 0
        with database.transaction() as connection:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)

    def close(self) -> None:
        """Stop reading, and return when no thread reads any more."""
        self._closed = True
        with self._reading:
            pass

    def catch_up(self, project: Project, seconds: float) -> int:
        """Read finished imports for at most `seconds`; return the number that are not read to their end yet."""
        deadline = time.monotonic() + seconds
        while (unread := self._unread(project.id)) and time.monotonic() < deadline:
            self._read_slice(project, deadline)
        return len(unread)

    def follow(self, project: Project) -> None:
        """Read a project's finished imports to their end; returns at once if another thread does so already."""
        with self._reading:
            if project.id in self._followed:
                return
            self._followed.add(project.id)
        try:
            self.catch_up(project, float("inf"))
        finally:
            self._followed.discard(project.id)

    def counts(self, project_id: str, references: Iterable[str]) -> dict[str, int]:
        """Return the number of pre-labels per reference; references without any are left out."""
        references_json = orjson.dumps(list(references)).decode()
        sql = f"SELECT r.reference, count(*) {_STANDING} GROUP BY r.number"
        return dict(self._database.all(sql, references_json, project_id))

    def standing(self, project_id: str, references: Iterable[str], first: int, skip: int) -> list[Standing]:
        """Return a page of the pre-labels of these references, in the order they came."""
        references_json = orjson.dumps(list(references)).decode()
        sql = f"SELECT p.uuid, p.import_seq, p.start, p.length {_STANDING}"
        rows = self._database.all(
            f"{sql} ORDER BY p.import_seq, p.start LIMIT ? OFFSET ?", references_json, project_id, first, skip
        )
        return [Standing(*row) for row in rows]

    def find(self, project_id: str, references: Iterable[str], uuid: bytes) -> Standing | None:
        """Return one pre-label of these references, or None."""
        references_json = orjson.dumps(list(references)).decode()
        sql = f"SELECT p.uuid, p.import_seq, p.start, p.length {_STANDING} WHERE n.uuid = ?"
        row = self._database.one(sql, references_json, project_id, uuid)
        return Standing(*row) if row else None

    def _unread(self, project_id: str) -> list[int]:
        if self._closed:
            return []
        rows = self._database.all(
            "SELECT i.seq FROM imports AS i LEFT JOIN row_index_progress AS r ON r.import_seq = i.seq"
            " WHERE i.project_id = ? AND i.kind = 'mal' AND i.state = 'FINISHED' AND r.done IS NOT 1 ORDER BY i.seq",
            project_id,
        )
        return [seq for (seq,) in rows]

    def _read_slice(self, project: Project, deadline: float) -> None:
        """Read a slice of the first import that is not read to its end; other threads may read between two slices."""
        if not self._reading.acquire(timeout=min(threading.TIMEOUT_MAX, max(0.0, deadline - time.monotonic()))):
            return
        try:
            unread = self._unread(project.id)  # another thread may have read it meanwhile
            item = self._imports.by_seq(unread[0]) if unread else None
            if item is not None:
                self._read(project, item)
        finally:
            self._reading.release()

    def _read(self, project: Project, item: Import) -> None:
        progress = self._database.one("SELECT place, lines FROM row_index_progress WHERE import_seq = ?", item.seq)
        place, number = progress or (0, 0)
        file = self._imports.file(item, "input")
        lines = _lines(file, place) if file.exists() else []
        entries = list(_entries(item.id, lines, place, number))
        place, number = place + sum(map(len, lines)), number + len(lines)
        self._record(project, item, entries, place, number, done=not lines)
        self.lines_read += len(lines)

    def _record(
        self,
        project: Project,
        item: Import,
        entries: list[tuple[str, bytes, int]],
        place: int,
        lines: int,
        *,
        done: bool,
    ) -> None:
        references = self._with_ids(project, {reference for reference, _, _ in entries})
        with self._database.transaction(durable=False) as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO row_references (project_id, reference, row_id) VALUES (?, ?, ?)", references
            )
            connection.executemany(
                # Record only current pre-labels: a refused line of the same uuid must not hide an earlier pre-label.
                "INSERT OR REPLACE INTO row_pre_labels SELECT r.number, p.uuid, p.import_seq, p.start"
                " FROM pre_labels AS p"
                " CROSS JOIN row_references AS r ON r.project_id = p.project_id AND r.reference = ?"
                " WHERE p.uuid = ? AND p.start = ? AND p.project_id = ? AND p.import_seq = ?",
                [(*entry, project.id, item.seq) for entry in entries],
            )
            connection.execute(
                "INSERT OR REPLACE INTO row_index_progress VALUES (?, ?, ?, ?)", (item.seq, place, lines, done)
            )

    def _with_ids(self, project: Project, references: set[str]) -> list[tuple[str, str, str]]:
        """Return rows for the table of references, with the ids that a project gives if it accepts any data row."""
        pairs = {pair_of(reference) for reference in references}
        rows = self._projects.data_rows(replace(project, any_rows=True), pairs)
        return [(project.id, reference_of(*pair), row.id) for pair, row in rows.items()]


def _lines(file: Path, place: int) -> list[bytes]:
    with file.open("rb") as opened:
        opened.seek(place)
        return opened.readlines(_SLICE)


def _entries(import_id: str, lines: list[bytes], start: int, number: int) -> Iterator[tuple[str, bytes, int]]:
    """Return reference, canonical uuid and start of every line that could be a pre-label."""
    for line in lines:
        number += 1
        try:
            read = _decoder.decode(line)
        except msgspec.DecodeError:  # such a line was refused or never judged
            read = None
        row = read.data_row if read else _Row()
        value = row.id or row.global_key
        if read is not None and value:
            uuid = line_uuid(import_id, number).bytes if read.uuid is None else canonical(read.uuid)
            if uuid:
                yield reference_of("id" if row.id else "globalKey", value), uuid, start
        start += len(line)


def reference_of(word: str, value: str) -> str:
    """Return a reference ("id" or "globalKey", value) as one string."""
    return f"{word}:{value}"


def pair_of(reference: str) -> tuple[str, str]:
    """Return ("id" or "globalKey", value) of a reference in one string."""
    word, _, value = reference.partition(":")
    return word, value
