"""Boxes on pages of documents (docs/reference/labelbox-format.md#2-15)."""

from typing import Any

from prelabel_sandbox.checks.classifications import check_below
from prelabel_sandbox.checks.objects import check_bbox
from prelabel_sandbox.checks.ontology import Feature
from prelabel_sandbox.checks.refusal import Refused, invalid
from prelabel_sandbox.checks.scene import Scene
from prelabel_sandbox.checks.values import integer

_UNITS = ("INCHES", "PIXELS", "POINTS", "PERCENT")


def check_document_box(line: dict[str, Any], feature: Feature, scene: Scene) -> None:
    """Check a box with its page and unit. Sources differ on whether pages count from 0 or 1."""
    if "page" not in line or "unit" not in line:
        raise Refused("InvalidAnnotation", "Document annotation is missing page or unit fields.")
    page = integer(line["page"], "page")
    if scene.asset.pages is not None and page > scene.asset.pages:
        raise Refused("InvalidAnnotation", f"page {page} is after the last page ({scene.asset.pages})")
    if line["unit"] not in _UNITS:
        raise invalid("unit", f"Must be one of: {', '.join(_UNITS)}.")
    check_bbox(line["bbox"])
    check_below(line, feature.below, scene)
