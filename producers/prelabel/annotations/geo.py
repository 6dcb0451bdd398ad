"""Tiled imagery: the differences from images (docs/reference/labelbox-format.md#2-21).

Points, lines, polygons and boxes are the same as on images, in the coordinates of the asset's tile layer: on geographic
layers, `x` is the longitude and `y` the latitude in degrees; on plain layers, both are pixels. Only the worker knows
which kind of layer a project has.
"""

from typing import Annotated, Any

from pydantic import Field

from prelabel.annotations.base import MAX_NUMBER, CheckFailed, Number, Wire, for_people, with_arguments
from prelabel.annotations.objects import GeometricObject, Size

MAX_LONGITUDE, MAX_LATITUDE = 180, 90


class TileCorners(Wire):
    """A box that starts at its northern edge, so `height` is negative."""

    top: Number
    left: Number
    height: Annotated[int | float, Field(lt=0, ge=-MAX_NUMBER, allow_inf_nan=False)]
    width: Size


class TileBox(GeometricObject):
    """A box whose `top` is its northern edge; `height` leads to the southern edge and is negative.

    Source: docs/reference/labelbox-format.md#2-21.

    `TileBox("vessel", left=8.7011, top=53.8702, width=0.0038, height=-0.0014)`. One official payload has boxes in this
    form, while Labelbox's own client writes them from the south with a positive height, as `BoundingBox` does. Both
    describe the same rectangle (docs/reference/labelbox-format.md#question-7-5), and both are passed on unchanged.
    """

    bbox: TileCorners

    @for_people
    def __init__(
        self,
        name: str | None = None,
        *,
        left: float | None = None,
        top: float | None = None,
        width: float | None = None,
        height: float | None = None,
        **fields: Any,
    ) -> None:
        corners = with_arguments({}, left=left, top=top, width=width, height=height)
        super().__init__(**with_arguments(fields, name=name, bbox=corners or None))


def check_degrees(annotation: Any) -> None:
    """Check that every position lies on the earth: longitude within 180 degrees, latitude within 90."""
    if annotation.bbox is not None:
        box = annotation.bbox
        _check(box.left, MAX_LONGITUDE, "bbox.left", "longitude")
        _check(box.top, MAX_LATITUDE, "bbox.top", "latitude")
        _check(box.left + box.width, MAX_LONGITUDE, "bbox.width", "longitude of the other edge")
        _check(box.top + box.height, MAX_LATITUDE, "bbox.height", "latitude of the other edge")
    if annotation.point is not None:
        _check_position(annotation.point, "point")
    for word in ("polygon", "line"):
        for at, position in enumerate(getattr(annotation, word) or ()):
            _check_position(position, f"{word}[{at}]")


def _check_position(position: Any, path: str) -> None:
    _check(position.x, MAX_LONGITUDE, f"{path}.x", "longitude")
    _check(position.y, MAX_LATITUDE, f"{path}.y", "latitude")


def _check(value: float, limit: int, path: str, axis: str) -> None:
    if not -limit <= value <= limit:
        expected = f"a {axis} between -{limit} and {limit} degrees (x is longitude, y is latitude)"
        raise CheckFailed(path, f"{value}", expected)
