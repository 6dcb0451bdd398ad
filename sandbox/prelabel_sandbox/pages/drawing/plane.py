"""Shapes on the plane of a tile layer, with lines at round degrees or pixels.

A degree of latitude is as long as it is on a map of the place, so that shapes look as they do there. Pixels count
downwards, which is assumed (docs/reference/sandbox.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import cos, radians
from typing import Any

from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.canvas import NOT_DRAWN, Canvas, Placed, add_shapes, all_shapes
from prelabel_sandbox.pages.drawing.extent import Extent
from prelabel_sandbox.pages.drawing.graticule import Tick, spot, ticks
from prelabel_sandbox.pages.drawing.shapes import Point, corners
from prelabel_sandbox.pages.drawing.tile_layer import TileLayer
from prelabel_sandbox.pages.formats import number

_MARGIN = 54.0  # on the left and below, in which the lines are labelled
_LENGTH = 1000.0  # of the longer side of the plane on the canvas
_FLATTEST, _NARROWEST = 0.45, 0.8  # the share of the shorter side in the longer one
_MAX_COORDINATE = 1e9  # what is beyond is not drawn
_MARGIN_SHARE = 0.06  # of the width or height of what is shown, around it
_MIN_DEGREES, _MIN_PIXELS = 1e-4, 16.0  # of the margin around it
_OUTSIDE = "outside the bounds of the tile layer"
_EVERYWHERE = Extent(-_MAX_COORDINATE, -_MAX_COORDINATE, _MAX_COORDINATE, _MAX_COORDINATE)


@dataclass(slots=True)
class Plane:
    """What is drawn on a plane; positions and sizes are those on the canvas."""

    #: Shapes and links, right of and above the margins.
    canvas: Canvas
    #: The annotations, with their places in the plane's units.
    annotations: Sequence[Annotation]
    #: Vertical lines, and where they are.
    across: list[tuple[float, Tick]] = field(default_factory=list)
    #: Horizontal lines, and where they are.
    up: list[tuple[float, Tick]] = field(default_factory=list)
    #: Left, top, width and height of the tile layer, if its bounds are known.
    bounds: tuple[float, float, float, float] | None = None
    #: The same in the plane's units and in words; "" if they are not known.
    bounds_text: str = ""
    #: Width of the margins.
    margin: float = _MARGIN


@dataclass(frozen=True, slots=True)
class _View:
    """The part of a plane that is drawn."""

    extent: Extent
    degrees: bool

    @property
    def unit_ratio(self) -> float:
        """Return the length of a unit of y, in units of x."""
        middle = abs(self.extent.low + self.extent.high) / 2
        return 1 / cos(radians(min(75.0, middle))) if self.degrees else 1.0

    @property
    def scale(self) -> float:
        """Return the length of a unit of x on the canvas."""
        return _LENGTH / max(self.extent.width, self.extent.height * self.unit_ratio)

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height on the canvas."""
        return self.extent.width * self.scale, self.extent.height * self.unit_ratio * self.scale

    def place(self, point: Point) -> Point:
        """Return where a point is on the canvas."""
        below = self.extent.high - point[1] if self.degrees else point[1] - self.extent.low
        return _MARGIN + (point[0] - self.extent.left) * self.scale, below * self.unit_ratio * self.scale

    def box(self, extent: Extent) -> tuple[float, float, float, float]:
        """Return left, top, width and height of an extent on the canvas."""
        places = Extent.around(map(self.place, ((extent.left, extent.low), (extent.right, extent.high))))
        return places.left, places.low, places.width, places.height


