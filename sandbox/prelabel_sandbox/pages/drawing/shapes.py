"""Converts geometries to SVG paths. Coordinates are pixels of the asset, unchanged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from prelabel_sandbox.pages.formats import number

Point = tuple[float, float]

_MAX_SIZE = 100_000.0  # of a canvas whose size is guessed
_MIN_SIZE = 16.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A path to draw."""

    #: The `d` of an SVG path.
    path: str
    #: Where its name is written.
    at: Point
    #: Where links end.
    center: Point
    #: Top left corner of its bounding box.
    top_left: Point
    #: Bottom right corner of its bounding box.
    bottom_right: Point
    #: Whether it is filled.
    closed: bool = False
    #: Whether it is drawn as a dot.
    dot: bool = False
    #: Whether points were left out.
    thinned: bool = False

    @property
    def area(self) -> float:
        """Return the area of a filled shape's bounding box; larger shapes are drawn first, below smaller ones."""
        if not self.closed:
            return 0.0
        (left, top), (right, bottom) = self.top_left, self.bottom_right
        return (right - left) * (bottom - top)


def shape_of(line: dict[str, Any], max_points: int) -> Shape | None:
    """Return the shape of a pre-label, drawn with at most `max_points` points; None if it has no geometry."""
    if isinstance(box := line.get("bbox"), dict):
        return _outline(corners(box), max_points, closed=True)
    if isinstance(point := line.get("point"), dict):
        x, y = point["x"], point["y"]
        return Shape(f"M{number(x)} {number(y)}h0", (x, y), (x, y), (x, y), (x, y), dot=True)
    for key in ("polygon", "line"):
        if isinstance(points := line.get(key), list):
            return _outline([(vertex["x"], vertex["y"]) for vertex in points], max_points, closed=key == "polygon")
    return None


def corners(box: dict[str, Any]) -> list[Point]:
    """Return the corners of a box in order around it."""
    left, top, right, bottom = box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"]
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def size_of(known: tuple[int | None, int | None], points: Iterable[Point]) -> tuple[float, float]:
    """Return the size of the canvas: the asset's size, or a guess that is large enough for the annotations."""
    if known[0] and known[1]:
        return float(known[0]), float(known[1])
    corner_points = list(points)
    width, height = (max((point[axis] for point in corner_points), default=0.0) * 1.05 for axis in (0, 1))
    guessed = (float(ceil(width)) or 640.0, float(ceil(height)) or 400.0)
    return tuple(min(_MAX_SIZE, max(_MIN_SIZE, length)) for length in guessed)  # type: ignore[return-value]


def _outline(points: Sequence[Point], max_points: int, *, closed: bool) -> Shape:
    step = -(-len(points) // max_points)
    drawn = points[::step]
    path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in drawn) + ("Z" if closed else "")
    across, down = [x for x, _ in points], [y for _, y in points]
    center = (sum(across) / len(points), sum(down) / len(points))
    at = min(drawn, key=lambda point: (point[1], point[0]))
    top_left, bottom_right = (min(across), min(down)), (max(across), max(down))
    return Shape(path, at, center, top_left, bottom_right, closed, thinned=step > 1)
