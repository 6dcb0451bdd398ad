"""The SQLite file: one connection a thread, one writer at a time, readers never wait."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (
    id TEXT PRIMARY KEY, name TEXT, media_type TEXT, ontology TEXT, any_rows INTEGER, created REAL, updated REAL,
    editor_task_type TEXT, shown INTEGER DEFAULT 1);
CREATE TABLE IF NOT EXISTS data_rows (
    project_id TEXT, global_key TEXT, id TEXT, asset TEXT, PRIMARY KEY (project_id, global_key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS data_rows_by_id ON data_rows (project_id, id);
CREATE TABLE IF NOT EXISTS imports (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, project_id TEXT, name TEXT, state TEXT, share REAL,
    secret TEXT UNIQUE, created REAL, ended REAL, deleted INTEGER DEFAULT 0, kind TEXT DEFAULT 'mal',
    url TEXT);
CREATE TABLE IF NOT EXISTS uploads (secret TEXT PRIMARY KEY, filename TEXT, created REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS imports_by_name ON imports (project_id, name);
CREATE INDEX IF NOT EXISTS imports_running ON imports (seq) WHERE state = 'RUNNING';
-- A pre-label is a line of an import's input file: the last import of its uuid.
CREATE TABLE IF NOT EXISTS pre_labels (
    project_id TEXT, uuid BLOB, import_seq INTEGER, start INTEGER, length INTEGER,
    PRIMARY KEY (project_id, uuid)) WITHOUT ROWID;
-- The same of ground truth.
CREATE TABLE IF NOT EXISTS labels (
    project_id TEXT, uuid BLOB, import_seq INTEGER, start INTEGER, length INTEGER,
    PRIMARY KEY (project_id, uuid)) WITHOUT ROWID;
"""
# Columns that a folder of an older sandbox lacks; here, as there, the last of their table.
_ADDED = (
    ("projects", "editor_task_type", "TEXT"),
    ("projects", "shown", "INTEGER DEFAULT 1"),
    ("data_rows", "asset", "TEXT"),
    ("imports", "kind", "TEXT DEFAULT 'mal'"),
    ("imports", "url", "TEXT"),
)


class Database:
    """Safe to share between threads."""

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
        """Everything in the block is kept, or nothing. A durable one is on disk when the block has ended.

        One that is not survives a killed process too, but perhaps not a power cut: for what can be made again.
        """
        connection = self._connection()
        # SQLite would make a second writer poll for its lock; ours queues.
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
        """The first row, or None."""
        return self._connection().execute(sql, values).fetchone()

    def all(self, sql: str, *values: object) -> list[Any]:
        """All rows."""
        return self._connection().execute(sql, values).fetchall()

    def close(self) -> None:
        """Close every connection; nobody may use them any more."""
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
