"""Answers with intervals of time or of frames."""

from collections.abc import Iterable
from dataclasses import dataclass

from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.answers import Range, intervals

_LANES = 400
_INTERVALS = 200  # of one lane


@dataclass(frozen=True, slots=True)
class Interval:
    """From where to where; and in the drawing, of a thousand, where it begins and how long it is."""

    start: float
    end: float
    begin: float
    length: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One answer; `left_out` says how many of its intervals are not here."""

    annotation: Annotation
    label: str
    intervals: tuple[Interval, ...]
    left_out: int


def timeline_of(
    annotations: Iterable[Annotation], total: float | None, *, unit: float = 0.0
) -> tuple[list[Lane], float]:
    """Answers with intervals, a lane each; and how long the whole is.

    `unit` is 1 for frames, of which the first is 1 and the last is in its interval; 0 for time.
    """
    found = [(each, label, choice.ranges) for each in annotations for label, choice in intervals(each.answers)]
    shown = found[:_LANES]
    whole = total or max([1.0, *(end for _, _, ranges in shown for _, end in ranges)])
    return [_lane(each, label, ranges, whole, unit) for each, label, ranges in shown], whole


def _lane(annotation: Annotation, label: str, ranges: tuple[Range, ...], whole: float, unit: float) -> Lane:
    def interval(start: float, end: float) -> Interval:
        begin = min(1000.0, 1000 * max(0.0, start - unit) / whole)
        return Interval(start, end, round(begin, 2), round(max(2.0, min(1000.0, 1000 * end / whole) - begin), 2))

    drawn = tuple(interval(*each) for each in ranges[:_INTERVALS])
    return Lane(annotation, label, drawn, max(0, len(ranges) - _INTERVALS))
