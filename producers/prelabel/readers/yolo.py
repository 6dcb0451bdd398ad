"""Read YOLO's text files: a file for each image, a line for each object, coordinates as shares of the image's size.

Ultralytics writes and reads four tasks: `class x y width height` (detect), `class x1 y1 x2 y2 …` (segment), the same
with four corners (obb), and `class x y width height` with `x y [visibility]` of each keypoint (pose). Predictions have
the confidence after that, and a tracker's number after the confidence. The classes are numbers: their names are in
`data.yaml`, in a text file with a name on each line, or in COCO's `categories`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prelabel.builders.keypoints import found_keypoints, own_confidence, places_of
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
)
from prelabel.readers.detections import Detections, Picture, Shares
from prelabel.readers.groups import Origin
from prelabel.readers.image_files import ImageFile, open_images
from prelabel.readers.yolo_names import NAMES_FILES, Names, find_names, read_names
from prelabel.text_input import stem_of

_FIELDS = ("file_name", "file", "path")
_BOX = 5
"""Columns of a box: class, x and y of the centre, width, height."""


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image, from one file or all files of a folder. Raises UnreadableInput."""
    template = options.key_template("{file_name}", *_FIELDS)
    if not fields_of(template):
        raise UnreadableSource(f"global key {template!r}: expected {{file_name}}: every image needs its own")
    labels = path / "labels" if (path / "labels").is_dir() else path
    names_file = options.categories or find_names(labels)
    if names_file is None:
        raise UnreadableSource(f"{path}: no {' or '.join(NAMES_FILES)} beside it names the classes: give --categories")
    lines = _Lines(path, read_names(names_file), options)
    images = open_images(options.images or _images_beside(labels))

    def objects() -> Iterator[KeyedAnnotation | BadRecord]:
        for file, stem in _files(labels):
            try:
                image = images.find(stem)
            except ValueError as error:
                yield BadRecord(file.name, f"{error}: the image's size is needed; give --images with {stem!r}")
                continue
            fields = {"file_name": image.name, "file": Path(stem).name, "path": stem}
            key = filled(template, fields)
            for number, line in lines_of(file):
                where = f"{stem}{file.suffix}, line {number}"
                try:
                    annotations = lines.read(line, where, image)
                except ValueError as error:
                    yield bad_record(where, error, key)
                    continue
                for annotation in annotations:
                    yield KeyedAnnotation(key, annotation, Origin("image", image.name, where))
            yield KeyedAnnotation(key, None, Origin("image", image.name, file.name))
        lines.check()

    return messages_of(objects(), options, path.name, apart="{path}")


