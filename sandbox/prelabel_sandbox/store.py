"""What the sandbox has accepted, in SQLite: an answered import survives a killed process."""

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_SECONDS = 24 * 3600
_SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (
    id TEXT PRIMARY KEY, name TEXT, media_type TEXT, ontology TEXT, any_rows INTEGER, created REAL);
CREATE TABLE IF NOT EXISTS data_rows (
    project_id TEXT, global_key TEXT, id TEXT, PRIMARY KEY (project_id, global_key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS data_rows_by_id ON data_rows (project_id, id);
CREATE TABLE IF NOT EXISTS imports (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, project_id TEXT, name TEXT, state TEXT, progress INTEGER,
    secret TEXT, body BLOB, status BLOB, error BLOB, created REAL, ended REAL);
CREATE INDEX IF NOT EXISTS imports_by_name ON imports (project_id, name);
CREATE TABLE IF NOT EXISTS pre_labels (
    project_id TEXT, uuid TEXT, line BLOB, PRIMARY KEY (project_id, uuid)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Import:
    """An import job without its files."""

    seq: int
    id: str
    project_id: str
    name: str
    state: str
    progress: int
    secret: str
    created: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class Project:
    """A project with its normalized ontology."""

    id: str
    name: str
    media_type: str
    ontology: dict[str, Any]
    any_rows: bool


_IMPORT = "seq, id, project_id, name, state, progress, secret, created, ended"


def new_id() -> str:
    """25 characters that begin with c, as Labelbox's ids do."""
    return "c" + secrets.token_hex(12)


def data_row_id(project_id: str, global_key: str) -> str:
    """The same id for the same data row, always."""
    return "c" + hashlib.blake2b(f"{project_id}/{global_key}".encode(), digest_size=12).hexdigest()


class Store:
    """One connection, used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "sandbox.sqlite3", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is on disk when the block has ended, or nothing is."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def put_project(self, project: Project, keys: Iterable[str]) -> None:
        """Create a project, or replace its ontology and data rows; its imports and pre-labels stay."""
        with self.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO projects VALUES (?, ?, ?, ?, ?, ?)",
                (
                    project.id,
                    project.name,
                    project.media_type,
                    json.dumps(project.ontology),
                    project.any_rows,
                    time.time(),
                ),
            )
            db.execute("DELETE FROM data_rows WHERE project_id = ?", (project.id,))
            rows = ((project.id, key, data_row_id(project.id, key)) for key in keys)
            db.executemany("INSERT OR REPLACE INTO data_rows VALUES (?, ?, ?)", rows)

    def project(self, project_id: str) -> Project | None:
        """A project by id."""
        row = self._one("SELECT id, name, media_type, ontology, any_rows FROM projects WHERE id = ?", project_id)
        return Project(row[0], row[1], row[2], json.loads(row[3]), bool(row[4])) if row else None

    def projects(self) -> list[str]:
        """All project ids."""
        return [row[0] for row in self._all("SELECT id FROM projects ORDER BY id")]

    def data_rows(self, project_id: str) -> tuple[dict[str, str], dict[str, str]]:
        """Global key → id, and id → global key."""
        rows = self._all("SELECT global_key, id FROM data_rows WHERE project_id = ?", project_id)
        return dict(rows), {row_id: key for key, row_id in rows}

    def create_import(self, project_id: str, name: str, body: bytes, *, refuse_same_name: bool) -> Import | None:
        """Accept a file; None when an import of this name exists and that is refused."""
        with self.transaction() as db:
            if refuse_same_name and self.find_import(project_id, name):
                return None
            import_id = new_id()
            db.execute(
                "INSERT INTO imports (id, project_id, name, state, progress, secret, body, created) "
                "VALUES (?, ?, ?, 'RUNNING', 0, ?, ?, ?)",
                (import_id, project_id, name, secrets.token_urlsafe(16), body, time.time()),
            )
        return self.import_by_id(import_id)

    def find_import(self, project_id: str, name: str, *, oldest: bool = False) -> Import | None:
        """An import by name; of several the newest, or the oldest."""
        order = "ASC" if oldest else "DESC"
        sql = f"SELECT {_IMPORT} FROM imports WHERE project_id = ? AND name = ? ORDER BY seq {order} LIMIT 1"  # noqa: S608
        row = self._one(sql, project_id, name)
        return Import(*row) if row else None

    def import_by_id(self, import_id: str) -> Import | None:
        """An import by id."""
        row = self._one(f"SELECT {_IMPORT} FROM imports WHERE id = ?", import_id)  # noqa: S608
        return Import(*row) if row else None

    def imports(self, project_id: str, skip: int, first: int) -> list[Import]:
        """A page of a project's imports, oldest first."""
        sql = f"SELECT {_IMPORT} FROM imports WHERE project_id = ? ORDER BY seq LIMIT ? OFFSET ?"  # noqa: S608
        return [Import(*row) for row in self._all(sql, project_id, first, skip)]

    def running(self) -> list[Import]:
        """What is to be processed, oldest first."""
        sql = f"SELECT {_IMPORT} FROM imports WHERE state = 'RUNNING' ORDER BY seq"  # noqa: S608
        return [Import(*row) for row in self._all(sql)]

    def delete_import(self, import_id: str) -> bool:
        """Remove an import; what it brought stays (nobody has said that it goes)."""
        with self.transaction() as db:
            return db.execute("DELETE FROM imports WHERE id = ?", (import_id,)).rowcount > 0

    def body(self, import_id: str) -> bytes:
        """The file that was uploaded."""
        row = self._one("SELECT body FROM imports WHERE id = ?", import_id)
        return bytes(row[0]) if row else b""

    def file(self, import_id: str, secret: str, kind: str) -> bytes | None:
        """The input, status or error file, to whoever has its address; None when there is none or it has expired."""
        column = {"input": "body", "status": "status", "error": "error"}.get(kind)
        if column is None:
            return None
        sql = f"SELECT {column}, coalesce(ended, created) FROM imports WHERE id = ? AND secret = ?"  # noqa: S608
        row = self._one(sql, import_id, secret)
        if row is None or row[0] is None or time.time() - row[1] > FILE_SECONDS:
            return None
        return bytes(row[0])

    def add_pre_labels(self, item: Import, lines: Iterable[tuple[str, bytes]], progress: int) -> None:
        """Store accepted lines by uuid, the last one wins; and say how far the import is."""
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO pre_labels VALUES (?, ?, ?)",
                ((item.project_id, uuid, line) for uuid, line in lines),
            )
            db.execute("UPDATE imports SET progress = ? WHERE id = ?", (progress, item.id))

    def end_import(self, import_id: str, state: str, status: bytes | None, error: bytes | None) -> None:
        """The import is over; its files are there."""
        with self.transaction() as db:
            db.execute(
                "UPDATE imports SET state = ?, progress = 100, status = ?, error = ?, ended = ? WHERE id = ?",
                (state, status, error, time.time(), import_id),
            )

    def pre_labels(self, project_id: str) -> list[bytes]:
        """The lines that stand in a project, one for each uuid."""
        return [
            bytes(row[0])
            for row in self._all("SELECT line FROM pre_labels WHERE project_id = ? ORDER BY uuid", project_id)
        ]

    def _one(self, sql: str, *args: object) -> Any:
        with self._lock:
            return self._db.execute(sql, args).fetchone()

    def _all(self, sql: str, *args: object) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, args).fetchall()
