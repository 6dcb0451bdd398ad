"""Answers with times in seconds → ranges of milliseconds (audio) or of frames (video).

A interval in seconds goes up to its end and not beyond; the ranges of Labelbox count their last millisecond or frame
in. So intervals that follow each other do not share one.
"""

import math
from collections.abc import Iterable
from typing import Any

from prelabel.annotations.timed import TimedChecklist, TimedOption, TimedRadio, TimedText, TimeRange
from prelabel.builders.values import number, refused

Interval = tuple[float, float, str]
"""(start, end, option or text), times in seconds."""


def millisecond_range(start: float, end: float) -> TimeRange:
    """Seconds of audio → milliseconds, rounded; one at least. Raises InvalidAnnotation."""
    start, end = _interval(start, end, "")
    first = round(start * 1000)
    return TimeRange(first, max(first, round(end * 1000) - 1))


def frame_range(start: float, end: float, *, fps: float, first_frame: int = 1) -> TimeRange:
    """Seconds of video → every frame that is shown within, one at least; frames count from `first_frame`.

    Frame n is shown from n / fps to (n + 1) / fps, n from 0. Raises InvalidAnnotation.
    """
    start, end = _interval(start, end, "")
    if number(fps, "fps") <= 0:
        raise refused("fps", fps, "greater than 0")
    # To a millionth of a frame: 0.1 s at 30 fps is 3 frames, not 3.0000000000000004.
    first = math.floor(round(start * fps, 6))
    last = max(first, math.ceil(round(end * fps, 6)) - 1)
    return TimeRange(first_frame + first, first_frame + last)


def radios_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> list[TimedRadio]:
    """An answer that changes: one annotation for each option, with all its intervals. With `fps`, in frames."""
    found = _by_word(intervals, fps, first_frame)
    return [TimedRadio(name, TimedOption(option, ranges), **fields) for option, ranges in found.items()]


def checklist_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> TimedChecklist:
    """Options, each with all its intervals. With `fps`, in frames."""
    found = _by_word(intervals, fps, first_frame)
    return TimedChecklist(name, [TimedOption(option, ranges) for option, ranges in found.items()], **fields)


def text_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> TimedText:
    """Texts, such as a transcript's, each with all its intervals. With `fps`, in frames."""
    found = _by_word(intervals, fps, first_frame)
    return TimedText(name, [TimedOption(value=text, frames=ranges) for text, ranges in found.items()], **fields)


def _by_word(intervals: Iterable[Interval], fps: float | None, first_frame: int) -> dict[str, list[TimeRange]]:
    found: dict[str, list[TimeRange]] = {}
    for at, (start, end, word) in enumerate(intervals):
        _interval(start, end, f"intervals[{at}].")
        if fps is None:
            each = millisecond_range(start, end)
        else:
            each = frame_range(start, end, fps=fps, first_frame=first_frame)
        found.setdefault(word, []).append(each)
    if not found:
        raise refused("intervals", "none", "one interval at least")
    return found


def _interval(start: Any, end: Any, path: str) -> tuple[float, float]:
    start, end = number(start, f"{path}start"), number(end, f"{path}end")
    if start < 0:
        raise refused(f"{path}start", start, "0 or more seconds")
    if end <= start:
        raise refused(f"{path}end", end, f"greater than start ({start})")
    return start, end
