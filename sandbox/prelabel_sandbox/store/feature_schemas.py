"""Feature schemas: tools and top-level classifications, which ontologies share."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from prelabel_sandbox.store.database import Database
from prelabel_sandbox.store.ontologies import keep_features

Tree = dict[str, Any]

_GROUPS = ("tools", "classifications")
_NODES = """
ontologies AS o, json_each(o.normalized) AS g, json_each(g.value) AS n WHERE g.key IN ('tools', 'classifications')
"""
_USERS = f"SELECT o.id FROM {_NODES} AND json_extract(n.value, '$.featureSchemaId') = ?"  # noqa: S608
_UNUSED = f"""
SELECT f.id FROM feature_schemas AS f WHERE NOT f.deleted AND f.id > ?
    AND f.id NOT IN (SELECT json_extract(n.value, '$.featureSchemaId') FROM {_NODES}) ORDER BY f.id LIMIT ?
"""  # noqa: S608
_CONNECTED = "SELECT id FROM projects WHERE ontology_id = ? AND NOT deleted"
_UNCONNECTED = """
SELECT o.id FROM ontologies AS o WHERE o.id > ?
    AND NOT EXISTS (SELECT 1 FROM projects AS p WHERE p.ontology_id = o.id AND NOT p.deleted) ORDER BY o.id LIMIT ?
