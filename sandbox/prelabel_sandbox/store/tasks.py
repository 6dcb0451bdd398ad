"""Tasks: work on many data rows that goes on after it was answered for."""

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from prelabel_sandbox.ids import new_id
from prelabel_sandbox.store.database import Database

Type = Literal["adv-upsert-data-rows", "add-data-rows-to-batch", "data-rows-for-global-keys"]

_FIELDS = "seq, id, type, status, done, total, result, spec, created, updated"


@dataclass(frozen=True, slots=True)
class Task:
    """A task; `done` of its `total` data rows have been dealt with."""

    seq: int
    id: str
    type: Type
    status: str
    done: int
    total: int
    result: str | None
    text: str
    created: float
    updated: float

    @property
    def spec(self) -> dict[str, Any]:
        """What is to be done."""
        found: dict[str, Any] = orjson.loads(self.text)
        return found


class Tasks:
    """Kept in the database. A task that a killed process left goes on behind what it has committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, kind: Type, spec: dict[str, Any], total: int) -> Task:
        """A new task."""
        with self._database.transaction() as connection:
            task_id = self.add(connection, kind, spec, total)
        (task,) = self._all("id = ?", task_id)
        return task

    def add(self, connection: sqlite3.Connection, kind: Type, spec: dict[str, Any], total: int) -> str:
        """A new task, together with what else stands in the transaction; its id."""
        now, task_id = time.time(), new_id()
        connection.execute(
            "INSERT INTO tasks (id, type, status, done, total, spec, created, updated)"
            " VALUES (?, ?, 'IN_PROGRESS', 0, ?, ?, ?, ?)",
            (task_id, kind, total, orjson.dumps(spec).decode(), now, now),
        )
        return task_id

    def get(self, task_id: str) -> Task | None:
        """A task by id."""
        found = self._all("id = ?", task_id)
        return found[0] if found else None

    def next(self) -> Task | None:
        """The oldest of what is to be done; looking up is done when it is asked for."""
        found = self._all("status = 'IN_PROGRESS' AND type != 'data-rows-for-global-keys' ORDER BY seq LIMIT 1")
        return found[0] if found else None

    def advance(self, connection: sqlite3.Connection, task: Task, done: int) -> None:
        """In the transaction of what was done: how far it is."""
        connection.execute("UPDATE tasks SET done = ?, updated = ? WHERE seq = ?", (done, time.time(), task.seq))

    def report(
        self, connection: sqlite3.Connection, task: Task, first: int, outcomes: Iterable[tuple[bool, dict[str, Any]]]
    ) -> None:
        """In the same transaction: what became of each data row, of which so many went before."""
        rows = (
            (task.seq, ok, number, orjson.dumps(body).decode()) for number, (ok, body) in enumerate(outcomes, first)
        )
        connection.executemany("INSERT INTO task_rows VALUES (?, ?, ?, ?)", rows)

    def end(self, task: Task, status: Literal["COMPLETE", "FAILED"], result: str | None = None) -> None:
        """It is over."""
        with self._database.transaction(durable=False) as connection:
            sql = "UPDATE tasks SET status = ?, result = ?, updated = ? WHERE seq = ?"
            connection.execute(sql, (status, result, time.time(), task.seq))

    def rows(self, task: Task, *, ok: bool, after: int, first: int) -> list[tuple[int, dict[str, Any]]]:
        """Data rows that succeeded or failed, behind a number."""
        sql = "SELECT number, body FROM task_rows WHERE task_seq = ? AND ok = ? AND number > ? ORDER BY number LIMIT ?"
        found = self._database.all(sql, task.seq, ok, after, first)
        return [(number, orjson.loads(body)) for number, body in found]

    def row_count(self, task: Task, *, ok: bool) -> int:
        """How many data rows succeeded or failed."""
        sql = "SELECT count(*) FROM task_rows WHERE task_seq = ? AND ok = ?"
        return int(self._database.one(sql, task.seq, ok)[0])

    def _all(self, where: str, *values: object) -> list[Task]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM tasks WHERE {where}", *values)  # noqa: S608
        return [Task(*row) for row in rows]
