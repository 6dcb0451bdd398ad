"""Lines of a plane at round coordinates, and coordinates in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor, log10

from prelabel_sandbox.pages.drawing.shapes import Point

_CHARACTER = 19.0  # space of one character on the canvas, on a phone
_FACTORS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line at a round coordinate."""

    value: float
    label: str

    @property
    def space(self) -> float:
        """Return the length on the canvas that the label needs."""
        return len(self.label) * _CHARACTER

    def near(self, distance: float) -> "Tick":
        """Return the line at this distance from an end of its axis: without its label, if that has no space."""
        return self if self.space / 2 <= distance else Tick(self.value, "")


def ticks(start: float, end: float, length: float, sides: str = "") -> list[Tick]:
    """Return as many lines from one coordinate to another as an axis of this length has space for their labels.

    `sides` is `EW` for longitudes, `NS` for latitudes, and nothing for pixels. A line near an end has no label.
    """
    scale = length / (end - start)
    for step, decimals in _steps((end - start) / 100):
        values = [number * step for number in range(ceil(start / step), floor(end / step) + 1)]
        lines = [Tick(value, _label(value, decimals, sides)) for value in values if _exists(value, sides)]
        if all(line.space <= step * scale for line in lines):
            return [line.near(scale * min(line.value - start, end - line.value)) for line in lines]
    return []


def spot(point: Point) -> str:
    """Return a place on earth, to about a tenth of a metre."""
    longitude, latitude = point
    return f"{_exact(latitude, 'NS')}, {_exact(longitude, 'EW')}"


def _steps(least: float) -> Iterator[tuple[float, int]]:
    """Return round steps from about the least one to more than a hundred times as much, with their decimals."""
    power = floor(log10(least))
    for exponent in range(power, power + 4):
        for factor in _FACTORS:
            yield factor * 10.0**exponent, max(0, -exponent)


def _exists(value: float, sides: str) -> bool:
    return not sides or abs(value) <= (180 if sides == "EW" else 90)


def _label(value: float, decimals: int, sides: str) -> str:
    if not sides:
        return f"{value:,.{decimals}f}"
    return f"{abs(value):.{decimals}f}°{f' {sides[value < 0]}' if value else ''}"


def _exact(value: float, sides: str) -> str:
    decimals = len(f"{value:.6f}".rstrip("0").partition(".")[2])
    return _label(round(value, 6), decimals, sides)
