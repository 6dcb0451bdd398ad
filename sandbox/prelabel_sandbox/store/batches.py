"""Batches: they put data rows of the account into a project."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel_sandbox.ids import new_id
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.tasks import Task, Tasks

# Copies data rows of the account to a project. Facts that the project already has about their assets stay.
_PUT = """
INSERT INTO data_rows (project_id, global_key, id, asset)
    SELECT ?, coalesce(c.global_key, char(0) || c.id), c.id, json_object('row_data', c.row_data)
    FROM catalog AS c WHERE c.id IN (SELECT value FROM json_each(?))
ON CONFLICT (project_id, global_key) DO UPDATE SET id = excluded.id,
    asset = json_patch(coalesce(asset, '{}'), excluded.asset)
"""
_FIELDS = "seq, id, project_id, name, size, consensus, created, updated"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of data rows."""

    #: Position in the order of creation.
    seq: int
    #: Labelbox's id.
    id: str
    #: The project that it belongs to.
    project_id: str
    #: Unique in its project.
    name: str
    #: Number of data rows.
    size: int
    #: Settings as JSON.
    consensus: str | None
    #: Unix time in seconds.
    created: float
    #: Unix time in seconds.
    updated: float


class NameTaken(Exception):
    """The project already has a batch of this name."""


class Batches:
    """The batches, kept in the database."""

    def __init__(self, database: Database, tasks: Tasks) -> None:
        self._database = database
        self._tasks = tasks

    def create(self, project_id: str, name: str, consensus: Any, row_ids: Sequence[str] = ()) -> Batch:
        """Create a batch with these data rows. Raises NameTaken."""
        with self._database.transaction() as connection:
            batch_id = _add(connection, project_id, name, consensus)
            _put(connection, project_id, batch_id, row_ids)
        (batch,) = self._all("id = ?", batch_id)
        return batch

    def create_filled_later(
        self, project_id: str, prefix: str, consensus: Any, column: str, parts: Iterable[Sequence[str]]
    ) -> list[tuple[str, str]]:
        """Create a batch per part, with a task that fills it; return the ids of both. Raises NameTaken."""
        created = []
        with self._database.transaction() as connection:
            for number, part in enumerate(parts):
                batch_id = _add(connection, project_id, f"{prefix}{number:04}", consensus)
                created.append((batch_id, self.add_task(connection, project_id, batch_id, column, part)))
        return created

    def fill_later(self, project_id: str, batch_id: str, column: str, values: Sequence[str]) -> str:
        """Create a task that puts data rows into a batch, and return its id."""
        with self._database.transaction() as connection:
            return self.add_task(connection, project_id, batch_id, column, values)

    def add_task(
        self, connection: sqlite3.Connection, project_id: str, batch_id: str, column: str, values: Sequence[str]
    ) -> str:
        """Create a task that puts data rows into a batch, within a transaction, and return its id."""
        spec = {"project": project_id, "batch": batch_id, "column": column, "values": values}
        return self._tasks.add(connection, "add-data-rows-to-batch", spec, len(values))

    def put(self, task: Task, done: int, project_id: str, batch_id: str, row_ids: Sequence[str]) -> None:
        """Put data rows into a batch and record the task's progress, in one transaction."""
        with self._database.transaction(durable=False) as connection:
            _put(connection, project_id, batch_id, row_ids)
            self._tasks.advance(connection, task, done)

    def get(self, project_id: str, batch_id: str) -> Batch | None:
        """Return a batch of a project, or None."""
        batches = self._all("project_id = ? AND id = ?", project_id, batch_id)
        return batches[0] if batches else None

    def page(self, project_id: str, after: int, first: int) -> list[Batch]:
        """Return the batches of a project after a position, oldest first."""
        return self._all("project_id = ? AND seq > ? ORDER BY seq LIMIT ?", project_id, after, first)

    def _all(self, where: str, *values: object) -> list[Batch]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM batches WHERE {where}", *values)  # noqa: S608
        return [Batch(*row) for row in rows]


def _add(connection: sqlite3.Connection, project_id: str, name: str, consensus: Any) -> str:
    now, batch_id = time.time(), new_id()
    settings = None if consensus is None else orjson.dumps(consensus).decode()
    row = (batch_id, project_id, name, settings, now, now)
    try:
        connection.execute(
            "INSERT INTO batches (id, project_id, name, size, consensus, created, updated)"
            " VALUES (?, ?, ?, 0, ?, ?, ?)",
            row,
        )
    except sqlite3.IntegrityError:
        raise NameTaken from None
    return batch_id


def _put(connection: sqlite3.Connection, project_id: str, batch_id: str, row_ids: Sequence[str]) -> None:
    connection.execute(_PUT, (project_id, orjson.dumps(row_ids).decode()))
    members = (
        "INSERT OR IGNORE INTO batch_rows SELECT b.seq, v.value FROM batches AS b, json_each(?) AS v WHERE b.id = ?"
    )
    connection.execute(members, (orjson.dumps(row_ids).decode(), batch_id))
    sql = "UPDATE batches SET size = size + ?, updated = ? WHERE id = ?"
    connection.execute(sql, (len(row_ids), time.time(), batch_id))
