"""Convert COCO's segmentations, which are run lengths or polygons, into pixels of 0 and 1, row by row."""

from math import ceil
from typing import Any

from prelabel.builders.pixels import read_rle
from prelabel.errors import InvalidAnnotation, found_value
from prelabel.readers.base import BadValue, number
from prelabel.readers.pixels import check_size


def decode(segmentation: Any) -> tuple[bytes, int, int]:
    """Return pixels, width and height of `{"size": [height, width], "counts": …}`. Raises ValueError."""
    try:
        plane = read_rle(segmentation, "segmentation")
    except InvalidAnnotation as error:
        raise ValueError(str(error)) from None
    return plane.data, plane.width, plane.height


def fill(polygons: list[Any], width: int, height: int) -> bytes:
    """Return the pixels whose centres lie in one of the polygons `[x1, y1, x2, y2, …]`. Raises ValueError."""
    check_size(width, height)
    rows: list[int] = [0] * height  # a row is one big integer of `width` bytes
    for polygon in polygons:
        for y, crossings in _crossings(_corners(polygon), height).items():
            crossings.sort()
            for enters, leaves in zip(crossings[::2], crossings[1::2], strict=True):
                start, end = max(0, ceil(enters - 0.5)), min(width, ceil(leaves - 0.5))
                if end > start:
                    rows[y] |= int.from_bytes(b"\1" * (end - start), "big") << 8 * (width - end)
    return b"".join(row.to_bytes(width, "big") for row in rows)


def _corners(polygon: Any) -> list[tuple[float, float]]:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise BadValue("segmentation", "polygons of three or more x, y", found_value(polygon))
    values = [number(value, "segmentation") for value in polygon]
    return list(zip(values[::2], values[1::2], strict=True))


def _crossings(corners: list[tuple[float, float]], height: int) -> dict[int, list[float]]:
    """Return, for each row, where edges cross the line through the centres of its pixels.

    An edge includes its upper end but not its lower end, so that a corner is not counted twice.
    """
    crossings: dict[int, list[float]] = {}
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1
        for y in range(max(0, ceil(y1 - 0.5)), min(height, ceil(y2 - 0.5))):
            crossings.setdefault(y, []).append(x1 + (y + 0.5 - y1) * (x2 - x1) / (y2 - y1))
    return crossings
