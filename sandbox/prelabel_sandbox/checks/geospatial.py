"""Boxes, polygons, points and lines on tiled imagery: x is the longitude, y the latitude.

Source: docs/reference/labelbox-format.md#2-21.
"""

from typing import Any

from prelabel_sandbox.checks.objects import BOX, check_line, check_point, check_polygon
from prelabel_sandbox.checks.refusal import bad_geometry
from prelabel_sandbox.checks.values import exact_keys, numbers


def check_tile_box(value: Any) -> None:
    """Check a corner and two extents. Official sources disagree about the corner, so the height may be negative."""
    box = exact_keys(value, BOX, "bbox")
    numbers(box, "bbox")
    if box["height"] == 0 or box["width"] <= 0:
        raise bad_geometry("a box needs a height other than 0 and a width above 0")


def check_geo_box(value: Any) -> None:
    """Check a corner and two extents in degrees."""
    check_tile_box(value)
    for step in (0, 1):
        _on_earth({"x": value["left"] + step * value["width"], "y": value["top"] + step * value["height"]})


def check_geo_polygon(value: Any) -> None:
    """Check a ring in degrees."""
    check_polygon(value)
    for vertex in value:
        _on_earth(vertex)


def check_geo_line(value: Any) -> None:
    """Check a line in degrees."""
    check_line(value)
    for vertex in value:
        _on_earth(vertex)


def check_geo_point(value: Any) -> None:
    """Check a point in degrees."""
    check_point(value)
    _on_earth(value)


def _on_earth(vertex: dict[str, float]) -> None:
    if not -180 <= vertex["x"] <= 180:
        raise bad_geometry("a longitude (x) must lie between -180 and 180")
    if not -90 <= vertex["y"] <= 90:
        raise bad_geometry("a latitude (y) must lie between -90 and 90")
