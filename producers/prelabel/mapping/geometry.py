"""Boxes, polygons and keypoints as models write them → pixels from the top left, as Labelbox has them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from prelabel.builders.keypoints import COCO_KEYPOINTS, Place, places_of
from prelabel.errors import found_value
from prelabel.mapping.values import array, number, plain, unreadable

Numbers = tuple[float, float, float, float]
_DIGITS = 3
"""Coordinates are kept to a thousandth of a pixel: products of floats have digits that mean nothing."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How coordinates become pixels of the image: `(x * factor_x - offset_x) * zoom_x`, and the same for y."""

    factor_x: float = 1
    factor_y: float = 1
    offset_x: float = 0
    offset_y: float = 0
    zoom_x: float = 1
    zoom_y: float = 1

    def x(self, value: float) -> float:
        """Return a place from the left."""
        return (value * self.factor_x - self.offset_x) * self.zoom_x

    def y(self, value: float) -> float:
        """Return a place from the top."""
        return (value * self.factor_y - self.offset_y) * self.zoom_y


PIXELS = Scale()


def scale_to(size: tuple[float, float], model: tuple[int, int] | None, *, normalised: bool, letterbox: bool) -> Scale:
    """Return the scale from coordinates of a model to an image of this size (width, height).

    `model` is the size of the model's input, to which the image was resized: stretched, or with `letterbox` kept in
    shape, in the middle between two bars.
    """
    width, height = size
    if model is None:
        return Scale(width, height) if normalised else PIXELS
    factor_x, factor_y = model if normalised else (1, 1)
    if not letterbox:
        return Scale(factor_x, factor_y, 0, 0, width / model[0], height / model[1])
    shrunk = min(model[0] / width, model[1] / height)
    bars = (model[0] - width * shrunk) / 2, (model[1] - height * shrunk) / 2
    return Scale(factor_x, factor_y, *bars, 1 / shrunk, 1 / shrunk)


def _xyxy(left: float, top: float, right: float, bottom: float) -> Numbers:
    return left, top, right, bottom


def _yxyx(top: float, left: float, bottom: float, right: float) -> Numbers:
    return left, top, right, bottom


def _xywh(left: float, top: float, width: float, height: float) -> Numbers:
    return left, top, left + width, top + height


def _cxcywh(x: float, y: float, width: float, height: float) -> Numbers:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


BOX_FORMATS: dict[str, Callable[[float, float, float, float], Numbers]] = {
    "xyxy": _xyxy,
    "xywh": _xywh,
    "cxcywh": _cxcywh,
    "yxyx": _yxyx,
}


def box(value: Any, form: str, scale: Scale, path: str) -> dict[str, Any]:
    """Return the `bbox` of an annotation. Raises MessageError."""
    value = plain(value)
    try:
        left, top, right, bottom = BOX_FORMATS[form](*value)
        if not isfinite(left + top + right + bottom):
            raise TypeError
        if scale is not PIXELS:
            left, top, right, bottom = scale.x(left), scale.y(top), scale.x(right), scale.y(bottom)
    except TypeError:
        found = found_value(value)
        if isinstance(value, list | tuple) and len(value) == 4:
            found = ", ".join(map(found_value, value))
        raise unreadable(path, found, f"four finite numbers, {form}") from None
    width, height = round(right - left, _DIGITS), round(bottom - top, _DIGITS)
    if width < 0 or height < 0:
        found = f"a width of {found_value(width)} and a height of {found_value(height)}"
        raise unreadable(path, found, f"a box, written as {form}", "is box_format of the mapping right?")
    return {"bbox": {"left": round(left, _DIGITS), "top": round(top, _DIGITS), "width": width, "height": height}}


def polygon(value: Any, scale: Scale, path: str) -> dict[str, Any]:
    """Return the `polygon` of an annotation: pairs, objects with x and y, or one flat array. Raises MessageError."""
    points = array(value, path)
    try:
        if points and isinstance(points[0], dict):
            points = [(point["x"], point["y"]) for point in points]
        elif points and isinstance(points[0], int | float):
            points = list(zip(points[::2], points[1::2], strict=True))
        pixels = [(scale.x(x), scale.y(y)) for x, y in map(plain, points)]
        if not all(isfinite(x) and isfinite(y) for x, y in pixels):
            raise ValueError
    except (TypeError, ValueError, KeyError):
        expected = "points: [[x, y], …], [{x, y}, …] or [x, y, x, y, …]"
        raise unreadable(path, found_value(value), expected) from None
    return {"polygon": [{"x": round(x, _DIGITS), "y": round(y, _DIGITS)} for x, y in pixels]}


def keypoints(value: Any, count: int, path: str) -> list[Place]:
    """Return the keypoints of a detection: pairs, triples, objects with x and y, or one flat array.

    `count` is their number if it is known, else 0. Raises MessageError.
    """
    points = array(value, path)
    if points and isinstance(points[0], dict):
        points = [_listed(point) for point in points]
    elif points and isinstance(plain(points[0]), int | float):
        known = count or len(COCO_KEYPOINTS)
        if len(points) not in (2 * known, 3 * known):
            expected = (
                f"{3 * known} numbers, x, y and confidence of {known} keypoints, or {2 * known} without confidence"
            )
            raise unreadable(
                path, f"{len(points)} numbers", expected, "keypoint_names of the mapping says how many there are"
            )
        points = list(places_of(points, len(points) // known))
    if count and len(points) != count:
        expected = f"{count}, as many as keypoint_names of the mapping has"
        raise unreadable(path, f"{len(points)} {'keypoint' if len(points) == 1 else 'keypoints'}", expected)
    return [_place(plain(point), f"{path}[{at}]") for at, point in enumerate(points)]


def _listed(point: Any) -> Any:
    return [point.get(key) for key in ("x", "y", "confidence")] if isinstance(point, dict) else point


def _place(point: Any, path: str) -> Place:
    if not isinstance(point, list | tuple) or not 2 <= len(point) <= 3:
        raise unreadable(path, found_value(point), "[x, y], [x, y, confidence] or {x, y, confidence}")
    x, y, *third = point
    own = None if not third or third[0] is None else number(third[0], path)
    return number(x, path), number(y, path), own


def point(place: Place, scale: Scale) -> dict[str, Any]:
    """Return the `point` of an annotation."""
    return {"point": {"x": round(scale.x(place[0]), _DIGITS), "y": round(scale.y(place[1]), _DIGITS)}}
