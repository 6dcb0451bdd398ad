"""The figures of a measure, and whether they reach its mark."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Direction(StrEnum):
    """On which side of the mark a ratio must be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True)
class Mark:
    """What a ratio must reach."""

    direction: Direction
    value: float
    #: Of the ratio too.
    unit: str

    def reached(self, ratio: float) -> bool:
        """Return whether the ratio is on the right side; the mark itself is."""
        return ratio >= self.value if self.direction is Direction.AT_LEAST else ratio <= self.value


def at_least(value: float, unit: str) -> Mark:
    """Return a mark for what should be large."""
    return Mark(Direction.AT_LEAST, value, unit)


def at_most(value: float, unit: str) -> Mark:
    """Return a mark for what should be small."""
    return Mark(Direction.AT_MOST, value, unit)


class NotMeasured(Exception):
    """A measure has no figure; the text says why."""


@dataclass(frozen=True)
class Figures:
    """The figures of a measure, as its run gives them."""

    ours: float
    #: What ours is compared with, or None if there is no peer or if it could not be measured.
    peer: float | None
    #: Compared with the mark. None if the peer is needed for it and could not be measured.
    ratio: float | None
    #: Why a figure is missing, or what a reader must know about it.
    note: str = ""
    #: Whether the conditions hold that a measure has beside its mark.
    conditions: bool = True


def beside(ours: float, peer: float | None, note: str = "") -> Figures:
    """Return figures whose ratio is ours divided by the peer's."""
    if peer is None:
        return Figures(ours, None, None, note)
    if peer <= 0:
        raise NotMeasured(f"the peer's figure is {peer:g}, expected more than 0")
    return Figures(ours, peer, ours / peer, note)


def alone(ours: float, note: str = "") -> Figures:
    """Return the figures of a measure without a peer: the figure itself is compared with the mark."""
    return Figures(ours, None, ours, note)


@dataclass(frozen=True)
class Result:
    """A measure after a run."""

    slug: str
    mark: Mark
    figures: Figures | None
    #: Why there are no figures.
    reason: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the mark is reached; None if nobody knows."""
        if self.figures is None or self.figures.ratio is None:
            return None
        return self.mark.reached(self.figures.ratio) and self.figures.conditions

    @property
    def note(self) -> str:
        return self.figures.note if self.figures else self.reason

    def as_json(self) -> Mapping[str, Any]:
        """Return the record of the results file."""
        figures = self.figures
        return {
            "measure": self.slug,
            "ours": _rounded(figures.ours if figures else None),
            "peer": _rounded(figures.peer if figures else None),
            "ratio": _rounded(figures.ratio if figures else None),
            "mark": self.mark.value,
            "met": self.met,
        }


def _rounded(value: float | None) -> float | None:
    """Return the value with four significant digits, which is more than a run can repeat."""
    return None if value is None else float(f"{value:.4g}")
