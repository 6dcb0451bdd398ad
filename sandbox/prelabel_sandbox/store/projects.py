"""Projects with their ontology, and the data rows that are in them."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import orjson

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.ids import derived_id
from prelabel_sandbox.store.database import Database


@dataclass(frozen=True, slots=True)
class Project:
    """A project with its normalized ontology.

    `any_rows`: every data row that is named is in it; `shown`: labelers see its pre-labels.
    """

    id: str
    name: str
    media_type: str | None
    editor_task_type: str | None
    ontology: dict[str, Any]
    any_rows: bool
    created: float
    updated: float
    shown: bool


class DataRow(NamedTuple):
    """A data row of a project; of one that is known by id only, in a project of any rows, there is no key."""

    id: str
    global_key: str | None
    asset: Asset | None = None  # what was posted of it


class Projects:
    """Kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        project_id: str,
        name: str,
        media_type: str | None,
        ontology: dict[str, Any],
        rows: Mapping[str, Asset] | None,
        editor_task_type: str | None = None,
        shown: bool = True,
    ) -> None:
        """Create a project, or replace what is said of it; its imports and pre-labels stay.

        `rows` are its data rows by global key, None for any.
        """
        now = time.time()
        facts = (project_id, name, media_type, orjson.dumps(ontology).decode(), rows is None, now, now)
        row = (*facts, editor_task_type, shown)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO projects (id, name, media_type, ontology, any_rows, created, updated, editor_task_type,"
                " shown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " name = excluded.name, media_type = excluded.media_type, ontology = excluded.ontology,"
                " any_rows = excluded.any_rows, updated = excluded.updated,"
                " editor_task_type = excluded.editor_task_type, shown = excluded.shown",
                row,
            )
            connection.execute("DELETE FROM data_rows WHERE project_id = ?", (project_id,))
            given = (
                (project_id, key, _data_row_id(project_id, key), _facts(asset)) for key, asset in (rows or {}).items()
            )
            connection.executemany("INSERT OR REPLACE INTO data_rows VALUES (?, ?, ?, ?)", given)

    def get(self, project_id: str) -> Project | None:
        """A project by id."""
        row = self._database.one(
            "SELECT id, name, media_type, editor_task_type, ontology, any_rows, created, updated, shown FROM projects"
            " WHERE id = ?",
            project_id,
        )
        if row is None:
            return None
        found, name, media_type, task_type, ontology, any_rows, created, updated, shown = row
        tree = orjson.loads(ontology)
        return Project(found, name, media_type, task_type, tree, bool(any_rows), created, updated, bool(shown))

    def show(self, project_id: str, shown: bool) -> bool:
        """Say whether labelers see the project's pre-labels; False when there is no such project."""
        with self._database.transaction() as connection:
            sql = "UPDATE projects SET shown = ?, updated = ? WHERE id = ?"
            return connection.execute(sql, (shown, time.time(), project_id)).rowcount > 0

    def ids(self) -> list[str]:
        """All projects."""
        return [row[0] for row in self._database.all("SELECT id FROM projects ORDER BY id")]

    def data_row_count(self, project_id: str) -> int:
        """How many data rows are in it."""
        return int(self._database.one("SELECT count(*) FROM data_rows WHERE project_id = ?", project_id)[0])

    def data_rows(self, project: Project, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], DataRow]:
        """Those of the references, ("id" or "globalKey", value), that mean a data row of the project."""
        wanted = set(references)
        if project.any_rows:
            return {
                (word, value): DataRow(value, None) if word == "id" else DataRow(_data_row_id(project.id, value), value)
                for word, value in wanted
            }
        return {**self._found(project.id, "id", wanted), **self._found(project.id, "globalKey", wanted)}

    def _found(self, project_id: str, word: str, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], DataRow]:
        values = orjson.dumps([value for each, value in wanted if each == word]).decode()
        column = "id" if word == "id" else "global_key"
        # Each value is looked up in the index: CROSS JOIN fixes the order of the loops.
        rows = self._database.all(
            f"SELECT r.id, r.global_key, r.asset FROM json_each(?) AS v CROSS JOIN data_rows AS r"  # noqa: S608
            f" WHERE r.project_id = ? AND r.{column} = v.value",
            values,
            project_id,
        )
        return {
            (word, row_id if word == "id" else key): DataRow(row_id, key, _asset(facts)) for row_id, key, facts in rows
        }


def _data_row_id(project_id: str, global_key: str) -> str:
    return derived_id(project_id, "data row", global_key)


def _facts(asset: Asset) -> str | None:
    return None if asset == UNKNOWN else msgspec.json.encode(asset).decode()


def _asset(facts: str | None) -> Asset | None:
    return None if facts is None else msgspec.json.decode(facts, type=Asset)