def plane_of(annotations: Sequence[Annotation], layer: TileLayer | None, *, degrees: bool) -> Plane:
    """Return the drawing of annotations whose coordinates are degrees, or else pixels of a plain tile layer."""
    bounds = layer.bounds if layer else None
    extents = {item.number: Extent.around(points) for item in annotations if (points := _points(item.line))}
    near = bounds.grown(bounds.width, bounds.height) if bounds else _EVERYWHERE
    far = {item for item, extent in extents.items() if not near.holds(extent)}
    view = _view([extent for item, extent in extents.items() if item not in far], bounds, degrees)
    width, height = view.size
    canvas = Canvas(width + _MARGIN, height + _MARGIN, True, [], [])
    shapes = all_shapes([item for item in annotations if item.number not in far], _placed_in(view))
    add_shapes(canvas, shapes, annotations)
    for item, extent in extents.items():
        if item in far:
            canvas.notes[item] = f"far {_OUTSIDE}, {NOT_DRAWN}" if bounds else f"too far away, {NOT_DRAWN}"
        elif bounds and not bounds.meets(extent):
            canvas.notes[item] = _OUTSIDE
    plane = Plane(canvas, [_located(item) for item in annotations] if degrees else annotations)
    if bounds:
        plane.bounds, plane.bounds_text = view.box(bounds), _in_degrees(bounds) if degrees else _in_pixels(bounds)
    _add_lines(plane, view)
    return plane


def _in_degrees(extent: Extent) -> str:
    """Return the south-western and the north-eastern corner of an extent."""
    return f"{spot((extent.left, extent.low))} to {spot((extent.right, extent.high))}"


def _in_pixels(extent: Extent) -> str:
    return f"{number(extent.left)}, {number(extent.low)} to {number(extent.right)}, {number(extent.high)}"


def _points(line: dict[str, Any]) -> list[Point]:
    if isinstance(box := line.get("bbox"), dict):
        return corners(box)
    vertices = [line["point"]] if "point" in line else line.get("polygon") or line.get("line") or ()
    return [(vertex["x"], vertex["y"]) for vertex in vertices]


def _view(extents: Sequence[Extent], bounds: Extent | None, degrees: bool) -> _View:
    """Return the view of the tile layer and of these extents, with a margin, and neither flat nor narrow."""
    parts = [*extents, *([bounds] if bounds else [])] or [Extent(0.0, 0.0, 1.0, 1.0)]
    whole = parts[0]
    for part in parts:
        whole = whole.joined(part)
    least = _MIN_DEGREES if degrees else _MIN_PIXELS
    unit_ratio = _View(whole, degrees).unit_ratio
    whole = whole.grown(max(_MARGIN_SHARE * whole.width, least), max(_MARGIN_SHARE * whole.height, least / unit_ratio))
    narrow, flat = (
        whole.height * unit_ratio * _NARROWEST - whole.width,
        whole.width * _FLATTEST / unit_ratio - whole.height,
    )
    return _View(whole.grown(max(0.0, narrow / 2), max(0.0, flat / 2)), degrees)


def _placed_in(view: _View) -> Placed:
    """Return the function from a line to its geometry on the canvas."""

    def placed(line: dict[str, Any]) -> dict[str, Any]:
        if isinstance(line.get("bbox"), dict):
            box = view.box(Extent.around(_points(line)))
            return {"bbox": dict(zip(("left", "top", "width", "height"), box, strict=True))}
        points = [dict(zip("xy", view.place(point), strict=True)) for point in _points(line)]
        key = next((key for key in ("point", "polygon", "line") if key in line), "")
        return {key: points[0] if key == "point" else points}

    return placed


def _add_lines(plane: Plane, view: _View) -> None:
    extent, (width, height) = view.extent, view.size
    across = ticks(extent.left, extent.right, width, "EW" if view.degrees else "")
    up = ticks(extent.low, extent.high, height, "NS" if view.degrees else "")
    plane.across = [(view.place((tick.value, extent.low))[0], tick) for tick in across]
    plane.up = [(view.place((extent.left, tick.value))[1], tick) for tick in up]


def _located(annotation: Annotation) -> Annotation:
    """Return an annotation whose place is said in degrees."""
    points = _points(annotation.line)
    if not points:
        return annotation
    if annotation.key == "bbox":
        return replace(annotation, where=_in_degrees(Extent.around(points)))
    return replace(
        annotation, where=spot(points[0]) if len(points) == 1 else f"{len(points)} points from {spot(points[0])}"
    )
