"""Build boxes from corners, from centre and size, and from normalised values.

If the image's size is known, a box is clamped to the image, since models overshoot its edges by fractions; a box
outside the image is refused. Otherwise the numbers are passed on unchanged.
"""

from collections.abc import Sequence
from typing import Any

from prelabel.annotations.document import DocumentBox, Unit
from prelabel.annotations.objects import BoundingBox
from prelabel.builders.values import numbers, refused, size_of

Corners = tuple[float, float, float, float]
Size = Sequence[float]
"""(width, height) of the asset in pixels: the order of PIL; numpy's `array.shape` is (height, width)."""
_SLACK = 0.05
"""How far a normalised value may lie outside 0..1: models overshoot a little; pixels used as fractions, by far."""


def box_from_corners(name: str | None, corners: Any, *, image: Size | None = None, **fields: Any) -> BoundingBox:
    """Return the box of (left, top, right, bottom) in pixels. Raises InvalidAnnotation."""
    return BoundingBox(name, **_sides(read_corners(corners, image)), **fields)


def box_from_center(name: str | None, box: Any, *, image: Size | None = None, **fields: Any) -> BoundingBox:
    """Return the box of (x of the centre, y of the centre, width, height) in pixels. Raises InvalidAnnotation."""
    x, y, width, height = _positive(numbers(box, "x y width height", "box"))
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return BoundingBox(name, **_sides(read_corners(corners, image, "box")), **fields)


def box_from_yolo(name: str | None, box: Any, *, image: Size, **fields: Any) -> BoundingBox:
    """Return the box of a YOLO line: (x of the centre, y of the centre, width, height), as fractions of the image.

    Fractions outside -0.05 to 1.05 are refused, since they are most likely pixels. Raises InvalidAnnotation.
    """
    fractions = numbers(box, "x y width height", "box")
    for value, word in zip(fractions, ("x", "y", "width", "height"), strict=True):
        if not -_SLACK <= value <= 1 + _SLACK:
            raise refused(f"box.{word}", value, "a fraction of the image, 0 to 1")
    x, y, width, height = _positive(fractions)
    wide, high = size_of(image)
    corners = ((x - width / 2) * wide, (y - height / 2) * high, (x + width / 2) * wide, (y + height / 2) * high)
    return BoundingBox(name, **_sides(read_corners(corners, image, "box")), **fields)


def document_box_from_corners(
    name: str | None, corners: Any, *, page: int, unit: Unit = "POINTS", page_size: Size | None = None, **fields: Any
) -> DocumentBox:
    """Return a box of (left, top, right, bottom) from the page's upper left corner in `unit`, clamped to `page_size`.

    PDF libraries often count upwards from the lower left corner: flip y first. Raises InvalidAnnotation.
    """
    sides = _sides(read_corners(corners, page_size))
    return DocumentBox(name, page=page, unit=unit, **sides, **fields)


def read_corners(corners: Any, image: Size | None = None, path: str = "corners") -> Corners:
    """Return (left, top, right, bottom), clamped to the image if its size is given.

    Raises InvalidAnnotation, also for a box without an area.
    """
    left, top, right, bottom = numbers(corners, "left top right bottom", path)
    for low, high, word, other in ((left, right, "right", "left"), (top, bottom, "bottom", "top")):
        if high <= low:
            hint = "is it left, top, width, height?" if high > 0 and path == "corners" else None
            raise refused(f"{path}.{word}", high, f"greater than {other} ({low})", hint)
    if image is None:
        return left, top, right, bottom
    width, height = size_of(image)
    inside = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise refused(path, [left, top, right, bottom], f"a part within the image ({width} x {height})")
    return inside


def _positive(box: list[float]) -> list[float]:
    for value, word in ((box[2], "width"), (box[3], "height")):
        if value <= 0:
            raise refused(f"box.{word}", value, "greater than 0")
    return box


def _sides(corners: Corners) -> dict[str, float]:
    left, top, right, bottom = corners
    return {"left": left, "top": top, "width": right - left, "height": bottom - top}
