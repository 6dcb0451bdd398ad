"""COCO's run lengths, plain and compressed, and polygons → pixels of 0 and 1, row by row.

Runs go down the columns and alternate between 0 and 1, beginning with 0. Compressed, each is a number in groups of five
bits, the least first, as characters from `0`; from the fourth on it is the difference to the run before the last.
"""

from math import ceil
from typing import Any

from prelabel.readers.base import number
from prelabel.readers.pixels import check_size


def decode(segmentation: Any) -> tuple[bytes, int, int]:
    """Pixels, width and height of `{"size": [height, width], "counts": …}`. Raises ValueError."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(type(each) is int for each in size):
        raise ValueError("segmentation.size: expected [height, width]")
    height, width = size
    check_size(width, height)
    runs = _runs(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise ValueError("segmentation.counts: expected runs of 0 or more, as an array or compressed")
    if sum(runs) != width * height:
        raise ValueError(f"segmentation.counts: {sum(runs)} pixels, expected {width * height}")
    columns = b"".join((b"\1" if at % 2 else b"\0") * run for at, run in enumerate(runs))
    return b"".join(columns[row::height] for row in range(height)), width, height


def _runs(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError("segmentation.counts: not a compressed run length")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("segmentation.counts: cut off")
    return runs


def fill(polygons: list[Any], width: int, height: int) -> bytes:
    """The pixels whose centres lie in one of the polygons, each `[x1, y1, x2, y2, …]`. Raises ValueError."""
    check_size(width, height)
    rows: list[int] = [0] * height  # a row is a number of `width` bytes
    for polygon in polygons:
        for y, crossings in _crossings(_corners(polygon), height).items():
            crossings.sort()
            for enters, leaves in zip(crossings[::2], crossings[1::2], strict=True):
                first, behind = max(0, ceil(enters - 0.5)), min(width, ceil(leaves - 0.5))
                if behind > first:
                    rows[y] |= int.from_bytes(b"\1" * (behind - first), "big") << 8 * (width - behind)
    return b"".join(row.to_bytes(width, "big") for row in rows)


def _corners(polygon: Any) -> list[tuple[float, float]]:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise ValueError("segmentation: expected polygons of three or more x, y")
    values = [number(value, "segmentation") for value in polygon]
    return list(zip(values[::2], values[1::2], strict=True))


def _crossings(corners: list[tuple[float, float]], height: int) -> dict[int, list[float]]:
    """Row → where the edges cross the line through its pixels' centres; an edge's upper end counts, its lower not."""
    found: dict[int, list[float]] = {}
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1
        for y in range(max(0, ceil(y1 - 0.5)), min(height, ceil(y2 - 0.5))):
            found.setdefault(y, []).append(x1 + (y + 0.5 - y1) * (x2 - x1) / (y2 - y1))
    return found
