"""The data rows of the account: by id, by global key, by dataset."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import orjson

from prelabel_sandbox.ids import new_id
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.tasks import Task, Tasks

Column = Literal["id", "global_key"]


class Fields(NamedTuple):
    """The posted fields of a data row; None: not posted."""

    dataset_id: str | None
    global_key: str | None
    external_id: str | None
    row_data: str | None
    media_type: str | None


NOTHING = Fields(None, None, None, None, None)


class Item(NamedTuple):
    """A data row to create (AUTO), to create or change (GKEY), or to change (ID); or why that is impossible."""

    type: Literal["AUTO", "GKEY", "ID"]
    value: str
    fields: Fields
    spec: dict[str, Any]  # the data row as it is shown if it fails
    wrong: str | None = None


class CannotBe(Exception):
    """A data row cannot be created or changed; the text says why."""


class Catalog:
    """The data rows of the account, kept in the database."""

    def __init__(self, database: Database, tasks: Tasks) -> None:
        self._database = database
        self._tasks = tasks

    def put(self, task: Task, first: int, items: Sequence[Item]) -> None:
        """Create or change data rows and record their outcomes in one transaction.

        `first` is the number of the task's data rows before these.
        """
        with self._database.transaction(durable=False) as connection:
            outcomes = [_put(connection, item) for item in items]
            self._tasks.advance(connection, task, first + len(items))
            self._tasks.report(connection, task, first, outcomes)

    def ready(self, column: Column, values: Sequence[str], seconds: float) -> tuple[list[str], list[str]]:
        """Return the ids of data rows that can be put into a batch, and the values that name no such data row."""
        sql = (
            f"SELECT {column}, id FROM catalog WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608
            " AND created <= ?"
        )
        by_value = dict(self._database.all(sql, orjson.dumps(values).decode(), time.time() - seconds))
        ids = dict.fromkeys(by_value[value] for value in values if value in by_value)
        return list(ids), [value for value in values if value not in by_value]

    def ids(self, column: Column, values: Sequence[str]) -> list[str | None]:
        """Return the ids of data rows in the order of the values; None for one that does not exist."""
        sql = f"SELECT {column}, id FROM catalog WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608
        by_value = dict(self._database.all(sql, orjson.dumps(values).decode()))
        return [by_value.get(value) for value in values]

    def are_processed(self, column: Column, values: Sequence[str], seconds: float) -> bool:
        """Return whether all these data rows, as far as they exist, were created at least `seconds` ago."""
        sql = (
            f"SELECT 1 FROM catalog WHERE {column} IN (SELECT value FROM json_each(?)) AND created > ?"  # noqa: S608
            " LIMIT 1"
        )
        return self._database.one(sql, orjson.dumps(values).decode(), time.time() - seconds) is None

    def ids_of_dataset(self, dataset_id: str, without_project: str) -> list[str]:
        """Return the ids of those data rows of a dataset that are not in a project."""
        sql = (
            "SELECT id FROM catalog AS c WHERE dataset_id = ? AND NOT EXISTS"
            " (SELECT 1 FROM data_rows AS r WHERE r.project_id = ? AND r.id = c.id) ORDER BY rowid"
        )
        return [row[0] for row in self._database.all(sql, dataset_id, without_project)]


def _put(connection: sqlite3.Connection, item: Item) -> tuple[bool, dict[str, Any]]:
    try:
        if item.wrong is not None:
            raise CannotBe(item.wrong)
        existing = _existing(connection, item)
        row_id = _create(connection, item) if existing is None else _change(connection, existing, item.fields)
    except CannotBe as error:
        return False, {"message": str(error), "spec": item.spec}
    sql = "SELECT id, external_id, global_key, row_data FROM catalog WHERE id = ?"
    keys = ("id", "externalId", "globalKey", "rowData")
    return True, dict(zip(keys, connection.execute(sql, (row_id,)).fetchone(), strict=True))


def _existing(connection: sqlite3.Connection, item: Item) -> str | None:
    """Return the id of the data row to change, or None if one is to be created."""
    if item.type == "AUTO":
        return None
    column = "id" if item.type == "ID" else "global_key"
    row = connection.execute(f"SELECT id FROM catalog WHERE {column} = ?", (item.value,)).fetchone()  # noqa: S608
    if row is None and item.type == "ID":
        raise CannotBe(f"there is no data row {item.value}")
    return row[0] if row else None


def _create(connection: sqlite3.Connection, item: Item) -> str:
    fields = item.fields
    if item.type != "AUTO":
        fields = fields._replace(global_key=fields.global_key or item.value)
    if not fields.row_data:
        raise CannotBe("row_data is missing")
    known = connection.execute("SELECT 1 FROM datasets WHERE id = ? AND NOT deleted", (fields.dataset_id,)).fetchone()
    if known is None:
        raise CannotBe("the dataset does not exist")
    _check_key_is_free(connection, fields.global_key, except_id=None)
    now, row_id = time.time(), new_id()
    connection.execute("INSERT INTO catalog VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (row_id, *fields, now, now))
    return row_id


def _change(connection: sqlite3.Connection, row_id: str, fields: Fields) -> str:
    """Change only the posted fields, but not the dataset. Projects with the data row get the change too."""
    _check_key_is_free(connection, fields.global_key, except_id=row_id)
    connection.execute(
        "UPDATE catalog SET global_key = coalesce(?, global_key), external_id = coalesce(?, external_id),"
        " row_data = coalesce(?, row_data), media_type = coalesce(?, media_type), updated = ? WHERE id = ?",
        (*fields[1:], time.time(), row_id),
    )
    connection.execute(
        "UPDATE OR REPLACE data_rows SET global_key = coalesce(?, global_key), asset = CASE WHEN ? IS NULL THEN asset"
        " ELSE json_set(coalesce(asset, '{}'), '$.row_data', ?) END"
        " WHERE project_id IN (SELECT id FROM projects) AND id = ?",
        (fields.global_key, fields.row_data, fields.row_data, row_id),
    )
    return row_id


def _check_key_is_free(connection: sqlite3.Connection, key: str | None, except_id: str | None) -> None:
    row = connection.execute("SELECT id FROM catalog WHERE global_key = ?", (key,)).fetchone()
    if row is not None and row[0] != except_id:
        raise CannotBe(f"Duplicate global key: {key}")
