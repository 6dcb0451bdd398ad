"""Tasks: work on many data rows that continues after the response."""

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from prelabel_sandbox.ids import new_id
from prelabel_sandbox.store.database import Database

Type = Literal["adv-upsert-data-rows", "add-data-rows-to-batch", "data-rows-for-global-keys", "export-data-rows"]

_FIELDS = "seq, id, type, status, done, total, result, spec, created, updated"


@dataclass(frozen=True, slots=True)
class Task:
    """A task on data rows."""

    #: Position in the order of creation.
    seq: int
    #: Labelbox's id.
    id: str
    #: The kind of work.
    type: Type
    #: IN_PROGRESS, COMPLETE or FAILED.
    status: str
    #: Number of data rows that are finished.
    done: int
    #: Number of all its data rows.
    total: int
    #: Reason of a failure, as JSON.
    result: str | None
    #: The specification as JSON.
    text: str
    #: Unix time in seconds.
    created: float
    #: Unix time in seconds.
    updated: float

    @property
    def spec(self) -> dict[str, Any]:
        """Return the specification."""
        spec: dict[str, Any] = orjson.loads(self.text)
        return spec


class Tasks:
    """The tasks, kept in the database. After the process was killed, a task resumes after its last transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, kind: Type, spec: dict[str, Any], total: int) -> Task:
        """Create a task."""
        with self._database.transaction() as connection:
            task_id = self.add(connection, kind, spec, total)
        (task,) = self._all("id = ?", task_id)
        return task

    def add(self, connection: sqlite3.Connection, kind: Type, spec: dict[str, Any], total: int) -> str:
        """Create a task within a transaction, and return its id."""
        now, task_id = time.time(), new_id()
        connection.execute(
            "INSERT INTO tasks (id, type, status, done, total, spec, created, updated)"
            " VALUES (?, ?, 'IN_PROGRESS', 0, ?, ?, ?, ?)",
            (task_id, kind, total, orjson.dumps(spec).decode(), now, now),
        )
        return task_id

    def get(self, task_id: str) -> Task | None:
        """Return a task by id, or None."""
        tasks = self._all("id = ?", task_id)
        return tasks[0] if tasks else None

    def by_secret(self, secret: str) -> Task | None:
        """Return the export whose files are at addresses with this secret, or None."""
        tasks = self._all("type = 'export-data-rows' AND json_extract(spec, '$.secret') = ?", secret)
        return tasks[0] if tasks else None

    def next(self) -> Task | None:
        """Return the oldest open task. Look-ups are left out: they are done when their result is requested."""
        tasks = self._all("status = 'IN_PROGRESS' AND type != 'data-rows-for-global-keys' ORDER BY seq LIMIT 1")
        return tasks[0] if tasks else None

    def advance(self, connection: sqlite3.Connection, task: Task, done: int) -> None:
        """Record the progress of a task, in the same transaction as its work."""
        connection.execute("UPDATE tasks SET done = ?, updated = ? WHERE seq = ?", (done, time.time(), task.seq))

    def report(
        self, connection: sqlite3.Connection, task: Task, first: int, outcomes: Iterable[tuple[bool, dict[str, Any]]]
    ) -> None:
        """Record the outcomes of data rows, in the same transaction; `first` is the number of data rows before."""
        rows = (
            (task.seq, ok, number, orjson.dumps(body).decode()) for number, (ok, body) in enumerate(outcomes, first)
        )
        connection.executemany("INSERT INTO task_rows VALUES (?, ?, ?, ?)", rows)

    def end(self, task: Task, status: Literal["COMPLETE", "FAILED"], result: str | None = None) -> None:
        """End a task."""
        with self._database.transaction(durable=False) as connection:
            sql = "UPDATE tasks SET status = ?, result = ?, updated = ? WHERE seq = ?"
            connection.execute(sql, (status, result, time.time(), task.seq))

    def rows(self, task: Task, *, ok: bool, after: int, first: int) -> list[tuple[int, dict[str, Any]]]:
        """Return number and body of data rows that succeeded or failed, after the number `after`."""
        sql = "SELECT number, body FROM task_rows WHERE task_seq = ? AND ok = ? AND number > ? ORDER BY number LIMIT ?"
        rows = self._database.all(sql, task.seq, ok, after, first)
        return [(number, orjson.loads(body)) for number, body in rows]

    def row_count(self, task: Task, *, ok: bool) -> int:
        """Return the number of data rows that succeeded or failed."""
        sql = "SELECT count(*) FROM task_rows WHERE task_seq = ? AND ok = ?"
        return int(self._database.one(sql, task.seq, ok)[0])

    def _all(self, where: str, *values: object) -> list[Task]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM tasks WHERE {where}", *values)  # noqa: S608
        return [Task(*row) for row in rows]