"""


class NotPossible(Exception):
    """A feature schema or an ontology cannot be changed or deleted; the text says why."""


@dataclass(frozen=True, slots=True)
class FeatureSchema:
    """A tool or a top-level classification."""

    id: str
    name: str | None
    #: The normalized tree as JSON.
    text: str

    @property
    def normalized(self) -> Tree:
        """Return the tree with its ids."""
        tree: Tree = orjson.loads(self.text)
        return tree


class FeatureSchemas:
    """The feature schemas, and how ontologies use them, kept in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        if database.one("SELECT 1 FROM feature_schemas LIMIT 1") is None:  # as an older sandbox leaves its folder
            with database.transaction() as connection:
                for (text,) in database.all("SELECT normalized FROM ontologies"):
                    keep_features(connection, text)

    def get(self, feature_id: str) -> FeatureSchema | None:
        """Return a feature schema by id, or None."""
        features = self._all("id = ? AND NOT deleted", feature_id)
        return features[0] if features else None

    def page(self, contains: str, after: str, first: int) -> list[FeatureSchema]:
        """Return feature schemas after an id whose names contain a text, in upper or lower case."""
        where = "instr(lower(name), lower(?)) AND id > ? AND NOT deleted ORDER BY id LIMIT ?"
        return self._all(where, contains, after, first)

    def put(self, tree: Tree) -> None:
        """Create a feature schema, or change it: also in every ontology and project that has it, our assumption."""
        feature_id = tree["featureSchemaId"]

        def with_it(nodes: list[Tree]) -> list[Tree]:
            return [tree if _is(node, feature_id) else node for node in nodes]

        with self._database.transaction() as connection:
            keep_features(connection, orjson.dumps({_group(tree): [tree]}).decode())
            for (ontology_id,) in connection.execute(_USERS, (feature_id,)).fetchall():
                _change(connection, ontology_id, with_it)

    def delete(self, feature_id: str) -> None:
        """Delete a feature schema that no ontology uses. Raises NotPossible, with Labelbox's words."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT deleted FROM feature_schemas WHERE id = ?", (feature_id,)).fetchone()
            if row is None:
                raise NotPossible(f"Cannot find root schema node with feature schema id {feature_id}")
            if row[0]:
                raise NotPossible("Feature schema is already deleted")
            if connection.execute(_USERS, (feature_id,)).fetchone():
                raise NotPossible("Feature schema cannot be deleted because it is used in ontologies")
            connection.execute("UPDATE feature_schemas SET deleted = 1 WHERE id = ?", (feature_id,))

    def unused(self, after: str, first: int) -> list[str]:
        """Return ids, after an id, of feature schemas that no ontology uses."""
        return self._ids(_UNUSED, after, first)

    def insert(self, ontology_id: str, feature: FeatureSchema, position: int) -> None:
        """Put a feature schema at a position among the tools or classifications of an ontology, or move it there.

        Raises NotPossible.
        """
        tree, group = feature.normalized, _group(feature.normalized)

        def with_it(nodes: list[Tree]) -> list[Tree]:
            others = [node for node in nodes if not _is(node, feature.id)]
            return [*others[:position], tree, *others[position:]]

        with self._database.transaction() as connection:
            _change(connection, ontology_id, with_it, group)

    def remove(self, ontology_id: str, feature_id: str, *, is_used: bool) -> None:
        """Remove a feature schema from an ontology; one that labels use is archived instead. Raises NotPossible."""

        def without_it(nodes: list[Tree]) -> list[Tree]:
            if is_used:
                return [{**node, "archived": True} if _is(node, feature_id) else node for node in nodes]
            return [node for node in nodes if not _is(node, feature_id)]

        with self._database.transaction() as connection:
            _change(connection, ontology_id, without_it)

    def unarchive(self, ontology_id: str, feature_id: str) -> None:
        """Let an archived feature schema of an ontology be used again. Raises NotPossible."""

        def with_it(nodes: list[Tree]) -> list[Tree]:
            return [{**node, "archived": False} if _is(node, feature_id) else node for node in nodes]

        with self._database.transaction() as connection:
            _change(connection, ontology_id, with_it)

    def projects_of(self, ontology_id: str) -> list[str]:
        """Return the ids of the projects to which an ontology is connected."""
        return self._ids(_CONNECTED, ontology_id)

    def unused_ontologies(self, after: str, first: int) -> list[str]:
        """Return ids, after an id, of ontologies that are connected to no project."""
        return self._ids(_UNCONNECTED, after, first)

    def delete_ontology(self, ontology_id: str) -> None:
        """Delete an ontology that is connected to no project. Raises NotPossible, with Labelbox's words if known."""
        with self._database.transaction() as connection:
            connected = connection.execute(_CONNECTED, (ontology_id,)).fetchall()
            if connected:
                projects = ", ".join(project_id for (project_id,) in connected)
                reason = "Cannot delete an ontology connected to a project."
                raise NotPossible(f"{reason} The ontology is connected to projects: {projects}")
            if connection.execute("DELETE FROM ontologies WHERE id = ?", (ontology_id,)).rowcount == 0:
                raise NotPossible(f"Cannot find ontology {ontology_id}")

    def _ids(self, sql: str, *values: object) -> list[str]:
        return [row_id for (row_id,) in self._database.all(sql, *values)]

    def _all(self, where: str, *values: object) -> list[FeatureSchema]:
        rows = self._database.all(f"SELECT id, name, normalized FROM feature_schemas WHERE {where}", *values)  # noqa: S608
        return [FeatureSchema(*row) for row in rows]


def _change(
    connection: sqlite3.Connection, ontology_id: str, change: Callable[[list[Tree]], list[Tree]], *groups: str
) -> None:
    """Change the tools and classifications, or one of both, of an ontology, and of the projects that it judges."""
    row = connection.execute("SELECT normalized FROM ontologies WHERE id = ?", (ontology_id,)).fetchone()
    if row is None:
        raise NotPossible(f"Cannot find ontology {ontology_id}")
    tree: Tree = orjson.loads(row[0])
    text = orjson.dumps({**tree, **{group: change(tree[group]) for group in groups or _GROUPS}}).decode()
    sql = "UPDATE ontologies SET normalized = ?, updated = ? WHERE id = ?"
    connection.execute(sql, (text, time.time(), ontology_id))
    connection.execute("UPDATE projects SET ontology = ? WHERE ontology_id = ?", (text, ontology_id))


def _group(tree: Tree) -> str:
    return "tools" if "tool" in tree else "classifications"


def _is(node: Tree, feature_id: str) -> bool:
    return bool(node.get("featureSchemaId") == feature_id)
