"""Confidence on only a part of a tree: model runs refuse it; whether pre-labels are refused too is not known.

Source: docs/reference/labelbox-format.md#1-6.
"""

from collections.abc import Iterator
from typing import Any

from prelabel_sandbox.checks.refusal import invalid

_MIXED = "Confidence score is specified for the node, however child nodes don't have confidence score"

Node = dict[str, Any]


def check_confidence(line: Node) -> None:
    """Refuse a node that has a confidence and a child without one. The line's structure must be checked before."""
    for node in _answered(line) if "answer" in line or "answers" in line else [line]:
        _check_node(node)


def _check_node(node: Node) -> None:
    for entry in node.get("classifications", []):
        for child in _answered(entry):
            if "confidence" in node and "confidence" not in child:
                raise invalid("_schema", _MIXED)
            _check_node(child)


def _answered(entry: Node) -> Iterator[Node]:
    """Return the nodes of an answer: its options, or the entry itself if it is a text."""
    answer: Any = entry["answer"] if "answer" in entry else entry["answers"]
    if isinstance(answer, str):
        yield entry
    else:
        yield from answer if isinstance(answer, list) else [answer]
