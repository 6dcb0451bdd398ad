"""Answers with ranges of time, which the readers of speech share: seconds → milliseconds of audio, frames of a video.

Both ends of a range are inclusive. Frames count from 1, which needs the frame rate.
"""

from math import ceil
from pathlib import Path
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import BadValue, ReaderOptions, UnreadableSource, number

MOST_SECONDS = 1e9
"""Times are less than this."""


def check_media(path: Path, options: ReaderOptions) -> None:
    """Raise UnreadableSource if media and frame rate do not fit."""
    rate = options.frame_rate
    if options.media not in (None, "audio", "video"):
        raise UnreadableSource(f"media {options.media}: expected audio or video: {path.name} has times")
    if rate is not None and not 0 < rate < 1e6:
        raise UnreadableSource(f"frame rate {rate}: expected frames a second, more than 0 and less than 1000000")
    if options.media == "video" and rate is None:
        raise UnreadableSource(f"{path} has times in seconds, and a video needs frames: give --frame-rate")
    if options.media != "video" and rate is not None:
        raise UnreadableSource("a frame rate is for video only: give --media video")


def seconds(value: Any, name: str) -> float:
    """Return a time in seconds from the start. Raises ValueError."""
    time = number(value, name)
    if not 0 <= time < MOST_SECONDS:
        raise BadValue(name, f"0 or more, and less than {MOST_SECONDS:.0f}", found_value(value))
    return time


def interval(start: Any, end: Any, rate: float | None) -> dict[str, int]:
    """Return the range of an interval in seconds. Raises ValueError if it ends before it starts."""
    first, last = seconds(start, "start"), seconds(end, "end")
    if last < first:
        raise BadValue("end", f"not before start ({first:g})", found_value(end))
    return time_range(first, last, rate)


def time_range(onset: float, end: float, rate: float | None) -> dict[str, int]:
    """Return the first and last millisecond, or frame from 1, with something of the interval in it."""
    units, first = (1000.0, 0) if rate is None else (rate, 1)
    start = int(round(onset * units, 6))
    return {"start": start + first, "end": max(start, ceil(round(end * units, 6)) - 1) + first}


def answers(turns: list[Any]) -> list[dict[str, Any]]:
    """Return one annotation per feature and kind, with its options or texts in the order of their first ranges.

    A turn is `{feature, option or value, frames}`.
    """
    features: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for turn in turns:
        kind = "value" if "value" in turn else "option"
        features.setdefault((turn["feature"], kind), {}).setdefault(turn[kind], []).append(turn["frames"])
    return [
        {
            "name": name,
            "answer": [
                {"name" if kind == "option" else "value": text, "frames": _joined(frames)}
                for text, frames in by_text.items()
            ],
        }
        for (name, kind), by_text in features.items()
    ]


def _joined(frames: list[dict[str, int]]) -> list[dict[str, int]]:
    """Return the ranges of one answer in the order of time; overlapping ranges become one."""
    joined: list[dict[str, int]] = []
    for item in sorted(frames, key=lambda item: item["start"]):
        if joined and item["start"] <= joined[-1]["end"]:
            joined[-1]["end"] = max(joined[-1]["end"], item["end"])
        else:
            joined.append(dict(item))
    return joined
