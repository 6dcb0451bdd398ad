"""Read predictions from Label Studio: tasks with `data` and `predictions`, as it exports and takes them.

The regions of images have coordinates in percents of the image, whose size they carry. Boxes, polygons, keypoints,
brushes (as masks) and choices are read; annotations that people made are counted and left out.
"""

import re
from collections.abc import Iterator
from math import radians
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from prelabel.errors import found_value, quoted
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    ReaderOptions,
    Scores,
    Source,
    bad_record,
    number,
    text_of,
)
from prelabel.readers.brush import brush_pixels
from prelabel.readers.by_document import read_documents
from prelabel.readers.coco import part
from prelabel.readers.detections import Corner, Detections, Picture, Shares, rotated_corners
from prelabel.readers.documents import JSON, Document, array_of, documents, object_of

_UPLOADS = "/data/upload/"
_PREFIX = re.compile(r"[0-9a-f]{8}-")
"""What Label Studio puts before the names of files that were uploaded to it."""
_PEOPLE = "annotations that people made in Label Studio"


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per task. Raises UnreadableInput."""
    tasks = _Tasks(path, options)
    return read_documents(
        path, options, tasks.annotations, split=_tasks, finish=tasks.check, key="{file_name}", apart="{url}"
    )


def _tasks(path: Path) -> Iterator[Document | BadRecord]:
    """Yield the tasks, with the fields for templates of global keys."""
    for document in documents(path, *JSON):
        if isinstance(document, BadRecord):
            yield document
            continue
        try:
            task = object_of(document.value, "the task")
            data = object_of(part(task, "data"), "data")
            addresses = [value for value in data.values() if isinstance(value, str)]
            url = text_of(data.get("image") or (addresses[0] if len(addresses) == 1 else None), "data.image")
        except ValueError as error:
            yield bad_record(document.where, error)
            continue
        address = unquote(urlsplit(url).path)
        name = PurePosixPath(address).name
        if address.startswith(_UPLOADS):
            name = _PREFIX.sub("", name)
        value = {"url": url, "file_name": name, "task_id": task.get("id"), "task": task}
        yield Document(document.where, PurePosixPath(name).stem, document.index, value, url)


class _Tasks:
    def __init__(self, path: Path, options: ReaderOptions) -> None:
        self._options = options
        self._detections = Detections(path.name, options, pixels=False)
        self._shares = Shares(path.name, 100)

    def annotations(self, document: Document, _: Scores) -> Iterator[dict[str, Any] | BadRecord]:
        """Yield the annotations of a task. Raises ValueError."""
        for index, region in enumerate(self._regions(document.value["task"])):
            where = f", result[{index}]"
            self._detections.where = f"{document.where}{where}"
            try:
                yield from self._region(object_of(region, "the region"))
            except ValueError as error:
                yield bad_record(where, error)

    def check(self) -> None:
        """Call after the last task. Raises UnreadableSource if the file is read wrongly."""
        self._shares.check()
        self._detections.check()

    def _regions(self, task: dict[str, Any]) -> list[Any]:
        """Return the regions of the task's prediction, of the named model if there are several. Raises ValueError."""
        self._options.mapping.left_out.update({_PEOPLE: 1} if task.get("annotations") else {})
        predictions = array_of(part(task, "predictions"), "predictions")
        models = [str(object_of(each, "the prediction").get("model_version")) for each in predictions]
        if len(predictions) > 1:
            predictions = [
                each for each, model in zip(predictions, models, strict=True) if model == self._options.model
            ]
        if len(predictions) != 1:
            if not models:
                return []
            raise ValueError(
                f"predictions: expected one, found {len(models)}, of the models {', '.join(map(quoted, models[:5]))}. "
                "Give one of these as --model"
            )
        return array_of(part(predictions[0], "result"), "result")

    def _region(self, region: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the annotations of a region. Raises ValueError."""
        kind, value = region.get("type"), object_of(part(region, "value"), "value")
        score = region.get("score")
        match kind:
            case "choices":
                return self._choices(region, value, score)
            case "rectanglelabels" | "polygonlabels" | "keypointlabels" | "brushlabels":
                names = [text_of(name, kind) for name in _filled(value.get(kind), kind)]
            case "rectangle" | "polygon" | "keypoint" | "brush":
                raise ValueError(f"type: {kind} has no label: expected {kind}labels")
            case _:
                kinds = "rectanglelabels, polygonlabels, keypointlabels, brushlabels or choices"
                raise BadValue("type", kinds, found_value(kind))
        picture = _picture(region)
        return [each for name in names for each in self._shape(kind, name, score, value, picture)]

    def _choices(self, region: dict[str, Any], value: dict[str, Any], score: Any) -> list[dict[str, Any]]:
        """Return the answer to the question that the region's control is named for. Raises ValueError."""
        names = [text_of(name, "choices") for name in _filled(value.get("choices"), "choices")]
        question = text_of(region.get("from_name"), "from_name")
        return self._detections.answer([(name, score) for name in names], several=len(names) > 1, question=question)

    def _shape(self, kind: str, name: str, score: Any, value: dict[str, Any], picture: Picture) -> list[dict[str, Any]]:
        wide, high = picture.width or 0, picture.height or 0
        if kind == "brushlabels":
            if value.get("format") != "rle":
                raise BadValue("value.format", "rle", found_value(value.get("format")))
            return self._detections.mask(
                name, score, lambda: brush_pixels(value.get("rle"), int(wide), int(high)), picture
            )
        if kind == "polygonlabels":
            outline = [self._corner(point, picture) for point in _filled(value.get("points"), "points")]
            return self._detections.outlines(name, score, [outline], picture)
        x, y = self._corner([part(value, "x"), part(value, "y")], picture)
        if kind == "keypointlabels":
            return self._detections.points([(name, x, y, score)], picture)
        shares = self._shares.read([part(value, "width"), part(value, "height")], "value.width")
        width, height, turned = shares[0] * wide, shares[1] * high, number(value.get("rotation") or 0, "rotation")
        if not turned:
            return self._detections.box(name, score, (x, y, x + width, y + height), picture)
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        return self._detections.rotated(name, score, rotated_corners(corners, (x, y), radians(turned)), picture)

    def _corner(self, point: Any, picture: Picture) -> Corner:
        if not isinstance(point, list) or len(point) != 2:
            raise BadValue("points", "pairs of x and y", found_value(point))
        x, y = self._shares.read(point, "value")
        return x * (picture.width or 0), y * (picture.height or 0)


def _picture(region: dict[str, Any]) -> Picture:
    width, height = (number(part(region, f"original_{side}"), f"original_{side}") for side in ("width", "height"))
    if region.get("image_rotation"):
        raise BadValue("image_rotation", "0: Labelbox shows images as they are", found_value(region["image_rotation"]))
    if min(width, height) < 1:
        raise BadValue("original_width", "a size in pixels", f"{width:g} x {height:g}")
    return Picture("the image", width, height)


def _filled(value: Any, name: str) -> list[Any]:
    if not array_of(value, name):
        raise BadValue(name, "an array that is not empty", "[]")
    return list(value)
