"""Convert answers with times in seconds into ranges of milliseconds (audio) or of frames (video).

An interval in seconds excludes its end, while Labelbox's ranges include their last millisecond or frame. So two
intervals that meet share no millisecond, and share a frame only if they meet within it.
"""

import math
from collections.abc import Iterable
from typing import Any

from prelabel.annotations.timed import TimedChecklist, TimedOption, TimedRadio, TimedText, TimeRange
from prelabel.builders.values import number, refused

Interval = tuple[float, float, str]
"""(start, end, option or text), times in seconds."""


def millisecond_range(start: float, end: float) -> TimeRange:
    """Return an interval in seconds as rounded milliseconds of audio, at least one. Raises InvalidAnnotation."""
    start, end = _interval(start, end, "")
    first = round(start * 1000)
    return TimeRange(first, max(first, round(end * 1000) - 1))


def frame_range(start: float, end: float, *, fps: float, first_frame: int = 1) -> TimeRange:
    """Return the frames of a video that are shown within an interval in seconds, at least one.

    `first_frame` is the number of the frame that is shown from 0 to 1 / fps. Raises InvalidAnnotation.
    """
    start, end = _interval(start, end, "")
    if number(fps, "fps") <= 0:
        raise refused("fps", fps, "greater than 0")
    # Round to a millionth of a frame: 0.28 s at 25 fps is 7 frames, not 7.000000000000001.
    first = math.floor(round(start * fps, 6))
    last = max(first, math.ceil(round(end * fps, 6)) - 1)
    return TimeRange(first_frame + first, first_frame + last)


def radios_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> list[TimedRadio]:
    """Return a radio answer that changes over time: one annotation per option, with all intervals of the option.

    The ranges are in frames if `fps` is given, else in milliseconds.
    """
    by_option = _by_answer(intervals, fps, first_frame)
    return [TimedRadio(name, TimedOption(option, ranges), **fields) for option, ranges in by_option.items()]


def checklist_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> TimedChecklist:
    """Return a checklist of options with their intervals; in frames if `fps` is given, else in milliseconds."""
    by_option = _by_answer(intervals, fps, first_frame)
    return TimedChecklist(name, [TimedOption(option, ranges) for option, ranges in by_option.items()], **fields)


def text_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> TimedText:
    """Return texts, such as a transcript's, with their intervals; in frames if `fps` is given, else in milliseconds."""
    by_text = _by_answer(intervals, fps, first_frame)
    return TimedText(name, [TimedOption(value=text, frames=ranges) for text, ranges in by_text.items()], **fields)


def _by_answer(intervals: Iterable[Interval], fps: float | None, first_frame: int) -> dict[str, list[TimeRange]]:
    by_answer: dict[str, list[TimeRange]] = {}
    for at, (start, end, answer) in enumerate(intervals):
        _interval(start, end, f"intervals[{at}].")
        if fps is None:
            time_range = millisecond_range(start, end)
        else:
            time_range = frame_range(start, end, fps=fps, first_frame=first_frame)
        by_answer.setdefault(answer, []).append(time_range)
    if not by_answer:
        raise refused("intervals", "none", "at least one interval")
    return by_answer


def _interval(start: Any, end: Any, path: str) -> tuple[float, float]:
    start, end = number(start, f"{path}start"), number(end, f"{path}end")
    if start < 0:
        raise refused(f"{path}start", start, "0 or more seconds")
    if end <= start:
        raise refused(f"{path}end", end, f"greater than start ({start})")
    return start, end
