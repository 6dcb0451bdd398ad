"""Find out from coordinates that a whole file is read wrongly: they are no pixels, or pixels of images of another size.

Labelbox accepts an annotation outside its asset and does not show it, so nobody would see the mistake. A single box
may reach beyond its image; that is how some models predict an object at the edge.
"""

from dataclasses import dataclass

from prelabel.readers.base import UnreadableSource

_SLACK = 0.5
"""How far a box in shares of the image may reach beyond the image."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The smallest rectangle around an annotation."""

    left: float
    top: float
    right: float
    bottom: float

    def can_be_shares(self) -> bool:
        """Return whether the coordinates can be shares of the image's size, from 0 to 1."""
        within = min(self.left, self.top) >= -_SLACK and max(self.right, self.bottom) <= 1 + _SLACK
        return within and max(self.right - self.left, self.bottom - self.top) <= 1

    def is_whole(self) -> bool:
        """Return whether all coordinates are whole numbers."""
        return all(float(value).is_integer() for value in (self.left, self.top, self.right, self.bottom))


class Extents:
    """What the annotations of a file, taken together, say about the units of its coordinates."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0
        self._pixels = False
        self._fractions = False

    def add(self, extent: Extent) -> None:
        """Take an annotation into account."""
        self._count += 1
        if not self._pixels:
            self._pixels = not extent.can_be_shares()
            self._fractions = self._fractions or not extent.is_whole()

    def check(self) -> None:
        """Raise UnreadableSource if all annotations of the file are within one pixel, so they are shares of a size."""
        if self._count and not self._pixels and self._fractions:
            raise UnreadableSource(
                f"{self._file}: all coordinates are between 0 and 1, so they are shares of the image's size; expected "
                "pixels. Multiply x by the image's width and y by its height"
            )


def check_inside(extent: Extent, where: str, image: str, width: int, height: int) -> None:
    """Raise UnreadableSource if the centre of an annotation is outside its image."""
    x, y = (extent.left + extent.right) / 2, (extent.top + extent.bottom) / 2
    if not (0 <= x <= width and 0 <= y <= height):
        raise UnreadableSource(
            f"{where}: the centre of the annotation is at x {x:g}, y {y:g}, but {image} has {width} x {height} pixels, "
            "so the coordinates are of an image of another size. Convert them to "
            "pixels of the image, or give --images FILE with the images that they were made for"
        )
