"""Geometry → what an SVG draws. Coordinates are pixels of the asset, as they came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prelabel_sandbox.pages.formats import number

Point = tuple[float, float]

_LARGEST = 100_000.0  # of a canvas whose size is guessed
_SMALLEST = 16.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A path: `closed` is filled, a `dot` is drawn round; its name stands `at`, links go to its `center`."""

    path: str
    at: Point
    center: Point
    least: Point
    most: Point
    closed: bool = False
    dot: bool = False
    thinned: bool = False

    @property
    def area(self) -> float:
        """Of what is filled, roughly: the larger lies below."""
        return (self.most[0] - self.least[0]) * (self.most[1] - self.least[1]) if self.closed else 0.0


def shape_of(line: dict[str, Any], most: int) -> Shape | None:
    """The shape of a line, drawn with at most so many points; None for what is no geometry."""
    if isinstance(box := line.get("bbox"), dict):
        return _outline(corners(box), most, closed=True)
    if isinstance(point := line.get("point"), dict):
        x, y = point["x"], point["y"]
        return Shape(f"M{number(x)} {number(y)}h0", (x, y), (x, y), (x, y), (x, y), dot=True)
    for key in ("polygon", "line"):
        if isinstance(points := line.get(key), list):
            return _outline([(each["x"], each["y"]) for each in points], most, closed=key == "polygon")
    return None


def corners(box: dict[str, Any]) -> list[Point]:
    """The corners of a box, round from its first one."""
    left, top, right, bottom = box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"]
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def size_of(known: tuple[int | None, int | None], points: Iterable[Point]) -> tuple[float, float]:
    """The canvas: the asset's size, or as much as the annotations need."""
    if known[0] and known[1]:
        return float(known[0]), float(known[1])
    most = list(points)
    width, height = (max((each[axis] for each in most), default=0.0) * 1.05 for axis in (0, 1))
    guessed = (width or 640.0, height or 400.0)
    return tuple(min(_LARGEST, max(_SMALLEST, each)) for each in guessed)  # type: ignore[return-value]


def _outline(points: Sequence[Point], most_points: int, *, closed: bool) -> Shape:
    step = -(-len(points) // most_points)
    drawn = points[::step]
    path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in drawn) + ("Z" if closed else "")
    across, down = [x for x, _ in points], [y for _, y in points]
    center = (sum(across) / len(points), sum(down) / len(points))
    at = min(drawn, key=lambda point: (point[1], point[0]))
    least, most = (min(across), min(down)), (max(across), max(down))
    return Shape(path, at, center, least, most, closed, thinned=step > 1)
