"""Objects with a geometry: bounding box, polygon, point, polyline.

Coordinates are pixels of the original asset, origin top left, x to the right, y down (ndjson-formats, section 2).
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from prelabel.annotations.base import (
    Annotation,
    CheckFailed,
    Checks,
    Number,
    Wire,
    check_distinct,
    check_envelope,
    for_people,
)
from prelabel.annotations.classifications import Classification, check_nested

MAX_POINTS = 100_000
"""Most points of one geometry; an assumption, Labelbox documents none."""
Size = Annotated[int | float, Field(gt=0, allow_inf_nan=False)]


class Box(Wire):
    """Upper left corner and size in pixels (section 2.6)."""

    top: Number
    left: Number
    height: Size
    width: Size


class Vertex(Wire):
    """A position in pixels."""

    x: Number
    y: Number


Vertices = Annotated[list[Vertex], Field(min_length=1, max_length=MAX_POINTS)]


def check_object(annotation: Any) -> None:
    """The rules of every object."""
    check_envelope(annotation)
    if annotation.classifications:
        check_nested(annotation.classifications, "", 1)


def check_polygon(annotation: Any) -> None:
    """A ring encloses something."""
    check_distinct(annotation.polygon, 3, "polygon")


def check_line(annotation: Any) -> None:
    """A line leads from one point to another."""
    if len(annotation.line) < 2:
        raise CheckFailed("line", f"{len(annotation.line)}", "at least 2 points")


class GeometricObject(Annotation):
    """An annotation with a geometry and, perhaps, nested classifications."""

    CHECKS: ClassVar[Checks] = (check_object,)

    classifications: list[Classification] | None = None


class BoundingBox(GeometricObject):
    """An upright rectangle: `BoundingBox("vessel", left=10, top=20, width=30, height=40)`."""

    bbox: Box

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
        given = {"left": left, "top": top, "width": width, "height": height}
        if any(value is not None for value in given.values()):
            fields["bbox"] = {key: value for key, value in given.items() if value is not None}
        Annotation.__init__(self, name, **fields)


class Polygon(GeometricObject):
    """One ring without holes, open or closed: `Polygon("quay", [(0, 0), (9, 0), (9, 9)])` (section 2.7)."""

    CHECKS: ClassVar[Checks] = (check_object, check_polygon)

    polygon: Vertices

    @for_people
    def __init__(self, name: str | None = None, polygon: Any = None, **fields: Any) -> None:
        Annotation.__init__(self, name, **fields, **({} if polygon is None else {"polygon": vertices(polygon)}))


class Point(GeometricObject):
    """A single position: `Point("bollard", x=512, y=384.5)` (section 2.8)."""

    point: Vertex

    @for_people
    def __init__(
        self, name: str | None = None, *, x: float | None = None, y: float | None = None, **fields: Any
    ) -> None:
        given = {key: value for key, value in (("x", x), ("y", y)) if value is not None}
        Annotation.__init__(self, name, **fields, **({"point": given} if given else {}))


class Polyline(GeometricObject):
    """An open line of at least two points: `Polyline("rope", [(100, 20), (140, 66)])` (section 2.9)."""

    CHECKS: ClassVar[Checks] = (check_object, check_line)

    line: Vertices

    @for_people
    def __init__(self, name: str | None = None, line: Any = None, **fields: Any) -> None:
        Annotation.__init__(self, name, **fields, **({} if line is None else {"line": vertices(line)}))


def vertices(points: Any) -> Any:
    """Pairs may stand for points in Python."""
    return [{"x": each[0], "y": each[1]} if isinstance(each, tuple) and len(each) == 2 else each for each in points]
