"""Rectangles of coordinates."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from prelabel_sandbox.pages.drawing.shapes import Point


@dataclass(frozen=True, slots=True)
class Extent:
    """A part of a plane; `left` is at most `right`, and `low` at most `high`."""

    left: float
    low: float
    right: float
    high: float

    @classmethod
    def around(cls, points: Iterable[Point]) -> Self:
        """Return the extent of one or more points, which may be empty."""
        across, up = zip(*points, strict=True)
        return cls(min(across), min(up), max(across), max(up))

    @property
    def width(self) -> float:
        """Return the width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the height."""
        return self.high - self.low

    def grown(self, across: float, up: float) -> "Extent":
        """Return the extent with margins of these widths left and right, and below and above."""
        return Extent(self.left - across, self.low - up, self.right + across, self.high + up)

    def joined(self, other: "Extent") -> "Extent":
        """Return the smallest extent that holds both."""
        return Extent(
            min(self.left, other.left),
            min(self.low, other.low),
            max(self.right, other.right),
            max(self.high, other.high),
        )

    def holds(self, other: "Extent") -> bool:
        """Return whether the other extent lies within this one."""
        return self.joined(other) == self

    def meets(self, other: "Extent") -> bool:
        """Return whether the extents have a point in common."""
        across = self.left <= other.right and other.left <= self.right
        return across and self.low <= other.high and other.low <= self.high
