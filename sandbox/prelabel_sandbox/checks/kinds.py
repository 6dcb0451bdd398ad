"""The table of annotation kinds: the key that tells them apart, the features that take them, and their check.

Image kinds. A kind of another media type is a line here and a check function in a module of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from prelabel_sandbox.checks.classifications import check_answer, check_nested
from prelabel_sandbox.checks.mask import check_mask
from prelabel_sandbox.checks.objects import check_bbox, check_line, check_point, check_polygon
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import UNKNOWN, invalid
from prelabel_sandbox.checks.relationship import Neighbours, check_relationship

Check = Callable[[dict[str, Any], Feature, Neighbours], None]

# The keys that every line may carry beside its kind.
_ENVELOPE = frozenset(
    {"uuid", "dataRow", "name", "schemaId", "confidence", "customMetrics", "isBenchmarkReferenceLabel"}
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of annotation."""

    level: Literal["tools", "classifications"]
    types: frozenset[str]
    keys: frozenset[str]
    check: Check


def _object(key: str, types: set[str], check: Callable[[Any], None]) -> Kind:
    """A geometry with optional classifications beside it."""

    def check_with_classifications(line: dict[str, Any], feature: Feature, _: Neighbours) -> None:
        check(line[key])
        if "classifications" in line:
            check_nested(line["classifications"], feature.below)

    return Kind("tools", frozenset(types), _ENVELOPE | {key, "classifications"}, check_with_classifications)


def _check_classification(line: dict[str, Any], feature: Feature, _: Neighbours) -> None:
    if "classifications" in line:
        if feature.type != "text":  # options carry theirs themselves
            raise invalid("classifications", UNKNOWN)
        check_nested(line["classifications"], feature.below)
    check_answer(line, feature)


def _check_edge(line: dict[str, Any], feature: Feature, neighbours: Neighbours) -> None:
    check_relationship(line["relationship"], feature, neighbours)


_ANSWERS = frozenset({"radio", "checklist", "text"})

KINDS: dict[str, Kind] = {
    "bbox": _object("bbox", {"rectangle"}, check_bbox),
    "polygon": _object("polygon", {"polygon"}, check_polygon),
    "point": _object("point", {"point"}, check_point),
    "line": _object("line", {"line"}, check_line),
    "mask": _object("mask", {"raster-segmentation", "superpixel"}, check_mask),
    "relationship": Kind("tools", frozenset({"edge"}), _ENVELOPE | {"relationship"}, _check_edge),
    "answer": Kind("classifications", _ANSWERS, _ENVELOPE | {"answer", "classifications"}, _check_classification),
    "answers": Kind("classifications", _ANSWERS, _ENVELOPE | {"answers"}, _check_classification),
}
