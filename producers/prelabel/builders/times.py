"""Answers with times in seconds → ranges of milliseconds (audio) or of frames (video).

An interval in seconds excludes its end; the ranges of Labelbox include their last millisecond or frame. So consecutive
intervals do not share one.
"""

import math
from collections.abc import Iterable
from typing import Any

from prelabel.annotations.timed import TimedChecklist, TimedOption, TimedRadio, TimedText, TimeRange
from prelabel.builders.values import number, refused

Interval = tuple[float, float, str]
"""(start, end, option or text), times in seconds."""


def millisecond_range(start: float, end: float) -> TimeRange:
    """Return seconds of audio in milliseconds, rounded; at least one. Raises InvalidAnnotation."""
    start, end = _interval(start, end, "")
    first = round(start * 1000)
    return TimeRange(first, max(first, round(end * 1000) - 1))


def frame_range(start: float, end: float, *, fps: float, first_frame: int = 1) -> TimeRange:
    """Return seconds of video as the frames shown within, at least one; frames count from `first_frame`.

    Frame n is shown from n / fps to (n + 1) / fps, n from 0. Raises InvalidAnnotation.
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
    """Return an answer that changes: one annotation per option, with all its intervals. With `fps`, in frames."""
    by_option = _by_word(intervals, fps, first_frame)
    return [TimedRadio(name, TimedOption(option, ranges), **fields) for option, ranges in by_option.items()]


def checklist_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> TimedChecklist:
    """Return options with all their intervals. With `fps`, in frames."""
    by_option = _by_word(intervals, fps, first_frame)
    return TimedChecklist(name, [TimedOption(option, ranges) for option, ranges in by_option.items()], **fields)


def text_from_seconds(
    name: str | None, intervals: Iterable[Interval], *, fps: float | None = None, first_frame: int = 1, **fields: Any
) -> TimedText:
    """Return texts, such as a transcript's, with all their intervals. With `fps`, in frames."""
    by_text = _by_word(intervals, fps, first_frame)
    return TimedText(name, [TimedOption(value=text, frames=ranges) for text, ranges in by_text.items()], **fields)


def _by_word(intervals: Iterable[Interval], fps: float | None, first_frame: int) -> dict[str, list[TimeRange]]:
    by_word: dict[str, list[TimeRange]] = {}
    for at, (start, end, word) in enumerate(intervals):
        _interval(start, end, f"intervals[{at}].")
        if fps is None:
            time_range = millisecond_range(start, end)
        else:
            time_range = frame_range(start, end, fps=fps, first_frame=first_frame)
        by_word.setdefault(word, []).append(time_range)
    if not by_word:
        raise refused("intervals", "none", "at least one interval")
    return by_word


def _interval(start: Any, end: Any, path: str) -> tuple[float, float]:
    start, end = number(start, f"{path}start"), number(end, f"{path}end")
    if start < 0:
        raise refused(f"{path}start", start, "0 or more seconds")
    if end <= start:
        raise refused(f"{path}end", end, f"greater than start ({start})")
    return start, end
