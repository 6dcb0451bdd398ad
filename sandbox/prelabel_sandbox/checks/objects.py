"""Boxes, polygons, points and lines on image data rows (docs/reference/labelbox-format.md#2-6 to #2-9)."""

from typing import Any

from prelabel_sandbox.checks.refusal import bad_geometry
from prelabel_sandbox.checks.values import array, exact_keys, number, numbers

BOX = frozenset({"top", "left", "height", "width"})
_VERTEX = frozenset({"x", "y"})


def check_bbox(value: Any) -> None:
    """Check a box: four numbers, and a size above zero."""
    box = exact_keys(value, BOX, "bbox")
    numbers(box, "bbox")
    if box["height"] <= 0 or box["width"] <= 0:
        raise bad_geometry("a box needs a height and a width above 0")


def check_polygon(value: Any) -> None:
    """Check one ring, open or closed, of at least three different points."""
    if len({_vertex(vertex, "polygon") for vertex in array(value, "polygon")}) < 3:
        raise bad_geometry("Each linear ring must contain at least 4 positions")


def check_point(value: Any) -> None:
    """Check a point: one vertex."""
    _vertex(value, "point")


def check_line(value: Any) -> None:
    """Check a line: at least two vertices."""
    if len([_vertex(vertex, "line") for vertex in array(value, "line")]) < 2:
        raise bad_geometry("A line must contain at least 2 positions")


def _vertex(value: Any, path: str) -> tuple[float, float]:
    vertex = exact_keys(value, _VERTEX, path)
    return number(vertex["x"], f"{path}.x"), number(vertex["y"], f"{path}.y")
