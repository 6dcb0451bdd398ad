"""Read RTTM diarisation, that is, who speaks when: `SPEAKER file channel onset duration … speaker`.

All lines with one file name become one message with a checklist `speaker`, whose options are the speakers; a checklist,
since several people may speak at once. On audio, ranges count milliseconds; on video, they count frames from 1, which
needs the frame rate.
"""

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from prelabel.errors import quoted
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    UnreadableSource,
    bad_record,
    fields_of,
    filled,
    lines_of,
    messages_of,
    score_of,
)

FEATURE = "speaker"
"""The feature of speakers for whom the mapping names no feature."""
_NONE = "<NA>"
_MOST_SECONDS = 1e9


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per recording. Raises UnreadableSource."""
    template = _checked(path, options)

    def turns() -> Iterator[KeyedAnnotation | BadRecord]:
        for number, line in lines_of(path):
            cells = line.split()
            if cells[0].startswith(";;"):
                continue
            if cells[0] != "SPEAKER":
                options.mapping.left_out["lines that are no SPEAKER"] += 1
                continue
            try:
                if turn := _turn(cells, options, template):
                    yield turn
            except ValueError as error:
                key = filled(template, {"file_id": cells[1]}) if len(cells) > 1 else None
                yield bad_record(f"{path.name}, line {number}", error, key)

    return messages_of(turns(), options, path.name, _checklists)


def _checked(path: Path, options: ReaderOptions) -> str:
    """Check the options, and return the template of global keys. Raises UnreadableSource."""
    template, rate = options.key_template("{file_id}"), options.frame_rate
    if "file_id" not in fields_of(template):
        raise UnreadableSource(f"global key {template!r}: expected {{file_id}}: every recording needs its own")
    if rate is not None and not 0 < rate < 1e6:
        raise UnreadableSource(f"frame rate {rate}: expected frames a second, more than 0 and less than 1000000")
    if options.media == "video" and rate is None:
        raise UnreadableSource(f"{path} has times in seconds, and a video needs frames: give --frame-rate")
    if options.media == "audio" and rate is not None:
        raise UnreadableSource("a frame rate is for video only: give --media video")
    return template


def _turn(cells: list[str], options: ReaderOptions, template: str) -> KeyedAnnotation | None:
    """Return who speaks when, or None if the mapping leaves it out. Raises ValueError."""
    if len(cells) < 8 or cells[7] == _NONE:
        raise ValueError("expected SPEAKER file channel onset duration <NA> <NA> speaker")
    onset, duration = _seconds(cells[3], "onset"), _seconds(cells[4], "duration")
    if duration <= 0:
        raise BadValue("duration", "more than 0", quoted(cells[4]))
    score = None if len(cells) < 9 or cells[8] == _NONE else _score(cells[8])
    target = options.mapping.choose(cells[7], score, FEATURE)
    if target is None:
        return None
    start, end = _range(onset, onset + duration, options.frame_rate)
    turn = {"feature": target.feature, "option": target.option or cells[7], "frames": {"start": start, "end": end}}
    return KeyedAnnotation(filled(template, {"file_id": cells[1]}), turn)


def _range(onset: float, end: float, rate: float | None) -> tuple[int, int]:
    """Return the first and last millisecond, or frame from 1, with speech in it; both are inclusive."""
    units, first = (1000.0, 0) if rate is None else (rate, 1)
    start = int(round(onset * units, 6))
    return start + first, max(start, ceil(round(end * units, 6)) - 1) + first


def _seconds(cell: str, name: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise BadValue(name, "a number", quoted(cell)) from None
    if not 0 <= value < _MOST_SECONDS:
        raise BadValue(name, f"0 or more, and less than {_MOST_SECONDS:.0f}", quoted(cell))
    return value


def _score(cell: str) -> float | None:
    """Return the confidence in a cell. Raises ValueError."""
    try:
        return score_of(float(cell))
    except ValueError:
        raise BadValue("score", "0 to 1", quoted(cell)) from None


def _checklists(turns: list[Any]) -> list[dict[str, Any]]:
    """Return one annotation per feature, with its options in the order of their first turns."""
    features: dict[str, dict[str, list[Any]]] = {}
    for turn in turns:
        features.setdefault(turn["feature"], {}).setdefault(turn["option"], []).append(turn["frames"])
    return [
        {"name": name, "answer": [{"name": option, "frames": _joined(frames)} for option, frames in options.items()]}
        for name, options in features.items()
    ]


def _joined(frames: list[dict[str, int]]) -> list[dict[str, int]]:
    """Return the ranges of one speaker in the order of time; overlapping ranges become one."""
    joined: list[dict[str, int]] = []
    for interval in sorted(frames, key=lambda interval: interval["start"]):
        if joined and interval["start"] <= joined[-1]["end"]:
            joined[-1]["end"] = max(joined[-1]["end"], interval["end"])
        else:
            joined.append(dict(interval))
    return joined
