"""Objects with a geometry: bounding box, polygon, point, polyline.

Coordinates are pixels of the original asset, origin top left, x to the right, y down
(docs/reference/labelbox-format.md#2).
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from prelabel.annotations.base import (
    MAX_NUMBER,
    Annotation,
    Number,
    Rule,
    Wire,
    check_distinct,
    check_envelope,
    for_people,
    with_arguments,
)
from prelabel.annotations.classifications import Classification, check_classifications

MAX_POINTS = 100_000
"""Maximum number of points of one geometry; an assumption, Labelbox documents none."""
Size = Annotated[int | float, Field(gt=0, le=MAX_NUMBER, allow_inf_nan=False)]


class Box(Wire):
    """Upper left corner and size in pixels (docs/reference/labelbox-format.md#2-6)."""

    top: Number
    left: Number
    height: Size
    width: Size


class Vertex(Wire):
    """A position in pixels."""

    x: Number
    y: Number


class GeometricObject(Annotation):
    """An annotation with a geometry and, perhaps, nested classifications."""

    ENVELOPE: ClassVar[tuple[Rule, ...]] = (check_envelope, check_classifications)

    classifications: list[Classification] | None = None


class BoundingBox(GeometricObject):
    """An upright rectangle: `BoundingBox("vessel", left=10, top=20, width=30, height=40)`.

    Source: docs/reference/labelbox-format.md#2-6.
    """

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
        corners = with_arguments({}, left=left, top=top, width=width, height=height)
        super().__init__(**with_arguments(fields, name=name, bbox=corners or None))


def check_ring(annotation: Any) -> None:
    """Check that a polygon has three different points: the server refuses a collapsed ring as invalid geometry.

    Source: docs/reference/labelbox-format.md#2-7.
    """
    check_distinct(annotation.polygon, 3, "polygon")


class Polygon(GeometricObject):
    """One ring without holes, open or closed: `Polygon("quay", [(0, 0), (9, 0), (9, 9)])`.

    Source: docs/reference/labelbox-format.md#2-7.
    """

    CHECKS: ClassVar[tuple[Rule, ...]] = (check_ring,)

    polygon: Annotated[list[Vertex], Field(max_length=MAX_POINTS)]

    @for_people
    def __init__(self, name: str | None = None, polygon: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, polygon=vertices(polygon)))


class Point(GeometricObject):
    """A single position: `Point("bollard", x=512, y=384.5)` (docs/reference/labelbox-format.md#2-8)."""

    point: Vertex

    @for_people
    def __init__(
        self, name: str | None = None, *, x: float | None = None, y: float | None = None, **fields: Any
    ) -> None:
        super().__init__(**with_arguments(fields, name=name, point=with_arguments({}, x=x, y=y) or None))


class Polyline(GeometricObject):
    """An open line of at least two points: `Polyline("rope", [(100, 20), (140, 66)])`.

    Source: docs/reference/labelbox-format.md#2-9.
    """

    line: Annotated[list[Vertex], Field(min_length=2, max_length=MAX_POINTS)]

    @for_people
    def __init__(self, name: str | None = None, line: Any = None, **fields: Any) -> None:
        super().__init__(**with_arguments(fields, name=name, line=vertices(line)))


def vertices(points: Any) -> Any:
    """Return points from a list of pairs or an array of shape (n, 2); all that is no pair stays as it is."""
    listed = points.tolist() if hasattr(points, "tolist") else points
    if not isinstance(listed, Iterable) or isinstance(listed, str | bytes | Mapping):
        return listed
    return [
        with_arguments({}, x=point[0], y=point[1]) if isinstance(point, list | tuple) and len(point) == 2 else point
        for point in listed
    ]
