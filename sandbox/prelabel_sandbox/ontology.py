"""A project's ontology: ids stamped on every node, and look-ups for the checks."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


def stamped(ontology: dict[str, Any], project_id: str) -> dict[str, Any]:
    """The same tree with `schemaNodeId` and `featureSchemaId` on every node that lacks them; the same ids each time."""

    def stamp(node: dict[str, Any], path: str, children: str) -> dict[str, Any]:
        node = dict(node)
        for key in ("schemaNodeId", "featureSchemaId"):
            node[key] = node.get(key) or _identifier(f"{project_id}/{path}/{key}")
        # Below a tool stand its `classifications`; below a classification, and below an option, its `options`.
        node[children] = [stamp(child, f"{path}/{_label(child)}", "options") for child in node.get(children) or []]
        return node

    tools, classifications = ontology.get("tools") or [], ontology.get("classifications") or []
    return {
        "tools": [stamp(tool, f"t/{_label(tool)}", "classifications") for tool in tools],
        "classifications": [stamp(each, f"c/{_label(each)}", "options") for each in classifications],
        "relationships": [],
        "realTime": False,
    }


def _label(node: dict[str, Any]) -> str:
    return str(node.get("name") or node.get("value") or node.get("label"))


def _identifier(text: str) -> str:
    """25 characters that begin with c, as Labelbox's ids do."""
    return "c" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@dataclass(slots=True)
class Node:
    """A tool, classification or option, and what stands below it."""

    id: str
    names: frozenset[str]
    type: str
    below: "Level"


@dataclass(slots=True)
class Level:
    """Nodes that stand beside each other, found by name or id."""

    by_name: dict[str, Node] = field(default_factory=dict)
    by_id: dict[str, Node] = field(default_factory=dict)

    def find(self, given: dict[str, Any]) -> Node | None:
        """The node that a payload's `name` or `schemaId` means."""
        if given.get("schemaId"):
            return self.by_id.get(given["schemaId"])
        return self.by_name.get(given.get("name", ""))


def level_of(nodes: Iterable[dict[str, Any]]) -> Level:
    """Prepare a level of the normalized ontology and all below it."""
    level = Level()
    for node in nodes:
        names = frozenset(
            str(node[key]) for key in ("name", "instructions", "value", "label") if node.get(key) is not None
        )
        below = node.get("classifications") if "tool" in node else node.get("options")
        made = Node(
            node["featureSchemaId"], names, str(node.get("tool") or node.get("type") or ""), level_of(below or [])
        )
        level.by_id[made.id] = made
        for name in names:
            level.by_name.setdefault(name, made)
    return level
