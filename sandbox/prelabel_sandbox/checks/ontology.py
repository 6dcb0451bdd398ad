"""A project's ontology, prepared for look-ups level by level (docs/reference/labelbox-format.md#4-3 and #4-4)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid

# Annotations per data row and feature in one import (docs/reference/labelbox-format.md#1-9); a data row has one prompt
# only (docs/reference/labelbox-format.md#2-25).
_MOST = 5000
# How a classification is answered. Types that are missing here, like group and dropdown, cannot be imported.
_COUNTS = {
    "radio": "radio",
    "response-radio": "radio",
    "checklist": "checklist",
    "response-checklist": "checklist",
    "text": "text",
    "response-text": "text",
    "prompt": "text",
}


@dataclass(slots=True, eq=False)
class Feature:
    """A tool, a classification or an option, and what stands below it."""

    schema_id: str
    type: str
    archived: bool
    below: "Level"
    shape: str = ""  # of a classification's answer: radio, checklist or text
    indexed: bool = False  # a classification of frames or messages rather than of the whole data row
    most: int = _MOST  # annotations of one data row in one import
    limits: tuple[int | None, int | None] = (None, None)  # characters of a text: least, most
    constraints: frozenset[tuple[str, str]] | None = None  # of an edge: source and target


@dataclass(slots=True, eq=False)
class Level:
    """Features that stand beside each other, found by name or id."""

    project: str = ""  # for the refusal's text
    by_name: dict[str, list[Feature]] = field(default_factory=dict)
    by_id: dict[str, Feature] = field(default_factory=dict)

    def find(self, given: dict[str, Any]) -> Feature:
        """The feature that `name`, `schemaId` or both mean. Raises Refused."""
        found = self._by_id(given["schemaId"]) if "schemaId" in given else None
        if "name" in given:
            named = self._by_name(given["name"])
            if found is None and len(named) > 1:
                raise invalid("name", f"Ontology contains this name more than once: {given['name']}")
            if found is not None and found not in named:
                raise invalid("name", f"{given['name']} and {given['schemaId']} are different features.")
            found = found or named[0]
        if found is None:
            raise invalid("schema_id", MISSING)
        if found.archived:
            raise invalid("schema_id", "The feature is archived.")
        return found

    def _by_id(self, schema_id: Any) -> Feature:
        if not isinstance(schema_id, str):
            raise invalid("schema_id", "Not a valid string.")
        if schema_id not in self.by_id:
            raise Refused("SchemaIdNotFound", f"project {self.project} does not have schemaId {schema_id}")
        return self.by_id[schema_id]

    def _by_name(self, name: Any) -> list[Feature]:
        if not isinstance(name, str):
            raise invalid("name", "Not a valid string.")
        if name not in self.by_name:
            raise Refused("ValidationError", f"Ontology does not contain name: {name}")
        return self.by_name[name]


@dataclass(frozen=True, slots=True)
class Ontology:
    """Where a line's feature is looked for: objects among the tools, answers among the classifications."""

    tools: Level
    classifications: Level


def prepared(normalized: dict[str, Any], project: str) -> Ontology:
    """A project's normalized ontology, as look-ups."""
    return Ontology(_level(normalized["tools"], project), _level(normalized["classifications"], project))


def _level(nodes: Iterable[dict[str, Any]], project: str) -> Level:
    level = Level(project)
    for node in nodes:
        feature = _feature(node, project)
        level.by_id[feature.schema_id] = feature
        for name in _names(node):
            level.by_name.setdefault(name, []).append(feature)
    return level


def _names(node: dict[str, Any]) -> set[str]:
    """What a line may call the node; an option's label or value may be a number."""
    return {str(node[key]) for key in ("name", "instructions", "value", "label") if node.get(key) is not None}


def _feature(node: dict[str, Any], project: str) -> Feature:
    # Below a tool stand its `classifications`; below a classification, and below an option, its `options`.
    below = node.get("classifications") if "tool" in node else node.get("options")
    pairs = (node.get("definition") or {}).get("constraints")
    return Feature(
        node["featureSchemaId"],
        str(node.get("tool") or node.get("type") or "option"),
        bool(node.get("archived")),
        _level(below or [], project),
        _COUNTS.get(str(node.get("type")), "") if "tool" not in node else "",
        node.get("scope") == "index",
        1 if node.get("type") == "prompt" else _MOST,
        (node.get("minCharacters"), node.get("maxCharacters")),
        None if pairs is None else frozenset((source, target) for source, target in pairs),
    )
