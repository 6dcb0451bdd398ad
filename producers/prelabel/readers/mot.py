"""Read MOTChallenge tracks as video objects; a box is a line: `frame, track, left, top, width, height, confidence, …`.

One file is one video and becomes one message, held in memory, even if no track is left. A gap in a track's frames ends
a segment, so that the editor interpolates only where the tracker saw the object.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prelabel.errors import quoted
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Scores,
    Source,
    UnreadableSource,
    bad_record,
    filled,
    lines_of,
    messages_of,
)
from prelabel.readers.coco import Category, category_of, read_categories
from prelabel.readers.coco_results import box_of, extent_of
from prelabel.readers.extents import Extents
from prelabel.readers.groups import Origin
from prelabel.text_input import stem_of

CLASS = "object"
"""The class of all boxes if no `categories` are given; otherwise the eighth column is a category's id."""
COLUMNS = (6, 7, 9, 10)
"""The numbers of columns that versions of the format have; docs/how-to/publish-from-files.md lists the versions."""
_CLASS_COLUMNS = 8
"""Trackers write this number of columns, up to the class; without `categories` the last one would be a surplus."""
_GROUND_TRUTH_COLUMNS = 9
"""With this number of columns, the eighth is always a class."""


@dataclass(frozen=True, slots=True)
class _Box:
    frame: int
    track: int
    name: str
    score: float | None
    bbox: dict[str, float]


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message for the file. Raises UnreadableSource."""
    stem = stem_of(path)
    key = filled(options.key_template("{file}", "file"), {"file": stem})
    lines = _Lines(path, options)

    def boxes() -> Iterator[KeyedAnnotation | BadRecord]:
        for number, line in lines_of(path):
            where = f"{path.name}, line {number}"
            try:
                box = lines.box(line, number, where)
                if target := options.mapping.choose(box.name, box.score):
                    feature = [target.feature, target.answers()]
                    fields = {"track": box.track, "frame": box.frame, "feature": feature}
                    fields |= {"score": box.score, "bbox": box.bbox}
                    yield KeyedAnnotation(key, fields, Origin("video", stem, where))
            except ValueError as error:
                yield bad_record(where, error, key)
        lines.check()
        yield KeyedAnnotation(key, None, Origin("video", stem, path.name))

    return messages_of(boxes(), options, path.name, lambda group: _objects(group, options), apart="{file}")


class _Lines:
    """Reads the lines of a file, and notices what they say together about the whole file."""

    def __init__(self, path: Path, options: ReaderOptions) -> None:
        self._path = path
        self._options = options
        self._categories = read_categories(options.categories) if options.categories else None
        self._boxed: set[tuple[int, int]] = set()
        self._extents = Extents(path.name)
        self._scores = Scores(path.name)
        self._columns: tuple[int, int] | None = None  # of the first line that is a box, and its number
        self._classes: set[str] = set()

    def box(self, line: str, number: int, where: str) -> _Box:
        """Return the box of a line. Raises ValueError, or UnreadableSource if the whole file is read wrongly."""
        cells = [cell.strip() for cell in line.split(",")]
        self._check_columns(cells)
        frame, track = self._frame(cells[0], where), _whole(cells[1], "track")
        if track < 0:
            raise ValueError(f"track: expected a track's number, found {track}: a detection without a track")
        score = _decimal(cells[6], "confidence") if len(cells) > 6 else -1.0
        name = CLASS if self._categories is None else self._category(cells, self._categories, where).name
        bbox = box_of([_decimal(cell, "box") for cell in cells[2:6]])
        # In every column, -1 means none.
        box = _Box(frame, track, name, self._scores.read(None if score == -1 else score), bbox)
        if (track, frame) in self._boxed:
            raise ValueError(f"track {track} has a box in frame {frame} already")
        first, at = self._columns = self._columns or (len(cells), number)
        if len(cells) != first:
            raise ValueError(f"expected {first} columns as in line {at}, found {len(cells)}: is the line cut off?")
        self._boxed.add((track, frame))
        self._extents.add(extent_of(bbox))
        if len(cells) == _GROUND_TRUTH_COLUMNS:
            self._classes.add(cells[7])
        return box

    def check(self) -> None:
        """Call after the last line. Raises UnreadableSource if the lines show that the file is read wrongly."""
        self._extents.check()
        self._scores.check()
        self._check_step()
        if self._categories is None and len(self._classes) > 1:
            why = f"classes of the eighth column: every box became {CLASS!r}; give --categories FILE to keep them"
            self._options.mapping.leave_out(why, len(self._classes))

    def _check_step(self) -> None:
        """Raise UnreadableSource if the frames are every n-th already, so that `frame_step` would move them."""
        step, first = self._options.frame_step, self._options.first_frame
        frames = {frame for _, frame in self._boxed}
        if step > 1 and len(frames) > 2 and all((frame - first) % step == 0 for frame in frames):
            raise UnreadableSource(
                f"{self._path.name}: all frames are {first} plus a multiple of {step}, so they are numbered as in the "
                "video already. Leave out --frame-step"
            )

    def _check_columns(self, cells: list[str]) -> None:
        accepted = COLUMNS if self._categories is None else (*COLUMNS, _CLASS_COLUMNS)
        if len(cells) not in accepted:
            numbers = ", ".join(str(count) for count in sorted(accepted)[:-1])
            raise ValueError(
                f"expected frame, track, left, top, width, height, …: {numbers} or {max(accepted)} columns between "
                f"commas, found {len(cells)}"
            )

    def _frame(self, cell: str, where: str) -> int:
        """Return a frame's number. Raises UnreadableSource if it is below the number of the first frame."""
        frame, first = _whole(cell, "frame"), self._options.first_frame
        if frame < 0:
            raise ValueError(f"frame: expected {first} or more, found {frame}")
        if frame < first:
            raise UnreadableSource(
                f"{where}: frame: expected {first} or more, found {frame}: the file counts the video's frames from "
                f"{frame}, so every box would be on a wrong frame. "
                f"Type --first-frame {frame}"
            )
        return frame

    def _category(self, cells: list[str], categories: dict[int, Category], where: str) -> Category:
        """Return the category that the eighth column names. Raises ValueError."""
        if len(cells) < _CLASS_COLUMNS:
            raise ValueError("class (the eighth column) is not in the categories: the line has no such column")
        try:
            return category_of(_whole(cells[7], "class"), categories, where)
        except ValueError as error:
            raise ValueError(f"class (the eighth column): {error}") from None


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


def _objects(boxes: list[Any], options: ReaderOptions) -> list[dict[str, Any]]:
    """Return one annotation per track and feature, in the order of their first frames."""
    tracks: dict[tuple[int, str], list[Any]] = {}
    for box in sorted(boxes, key=lambda box: box["frame"]):
        tracks.setdefault((box["track"], box["feature"][0]), []).append(box)
    return [{"name": name, "segments": _segments(track, options)} for (_, name), track in tracks.items()]


def _segments(track: list[Any], options: ReaderOptions) -> list[dict[str, Any]]:
    """Return the segments of a track; answers are written in a segment's first keyframe and whenever they change."""
    segments: list[dict[str, Any]] = []
    last: int | None = None
    answers: list[Any] = []
    for box in track:
        keyframe = {"frame": (box["frame"] - options.first_frame) * options.frame_step + 1, "bbox": box["bbox"]}
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
