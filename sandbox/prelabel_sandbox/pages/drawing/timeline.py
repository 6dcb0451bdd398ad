"""Answers with intervals of time or of frames."""

from collections.abc import Iterable
from dataclasses import dataclass

from prelabel_sandbox.pages.drawing.annotations import Annotation
from prelabel_sandbox.pages.drawing.answers import Range, intervals

_LANES = 400
_INTERVALS = 200  # of one lane


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval from `start` to `end`; `begin` and `length` are thousandths of the whole, for the drawing."""

    start: float
    end: float
    begin: float
    length: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One answer; `left_out` is the number of its intervals that are not shown."""

    annotation: Annotation
    label: str
    intervals: tuple[Interval, ...]
    left_out: int


def timeline_of(
    annotations: Iterable[Annotation], total: float | None, *, unit: float = 0.0
) -> tuple[list[Lane], float]:
    """Return the answers with intervals, one lane per answer, and the length of the whole.

    `unit` is 1 for frames, which count from 1 and whose ends are inclusive; 0 for times.
    """
    lanes = [(item, label, choice.ranges) for item in annotations for label, choice in intervals(item.answers)]
    shown = lanes[:_LANES]
    whole = total or max([1.0, *(end for _, _, ranges in shown for _, end in ranges)])
    return [_lane(item, label, ranges, whole, unit) for item, label, ranges in shown], whole


def _lane(annotation: Annotation, label: str, ranges: tuple[Range, ...], whole: float, unit: float) -> Lane:
    def interval(start: float, end: float) -> Interval:
        begin = min(1000.0, 1000 * max(0.0, start - unit) / whole)
        return Interval(start, end, round(begin, 2), round(max(2.0, min(1000.0, 1000 * end / whole) - begin), 2))

    drawn = tuple(interval(start, end) for start, end in ranges[:_INTERVALS])
    return Lane(annotation, label, drawn, max(0, len(ranges) - _INTERVALS))