def _files(labels: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files, and their paths below the folder without the suffix. Raises UnreadableSource."""
    if not labels.is_dir():
        yield labels, stem_of(labels)
        return
    files = sorted(file for file in labels.rglob("*.txt") if file.name not in NAMES_FILES and file.is_file())
    if not files:
        raise UnreadableSource(f"{labels}: expected files NAME.txt, one for each image, found none")
    for file in files:
        yield file, file.relative_to(labels).with_suffix("").as_posix()


def _images_beside(labels: Path) -> Path:
    """Return the folder in which Ultralytics has the images of these labels.

    In a data set, it is called `images` where the labels' folder is called `labels`; predictions are in a folder
    `labels` below the one with the pictures.
    """
    folder = labels if labels.is_dir() else labels.parent
    parts = folder.parts
    if "labels" not in parts:
        return folder
    at = len(parts) - 1 - parts[::-1].index("labels")
    beside = Path(*parts[:at], "images", *parts[at + 1 :])
    return beside if beside.is_dir() else Path(*parts[:at], *parts[at + 1 :])


class _Lines:
    """Reads the lines of all files, and notices what they say together."""

    def __init__(self, path: Path, names: Names, options: ReaderOptions) -> None:
        self._names = names
        self._task = options.task or ("pose" if names.keypoints else None)
        if self._task == "pose" and not names.keypoints:
            raise UnreadableSource("--task pose: the number of keypoints is needed: give --categories with kpt_shape")
        self._detections = Detections(path.name, options, pixels=False)
        self._shares = Shares(path.name)

    def read(self, line: str, where: str, image: ImageFile) -> list[dict[str, Any]]:
        """Return the annotations of a line. Raises ValueError, or UnreadableSource for the whole file."""
        cells = line.split()
        self._detections.where = where
        picture = Picture(f"image {image.name!r}", image.width, image.height)
        name = self._names.name(_whole(cells[0]))
        values = [_decimal(cell) for cell in cells[1:]]
        match self._task or self._task_of(len(cells), where):
            case "detect":
                score = _score(values, _BOX - 1)
                return self._detections.box(name, score, self._corners(values[: _BOX - 1], picture), picture)
            case "pose":
                return self._pose(name, values, picture)
            case "obb":
                score, corners = _score(values, 8), values[:8]
                return self._detections.rotated(name, score, self._outline(corners, picture, where), picture)
            case _:
                score = values.pop() if len(values) % 2 else None
                if len(values) < 6:
                    raise ValueError(f"expected class and x y of three or more corners, found {len(cells)} columns")
                return self._detections.outlines(name, score, [self._outline(values, picture, where)], picture)

    def check(self) -> None:
        """Call after the last line. Raises UnreadableSource if the files are read wrongly."""
        self._shares.check()
        self._detections.check()

    def _task_of(self, columns: int, where: str) -> str:
        """Return the task by the number of columns. Raises UnreadableSource if it can be either of two."""
        if columns == _BOX + 2:
            raise UnreadableSource(
                f"{where}: 7 columns are a box with confidence and track, or an outline of three corners. "
                "Type --task detect or --task segment"
            )
        return "detect" if columns <= _BOX + 1 else "segment"

    def _corners(self, box: Sequence[float], picture: Picture) -> tuple[float, float, float, float]:
        x, y, width, height = self._shares.read(box, "box")
        wide, high = picture.width or 0, picture.height or 0
        return (x - width / 2) * wide, (y - height / 2) * high, (x + width / 2) * wide, (y + height / 2) * high

    def _outline(self, values: Sequence[float], picture: Picture, where: str) -> list[tuple[float, float]]:
        if values[-1] > 1 and values[-1].is_integer() and max(values[:-1]) <= 1:
            raise UnreadableSource(
                f"{where}: the last column is {values[-1]:g}, which looks like the number of a track. "
                "Type --task obb for rotated boxes; outlines are read without tracks only"
            )
        shares = self._shares.read(values, "outline")
        wide, high = picture.width or 0, picture.height or 0
        return [(x * wide, y * high) for x, y in zip(shares[::2], shares[1::2], strict=True)]

    def _pose(self, name: str, values: Sequence[float], picture: Picture) -> list[dict[str, Any]]:
        """Return the box, and the points of the keypoints that are there.

        Of predictions, the third number of a keypoint is its own confidence; of labels, it is 0, 1 or 2. Ultralytics
        writes 0 0 for a keypoint that is not there.
        """
        count, columns = self._names.keypoints or (0, 2)
        end = _BOX - 1 + count * columns
        score = _score(values, end)
        annotations = self._detections.box(name, score, self._corners(values[: _BOX - 1], picture), picture)
        if not annotations:  # the keypoints of what is left out would belong to nothing
            return []
        places = list(places_of(values[_BOX - 1 : end], columns))
        points = []
        for part, (x, y, third) in found_keypoints(name, places, self._names.keypoint_names.get(name, ())):
            x, y = self._shares.read((x, y), "keypoint")
            own = own_confidence(third, score)
            points.append((part, x * (picture.width or 0), y * (picture.height or 0), own))
        return annotations + self._detections.points(points, picture)


def _score(values: Sequence[float], end: int) -> float | None:
    """Return what follows the first values: a confidence, perhaps before the number of a track. Raises ValueError."""
    if not end <= len(values) <= end + 2:
        raise ValueError(
            f"expected {end + 1} columns, or {end + 2} with a confidence, or {end + 3} with a track too, found "
            f"{len(values) + 1}"
        )
    return values[end] if len(values) > end else None


def _whole(cell: str) -> int:
    if not cell.isdecimal():
        raise BadValue("class", "the number of a class, from 0", quoted(cell))
    return int(cell[:9])


def _decimal(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise BadValue("column", "a number", quoted(cell)) from None
