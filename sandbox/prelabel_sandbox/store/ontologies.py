"""Ontologies, each with its normalized tree."""

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel_sandbox.store.database import Database

_FIELDS = "id, name, description, media_type, normalized, created, updated, editor_task_type"
# Keeps the tools and top-level classifications of trees as feature schemas; the newest tree wins.
_FEATURES = """
INSERT INTO feature_schemas (id, name, normalized)
    SELECT json_extract(f.value, '$.featureSchemaId'), json_extract(f.value, '$.name'), f.value
    FROM json_each(?) AS g, json_each(g.value) AS f WHERE g.key IN ('tools', 'classifications')
ON CONFLICT (id) DO UPDATE SET name = excluded.name, normalized = excluded.normalized, deleted = 0
"""


@dataclass(frozen=True, slots=True)
class Ontology:
    """An ontology. Connected projects hold a copy of its tree."""

    #: Labelbox's id.
    id: str
    #: Need not be unique.
    name: str
    #: Always None: no operation sets it.
    description: str | None
    #: As it was posted.
    media_type: str | None
    #: The normalized tree as JSON.
    text: str
    #: Unix time in seconds.
    created: float
    #: Unix time in seconds.
    updated: float
    #: Of an ontology for chats or for creating responses; None for any other.
    editor_task_type: str | None

    @property
    def normalized(self) -> dict[str, Any]:
        """Return the tree with its ids."""
        tree: dict[str, Any] = orjson.loads(self.text)
        return tree


class Ontologies:
    """The ontologies, kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        ontology_id: str,
        name: str,
        media_type: str | None,
        normalized: dict[str, Any],
        editor_task_type: str | None = None,
    ) -> Ontology:
        """Create an ontology."""
        with self._database.transaction() as connection:
            tree = orjson.dumps(normalized).decode()
            put_ontology(connection, ontology_id, name, media_type, tree, editor_task_type)
        (ontology,) = self._all("id = ?", ontology_id)
        return ontology

    def get(self, ontology_id: str) -> Ontology | None:
        """Return an ontology by id, or None."""
        ontologies = self._all("id = ?", ontology_id)
        return ontologies[0] if ontologies else None

    def page(self, contains: str, after: str, first: int) -> list[Ontology]:
        """Return ontologies after an id whose names contain a text, in upper or lower case."""
        return self._all("instr(lower(name), lower(?)) AND id > ? ORDER BY id LIMIT ?", contains, after, first)

    def _all(self, where: str, *values: object) -> list[Ontology]:
        rows = self._database.all(f"SELECT {_FIELDS} FROM ontologies WHERE {where}", *values)  # noqa: S608
        return [Ontology(*row) for row in rows]


def put_ontology(
    connection: sqlite3.Connection,
    ontology_id: str,
    name: str,
    media_type: str | None,
    normalized: str,
    editor_task_type: str | None,
) -> None:
    """Create an ontology, or replace the ontology of a project that is posted again."""
    now = time.time()
    connection.execute(
        "INSERT INTO ontologies (id, name, media_type, normalized, created, updated, editor_task_type)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
        " media_type = excluded.media_type, normalized = excluded.normalized, updated = excluded.updated,"
        " editor_task_type = excluded.editor_task_type",
        (ontology_id, name, media_type, normalized, now, now, editor_task_type),
    )
    keep_features(connection, normalized)


def keep_features(connection: sqlite3.Connection, normalized: str) -> None:
    """Keep the tools and top-level classifications of a tree as feature schemas of the account."""
    connection.execute(_FEATURES, (normalized,))
