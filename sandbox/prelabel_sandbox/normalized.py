"""Converts a posted ontology to the normalized form that Labelbox answers, with ids and defaults at every level."""

from typing import Any

from prelabel_sandbox.ids import derived_id

Node = dict[str, Any]

_MAX_FEATURES = 4000  # of one ontology, as documented


def normalized(ontology: Any, project_id: str) -> Node:
    """Return the same tree with ids at every node; the same tree in the same project has the same ids.

    Raises ValueError for a tree that is not an ontology.
    """
    if not isinstance(ontology, dict):
        raise ValueError("ontology: expected an object with tools and classifications")
    tools, classifications = _nodes(ontology, "tools", "ontology"), _nodes(ontology, "classifications", "ontology")
    if (count := _count(tools) + _count(classifications)) > _MAX_FEATURES:
        raise ValueError(f"ontology: at most {_MAX_FEATURES} features, found {count}")
    return {
        "tools": [_tool(tool, f"{project_id}/t") for tool in tools],
        "classifications": [_classification(classification, f"{project_id}/c") for classification in classifications],
        "relationships": ontology.get("relationships") or [],
        "realTime": bool(ontology.get("realTime")),
    }


def normalized_feature(feature: Any, feature_id: str) -> Node:
    """Return the tree of one tool or classification, with ids at every node; its own is `feature_id`.

    Raises ValueError for a tree that is neither.
    """
    if not isinstance(feature, dict):
        raise ValueError("feature schema: expected an object")
    group = "tools" if "tool" in feature else "classifications"
    root: Node = normalized({group: [{**feature, "featureSchemaId": feature_id}]}, feature_id)[group][0]
    return root


def _count(nodes: Any) -> int:
    """Count tools, classifications and options at every level; `_nodes` reports values that are not lists."""
    known = [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    return len(known) + sum(_count(node.get(key)) for node in known for key in ("classifications", "options"))


def _tool(node: Node, path: str) -> Node:
    path = f"{path}/{_text(node, 'name', path)}"
    _text(node, "tool", path)
    below = [_classification(classification, path) for classification in _nodes(node, "classifications", path)]
    return {"required": False, "color": "#1f77b4", **_with_ids(node, path), "classifications": below}


def _classification(node: Node, path: str) -> Node:
    name = node.get("name") or _text(node, "instructions", path)
    path = f"{path}/{name}"
    _text(node, "type", path)
    options = [_option(option, path) for option in _nodes(node, "options", path)]
    return {"name": name, "instructions": name, "required": False, **_with_ids(node, path), "options": options}


def _option(node: Node, path: str) -> Node:
    value = node.get("value", node.get("label"))
    if value is None:
        raise ValueError(f"{path}: an option needs a value or a label")
    path = f"{path}/{value}"
    below = [_classification(classification, path) for classification in _nodes(node, "options", path)]
    return {"value": value, "label": value, **_with_ids(node, path), "options": below}


def _with_ids(node: Node, path: str) -> Node:
    ids = {key: node.get(key) or derived_id(path, key) for key in ("schemaNodeId", "featureSchemaId")}
    return {**node, **ids}


def _nodes(node: Node, key: str, path: str) -> list[Node]:
    children = node.get(key) or []
    if not isinstance(children, list) or not all(isinstance(child, dict) for child in children):
        raise ValueError(f"{path}: {key} must be an array of objects")
    return children


def _text(node: Node, key: str, path: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{path}: a node needs a {key}")
    return value
