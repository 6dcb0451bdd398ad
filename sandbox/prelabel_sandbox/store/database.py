"""The SQLite file: one connection per thread, and one writer at a time. Readers never wait."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (
    id TEXT PRIMARY KEY, name TEXT, media_type TEXT, ontology TEXT, any_rows INTEGER, created REAL, updated REAL,
    editor_task_type TEXT, shown INTEGER DEFAULT 1, ontology_id TEXT, details TEXT, deleted INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS data_rows (
    project_id TEXT, global_key TEXT, id TEXT, asset TEXT, PRIMARY KEY (project_id, global_key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS data_rows_by_id ON data_rows (project_id, id);
CREATE TABLE IF NOT EXISTS imports (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, project_id TEXT, name TEXT, state TEXT, share REAL,
    secret TEXT UNIQUE, created REAL, ended REAL, deleted INTEGER DEFAULT 0, kind TEXT DEFAULT 'mal',
    url TEXT);
CREATE TABLE IF NOT EXISTS datasets (
    id TEXT PRIMARY KEY, name TEXT, description TEXT, created REAL, updated REAL, deleted INTEGER DEFAULT 0);
-- The data rows of the account; the data rows of projects are in data_rows.
CREATE TABLE IF NOT EXISTS catalog (
    id TEXT PRIMARY KEY, dataset_id TEXT, global_key TEXT UNIQUE, external_id TEXT, row_data TEXT, media_type TEXT,
    created REAL, updated REAL);
CREATE INDEX IF NOT EXISTS catalog_by_dataset ON catalog (dataset_id);
CREATE TABLE IF NOT EXISTS tasks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, type TEXT, status TEXT, done INTEGER, total INTEGER,
    result TEXT, spec TEXT, created REAL, updated REAL);
CREATE INDEX IF NOT EXISTS tasks_in_progress ON tasks (seq) WHERE status = 'IN_PROGRESS';
CREATE TABLE IF NOT EXISTS task_rows (
    task_seq INTEGER, ok INTEGER, number INTEGER, body TEXT, PRIMARY KEY (task_seq, ok, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ontologies (
    id TEXT PRIMARY KEY, name TEXT, description TEXT, media_type TEXT, normalized TEXT, created REAL, updated REAL,
    editor_task_type TEXT);
-- The tools and top-level classifications of the account: those of ontologies, and those that were created alone.
CREATE TABLE IF NOT EXISTS feature_schemas (
    id TEXT PRIMARY KEY, name TEXT, normalized TEXT, deleted INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, project_id TEXT, name TEXT, size INTEGER,
    consensus TEXT, created REAL, updated REAL, UNIQUE (project_id, name));
CREATE TABLE IF NOT EXISTS batch_rows (
    batch_seq INTEGER, row_id TEXT, PRIMARY KEY (batch_seq, row_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_rows_by_row ON batch_rows (row_id);
CREATE TABLE IF NOT EXISTS uploads (secret TEXT PRIMARY KEY, filename TEXT, created REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS imports_by_name ON imports (project_id, name);
CREATE INDEX IF NOT EXISTS imports_running ON imports (seq) WHERE state = 'RUNNING';
-- A pre-label is a line of an import's input file: the last import of its uuid.
CREATE TABLE IF NOT EXISTS pre_labels (
    project_id TEXT, uuid BLOB, import_seq INTEGER, start INTEGER, length INTEGER,
    PRIMARY KEY (project_id, uuid)) WITHOUT ROWID;
-- The same for ground truth.
CREATE TABLE IF NOT EXISTS labels (
    project_id TEXT, uuid BLOB, import_seq INTEGER, start INTEGER, length INTEGER,
    PRIMARY KEY (project_id, uuid)) WITHOUT ROWID;
"""
# Columns that are missing in the folder of an older sandbox. They come last in the tables above too.
_ADDED = (
    ("projects", "editor_task_type", "TEXT"),
    ("projects", "shown", "INTEGER DEFAULT 1"),
    ("projects", "ontology_id", "TEXT"),
    ("projects", "details", "TEXT"),
    ("projects", "deleted", "INTEGER DEFAULT 0"),
    ("data_rows", "asset", "TEXT"),
    ("imports", "kind", "TEXT DEFAULT 'mal'"),
    ("imports", "url", "TEXT"),
    ("ontologies", "editor_task_type", "TEXT"),
)


class Database:
    """Access to the SQLite file. Safe to share between threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._local = threading.local()
        self._writing = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        self._connection().executescript(_SCHEMA)
        for table, name, kind in _ADDED:
            if name not in {row[1] for row in self.all(f"PRAGMA table_info({table})")}:
                self._connection().execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Run the block in a transaction; a durable one is on disk when the block has ended.

        Any other one survives a killed process, but perhaps not a power cut: use it for data that can be made again.
        """
        connection = self._connection()
        # SQLite makes a second writer poll for its lock; this lock queues the writers.
        with self._writing:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def one(self, sql: str, *values: object) -> Any:
        """Return the first row, or None."""
        return self._connection().execute(sql, values).fetchone()

    def all(self, sql: str, *values: object) -> list[Any]:
        """Return all rows."""
        return self._connection().execute(sql, values).fetchall()

    def close(self) -> None:
        """Close every connection; no thread may use them any more."""
        for connection in self._opened:
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._file, check_same_thread=False, isolation_level=None, timeout=30)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA cache_size=-8000")
            self._local.connection = connection
            self._opened.append(connection)
        return connection
