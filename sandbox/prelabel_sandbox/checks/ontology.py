"""A project's ontology, prepared for look-ups level by level (docs/reference/labelbox-format.md#4-3 and #4-4)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from prelabel_sandbox.checks.refusal import MISSING, Refused, invalid

# Annotations per data row and feature in one import (docs/reference/labelbox-format.md#1-9); a data row has one prompt
# only (docs/reference/labelbox-format.md#2-25).
_MAX_ANNOTATIONS = 5000
# How a classification is answered. Types that are missing here, such as group and dropdown, cannot be imported.
_SHAPES = {
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
    """A tool, a classification or an option, with the features below it."""

    #: Its `featureSchemaId`.
    schema_id: str
    #: Type of the tool or classification, or "option".
    type: str
    #: Whether it is archived; then it cannot be imported.
    archived: bool
    #: Nested classifications of a tool or option, or the options of a classification.
    below: "Level"
    #: Shape of a classification's answer: radio, checklist or text.
    shape: str = ""
    #: Whether it classifies frames or messages rather than the whole data row.
    indexed: bool = False
    #: Maximum number of annotations of one data row in one import.
    max_annotations: int = _MAX_ANNOTATIONS
    #: Minimum and maximum number of characters of a text.
    limits: tuple[int | None, int | None] = (None, None)
    #: Allowed pairs of source and target of an edge; None: all.
    constraints: frozenset[tuple[str, str]] | None = None


@dataclass(slots=True, eq=False)
class Level:
    """Sibling features, looked up by name or id."""

    project: str = ""  # id, for the text of a refusal
    by_name: dict[str, list[Feature]] = field(default_factory=dict)
    by_id: dict[str, Feature] = field(default_factory=dict)

    def find(self, reference: dict[str, Any]) -> Feature:
        """Return the feature that `name`, `schemaId` or both refer to. Raises Refused."""
        feature = self._by_id(reference["schemaId"]) if "schemaId" in reference else None
        if "name" in reference:
            named = self._by_name(reference["name"])
            if feature is None and len(named) > 1:
                raise invalid("name", f"Ontology contains this name more than once: {reference['name']}")
            if feature is not None and feature not in named:
                raise invalid("name", f"{reference['name']} and {reference['schemaId']} are different features.")
            feature = feature or named[0]
        if feature is None:
            raise invalid("schema_id", MISSING)
        if feature.archived:
            raise invalid("schema_id", "The feature is archived.")
        return feature

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
    """Where a line's feature is looked up: objects among the tools, answers among the classifications."""

    tools: Level
    classifications: Level


def prepared(normalized: dict[str, Any], project: str) -> Ontology:
    """Return a project's normalized ontology as look-ups."""
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
    """Return the names that a line may use for a node; an option's label or value may be a number."""
    return {str(node[key]) for key in ("name", "instructions", "value", "label") if node.get(key) is not None}


def _feature(node: dict[str, Any], project: str) -> Feature:
    # Children of a tool are in `classifications`; children of a classification or an option are in `options`.
    below = node.get("classifications") if "tool" in node else node.get("options")
    if _SHAPES.get(str(node.get("type"))) == "text":  # no documented ontology has any; they may be in either
        below = [child for child in (*(below or ()), *(node.get("classifications") or ())) if "type" in child]
    pairs = (node.get("definition") or {}).get("constraints")
    return Feature(
        node["featureSchemaId"],
        str(node.get("tool") or node.get("type") or "option"),
        bool(node.get("archived")),
        _level(below or [], project),
        _SHAPES.get(str(node.get("type")), "") if "tool" not in node else "",
        node.get("scope") == "index",
        1 if node.get("type") == "prompt" else _MAX_ANNOTATIONS,
        (node.get("minCharacters"), node.get("maxCharacters")),
        None if pairs is None else frozenset((source, target) for source, target in pairs),
    )
