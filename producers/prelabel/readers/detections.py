"""What models find on images → annotations: boxes, outlines, points, masks, answers; shared by the readers of images.

Coordinates are pixels from the top left. A value that shows that the whole file is read wrongly, such as pixels where
shares of the image are expected, raises UnreadableSource; every other wrong value raises ValueError.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions, Scores, UnreadableSource, number
from prelabel.readers.extents import Extent, Extents, check_inside
from prelabel.readers.pixels import mask_annotation
from prelabel.readers.rle import fill

Corner = tuple[float, float]
QUESTION = "label"
"""The feature of the class of a whole image, where nothing else is named."""
_SLACK = 0.5
"""How far a share of an image may lie outside 0 to 1: models overshoot edges; pixels used as shares, by far."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: its name for people, and its size in pixels if it is known."""

    name: str
    width: float | None = None
    height: float | None = None

    def size(self) -> tuple[int, int] | None:
        """Return (width, height), or None if one of them is not known."""
        if self.width is None or self.height is None:
            return None
        return int(self.width), int(self.height)


class Detections:
    """Makes annotations of the detections in a file; returns none for those that the mapping leaves out.

    With `pixels` False, the file has no coordinates in pixels, so that these say nothing about the whole file.
    """

    def __init__(self, file: str, options: ReaderOptions, *, pixels: bool = True) -> None:
        self._file = file
        self._options = options
        self._scores = Scores(file)
        self._extents = Extents(file) if pixels else None
        #: The place of the record that is being read.
        self.where = file

    def box(self, name: str, score: Any, corners: Iterable[float], picture: Picture) -> list[dict[str, Any]]:
        """Return the bounding box of (left, top, right, bottom). Raises ValueError."""
        left, top, right, bottom = corners
        if right <= left or bottom <= top:
            size = f"{found_value(_rounded(right - left))} and {found_value(_rounded(bottom - top))}"
            raise BadValue("box", "a width and height above 0", size)
        self._check(Extent(left, top, right, bottom), picture)
        left, top, right, bottom = map(_rounded, (left, top, right, bottom))
        bbox = {"top": top, "left": left, "height": _rounded(bottom - top), "width": _rounded(right - left)}
        return self._annotations(name, score, lambda: {"bbox": bbox})

    def outlines(
        self, name: str, score: Any, parts: Sequence[Sequence[Corner]], picture: Picture
    ) -> list[dict[str, Any]]:
        """Return a polygon for each part, or with the option `outlines` one mask of all parts. Raises ValueError."""
        for part in parts:
            if len({(_rounded(x), _rounded(y)) for x, y in part}) < 3:
                raise BadValue("outline", "three or more different corners", f"{len(set(part))}")
        across, down = [x for part in parts for x, _ in part], [y for part in parts for _, y in part]
        self._check(Extent(min(across), min(down), max(across), max(down)), picture)
        if self._options.outlines == "masks":
            return self._annotations(name, score, lambda: {"mask": _filled(parts, picture)})
        polygons = [[{"x": _rounded(x), "y": _rounded(y)} for x, y in part] for part in parts]
        named = self._annotations(name, score, dict)
        return [annotation | {"polygon": polygon} for annotation in named for polygon in polygons]

    def rotated(self, name: str, score: Any, corners: Sequence[Corner], picture: Picture) -> list[dict[str, Any]]:
        """Return the polygon of a rotated box: Labelbox has no rotated boxes. Raises ValueError."""
        return self.outlines(name, score, [corners], picture)

    def line(self, name: str, score: Any, corners: Sequence[Corner], picture: Picture) -> list[dict[str, Any]]:
        """Return the line through these points. Raises ValueError."""
        if len(corners) < 2:
            raise BadValue("line", "two or more points", f"{len(corners)}")
        across, down = [x for x, _ in corners], [y for _, y in corners]
        self._check(Extent(min(across), min(down), max(across), max(down)), picture)
        line = [{"x": _rounded(x), "y": _rounded(y)} for x, y in corners]
        return self._annotations(name, score, lambda: {"line": line})

    def points(self, points: Sequence[tuple[str, float, float, Any]], picture: Picture) -> list[dict[str, Any]]:
        """Return a point for each (name, x, y, score): Labelbox imports no skeletons. Raises ValueError."""
        if not points:
            return []
        across, down = [x for _, x, _, _ in points], [y for _, _, y, _ in points]
        self._check(Extent(min(across), min(down), max(across), max(down)), picture)
        return [
            annotation | {"point": {"x": _rounded(x), "y": _rounded(y)}}
            for name, x, y, score in points
            for annotation in self._annotations(name, score, dict)
        ]

    def mask(
        self, name: str, score: Any, pixels: Callable[[], tuple[bytes, int, int]], picture: Picture
    ) -> list[dict[str, Any]]:
        """Return a mask of pixels of 0 and 1, row by row, with width and height. Raises ValueError."""

        def shape() -> dict[str, Any]:
            plane, width, height = pixels()
            if (size := picture.size()) is not None and size != (width, height):
                raise UnreadableSource(
                    f"{self.where}: the mask has {width} x {height} pixels (width x height), but {picture.name} has "
                    f"{size[0]} x {size[1]}. Resize the masks to their images"
                )
            return {"mask": mask_annotation(plane, width, height)}

        return self._annotations(name, score, shape)

    def answer(
        self, names: Sequence[tuple[str, Any]], *, several: bool = False, question: str = QUESTION
    ) -> list[dict[str, Any]]:
        """Return the answer to the question of an image's class: a radio, or a checklist. Raises ValueError."""
        options: dict[str, list[dict[str, Any]]] = {}
        for name, given in names:
            score = self._scores.read(given)
            if target := self._options.mapping.choose(name, score, self._options.question or question):
                option: dict[str, Any] = {"name": target.option or name}
                if score is not None:
                    option["confidence"] = score
                options.setdefault(target.feature, []).append(option)
        return [{"name": name, "answer": chosen if several else chosen[0]} for name, chosen in options.items()]

    def check(self) -> None:
        """Call after the last record. Raises UnreadableSource if the file is read wrongly."""
        self._scores.check()
        if self._extents is not None:
            self._extents.check()

    def _annotations(self, name: str, given: Any, shape: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
        score = self._scores.read(given)
        target = self._options.mapping.choose(name, score)
        if target is None:
            return []
        annotation: dict[str, Any] = {"name": target.feature}
        if answers := target.answers():
            annotation["classifications"] = answers
        if score is not None:
            annotation["confidence"] = score
        return [annotation | shape()]

    def _check(self, extent: Extent, picture: Picture) -> None:
        if self._extents is not None:
            self._extents.add(extent)
        if size := picture.size():
            check_inside(extent, self.where, picture.name, *size)


class Shares:
    """Reads coordinates that are shares of an image's size, and notices if most are something else, such as pixels."""

    def __init__(self, file: str, whole: float = 1) -> None:
        self._file = file
        #: What the whole size counts as: 1, or 100 where a file has percents.
        self._whole = whole
        self._count = self._outside = 0

    def read(self, values: Sequence[Any], name: str) -> list[float]:
        """Return these values as shares from 0 to 1. Raises ValueError."""
        shares = [number(value, name) / self._whole for value in values]
        outside = [value for value, share in zip(values, shares, strict=True) if not -_SLACK <= share <= 1 + _SLACK]
        self._count += 1
        self._outside += bool(outside)
        if outside:
            raise BadValue(name, f"a share of the image's size, 0 to {self._whole:g}", found_value(outside[0]))
        return shares

    def check(self) -> None:
        """Call after the last record. Raises UnreadableSource if most of several are no shares."""
        if self._outside > 1 and 2 * self._outside > self._count:
            raise UnreadableSource(
                f"{self._file}: {self._outside} of {self._count} detections have coordinates beyond the image, so they "
                f"are no shares of its size, from 0 to {self._whole:g}. "
                "Are they pixels? Divide x by the image's width and y by its height"
            )


def rotated_corners(corners: Sequence[Corner], pivot: Corner, radians: float) -> list[Corner]:
    """Return corners that are rotated around a point, clockwise as the image is seen."""
    across, down = math.cos(radians), math.sin(radians)
    moved = [(x - pivot[0], y - pivot[1]) for x, y in corners]
    return [(pivot[0] + x * across - y * down, pivot[1] + x * down + y * across) for x, y in moved]


def _filled(parts: Sequence[Sequence[Corner]], picture: Picture) -> dict[str, str]:
    size = picture.size()
    if size is None:
        raise ValueError(f"{picture.name}: a mask needs the image's width and height")
    flat = [[value for corner in part for value in corner] for part in parts]
    return mask_annotation(fill(flat, *size), *size)


def _rounded(value: float) -> float:
    """Return a coordinate in hundredths of a pixel: the rest is noise of shares and 32-bit floats."""
    return round(value, 2)
