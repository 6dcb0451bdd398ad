"""Read MOTChallenge tracks as video objects; a box is a line: `frame, track, left, top, width, height, confidence, …`.

One file is one video and becomes one message, held in memory. Frames count from 1, as in Labelbox's examples. A gap in
a track's frames ends a segment, so that the editor interpolates only where the tracker saw the object.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prelabel.errors import quoted
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    bad_record,
    filled,
    lines_of,
    messages_of,
    score_of,
)
from prelabel.readers.coco import read_categories
from prelabel.readers.coco_results import box_of

CLASS = "object"
"""The class of all boxes if no `categories` are given; otherwise the eighth column is a category's id."""


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message for the file. Raises UnreadableSource."""
    categories = read_categories(options.categories) if options.categories else None
    key = filled(options.key_template("{file}"), {"file": path.stem})

    def boxes() -> Iterator[KeyedAnnotation | BadRecord]:
        boxed: set[tuple[int, int]] = set()
        for number, line in lines_of(path):
            try:
                frame, track, name, score, box = _row(line, categories)
                if (track, frame) in boxed:
                    raise ValueError(f"track {track} has a box in frame {frame} already")
                boxed.add((track, frame))
                if target := options.mapping.choose(name, score):
                    feature = [target.feature, target.answers()]
                    fields = {"track": track, "frame": frame, "feature": feature, "score": score, "bbox": box}
                    yield KeyedAnnotation(key, fields)
            except ValueError as error:
                yield bad_record(f"{path.name}, line {number}", error, key)

    return messages_of(boxes(), options, path.name, lambda group: _objects(group, options.frame_step))


def _row(line: str, categories: Any) -> tuple[int, int, str, float | None, dict[str, float]]:
    """Return frame, track, class, confidence and box. Raises ValueError."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) < 6:
        raise ValueError("expected frame, track, left, top, width, height, …")
    frame, track = _whole(cells[0], "frame"), _whole(cells[1], "track")
    if frame < 1:
        raise ValueError(f"frame: expected 1 or more, found {frame}: frames count from 1")
    if track < 0:
        raise ValueError(f"track: expected a track's number, found {track}: a detection without a track")
    score = _decimal(cells[6], "confidence") if len(cells) > 6 else -1.0
    name = CLASS
    if categories is not None:
        category = categories.get(_whole(cells[7], "class")) if len(cells) > 7 else None
        if category is None:
            raise ValueError("class (the eighth column) is not in the categories")
        name = category.name
    # In every column, -1 means none.
    return (
        frame,
        track,
        name,
        None if score == -1 else score_of(score),
        box_of([_decimal(cell, "box") for cell in cells[2:6]]),
    )


def _whole(cell: str, name: str) -> int:
    value = _decimal(cell, name)
    if not value.is_integer() or abs(value) >= 2**31:
        raise BadValue(name, f"a whole number below {2**31}", quoted(cell))
    return int(value)


def _decimal(cell: str, name: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise BadValue(name, "a number", quoted(cell)) from None


def _objects(boxes: list[Any], step: int) -> list[dict[str, Any]]:
    """Return one annotation per track and feature, in the order of their first frames."""
    tracks: dict[tuple[int, str], list[Any]] = {}
    for box in sorted(boxes, key=lambda box: box["frame"]):
        tracks.setdefault((box["track"], box["feature"][0]), []).append(box)
    return [{"name": name, "segments": _segments(track, step)} for (_, name), track in tracks.items()]


def _segments(track: list[Any], step: int) -> list[dict[str, Any]]:
    """Return the segments of a track; answers are written in a segment's first keyframe and whenever they change."""
    segments: list[dict[str, Any]] = []
    last: int | None = None
    answers: list[Any] = []
    for box in track:
        keyframe = {"frame": (box["frame"] - 1) * step + 1, "bbox": box["bbox"]}
        if box["score"] is not None:
            keyframe["confidence"] = box["score"]
        if last is None or box["frame"] > last + 1:
            segments.append({"keyframes": []})
            answers = []
        if box["feature"][1] != answers:
            keyframe["classifications"] = answers = box["feature"][1]
        segments[-1]["keyframes"].append(keyframe)
        last = box["frame"]
    return segments
