"""Read outputs of Hugging Face's pipelines for images, written as JSON.

`object-detection` has `{score, label, box: {xmin, ymin, xmax, ymax}}`, `image-segmentation` `{score, label, mask}` with
the mask as a PNG file in base64, `image-classification` `{score, label}`. An output does not name its image: it is in a
file of the image's name, or in a record `{"file_name": …, "predictions": […]}`, as lines or in an array.
"""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from prelabel.errors import found_value
from prelabel.readers.base import (
    BadRecord,
    BadValue,
    KeyedAnnotation,
    ReaderOptions,
    Source,
    bad_record,
    filled,
    messages_of,
    number,
    text_of,
)
from prelabel.readers.coco import part
from prelabel.readers.detections import Detections, Picture
from prelabel.readers.groups import Origin
from prelabel.readers.json_files import JsonRecord, as_object, json_records
from prelabel.readers.pixels import gray_mask

_FIELDS = ("file_name", "file")
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_IMAGE = Picture("the image")


def read(path: Path, options: ReaderOptions) -> Source:
    """Return one message per image. Raises UnreadableInput."""
    outputs = _Outputs(path, options)
    return messages_of(outputs.annotations(), options, path.name, apart="{file_name}")


class _Outputs:
    def __init__(self, path: Path, options: ReaderOptions) -> None:
        self._path = path
        self._template = options.key_template("{file}", *_FIELDS)
        self._detections = Detections(path.name, options)
        self._answered: set[str] = set()  # images whose class was read: the first one has the highest score

    def annotations(self) -> Iterator[KeyedAnnotation | BadRecord]:
        """Yield the annotations of all images. Raises UnreadableInput."""
        for record in json_records(self._path):
            if isinstance(record, BadRecord):
                yield record
                continue
            key = None
            try:
                key, origin, predictions = self._image(record)
            except ValueError as error:
                yield bad_record(record.where, error, key)
                continue
            for index, prediction in enumerate(predictions):
                where = record.where if len(predictions) == 1 else f"{record.where}, predictions[{index}]"
                self._detections.where = where
                try:
                    for annotation in self._prediction(as_object(prediction, "a prediction"), key):
                        yield KeyedAnnotation(key, annotation, origin)
                except ValueError as error:
                    yield bad_record(where, error, key)
        self._detections.check()

    def _image(self, record: JsonRecord) -> tuple[str, Origin, list[Any]]:
        """Return the global key of a record's image, the image, and its predictions. Raises ValueError."""
        value = as_object(record.value, "a prediction, or an object with file_name and predictions")
        if "predictions" not in value:
            fields = {"file": record.file}
            if "{file_name" in self._template:
                raise ValueError("file_name is missing: expected {file_name, predictions} for each image")
            return (
                text_of(filled(self._template, fields), "global key"),
                Origin("file", record.file, record.where),
                [value],
            )
        name = text_of(part(value, "file_name"), "file_name")
        predictions = value["predictions"]
        if not isinstance(predictions, list):
            raise BadValue("predictions", "an array", found_value(predictions))
        fields = {"file_name": name, "file": PurePosixPath(name).stem}
        return text_of(filled(self._template, fields), "global key"), Origin("image", name, record.where), predictions

    def _prediction(self, prediction: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """Return the annotations of one prediction. Raises ValueError."""
        name, score = text_of(part(prediction, "label"), "label"), prediction.get("score")
        if "box" in prediction:
            box = as_object(prediction["box"], "box: an object")
            corners = [number(part(box, side), f"box.{side}") for side in _SIDES]
            return self._detections.box(name, score, corners, _IMAGE)
        if "mask" in prediction:
            return self._detections.mask(name, score, lambda: gray_mask(_decoded(prediction["mask"])))
        if key in self._answered:
            return []
        self._answered.add(key)
        return self._detections.answer([(name, score)])


def _decoded(mask: Any) -> bytes:
    """Return the bytes of a PNG file. Raises ValueError."""
    text = mask.partition(",")[2] if isinstance(mask, str) and mask.startswith("data:image/png;base64,") else mask
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        expected = "a PNG file in base64"
        raise BadValue("mask", expected, found_value(mask)) from None
