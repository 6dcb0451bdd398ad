"""The names, values and ids with which exports show the features of an ontology."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Feature:
    """A tool, a classification or an option."""

    #: Its `featureSchemaId`; None: it is not in the ontology any more.
    id: str | None
    name: str
    #: The name as exports write it beside the name.
    value: str
    #: Type of the tool or classification; "" for an option.
    type: str
    below: "Level"

    def shown(self, feature_id: str) -> dict[str, Any]:
        """Return the keys that every feature of an export has."""
        return {"feature_id": feature_id, "feature_schema_id": self.id, "name": self.name, "value": self.value}


@dataclass(frozen=True, slots=True)
class Level:
    """Sibling features, by each name and id that a line may use."""

    features: dict[str, Feature] = field(default_factory=dict)

    def find(self, reference: Any) -> Feature:
        """Return the feature that `schemaId` or `name` refers to; for an unknown one, a feature of that name."""
        named = [str(reference[key]) for key in ("schemaId", "name") if key in reference]
        known = [self.features[name] for name in named if name in self.features]
        return known[0] if known else Feature(None, named[-1], slug(named[-1]), "", Level())


def level_of(nodes: Iterable[dict[str, Any]]) -> Level:
    """Return the features of a list of nodes of a normalized ontology."""
    level = Level()
    for node in nodes:
        feature = _feature(node)
        names = (node.get(key) for key in ("name", "instructions", "label", "value", "featureSchemaId"))
        for name in names:
            if name is not None:
                level.features.setdefault(str(name), feature)
    return level


def slug(name: str) -> str:
    """Return the value of a tool, which is made of its name (live test: `named-entity` becomes `named_entity`)."""
    return _NO_WORD.sub("_", name.lower()).strip("_")


def _feature(node: dict[str, Any]) -> Feature:
    feature_id = node.get("featureSchemaId")
    if "tool" in node:
        name = str(node["name"])
        return Feature(feature_id, name, slug(name), str(node["tool"]), level_of(node.get("classifications") or []))
    below = level_of(node.get("options") or [])
    if "type" in node:
        name = str(node.get("name") or node.get("instructions"))
        return Feature(feature_id, str(node.get("instructions") or name), name, str(node["type"]), below)
    return Feature(feature_id, str(node.get("label", node.get("value"))), str(node.get("value")), "", below)
