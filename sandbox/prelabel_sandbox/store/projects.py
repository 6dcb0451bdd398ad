"""Projects with their ontologies and data rows."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import orjson

from prelabel_sandbox.checks.asset import UNKNOWN, Asset
from prelabel_sandbox.ids import derived_id, new_id
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.ontologies import Ontology, put_ontology

NO_KEY = "\0"  # data rows without a global key have this prefix and their id in its place
_NO_ONTOLOGY = '{"tools": [], "classifications": []}'
_FIELDS = "id, name, media_type, editor_task_type, ontology_id, ontology, any_rows, created, updated, shown, details"


@dataclass(frozen=True, slots=True)
class Project:
    """A project with its normalized ontology."""

    #: Labelbox's id, or the posted one.
    id: str
    #: Need not be unique.
    name: str
    #: Spelt as it was posted.
    media_type: str | None
    #: Distinguishes chats among conversational projects.
    editor_task_type: str | None
    #: Id of the connected ontology.
    ontology_id: str | None
    #: The normalized tree.
    ontology: dict[str, Any]
    #: Whether every data row that a line names is in the project.
    any_rows: bool
    #: Unix time in seconds.
    created: float
    #: Unix time in seconds.
    updated: float
    #: Whether labelers see its pre-labels.
    shown: bool
    #: Fields that the sandbox only stores and answers as they were posted.
    details: dict[str, Any]


class DataRow(NamedTuple):
    """A data row of a project; the global key is None if it has none, or if it is known only by id."""

    id: str
    global_key: str | None
    asset: Asset | None = None  # the facts that were posted


class Projects:
    """The projects, kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._give_ontology_ids()

    def create(self, name: str, media_type: str, editor_task_type: str | None, details: dict[str, Any]) -> Project:
        """Create a project without ontology and data rows, with hidden pre-labels."""
        now, project_id = time.time(), new_id()
        row = (project_id, name, media_type, editor_task_type, _NO_ONTOLOGY, now, now, orjson.dumps(details).decode())
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO projects (id, name, media_type, editor_task_type, ontology, created, updated, details,"
                " ontology_id, any_rows, shown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0)",
                row,
            )
        (project,) = self._all("id = ?", project_id)
        return project

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
        """Create a project, or replace its fields; its imports and pre-labels stay.

        `rows` are its data rows by global key; None: any.
        """
        now = time.time()
        tree, ontology_id = orjson.dumps(ontology).decode(), _ontology_id(project_id)
        ontology_task_type = (editor_task_type or "").removeprefix("OFFLINE_") or None
        facts = (project_id, name, media_type, ontology_id, tree, rows is None, now, now, editor_task_type, shown)
        with self._database.transaction() as connection:
            put_ontology(connection, ontology_id, f"{name} ontology", media_type, tree, ontology_task_type)
            connection.execute(
                "INSERT INTO projects (id, name, media_type, ontology_id, ontology, any_rows, created, updated,"
                " editor_task_type, shown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " name = excluded.name, media_type = excluded.media_type, ontology_id = excluded.ontology_id,"
                " ontology = excluded.ontology, any_rows = excluded.any_rows, updated = excluded.updated,"
                " editor_task_type = excluded.editor_task_type, shown = excluded.shown, deleted = 0",
                facts,
            )
            connection.execute("DELETE FROM data_rows WHERE project_id = ?", (project_id,))
            posted = (
                (project_id, key, _data_row_id(project_id, key), _facts(asset)) for key, asset in (rows or {}).items()
            )
            connection.executemany(
                "INSERT OR REPLACE INTO data_rows (project_id, global_key, id, asset) VALUES (?, ?, ?, ?)", posted
            )

    def get(self, project_id: str) -> Project | None:
        """Return a project by id, or None."""
        projects = self._all("id = ? AND NOT deleted", project_id)
        return projects[0] if projects else None

    def all(self) -> list[Project]:
        """Return all projects, oldest first."""
        return self._all("NOT deleted ORDER BY created, id")

    def show(self, project_id: str, shown: bool) -> None:
        """Show the project's pre-labels to labelers, or hide them."""
        self._change(project_id, "shown = ?", shown)

    def rename(self, project_id: str, name: str) -> None:
        """Rename a project."""
        self._change(project_id, "name = ?", name)

    def set_detail(self, project_id: str, detail: str, value: str | None) -> None:
        """Set one of the fields in `Project.details`."""
        self._change(project_id, "details = json_set(coalesce(details, '{}'), '$.' || ?, ?)", detail, value)

    def connect(self, project_id: str, ontology: Ontology) -> None:
        """Connect an ontology, by which imports are judged from now on."""
        self._change(project_id, "ontology_id = ?, ontology = ?", ontology.id, ontology.text)

    def delete(self, project_id: str) -> None:
        """Hide a project from all answers; its imports and pre-labels stay."""
        self._change(project_id, "deleted = 1")

    def _change(self, project_id: str, assignments: str, *values: object) -> None:
        with self._database.transaction() as connection:
            sql = f"UPDATE projects SET {assignments}, updated = ? WHERE id = ?"  # noqa: S608
            connection.execute(sql, (*values, time.time(), project_id))

    def _all(self, where: str, *values: object) -> list[Project]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM projects WHERE {where}", *values)  # noqa: S608
        return [_project(*row) for row in rows]

    def _give_ontology_ids(self) -> None:
        """Give projects of an older sandbox, whose ontology has no id, an ontology that can be requested by id."""
        sql = "SELECT id, name, media_type, ontology FROM projects WHERE ontology_id IS NULL"
        for project_id, name, media_type, tree in self._database.all(sql):
            with self._database.transaction() as connection:
                put_ontology(connection, _ontology_id(project_id), f"{name} ontology", media_type, tree, None)
                update = "UPDATE projects SET ontology_id = ? WHERE id = ?"
                connection.execute(update, (_ontology_id(project_id), project_id))

    def ids(self) -> list[str]:
        """Return the ids of all projects."""
        return [row[0] for row in self._database.all("SELECT id FROM projects WHERE NOT deleted ORDER BY id")]

    def data_row_count(self, project_id: str) -> int:
        """Return the number of data rows."""
        return int(self._database.one("SELECT count(*) FROM data_rows WHERE project_id = ?", project_id)[0])

    def data_rows(self, project: Project, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], DataRow]:
        """Return data rows of the project by reference: ("id" or "globalKey", value). Unknown ones are left out."""
        pairs = set(references)
        if project.any_rows:
            return {
                (word, value): DataRow(value, None) if word == "id" else DataRow(_data_row_id(project.id, value), value)
                for word, value in pairs
            }
        return {**self._rows_by(project.id, "id", pairs), **self._rows_by(project.id, "globalKey", pairs)}

    def _rows_by(self, project_id: str, word: str, pairs: set[tuple[str, str]]) -> dict[tuple[str, str], DataRow]:
        values = orjson.dumps([value for kind, value in pairs if kind == word]).decode()
        column = "id" if word == "id" else "global_key"
        # Look every value up in the index: CROSS JOIN fixes the order of the loops.
        rows = self._database.all(
            f"SELECT r.id, r.global_key, r.asset FROM json_each(?) AS v CROSS JOIN data_rows AS r"  # noqa: S608
            f" WHERE r.project_id = ? AND r.{column} = v.value",
            values,
            project_id,
        )
        return {
            (word, row_id if word == "id" else key): DataRow(
                row_id, None if key.startswith(NO_KEY) else key, _asset(facts)
            )
            for row_id, key, facts in rows
        }


def _project(
    project_id: str,
    name: str,
    media_type: str | None,
    task_type: str | None,
    ontology_id: str,
    tree: str,
    any_rows: int,
    created: float,
    updated: float,
    shown: int,
    details: str | None,
) -> Project:
    posted = orjson.loads(details or "{}")
    facts = (project_id, name, media_type, task_type, ontology_id or None, orjson.loads(tree), bool(any_rows))
    return Project(*facts, created, updated, bool(shown), posted)


def _ontology_id(project_id: str) -> str:
    return derived_id(project_id, "ontology")


def _data_row_id(project_id: str, global_key: str) -> str:
    return derived_id(project_id, "data row", global_key)


def _facts(asset: Asset) -> str | None:
    return None if asset == UNKNOWN else msgspec.json.encode(asset).decode()


def _asset(facts: str | None) -> Asset | None:
    return None if facts is None else msgspec.json.decode(facts, type=Asset)
