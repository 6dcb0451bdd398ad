"""A posted ontology → the normalized one that Labelbox answers: ids and defaults at every level."""

from typing import Any

from prelabel_sandbox.ids import derived_id

Node = dict[str, Any]

_MOST = 4000  # features of an ontology, as documented


def normalized(given: Any, project_id: str) -> Node:
    """The same tree, every node with its ids; for the same tree in the same project the same ones.

    Raises ValueError for a tree that is not an ontology.
    """
    if not isinstance(given, dict):
        raise ValueError("ontology: expected an object with tools and classifications")
    tools, classifications = _nodes(given, "tools", "ontology"), _nodes(given, "classifications", "ontology")
    if (count := _count(tools) + _count(classifications)) > _MOST:
        raise ValueError(f"ontology: at most {_MOST} features, found {count}")
    return {
        "tools": [_tool(each, f"{project_id}/t") for each in tools],
        "classifications": [_classification(each, f"{project_id}/c") for each in classifications],
        "relationships": given.get("relationships") or [],
        "realTime": bool(given.get("realTime")),
    }


def _count(nodes: Any) -> int:
    """Tools, classifications and options at every level; what is no list is complained about elsewhere."""
    found = [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    return len(found) + sum(_count(node.get(key)) for node in found for key in ("classifications", "options"))


def _tool(node: Node, path: str) -> Node:
    path = f"{path}/{_text(node, 'name', path)}"
    _text(node, "tool", path)
    below = [_classification(each, path) for each in _nodes(node, "classifications", path)]
    return {"required": False, "color": "#1f77b4", **_with_ids(node, path), "classifications": below}


def _classification(node: Node, path: str) -> Node:
    name = node.get("name") or _text(node, "instructions", path)
    path = f"{path}/{name}"
    _text(node, "type", path)
    options = [_option(each, path) for each in _nodes(node, "options", path)]
    return {"name": name, "instructions": name, "required": False, **_with_ids(node, path), "options": options}


def _option(node: Node, path: str) -> Node:
    value = node.get("value", node.get("label"))
    if value is None:
        raise ValueError(f"{path}: an option needs a value or a label")
    path = f"{path}/{value}"
    below = [_classification(each, path) for each in _nodes(node, "options", path)]
    return {"value": value, "label": value, **_with_ids(node, path), "options": below}


def _with_ids(node: Node, path: str) -> Node:
    ids = {key: node.get(key) or derived_id(path, key) for key in ("schemaNodeId", "featureSchemaId")}
    return {**node, **ids}


def _nodes(node: Node, key: str, path: str) -> list[Node]:
    found = node.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError(f"{path}: {key} must be an array of objects")
    return found


def _text(node: Node, key: str, path: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{path}: a node needs a {key}")
    return value
