"""Ontologies, each with its normalized tree."""

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel_sandbox.store.database import Database

_FIELDS = "id, name, description, media_type, normalized, created, updated"


@dataclass(frozen=True, slots=True)
class Ontology:
    """An ontology. Its tree never changes, so projects hold a copy of it."""

    id: str
    name: str
    description: str | None
    media_type: str | None
    text: str
    created: float
    updated: float

    @property
    def normalized(self) -> dict[str, Any]:
        """The tree, with its ids."""
        found: dict[str, Any] = orjson.loads(self.text)
        return found


class Ontologies:
    """Kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, ontology_id: str, name: str, media_type: str | None, normalized: dict[str, Any]) -> Ontology:
        """A new one."""
        with self._database.transaction() as connection:
            put_ontology(connection, ontology_id, name, media_type, orjson.dumps(normalized).decode())
        (made,) = self._all("id = ?", ontology_id)
        return made

    def get(self, ontology_id: str) -> Ontology | None:
        """An ontology by id."""
        found = self._all("id = ?", ontology_id)
        return found[0] if found else None

    def page(self, contains: str, after: str, first: int) -> list[Ontology]:
        """Those whose names contain a text, whatever its case, behind an id."""
        return self._all("instr(lower(name), lower(?)) AND id > ? ORDER BY id LIMIT ?", contains, after, first)

    def _all(self, where: str, *values: object) -> list[Ontology]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM ontologies WHERE {where}", *values)  # noqa: S608
        return [Ontology(*row) for row in rows]


def put_ontology(
    connection: sqlite3.Connection, ontology_id: str, name: str, media_type: str | None, normalized: str
) -> None:
    """Make an ontology, or replace that of a project that is posted again."""
    now = time.time()
    connection.execute(
        "INSERT INTO ontologies (id, name, media_type, normalized, created, updated) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, media_type = excluded.media_type,"
        " normalized = excluded.normalized, updated = excluded.updated",
        (ontology_id, name, media_type, normalized, now, now),
    )
