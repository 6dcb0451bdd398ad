"""The pages' view of the store, a page at a time: projects, data rows with their pre-labels, imports."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from prelabel_sandbox.checks.asset import Asset
from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.imports import Import, Imports
from prelabel_sandbox.store.projects import NO_KEY, DataRow, Project, Projects
from prelabel_sandbox.store.row_index import RowIndex, Standing, pair_of, reference_of

MANY = 100_000
"""Maximum for the counts of an overview."""


class Overview(NamedTuple):
    """A project in the list of projects; counts up to MANY."""

    project: Project
    imports: int
    pre_labels: int


class RowPage(NamedTuple):
    """A page of data rows with their numbers of pre-labels, and the number of data rows in all."""

    rows: list[tuple[DataRow, int]]
    total: int


class Browsing:
    """Read-only queries for the pages."""

    def __init__(self, database: Database, projects: Projects, imports: Imports, index: RowIndex) -> None:
        self._database = database
        self._projects = projects
        self._imports = imports
        self._index = index

    def projects(self, first: int, skip: int) -> tuple[list[Overview], int]:
        """Return a page of the projects by name, and the number of all."""
        ids = self._database.all(
            "SELECT id FROM projects WHERE NOT deleted ORDER BY name, id LIMIT ? OFFSET ?", first, skip
        )
        projects = [project for (project_id,) in ids if (project := self._projects.get(project_id))]
        total = self._one("SELECT count(*) FROM projects WHERE NOT deleted")
        overviews = [Overview(item, self.import_count(item.id), self._few_pre_labels(item.id)) for item in projects]
        return overviews, total

    def pre_label_count(self, project_id: str) -> int:
        """Return the number of pre-labels in a project."""
        return self._one("SELECT count(*) FROM pre_labels WHERE project_id = ?", project_id)

    def import_count(self, project_id: str) -> int:
        """Return the number of a project's imports of pre-labels, without deleted ones."""
        return self._one(
            "SELECT count(*) FROM imports WHERE project_id = ? AND kind = 'mal' AND NOT deleted", project_id
        )

    def imports(self, project_id: str, first: int, skip: int) -> list[Import]:
        """Return a page of a project's imports of pre-labels, newest first."""
        where = "project_id = ? AND kind = 'mal' AND NOT deleted"
        sql = f"SELECT seq FROM imports WHERE {where} ORDER BY seq DESC LIMIT ? OFFSET ?"  # noqa: S608
        rows = self._database.all(sql, project_id, first, skip)
        return [item for (seq,) in rows if (item := self._imports.by_seq(seq))]

    def import_by_id(self, import_id: str) -> Import | None:
        """Return an import of pre-labels that is not deleted, or None."""
        row = self._database.one("SELECT seq FROM imports WHERE id = ? AND kind = 'mal' AND NOT deleted", import_id)
        return self._imports.by_seq(row[0]) if row else None

    def rows(self, project: Project, search: str, first: int, skip: int) -> RowPage:
        """Return a page of a project's data rows whose key or id contains `search`, by key."""
        like = f"%{_escaped(search)}%"
        table, columns, where = _ROWS_OF_ANY if project.any_rows else _ROWS
        total = self._one(f"SELECT count(*) FROM {table} WHERE {where}", project.id, like, like)  # noqa: S608
        sql = f"SELECT {columns} FROM {table} WHERE {where} ORDER BY 2 LIMIT ? OFFSET ?"  # noqa: S608
        row_of = _row_of_any if project.any_rows else _row
        rows = [row_of(*values) for values in self._database.all(sql, project.id, like, like, first, skip)]
        counts = self._index.counts(project.id, [reference for row in rows for reference in _references(row)])
        return RowPage([(row, sum(counts.get(key, 0) for key in _references(row))) for row in rows], total)

    def row(self, project: Project, row_id: str) -> DataRow | None:
        """Return a data row of a project by id, or None.

        In a project that accepts any data row, only data rows that an import has named are found.
        """
        table, columns, _ = _ROWS_OF_ANY if project.any_rows else _ROWS
        column = "row_id" if project.any_rows else "id"
        sql = f"SELECT {columns} FROM {table} WHERE project_id = ? AND {column} = ? ORDER BY 2 LIMIT 1"  # noqa: S608
        values = self._database.one(sql, project.id, row_id)
        row_of = _row_of_any if project.any_rows else _row
        return row_of(*values) if values else None

    def pre_labels(self, project_id: str, row: DataRow, first: int, skip: int) -> Iterator[tuple[bytes, bytes]]:
        """Return uuid and line of a page of a data row's pre-labels, oldest first. Lines are read one by one."""
        return self._lines(self._index.standing(project_id, _references(row), first, skip))

    def pre_label(self, project_id: str, row: DataRow, uuid: bytes) -> bytes | None:
        """Return the line of one pre-label of a data row, or None."""
        standing = self._index.find(project_id, _references(row), uuid)
        return next((line for _, line in self._lines([standing])), None) if standing else None

    def row_count(self, project_id: str, row: DataRow) -> int:
        """Return the number of pre-labels of a data row."""
        return sum(self._index.counts(project_id, _references(row)).values())

    def _lines(self, standing: Sequence[Standing]) -> Iterator[tuple[bytes, bytes]]:
        for seq, of_import in groupby(standing, key=lambda pre_label: pre_label.import_seq):
            item = self._imports.by_seq(seq)
            if item is None:
                continue
            with self._imports.file(item, "input").open("rb") as opened:
                for pre_label in of_import:
                    opened.seek(pre_label.start)
                    yield pre_label.uuid, opened.read(pre_label.length)

    def _few_pre_labels(self, project_id: str) -> int:
        sql = "SELECT count(*) FROM (SELECT 1 FROM pre_labels WHERE project_id = ? LIMIT ?)"
        return self._one(sql, project_id, MANY)

    def _one(self, sql: str, *values: object) -> int:
        return int(self._database.one(sql, *values)[0])


# Table, columns and condition. For a project that accepts any data row, the data rows are those that imports name.
_ROWS = (
    "data_rows",
    "id, global_key, asset",
    "project_id = ? AND (global_key LIKE ? ESCAPE '!' OR id LIKE ? ESCAPE '!')",
)
_ROWS_OF_ANY = (
    "row_references",
    "row_id, reference",
    "project_id = ? AND (substr(reference, instr(reference, ':') + 1) LIKE ? ESCAPE '!' OR row_id LIKE ? ESCAPE '!')",
)


def _row(row_id: str, key: str, facts: Any) -> DataRow:
    known = None if facts is None else msgspec.json.decode(facts, type=Asset)
    return DataRow(row_id, None if key.startswith(NO_KEY) else key, known)


def _row_of_any(row_id: str, reference: str) -> DataRow:
    word, value = pair_of(reference)
    return DataRow(row_id, value if word == "globalKey" else None)


def _references(row: DataRow) -> list[str]:
    by_key = [] if row.global_key is None else [reference_of("globalKey", row.global_key)]
    return [reference_of("id", row.id), *by_key]


def _escaped(search: str) -> str:
    return search.replace("!", "!!").replace("%", "!%").replace("_", "!_")
